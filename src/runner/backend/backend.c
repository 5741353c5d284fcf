#include "runner/backend/backend.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/url.h"
#include "model/task.h"

#include <curl/curl.h>
#include <stdio.h>

enum request { CLAIM, QUERY, DELIVERY, REQUESTS };

struct backend {
    struct http *http;
    struct auth *auth;
    char *urls[REQUESTS]; /* that of a query lacks the id; NULL: no queries */
    const char *login;
};

/* A request in flight. */
struct exchange {
    struct backend *backend;
    enum request request;
    char *id; /* of the attempt; NULL for other requests */
    unsigned token_number;
    backend_done_fn *fn;
    void *data;
};

/* Meaning of a status; the first matching row is used. */
static const struct meaning {
    int first, last;
    enum backend_outcome outcomes[REQUESTS]; /* claim, query, delivery */
    const char *words;                       /* after "The backend " */
} meanings[] = {
    {204, 204, {BACKEND_EMPTY, BACKEND_TROUBLE, BACKEND_OK}, "does not answer with an attempt"},
    {200, 299, {BACKEND_OK, BACKEND_OK, BACKEND_OK}, NULL},
    {300,
     399,
     {BACKEND_TROUBLE, BACKEND_TROUBLE, BACKEND_TROUBLE},
     "answers with a redirect, which is not followed: check --backend-url"},
    {401,
     401,
     {BACKEND_RELOGIN, BACKEND_RELOGIN, BACKEND_RELOGIN},
     "wants another login: see --auth and --login"},
    {403, 403, {BACKEND_FORBIDDEN, BACKEND_FORBIDDEN, BACKEND_FORBIDDEN}, NULL},
    {404, 404, {BACKEND_EMPTY, BACKEND_OK, BACKEND_REFUSED}, "refuses the result"},
    {408, 408, {BACKEND_TROUBLE, BACKEND_TROUBLE, BACKEND_TROUBLE}, "did not get the request in time"},
    {413, 413, {BACKEND_TROUBLE, BACKEND_OK, BACKEND_TOO_LARGE}, "does not take so large a result"},
    {425, 425, {BACKEND_TROUBLE, BACKEND_TROUBLE, BACKEND_TROUBLE}, "wants the request later"},
    {429, 429, {BACKEND_TROUBLE, BACKEND_TROUBLE, BACKEND_TROUBLE}, "wants fewer requests"},
    {400, 499, {BACKEND_TROUBLE, BACKEND_OK, BACKEND_REFUSED}, "refuses the request"},
    {501, 501, {BACKEND_TROUBLE, BACKEND_OK, BACKEND_TROUBLE}, "does not know the request"},
    {0, 999, {BACKEND_TROUBLE, BACKEND_TROUBLE, BACKEND_TROUBLE}, "fails"},
};

static const struct meaning *meaning_of(int status)
{
    const struct meaning *m = meanings;
    while (status < m->first || status > m->last)
        m++;
    return m;
}

struct backend *backend_new(const struct options *options, struct http *http, struct auth *auth)
{
    struct backend *backend = mem_alloc(sizeof(*backend));
    *backend = (struct backend){
        .http = http,
        .auth = auth,
        .urls = {[CLAIM] = options_url(options, options->get_api),
                 [QUERY] = *options->attempt_api ? options_url(options, options->attempt_api) : NULL,
                 [DELIVERY] = options_url(options, options->post_api)},
        .login = options->login,
    };
    return backend;
}

void backend_free(struct backend *backend)
{
    if (!backend)
        return;
    for (int i = 0; i < REQUESTS; i++)
        free(backend->urls[i]);
    free(backend);
}

/* A claim cannot be repeated. If the connection broke after the task, nothing is missing. */
static bool has_whole_task(const struct http_answer *answer)
{
    struct task task = {0};
    struct err err;
    bool is_whole = answer->cut_status / 100 == 2 &&
                    task_parse(answer->body, answer->body_len, &task, &err) == TASK_VALID;
    task_done(&task);
    return is_whole;
}

/*
 * Returns the sentence for the log, without an id, so that it is the same for all. The caller
 * frees.
 */
static char *explain(const struct exchange *e, const struct http_answer *answer, int status,
                     const struct meaning *m)
{
    CLEANUP(mem_freep) char *url = url_without_userinfo(e->backend->urls[e->request]);
    if (status == 0)
        return mem_printf("The backend does not answer at %s: %s", url, answer->error);
    if (m->outcomes[CLAIM] == BACKEND_FORBIDDEN)
        return mem_printf(
            "The account '%s' may not take tasks: the backend answers 403 at %s (it wants the role ADMIN)",
            e->backend->login, url);
    return mem_printf("The backend %s (HTTP %d at %s)", m->words ? m->words : "answers", status, url);
}

/*
 * Interprets a 2xx. A body that is not an attempt, such as a login page, must not lead to a second
 * POST.
 */
static void read_attempt(const struct exchange *e, const struct http_answer *answer,
                         struct backend_answer *said, char **ret_message)
{
    enum attempt_state state =
        attempt_parse(answer->body, answer->body_len, answer->is_cut, e->id, &said->verdict);
    said->knows_attempt = state != ATTEMPT_UNREADABLE;
    said->outcome = state == ATTEMPT_STORED ? BACKEND_STORED
                    : state == ATTEMPT_OPEN ? BACKEND_OK
                                            : BACKEND_TROUBLE;
    if (state != ATTEMPT_UNREADABLE)
        return;
    CLEANUP(mem_freep) char *url = url_without_userinfo(e->backend->urls[QUERY]);
    free(*ret_message);
    *ret_message = answer->is_cut
                       ? mem_printf("The backend does not answer at %s: the answer broke off", url)
                       : mem_printf("The backend's answer at %s is not the attempt that was asked for: check "
                                    "--attempt-api (empty: post without asking)",
                                    url);
    said->message = *ret_message;
}

static void exchange_freep(struct exchange **e)
{
    free((*e)->id);
    free(*e);
}

static void on_answer(const struct http_answer *answer, void *data)
{
    CLEANUP(exchange_freep) struct exchange *e = data;
    if (!answer) {
        e->fn(NULL, e->data);
        return;
    }
    int status = e->request == CLAIM && has_whole_task(answer) ? answer->cut_status : answer->status;
    const struct meaning *m = meaning_of(status);
    CLEANUP(mem_freep) char *message = explain(e, answer, status, m);
    struct backend_answer said = {
        .outcome = m->outcomes[e->request],
        .status = status,
        .message = message,
        .body = answer->body ? answer->body : "",
        .body_len = answer->body_len,
        .retry_after_ms = answer->retry_after_ms,
        .is_sent = answer->is_sent,
    };
    if (said.outcome != BACKEND_RELOGIN && status != 0)
        auth_accepted(e->backend->auth, e->token_number);
    if (said.outcome == BACKEND_RELOGIN && !auth_rejected(e->backend->auth, e->token_number))
        said.outcome = BACKEND_FORBIDDEN;
    if (e->request == QUERY && status / 100 == 2 && said.outcome == BACKEND_OK)
        read_attempt(e, answer, &said, &message);
    e->fn(&said, e->data);
}

/* Takes ownership of `id`. */
static bool start(struct backend *backend, struct http_request *request, enum request kind, char *id,
                  backend_done_fn *fn, void *data)
{
    unsigned number;
    if (!auth_header(backend->auth, &request->authorization, &number)) {
        fd_close(request->body_fd);
        free(id);
        return false;
    }
    struct exchange *e = mem_alloc(sizeof(*e));
    *e = (struct exchange){backend, kind, id, number, fn, data};
    http_start(backend->http, request, on_answer, e);
    return true;
}

bool backend_claim(struct backend *backend, backend_done_fn *fn, void *data)
{
    struct http_request request = {.url = backend->urls[CLAIM], .body_fd = -1, .once = true};
    return start(backend, &request, CLAIM, NULL, fn, data);
}

bool backend_has_query(const struct backend *backend)
{
    return backend->urls[QUERY] != NULL;
}

bool backend_query(struct backend *backend, const char *id, backend_done_fn *fn, void *data)
{
    char *escaped = curl_easy_escape(NULL, id, 0);
    CLEANUP(mem_freep) char *url = mem_printf("%s/%s", backend->urls[QUERY], escaped);
    curl_free(escaped);
    struct http_request request = {.url = url, .body_fd = -1, .status_decides = true};
    return start(backend, &request, QUERY, mem_strdup(id), fn, data);
}

bool backend_deliver(struct backend *backend, int fd, backend_done_fn *fn, void *data)
{
    struct http_request request = {
        .url = backend->urls[DELIVERY], .body_fd = fd, .status_decides = true, .once = true};
    return start(backend, &request, DELIVERY, NULL, fn, data);
}
