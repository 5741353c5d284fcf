/*
 * One table has the kinds of suites: how to recognise a kind, which command prints its help, and
 * how to build its command line. A suite gets only the options that its help text shows; the two
 * generations of run_tests.py differ in nothing else.
 */

#include "job/suite.h"

#include "base/capture.h"
#include "base/fs.h"
#include "base/proc.h"
#include "job/judge.h"
#include "job/manifest.h"
#include "job/run.h"
#include "job/suite_mentions.h"
#include "job/suite_signs.h"
#include "model/state_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HELP_LIMIT_BYTES (1U << 20)
#define HELP_TIMEOUT_MS  60000
/* In every report that pytest writes. */
#define PYTESTS_REPORT "<testsuite name=\"pytest\""
/* So many names fit into one argument, whatever their length. */
#define KEYWORDS_MAX 100
_Static_assert(KEYWORDS_MAX *(TASK_MAX_TEST_BYTES + sizeof(" or ")) < PROC_STRING_BYTES, "one argument");

/* ---- features of a suite ---- */

/* A suite has a feature if its help text contains the words. */
static const struct known {
    const char *name; /* in the cache */
    const char *words;
} knowns[] = {
    {"src", "--src"},
    {"lab-num", "--lab-num"},
    {"lab", "--lab "},
    {"lab", "--lab="},
    {"labs", "--labs"},
    {"proxy_timeout", "--proxy_timeout"},
    {"lab-markers", "@pytest.mark.lab"},
};

/* Not from the help text: the suite runs pytest with our plugin. */
#define KNOWS_PYTEST "pytest"
/* Records of older versions, which had other rules, are ignored. */
#define RECORD_VERSION "version 3"
/* The help was unusable: the suite is called as the reference runner of 2024 called every suite. */
#define KNOWS_NO_HELP "no-help"
static const char *const form_of_2024[] = {"src", "lab-num", "proxy_timeout"};

static bool knows(const struct suite *suite, const char *name)
{
    return strv_contains(&suite->knows, name);
}

/* ---- building command lines ---- */

/* Adds an option; in the form of 2024 with a separate value, for hand-written parsers. */
static void push_option(const struct suite *suite, const char *name, const char *value, struct strv *argv)
{
    if (!knows(suite, KNOWS_NO_HELP)) {
        strv_pushf(argv, "%s=%s", name, value);
        return;
    }
    strv_push(argv, name);
    strv_push(argv, value);
}

/*
 * Returns true if pytest's -k (pytest 7 and later) accepts the name: letters and digits of any
 * alphabet, and the characters below. All others are operators or syntax errors.
 */
static bool is_keyword_safe(const char *name)
{
    static const char *const operators[] = {"and", "or", "not"};
    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        if (strcmp(name, operators[i]) == 0)
            return false;
    if (name[0] == '-')
        return false;
    for (const char *p = name; *p; p++)
        if (!strchr("_:+-.[]\\/", *p) &&
            !((*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z')) && (unsigned char)*p < 0x80)
            return false;
    return true;
}

static int check_names(const struct strv *tests, struct err *err)
{
    for (size_t i = 0; i < tests->len; i++)
        if (!is_keyword_safe(tests->items[i]))
            return err_set(
                err, ERR_TASK, EINVAL,
                "The connected test '%.100s' cannot be selected: pytest's -k does not accept such a name",
                tests->items[i]);
    return 0;
}

static void push_labs(const struct task *task, const char *prefix, struct strv *argv)
{
    for (size_t i = 0; i < task->labs_len; i++)
        strv_pushf(argv, "%s%lld", prefix, (long long)task->labs[i]);
}

static void push_lab_markers(const struct task *task, struct strv *argv)
{
    CLEANUP(strv_done) struct strv markers = {0};
    push_labs(task, "lab", &markers);
    strv_push(argv, "-m");
    strv_take(argv, strv_join(&markers, " or "));
}

/* Adds lab options. With connected tests, only their names select; the lab is just the stage. */
static void push_lab_options(const struct suite *suite, const struct task *task, struct strv *argv)
{
    bool labs_decide = task->tests.len == 0 && task->labs_len > 0;
    if (knows(suite, "lab"))
        strv_pushf(argv, "--lab=%lld", (long long)task_stage(task));
    if (!labs_decide)
        return;
    if (knows(suite, "labs")) {
        strv_push(argv, "--labs");
        push_labs(task, "lab", argv);
    } else if (knows(suite, "lab-num")) {
        strv_push(argv, "--lab-num");
        push_labs(task, "", argv);
    } else if (knows(suite, "lab-markers")) {
        push_lab_markers(task, argv);
    }
}

/*
 * Returns true if -k cannot select these names: it compares each part of a node id alone
 * ("test_a.py::test_b"; since pytest 8 also each directory), and accepts a limited number of names.
 */
static bool is_too_much_for_k(const struct strv *tests)
{
    for (size_t i = 0; i < tests->len; i++)
        if (strstr(tests->items[i], "::") || strchr(tests->items[i], '/'))
            return true;
    return tests->len > KEYWORDS_MAX;
}

/*
 * Adds -k with the names if our plugin is not loaded. The plugin selects more exactly, since -k
 * also matches markers and other keywords. Without it, -k reduces the number of tests that run in
 * vain; the verdict ignores the others.
 */
static int push_names(const struct suite *suite, const struct strv *tests, struct strv *argv, struct err *err)
{
    if (!tests->len || knows(suite, KNOWS_PYTEST))
        return 0;
    int r = check_names(tests, err);
    if (r == 0 && !is_too_much_for_k(tests)) {
        strv_push(argv, "-k");
        strv_take(argv, strv_join(tests, " or "));
    }
    return r;
}

static int pytest_options(const struct suite *suite, const struct job *job, struct strv *argv,
                          struct err *err)
{
    const struct task *task = &job->task;
    if (knows(suite, "src"))
        push_option(suite, "--src", job->inside.src, argv);
    strv_pushf(argv, "--junit-xml=%s", job->inside.report);
    if (knows(suite, "proxy_timeout") && job->options->proxy_timeout_s) {
        CLEANUP(mem_freep) char *seconds = mem_printf("%lld", (long long)job->options->proxy_timeout_s);
        push_option(suite, "--proxy_timeout", seconds, argv);
    }
    int r = push_names(suite, &task->tests, argv, err);
    if (r == 0)
        push_lab_options(suite, task, argv);
    return r;
}

static void run_tests_program(const struct env *env, struct strv *argv)
{
    strv_push(argv, env->python);
    strv_push(argv, "run_tests.py");
}

static void pytest_program(const struct env *env, struct strv *argv)
{
    strv_push(argv, env->python);
    strv_push(argv, "-m");
    strv_push(argv, "pytest");
}

static int manifest_argv(const struct suite *suite, const struct job *job, const struct env *env,
                         struct strv *argv, struct err *err)
{
    return manifest_expand(&suite->command, job, argv, err);
}

static int python_argv(const struct suite *suite, const struct job *job, const struct env *env,
                       struct strv *argv, struct err *err);

/* ---- the kinds ---- */

static const struct suite_kind {
    const char *name;
    const char *file; /* whose presence in the root makes it this kind; NULL: pytest finds tests */
    void (*program)(const struct env *, struct strv *); /* NULL: the manifest's command */
    const char *help[2];                                /* options that print help texts */
    int (*argv)(const struct suite *, const struct job *, const struct env *, struct strv *, struct err *);
} kinds[] = {
    {"manifest", MANIFEST_NAME, NULL, {NULL}, manifest_argv},
    {"run_tests.py", "run_tests.py", run_tests_program, {"--help"}, python_argv},
    {"pytest", NULL, pytest_program, {"--help", "--markers"}, python_argv},
};

static int python_argv(const struct suite *suite, const struct job *job, const struct env *env,
                       struct strv *argv, struct err *err)
{
    suite->kind->program(env, argv);
    return pytest_options(suite, job, argv, err);
}

static const struct suite_kind *find_kind(const char *tests_dir)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CLEANUP(mem_freep) char *path = kinds[i].file ? mem_printf("%s/%s", tests_dir, kinds[i].file) : NULL;
        if (path ? fs_exists(path) : suite_has_pytest_signs(tests_dir))
            return &kinds[i];
    }
    return NULL;
}

static int open_suite(const struct job *job, struct suite *ret_suite, struct err *err)
{
    struct suite suite = {.kind = find_kind(job->tests)};
    if (!suite.kind)
        return err_set(err, ERR_ENVIRONMENT, ENOENT,
                       "The test suite has no %s, no run_tests.py and no tests for pytest", MANIFEST_NAME);
    if (!suite.kind->program) {
        struct manifest manifest = {0};
        int r = manifest_read(job->tests, &manifest, err);
        if (r < 0) {
            suite_done(&suite);
            return r;
        }
        suite.command = manifest.command;
        suite.may_change = manifest.may_change;
        suite.requirements = manifest.requirements;
        suite.needs_python = suite.requirements != NULL;
    } else {
        CLEANUP(mem_freep) char *path = mem_printf("%s/requirements.txt", job->tests);
        suite.needs_python = true;
        suite.needs_pytest = true;
        strv_push(&suite.may_change, ".pytest_cache/*"); /* some suites have committed it */
        if (fs_exists(path))
            suite.requirements = TAKE_PTR(path);
    }
    *ret_suite = suite;
    return 0;
}

/* ---- finding out what a suite knows ---- */

/* Reads a log and removes it, since the task's own run has not begun. */
static int take_log(const struct job *job, const char *name, struct buf *ret_text, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", job->dir, name);
    int r = fs_read_file(path, HELP_LIMIT_BYTES, ret_text, err);
    unlink(path);
    return r;
}

/* Returns a sentence about why the answer cannot be used, or NULL. The caller frees. */
static char *find_fault(const struct proc_run *p, const char *question, const struct buf *output,
                        const struct buf *messages)
{
    char end[64];
    if (p->timed_out)
        return mem_printf("'%s' took longer than %.6g s", question, (double)p->timeout_ms / 1000);
    if (p->out.dropped_bytes)
        return mem_printf("'%s' printed more than %u KB", question, HELP_LIMIT_BYTES >> 10);
    bool is_good = p->exited && p->status == 0;
    CLEANUP(mem_freep) char *words = capture_last_words(output, messages);
    if (is_good && *words)
        return NULL;
    if (is_good)
        return mem_printf("'%s' printed nothing", question);
    proc_describe_end(p, end, sizeof(end));
    return mem_printf("'%s' failed: %s (%s)", question, *words ? words : "it printed nothing", end);
}

/*
 * Runs the suite's command with `options` and adds its output to `text`. `ret_fault`: why the
 * output cannot be used, or NULL; the caller frees.
 */
static int ask(struct suite *suite, const struct job *job, const struct strv *options, const struct env *env,
               struct buf *text, char **ret_fault, struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(buf_done) struct buf output = BUF_INIT(0);
    CLEANUP(buf_done) struct buf messages = BUF_INIT(0);
    CLEANUP(run_done) struct run run;
    run_init(&run);
    suite->kind->program(env, &argv);
    CLEANUP(mem_freep) char *asked = strv_join(options, " ");
    CLEANUP(mem_freep) char *question = mem_printf("%s %s", argv.items[argv.len - 1], asked);
    strv_extend(&argv, options);
    struct run_wants wants = {
        .argv = &argv, .output_bytes = HELP_LIMIT_BYTES, .without_src = true, .timeout_ms = HELP_TIMEOUT_MS};
    int r = run_tests(job, env, &wants, &run, err);
    if (r == 0)
        r = take_log(job, STATE_STDOUT, &output, err);
    if (r == 0)
        r = take_log(job, STATE_STDERR, &messages, err);
    if (r < 0)
        return r;
    if (events_has_session(run.events) && !knows(suite, KNOWS_PYTEST))
        strv_push(&suite->knows, KNOWS_PYTEST);
    *ret_fault = find_fault(&run.proc, question, &output, &messages);
    if (*ret_fault)
        return 0;
    const struct buf *help = output.len ? &output : &messages; /* some print it to stderr */
    return buf_append(text, help->data, help->len);
}

static void take_knowledge(struct suite *suite, const char *help)
{
    for (size_t i = 0; i < ARRAY_LEN(knowns); i++)
        if (strstr(help, knowns[i].words) && !knows(suite, knowns[i].name))
            strv_push(&suite->knows, knowns[i].name);
}

/*
 * Returns true if the trial left a report that a pytest without our plugin, or another program, has
 * written. A report without a pass is no evidence: without a student's files, the suite may have
 * given up before it started pytest. Removes the report.
 */
static bool has_report_of_another(const struct job *job)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    CLEANUP(report_done) struct report report = {0};
    fs_read_file(job->report, HELP_LIMIT_BYTES, &text, NULL);
    bool found = text.data && strstr(text.data, PYTESTS_REPORT);
    if (!found && judge_read_report(job->report, &report, NULL) == 0)
        for (size_t i = 0; i < report.len; i++)
            found = found || report_is_pass(report.cases[i].status);
    unlink(job->report);
    return found;
}

/* Returns true if the suite's programs name another python, or options that disable plugins. */
static bool keeps_plugin_away(const struct job *job)
{
    static const char *const words[] = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD",
                                        "--disable-plugin-autoload",
                                        "no:ostest",
                                        "/bin/python",
                                        "/bin/pytest",
                                        NULL};
    return suite_mentions(job->tests, words);
}

/*
 * Runs the suite without a student's files until pytest starts, since the help of a manifest or of
 * a wrapper with its own parser does not show whether it runs pytest. In doubt, it counts as a
 * suite that does: then no student can keep the plugin from reporting a failure.
 */
static int try_run(struct suite *suite, const struct job *job, const struct env *env, struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(run_done) struct run run;
    struct job plain = *job; /* shares all that is owned */
    struct run_wants wants = {
        .argv = &argv, .output_bytes = HELP_LIMIT_BYTES, .without_src = true, .until_session = true};
    run_init(&run);
    plain.task.tests = (struct strv){0};
    plain.tells_progress = false;
    int r = suite->kind->argv(suite, &plain, env, &argv, err);
    if (r == 0)
        r = run_tests(&plain, env, &wants, &run, err);
    if (r < 0)
        return r;
    bool is_others = has_report_of_another(job) || keeps_plugin_away(job);
    if (events_has_session(run.events) || !is_others)
        strv_push(&suite->knows, KNOWS_PYTEST);
    return 0;
}

/* Determines by trial whether the suite runs pytest, unless no program of it mentions pytest. */
static int find_pytest(struct suite *suite, const struct job *job, const struct env *env, struct err *err)
{
    if (knows(suite, KNOWS_PYTEST) || !env->python || !job_is_sandboxed(job) ||
        !suite_may_run_pytest(job->tests))
        return 0;
    return try_run(suite, job, env, err);
}

/* Reads the record of an earlier answer. Returns -ENOENT if there is none of this version. */
static int read_record(struct suite *suite, const char *path, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    int r = fs_read_file(path, HELP_LIMIT_BYTES, &text, err);
    strv_done(&suite->knows);
    if (r == 0)
        strv_split(&suite->knows, text.data ? text.data : "", "\n");
    if (r < 0 || knows(suite, RECORD_VERSION))
        return r;
    strv_done(&suite->knows);
    return -ENOENT;
}

/* Asks again with --src if that failed: conftest.py, which pytest loads first, may require it. */
static int ask_with_src(struct suite *suite, const struct job *job, const char *option, const struct env *env,
                        struct buf *text, char **fault, struct err *err)
{
    static const char *const src[] = {"--src", NULL};
    if (!*fault || suite->kind->file || !suite_mentions(job->tests, src))
        return 0;
    CLEANUP(strv_done) struct strv options = {0};
    CLEANUP(mem_freep) char *first = TAKE_PTR(*fault);
    strv_pushf(&options, "--src=%s", job->inside.src);
    strv_push(&options, option);
    int r = ask(suite, job, &options, env, text, fault, err);
    if (r == 0 && *fault) {
        free(*fault);
        *fault = TAKE_PTR(first);
    }
    return r;
}

/*
 * Asks for one help text. Returns an error if pytest fails, but only notes a doubt if a wrapper
 * does.
 */
static int ask_for(struct suite *suite, const struct job *job, const char *option, const struct env *env,
                   struct buf *text, struct err *err)
{
    CLEANUP(mem_freep) char *fault = NULL;
    CLEANUP(strv_done) struct strv options = {0};
    strv_push(&options, option);
    int r = ask(suite, job, &options, env, text, &fault, err);
    if (r == 0)
        r = ask_with_src(suite, job, option, env, text, &fault, err);
    if (r < 0 || !fault)
        return r;
    if (!suite->kind->file)
        return err_set(err, ERR_ENVIRONMENT, EIO, "The test suite is broken: %s", fault);
    suite->doubt = mem_printf("the suite's help cannot be used, so it gets the options of 2024: %s", fault);
    return 0;
}

/* Asks the suite and writes the record, which the caller has locked. */
static int find_out(struct suite *suite, const struct job *job, const char *path, const struct env *env,
                    struct err *err)
{
    CLEANUP(buf_done) struct buf help = BUF_INIT(0);
    bool had_no_help = knows(suite, KNOWS_NO_HELP), had_pytest = knows(suite, KNOWS_PYTEST);
    int r = 0;
    strv_done(&suite->knows);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(suite->kind->help) && suite->kind->help[i]; i++)
        r = ask_for(suite, job, suite->kind->help[i], env, &help, err);
    if (r < 0)
        return r;
    take_knowledge(suite, help.data ? help.data : "");
    for (size_t i = 0; suite->doubt && i < ARRAY_LEN(form_of_2024); i++)
        if (!knows(suite, form_of_2024[i]))
            strv_push(&suite->knows, form_of_2024[i]);
    if (suite->doubt)
        strv_push(&suite->knows, KNOWS_NO_HELP);
    if (!suite->doubt || !had_no_help)
        r = find_pytest(suite, job, env, err);
    else if (had_pytest && !knows(suite, KNOWS_PYTEST))
        strv_push(&suite->knows, KNOWS_PYTEST);
    if (r < 0)
        return r;
    strv_push(&suite->knows, RECORD_VERSION);
    CLEANUP(mem_freep) char *lines = strv_join(&suite->knows, "\n");
    return fs_write_atomic(path, lines, strlen(lines), err);
}

/* Returns false if the suite must be asked, also again since its help was unusable. */
static bool is_settled(const struct suite *suite, int r)
{
    return r != -ENOENT && (r < 0 || !knows(suite, KNOWS_NO_HELP));
}

static int ask_suite(struct suite *suite, const struct job *job, const char *commit, const struct env *env,
                     struct err *err)
{
    CLEANUP(mem_freep) char *dir = mem_printf("%s/" STATE_CACHE_SUITES, job->cache_dir);
    CLEANUP(mem_freep)
    char *path = *commit ? mem_printf("%s/%s.knows", dir, commit)
                         : mem_printf("%s/suite.knows", job->dir); /* --tests-dir may change */
    CLEANUP(mem_freep) char *lock_path = mem_printf("%s.lock", path);
    int lock = -1;
    int r = read_record(suite, path, err);
    if (is_settled(suite, r))
        return r;
    r = fs_make_dirs(dir, 0700, err);
    if (r == 0)
        r = fs_lock_wait(lock_path, job->cancel_fd, &lock, err);
    if (r < 0)
        return r;
    r = read_record(suite, path, err); /* another job may have asked meanwhile */
    if (!is_settled(suite, r))
        r = find_out(suite, job, path, env, err);
    fs_unlock(lock_path, lock);
    return r;
}

int suite_prepare(struct suite *suite, const struct job *job, const char *commit, struct env *ret_env,
                  struct err *err)
{
    int r = open_suite(job, suite, err);
    struct venv_wants wants = {
        .python = suite->needs_python, .pytest = suite->needs_pytest, .requirements = suite->requirements};
    if (r == 0)
        r = env_prepare(job, &wants, ret_env, err);
    if (r == 0)
        r = ask_suite(suite, job, commit, ret_env, err);
    if (r < 0 && err->class == ERR_LIMIT) /* the student has not reached it */
        err->class = ERR_ENVIRONMENT;
    return r;
}

int suite_command(const struct suite *suite, const struct job *job, const struct env *env,
                  struct strv *ret_argv, struct err *err)
{
    return suite->kind->argv(suite, job, env, ret_argv, err);
}

const struct strv *suite_selected(const struct suite *suite, const struct task *task)
{
    return suite->kind->program && task->tests.len ? &task->tests : NULL;
}

bool suite_selects_alone(const struct suite *suite)
{
    return !suite->kind->program && manifest_uses(&suite->command, "{tests}");
}

bool suite_runs_pytest(const struct suite *suite)
{
    return knows(suite, KNOWS_PYTEST);
}

const char *suite_kind_name(const struct suite *suite)
{
    return suite->kind->name;
}

void suite_done(struct suite *suite)
{
    strv_done(&suite->command);
    strv_done(&suite->may_change);
    strv_done(&suite->knows);
    free(suite->requirements);
    free(suite->doubt);
    *suite = (struct suite){0};
}
