#include "runner/executor/slurm/commands.h"

#include "base/mem.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NAME_PREFIX "ostest"

/* For git, pip and ostest-job itself, in addition to --memory. */
#define SPARE_MEMORY_MB 256
/*
 * A job fetches, prepares and tests, each within --timeout. Slurm's own limit must be longer.
 */
#define STEPS_OF_JOB  4
#define SPARE_MINUTES 2
#define LINE_FIELDS   5

/* ---- names ---- */

char *slurm_job_name(const char *runner, const char *key, const char *lease)
{
    return mem_printf(NAME_PREFIX "-%s-%s-%s", runner, key, lease);
}

bool slurm_split_name(const char *name, const char *runner, char **ret_key, char ret_lease[LEASE_SIZE])
{
    CLEANUP(mem_freep) char *start = mem_printf(NAME_PREFIX "-%s-", runner);
    size_t start_len = strlen(start), len = strlen(name);
    if (len <= start_len + 1 + LEASE_DIGITS || strncmp(name, start, start_len) != 0)
        return false;
    const char *lease = name + len - LEASE_DIGITS;
    if (lease[-1] != '-' || !lease_is_name(lease))
        return false;
    memcpy(ret_lease, lease, LEASE_SIZE);
    *ret_key = mem_strndup(name + start_len, (size_t)(lease - 1 - (name + start_len)));
    return true;
}

/* ---- command lines ---- */

static void push_limits(const struct job_options *limits, struct strv *argv)
{
    int64_t minutes = (limits->timeout_ms * STEPS_OF_JOB + 59999) / 60000 + SPARE_MINUTES;
    strv_pushf(argv, "--cpus-per-task=%lld", (long long)ceil(limits->cpus));
    strv_pushf(argv, "--mem=%" PRIu64 "M", (limits->memory_bytes >> 20) + SPARE_MEMORY_MB);
    if (limits->timeout_ms)
        strv_pushf(argv, "--time=%" PRId64, minutes);
}

void slurm_submit_command(const struct slurm_request *request, struct strv *ret_argv)
{
    static const char *const fixed[] = {"--parsable",         "--no-requeue",     "--nodes=1",
                                        "--ntasks=1",         "--chdir=/",        "--input=/dev/null",
                                        "--output=/dev/null", "--error=/dev/null"};
    strv_push(ret_argv, "sbatch");
    push_limits(request->limits, ret_argv);
    strv_split(ret_argv, request->args ? request->args : "", " ");
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        strv_push(ret_argv, fixed[i]);
    strv_pushf(ret_argv, "--job-name=%s", request->name);
    if (request->node)
        strv_pushf(ret_argv, "--nodelist=%s", request->node);
    if (request->is_test)
        strv_push(ret_argv, "--test-only");
    strv_push(ret_argv, request->script);
    strv_extend(ret_argv, request->words);
}

void slurm_list_command(uid_t user, struct strv *ret_argv)
{
    strv_push(ret_argv, "squeue");
    strv_push(ret_argv, "--noheader");
    /* else a user's own jobs in hidden partitions are not listed */
    strv_push(ret_argv, "--all");
    strv_push(ret_argv, "--states=all");
    strv_pushf(ret_argv, "--user=%u", (unsigned)user);
    strv_push(ret_argv, "--format=%i|%T|%N|%r|%j");
}

void slurm_cancel_command(uid_t user, const char *name, struct strv *ret_argv)
{
    strv_push(ret_argv, "scancel");
    strv_pushf(ret_argv, "--user=%u", (unsigned)user);
    strv_pushf(ret_argv, "--name=%s", name);
}

void slurm_nodes_command(struct strv *ret_argv)
{
    strv_push(ret_argv, "sinfo");
    strv_push(ret_argv, "--noheader");
    strv_push(ret_argv, "--all"); /* including hidden partitions */
    strv_push(ret_argv, "--Node");
    strv_push(ret_argv, "--format=%N|%T");
}

/* ---- answers ---- */

bool slurm_parse_node(char *line, const char **ret_state)
{
    static const char *const taking[] = {"idle", "mixed", "allocated", "completing", "allocated+"};
    char *bar = strchr(line, '|');
    *ret_state = "";
    if (!bar || bar == line || strchr(bar + 1, '|'))
        return false;
    *bar = '\0';
    *ret_state = bar + 1;
    for (size_t i = 0; i < ARRAY_LEN(taking); i++)
        if (strcmp(bar + 1, taking[i]) == 0)
            return true;
    return false;
}

bool slurm_parse_id(const char *output, char *ret_id, size_t size)
{
    CLEANUP(strv_done) struct strv lines = {0};
    strv_split(&lines, output, "\n");
    for (size_t i = 0; i < lines.len; i++) {
        const char *line = lines.items[i];
        size_t len = strspn(line, "0123456789");
        /* "id;cluster", or a warning */
        if (!len || len >= size || (line[len] != '\0' && line[len] != ';'))
            continue;
        memcpy(ret_id, line, len);
        ret_id[len] = '\0';
        return true;
    }
    return false;
}

static bool is_holding(const char *reason)
{
    static const char *const reasons[] = {"JobHeldAdmin",
                                          "JobHeldUser",
                                          "JobHoldMaxRequeue",
                                          "launch failed requeued held",
                                          "job requeued in held state",
                                          "BadConstraints"};
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    return false;
}

/*
 * Any other state is a transition, to be waited for. A COMPLETING job has not been cleaned up yet:
 * on a node that does not answer it may stay so for days.
 */
static enum slurm_state state_of(const char *word, const char *reason)
{
    static const struct {
        const char *word;
        enum slurm_state state;
    } words[] = {{"COMPLETING", SLURM_ENDING}, {"COMPLETED", SLURM_ENDED},     {"CANCELLED", SLURM_ENDED},
                 {"FAILED", SLURM_ENDED},      {"TIMEOUT", SLURM_ENDED},       {"NODE_FAIL", SLURM_ENDED},
                 {"PREEMPTED", SLURM_ENDED},   {"BOOT_FAIL", SLURM_ENDED},     {"DEADLINE", SLURM_ENDED},
                 {"REVOKED", SLURM_ENDED},     {"OUT_OF_MEMORY", SLURM_ENDED}, {"REQUEUE_HOLD", SLURM_HELD},
                 {"SPECIAL_EXIT", SLURM_HELD}, {"RESV_DEL_HOLD", SLURM_HELD}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(word, words[i].word) == 0)
            return words[i].state;
    if (strcmp(word, "PENDING") != 0)
        return SLURM_RUNS;
    return is_holding(reason) ? SLURM_HELD : SLURM_WAITS;
}

bool slurm_parse_line(char *line, struct slurm_job *ret_job)
{
    char *fields[LINE_FIELDS];
    for (size_t i = 0; i < LINE_FIELDS; i++) {
        fields[i] = line;
        char *bar = strchr(line, '|');
        bool is_last = i == LINE_FIELDS - 1;
        if (is_last != !bar)
            return false;
        if (bar) {
            *bar = '\0';
            line = bar + 1;
        }
    }
    if (!isdigit((unsigned char)fields[0][0]) || !*fields[1] || !*fields[4])
        return false;
    *ret_job = (struct slurm_job){fields[0], fields[1], fields[2],
                                  fields[3], fields[4], state_of(fields[1], fields[3])};
    return true;
}
