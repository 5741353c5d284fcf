/* Any bytes as the output of Slurm commands, and as the end file of a job in a cluster. */

#include "fuzz.h"

#include "base/mem.h"
#include "runner/config/slurm_args.h"
#include "runner/executor/slurm/commands.h"

#define RUNNER "00000000000000aa"

static void check_name(const char *text)
{
    CLEANUP(mem_freep) char *key = NULL;
    char lease[LEASE_SIZE];
    if (!slurm_split_name(text, RUNNER, &key, lease)) {
        REQUIRE(!key);
        return;
    }
    CLEANUP(mem_freep) char *again = slurm_job_name(RUNNER, key, lease);
    REQUIRE(strcmp(again, text) == 0 && lease_is_name(lease));
}

static void check_lines(const char *text)
{
    CLEANUP(strv_done) struct strv lines = {0};
    strv_split(&lines, text, "\n");
    for (size_t i = 0; i < lines.len; i++) {
        CLEANUP(mem_freep) char *node = mem_strdup(lines.items[i]);
        struct slurm_job job;
        const char *state;
        bool takes_jobs = slurm_parse_node(node, &state);
        REQUIRE(!takes_jobs || (*node && *state));
        if (!slurm_parse_line(lines.items[i], &job))
            continue;
        REQUIRE(*job.id && *job.word && *job.name && job.node && job.reason);
        REQUIRE(!strpbrk(job.name, "|\n"));
        check_name(job.name);
    }
}

static void check_end(const char *text, size_t len)
{
    struct lease_end end;
    if (!lease_parse(text, len, &end))
        return;
    CLEANUP(mem_freep) char *again = lease_format(&end);
    REQUIRE(strlen(again) == len && memcmp(again, text, len) == 0);
    REQUIRE(lease_is_name(end.lease) && end.status <= 999);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(mem_freep) char *text = mem_strndup((const char *)data, size);
    char id[16] = "";
    REQUIRE(slurm_parse_id(text, id, sizeof(id)) == (*id != '\0'));
    REQUIRE(strspn(id, "0123456789") == strlen(id));
    check_lines(text);
    check_name(text);
    check_end(text, strlen(text));
    slurm_args_check(text);
    return 0;
}
