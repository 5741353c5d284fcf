#include "model/job_options.h"

#include "model/result.h"
#include "test.h"

/* The list alone, as in ostest-job. */
struct config {
    bool before;
    struct job_options job;
};

static const struct opt table[] = {JOB_OPTIONS(struct config, job.)};

/* One parse. */
static struct config config;
static struct opt_set set;
static struct strv faults;

static void finish(void)
{
    if (set.table)
        opt_done(&set, &config);
    set = (struct opt_set){0};
    strv_done(&faults);
}

/* Parses one argument, or none. */
static void parse(const char *word)
{
    finish(); /* left by a failed test */
    config = (struct config){0};
    set = (struct opt_set){.table = table, .len = ARRAY_LEN(table)};
    CLEANUP(strv_done) struct strv argv = {0};
    strv_push(&argv, "program");
    if (word)
        strv_push(&argv, word);
    opt_parse(&set, (int)argv.len, argv.items, &config, &faults);
}

static void accept(const char *word)
{
    parse(word);
    if (faults.len)
        TEST_FAIL("refused: %s", faults.items[0]);
}

static void refuse(const char *word, const char *accepted)
{
    parse(word);
    CHECK_INT(faults.len, 1);
    CHECK_CONTAINS(faults.items[0], accepted);
    CLEANUP(mem_freep) char *name = mem_strndup(word, strcspn(word, "="));
    CHECK_CONTAINS(faults.items[0], name);
    finish();
}

/* ---- the defaults of docs/protocol.md ---- */

static void the_defaults_are_those_of_the_protocol(void)
{
    accept(NULL);
    const struct job_options *o = &config.job;
    CHECK_STR(o->tests_url, "https://github.com/os-nsu/tests.git");
    CHECK(o->tests_branch == NULL);
    CHECK_STR(o->git_protocols, "https,http,ssh,git");
    CHECK_INT(o->timeout_ms, 600000);
    CHECK_INT(o->proxy_timeout_s, 10);
    CHECK_INT(o->sample_ms, 100);
    CHECK_INT(o->memory_bytes, 1 << 30);
    CHECK(o->cpus == 1);
    CHECK_INT(o->pids, 256);
    CHECK_INT(o->disk_bytes, 512 << 20);
    CHECK_INT(o->output_bytes, 16 << 20);
    CHECK_INT(o->network, 0); /* none */
    CHECK_INT(o->memory_unit, RESULT_MEMORY_MB);
    CHECK(!o->mock);
    finish();
}

static void without_a_word_the_environment_is_found_out(void)
{
    accept(NULL);
    CHECK_INT(config.job.env_mode, JOB_ENV_AUTO);
    CHECK(config.job.python == NULL);
    finish();
}

static void the_list_fits_a_struct_of_its_own_as_well(void)
{
    static const struct opt own[] = {JOB_OPTIONS(struct job_options, )};
    CHECK_INT(ARRAY_LEN(own), ARRAY_LEN(table));
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        CHECK_INT(table[i].offset, own[i].offset + offsetof(struct config, job));
}

/* ---- the job's configuration file ---- */

static void only_the_list_is_printed(void)
{
    struct more {
        bool before;
        struct job_options job;
        bool after;
    };
    static const struct opt all[] = {
        {"help", NULL, OPT_HELP, .help = "x"},
        {"before", NULL, OPT_FLAG, offsetof(struct more, before), "no", .help = "x"},
        JOB_OPTIONS(struct more, job.),
        {"after", NULL, OPT_FLAG, offsetof(struct more, after), "no", .help = "x"}};
    char *argv[] = {"program", "--pids=9", "--after", NULL};
    struct more more = {0};
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    set = (struct opt_set){.table = all, .len = ARRAY_LEN(all)};
    opt_parse(&set, 3, argv, &more, &faults);
    job_options_print(&set, offsetof(struct more, job), &text);
    opt_done(&set, &more);
    set = (struct opt_set){0};
    CHECK(strncmp(text.data, "tests-url = https://github.com/os-nsu/tests.git\n", 48) == 0);
    CHECK_CONTAINS(text.data, "\npids = 9\n");
    CHECK_CONTAINS(text.data, "\nmemory = 1G\n");
    CHECK_CONTAINS(text.data, "\nmock = no\n");
    CHECK(!strstr(text.data, "tests-branch")); /* there is none */
    CHECK(!strstr(text.data, "before") && !strstr(text.data, "after") && !strstr(text.data, "help"));
}

/* ---- words and what they stand for ---- */

static void check_choice(const char *word, const int *value, int want)
{
    accept(word);
    CHECK_INT(*value, want);
    finish();
}

static void memory_units_are_those_of_a_result(void)
{
    check_choice("--memory-unit=B", &config.job.memory_unit, RESULT_MEMORY_B);
    check_choice("--memory-unit=KB", &config.job.memory_unit, RESULT_MEMORY_KB);
    check_choice("--memory-unit=MB", &config.job.memory_unit, RESULT_MEMORY_MB);
    refuse("--memory-unit=GB", "B, KB, MB");
}

static void environment_modes_have_their_words(void)
{
    check_choice("--env=auto", &config.job.env_mode, JOB_ENV_AUTO);
    check_choice("--env=system", &config.job.env_mode, JOB_ENV_SYSTEM);
    check_choice("--env=venv", &config.job.env_mode, JOB_ENV_VENV);
    refuse("--env=conda", "auto, system, venv");
}

static void the_network_is_none_or_the_hosts(void)
{
    check_choice("--network=none", &config.job.network, 0);
    check_choice("--network=host", &config.job.network, 1);
    refuse("--network=all", "none, host");
}

static void no_sandbox_can_be_asked_for(void)
{
    accept("--sandbox=none");
    finish();
    refuse("--sandbox=docker", "none");
}

/* ---- bounds ---- */

static void no_time_limit_is_zero(void)
{
    accept("--timeout=0");
    CHECK_INT(config.job.timeout_ms, 0);
    accept("--proxy-timeout=0");
    CHECK_INT(config.job.proxy_timeout_s, 0);
    finish();
}

static void numbers_within_bounds_are_taken(void)
{
    static const char *const words[] = {"--timeout=0.001",
                                        "--timeout=1000000",
                                        "--proxy-timeout=1000000",
                                        "--check-proc-interval=0.001",
                                        "--check-proc-interval=3600",
                                        "--memory=16M",
                                        "--memory=100G",
                                        "--cpus=0.01",
                                        "--cpus=4096",
                                        "--pids=8",
                                        "--pids=4194304",
                                        "--disk=1M",
                                        "--disk=1T",
                                        "--output=1K",
                                        "--output=1G"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        accept(words[i]);
    finish();
}

static void numbers_out_of_bounds_are_refused(void)
{
    static const char *const words[] = {"--timeout=-1",
                                        "--timeout=1000001",
                                        "--timeout=none",
                                        "--proxy-timeout=-1",
                                        "--proxy-timeout=1.5",
                                        "--check-proc-interval=0",
                                        "--check-proc-interval=3601",
                                        "--memory=15M",
                                        "--memory=0",
                                        "--memory=-1G",
                                        "--cpus=0",
                                        "--cpus=5000",
                                        "--pids=7",
                                        "--pids=0",
                                        "--disk=1023K",
                                        "--output=1023",
                                        "--output=x"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        refuse(words[i], "accepted: ");
}

/* ---- checks ---- */

static void check_all(const char *const *texts, size_t len, opt_check_fn *fn, bool fine)
{
    for (size_t i = 0; i < len; i++)
        if ((fn(texts[i]) == NULL) != fine)
            TEST_FAIL("\"%s\" is %s", texts[i], fine ? "refused" : "taken");
}

static void a_line_has_no_control_characters(void)
{
    static const char *const fine[] = {"", "x", "https://host/x y", "привет 🐢", "# = ~ \\ '\""};
    static const char *const wrong[] = {"\n", "a\nb", "a\r", "\t", "a\x1b[31m", "a\x7f", "\x01"};
    check_all(fine, ARRAY_LEN(fine), job_options_check_line, true);
    check_all(wrong, ARRAY_LEN(wrong), job_options_check_line, false);
}

static void protocols_are_names_with_commas(void)
{
    static const char *const fine[] = {"https", "https,http,ssh,git", "file", "git+ssh", "a-b,c9"};
    static const char *const wrong[] = {"",  "https http", "https;ssh", "HTTPS", "https:ssh", "https,\nfile",
                                        "*", "ёж",         "a=b"};
    check_all(fine, ARRAY_LEN(fine), job_options_check_protocols, true);
    check_all(wrong, ARRAY_LEN(wrong), job_options_check_protocols, false);
}

static void a_program_is_a_name_or_an_absolute_path(void)
{
    static const char *const fine[] = {"python3", "/usr/bin/python3", "/opt/my python/bin/python3",
                                       "pypy3.10"};
    static const char *const wrong[] = {"",          "bin/python3",        "./python3", "../python3",
                                        "python3\n", "/usr/bin/\tpython3", "a/"};
    check_all(fine, ARRAY_LEN(fine), job_options_check_program, true);
    check_all(wrong, ARRAY_LEN(wrong), job_options_check_program, false);
}

static void the_texts_are_checked(void)
{
    refuse("--tests-url=a\nb", "without control characters");
    refuse("--tests-branch=a\nmock = yes", "without control characters");
    refuse("--git-protocols=ext::sh", "names of protocols");
    refuse("--python=./python3", "an absolute path");
    accept("--tests-url=/srv/suite");
    CHECK_STR(config.job.tests_url, "/srv/suite");
    accept("--tests-branch=2026");
    CHECK_STR(config.job.tests_branch, "2026");
    accept("--git-protocols=file");
    CHECK_STR(config.job.git_protocols, "file");
    accept("--python=/opt/python");
    CHECK_STR(config.job.python, "/opt/python");
    accept("--mock");
    CHECK(config.job.mock);
    finish();
}

TEST_MAIN(TEST(the_defaults_are_those_of_the_protocol), TEST(without_a_word_the_environment_is_found_out),
          TEST(the_list_fits_a_struct_of_its_own_as_well), TEST(only_the_list_is_printed),
          TEST(memory_units_are_those_of_a_result), TEST(environment_modes_have_their_words),
          TEST(the_network_is_none_or_the_hosts), TEST(no_sandbox_can_be_asked_for),
          TEST(no_time_limit_is_zero), TEST(numbers_within_bounds_are_taken),
          TEST(numbers_out_of_bounds_are_refused), TEST(a_line_has_no_control_characters),
          TEST(protocols_are_names_with_commas), TEST(a_program_is_a_name_or_an_absolute_path),
          TEST(the_texts_are_checked))
