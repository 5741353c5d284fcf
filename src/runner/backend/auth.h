#pragma once

/*
 * The login at the backend. No other module stores tokens. auth_header() returns the current one;
 * if there is none, it starts a login or a refresh (or waits until one is due), and `on_change` is
 * called afterwards.
 */

#include "base/ev.h"
#include "runner/backend/http.h"
#include "runner/config/options.h"

#include <stdbool.h>

struct auth;

/* `message` is a sentence without secrets; NULL for AUTH_RETRY. */
enum auth_event {
    AUTH_LOGGED_IN,
    AUTH_REFRESHED,
    AUTH_REFUSED, /* the login failed for good: the operator has to fix it */
    AUTH_FAILED,  /* a temporary error */
    AUTH_RETRY,   /* the pause after AUTH_REFUSED or AUTH_FAILED is over */
};
typedef void auth_event_fn(enum auth_event event, const char *message, void *data);

/* Returns the body of a login request; free it with mem_free_secret(). */
char *auth_login_body(const char *login, const char *password);

/*
 * Returns the Authorization header from the answer to a login; free it with mem_free_secret().
 * NULL: none.
 */
char *auth_header_of_answer(const char *body, size_t len);

/* All borrowed. Without --auth, requests have no header. */
struct auth *auth_new(const struct options *options, struct ev *ev, struct http *http,
                      auth_event_fn *on_change, void *data);
void auth_free(struct auth *auth);

/*
 * Returns true if a request can be sent now. `ret_header` is the value of its header (NULL: no
 * login needed; valid until the event loop continues), `ret_number` its number for auth_accepted()
 * and auth_rejected().
 */
bool auth_header(struct auth *auth, const char **ret_header, unsigned *ret_number);

/*
 * Returns true if other runners seem to use this account: each login makes the others' refresh
 * tokens invalid.
 */
bool auth_is_shared(const struct auth *auth);

/* Returns true if a login is needed and missing. */
bool auth_is_missing(const struct auth *auth);

/* The backend accepted the token of that number. */
void auth_accepted(struct auth *auth, unsigned number);

/*
 * The backend refused that token with 401. Returns true if the request should be repeated with
 * another token. Returns false if that would not help: there is no login, or the token was new (a
 * new one is requested after a pause).
 */
bool auth_rejected(struct auth *auth, unsigned number);
