#include "model/verdict.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "model/details.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SHELL_SIGNAL_STATUS    128
#define PYTEST_STATUS_NO_TESTS 5 /* ExitCode.NO_TESTS_COLLECTED */

static bool is_connected(const struct report_case *c, const struct strv *tests)
{
    for (size_t i = 0; i < tests->len; i++)
        if (report_case_matches(c, tests->items[i]))
            return true;
    return tests->len == 0;
}

/* Returns true if the case is one of those that were requested. */
static bool counts(const struct verdict_input *in, const struct report_case *c)
{
    return !in->only_connected || is_connected(c, in->tests);
}

static void take_cases(const struct verdict_input *in, struct result *result)
{
    if (!in->report)
        return;
    result->tests = mem_alloc(in->report->len * sizeof(*result->tests));
    for (size_t i = 0; i < in->report->len; i++) {
        struct report_case *c = &in->report->cases[i];
        if (!counts(in, c))
            continue;
        result->tests[result->tests_len++] = (struct result_test){
            .name = report_case_name(c),
            .description = TAKE_PTR(c->description),
            .is_passed = report_is_pass(c->status),
            .memory_bytes = c->memory_bytes,
            .duration_ms = c->duration_ms,
            .status = c->status,
            .cpu_us = c->cpu_us,
        };
    }
}

static bool all_passed(const struct result *result)
{
    for (size_t i = 0; i < result->tests_len; i++)
        if (!result->tests[i].is_passed)
            return false;
    return result->tests_len > 0;
}

/* ---- each of these adds a sentence if it applies */

/* Returns false if the run was ended: then nothing more needs to be said. */
static bool judge_end(const struct verdict_run *run, struct details *details)
{
    if (run->timed_out)
        details_say(details, "The tests took longer than %.6g s and were stopped",
                    (double)run->timeout_ms / 1000);
    else if (run->ended_for)
        details_say(details, "%s", run->ended_for);
    else if (!run->exited)
        details_say(details, "The test run was ended by signal %d (%s) before it could finish", run->signal,
                    strsignal(run->signal));
    else
        return true;
    if (run->running)
        details_say(details, "%s was running", run->running);
    return false;
}

/* Returns true if the running test is in the result: its description says how the run ended. */
static bool shows_end(const struct verdict_input *in)
{
    bool found = false;
    for (size_t i = 0; in->report && in->run.running && i < in->report->len && !found; i++) {
        const struct report_case *c = &in->report->cases[i];
        CLEANUP(mem_freep) char *name = report_case_name(c);
        found = counts(in, c) && strcmp(name, in->run.running) == 0;
    }
    return found;
}

/* A status of 128 + n may be a shell's for signal n. The caller frees. */
static char *describe_status(int status)
{
    int signal = status - SHELL_SIGNAL_STATUS;
    return signal > 0 && signal < SIGRTMIN
               ? mem_printf("exit status %d, which a shell returns after signal %d (%s)", status, signal,
                            strsignal(signal))
               : mem_printf("exit status %d", status);
}

static bool judge_report(const struct verdict_input *in, struct details *details)
{
    if (in->report && (!in->report_error || !*in->report_error->message))
        return true;
    CLEANUP(mem_freep) char *end = describe_status(in->run.status);
    details_say(details, "%s (the test run ended with %s)", in->report_error->message, end);
    if (in->run.running)
        details_say(details, "%s was running", in->run.running);
    details_set_last_words(details, in->run.last_words);
    return false;
}

static void judge_errors(const struct verdict_input *in, struct details *details)
{
    CLEANUP(strv_done) struct strv names = {0};
    size_t counted = 0;
    for (size_t i = 0; i < in->report->len; i++) {
        const struct report_case *c = &in->report->cases[i];
        counted += counts(in, c);
        if (counts(in, c) && c->status == REPORT_ERROR)
            strv_take(&names, report_case_name(c));
    }
    if (names.len)
        details_say_names(
            details, &names,
            "%zu of %zu tests could not be run to a verdict (an error outside of the test itself)", names.len,
            counted);
}

static bool is_found(const struct report *report, const char *name)
{
    for (size_t i = 0; i < report->len; i++)
        if (report_case_matches(&report->cases[i], name))
            return true;
    return false;
}

static void find_missing(const struct verdict_input *in, struct strv *ret_missing)
{
    for (size_t i = 0; i < in->tests->len; i++)
        if (!is_found(in->report, in->tests->items[i]))
            strv_push(ret_missing, in->tests->items[i]);
}

/* The exit status covers all tests that ran, including those that were not requested. */
static bool every_case_passed(const struct report *report)
{
    for (size_t i = 0; i < report->len; i++)
        if (!report_is_pass(report->cases[i].status))
            return false;
    return true;
}

static void judge_agreement(const struct verdict_input *in, const struct result *result,
                            struct details *details)
{
    if (result->tests_len > 0 && in->missed && all_passed(result)) {
        details_say(details, "%s", in->missed);
        return;
    }
    if (result->tests_len > 0 && (in->run.status == 0 || !every_case_passed(in->report)))
        return;
    CLEANUP(mem_freep) char *end = describe_status(in->run.status);
    if (result->tests_len == 0 && (in->run.status == 0 || in->run.status == PYTEST_STATUS_NO_TESTS))
        details_say(details, "No test was run: the suite has none for this task");
    else if (result->tests_len == 0)
        details_say(details, "No test was run (the test run ended with %s)", end);
    else
        details_say(
            details,
            "Report and run disagree: every test in the report passed, but the test run ended with %s", end);
    details_set_last_words(details, in->run.last_words);
}

/* ---- causes among the tests */

static void add_test(struct result *result, const char *name, const char *description)
{
    result->tests = mem_resize(result->tests, result->tests_len + 1, sizeof(*result->tests));
    result->tests[result->tests_len++] = (struct result_test){
        .name = utf8_repair(name, strlen(name)),
        .description = mem_strdup(description),
        .status = result->is_error ? REPORT_ERROR : REPORT_FAILED,
    };
}

/* Adds what the tests themselves do not show. A result without tests stays without. */
static void show_causes(struct result *result, const struct strv *missing, const struct details *causes)
{
    if (result->is_passed || result->tests_len == 0)
        return;
    for (size_t i = 0; i < missing->len; i++)
        add_test(result, missing->items[i],
                 "This test is connected to the laboratory, but no test of the suite has this name.");
    CLEANUP(mem_freep) char *text = details_full(causes);
    if (*text)
        add_test(result, VERDICT_RUN_NAME, text);
}

void verdict_judge(const struct verdict_input *in, struct result *ret_result)
{
    CLEANUP(details_done) struct details details = {0};
    CLEANUP(details_done) struct details causes = {0};
    CLEANUP(strv_done) struct strv missing = {0};
    *ret_result = (struct result){.duration_ms = in->run.wall_ms};
    bool is_whole = judge_end(&in->run, &causes);
    if (is_whole && in->disagreement) {
        details_say(&causes, "%s", in->disagreement);
        is_whole = false;
    }
    is_whole = is_whole && judge_report(in, shows_end(in) ? &details : &causes);
    if (is_whole) {
        judge_errors(in, &details);
        find_missing(in, &missing);
    }
    take_cases(in, ret_result);
    if (is_whole && !details.len && !missing.len)
        judge_agreement(in, ret_result, &causes);
    ret_result->is_error = details.len || causes.len || missing.len;
    ret_result->is_passed = !ret_result->is_error && all_passed(ret_result);
    for (size_t i = 0; in->limits && i < in->limits->len; i++)
        details_say(&causes, "%s", in->limits->items[i]);
    show_causes(ret_result, &missing, &causes);
    if (in->remark)
        details_say(&causes, "%s", in->remark);
    details_move(&details, &causes);
    if (missing.len)
        details_say_names(&details, &missing, "%zu of %zu connected tests match no test of the suite",
                          missing.len, in->tests->len);
    ret_result->error_details = details_full(&details);
    ret_result->error_brief = details_brief(&details);
}
