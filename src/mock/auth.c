#include "mock/auth.h"

#include "base/mem.h"
#include "base/strv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define ROLE_FOR_TASKS "ADMIN"

/*
 * The name ends at the first colon, the role begins after the last one: the password may contain
 * colons.
 */
static bool split_user(const char *text, struct auth_user *ret_user)
{
    const char *first = strchr(text, ':'), *last = strrchr(text, ':');
    if (!first || first == last || first == text || last[1] == '\0')
        return false;
    *ret_user = (struct auth_user){.name = mem_strndup(text, (size_t)(first - text)),
                                   .password = mem_strndup(first + 1, (size_t)(last - first - 1)),
                                   .role = mem_strdup(last + 1)};
    return true;
}

static void user_done(struct auth_user *user)
{
    free(user->name);
    free(user->password);
    free(user->role);
}

const char *auth_check_users(const char *text)
{
    CLEANUP(strv_done) struct strv words = {0};
    strv_split(&words, text, ",");
    bool good = words.len > 0 && words.len <= AUTH_MAX_USERS;
    for (size_t i = 0; good && i < words.len; i++) {
        CLEANUP(user_done) struct auth_user user = {0};
        good = split_user(words.items[i], &user);
    }
    return good ? NULL : "NAME:PASSWORD:ROLE, or up to 64 of them, separated by commas";
}

void auth_init(struct auth *ret_auth, const char *users, int64_t token_ttl_ms)
{
    CLEANUP(strv_done) struct strv words = {0};
    strv_split(&words, users, ",");
    *ret_auth = (struct auth){.token_ttl_ms = token_ttl_ms};
    for (size_t i = 0; i < words.len; i++)
        split_user(words.items[i], &ret_auth->users[ret_auth->users_len++]);
}

void auth_done(struct auth *auth)
{
    for (size_t i = 0; i < auth->users_len; i++)
        user_done(&auth->users[i]);
    auth->users_len = 0;
}

static void new_token(char *ret_text)
{
    unsigned char bytes[(AUTH_TOKEN_SIZE - 1) / 2];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        abort();
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}

static void hand_out(struct auth *auth, size_t user, int64_t now_ms, struct auth_pair *ret_pair)
{
    struct auth_token *token = &auth->tokens[auth->next_token++ % AUTH_MAX_TOKENS];
    *token = (struct auth_token){.user = user, .expires_ms = now_ms + auth->token_ttl_ms};
    new_token(token->text);
    new_token(auth->users[user].refresh);
    memcpy(ret_pair->access, token->text, AUTH_TOKEN_SIZE);
    memcpy(ret_pair->refresh, auth->users[user].refresh, AUTH_TOKEN_SIZE);
}

int auth_login(struct auth *auth, const char *name, const char *password, int64_t now_ms,
               struct auth_pair *ret_pair)
{
    for (size_t i = 0; i < auth->users_len; i++) {
        if (strcmp(auth->users[i].name, name) != 0)
            continue;
        if (strcmp(auth->users[i].password, password) != 0)
            return -EACCES;
        hand_out(auth, i, now_ms, ret_pair);
        return 0;
    }
    return -ENOENT;
}

int auth_refresh(struct auth *auth, const char *refresh, int64_t now_ms, struct auth_pair *ret_pair)
{
    for (size_t i = 0; i < auth->users_len; i++) {
        if (*refresh && strcmp(auth->users[i].refresh, refresh) == 0) {
            hand_out(auth, i, now_ms, ret_pair);
            return 0;
        }
    }
    return -EACCES;
}

int auth_authorize(const struct auth *auth, const char *header, int64_t now_ms)
{
    static const char scheme[] = "Bearer ";
    if (!header || strncmp(header, scheme, sizeof(scheme) - 1) != 0)
        return -EACCES;
    const char *text = header + sizeof(scheme) - 1;
    for (size_t i = 0; *text && i < AUTH_MAX_TOKENS; i++) {
        const struct auth_token *token = &auth->tokens[i];
        if (strcmp(token->text, text) == 0 && now_ms < token->expires_ms)
            return strcmp(auth->users[token->user].role, ROLE_FOR_TASKS) == 0 ? 0 : -EPERM;
    }
    return -EACCES;
}

void auth_forget(struct auth *auth)
{
    memset(auth->tokens, 0, sizeof(auth->tokens));
    for (size_t i = 0; i < auth->users_len; i++)
        auth->users[i].refresh[0] = '\0';
}
