#include "runner/check/preflight.h"

#include "base/capture.h"
#include "base/fs.h"
#include "base/log.h"
#include "model/state_files.h"
#include "runner/check/probe_dir.h"
#include "runner/check/slurm.h"
#include "sandbox/advice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_LIMIT_BYTES 65536

/* Returns the text of the last line of ostest-job's log. The caller frees. */
static char *last_text(const struct buf *output)
{
    CLEANUP(mem_freep) char *line = buf_last_line(output);
    const char *space = strchr(line, ' ');
    struct buf text = BUF_INIT(0);
    log_format_text(&text, space ? space + 1 : line);
    return buf_take(&text);
}

static int run_helper(const struct strv *argv, struct buf *ret_output, struct err *err)
{
    struct capture capture = {.doing = argv->items[0],
                              .argv = argv,
                              .output_limit_bytes = OUTPUT_LIMIT_BYTES,
                              .cut_output = true,
                              .cancel_fd = -1};
    return capture_run(&capture, ret_output, NULL, err);
}

int preflight_git(char **ret_version, struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(buf_done) struct buf output = BUF_INIT(0);
    strv_push(&argv, "git");
    strv_push(&argv, "--version");
    if (run_helper(&argv, &output, NULL) < 0)
        return err_set(err, ERR_ENVIRONMENT, ENOENT, "git does not work; install it: apt-get install git");
    *ret_version = buf_last_line(&output);
    return 0;
}

static int run_probe(const char *job_program, const char *config, const char *cache_dir, const char *dir,
                     enum preflight_probe probe, struct buf *ret_output, struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    strv_push(&argv, job_program);
    strv_pushf(&argv, "--config=%s", config);
    strv_pushf(&argv, "--cache-dir=%s", cache_dir);
    strv_pushf(&argv, "--probe=%s", probe == PREFLIGHT_SANDBOX ? "sandbox" : "suite");
    strv_push(&argv, dir);
    return run_helper(&argv, ret_output, err);
}

int preflight_probe(const struct options *options, const char *job_program, enum preflight_probe probe,
                    char **ret_words, struct err *err)
{
    CLEANUP(buf_done) struct buf output = BUF_INIT(0);
    CLEANUP(mem_freep) char *cache_dir = mem_printf("%s/" STATE_CACHE, options->state_dir);
    CLEANUP(mem_freep)
    char *dir = mem_printf("%s/" PROBE_DIR_PREFIX "%d", options->state_dir, (int)getpid());
    CLEANUP(mem_freep) char *config = mem_printf("%s.conf", dir);
    int r = options_write_job_file(options, config, err);
    if (r == 0)
        r = fs_make_dirs(dir, 0700, err);
    if (r == 0)
        r = run_probe(job_program, config, cache_dir, dir, probe, &output, err);
    CLEANUP(mem_freep) char *words = last_text(&output);
    if (r == -EIO || r == -EINTR) {
        const char *mend = sandbox_advice(words);
        err_set(err, ERR_ENVIRONMENT, EIO, "%s%s%s", *words ? words : "ostest-job said nothing",
                mend ? "; " : "", mend ? mend : "");
    }
    fs_remove_tree(dir, NULL);
    fs_remove_tree(config, NULL);
    if (ret_words)
        *ret_words = TAKE_PTR(words);
    return r;
}

/* Removes the directories of killed probes. */
static void remove_old_probes(const char *state_dir)
{
    CLEANUP(strv_done) struct strv names = {0};
    if (fs_list_dir(state_dir, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.len; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", state_dir, names.items[i]);
        if (strncmp(names.items[i], PROBE_DIR_PREFIX, strlen(PROBE_DIR_PREFIX)) == 0)
            fs_remove_tree(path, NULL);
    }
}

/* `doctor` checks the nodes. A cluster that is away is waited for. */
static int check_cluster(const struct options *options, const char *job_program, struct err *err)
{
    remove_old_probes(options->state_dir);
    int r = slurm_check_request(options, job_program, err);
    if (r < 0 && err->class == ERR_NETWORK) {
        log_warning("%s", err->message);
        return 0;
    }
    if (r < 0)
        err_prefix(err, "Slurm would not take a task's job (--slurm-args, --memory, --cpus, --timeout)");
    return r;
}

int preflight(const struct options *options, const char *job_program, struct err *err)
{
    CLEANUP(mem_freep) char *git_version = NULL;
    if (options->executor == OPTIONS_EXECUTOR_SLURM)
        return check_cluster(options, job_program, err);
    if (options->job.mock)
        return 0;
    int r = preflight_git(&git_version, err);
    if (r < 0)
        return r;
    if (options->job.sandbox == JOB_SANDBOX_NONE) {
        log_warning("students' code runs unconfined (--sandbox none): --memory, --cpus, --pids, --inodes and "
                    "--network have no effect, and memoryUsed is 0");
        return 0;
    }
    remove_old_probes(options->state_dir);
    r = cgroup_make_room(err);
    if (r == 0)
        r = preflight_probe(options, job_program, PREFLIGHT_SANDBOX, NULL, err);
    if (r < 0) {
        err_prefix(err, "The sandbox does not work (ostest-runner doctor tells more)");
        return r;
    }
    struct cgroup_parents parents;
    cgroup_find(&parents);
    log_fields(LOG_LEVEL_INFO, NULL, "students' code is confined", LOG_TEXT("sandbox", "bwrap"),
               LOG_TEXT("cgroups", cgroup_kind_name(parents.kind)));
    if (parents.kind == CGROUP_NONE)
        log_warning("memoryUsed is 0, and --memory is watched by samples only: %s", parents.why);
    cgroup_parents_done(&parents);
    return 0;
}
