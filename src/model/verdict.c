#include "model/verdict.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* So many names are listed in a message; the number of all stands beside them. */
#define NAMES_SHOWN          10
#define LAST_WORDS_MAX_BYTES 300

static bool is_connected(const struct report_case *c, const struct strv *tests)
{
    for (size_t i = 0; i < tests->len; i++)
        if (report_case_matches(c, tests->items[i]))
            return true;
    return tests->len == 0;
}

/* Whether the case is one of those that were asked for. */
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

/* ---- each of these adds its sentence where there is something to say ---- */

static void say(struct buf *details, const char *sentence)
{
    if (details->len)
        buf_puts(details, "; ");
    buf_puts(details, sentence);
}

static void say_last_words(struct buf *details, const struct verdict_run *run)
{
    if (!run->last_words || !*run->last_words)
        return;
    size_t len = strlen(run->last_words);
    buf_printf(details, "; its last words: %.*s%s", (int)utf8_cut(run->last_words, len, LAST_WORDS_MAX_BYTES),
               run->last_words, len > LAST_WORDS_MAX_BYTES ? " …" : "");
}

/* Gives false where the run did not end by itself: nothing more needs to be said. */
static bool judge_end(const struct verdict_run *run, struct buf *details)
{
    if (run->timed_out)
        buf_printf(details, "The tests took longer than %.6g s and were stopped",
                   (double)run->timeout_ms / 1000);
    else if (run->ended_for)
        buf_puts(details, run->ended_for);
    else if (!run->exited)
        buf_printf(details, "The test run was ended by signal %d (%s) before it could finish", run->signal,
                   strsignal(run->signal));
    else
        return true;
    if (run->running)
        buf_printf(details, "; %s was running", run->running);
    return false;
}

static bool judge_report(const struct verdict_input *in, struct buf *details)
{
    if (in->report && (!in->report_error || !*in->report_error->message))
        return true;
    buf_printf(details, "%s (the test run ended with exit status %d)", in->report_error->message,
               in->run.status);
    if (in->run.running)
        buf_printf(details, "; %s was running", in->run.running);
    say_last_words(details, &in->run);
    return false;
}

static void judge_errors(const struct verdict_input *in, struct buf *details)
{
    size_t errors = 0, counted = 0;
    const struct report_case *first = NULL;
    for (size_t i = 0; i < in->report->len; i++) {
        const struct report_case *c = &in->report->cases[i];
        if (!counts(in, c))
            continue;
        counted++;
        if (c->status != REPORT_ERROR)
            continue;
        first = first ? first : c;
        errors++;
    }
    if (!errors)
        return;
    CLEANUP(mem_freep) char *name = report_case_name(first);
    CLEANUP(mem_freep)
    char *sentence = mem_printf(
        "%zu of %zu tests could not be run to a verdict (an error outside of the test itself), first: %s",
        errors, counted, name);
    say(details, sentence);
}

static bool is_found(const struct report *report, const char *name)
{
    for (size_t i = 0; i < report->len; i++)
        if (report_case_matches(&report->cases[i], name))
            return true;
    return false;
}

static void judge_connected(const struct verdict_input *in, struct buf *details)
{
    size_t missing = 0;
    struct buf names = BUF_INIT(0);
    for (size_t i = 0; i < in->tests->len; i++) {
        if (is_found(in->report, in->tests->items[i]))
            continue;
        if (missing++ < NAMES_SHOWN)
            buf_printf(&names, "%s%s", missing > 1 ? ", " : "", in->tests->items[i]);
    }
    if (missing) {
        CLEANUP(mem_freep)
        char *sentence = mem_printf("%zu of %zu connected tests match no test of the suite: %s%s", missing,
                                    in->tests->len, names.data, missing > NAMES_SHOWN ? ", …" : "");
        say(details, sentence);
    }
    buf_done(&names);
}

/* The exit status speaks of all tests that ran, also of those that were not asked for. */
static bool every_case_passed(const struct report *report)
{
    for (size_t i = 0; i < report->len; i++)
        if (!report_is_pass(report->cases[i].status))
            return false;
    return true;
}

static void judge_agreement(const struct verdict_input *in, const struct result *result, struct buf *details)
{
    if (result->tests_len == 0 && details->len == 0) {
        say(details, "No test was run: the suite has none for this task");
        say_last_words(details, &in->run);
        return;
    }
    if (in->missed && !details->len && all_passed(result)) {
        say(details, in->missed);
        return;
    }
    if (in->run.status == 0 || !every_case_passed(in->report) || details->len)
        return;
    buf_printf(details,
               "Report and run disagree: every test in the report passed, but the test run ended with exit "
               "status %d",
               in->run.status);
    say_last_words(details, &in->run);
}

void verdict_judge(const struct verdict_input *in, struct result *ret_result)
{
    *ret_result = (struct result){.duration_ms = in->run.wall_ms};
    struct buf details = BUF_INIT(0);
    bool whole = judge_end(&in->run, &details);
    if (whole && in->disagreement) {
        say(&details, in->disagreement);
        whole = false;
    }
    whole = whole && judge_report(in, &details);
    if (whole) {
        judge_errors(in, &details);
        judge_connected(in, &details);
    }
    take_cases(in, ret_result);
    if (whole)
        judge_agreement(in, ret_result, &details);
    ret_result->is_error = details.len > 0;
    for (size_t i = 0; in->limits && i < in->limits->len; i++)
        say(&details, in->limits->items[i]);
    CLEANUP(mem_freep) char *raw = buf_take(&details);
    ret_result->error_details = utf8_repair(raw, strlen(raw));
    ret_result->is_passed = !ret_result->is_error && all_passed(ret_result);
}
