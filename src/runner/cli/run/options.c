#include "runner/cli/run/options.h"

#include "base/fs.h"
#include "base/opt/opt_help.h"
#include "base/utf8.h"
#include "model/task.h"
#include "runner/cli/run/out_file.h"
#include "runner/config/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER(name) offsetof(struct run_options, name)

static const struct opt table[] = {
    {"src", "DIR|URL", OPT_STRING, MEMBER(src), ".", .check = job_options_check_line,
     .help = "directory or repository to test; a directory as git would commit it now",
     .group = "What to test"},
    {"branch", "BRANCH", OPT_STRING, MEMBER(branch), .check = job_options_check_line,
     .help = "branch of the repository [default branch]"},
    {"tests", "DIR|URL", OPT_STRING, MEMBER(tests), .check = job_options_check_line,
     .help = "directory or repository of the test suite [--tests-url]"},
    {"lab", "N", OPT_LIST, MEMBER(labs), .help = "laboratory number, as in a task; may be repeated"},
    {"name", "NAME", OPT_LIST, MEMBER(names),
     .help = "run only tests whose name contains NAME; may be repeated", .letter = 'k', .is_of_call = true},
    {"json", "FILE", OPT_STRING, MEMBER(json),
     .help = "write the result as it would be posted to the backend; '-': standard output",
     .group = "Output"},
    {"junit", "FILE", OPT_STRING, MEMBER(junit), .help = "write the result as JUnit XML"},
    {"html", "FILE", OPT_STRING, MEMBER(html), .help = "write the result as an HTML page"},
    {"color", "WHEN", OPT_CHOICE, MEMBER(color), "auto", .choices = "auto|always|never",
     .help = "use colors; auto: on a terminal, unless NO_COLOR is set"},
    {"verbose", NULL, OPT_FLAG, MEMBER(verbose), "no", .help = "also show the log of the job"},
    JOB_OPTIONS(struct run_options, job.),
    {"state-dir", "DIR", OPT_STRING, MEMBER(state_dir), .check = job_options_check_line,
     .help = "directory for caches [$XDG_STATE_HOME/ostest-runner]", .group = "General"},
    {"config", "FILE", OPT_STRING, MEMBER(config),
     .help = "configuration file with lines of the form 'option = value'"},
    {"help", NULL, OPT_HELP, .help = "show this help"},
};

static bool is_lab(const char *text)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    return end > text && !*end && errno == 0 && number >= 0 && number <= TASK_MAX_LAB;
}

/* Refuses what model/task would refuse, or JSON cannot represent. */
static void check_task(const struct run_options *o, struct strv *faults)
{
    for (size_t i = 0; i < o->labs.len; i++)
        if (!is_lab(o->labs.items[i]))
            strv_pushf(faults, "--lab: '%s' was given; accepted: a whole number from 0 to %d",
                       o->labs.items[i], TASK_MAX_LAB);
    for (size_t i = 0; i < o->names.len; i++)
        if (!utf8_is_valid(o->names.items[i], strlen(o->names.items[i])))
            strv_pushf(faults, "--name: '%s' was given; accepted: UTF-8", o->names.items[i]);
    if (o->branch && !utf8_is_valid(o->branch, strlen(o->branch)))
        strv_pushf(faults, "--branch: '%s' was given; accepted: UTF-8", o->branch);
}

static bool is_directory(const char *text)
{
    return text && fs_leads_to_dir(text);
}

static void check_place(const char *name, const char *text, struct strv *faults)
{
    if (!text || is_directory(text))
        return;
    if (!*text)
        strv_pushf(faults, "--%s: '' was given; accepted: a directory or a URL", name);
    else if (!strchr(text, ':'))
        strv_pushf(faults, "--%s: there is no directory %s", name, text);
    else if (!utf8_is_valid(text, strlen(text)))
        strv_pushf(faults, "--%s: '%s' was given, which is no directory; accepted of a URL: UTF-8", name,
                   text);
}

/* A directory has no branch. One from the configuration file belongs to --tests-url. */
static void check_branches(const struct run_options *o, struct strv *faults)
{
    if (o->branch && is_directory(o->src))
        strv_pushf(faults, "--branch: '%s' was given, but --src is the directory %s", o->branch, o->src);
    if (is_directory(o->tests) && opt_source_of(&o->set, "tests-branch") == OPT_FROM_FLAG)
        strv_pushf(faults, "--tests-branch: '%s' was given, but --tests is the directory %s",
                   o->job.tests_branch, o->tests);
}

/* Checked here and not after the tests. */
static void check_file(const char *option, const char *path, struct strv *faults)
{
    bool is_file = path && strcmp(path, "-") != 0;
    const char *fault = is_file ? out_file_check(path) : NULL;
    if (fault)
        strv_pushf(faults, "--%s: '%s' cannot be written: %s", option, path, fault);
}

int run_options_read(int argc, char **argv, struct run_options *ret_options, const char **ret_asked,
                     struct strv *ret_faults)
{
    *ret_options = (struct run_options){
        .set = {.table = table, .len = ARRAY_LEN(table), .env_prefix = "OSTEST_", .config_option = "config"}};
    struct run_options *o = ret_options;
    opt_parse(&o->set, argc, argv, o, ret_faults);
    *ret_asked = o->set.help_asked;
    if (*ret_asked)
        return 0;
    for (size_t i = 0; i < o->set.operands.len; i++)
        strv_pushf(ret_faults, "'%s' was given; accepted after 'run': options", o->set.operands.items[i]);
    check_task(o, ret_faults);
    check_place("src", o->src, ret_faults);
    check_place("tests", o->tests, ret_faults);
    check_branches(o, ret_faults);
    check_file("json", o->json, ret_faults);
    check_file("junit", o->junit, ret_faults);
    check_file("html", o->html, ret_faults);
    if (!o->state_dir)
        o->state_dir = options_default_state_dir();
    if (!o->state_dir)
        strv_push(ret_faults, "--state-dir: nothing was given, and $HOME is not set; accepted: a directory");
    return ret_faults->len ? -EINVAL : 0;
}

void run_options_done(struct run_options *options)
{
    opt_done(&options->set, options);
}

int run_options_write_job_file(const struct run_options *options, const char *path, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    job_options_print(&options->set, MEMBER(job), &text);
    return fs_write_atomic(path, text.data, text.len, err);
}

struct opt_table run_options_table(void)
{
    return (struct opt_table){table, ARRAY_LEN(table)};
}

void run_options_print_help(void)
{
    puts("Usage: ostest-runner run [OPTION...]\n\n"
         "Tests a directory or a repository on this machine, with the same sandbox, limits\n"
         "and verdict as on the server. Exit status: 0 passed, 1 not passed, 2 no verdict,\n"
         "130 interrupted (Ctrl-C).\n");
    opt_help_print(table, ARRAY_LEN(table), stdout);
}
