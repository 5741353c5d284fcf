#include "runner/check/slurm.h"

#include "base/capture.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/log_format.h"
#include "model/state_files.h"
#include "runner/check/probe_dir.h"
#include "runner/executor/slurm/attempt.h"
#include "runner/executor/slurm/cluster.h"
#include "runner/executor/slurm/commands.h"
#include "sandbox/advice.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_TIMEOUT_MS 60000
#define PROBE_TIMEOUT_MS   120000 /* for all nodes together */
#define LOOK_MS            200
#define OUTPUT_LIMIT_BYTES (4U << 20)
#define LOG_LIMIT_BYTES    8192
#define MAX_NODES          1024

/* What is needed to submit a job. */
struct check {
    struct slot_program program;
    char *dir, *cache_dir, *config;
    struct slurm_cluster *cluster;
};

struct probe {
    char *node;
    char *name; /* of its job */
    struct slurm_attempt files;
    bool is_done;
};

/* ---- Slurm's commands ---- */

/* Returns true if Slurm itself does not answer, by what its command printed. */
static bool is_away(const struct buf *messages)
{
    static const char *const words[] = {"Unable to contact", "timed out", "Connection refused"};
    CLEANUP(mem_freep) char *last = buf_last_line(messages);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strstr(last, words[i]))
            return true;
    return !*last;
}

/*
 * Runs a command. Fails with class network if Slurm does not answer, else with class environment.
 */
static int run(const struct strv *argv, struct buf *ret_output, struct err *err)
{
    CLEANUP(buf_done) struct buf messages = BUF_INIT(0);
    struct capture capture = {.doing = argv->items[0],
                              .argv = argv,
                              .timeout_ms = COMMAND_TIMEOUT_MS,
                              .output_limit_bytes = OUTPUT_LIMIT_BYTES,
                              .cut_output = true,
                              .cancel_fd = -1};
    int r = capture_run(&capture, ret_output, &messages, err);
    if (r == -ENOENT)
        err_set(err, ERR_ENVIRONMENT, ENOENT, "%s is missing here; install it: apt-get install slurm-client",
                argv->items[0]);
    bool has_failed = r == -EIO || r == -EINTR;
    if (r == -ETIME || (has_failed && is_away(&messages)))
        err->class = ERR_NETWORK;
    return r;
}

static void check_done(struct check *c)
{
    if (c->cluster)
        slurm_cluster_free(c->cluster);
    fs_remove_tree(c->dir, NULL);
    free(c->dir);
    free(c->cache_dir);
    free(c->config);
}

/*
 * Uses a directory of its own: a runner may be active in the same state directory, perhaps as
 * another user, and must not mistake the probes for its own orphaned jobs.
 */
static int check_open(struct check *c, const struct options *options, const char *job_program,
                      struct err *err)
{
    *c = (struct check){.dir = mem_printf("%s/" PROBE_DIR_PREFIX "%d", options->state_dir, (int)getpid()),
                        .cache_dir = mem_printf("%s/" STATE_CACHE, options->state_dir)};
    c->config = mem_printf("%s/" STATE_JOB_CONF, c->dir);
    c->program = (struct slot_program){
        .path = job_program, .config_path = c->config, .cache_dir = c->cache_dir, .jobs_dir = c->dir};
    int r = fs_make_dirs(c->dir, 0700, err);
    if (r == 0)
        r = options_write_job_file(options, c->config, err);
    return r < 0 ? r : slurm_cluster_open(options, &c->program, c->dir, &c->cluster, err);
}

int slurm_check_request(const struct options *options, const char *job_program, struct err *err)
{
    CLEANUP(check_done) struct check c = {0};
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(buf_done) struct buf output = BUF_INIT(0);
    int r = check_open(&c, options, job_program, err);
    if (r < 0)
        return r;
    slurm_cluster_probe_command(c.cluster, "ostest-test", c.dir, "0000000000000000", NULL, &argv);
    return run(&argv, &output, err);
}

/* ---- nodes ---- */

static void probe_done(struct probe *p)
{
    free(p->node);
    free(p->name);
    slurm_attempt_done(&p->files);
}

static int submit(const struct check *c, struct probe *p, const char *node, struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(buf_done) struct buf output = BUF_INIT(0);
    uint64_t number = 0;
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return err_errno(err, errno, "Cannot get random bits");
    lease_name(number, p->files.lease);
    p->node = mem_strdup(node);
    p->files.claim_dir = mem_strdup(c->dir);
    p->files.dir = mem_printf("%s/" LEASE_DIR_PREFIX "%s", c->dir, p->files.lease);
    p->name = slurm_cluster_job_name(c->cluster, "probe", p->files.lease);
    int r = fs_make_dirs(p->files.dir, 0700, err);
    if (r < 0)
        return r;
    slurm_cluster_probe_command(c->cluster, p->name, p->files.dir, p->files.lease, node, &argv);
    return run(&argv, &output, err);
}

/*
 * Returns the output of the job, or, if it failed, the last line and advice. The caller frees.
 */
static char *words_of(const struct slurm_attempt *files, bool is_well)
{
    char log[LOG_LIMIT_BYTES];
    CLEANUP(strv_done) struct strv lines = {0};
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    log[slurm_attempt_read_log(files, 0, log, sizeof(log) - 1)] = '\0';
    strv_split(&lines, log, "\n");
    for (size_t i = 0; i < lines.len; i++) {
        enum log_level level = LOG_LEVEL_WARNING;
        const char *line = log_split_plain(lines.items[i], &level);
        if (!is_well)
            buf_clear(&text);
        if (level == LOG_LEVEL_DEBUG)
            continue;
        buf_puts(&text, text.len ? "; " : "");
        log_format_text(&text, line);
    }
    const char *mend = is_well || !text.len ? NULL : sandbox_advice(text.data);
    if (mend)
        buf_printf(&text, "; %s", mend);
    return buf_take(&text);
}

static bool take_end(struct probe *p, slurm_check_node_fn *fn, void *data)
{
    struct slurm_attempt_sight sight;
    slurm_attempt_look(&p->files, &sight);
    p->is_done = sight.has_ended;
    if (!sight.has_ended)
        return false;
    CLEANUP(mem_freep) char *words = words_of(&p->files, sight.end.status == 0);
    fn(p->node, sight.end.status == 0, words, data);
    return true;
}

static void cancel(const char *name)
{
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(buf_done) struct buf output = BUF_INIT(0);
    slurm_cancel_command(geteuid(), name, &argv);
    run(&argv, &output, &(struct err){0});
}

static void cancel_late(const struct probe *probes, size_t len, slurm_check_node_fn *fn, void *data)
{
    for (size_t i = 0; i < len; i++) {
        if (probes[i].is_done)
            continue;
        CLEANUP(mem_freep) char *words = words_of(&probes[i].files, false);
        CLEANUP(mem_freep)
        char *text =
            mem_printf("no answer within %d s: it is busy, or does not see %s%s%s", PROBE_TIMEOUT_MS / 1000,
                       probes[i].files.claim_dir, *words ? "; " : "", words);
        fn(probes[i].node, false, text, data);
        cancel(probes[i].name);
    }
}

static void wait_for(struct probe *probes, size_t len, slurm_check_node_fn *fn, void *data)
{
    static const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    int64_t deadline_ms = clock_now_ms() + PROBE_TIMEOUT_MS;
    size_t open = 0;
    for (size_t i = 0; i < len; i++)
        open += !probes[i].is_done;
    while (open && clock_now_ms() < deadline_ms) {
        for (size_t i = 0; i < len; i++)
            open -= !probes[i].is_done && take_end(&probes[i], fn, data);
        nanosleep(&pause, NULL);
    }
    cancel_late(probes, len, fn, data);
}

/* Submits a probe to each node that accepts jobs, and reports the others. */
static size_t submit_all(const struct check *c, struct strv *lines, struct probe *probes,
                         slurm_check_node_fn *fn, void *data)
{
    CLEANUP(strv_done) struct strv seen = {0};
    size_t len = 0;
    for (size_t i = 0; i < lines->len && len < MAX_NODES; i++) {
        const char *state, *node = lines->items[i];
        struct err fault = {0};
        bool takes_jobs = slurm_parse_node(lines->items[i], &state);
        if (!*state || strv_contains(&seen, node))
            continue;
        strv_push(&seen, node);
        if (takes_jobs)
            probes[len].is_done = submit(c, &probes[len], node, &fault) < 0;
        if (!takes_jobs || probes[len].is_done)
            fn(node, false, takes_jobs ? fault.message : state, data);
        len += takes_jobs;
    }
    return len;
}

int slurm_check_nodes(const struct options *options, const char *job_program, slurm_check_node_fn *fn,
                      void *data, struct err *err)
{
    CLEANUP(check_done) struct check c = {0};
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(strv_done) struct strv lines = {0};
    CLEANUP(buf_done) struct buf output = BUF_INIT(0);
    int r = check_open(&c, options, job_program, err);
    slurm_nodes_command(&argv);
    if (r == 0)
        r = run(&argv, &output, err);
    if (r < 0)
        return r;
    strv_split(&lines, output.data ? output.data : "", "\n");
    CLEANUP(mem_freep) struct probe *probes = mem_alloc((lines.len + 1) * sizeof(*probes));
    size_t len = submit_all(&c, &lines, probes, fn, data);
    wait_for(probes, len, fn, data);
    for (size_t i = 0; i < len; i++)
        probe_done(&probes[i]);
    return 0;
}
