#pragma once

/*
 * Accounts and tokens, like the real backend's: access tokens are valid until they expire; each
 * account has one refresh token, in memory, and a new one replaces it.
 */

#include <stddef.h>
#include <stdint.h>

#define AUTH_MAX_USERS  64
#define AUTH_MAX_TOKENS 256
#define AUTH_TOKEN_SIZE 49 /* 24 random bytes in hexadecimal */

struct auth_user {
    char *name; /* owned, like the next two */
    char *password;
    char *role;
    char refresh[AUTH_TOKEN_SIZE]; /* empty: none */
};

struct auth_token {
    char text[AUTH_TOKEN_SIZE]; /* empty: free */
    size_t user;
    int64_t expires_ms;
};

struct auth {
    struct auth_user users[AUTH_MAX_USERS];
    size_t users_len;
    struct auth_token tokens[AUTH_MAX_TOKENS]; /* a ring: the oldest is overwritten first */
    size_t next_token;
    int64_t token_ttl_ms;
};

struct auth_pair {
    char access[AUTH_TOKEN_SIZE];
    char refresh[AUTH_TOKEN_SIZE];
};

/*
 * Checks a list of "NAME:PASSWORD:ROLE", separated by commas. Returns NULL, or what is accepted
 * instead.
 */
const char *auth_check_users(const char *text);

/* Initializes the accounts from `users`, which must have passed auth_check_users(). */
void auth_init(struct auth *ret_auth, const char *users, int64_t token_ttl_ms);
void auth_done(struct auth *auth);

/* Returns 0 and new tokens, -ENOENT (no such account) or -EACCES (wrong password). */
int auth_login(struct auth *auth, const char *name, const char *password, int64_t now_ms,
               struct auth_pair *ret_pair);

/* Returns 0 and new tokens, or -EACCES. */
int auth_refresh(struct auth *auth, const char *refresh, int64_t now_ms, struct auth_pair *ret_pair);

/*
 * Checks the Authorization header (NULL: none) of a request for tasks. Returns 0, -EACCES (not a
 * valid token) or -EPERM (the account may not take tasks).
 */
int auth_authorize(const struct auth *auth, const char *header, int64_t now_ms);

/* Drops all tokens, like a restart of the backend. */
void auth_forget(struct auth *auth);
