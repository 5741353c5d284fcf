#include "runner/status/route.h"

#include "base/fd.h"
#include "icon.svg.h"
#include "index.html.h"
#include "page.css.h"
#include "page.js.h"
#include "runner/status/report_file.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define REPORTS "/reports/"
#define TEXT    "text/plain; charset=utf-8"

/* The page loads scripts and styles from this server only. */
#define PAGE_POLICY \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
/* A report contains output of students' programs, so it is isolated from the status page. */
#define REPORT_POLICY \
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; " \
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/* One request. */
struct request {
    const struct route_site *site;
    struct MHD_Connection *connection;
    const char *path;
    bool is_stream;
};

/* ---- sending ---- */

static void put_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (value && MHD_add_response_header(response, name, value) == MHD_NO)
        abort(); /* out of memory: names and values are ours */
}

/* Queues the response and gives up the reference. */
static enum MHD_Result send_response(const struct request *r, unsigned status, const char *content_type,
                                     const char *policy, struct MHD_Response *response)
{
    if (!response)
        return MHD_NO;
    const char *const headers[][2] = {
        {MHD_HTTP_HEADER_CONTENT_TYPE, content_type},
        {"Content-Security-Policy", policy},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
        {MHD_HTTP_HEADER_ALLOW, status == MHD_HTTP_METHOD_NOT_ALLOWED ? "GET, HEAD" : NULL},
        {MHD_HTTP_HEADER_CONNECTION, status == MHD_HTTP_METHOD_NOT_ALLOWED ? "close" : NULL},
        {MHD_HTTP_HEADER_RETRY_AFTER, status == MHD_HTTP_SERVICE_UNAVAILABLE ? "10" : NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        put_header(response, headers[i][0], headers[i][1]);
    enum MHD_Result result = MHD_queue_response(r->connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_text(const struct request *r, unsigned status, const char *text)
{
    CLEANUP(mem_freep) char *line = mem_printf("%s\n", text);
    return send_response(r, status, TEXT, PAGE_POLICY,
                         MHD_create_response_from_buffer(strlen(line), line, MHD_RESPMEM_MUST_COPY));
}

/* ---- the routes ---- */

struct route {
    const char *path;
    const char *content_type;
    const char *data; /* a file of the page; NULL: `fn` answers */
    const unsigned long *len;
    enum MHD_Result (*fn)(struct request *r, const struct route *route);
};

static enum MHD_Result send_file(struct request *r, const struct route *route)
{
    return send_response(
        r, MHD_HTTP_OK, route->content_type, PAGE_POLICY,
        MHD_create_response_from_buffer(*route->len, (void *)route->data, MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result send_status(struct request *r, const struct route *route)
{
    r->site->calls.refresh(r->site->calls.data);
    return send_response(r, MHD_HTTP_OK, route->content_type, PAGE_POLICY, stream_newest(r->site->stream));
}

static enum MHD_Result send_events(struct request *r, const struct route *route)
{
    r->site->calls.refresh(r->site->calls.data);
    struct MHD_Response *response = stream_open(r->site->stream, r->connection);
    if (!response)
        return send_text(r, MHD_HTTP_SERVICE_UNAVAILABLE, "Too many pages are open");
    r->is_stream = true;
    return send_response(r, MHD_HTTP_OK, route->content_type, PAGE_POLICY, response);
}

static enum MHD_Result send_metrics(struct request *r, const struct route *route)
{
    struct buf text = BUF_INIT(0);
    r->site->calls.metrics(&text, r->site->calls.data);
    size_t len = text.len;
    return send_response(r, MHD_HTTP_OK, route->content_type, PAGE_POLICY,
                         MHD_create_response_from_buffer(len, buf_take(&text), MHD_RESPMEM_MUST_FREE));
}

static enum MHD_Result send_alive(struct request *r, const struct route *route)
{
    return send_text(r, MHD_HTTP_OK, "alive");
}

static enum MHD_Result send_ready(struct request *r, const struct route *route)
{
    const char *reason = r->site->calls.not_ready(r->site->calls.data);
    return send_text(r, reason ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK, reason ? reason : "ready");
}

static enum MHD_Result send_report(struct request *r, const struct route *route)
{
    CLEANUP(mem_freep) char *key = NULL;
    const struct report_file *file = report_file_find(r->path + strlen(REPORTS), &key);
    uint64_t size;
    int fd;
    if (!file)
        return send_text(r, MHD_HTTP_NOT_FOUND, "Not found");
    if (report_file_open(r->site->state_dir, key, file, &fd, &size) < 0)
        return send_text(r, MHD_HTTP_NOT_FOUND, "This file is not kept, or not any more (see --keep-jobs)");
    struct MHD_Response *response = MHD_create_response_from_fd64(size, fd);
    if (!response)
        fd_close(fd);
    return send_response(r, MHD_HTTP_OK, file->content_type, REPORT_POLICY, response);
}

/* A path that ends with '/' is a prefix, except for "/" itself. */
static const struct route routes[] = {
    {"/", "text/html; charset=utf-8", index_html, &index_html_len, send_file},
    {"/page.css", "text/css; charset=utf-8", page_css, &page_css_len, send_file},
    {"/page.js", "text/javascript; charset=utf-8", page_js, &page_js_len, send_file},
    {"/icon.svg", "image/svg+xml", icon_svg, &icon_svg_len, send_file},
    {"/api/status.json", "application/json", NULL, NULL, send_status},
    {"/api/events", "text/event-stream", NULL, NULL, send_events},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", NULL, NULL, send_metrics},
    {"/healthz", TEXT, NULL, NULL, send_alive},
    {"/readyz", TEXT, NULL, NULL, send_ready},
    {REPORTS, NULL, NULL, NULL, send_report},
};

static const struct route *find(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        const char *p = routes[i].path;
        size_t len = strlen(p);
        bool is_folder = len > 1 && p[len - 1] == '/';
        if (is_folder ? strncmp(path, p, len) == 0 : strcmp(path, p) == 0)
            return &routes[i];
    }
    return NULL;
}

/* ---- allowed hosts ---- */

static bool is_same_host(const char *host, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(host, name, len) == 0;
}

/*
 * Protects against DNS rebinding: a foreign page could resolve its own name to this machine. If
 * only this machine can connect, requests must therefore name this machine.
 */
static bool is_host_fine(const struct route_site *site, const char *host)
{
    if (!host || !listen_is_loopback(&site->address))
        return true;
    CLEANUP(mem_freep) char *own = listen_text(&site->address);
    *strrchr(own, ':') = '\0';
    size_t len = strcspn(host, *host == '[' ? "]" : ":");
    len += host[len] == ']';
    if (host[len] && host[len] != ':')
        return false;
    return is_same_host(host, len, "localhost") || is_same_host(host, len, "127.0.0.1") ||
           is_same_host(host, len, "[::1]") || is_same_host(host, len, own);
}

enum MHD_Result route_answer(const struct route_site *site, struct MHD_Connection *connection,
                             const char *method, const char *path, bool *ret_is_stream)
{
    struct request r = {.site = site, .connection = connection, .path = path};
    const struct route *route = find(path);
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    enum MHD_Result result;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        result = send_text(&r, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD are allowed");
    else if (!is_host_fine(site, host))
        result = send_text(&r, MHD_HTTP_MISDIRECTED_REQUEST, "Use localhost or 127.0.0.1 as the host");
    else if (!route)
        result = send_text(&r, MHD_HTTP_NOT_FOUND, "Not found");
    else
        result = route->fn(&r, route);
    *ret_is_stream = r.is_stream;
    return result;
}
