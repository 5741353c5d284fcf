#include "runner/config/slurm_args.h"
#include "runner/executor/slurm/commands.h"

#include "test.h"

#define RUNNER "00000000000000aa"
#define LEASE  "0123456789abcdef"

/* ---- names ---- */

static void a_name_can_be_taken_apart(void)
{
    static const char *const keys[] = {"000000000012-21", "000000000012-3fa85f64-5717-4562-b3fc",
                                       "000000000001-"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        CLEANUP(mem_freep) char *name = slurm_job_name(RUNNER, keys[i], LEASE);
        CLEANUP(mem_freep) char *key = NULL;
        char lease[LEASE_SIZE];
        CHECK(slurm_split_name(name, RUNNER, &key, lease));
        CHECK_STR(key, keys[i]);
        CHECK_STR(lease, LEASE);
    }
}

static void other_names_are_left_alone(void)
{
    static const char *const names[] = {"",
                                        "wrap",
                                        "ostest",
                                        "ostest-",
                                        "ostest-" RUNNER,
                                        "ostest-" RUNNER "-",
                                        "ostest-" RUNNER "-" LEASE,
                                        "ostest-" RUNNER "-key-0123456789abcde",
                                        "ostest-" RUNNER "-key-0123456789abcdeg",
                                        "ostest-00000000000000ab-key-" LEASE,
                                        "xostest-" RUNNER "-key-" LEASE};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *key = NULL;
        char lease[LEASE_SIZE];
        if (slurm_split_name(names[i], RUNNER, &key, lease))
            TEST_FAIL("%s was taken", names[i]);
        CHECK(!key);
    }
}

/* ---- sbatch ---- */

static void operators_options_may_be_most(void)
{
    static const char *const fine[] = {"",
                                       "-p short",
                                       "--partition=short --account=os --qos=high",
                                       "-A os",
                                       "--constraint=fast",
                                       "--time=10 --mem=2G",
                                       "--wait-all-nodes=0",
                                       "--qos=high --gpus=1 --get-user-env",
                                       "--exclusive"};
    static const char *const refused[] = {
        "short",   "--array=1-9",    "-a1-9",    "-W",          "--wait", "--wrap=true", "--test-only",
        "-Mother", "--clusters=a,b", "--arra=1", "-p a : -p b", "-p a\n", "--help",      "-Q",
        "--quiet", "--uid=1",        "--gid=1",  "-p a --",     "--wai"};
    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
        if (slurm_args_check(fine[i]))
            TEST_FAIL("'%s' was refused", fine[i]);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (!slurm_args_check(refused[i]))
            TEST_FAIL("'%s' was not refused", refused[i]);
}

static char *command(const struct job_options *limits, const char *args, const char *node)
{
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(strv_done) struct strv words = {0};
    strv_push(&words, "a b");
    struct slurm_request request = {.limits = limits,
                                    .args = args,
                                    .name = "the-name",
                                    .node = node,
                                    .is_test = node && strcmp(node, "test") == 0,
                                    .script = "/s/job.sh",
                                    .words = &words};
    slurm_submit_command(&request, &argv);
    return strv_join(&argv, "|");
}

static void limits_of_a_task_are_limits_of_its_job(void)
{
    struct job_options limits = {.timeout_ms = 600000, .memory_bytes = 1ULL << 30, .cpus = 1};
    CLEANUP(mem_freep) char *got = command(&limits, NULL, NULL);
    CHECK_STR(got,
              "sbatch|--cpus-per-task=1|--mem=1280M|--time=42|--parsable|--no-requeue|--nodes=1|--ntasks=1|"
              "--chdir=/|--input=/dev/null|--output=/dev/null|--error=/dev/null|--job-name=the-name|"
              "/s/job.sh|a b");
    limits = (struct job_options){.timeout_ms = 1, .memory_bytes = 1, .cpus = 1.01};
    CLEANUP(mem_freep) char *little = command(&limits, NULL, "n7");
    CHECK_CONTAINS(little, "|--cpus-per-task=2|--mem=256M|--time=3|");
    CHECK_CONTAINS(little, "|--nodelist=n7|");
    limits.timeout_ms = 0;
    CLEANUP(mem_freep) char *endless = command(&limits, NULL, NULL);
    CHECK(!strstr(endless, "--time"));
}

/* Of two the last counts: the operator's over the limits, what makes it one try over the operator's. */
static void operators_options_stand_in_between(void)
{
    struct job_options limits = {.timeout_ms = 60000, .memory_bytes = 1, .cpus = 1};
    CLEANUP(mem_freep) char *got = command(&limits, " --mem=9G   --job-name=mine ", NULL);
    CHECK_CONTAINS(got, "--time=6|--mem=9G|--job-name=mine|--parsable");
    CHECK(strstr(got, "mine") < strstr(got, "--job-name=the-name"));
}

static void a_test_submits_nothing(void)
{
    struct job_options limits = {.timeout_ms = 60000, .memory_bytes = 1, .cpus = 1};
    CLEANUP(mem_freep) char *got = command(&limits, NULL, "test");
    CHECK_CONTAINS(got, "|--test-only|/s/job.sh|");
}

static void a_node_takes_jobs_or_says_why_not(void)
{
    static const struct {
        const char *line;
        bool takes_jobs;
        const char *name, *state;
    } rows[] = {{"n1|idle", true, "n1", "idle"},
                {"n1|mixed", true, "n1", "mixed"},
                {"n1|allocated", true, "n1", "allocated"},
                {"n1|down*", false, "n1", "down*"},
                {"n1|drained", false, "n1", "drained"},
                {"n1|idle~", false, "n1", "idle~"},
                {"n1", false, "n1", ""},
                {"|idle", false, "|idle", ""},
                {"a|b|c", false, "a|b|c", ""},
                {"", false, "", ""}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(mem_freep) char *line = mem_strdup(rows[i].line);
        const char *state;
        CHECK_INT(slurm_parse_node(line, &state), rows[i].takes_jobs);
        CHECK_STR(line, rows[i].name);
        CHECK_STR(state, rows[i].state);
    }
}

static void the_id_is_found_among_warnings(void)
{
    static const struct {
        const char *output, *id;
    } rows[] = {{"17\n", "17"},
                {"17;cluster\n", "17"},
                {"sbatch: warning: can't honor 2\n18\n", "18"},
                {"", NULL},
                {"sbatch: error: Batch job submission failed: Invalid partition name specified\n", NULL},
                {"17 jobs\n", NULL},
                {"99999999999999999999999999999999999999\n", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char id[16] = "untouched";
        CHECK_INT(slurm_parse_id(rows[i].output, id, sizeof(id)), rows[i].id != NULL);
        CHECK_STR(id, rows[i].id ? rows[i].id : "untouched");
    }
}

/* ---- squeue ---- */

static void a_line_is_cut_up(void)
{
    char line[] = "17|NODE_FAIL|n2|NodeDown|ostest-a-b-c";
    struct slurm_job job;
    CHECK(slurm_parse_line(line, &job));
    CHECK_STR(job.id, "17");
    CHECK_STR(job.word, "NODE_FAIL");
    CHECK_STR(job.node, "n2");
    CHECK_STR(job.reason, "NodeDown");
    CHECK_STR(job.name, "ostest-a-b-c");
    CHECK_INT(job.state, SLURM_ENDED);
}

static void other_lines_are_no_jobs(void)
{
    static const char *const lines[] = {"",
                                        "|",
                                        "||||",
                                        "17",
                                        "17|RUNNING|n1|None",
                                        "17|RUNNING|n1|None|",
                                        "17||n1|None|name",
                                        "|RUNNING|n1|None|name",
                                        "17|RUNNING|n1|None|a|b",
                                        "slurm_load_jobs error: a|b|c|d|e"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        CLEANUP(mem_freep) char *line = mem_strdup(lines[i]);
        struct slurm_job job;
        if (slurm_parse_line(line, &job))
            TEST_FAIL("'%s' was taken", lines[i]);
    }
}

static void each_word_has_its_meaning(void)
{
    static const struct {
        const char *word, *reason;
        enum slurm_state state;
    } rows[] = {{"PENDING", "Resources", SLURM_WAITS},
                {"PENDING", "JobHeldAdmin", SLURM_HELD},
                {"PENDING", "JobHeldUser", SLURM_HELD},
                {"PENDING", "launch failed requeued held", SLURM_HELD},
                {"PENDING", "JobHoldMaxRequeue", SLURM_HELD},
                {"SPECIAL_EXIT", "job requeued in held state", SLURM_HELD},
                {"REQUEUE_HOLD", "None", SLURM_HELD},
                {"RESV_DEL_HOLD", "ReservationDeleted", SLURM_HELD},
                {"RUNNING", "None", SLURM_RUNS},
                {"CONFIGURING", "None", SLURM_RUNS},
                {"SUSPENDED", "None", SLURM_RUNS},
                {"A_WORD_OF_TOMORROW", "None", SLURM_RUNS},
                {"COMPLETING", "None", SLURM_ENDING},
                {"COMPLETED", "None", SLURM_ENDED},
                {"CANCELLED", "None", SLURM_ENDED},
                {"FAILED", "NonZeroExitCode", SLURM_ENDED},
                {"TIMEOUT", "TimeLimit", SLURM_ENDED},
                {"NODE_FAIL", "NodeDown", SLURM_ENDED},
                {"OUT_OF_MEMORY", "OutOfMemory", SLURM_ENDED},
                {"PREEMPTED", "None", SLURM_ENDED},
                {"BOOT_FAIL", "None", SLURM_ENDED},
                {"DEADLINE", "None", SLURM_ENDED},
                {"REVOKED", "None", SLURM_ENDED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(mem_freep) char *line = mem_printf("1|%s||%s|x", rows[i].word, rows[i].reason);
        struct slurm_job job;
        CHECK(slurm_parse_line(line, &job));
        if (job.state != rows[i].state)
            TEST_FAIL("%s (%s) is %d", rows[i].word, rows[i].reason, job.state);
    }
}

/* --all: else what is in a hidden partition is not told to those who may use it. */
static void all_is_asked_for(void)
{
    CLEANUP(strv_done) struct strv list = {0};
    CLEANUP(strv_done) struct strv nodes = {0};
    slurm_list_command(7, &list);
    slurm_nodes_command(&nodes);
    CLEANUP(mem_freep) char *got_list = strv_join(&list, " ");
    CLEANUP(mem_freep) char *got_nodes = strv_join(&nodes, " ");
    CHECK_STR(got_list, "squeue --noheader --all --states=all --user=7 --format=%i|%T|%N|%r|%j");
    CHECK_STR(got_nodes, "sinfo --noheader --all --Node --format=%N|%T");
}

static void jobs_are_cancelled_by_name_and_user(void)
{
    CLEANUP(strv_done) struct strv argv = {0};
    slurm_cancel_command(7, "a", &argv);
    CLEANUP(mem_freep) char *got = strv_join(&argv, " ");
    CHECK_STR(got, "scancel --user=7 --name=a");
}

TEST_MAIN(TEST(a_name_can_be_taken_apart), TEST(other_names_are_left_alone),
          TEST(operators_options_may_be_most), TEST(limits_of_a_task_are_limits_of_its_job),
          TEST(operators_options_stand_in_between), TEST(a_test_submits_nothing),
          TEST(a_node_takes_jobs_or_says_why_not), TEST(the_id_is_found_among_warnings),
          TEST(a_line_is_cut_up), TEST(other_lines_are_no_jobs), TEST(each_word_has_its_meaning),
          TEST(all_is_asked_for), TEST(jobs_are_cancelled_by_name_and_user))
