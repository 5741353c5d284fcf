#include "runner/backend/http.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_LIMIT_BYTES (1U << 20)
#define CONNECT_TIMEOUT_MS 10000L
/* Long, because a claim whose answer is not awaited is lost. */
#define TOTAL_TIMEOUT_MS 300000L
#define OVERDUE_MS       (TOTAL_TIMEOUT_MS + 60000)
/* With `status_decides`, a body that arrives more slowly than this is abandoned. */
#define SLOW_BODY_BYTES_PER_S 1000L
#define SLOW_BODY_S           5L
#define MAX_RETRY_AFTER_S     3600

struct http {
    CURLM *multi;
    char *agent;            /* User-Agent; owned, as are the next two */
    char *ca_file, *ca_dir; /* NULL: libcurl's default */
    struct transfer *transfers;
};

/* One request in flight. */
struct transfer {
    struct transfer *next;
    CURL *easy;
    struct curl_slist *headers;
    int64_t start_ms;
    int body_fd;
    curl_off_t upload_bytes; /* of body_fd */
    bool status_decides;
    int status; /* 0 until all headers of the answer have arrived */
    struct buf body;
    char error[CURL_ERROR_SIZE];
    http_done_fn *fn;
    void *data;
};

/* Returns a copy of the variable's value; NULL if it is unset or empty. The caller frees. */
static char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? mem_strdup(value) : NULL;
}

/* The order of curl(1), section ENVIRONMENT: libcurl reads none of these variables itself. */
static void choose_certificates(struct http *http, const char *ca_file)
{
    http->ca_file = ca_file ? mem_strdup(ca_file) : variable("CURL_CA_BUNDLE");
    if (http->ca_file)
        return;
    http->ca_file = variable("SSL_CERT_FILE");
    http->ca_dir = variable("SSL_CERT_DIR");
}

int http_new(const char *name, const char *ca_file, struct http **ret_http, struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return err_set(err, ERR_INTERNAL, EIO, "Cannot initialise libcurl");
    CURLM *multi = curl_multi_init();
    if (!multi)
        return err_set(err, ERR_INTERNAL, ENOMEM, "Cannot initialise libcurl");
    struct http *http = mem_alloc(sizeof(*http));
    http->multi = multi;
    http->agent = mem_printf("ostest-runner/%s (%s)", PROJECT_VERSION, name);
    choose_certificates(http, ca_file);
    *ret_http = http;
    return 0;
}

static void free_headers(struct curl_slist *headers)
{
    for (struct curl_slist *h = headers; h; h = h->next)
        explicit_bzero(h->data, strlen(h->data)); /* may be the Authorization header */
    curl_slist_free_all(headers);
}

static void transfer_free(struct http *http, struct transfer *t)
{
    struct transfer **link = &http->transfers;
    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    curl_multi_remove_handle(http->multi, t->easy);
    curl_easy_cleanup(t->easy);
    free_headers(t->headers);
    fd_close(t->body_fd);
    buf_done(&t->body);
    free(t);
}

void http_free(struct http *http)
{
    if (!http)
        return;
    while (http->transfers) {
        http->transfers->fn(NULL, http->transfers->data);
        transfer_free(http, http->transfers);
    }
    curl_multi_cleanup(http->multi);
    curl_global_cleanup();
    free(http->agent);
    free(http->ca_file);
    free(http->ca_dir);
    free(http);
}

/* ---- requests ---- */

static int status_of(CURL *easy)
{
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

/* A status is final after the empty line that ends its headers, unless it is below 200. */
static size_t take_header(char *data, size_t size, size_t count, void *userdata)
{
    struct transfer *t = userdata;
    int status = status_of(t->easy);
    if ((data[0] != '\r' && data[0] != '\n') || status < 200)
        return size * count;
    t->status = status;
    if (t->status_decides) {
        curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, SLOW_BODY_BYTES_PER_S);
        curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, SLOW_BODY_S);
    }
    return size * count;
}

/* Aborts the transfer if the body is too large. */
static size_t take_body(char *data, size_t size, size_t count, void *userdata)
{
    struct transfer *t = userdata;
    size_t len = MIN(size * count, ANSWER_LIMIT_BYTES - t->body.len);
    buf_append(&t->body, data, len);
    return len;
}

static size_t give_body(char *data, size_t size, size_t count, void *userdata)
{
    struct transfer *t = userdata;
    ssize_t n = read(t->body_fd, data, size * count);
    return n < 0 ? CURL_READFUNC_ABORT : (size_t)n;
}

static void set_body(struct transfer *t, const struct http_request *request)
{
    curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
    if (request->json) {
        curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, request->json);
        return;
    }
    struct stat st = {0};
    fstat(t->body_fd, &st);
    t->upload_bytes = st.st_size;
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, t->upload_bytes);
    curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
}

static void set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void set_certificates(CURL *easy, const struct http *http)
{
    if (http->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file);
    if (http->ca_dir)
        curl_easy_setopt(easy, CURLOPT_CAPATH, http->ca_dir);
}

static void set_headers(struct transfer *t, const struct http_request *request)
{
    t->headers = curl_slist_append(t->headers, "Accept: application/json");
    if (request->json || request->body_fd >= 0) {
        t->headers = curl_slist_append(t->headers, "Content-Type: application/json");
        t->headers = curl_slist_append(t->headers, "Expect:"); /* no pause before a large body */
    }
    if (request->authorization) {
        char *line = mem_printf("Authorization: %s", request->authorization);
        t->headers = curl_slist_append(t->headers, line);
        mem_free_secret(line);
    }
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

/* HTTP/1.1, because libcurl repeats requests that an HTTP/2 server has refused as a stream. */
static void transmit_once(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

void http_start(struct http *http, const struct http_request *request, http_done_fn *fn, void *data)
{
    struct transfer *t = mem_alloc(sizeof(*t));
    *t = (struct transfer){.next = http->transfers,
                           .easy = curl_easy_init(),
                           .start_ms = clock_now_ms(),
                           .body_fd = request->body_fd,
                           .status_decides = request->status_decides,
                           .body = BUF_INIT(ANSWER_LIMIT_BYTES),
                           .fn = fn,
                           .data = data};
    if (!t->easy)
        abort(); /* out of memory */
    http->transfers = t;
    set_protocols(t->easy);
    set_certificates(t->easy, http);
    set_headers(t, request);
    curl_easy_setopt(t->easy, CURLOPT_URL, request->url);
    curl_easy_setopt(t->easy, CURLOPT_PATH_AS_IS, 1L); /* an id may be ".." */
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, http->agent);
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* else the loop blocks until the resolver gives up */
    curl_easy_setopt(t->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, TOTAL_TIMEOUT_MS);
    curl_easy_setopt(t->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
    /* a proxy's 200 is not the answer */
    curl_easy_setopt(t->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    if (request->once)
        transmit_once(t->easy);
    if (request->json || request->body_fd >= 0)
        set_body(t, request);
    if (curl_multi_add_handle(http->multi, t->easy) != CURLM_OK)
        abort(); /* out of memory */
}

bool http_is_overdue(const struct http *http)
{
    for (const struct transfer *t = http->transfers; t; t = t->next)
        if (clock_now_ms() - t->start_ms > OVERDUE_MS)
            return true;
    return false;
}

/* ---- answers ---- */

static int64_t retry_after_ms(CURL *easy)
{
    curl_off_t seconds = 0; /* libcurl converts a date to seconds from now */
    if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0)
        return -1;
    return (int64_t)MIN(seconds, (curl_off_t)MAX_RETRY_AFTER_S) * 1000;
}

/*
 * Returns true if the answer is valid although the transfer failed. It is not if the request was
 * not sent.
 */
static bool is_decided(const struct transfer *t)
{
    curl_off_t sent = 0;
    curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    return t->status_decides && t->status && (t->status >= 300 || sent >= t->upload_bytes);
}

/* Advice about certificates, by words of libcurl's message. The first matching row is used. */
static const struct {
    CURLcode code;
    const char *words; /* "": any */
    const char *what, *advice;
} certificate_faults[] = {
    {CURLE_SSL_CACERT_BADFILE, "", "the CA certificates cannot be read",
     "check --ca-file, $CURL_CA_BUNDLE and $SSL_CERT_FILE"},
    {CURLE_PEER_FAILED_VERIFICATION, "expir", "its certificate has expired",
     "renew it on the backend's host, or set the clock of this machine"},
    {CURLE_PEER_FAILED_VERIFICATION, "yet", "its certificate is not valid yet",
     "set the clock of this machine"},
    {CURLE_PEER_FAILED_VERIFICATION, "match", "its certificate is for another host",
     "check the host in --backend-url"},
    {CURLE_PEER_FAILED_VERIFICATION, "", "its certificate is not signed by a known authority",
     "name the file with the authority's certificate in --ca-file"},
};

/* Returns false if the error is not about a certificate. */
static bool explain_certificate(CURLcode code, const char *message, char *ret_text, size_t size)
{
    for (size_t i = 0; i < ARRAY_LEN(certificate_faults); i++) {
        if (code != certificate_faults[i].code || !strstr(message, certificate_faults[i].words))
            continue;
        snprintf(ret_text, size, "%s (%s): %s", certificate_faults[i].what, message,
                 certificate_faults[i].advice);
        return true;
    }
    return false;
}

static void finish(struct http *http, struct transfer *t, CURLcode code)
{
    char too_large[64], untrusted[CURL_ERROR_SIZE + 200];
    snprintf(too_large, sizeof(too_large), "the answer is larger than %u bytes", ANSWER_LIMIT_BYTES);
    long request_bytes = 0;
    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    struct http_answer answer = {.is_sent = request_bytes > 0,
                                 .body = t->body.data ? t->body.data : "",
                                 .body_len = t->body.len,
                                 .retry_after_ms = -1};
    if (code == CURLE_OK || is_decided(t)) {
        answer.status = status_of(t->easy);
        answer.is_cut = code != CURLE_OK;
        answer.retry_after_ms = retry_after_ms(t->easy);
    } else {
        const char *message = t->error[0] ? t->error : curl_easy_strerror(code);
        answer.is_untrusted = explain_certificate(code, message, untrusted, sizeof(untrusted));
        answer.cut_status = code == CURLE_WRITE_ERROR ? 0 : t->status;
        answer.error = code == CURLE_WRITE_ERROR ? too_large : answer.is_untrusted ? untrusted : message;
    }
    t->fn(&answer, t->data);
    transfer_free(http, t);
}

/* Continues all transfers and runs the callbacks of finished ones; returns their number. */
static int perform(struct http *http, unsigned *ret_ended, struct err *err)
{
    int running;
    CURLMcode r = curl_multi_perform(http->multi, &running);
    if (r != CURLM_OK)
        return err_set(err, ERR_INTERNAL, EIO, "libcurl fails: %s", curl_multi_strerror(r));
    *ret_ended = 0;
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(http->multi, &left));) {
        struct transfer *t = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        finish(http, t, code);
        ++*ret_ended;
    }
    return 0;
}

int http_wait(struct http *http, const struct pollfd *fds, size_t len, int timeout_ms, struct err *err)
{
    CLEANUP(mem_freep) struct curl_waitfd *extra = mem_alloc((len + 1) * sizeof(*extra));
    for (size_t i = 0; i < len; i++)
        extra[i] = (struct curl_waitfd){.fd = fds[i].fd, .events = CURL_WAIT_POLLIN};
    unsigned ended = 0;
    int r = perform(http, &ended, err);
    if (r < 0 || ended) /* callbacks may have changed what to wait for */
        return r;
    CURLMcode c =
        curl_multi_poll(http->multi, extra, (unsigned)len, timeout_ms < 0 ? 3600000 : timeout_ms, NULL);
    if (c != CURLM_OK)
        return err_set(err, ERR_INTERNAL, EIO, "libcurl fails: %s", curl_multi_strerror(c));
    return perform(http, &ended, err);
}
