#pragma once

/*
 * Accounts and tokens as the real backend keeps them: access tokens live until they expire; of
 * refresh tokens each account has one, in memory, and the newest replaces the one before.
 */

#include <stddef.h>
#include <stdint.h>

#define AUTH_MAX_USERS  64
#define AUTH_MAX_TOKENS 256
#define AUTH_TOKEN_SIZE 49 /* 24 random bytes in hexadecimal */

struct auth_user {
    char *name; /* owned, as are the others */
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
    struct auth_token tokens[AUTH_MAX_TOKENS]; /* a ring: the oldest is forgotten first */
    size_t next_token;
    int64_t token_ttl_ms;
};

struct auth_pair {
    char access[AUTH_TOKEN_SIZE];
    char refresh[AUTH_TOKEN_SIZE];
};

/* "NAME:PASSWORD:ROLE", comma separated. NULL, or what is accepted instead. */
const char *auth_check_users(const char *text);

/* `users` has passed auth_check_users(). */
void auth_init(struct auth *ret_auth, const char *users, int64_t token_ttl_ms);
void auth_done(struct auth *auth);

/* 0, -ENOENT (no such account) or -EACCES (wrong password). */
int auth_login(struct auth *auth, const char *name, const char *password, int64_t now_ms,
               struct auth_pair *ret_pair);

/* 0 or -EACCES. */
int auth_refresh(struct auth *auth, const char *refresh, int64_t now_ms, struct auth_pair *ret_pair);

/*
 * The Authorization header (NULL: there was none) of a request for tasks: 0, -EACCES (not a
 * token that is valid now) or -EPERM (the account may not take tasks).
 */
int auth_authorize(const struct auth *auth, const char *header, int64_t now_ms);

/* Forgets all tokens, as a restart of the backend does. */
void auth_forget(struct auth *auth);
