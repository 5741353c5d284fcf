/* Options that have sources of their own: the password and the state directory; and what is handed on. */

#include "read-options.h"

/* ---- the certificates ---- */

static void a_file_with_certificates_is_looked_at_at_once(void)
{
    start();
    const char *path = make_file("ca.pem", "comment\n-----BEGIN CERTIFICATE-----\n");
    ACCEPT("--ca-file", path);
    CHECK_STR(options.ca_file, path);
    ACCEPT();
    CHECK(options.ca_file == NULL);
    REFUSE("accepted: a readable file with certificates in PEM form", "--ca-file", scratch("missing"));
    REFUSE("accepted: a readable file with certificates in PEM form", "--ca-file=");
    REFUSE("accepted: a readable file with certificates in PEM form", "--ca-file",
           make_file("ca.der", "\x30\x82"));
    finish();
}

/* ---- the password ---- */

static void a_password_may_stand_on_the_command_line(void)
{
    start();
    ACCEPT("--password=flag");
    CHECK_STR(options.password, "flag");
    finish();
}

static void a_password_is_blanked_where_others_can_read_it(void)
{
    start();
    ACCEPT("--password=flag-word", "--login=me");
    CHECK_STR(words.items[1], "--password=xxxxxxxxx");
    CHECK_STR(words.items[2], "--login=me");
    setenv("OSTEST_PASSWORD", "env-word", 1);
    const char *entry = NULL;
    for (char **p = environ; *p; p++)
        if (strncmp(*p, "OSTEST_PASSWORD=", 16) == 0)
            entry = *p;
    ACCEPT();
    CHECK_STR(options.password, "env-word");
    CHECK(getenv("OSTEST_PASSWORD") == NULL);
    CHECK(entry && !strstr(entry, "env-word"));
    finish();
}

static void a_password_may_come_from_the_environment_or_the_file(void)
{
    start();
    const char *path = make_file("config", "password = from file\n");
    ACCEPT("--config", path);
    CHECK_STR(options.password, "from file");
    setenv("OSTEST_PASSWORD", "from env", 1);
    ACCEPT("--config", path);
    CHECK_STR(options.password, "from env");
    finish();
}

static void check_password_file(const char *text, const char *want)
{
    start();
    ACCEPT("--password-file", make_file("password", text));
    CHECK_STR(options.password, want);
    finish();
}

static void a_password_file_holds_it_in_its_first_line(void)
{
    check_password_file("word", "word");
    check_password_file("word\n", "word");
    check_password_file("word\r\n", "word");
    check_password_file("word\nsecond line\n", "word");
    check_password_file(" a b=c#d\t\n", " a b=c#d\t");
    check_password_file("слово\n", "слово");
    check_password_file("\xef\xbb\xbfword\r\n", "word");
}

static void a_password_file_without_a_password_is_refused(void)
{
    static const char *const texts[] = {"", "\n", "\nword\n", "\r\n", "\xef\xbb\xbf\n", "secret\xff\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        start();
        REFUSE("is no password", "--password-file", make_file("password", texts[i]));
        CHECK_CONTAINS(faults.items[0], "--password-file: ");
        CHECK(!strstr(faults.items[0], "secret"));
        finish();
    }
}

static void a_password_file_that_cannot_be_read_is_refused(void)
{
    start();
    REFUSE("--password-file: there is no file ", "--password-file", scratch("missing"));
    REFUSE("is not a regular file", "--password-file", make_dir("a-directory", 0700));
    REFUSE("--password-file: ", "--password-file=");
    char large[5001] = "";
    memset(large, 'x', 5000);
    REFUSE("larger than 4096 bytes", "--password-file", make_file("large", large));
    finish();
}

static void of_password_and_password_file_the_stronger_source_wins(void)
{
    start();
    const char *file = make_file("password", "in a file\n");
    setenv("OSTEST_PASSWORD_FILE", file, 1);
    ACCEPT("--password=flag");
    CHECK_STR(options.password, "flag");

    start();
    setenv("OSTEST_PASSWORD", "env", 1);
    ACCEPT("--password-file", file);
    CHECK_STR(options.password, "in a file");

    start();
    setenv("OSTEST_PASSWORD_FILE", file, 1);
    ACCEPT("--config", make_file("config", "password = config\n"));
    CHECK_STR(options.password, "in a file");

    start();
    CLEANUP(mem_freep) char *text = mem_printf("password-file = %s\n", file);
    setenv("OSTEST_PASSWORD", "env", 1);
    ACCEPT("--config", make_file("config", text));
    CHECK_STR(options.password, "env");
    finish();
}

static void a_file_that_does_not_count_is_not_read(void)
{
    start();
    setenv("OSTEST_PASSWORD_FILE", "/nonexistent/password", 1);
    ACCEPT("--password=flag");
    CHECK_STR(options.password, "flag");
    finish();
}

/* Where systemd has put the credential "password". */
static const char *make_credential(const char *text)
{
    const char *dir = scratch("credentials");
    mkdir(dir, 0700);
    make_file("credentials/password", text);
    return dir;
}

static void a_systemd_credential_is_the_password_where_no_other_is_given(void)
{
    start();
    setenv("CREDENTIALS_DIRECTORY", make_credential("credential\n"), 1);
    ACCEPT();
    CHECK_STR(options.password, "credential");
    ACCEPT("--password=flag");
    CHECK_STR(options.password, "flag");
    ACCEPT("--password-file", make_file("password", "file"));
    CHECK_STR(options.password, "file");
    ACCEPT("--config", make_file("config", "password = config\n"));
    CHECK_STR(options.password, "config");
    setenv("OSTEST_PASSWORD", "env", 1);
    ACCEPT();
    CHECK_STR(options.password, "env");
    finish();
}

static void without_the_credential_the_default_holds(void)
{
    start();
    setenv("CREDENTIALS_DIRECTORY", make_dir("no-credentials", 0700), 1);
    ACCEPT();
    CHECK_STR(options.password, "dora_explorer");
    finish();
}

static void an_empty_credential_is_refused(void)
{
    start();
    setenv("CREDENTIALS_DIRECTORY", make_credential(""), 1);
    REFUSE("is no password");
    finish();
}

static void a_credential_that_cannot_be_read_is_refused(void)
{
    start();
    setenv("CREDENTIALS_DIRECTORY", make_file("no-directory", ""), 1);
    REFUSE("--password-file: ");
    finish();
}

/* ---- the state directory ---- */

static void an_absolute_state_directory_is_taken_as_it_is(void)
{
    start();
    setenv("STATE_DIRECTORY", "/var/lib/systemd", 1);
    ACCEPT("--state-dir=/var/lib/x");
    CHECK_STR(options.state_dir, "/var/lib/x");
    setenv("OSTEST_STATE_DIR", "/var/lib/y", 1);
    ACCEPT();
    CHECK_STR(options.state_dir, "/var/lib/y");
    finish();
}

/* Jobs run in directories of their own. */
static void a_relative_state_directory_becomes_absolute(void)
{
    start();
    char cwd[PATH_MAX];
    CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
    ACCEPT("--state-dir=a/b");
    CLEANUP(mem_freep) char *want = mem_printf("%s/a/b", cwd);
    CHECK_STR(options.state_dir, want);
    finish();
}

static void systemds_state_directory_comes_before_xdgs(void)
{
    start();
    setenv("XDG_STATE_HOME", "/xdg", 1);
    setenv("STATE_DIRECTORY", "/var/lib/ostest-runner", 1);
    ACCEPT();
    CHECK_STR(options.state_dir, "/var/lib/ostest-runner");
    setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
    ACCEPT();
    CHECK_STR(options.state_dir, "/var/lib/one");
    finish();
}

static void xdgs_state_directory_comes_before_the_home(void)
{
    start();
    setenv("XDG_STATE_HOME", "/xdg", 1);
    ACCEPT();
    CHECK_STR(options.state_dir, "/xdg/ostest-runner");
    setenv("XDG_STATE_HOME", "relative", 1); /* as the XDG specification wants it: ignored */
    ACCEPT();
    CHECK_STR(options.state_dir, "/home/somebody/.local/state/ostest-runner");
    finish();
}

static void an_empty_variable_is_none(void)
{
    start();
    setenv("STATE_DIRECTORY", "", 1);
    setenv("XDG_STATE_HOME", "", 1);
    ACCEPT();
    CHECK_STR(options.state_dir, "/home/somebody/.local/state/ostest-runner");
    finish();
}

static void without_any_place_for_the_state_that_is_told(void)
{
    start();
    unsetenv("HOME");
    REFUSE("--state-dir: nothing was given");
    setenv("HOME", "", 1);
    REFUSE("--state-dir: nothing was given");
    setenv("HOME", "relative", 1);
    REFUSE("--state-dir: nothing was given");
    setenv("HOME", "/home/somebody", 1);
    REFUSE("--state-dir: nothing was given", "--state-dir=");
    finish();
}

/* ---- what ostest-job gets ---- */

static struct job_options job;
static const struct opt job_table[] = {JOB_OPTIONS(struct job_options, )};

/* Writes the file, reads it as ostest-job does, and gives the set; the caller ends it. */
static struct opt_set hand_on(void)
{
    static const struct opt file_row = {"config", "FILE", OPT_STRING, 0, .help = ""};
    static struct opt table[ARRAY_LEN(job_table) + 1];
    static struct {
        struct job_options job;
        char *config;
    } config;
    memcpy(table, job_table, sizeof(job_table));
    table[ARRAY_LEN(job_table)] = file_row;
    table[ARRAY_LEN(job_table)].offset = sizeof(job);
    config.config = NULL;
    struct err err = {0};
    const char *path = scratch("job.conf");
    if (options_write_job_file(&options, path, &err) < 0)
        TEST_FAIL("%s", err.message);
    char *argv[] = {(char *)"ostest-job", (char *)"--config", (char *)path, NULL};
    struct opt_set set = {.table = table, .len = ARRAY_LEN(table), .config_option = "config"};
    memset(&config.job, 0, sizeof(config.job));
    CLEANUP(strv_done) struct strv read_faults = {0};
    if (opt_parse(&set, 3, argv, &config, &read_faults) < 0)
        TEST_FAIL("%s", read_faults.items[0]);
    job = config.job;
    free(config.config);
    return set;
}

/* Frees what hand_on() has made: its set belongs to a struct that is gone, so all by hand. */
static void drop(struct opt_set *set)
{
    for (size_t i = 0; i < set->len; i++)
        free(set->texts[i]);
    free(set->texts);
    free(set->sources);
    free(set->lines);
    free(job.tests_url);
    free(job.tests_branch);
    free(job.git_protocols);
    free(job.python);
    strv_done(&set->operands);
}

static void a_job_gets_the_values_in_force(void)
{
    start();
    setenv("OSTEST_MEMORY", "3G", 1);
    setenv("OSTEST_NETWORK", "host", 1);
    const char *path = make_file("config", "pids = 99\ncpus = 0.5\nmemory-unit = KB\n");
    ACCEPT("--config", path, "--tests-url=https://user:word@host/t.git#x = y", "--tests-branch=2026 #1",
           "--timeout=1.5", "--git-protocols=file", "--proxy-timeout=0", "--check-proc-interval=2",
           "--env=venv", "--python=/opt/python", "--disk=1G", "--output=2K", "--mock");
    struct opt_set set = hand_on();
    CHECK_STR(job.tests_url, "https://user:word@host/t.git#x = y");
    CHECK_STR(job.tests_branch, "2026 #1");
    CHECK_STR(job.git_protocols, "file");
    CHECK_STR(job.python, "/opt/python");
    CHECK_INT(job.timeout_ms, 1500);
    CHECK_INT(job.proxy_timeout_s, 0);
    CHECK_INT(job.sample_ms, 2000);
    CHECK_INT(job.env_mode, JOB_ENV_VENV);
    CHECK_INT(job.memory_bytes, UINT64_C(3) << 30);
    CHECK(job.cpus == 0.5);
    CHECK_INT(job.pids, 99);
    CHECK_INT(job.disk_bytes, 1 << 30);
    CHECK_INT(job.output_bytes, 2048);
    CHECK_INT(job.network, options.job.network);
    CHECK_INT(job.memory_unit, options.job.memory_unit);
    CHECK(job.mock);
    drop(&set);
    finish();
}

static void a_job_gets_the_runners_defaults(void)
{
    start();
    ACCEPT();
    struct opt_set set = hand_on();
    CHECK_STR(job.tests_url, options.job.tests_url);
    CHECK(job.tests_branch == NULL);
    CHECK(job.python == NULL);
    CHECK_INT(job.timeout_ms, 600000);
    CHECK(!job.mock);
    drop(&set);
    finish();
}

/* What is in the file. The caller frees. */
static char *job_file_text(void)
{
    struct err err = {0};
    const char *path = scratch("job.conf");
    CHECK_INT(options_write_job_file(&options, path, &err), 0);
    char *text = mem_alloc(65536);
    FILE *f = fopen(path, "re");
    text[fread(text, 1, 65535, f)] = '\0';
    fclose(f);
    return text;
}

static void a_job_gets_no_secret_of_the_backend(void)
{
    start();
    const char *file = make_file("password", "file-secret");
    ACCEPT("--password=word-secret", "--login=name-secret", "--backend-url=http://user:url-secret@host",
           "--auth", "--get-api=/api-secret");
    CLEANUP(mem_freep) char *text = job_file_text();
    CHECK(!strstr(text, "secret") && !strstr(text, "password") && !strstr(text, "login") &&
          !strstr(text, "backend"));
    ACCEPT("--password-file", file);
    CLEANUP(mem_freep) char *from_file = job_file_text();
    CHECK(!strstr(from_file, "secret") && !strstr(from_file, "password") && !strstr(from_file, "dora"));
    CHECK_INT(mode_of(scratch("job.conf")), 0600); /* the suite's URL may hold a secret of its own */
    finish();
}

static void each_of_the_jobs_options_is_handed_on_once(void)
{
    start();
    ACCEPT("--tests-branch=b", "--python=p");
    CLEANUP(mem_freep) char *text = job_file_text();
    size_t lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    for (size_t i = 0; i < ARRAY_LEN(job_table); i++) {
        CLEANUP(mem_freep) char *line = mem_printf("\n%s = ", job_table[i].name);
        CHECK_CONTAINS(text, line);
    }
    CHECK_INT(lines, ARRAY_LEN(job_table) + 1); /* and a comment */
    finish();
}

static void a_file_that_cannot_be_written_is_a_fault(void)
{
    start();
    ACCEPT();
    struct err err = {0};
    CHECK_INT(options_write_job_file(&options, scratch("missing/job.conf"), &err), -ENOENT);
    CHECK_CONTAINS(err.message, "missing/job.conf");
    finish();
}

TEST_MAIN(TEST(a_file_with_certificates_is_looked_at_at_once), TEST(a_password_may_stand_on_the_command_line),
          TEST(a_password_is_blanked_where_others_can_read_it),
          TEST(a_password_may_come_from_the_environment_or_the_file),
          TEST(a_password_file_holds_it_in_its_first_line),
          TEST(a_password_file_without_a_password_is_refused),
          TEST(a_password_file_that_cannot_be_read_is_refused),
          TEST(of_password_and_password_file_the_stronger_source_wins),
          TEST(a_file_that_does_not_count_is_not_read),
          TEST(a_systemd_credential_is_the_password_where_no_other_is_given),
          TEST(without_the_credential_the_default_holds), TEST(an_empty_credential_is_refused),
          TEST(a_credential_that_cannot_be_read_is_refused),
          TEST(an_absolute_state_directory_is_taken_as_it_is),
          TEST(a_relative_state_directory_becomes_absolute), TEST(systemds_state_directory_comes_before_xdgs),
          TEST(xdgs_state_directory_comes_before_the_home), TEST(an_empty_variable_is_none),
          TEST(without_any_place_for_the_state_that_is_told), TEST(a_job_gets_the_values_in_force),
          TEST(a_job_gets_the_runners_defaults), TEST(a_job_gets_no_secret_of_the_backend),
          TEST(each_of_the_jobs_options_is_handed_on_once), TEST(a_file_that_cannot_be_written_is_a_fault))
