/*
 * ostest-job: runs one task, in its directory, to its result.
 *
 * The runner starts it once for each task; so can anybody by hand: a directory with a task.json
 * goes in, a result.json comes out. It holds no secret of the backend. Its log goes to standard
 * output, "<level> <text>" a line, for the runner to pass on.
 *
 * SIGTERM or SIGINT stops it, in a cluster also SIGCONT: what it has started is ended, and no result is
 * written. How it ends tells who has started it what to do next (model/job_exit.h). All that it starts is its
 * descendant, and, as it is a child subreaper, stays so.
 */

#include "base/fd.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/opt.h"
#include "base/opt_help.h"
#include "base/proc.h"
#include "job/cache.h"
#include "job/job.h"
#include "job/lease_guard.h"
#include "job/pipeline.h"
#include "job/probe.h"
#include "job/sandbox_run.h"
#include "model/job_exit.h"
#include "model/lease.h"

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
     .help = "mirrors of repositories, python environments", .group = "For the program that starts it"},
    {"config", "FILE", OPT_STRING, offsetof(struct config, config_file), .help = "lines 'option = value'"},
    {"slot", "N", OPT_INTEGER, offsetof(struct config, slot), "0", .max = 4095,
     .help = "number among the jobs that run at the same time: as root, each has a user of its own"},
    {"lease", "NAME", OPT_STRING, offsetof(struct config, lease), .check = check_lease,
     .help = "in a cluster, the name of this try of the task: DIR is run once only, and DIR/" LEASE_END
             " tells how it ended"},
    {"clean", NULL, OPT_FLAG, offsetof(struct config, clean), "no",
     .help = "only remove what a dead job left in DIR"},
    {"src-dir", "DIR", OPT_STRING, offsetof(struct config, src_dir),
     .help = "test this directory, whatever the task says"},
    {"tests-dir", "DIR", OPT_STRING, offsetof(struct config, tests_dir),
     .help = "with the suite in this directory, whatever --tests-url says"},
    {"progress", NULL, OPT_FLAG, offsetof(struct config, progress), "no",
     .help = "tell each step and test, for a program that shows it"},
    {"report", NULL, OPT_FLAG, offsetof(struct config, report), "no",
     .help = "write report.html too, for people"},
    {"trim", NULL, OPT_FLAG, offsetof(struct config, trim), "no",
     .help = "run no task: only bring the cache, which is DIR too, within the two limits below"},
    {"cache-size", "BYTES", OPT_BYTES, offsetof(struct config, cache.size_bytes), "10G", .max = 1e15,
     .help = "for mirrors, suites and environments"},
    {"min-free-disk", "BYTES", OPT_BYTES, offsetof(struct config, cache.min_free_bytes), "1G", .max = 1e15,
     .help = "to be left free beside the cache"},
    {"probe", "WHAT", OPT_CHOICE, offsetof(struct config, probe), "nothing",
     .choices = "nothing|sandbox|suite|node",
     .help =
         "run no task: only try the sandbox in DIR, or fetch the suite and prepare its environment, or both"},
    JOB_OPTIONS(struct config, job.),
    {"help", NULL, OPT_HELP, .help = "this text", .group = "General"},
    {"version", NULL, OPT_HELP, .help = "the version"},
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

/* Children run in directories of their own. The caller frees. */
static char *absolute(const char *path)
{
    CLEANUP(mem_freep)
    char *cwd = *path == '/' ? NULL : realpath(".", NULL); // NOLINT: main() has refused NULL
    return cwd ? mem_printf("%s/%s", cwd, path) : mem_strdup(path);
}

/* Only a try in the cluster has the job for itself. */
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

/* Whether that is why it was told to stop. */
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
    CLEANUP(mem_freep) char *lock_path = mem_printf("%s/lock", dir);
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    fd_raise_limit();
    int cancel_fd = -1; /* readable where we are to stop; every wait of ours watches it */
    /* A cluster may suspend its jobs: a test whose time passed meanwhile fails, which is no verdict. */
    int r = proc_open_signals(config->lease ? SIGCONT : 0, &cancel_fd, &err);
    struct job_setup setup = {
        &config->job,   cache_dir,         dir,       config->src_dir,    config->tests_dir, config->progress,
        config->report, (int)config->slot, cancel_fd, cluster_job(config)};
    if (r == 0)
        r = proc_become_subreaper(&err);
    int lock = -1;
    if (r == 0) /* a job whose runner died may still be ending in there */
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

/* As a try of a task in a cluster, where a copy of this job may run as well. */
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
        strv_push(&faults, "one directory and --cache-dir are needed; see --help");
    for (size_t i = 0; i < faults.len; i++)
        fprintf(stderr, "ostest-job: %s\n", faults.items[i]);
    int status = faults.len     ? JOB_EXIT_USAGE
                 : config.lease ? run_with_lease(&config, set.operands.items[0])
                                : run(&config, set.operands.items[0]);
    strv_done(&faults);
    opt_done(&set, &config);
    return status;
}
