#include "runner/backend/auth.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/url.h"

#include <stdio.h>
#include <string.h>

#define BACKOFF_BASE_MS 1000
#define BACKOFF_MAX_MS  60000
#define TOKEN_MAX_BYTES 16384
#define SHARED_AFTER    3 /* consecutive refusals: more than two restarts of the backend cause */

struct auth {
    const struct options *options;
    char *login_url, *refresh_url;
    struct ev *ev;
    struct http *http;
    auth_event_fn *on_change;
    void *data;

    char *header;        /* "<type> <accessToken>"; NULL: not logged in */
    char *refresh_token; /* NULL: none, or an invalid one */
    /* consecutive, of refresh tokens; another login of this account invalidates ours */
    unsigned refusals;
    unsigned number; /* of the header, incremented with each new one */
    bool proven;     /* the backend has accepted this header */
    int64_t refresh_at_ms;
    int64_t not_before_ms; /* no login or refresh before this */
    bool in_flight;
    bool refreshing; /* the request in flight is a refresh */
    bool renewing;   /* there was a token when it was sent */
    struct backoff backoff;
    struct ev_timer timer;
};

struct auth *auth_new(const struct options *options, struct ev *ev, struct http *http,
                      auth_event_fn *on_change, void *data)
{
    struct auth *auth = mem_alloc(sizeof(*auth));
    *auth = (struct auth){
        .options = options,
        .login_url = options_url(options, options->login_api),
        .refresh_url = options_url(options, options->token_refresh_api),
        .ev = ev,
        .http = http,
        .on_change = on_change,
        .data = data,
        .backoff = {.base_ms = BACKOFF_BASE_MS, .max_ms = BACKOFF_MAX_MS, .random = backoff_seed()},
    };
    return auth;
}

static void forget_tokens(struct auth *auth)
{
    mem_free_secret(TAKE_PTR(auth->header));
    mem_free_secret(TAKE_PTR(auth->refresh_token));
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    ev_timer_stop(auth->ev, &auth->timer);
    forget_tokens(auth);
    free(auth->login_url);
    free(auth->refresh_url);
    free(auth);
}

/* ---- answers ---- */

static const char *token_member(const json_t *root, const char *name)
{
    const json_t *value = json_object_get(root, name);
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    bool usable = text && len > 0 && len <= TOKEN_MAX_BYTES && strcspn(text, "\r\n") == len;
    return usable ? text : NULL;
}

static char *header_of(const json_t *root)
{
    const char *type = token_member(root, "type");
    const char *access = token_member(root, "accessToken");
    return access ? mem_printf("%s %s", type ? type : "Bearer", access) : NULL;
}

char *auth_header_of_answer(const char *body, size_t len)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    return json_parse_object(body, len, &root, NULL) < 0 ? NULL : header_of(root);
}

bool auth_is_shared(const struct auth *auth)
{
    return auth->refusals >= SHARED_AFTER;
}

/* Reads the tokens from the answer. Returns false if they are missing. */
static bool take_tokens(struct auth *auth, const struct http_answer *answer)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    if (json_parse_object(answer->body, answer->body_len, &root, NULL) < 0)
        return false;
    const char *refresh = token_member(root, "refreshToken");
    char *header = header_of(root);
    if (!header)
        return false;
    forget_tokens(auth);
    auth->header = header;
    auth->refresh_token = auth_is_shared(auth) ? NULL : mem_strdup(refresh);
    auth->number++;
    auth->proven = false;
    auth->refresh_at_ms = clock_now_ms() + auth->options->refresh_ms;
    return true;
}

static void on_timer(void *data)
{
    struct auth *auth = data;
    auth->on_change(AUTH_RETRY, NULL, auth->data);
}

static void wait_after_failure(struct auth *auth, int64_t at_least_ms)
{
    auth->not_before_ms = clock_now_ms() + backoff_next_ms(&auth->backoff, at_least_ms);
    ev_timer_at(auth->ev, &auth->timer, auth->not_before_ms, on_timer, auth);
}

static void tell(struct auth *auth, enum auth_event event, const char *message)
{
    auth->on_change(event, message, auth->data);
}

static void on_success(struct auth *auth)
{
    if (auth->refreshing)
        auth->refusals = 0;
    tell(auth, auth->renewing ? AUTH_REFRESHED : AUTH_LOGGED_IN,
         auth->refreshing ? "The token was refreshed"
         : auth->renewing ? "Logged in again for a new token"
                          : "Logged in");
}

static void on_refusal(struct auth *auth, const struct http_answer *answer)
{
    if (auth->refreshing) {
        forget_tokens(auth);
        auth->refusals++;
        tell(auth, AUTH_FAILED,
             auth_is_shared(auth)
                 ? "The backend refused the refresh token several times in a row, as after restarts of its "
                   "own, or "
                   "while another runner uses this account: from now on the runner logs in instead"
                 : "The backend does not take the refresh token any more: logging in again");
        return;
    }
    forget_tokens(auth);
    wait_after_failure(auth, MAX(answer->retry_after_ms, (int64_t)BACKOFF_BASE_MS));
    CLEANUP(mem_freep) char *url = url_without_userinfo(auth->login_url);
    CLEANUP(mem_freep)
    char *message =
        mem_printf("The backend refuses the login of '%s' (HTTP %d at %s): check --login and --password-file",
                   auth->options->login, answer->status, url);
    tell(auth, AUTH_REFUSED, message);
}

static void on_trouble(struct auth *auth, const struct http_answer *answer, const char *what)
{
    if (auth->refreshing)
        auth->refresh_at_ms = clock_now_ms() + MAX(auth->options->refresh_ms, (int64_t)BACKOFF_BASE_MS);
    wait_after_failure(auth, MAX(answer->retry_after_ms, (int64_t)0));
    CLEANUP(mem_freep)
    char *message =
        mem_printf("%s failed: %s", auth->refreshing ? "Refreshing the token" : "The login", what);
    tell(auth, AUTH_FAILED, message);
}

static void on_answer(const struct http_answer *answer, void *data)
{
    struct auth *auth = data;
    if (!answer)
        return;
    char what[64];
    snprintf(what, sizeof(what), "HTTP %d", answer->status);
    auth->in_flight = false;
    bool ok = answer->status >= 200 && answer->status < 300;
    bool has_no_reason = answer->status == 401 && answer->body_len == 0;
    if (ok && take_tokens(auth, answer))
        on_success(auth);
    else if (ok)
        on_trouble(auth, answer, "the answer has no tokens in it");
    else if (has_no_reason)
        on_trouble(
            auth, answer,
            "HTTP 401 without a reason, which is how the OSTEST backend answers while its database is away");
    else if (answer->status >= 400 && answer->status < 500 && answer->status != 408 && answer->status != 429)
        on_refusal(auth, answer);
    else
        on_trouble(auth, answer, answer->status ? what : answer->error);
}

/* ---- requests ---- */

/* Takes ownership of `body`. */
static char *text_of(json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (!text)
        abort(); /* out of memory: the strings were checked for UTF-8 at start */
    json_decref(body);
    return text;
}

char *auth_login_body(const char *login, const char *password)
{
    return text_of(json_pack("{s:s, s:s}", "username", login, "password", password));
}

/* Takes ownership of `body`. */
static void post(struct auth *auth, const char *url, char *body)
{
    struct http_request request = {.url = url, .json = body, .body_fd = -1};
    auth->in_flight = true;
    http_start(auth->http, &request, on_answer, auth);
    mem_free_secret(body);
}

static void start(struct auth *auth)
{
    if (auth->in_flight || clock_now_ms() < auth->not_before_ms)
        return;
    auth->renewing = auth->header != NULL;
    auth->refreshing = auth->renewing && auth->refresh_token;
    if (auth->refreshing)
        post(auth, auth->refresh_url, text_of(json_pack("{s:s}", "refreshToken", auth->refresh_token)));
    else
        post(auth, auth->login_url, auth_login_body(auth->options->login, auth->options->password));
}

bool auth_header(struct auth *auth, const char **ret_header, unsigned *ret_number)
{
    bool fresh = auth->header && clock_now_ms() < auth->refresh_at_ms;
    if (auth->options->auth && !fresh) {
        start(auth);
        return false;
    }
    *ret_header = auth->options->auth ? auth->header : NULL;
    *ret_number = auth->number;
    return true;
}

bool auth_is_missing(const struct auth *auth)
{
    return auth->options->auth && !auth->header;
}

void auth_accepted(struct auth *auth, unsigned number)
{
    if (number != auth->number)
        return;
    auth->proven = true;
    backoff_reset(&auth->backoff);
}

bool auth_rejected(struct auth *auth, unsigned number)
{
    if (!auth->options->auth)
        return false;
    if (number != auth->number || !auth->header)
        return true;
    bool was_proven = auth->proven;
    if (!was_proven)
        wait_after_failure(auth, BACKOFF_BASE_MS);
    forget_tokens(auth);
    auth->number++;
    return was_proven;
}
