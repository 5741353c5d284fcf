#include "runner/cli/doctor.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/url.h"
#include "base/utf8.h"
#include "runner/backend/auth.h"
#include "runner/backend/http.h"
#include "runner/check/preflight.h"
#include "runner/check/slurm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_MAX_BYTES 200 /* of an answer, as shown */

/* BAD: the runner would not start. POOR: it would start, but some of its work would fail. */
enum health { GOOD, POOR, BAD };

struct doctor {
    const struct options *options;
    const char *job_program;
};

static enum health say(enum health health, const char *what, const char *text)
{
    static const char *const words[] = {"ok", "warn", "FAIL"};
    printf("%-4s  %-9s  %s\n", words[health], what, text);
    return health;
}

/* ---- this machine ---- */

static enum health check_state(const struct doctor *d)
{
    struct err err = {0};
    struct fs_room room = {0};
    const char *dir = d->options->state_dir;
    int r = fs_make_dirs(dir, 0700, &err);
    if (r == 0 && access(dir, W_OK | X_OK) < 0)
        r = err_errno(&err, errno, "Cannot write to %s", dir);
    if (r == 0)
        r = fs_free_space(dir, &room, &err);
    bool is_little = room.bytes < d->options->min_free_bytes;
    CLEANUP(mem_freep)
    char *text =
        r < 0 ? mem_printf("%s; choose another --state-dir, or chown it", err.message)
              : mem_printf("%s, %llu MB free%s", dir, (unsigned long long)(room.bytes >> 20),
                           is_little ? "; no task is claimed with less than --min-free-disk: make room" : "");
    return say(r < 0 ? BAD : is_little ? POOR : GOOD, "state", text);
}

static enum health check_git(const struct doctor *d)
{
    CLEANUP(mem_freep) char *version = NULL;
    struct err err = {0};
    int r = preflight_git(&version, &err);
    return say(r < 0 ? BAD : GOOD, "git", r < 0 ? err.message : version);
}

#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

/*
 * Without Yama the kernel lets programs write into the memory of the suite's shells, see
 * docs/sandbox.md.
 */
static const char *describe_yama(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    if (fs_read_file(YAMA, 16, &text, NULL) < 0)
        return "; this kernel has no Yama to keep programs out of the memory of the suite's shells";
    return text.data && *text.data > '0' ? ""
                                         : "; set kernel.yama.ptrace_scope to 1 to keep programs out of the "
                                           "memory of the suite's shells";
}

static enum health check_sandbox(const struct doctor *d)
{
    struct err err = {0};
    if (d->options->job.sandbox == JOB_SANDBOX_NONE)
        return say(POOR, "sandbox", "none: students' code runs unconfined; leave out --sandbox none");
    CLEANUP(mem_freep) char *words = NULL;
    int r = preflight_probe(d->options, d->job_program, PREFLIGHT_SANDBOX, &words, &err);
    if (r < 0)
        return say(BAD, "sandbox", err.message);
    bool is_copying = strstr(words, "no overlay") != NULL;
    CLEANUP(mem_freep)
    char *text = mem_printf(
        "%s%s", is_copying ? words : "bubblewrap, user namespaces, overlays and the system call filter work",
        describe_yama());
    return say(is_copying ? POOR : GOOD, "sandbox", text);
}

static enum health check_cgroups(const struct doctor *d)
{
    static const char *const meanings[] = {
        [CGROUP_V1] = "v1: all limits hold; memory and CPU time of each test are measured",
        [CGROUP_HYBRID] = "hybrid: all limits hold; memory and CPU time of each test are measured",
        [CGROUP_V2] = "v2: all limits hold; memory and CPU time of each test are measured"};
    struct cgroup_parents parents;
    cgroup_find(&parents);
    CLEANUP(mem_freep)
    char *text =
        parents.kind
            ? mem_strdup(meanings[parents.kind])
            : mem_printf("none: memoryUsed is 0, --cpus has no effect, --memory is watched by samples "
                         "only: %s",
                         parents.why);
    enum health health = parents.kind ? GOOD : POOR;
    cgroup_parents_done(&parents);
    return say(health, "cgroups", text);
}

static enum health check_suite(const struct doctor *d)
{
    CLEANUP(mem_freep) char *words = NULL;
    struct err err = {0};
    int r = preflight_probe(d->options, d->job_program, PREFLIGHT_SUITE, &words, &err);
    bool is_doubted = r == 0 && strstr(words, "help cannot be used");
    return say(r < 0 || is_doubted ? POOR : GOOD, "suite", r < 0 ? err.message : words);
}

/* ---- backend ---- */

struct answer {
    int status; /* -1: none yet */
    char *error;
    char *message; /* member "message" of the body; NULL: none */
    bool has_body, is_untrusted;
    char *authorization; /* from the answer to a login, for the next request; NULL: no token */
};

static void answer_done(struct answer *answer)
{
    mem_free_secret(TAKE_PTR(answer->authorization));
    free(TAKE_PTR(answer->error));
    free(TAKE_PTR(answer->message));
}

/* Returns the member "message" of a JSON object. The caller frees. */
static char *message_of(const char *body, size_t len)
{
    CLEANUP(json_decrefp) json_t *object = NULL;
    const char *text = json_parse_object(body, len, &object, NULL) < 0
                           ? NULL
                           : json_string_value(json_object_get(object, "message"));
    return text ? mem_strndup(text, utf8_cut(text, strlen(text), MESSAGE_MAX_BYTES)) : NULL;
}

static void on_answer(const struct http_answer *answer, void *data)
{
    struct answer *a = data;
    if (!answer)
        return;
    a->status = answer->status;
    a->error = mem_strdup(answer->error);
    a->is_untrusted = answer->is_untrusted;
    a->has_body = answer->body_len > 0;
    a->message = message_of(answer->body, answer->body_len);
    a->authorization =
        answer->status / 100 == 2 ? auth_header_of_answer(answer->body, answer->body_len) : NULL;
}

/* `json`: body of a POST; NULL: GET. */
static int ask(struct http *http, const struct options *o, const char *api, const char *json,
               const char *authorization, struct answer *ret_answer, struct err *err)
{
    CLEANUP(mem_freep) char *url = options_url(o, api);
    struct http_request request = {.url = url, .json = json, .authorization = authorization, .body_fd = -1};
    *ret_answer = (struct answer){.status = -1};
    http_start(http, &request, on_answer, ret_answer);
    int r = 0;
    while (r == 0 && ret_answer->status < 0)
        r = http_wait(http, NULL, 0, -1, err);
    return r;
}

/* Without --auth, any answer counts: a request for a task would be a claim. */
static int ask_for_login(struct http *http, const struct options *o, struct answer *ret_answer,
                         struct err *err)
{
    char *body = o->auth ? auth_login_body(o->login, o->password) : NULL;
    int r = ask(http, o, o->auth ? o->login_api : "/", body, NULL, ret_answer, err);
    mem_free_secret(body);
    return r;
}

/*
 * Checks if the account is allowed to claim tasks: a result without an id is answered 403 if it is
 * not, 400 if it is; nothing is stored (docs/backend.md).
 */
static enum health check_role(struct http *http, const struct options *o, const char *authorization,
                              const char *backend_url)
{
    CLEANUP(answer_done) struct answer answer = {0};
    CLEANUP(mem_freep) char *text = NULL;
    struct err err = {0};
    int r = ask(http, o, o->post_api, "{}", authorization, &answer, &err);
    CLEANUP(mem_freep)
    char *what = r == 0 && answer.status ? mem_printf("HTTP %d", answer.status) : mem_strdup("no answer");
    bool may = r == 0 && (answer.status == 400 || answer.status == 422);
    if (may)
        text = mem_printf("%s answers, the login is right, and the account may take tasks", backend_url);
    else if (r == 0 && answer.status == 403)
        text = mem_printf(
            "the account '%s' may not take tasks: it lacks the role ADMIN (HTTP 403 at %s%s); give it "
            "the role, or use another --login",
            o->login, backend_url, o->post_api);
    else
        text = mem_printf(
            "the login is right, but whether the account '%s' may take tasks could not be found out "
            "(%s at %s%s)",
            o->login, what, backend_url, o->post_api);
    return say(may ? GOOD : POOR, "backend", text);
}

static enum health judge_login(struct http *http, const struct options *o, const struct answer *answer,
                               const char *backend_url)
{
    CLEANUP(mem_freep) char *text = NULL;
    if (o->auth && answer->authorization)
        return check_role(http, o, answer->authorization, backend_url);
    if (answer->is_untrusted)
        text = mem_printf("%s is not trusted: %s", backend_url, answer->error);
    else if (answer->status == 0)
        text = mem_printf("%s does not answer: %s; see --backend-url", backend_url,
                          answer->error ? answer->error : "");
    else if (!o->auth)
        text = mem_printf("%s answers", backend_url);
    else if (answer->status / 100 == 2)
        text = mem_printf("%s answers the login of '%s' without a token; see --login-api", backend_url,
                          o->login);
    else if (answer->status == 401 && !answer->has_body)
        text = mem_printf(
            "%s answers the login of '%s' with status 401 and no reason, as the OSTEST backend does "
            "while its database is away; look at the backend",
            backend_url, o->login);
    else
        text = mem_printf("%s answers the login of '%s' with status %d%s%s; see --login and --password-file",
                          backend_url, o->login, answer->status, answer->message ? ": " : "",
                          answer->message ? answer->message : "");
    return say(answer->status > 0 && !o->auth ? GOOD : POOR, "backend", text);
}

static enum health check_backend(const struct doctor *d)
{
    const struct options *o = d->options;
    CLEANUP(answer_done) struct answer answer = {0};
    CLEANUP(mem_freep) char *backend_url = url_without_userinfo(o->backend_url);
    struct err err = {0};
    struct http *http;
    int r = http_new(o->name, o->ca_file, &http, &err);
    if (r < 0)
        return say(POOR, "backend", err.message);
    r = ask_for_login(http, o, &answer, &err);
    enum health health =
        r < 0 ? say(POOR, "backend", err.message) : judge_login(http, o, &answer, backend_url);
    http_free(http);
    return health;
}

/* ---- cluster ---- */

static enum health check_slurm(const struct doctor *d)
{
    struct err err = {0};
    int r = slurm_check_request(d->options, d->job_program, &err);
    return say(r == 0                     ? GOOD
               : err.class == ERR_NETWORK ? POOR
                                          : BAD,
               "slurm", r < 0 ? err.message : "it would take the job of a task");
}

static void take_node(const char *node, bool is_well, const char *text, void *data)
{
    enum health *worst = data;
    CLEANUP(mem_freep) char *words = mem_printf("%s: %s", node, text);
    enum health health = say(is_well ? GOOD : POOR, "node", words);
    *worst = MAX(*worst, health);
    fflush(stdout);
}

static enum health check_nodes(const struct doctor *d)
{
    struct err err = {0};
    enum health worst = GOOD;
    if (slurm_check_nodes(d->options, d->job_program, take_node, &worst, &err) < 0)
        return say(POOR, "nodes", err.message);
    return worst;
}

typedef enum health check_fn(const struct doctor *);

int doctor(const struct options *options, const char *job_program)
{
    static check_fn *const local[] = {check_state, check_git,     check_cgroups, check_sandbox,
                                      check_suite, check_backend, NULL};
    static check_fn *const cluster[] = {check_state, check_slurm, check_nodes, check_backend, NULL};
    bool is_local = options->executor == OPTIONS_EXECUTOR_LOCAL;
    struct doctor d = {.options = options, .job_program = job_program};
    enum health worst = GOOD;
    struct err err = {0};
    if (is_local && cgroup_make_room(&err) < 0)
        say(POOR, "cgroups", err.message);
    for (check_fn *const *check = is_local ? local : cluster; *check; check++) {
        enum health health = (*check)(&d);
        worst = MAX(worst, health);
        fflush(stdout);
    }
    return worst == BAD ? 1 : 0;
}
