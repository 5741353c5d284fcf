#pragma once

/*
 * HTTP for the event loop, on curl_multi. Requests never block; each ends in one call of its
 * callback. Redirects are not followed: a POST that turned into a GET would look delivered.
 */

#include "base/err.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;

struct http_request {
    const char *url;
    const char *authorization; /* the header's value; NULL: none. Kept out of every log. */
    const char *json;          /* a POST of this text; copied */
    int body_fd;               /* a POST of this file, JSON too; owned from now on; -1: none */
    bool status_decides;       /* what comes of the answer's body, however little, is enough */
    /*
     * At most one copy of the request is transmitted: it gets a connection of its own. libcurl silently
     * repeats a request when a connection that it reuses breaks before the first byte of the answer.
     */
    bool once;
};

struct http_answer {
    int status;     /* 0: no answer, or not a whole one: `error` says why */
    bool is_sent;   /* something of the request went out: the server may act on it, whatever came back */
    bool is_cut;    /* of an answer that counts: its body breaks off, or was too large */
    int cut_status; /* without one: of one that broke off within its body, which is as much as came; else 0 */
    bool is_untrusted; /* no answer since the server's certificate is not accepted: `error` says what to do */
    const char *error; /* a sentence; valid during the callback, like the next */
    const char *body;  /* NUL-terminated */
    size_t body_len;
    int64_t retry_after_ms; /* of the header, also where it was a date; -1: none */
};

/* `answer` NULL: the request was dropped by http_free(); only `data` is to be freed. */
typedef void http_done_fn(const struct http_answer *answer, void *data);

/*
 * `name` of this runner is sent with each request, after the program and its version. `ca_file`: a file with
 * the certificates that a server's may be signed by, in PEM form; NULL: as curl(1) does, $CURL_CA_BUNDLE,
 * else $SSL_CERT_FILE and $SSL_CERT_DIR, else libcurl's default.
 */
int http_new(const char *name, const char *ca_file, struct http **ret_http, struct err *err);

/* Drops the requests in flight. */
void http_free(struct http *http);

/* Always ends in `fn`, from http_wait(), never from within this call. */
void http_start(struct http *http, const struct http_request *request, http_done_fn *fn, void *data);

/* A request is long over the limit at which each ends: something is stuck. */
bool http_is_overdue(const struct http *http);

/*
 * Waits until something happens to a request, one of `fds` is ready, or `timeout_ms` (-1: none)
 * have passed; runs the callbacks of the requests that have ended. The only wait of the runner.
 */
int http_wait(struct http *http, const struct pollfd *fds, size_t len, int timeout_ms, struct err *err);
