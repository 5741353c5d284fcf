#pragma once

/* Shared by the tests of the verdict: one judgement, and checks that hold for each. */

#include "model/verdict.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "test.h"

#include <signal.h>

/* Input and result. */
static struct report report;
static struct strv wanted;
static struct verdict_input input;
static struct err report_error;
static struct result result;

static inline void finish(void)
{
    report_done(&report);
    strv_done(&wanted);
    result_done(&result);
}

/* A successful run with an empty report and all tests requested. */
static inline void start(void)
{
    finish(); /* left by a failed test */
    input = (struct verdict_input){.run = {.exited = true, .timeout_ms = 600000, .wall_ms = 1234},
                                   .report = &report,
                                   .report_error = &report_error,
                                   .tests = &wanted};
    report_error = (struct err){0};
}

static inline void add_whole(enum report_status status, const char *classname, const char *name,
                             const char *description, int64_t duration_ms)
{
    struct report_case *c = report_add(&report);
    c->status = status;
    c->classname = mem_strdup(classname);
    c->name = mem_strdup(name);
    c->description = mem_strdup(description);
    c->duration_ms = duration_ms;
}

static inline void add(enum report_status status, const char *name)
{
    add_whole(status, "tests.lab1", name, "", 0);
}

static inline void no_report(const char *why)
{
    input.report = NULL;
    report_error.class = ERR_TASK;
    snprintf(report_error.message, sizeof(report_error.message), "%s", why);
}

/* Judges, and checks what holds for every result. */
static inline void judge(void)
{
    verdict_judge(&input, &result);
    CHECK(result.error_details != NULL);
    CHECK(utf8_is_valid(result.error_details, strlen(result.error_details)));
    CHECK(!result.is_error || result.error_details[0] != '\0');
    CHECK(result.is_error || input.limits || result.error_details[0] == '\0');
    bool all = result.tests_len > 0;
    for (size_t i = 0; i < result.tests_len; i++)
        all = all && result.tests[i].is_passed;
    CHECK_INT(result.is_passed, all && !result.is_error);
}

static inline void check_passed(void)
{
    judge();
    if (!result.is_passed)
        TEST_FAIL("not passed: %s", result.error_details);
    CHECK(!result.is_error);
    CHECK_STR(result.error_details, "");
}

/* Checks for a failure that is not an error. */
static inline void check_failed(void)
{
    judge();
    CHECK(!result.is_passed);
    if (result.is_error)
        TEST_FAIL("an error: %s", result.error_details);
}

static inline void check_error(const char *part)
{
    judge();
    CHECK(!result.is_passed);
    CHECK(result.is_error);
    CHECK_CONTAINS(result.error_details, part);
}
