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
    int body_fd;               /* a POST of this JSON file; ownership is transferred; -1: none */
    bool status_decides;       /* an incomplete body of the answer is not an error */
    /*
     * Transmit at most one copy of the request, on a connection of its own. libcurl silently
     * repeats a request when a connection that it reuses breaks before the first byte of the
     * answer.
     */
    bool once;
};

struct http_answer {
    int status;        /* 0: no answer, or an incomplete one; see `error` */
    bool is_sent;      /* part of the request was sent: the server may have acted on it */
    bool is_cut;       /* the body is incomplete or was too large */
    int cut_status;    /* if `status` is 0: status of an answer with an incomplete body; else 0 */
    bool is_untrusted; /* the server's certificate is not trusted; `error` says what to do */
    const char *error; /* a sentence; valid during the callback, as is `body` */
    const char *body;  /* NUL-terminated */
    size_t body_len;
    int64_t retry_after_ms; /* of Retry-After, seconds or date; -1: none */
};

/* `answer` is NULL if http_free() has dropped the request: only free `data`. */
typedef void http_done_fn(const struct http_answer *answer, void *data);

/*
 * User-Agent is the program, its version and `name`. `ca_file`: PEM file with CA certificates;
 * NULL: as in curl(1), $CURL_CA_BUNDLE, else $SSL_CERT_FILE and $SSL_CERT_DIR, else libcurl's
 * default.
 */
int http_new(const char *name, const char *ca_file, struct http **ret_http, struct err *err);

/* Drops all requests in flight. */
void http_free(struct http *http);

/* Starts a request. `fn` is called once, from http_wait(), never from within this call. */
void http_start(struct http *http, const struct http_request *request, http_done_fn *fn, void *data);

/* Returns true if a request has far exceeded its time limit, so that libcurl must be stuck. */
bool http_is_overdue(const struct http *http);

/*
 * Waits for a request to proceed, for one of `fds`, or for `timeout_ms` (-1: none), and runs the
 * callbacks of finished requests. The only blocking call of the runner.
 */
int http_wait(struct http *http, const struct pollfd *fds, size_t len, int timeout_ms, struct err *err);
