/*
 * Any bytes as the runner's configuration file. Accepted values are within their limits, and the
 * job reads the same values from the file that the runner writes for it.
 */

#include "memfile.h"
#include "scratch.h"

#include "base/log.h"
#include "model/result.h"
#include "runner/config/options.h"

/* Reads job.conf as ostest-job does. */
struct job_side {
    char *config;
    struct job_options job;
};

static const struct opt job_table[] = {
    {"config", "FILE", OPT_STRING, offsetof(struct job_side, config), .help = "file"},
    JOB_OPTIONS(struct job_side, job.),
};

static bool is_same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_job(const struct job_options *a, const struct job_options *b)
{
    REQUIRE(is_same_text(a->tests_url, b->tests_url) && is_same_text(a->tests_branch, b->tests_branch));
    REQUIRE(is_same_text(a->git_protocols, b->git_protocols) && is_same_text(a->python, b->python));
    REQUIRE(a->timeout_ms == b->timeout_ms && a->proxy_timeout_s == b->proxy_timeout_s);
    REQUIRE(a->sample_ms == b->sample_ms && a->env_mode == b->env_mode && a->sandbox == b->sandbox);
    REQUIRE(a->memory_bytes == b->memory_bytes && a->cpus == b->cpus && a->pids == b->pids);
    REQUIRE(a->disk_bytes == b->disk_bytes && a->output_bytes == b->output_bytes && a->inodes == b->inodes);
    REQUIRE(a->network == b->network && a->memory_unit == b->memory_unit && a->mock == b->mock);
}

static void check_job_file(const struct options *o)
{
    static char *path;
    path = path ? path : mem_printf("%s/job.conf", scratch_dir());
    REQUIRE(options_write_job_file(o, path, NULL) == 0);
    struct job_side side = {0};
    struct opt_set set = {.table = job_table, .len = ARRAY_LEN(job_table), .config_option = "config"};
    char *argv[] = {(char *)"ostest-job", (char *)"--config", path, NULL};
    CLEANUP(strv_done) struct strv faults = {0};
    REQUIRE(opt_parse(&set, 3, argv, &side, &faults) == 0);
    check_job(&o->job, &side.job);
    opt_done(&set, &side);
}

static void check_accepted(const struct options *o)
{
    const struct job_options *j = &o->job;
    REQUIRE(o->concurrent >= 1 && o->concurrent <= 1024 && o->task_tries >= 1 && o->task_tries <= 100);
    REQUIRE(o->check_interval_ms >= 10 && o->refresh_ms >= 100 && o->max_tasks >= 0 &&
            o->drain_timeout_ms >= 0);
    REQUIRE(o->logger_level >= LOG_LEVEL_DEBUG && o->logger_level <= LOG_LEVEL_CRITICAL);
    REQUIRE(strncasecmp(o->backend_url, "http", 4) == 0 && *o->get_api == '/' && *o->post_api == '/');
    REQUIRE(*o->login && o->password && *o->password && *o->state_dir == '/');
    REQUIRE(j->timeout_ms >= 0 && j->sample_ms >= 1 && j->proxy_timeout_s >= 0 && j->pids >= 8);
    REQUIRE(j->memory_bytes >= 16 << 20 && j->disk_bytes >= 1 << 20 && j->output_bytes >= 1024);
    REQUIRE(j->cpus >= 0.01 && j->cpus <= 4096 && j->inodes >= 1000);
    REQUIRE(j->env_mode >= 0 && j->env_mode <= JOB_ENV_VENV && j->sandbox >= 0 &&
            j->sandbox <= JOB_SANDBOX_NONE);
    REQUIRE(j->network >= 0 && j->network <= JOB_NETWORK_HOST);
    REQUIRE(j->memory_unit >= 0 && j->memory_unit <= RESULT_MEMORY_MB);
    CLEANUP(mem_freep) char *url = options_url(o, o->get_api);
    REQUIRE(!strpbrk(url, " \n\r\t"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = file_in_memory(data, size);
    char *argv[] = {(char *)"ostest-runner", (char *)"--state-dir=/state", (char *)"--config", (char *)path,
                    NULL};
    struct options options;
    CLEANUP(strv_done) struct strv faults = {0};
    const char *asked;
    int r = options_read(4, argv, &options, &asked, &faults);
    REQUIRE(!asked && (r == 0) == (faults.len == 0));
    for (size_t i = 0; i < faults.len; i++)
        REQUIRE(*faults.items[i]);
    if (r == 0) {
        check_accepted(&options);
        check_job_file(&options);
    }
    options_done(&options);
    return 0;
}
