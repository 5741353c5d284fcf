#include "runner/backend.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/url.h"
#include "model/task.h"

#include <stdio.h>

struct backend {
    struct http *http;
    struct auth *auth;
    char *get_url;
    char *post_url;
    const char *login;
};

/* A request in flight. */
struct exchange {
    struct backend *backend;
    bool is_claim;
    unsigned token_number;
    backend_done_fn *fn;
    void *data;
};

/* What a status means: the first row that it falls into. */
static const struct meaning {
    int first, last;
    enum backend_outcome claim, delivery;
    const char *words; /* after "The backend " */
} meanings[] = {
    {204, 204, BACKEND_EMPTY, BACKEND_OK, NULL},
    {200, 299, BACKEND_OK, BACKEND_OK, NULL},
    {300, 399, BACKEND_TROUBLE, BACKEND_TROUBLE,
     "answers with a redirect, which is not followed: mend --backend-url"},
    {401, 401, BACKEND_RELOGIN, BACKEND_RELOGIN, "wants another login: see --auth and --login"},
    {403, 403, BACKEND_FORBIDDEN, BACKEND_FORBIDDEN, NULL},
    {404, 404, BACKEND_EMPTY, BACKEND_REFUSED, "refuses the result"},
    {408, 408, BACKEND_TROUBLE, BACKEND_TROUBLE, "did not get the request in time"},
    {425, 425, BACKEND_TROUBLE, BACKEND_TROUBLE, "wants the request later"},
    {429, 429, BACKEND_TROUBLE, BACKEND_TROUBLE, "wants fewer requests"},
    {400, 499, BACKEND_TROUBLE, BACKEND_REFUSED, "refuses the request"},
    {0, 999, BACKEND_TROUBLE, BACKEND_TROUBLE, "has trouble"},
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
    *backend = (struct backend){http, auth, options_url(options, options->get_api),
                                options_url(options, options->post_api), options->login};
    return backend;
}

void backend_free(struct backend *backend)
{
    if (!backend)
        return;
    free(backend->get_url);
    free(backend->post_url);
    free(backend);
}

/* A claim is made once; where the connection broke only behind the task, nothing of that is missing. */
static bool has_whole_task(const struct http_answer *answer)
{
    struct task task = {0};
    struct err err;
    bool is_whole = answer->cut_status / 100 == 2 &&
                    task_parse(answer->body, answer->body_len, &task, &err) == TASK_VALID;
    task_done(&task);
    return is_whole;
}

/* The sentence for whoever reads the log. The caller frees. */
static char *explain(const struct exchange *e, const struct http_answer *answer, int status,
                     const struct meaning *m)
{
    CLEANUP(mem_freep)
    char *url = url_without_userinfo(e->is_claim ? e->backend->get_url : e->backend->post_url);
    if (status == 0)
        return mem_printf("The backend does not answer at %s: %s", url, answer->error);
    if (m->claim == BACKEND_FORBIDDEN)
        return mem_printf(
            "The account '%s' may not take tasks: the backend answers 403 at %s (it wants the role ADMIN)",
            e->backend->login, url);
    return mem_printf("The backend %s (HTTP %d at %s)", m->words ? m->words : "answers", status, url);
}

static void on_answer(const struct http_answer *answer, void *data)
{
    CLEANUP(mem_freep) struct exchange *e = data;
    if (!answer) {
        e->fn(NULL, e->data);
        return;
    }
    int status = e->is_claim && has_whole_task(answer) ? answer->cut_status : answer->status;
    const struct meaning *m = meaning_of(status);
    CLEANUP(mem_freep) char *message = explain(e, answer, status, m);
    struct backend_answer said = {
        .outcome = e->is_claim ? m->claim : m->delivery,
        .status = status,
        .message = message,
        .body = answer->body ? answer->body : "",
        .body_len = answer->body_len,
        .retry_after_ms = answer->retry_after_ms,
    };
    if (said.outcome != BACKEND_RELOGIN && status != 0)
        auth_accepted(e->backend->auth, e->token_number);
    if (said.outcome == BACKEND_RELOGIN && !auth_rejected(e->backend->auth, e->token_number))
        said.outcome = BACKEND_FORBIDDEN;
    e->fn(&said, e->data);
}

static bool start(struct backend *backend, struct http_request *request, bool is_claim, backend_done_fn *fn,
                  void *data)
{
    unsigned number;
    if (!auth_header(backend->auth, &request->authorization, &number)) {
        fd_close(request->body_fd);
        return false;
    }
    struct exchange *e = mem_alloc(sizeof(*e));
    *e = (struct exchange){backend, is_claim, number, fn, data};
    http_start(backend->http, request, on_answer, e);
    return true;
}

bool backend_claim(struct backend *backend, backend_done_fn *fn, void *data)
{
    struct http_request request = {.url = backend->get_url, .body_fd = -1};
    return start(backend, &request, true, fn, data);
}

bool backend_deliver(struct backend *backend, int fd, backend_done_fn *fn, void *data)
{
    struct http_request request = {.url = backend->post_url, .body_fd = fd, .status_decides = true};
    return start(backend, &request, false, fn, data);
}
