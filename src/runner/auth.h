#pragma once

/*
 * The login at the backend. Tokens live here and nowhere else. Whoever needs one asks for
 * auth_header(); where there is none, a login or a refresh is under way afterwards (or waits for
 * its time), for all who ask together, and `on_change` tells when to ask again.
 */

#include "base/ev.h"
#include "runner/http.h"
#include "runner/options.h"

#include <stdbool.h>

struct auth;

/* What happened, for the one who logs. `message` is a sentence without secrets; NULL for AUTH_RETRY. */
enum auth_event {
    AUTH_LOGGED_IN,
    AUTH_REFRESHED,
    AUTH_REFUSED, /* the login: a person has to mend it */
    AUTH_FAILED,  /* trouble that may pass */
    AUTH_RETRY,   /* the pause after one of the last two is over */
};
typedef void auth_event_fn(enum auth_event event, const char *message, void *data);

/* The body of a login, which the caller ends with mem_free_secret(). */
char *auth_login_body(const char *login, const char *password);

/* The header's value that a login's answer gives, which the caller ends with mem_free_secret(); NULL: none.
 */
char *auth_header_of_answer(const char *body, size_t len);

/* All borrowed. Without --auth every request goes out without a header. */
struct auth *auth_new(const struct options *options, struct ev *ev, struct http *http,
                      auth_event_fn *on_change, void *data);
void auth_free(struct auth *auth);

/*
 * True when a request may go out now, with the header's value in `ret_header` (NULL where no login
 * is needed; valid until the next turn of the loop) and its number for auth_rejected().
 */
bool auth_header(struct auth *auth, const char **ret_header, unsigned *ret_number);

/* Returns true if other runners seem to use this account: each login makes the others' refresh tokens
 * invalid. */
bool auth_is_shared(const struct auth *auth);

/* Whether a login is needed that there is not. */
bool auth_is_missing(const struct auth *auth);

/* The backend took the token of that number. */
void auth_accepted(struct auth *auth, unsigned number);

/*
 * It refused that token with 401. True where the request can be repeated with another one, which is
 * there already or will be got. False where that would hardly help: there is no login, or the token
 * was fresh from it (a new one will be got, but after a pause).
 */
bool auth_rejected(struct auth *auth, unsigned number);
