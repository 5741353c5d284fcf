#include "runner/executor/slurm/cluster.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/proc.h"
#include "runner/executor/slurm/attempt.h"
#include "runner/executor/slurm/commands.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/*
 * The script that Slurm copies at each submission. It appends to the job's log, since a second copy
 * of the job must not truncate the log of the first.
 */
static const char script[] = "#!/bin/sh\n"
                             "# Written by ostest-runner at each start: DIR PROGRAM [WORD...]\n"
                             "dir=$1\n"
                             "shift\n"
                             "exec \"$@\" >>\"$dir/job.log\" 2>&1\n";

struct slurm_cluster {
    const struct options *options;
    const struct slot_program *program;
    char *script;
    char id[LEASE_SIZE];
};

/* Includes the path: a copied state directory belongs to another runner. */
static void set_id(struct slurm_cluster *c, const char *made, const char *dir)
{
    char *real = realpath(dir, NULL);
    const char *place = real ? real : dir;
    uint64_t hash = hash_add(HASH_START, made, strlen(made));
    lease_name(hash_add(hash, place, strlen(place)), c->id);
    free(real);
}

/*
 * Created once per state directory: the runner recognises its jobs by it, whatever the host name.
 */
static int find_id(struct slurm_cluster *c, const char *dir, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/cluster-id", dir);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    char made[LEASE_SIZE];
    uint64_t number;
    int r = fs_read_file(path, LEASE_DIGITS, &text, err);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == 0 && text.data && lease_is_name(text.data)) {
        set_id(c, text.data, dir);
        return 0;
    }
    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return err_errno(err, errno, "Cannot get random bits");
    lease_name(number, made);
    set_id(c, made, dir);
    return fs_write_atomic(path, made, LEASE_DIGITS, err);
}

/*
 * Variables that would restrict Slurm's commands to some jobs, or change the jobs.
 */
static void drop_settings_of_user(void)
{
    static const char *const starts[] = {"SQUEUE_",           "SCANCEL_",     "SINFO_",
                                         "SBATCH_ARRAY_INX=", "SBATCH_WAIT=", "SBATCH_CLUSTERS="};
    CLEANUP(strv_done) struct strv names = {0};
    for (char **variable = environ; *variable; variable++)
        for (size_t i = 0; i < ARRAY_LEN(starts); i++)
            if (strncmp(*variable, starts[i], strlen(starts[i])) == 0)
                strv_pushf(&names, "%.*s", (int)strcspn(*variable, "="), *variable);
    for (size_t i = 0; i < names.len; i++)
        unsetenv(names.items[i]);
}

int slurm_cluster_open(const struct options *options, const struct slot_program *program, const char *dir,
                       struct slurm_cluster **ret_cluster, struct err *err)
{
    struct slurm_cluster *c = mem_alloc(sizeof(*c));
    *c = (struct slurm_cluster){.options = options, .program = program};
    c->script = mem_printf("%s/cluster-job.sh", dir);
    drop_settings_of_user();
    int r = find_id(c, dir, err);
    if (r == 0)
        r = fs_write_atomic(c->script, script, strlen(script), err);
    if (r < 0)
        slurm_cluster_free(c);
    else
        *ret_cluster = c;
    return r;
}

void slurm_cluster_free(struct slurm_cluster *c)
{
    free(c->script);
    free(c);
}

char *slurm_cluster_job_name(const struct slurm_cluster *c, const char *key, const char *lease)
{
    return slurm_job_name(c->id, key, lease);
}

static void push_words(const struct slurm_cluster *c, const char *dir, const char *lease, struct strv *words)
{
    strv_push(words, dir);
    strv_push(words, c->program->path);
    strv_pushf(words, "--config=%s", c->program->config_path);
    strv_pushf(words, "--cache-dir=%s", c->program->cache_dir);
    strv_pushf(words, "--lease=%s", lease);
}

void slurm_cluster_command(const struct slurm_cluster *c, const char *name, const char *dir,
                           const char *lease, size_t slot, struct strv *ret_argv)
{
    CLEANUP(strv_done) struct strv words = {0};
    push_words(c, dir, lease, &words);
    strv_pushf(&words, "--slot=%zu", slot);
    if (c->program->progress)
        strv_push(&words, "--progress");
    if (c->program->reports)
        strv_push(&words, "--report");
    strv_push(&words, dir);
    struct slurm_request request = {.limits = &c->options->job,
                                    .args = c->options->slurm_args,
                                    .name = name,
                                    .script = c->script,
                                    .words = &words};
    slurm_submit_command(&request, ret_argv);
}

void slurm_cluster_probe_command(const struct slurm_cluster *c, const char *name, const char *dir,
                                 const char *lease, const char *node, struct strv *ret_argv)
{
    CLEANUP(strv_done) struct strv words = {0};
    push_words(c, dir, lease, &words);
    strv_push(&words, "--probe=node");
    strv_push(&words, dir);
    struct slurm_request request = {.limits = &c->options->job,
                                    .args = c->options->slurm_args,
                                    .name = name,
                                    .node = node,
                                    .is_test = !node,
                                    .script = c->script,
                                    .words = &words};
    slurm_submit_command(&request, ret_argv);
}

bool slurm_cluster_is_orphan(const struct slurm_cluster *c, const char *name)
{
    char lease[LEASE_SIZE];
    CLEANUP(mem_freep) char *key = NULL;
    if (!slurm_split_name(name, c->id, &key, lease))
        return false;
    CLEANUP(slurm_attempt_done) struct slurm_attempt files = {0};
    CLEANUP(mem_freep) char *dir = mem_printf("%s/%s", c->program->jobs_dir, key);
    int r = slurm_attempt_find(dir, &files, NULL);
    if (r == -ENOENT) /* or everything is missing, as when the share is not mounted */
        return fs_is_dir(c->program->jobs_dir);
    return r == 0 && strcmp(files.lease, lease) != 0;
}

char *slurm_cluster_complaint(const char *program, int status, const char *output)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    buf_puts(&text, output);
    CLEANUP(mem_freep) char *last = buf_last_line(&text);
    if (*last)
        return mem_printf("Slurm command failed: %s", last);
    CLEANUP(mem_freep) char *end = proc_describe_status(status);
    return mem_printf("Slurm command failed: %s ended with %s", program, end);
}
