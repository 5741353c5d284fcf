/*
 * ostest-job: executes one attempt of a task in its directory.
 *
 * The runner starts it once for each attempt. It can also be started by hand: it reads task.json in
 * the directory and writes result.json. It has no secret of the backend. It logs to standard
 * output, one line "<level> <text>" each, which the runner passes on.
 *
 * SIGTERM or SIGINT stops it, in a cluster also SIGCONT: its processes are ended, and no result is
 * written. The exit status tells the runner what to do next (model/job_exit.h). All processes that
 * it starts stay its descendants, since it is a child subreaper.
 */

#include "base/fd.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/opt/opt.h"
#include "base/opt/opt_help.h"
#include "base/proc.h"
#include "job/git/cache.h"
#include "job/job.h"
#include "job/lease_guard.h"
#include "job/pipeline.h"
#include "job/probe.h"
#include "job/sandbox_run.h"
#include "model/job_exit.h"
#include "model/lease.h"
#include "model/state_files.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum probe { PROBE_NOTHING, PROBE_SANDBOX, PROBE_SUITE, PROBE_NODE };

struct config {
    char *cache_dir;
    char *config_file;
    int64_t slot;
    char *lease;
    bool clean;
    bool trim;
    bool progress;
    bool report;
    char *src_dir, *tests_dir;
    struct cache_limits cache;
    int probe; /* enum probe */
    struct job_options job;
};

static const char *check_lease(const char *text)
{
    return lease_is_name(text) ? NULL : "16 hexadecimal digits";
}

static const struct opt options[] = {
    {"cache-dir", "DIR", OPT_STRING, offsetof(struct config, cache_dir), .check = job_options_check_line,
     .help = "directory of the cache", .group = "For the program that starts it"},
    {"config", "FILE", OPT_STRING, offsetof(struct config, config_file),
     .help = "read options from this file"},
    {"slot", "N", OPT_INTEGER, offsetof(struct config, slot), "0", .max = 4095,
     .help = "number of the slot; as root, the job gives each slot a user of its own"},
    {"lease", "NAME", OPT_STRING, offsetof(struct config, lease), .check = check_lease,
     .help = "lease of this attempt in a cluster: DIR is executed only once, and DIR/" LEASE_END
             " records how it ended"},
    {"clean", NULL, OPT_FLAG, offsetof(struct config, clean), "no",
     .help = "only remove leftovers of a dead job from DIR"},
    {"src-dir", "DIR", OPT_STRING, offsetof(struct config, src_dir),
     .help = "test this directory instead of the task's repository"},
    {"tests-dir", "DIR", OPT_STRING, offsetof(struct config, tests_dir),
     .help = "use the suite in this directory instead of --tests-url"},
    {"progress", NULL, OPT_FLAG, offsetof(struct config, progress), "no",
     .help = "log progress lines for each stage and test"},
    {"report", NULL, OPT_FLAG, offsetof(struct config, report), "no", .help = "also write report.html"},
    {"trim", NULL, OPT_FLAG, offsetof(struct config, trim), "no",
     .help = "only trim the cache, which is also DIR, to the two limits below"},
    {"cache-size", "BYTES", OPT_BYTES, offsetof(struct config, cache.size_bytes), "10G", .max = 1e15,
     .help = "limit of the cache for --trim"},
    {"min-free-disk", "BYTES", OPT_BYTES, offsetof(struct config, cache.min_free_bytes), "1G", .max = 1e15,
     .help = "space that --trim leaves free on the cache's file system"},
    {"probe", "WHAT", OPT_CHOICE, offsetof(struct config, probe), "nothing",
     .choices = "nothing|sandbox|suite|node",
     .help = "only check the sandbox in DIR, or the suite and its environment, or both (node)"},
    JOB_OPTIONS(struct config, job.),
    {"help", NULL, OPT_HELP, .help = "print this help", .group = "General"},
    {"version", NULL, OPT_HELP, .help = "print the version"},
};

static int print_help(const char *asked)
{
    if (strcmp(asked, "version") == 0) {
        puts("ostest-job " PROJECT_VERSION);
        return 0;
    }
    puts("Usage: ostest-job [OPTION...] DIR\n\n"
         "Runs the task in DIR/task.json and writes DIR/result.json.\n");
    opt_help_print(options, ARRAY_LEN(options), stdout);
    return 0;
}

/* Makes the path absolute, since children run in other directories. The caller frees. */
static char *absolute(const char *path)
{
    CLEANUP(mem_freep)
    char *cwd = *path == '/' ? NULL : realpath(".", NULL); // NOLINT: main() has refused NULL
    return cwd ? mem_printf("%s/%s", cwd, path) : mem_strdup(path);
}

/* Returns the id of our Slurm job, or NULL: only an attempt in a cluster has a job for itself. */
static const char *cluster_job(const struct config *config)
{
    return config->lease ? getenv("SLURM_JOB_ID") : NULL;
}

static int clean(const struct job_setup *setup, struct err *err)
{
    struct job job;
    job_init(&job, setup);
    int r = sandbox_run_clean(&job, err);
    if (r == 0)
        r = job_clean(&job, err);
    job_done(&job);
    return r;
}

static int probe(const struct config *config, const struct job_setup *setup, struct err *err)
{
    struct job job;
    job_init(&job, setup);
    static int (*const probes[])(struct job *, struct err *) = {
        [PROBE_SANDBOX] = probe_sandbox, [PROBE_SUITE] = probe_suite, [PROBE_NODE] = probe_node};
    int r = probes[config->probe](&job, err);
    struct err cleaning = {0};
    if (job_clean(&job, &cleaning) < 0)
        log_warning("%s", cleaning.message);
    job_done(&job);
    return r;
}

static int trim(const struct config *config, const char *cache_dir, int cancel_fd, struct err *err)
{
    struct cache_trimmed t;
    struct cache_limits limits = config->cache;
    limits.min_free_files = FS_FEW_FILES;
    int r = cache_trim(cache_dir, &limits, cancel_fd, &t, err);
    if (r == 0)
        log_write(t.evicted ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
                  "cache: %u entries, %llu MB; %u evicted, %llu MB", t.kept,
                  (unsigned long long)(t.kept_bytes >> 20), t.evicted,
                  (unsigned long long)(t.evicted_bytes >> 20));
    return r;
}

static enum job_exit exit_after(const struct err *err, int r)
{
    bool is_disk = r == -ENOSPC || r == -EDQUOT || r == -EROFS;
    return err->class == ERR_CANCELLED ? JOB_EXIT_STOPPED : is_disk ? JOB_EXIT_DISK : JOB_EXIT_FAILED;
}

/* Returns true if the signal to stop was SIGCONT. */
static bool was_suspended(int cancel_fd)
{
    struct signalfd_siginfo info;
    return read(cancel_fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGCONT;
}

static enum job_exit run(const struct config *config, const char *given_dir)
{
    struct err err = {0};
    enum job_exit done = JOB_EXIT_DONE;
    CLEANUP(mem_freep) char *dir = absolute(given_dir);
    CLEANUP(mem_freep) char *cache_dir = absolute(config->cache_dir);
    CLEANUP(mem_freep) char *lock_path = mem_printf("%s/" STATE_LOCK, dir);
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    fd_raise_limit();
    int cancel_fd = -1; /* readable: stop; every wait watches it */
    /*
     * A cluster may suspend jobs: a test that times out meanwhile says nothing about the student.
     */
    int r = proc_open_signals(config->lease ? SIGCONT : 0, &cancel_fd, &err);
    struct job_setup setup = {
        &config->job,   cache_dir,         dir,       config->src_dir,    config->tests_dir, config->progress,
        config->report, (int)config->slot, cancel_fd, cluster_job(config)};
    if (r == 0)
        r = proc_become_subreaper(&err);
    int lock = -1;
    if (r == 0) /* a job whose runner died may still be ending in the directory */
        r = fs_lock_wait(lock_path, cancel_fd, &lock, &err);
    if (r == 0 && config->trim)
        r = trim(config, cache_dir, cancel_fd, &err);
    else if (r == 0 && config->probe != PROBE_NOTHING)
        r = probe(config, &setup, &err);
    else if (r == 0)
        r = config->clean ? clean(&setup, &err) : pipeline_run(&setup, &done, &err);
    fs_unlock(lock_path, lock);
    if (r == 0)
        return done;
    if (err.class == ERR_CANCELLED && was_suspended(cancel_fd))
        err_prefix(&err, "The job had been suspended for a while");
    log_error("%s", err.message);
    return exit_after(&err, r);
}

/* Executes an attempt in a cluster, where another copy of this job may run as well. */
static enum job_exit run_with_lease(const struct config *config, const char *dir)
{
    struct err err = {0};
    int r = lease_guard_begin(dir, &err);
    enum job_exit status = r < 0 ? JOB_EXIT_FAILED : run(config, dir);
    if (r == 0)
        r = lease_guard_end(dir, config->lease, status, &err);
    if (r == 0)
        return status;
    log_error("%s", err.message);
    return JOB_EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct config config = {0};
    struct opt_set set = {.table = options, .len = ARRAY_LEN(options), .config_option = "config"};
    struct strv faults = {0};
    log_set_plain(true);
    log_set_level(LOG_LEVEL_DEBUG); /* the runner chooses what it passes on */
    opt_parse(&set, argc, argv, &config, &faults);
    if (set.help_asked)
        return print_help(set.help_asked);
    if (set.operands.len != 1 || !config.cache_dir)
        strv_push(&faults, "one directory and --cache-dir are required; see --help");
    for (size_t i = 0; i < faults.len; i++)
        fprintf(stderr, "ostest-job: %s\n", faults.items[i]);
    int status = faults.len     ? JOB_EXIT_USAGE
                 : config.lease ? run_with_lease(&config, set.operands.items[0])
                                : run(&config, set.operands.items[0]);
    strv_done(&faults);
    opt_done(&set, &config);
    return status;
}
