#include "read-options.h"

#include "base/log.h"
#include "model/result.h"
#include "runner/cli/help.h"

/* ---- the table of docs/protocol.md ---- */

static void without_arguments_the_defaults_hold(void)
{
    start();
    ACCEPT();
    CHECK_STR(options.backend_url, "http://localhost:5000");
    CHECK_INT(options.concurrent, 2);
    CHECK_INT(options.check_interval_ms, 5000);
    CHECK_STR(options.get_api, "/api/task/available");
    CHECK_STR(options.post_api, "/api/task/result");
    CHECK_STR(options.login_api, "/api/v1/login");
    CHECK_STR(options.token_refresh_api, "/api/v1/auth/refresh");
    CHECK_INT(options.refresh_ms, 60000);
    CHECK_STR(options.login, "dora_explorer");
    CHECK_STR(options.password, "dora_explorer");
    CHECK(options.password_file == NULL);
    CHECK(!options.auth);
    CHECK_INT(options.logger_level, LOG_LEVEL_INFO);
    CHECK_STR(options.logger_output, "");
    CHECK_STR(options.state_dir, "/home/somebody/.local/state/ostest-runner");
    CHECK(options.config == NULL);
    CHECK(!options.once);
    CHECK_INT(options.max_tasks, 0);
    CHECK_INT(options.task_tries, 2);
    CHECK_INT(options.drain_timeout_ms, 600000);
    finish();
}

static void without_arguments_the_jobs_defaults_hold(void)
{
    start();
    ACCEPT();
    CHECK_STR(options.job.tests_url, "https://github.com/os-nsu/tests.git");
    CHECK(options.job.tests_branch == NULL);
    CHECK_STR(options.job.git_protocols, "https,http,ssh,git");
    CHECK_INT(options.job.timeout_ms, 600000);
    CHECK_INT(options.job.proxy_timeout_s, 10);
    CHECK_INT(options.job.sample_ms, 100);
    CHECK_INT(options.job.memory_bytes, 1 << 30);
    CHECK(options.job.cpus == 1);
    CHECK_INT(options.job.pids, 256);
    CHECK_INT(options.job.disk_bytes, 512 << 20);
    CHECK_INT(options.job.output_bytes, 16 << 20);
    CHECK_INT(options.job.network, 0); /* none */
    CHECK_INT(options.job.memory_unit, RESULT_MEMORY_MB);
    CHECK(!options.job.mock);
    finish();
}

/* All options whose names are fixed, each with two values that are no default. */
static const struct {
    const char *name, *one, *other;
} rows[] = {{"backend-url", "https://a:1/b", "http://c"},
            {"concurrent", "3", "4"},
            {"check-interval", "0.5", "7"},
            {"check-proc-interval", "0.2", "1"},
            {"timeout", "30", "0"},
            {"proxy-timeout", "3", "0"},
            {"get-api", "/get", "/g"},
            {"post-api", "/post", "/p"},
            {"login-api", "/login", "/l"},
            {"token-refresh-api", "/refresh", "/r"},
            {"refresh-time", "61", "0.5"},
            {"login", "me", "you"},
            {"password", "word", "слово"},
            {"auth", "yes", "true"},
            {"mock", "yes", "on"},
            {"logger-level", "debug", "critical"},
            {"logger-output", "/var/log/a", "b.log"},
            {"tests-url", "/srv/tests", "git@host:tests"},
            {"tests-branch", "2026", "main"},
            {"state-dir", "/var/lib/a", "/var/lib/b"},
            {"git-protocols", "file", "ssh"},
            {"once", "yes", "1"},
            {"max-tasks", "1", "2"},
            {"memory", "2G", "16M"},
            {"cpus", "2", "0.5"},
            {"pids", "100", "8"},
            {"disk", "1G", "1M"},
            {"output", "1M", "1024"},
            {"network", "host", "none"},
            {"memory-unit", "KB", "B"},
            {"drain-timeout", "10", "0"}};

static const char *text_of(const char *name)
{
    for (size_t i = 0; i < options.set.len; i++)
        if (strcmp(options.set.table[i].name, name) == 0)
            return options.set.texts[i];
    TEST_FAIL("there is no option %s", name);
}

static void check_text(const char *name, const char *want, enum opt_source source)
{
    const char *got = text_of(name);
    if (!got || strcmp(got, want) != 0 || opt_source_of(&options.set, name) != source)
        TEST_FAIL("--%s is \"%s\", not \"%s\"", name, got ? got : "(null)", want);
}

static void each_option_is_taken_from_the_command_line(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start();
        CLEANUP(mem_freep) char *word = mem_printf("--%s=%s", rows[i].name, rows[i].one);
        ACCEPT(word);
        check_text(rows[i].name, rows[i].one, OPT_FROM_FLAG);
        finish();
    }
}

/* The variable of an option: "OSTEST_BACKEND_URL". The caller frees. */
static char *variable_of(const char *name)
{
    char *variable = mem_printf("OSTEST_%s", name);
    for (char *p = variable; *p; p++)
        *p = *p == '-' ? '_' : *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
    return variable;
}

static void each_option_is_taken_from_the_environment(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start();
        CLEANUP(mem_freep) char *variable = variable_of(rows[i].name);
        setenv(variable, rows[i].one, 1);
        ACCEPT();
        check_text(rows[i].name, rows[i].one, OPT_FROM_ENV);
        finish();
    }
}

static const char *write_config(const char *name, const char *value)
{
    CLEANUP(mem_freep) char *text = mem_printf("# a comment\n%s = %s\n", name, value);
    return make_file("config", text);
}

static void each_option_is_taken_from_the_file(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start();
        ACCEPT("--config", write_config(rows[i].name, rows[i].one));
        check_text(rows[i].name, rows[i].one, OPT_FROM_FILE);
        finish();
    }
}

static void flag_beats_environment_beats_file(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start();
        const char *path = write_config(rows[i].name, rows[i].one);
        CLEANUP(mem_freep) char *variable = variable_of(rows[i].name);
        setenv(variable, rows[i].other, 1);
        ACCEPT("--config", path);
        check_text(rows[i].name, rows[i].other, OPT_FROM_ENV);
        setenv(variable, rows[i].other, 1); /* a secret has been taken away */
        CLEANUP(mem_freep) char *word = mem_printf("--%s=%s", rows[i].name, rows[i].one);
        ACCEPT("--config", path, word);
        check_text(rows[i].name, rows[i].one, OPT_FROM_FLAG);
        finish();
    }
}

static void the_file_may_be_named_by_the_environment(void)
{
    start();
    setenv("OSTEST_CONFIG", write_config("concurrent", "9"), 1);
    ACCEPT();
    CHECK_INT(options.concurrent, 9);
    finish();
}

static void other_variables_do_not_count(void)
{
    start();
    setenv("BACKEND_URL", "http://a", 1);
    setenv("OSTEST_HELP", "yes", 1);
    setenv("OSTEST_TIMEOUTS", "x", 1);
    setenv("ostest_timeout", "x", 1);
    ACCEPT();
    CHECK_STR(options.backend_url, "http://localhost:5000");
    finish();
}

/* ---- what values mean ---- */

static void levels_are_those_of_the_log(void)
{
    for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_CRITICAL; level++) {
        start();
        ACCEPT("--logger-level", log_level_name((enum log_level)level));
        CHECK_INT(options.logger_level, level);
        finish();
    }
}

static void units_are_those_of_a_result(void)
{
    start();
    ACCEPT("--memory-unit=B");
    CHECK_INT(options.job.memory_unit, RESULT_MEMORY_B);
    ACCEPT("--memory-unit=KB");
    CHECK_INT(options.job.memory_unit, RESULT_MEMORY_KB);
    finish();
}

static void once_is_one_task(void)
{
    start();
    ACCEPT("--once");
    CHECK_INT(options.max_tasks, 1);
    ACCEPT("--max-tasks=7");
    CHECK_INT(options.max_tasks, 7);
    ACCEPT("--once=no", "--max-tasks=7");
    CHECK_INT(options.max_tasks, 7);
    finish();
}

static void a_stop_waits_as_long_as_a_task_may_take(void)
{
    start();
    ACCEPT("--timeout=30");
    CHECK_INT(options.drain_timeout_ms, 30000);
    ACCEPT("--timeout=0"); /* no limit: nor has the stop one */
    CHECK_INT(options.drain_timeout_ms, 0);
    ACCEPT("--timeout=30", "--drain-timeout=7");
    CHECK_INT(options.drain_timeout_ms, 7000);
    ACCEPT("--drain-timeout=0");
    CHECK_INT(options.drain_timeout_ms, 0);
    CHECK_INT(options.job.timeout_ms, 600000);
    setenv("OSTEST_DRAIN_TIMEOUT", "3", 1);
    ACCEPT();
    CHECK_INT(options.drain_timeout_ms, 3000);
    finish();
}

static void no_sandbox_can_be_asked_for(void)
{
    start();
    ACCEPT("--sandbox=none");
    REFUSE("--sandbox: 'docker' was given", "--sandbox=docker");
    finish();
}

static void other_words_are_left_to_others(void)
{
    start();
    ACCEPT("doctor", "--once", "now");
    CHECK_INT(options.set.operands.len, 2);
    CHECK(options.once);
    finish();
}

static void clear_abbreviations_work(void)
{
    start();
    ACCEPT("--backend=http://a", "--conc", "5", "--auth");
    CHECK_STR(options.backend_url, "http://a");
    CHECK_INT(options.concurrent, 5);
    CHECK(options.auth);
    ACCEPT("--login=me"); /* a whole name, though --login-api begins with it */
    CHECK_STR(options.login, "me");
    REFUSE("--tests", "--tests=x");
    finish();
}

/* ---- faults ---- */

static void a_backend_is_an_http_url(void)
{
    static const char *const fine[] = {"http://a",
                                       "https://a",
                                       "HTTP://a",
                                       "http://a:8080/base/",
                                       "http://[::1]:5000",
                                       "http://[::1]",
                                       "http://me:word@a:80/x@y"};
    static const char *const wrong[] = {
        "",    "localhost:5000", "ftp://a",   "http://",   "http:///x",  "http://a b",    "http://a\n",
        "//a", "http:a",         "file:///x", " http://a", "http://a:x", "http://[::1]:x"};
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        start();
        ACCEPT("--backend-url", fine[i]);
        finish();
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        start();
        CLEANUP(mem_freep)
        char *part = mem_printf("--backend-url: '%s' was given; accepted: a URL ", wrong[i]);
        REFUSE(part, "--backend-url", wrong[i]);
        finish();
    }
}

static void a_password_that_breaks_a_url_is_not_told(void)
{
    start();
    REFUSE("--backend-url: 'http://(hidden)@host' was given; accepted: a URL whose port is a number",
           "--backend-url=http://me:ge/heim@host");
    CHECK(!strstr(faults.items[0], "heim"));
    finish();
}

static void a_backend_url_has_no_query_and_no_fragment(void)
{
    static const char *const wrong[] = {"http://a?key=1", "http://a/b?key=1", "https://a/b?", "http://a/#top",
                                        "http://a#"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        start();
        CLEANUP(mem_freep)
        char *part =
            mem_printf("--backend-url: '%s' was given; accepted: a URL without '?' and '#'", wrong[i]);
        REFUSE(part, "--backend-url", wrong[i]);
        finish();
    }
    start();
    REFUSE("accepted: a URL without '?' and '#'", "--backend-url=http://me:ge?heim@host");
    CHECK(!strstr(faults.items[0], "heim"));
    ACCEPT("--backend-url=http://me:ge%3Fhe%23im@host/%3F");
    finish();
}

static void a_place_of_the_api_is_a_path(void)
{
    static const char *const names[] = {"get-api", "post-api", "login-api", "token-refresh-api"};
    static const char *const wrong[] = {"", "x", "api/task", "/a b", "/a\r\nX: y", "http://a/b"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        for (size_t k = 0; k < ARRAY_LEN(wrong); k++) {
            start();
            CLEANUP(mem_freep) char *word = mem_printf("--%s=%s", names[i], wrong[k]);
            REFUSE("accepted: a path that begins with '/'", word);
            CHECK_CONTAINS(faults.items[0], names[i]);
            finish();
        }
    }
}

static void an_account_is_a_text(void)
{
    start();
    ACCEPT("--login=Дора");
    REFUSE("--login: '' was given", "--login=");
    REFUSE("--login: ", "--login=\xff");
    REFUSE("--password: '(hidden)' was given", "--password=");
    REFUSE("--password: '(hidden)' was given", "--password=\xff");
    finish();
}

static void numbers_out_of_bounds_are_refused(void)
{
    static const char *const wrong[] = {"--concurrent=0",
                                        "--concurrent=-1",
                                        "--concurrent=1025",
                                        "--concurrent=1.5",
                                        "--concurrent=",
                                        "--concurrent=two",
                                        "--check-interval=0",
                                        "--check-interval=-1",
                                        "--check-interval=86401",
                                        "--refresh-time=0",
                                        "--refresh-time=x",
                                        "--max-tasks=-1",
                                        "--max-tasks=1.5",
                                        "--task-tries=0",
                                        "--task-tries=101",
                                        "--drain-timeout=-1",
                                        "--timeout=-1",
                                        "--timeout=10m",
                                        "--logger-level=trace",
                                        "--logger-level=INFO",
                                        "--memory-unit=mb",
                                        "--auth=maybe",
                                        "--mock=2",
                                        "--state-dir=a\nb",
                                        "--git-protocols=",
                                        "--tests-url=\n"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        start();
        REFUSE(" was given; accepted: ", wrong[i]);
        CHECK(strncmp(faults.items[0], wrong[i], strcspn(wrong[i], "=")) == 0);
        finish();
    }
}

static void other_options_are_refused(void)
{
    start();
    REFUSE("--backend-uri: unknown option", "--backend-uri=x");
    REFUSE("-v: unknown option", "-v");
    finish();
}

static bool is_told(const char *part)
{
    for (size_t i = 0; i < faults.len; i++)
        if (strstr(faults.items[i], part))
            return true;
    return false;
}

static void all_faults_are_told_at_once(void)
{
    start();
    unsetenv("HOME");
    setenv("OSTEST_CONCURRENT", "many", 1);
    setenv("OSTEST_PASSWORD_FILE", "/nonexistent/password", 1);
    const char *path = make_file("config", "timeout = long\nno-such = 1\nnonsense\n");
    CHECK_INT(read_words("--config", path, "--backend-url=x", "--logger-level=loud", "--unknown", NULL),
              -EINVAL);
    static const char *const parts[] = {
        "--concurrent: 'many' was given in OSTEST_CONCURRENT; accepted: a whole number from 1 to 1024",
        "--timeout: 'long' was given in ",
        "config, line 1; accepted: seconds, from 0 to",
        "--backend-url: 'x' was given; accepted: a URL that begins with",
        "--logger-level: 'loud' was given; accepted: debug, info, warning, error, critical",
        "--unknown: unknown option",
        "line 2: unknown option 'no-such'",
        "line 3: expected 'option = value'",
        "--password-file: there is no file /nonexistent/password",
        "--state-dir: nothing was given"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!is_told(parts[i]))
            TEST_FAIL("not told: %s", parts[i]);
    CHECK_INT(faults.len, ARRAY_LEN(parts) - 1); /* two of them are one */
    finish();
}

/* ---- help ---- */

static void help_and_version_are_reported(void)
{
    start();
    CHECK_INT(read_words("--help", NULL), 0);
    CHECK_STR(asked, "help");
    CHECK_INT(read_words("--version", "--concurrent=x", NULL), 0);
    CHECK_STR(asked, "version");
    finish();
}

/* What the help prints. The caller frees. */
static char *help_text(void)
{
    const char *path = make_file("help", "");
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    dup2(fd, STDOUT_FILENO);
    help_command_print_all();
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(fd);
    close(saved);
    char *text = mem_alloc(65536);
    FILE *f = fopen(path, "re");
    text[fread(text, 1, 65535, f)] = '\0';
    fclose(f);
    return text;
}

static void help_has_all_options(void)
{
    CLEANUP(mem_freep) char *text = help_text();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(mem_freep) char *name = mem_printf("\n  --%s ", rows[i].name);
        CHECK_CONTAINS(text, name);
    }
    CHECK_CONTAINS(text, "Usage: ostest-runner");
    CHECK_CONTAINS(text, "[http://localhost:5000]");
}

TEST_MAIN(TEST(without_arguments_the_defaults_hold), TEST(without_arguments_the_jobs_defaults_hold),
          TEST(each_option_is_taken_from_the_command_line), TEST(each_option_is_taken_from_the_environment),
          TEST(each_option_is_taken_from_the_file), TEST(flag_beats_environment_beats_file),
          TEST(the_file_may_be_named_by_the_environment), TEST(other_variables_do_not_count),
          TEST(levels_are_those_of_the_log), TEST(units_are_those_of_a_result), TEST(once_is_one_task),
          TEST(a_stop_waits_as_long_as_a_task_may_take), TEST(no_sandbox_can_be_asked_for),
          TEST(other_words_are_left_to_others), TEST(clear_abbreviations_work),
          TEST(a_backend_is_an_http_url), TEST(a_password_that_breaks_a_url_is_not_told),
          TEST(a_backend_url_has_no_query_and_no_fragment), TEST(a_place_of_the_api_is_a_path),
          TEST(an_account_is_a_text), TEST(numbers_out_of_bounds_are_refused),
          TEST(other_options_are_refused), TEST(all_faults_are_told_at_once),
          TEST(help_and_version_are_reported), TEST(help_has_all_options))
