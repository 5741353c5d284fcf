#pragma once

/*
 * A finished task in a few lines, for who shows the last tasks: summary.json, beside the result. It is for
 * the eye; the result decides.
 *
 *   {"id": ID, "repository": URL, "branch": BRANCH or null, "commit": HASH or "", "lab": N,
 *    "passed": BOOL, "error": BOOL, "details": TEXT, "tests": N, "testsPassed": N, "durationMs": N,
 *    "stagesMs": {"fetch": N, "prepare": N, "test": N, "judge": N}, "finished": SECONDS since 1970,
 *    "memoryBytes": N, "cpuMs": N, "limits": ["time" …]}
 */

#include "model/result.h"
#include "model/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUMMARY_MAX_BYTES 32768

enum summary_stage { SUMMARY_FETCH, SUMMARY_PREPARE, SUMMARY_TEST, SUMMARY_JUDGE, SUMMARY_STAGES };

/* The limits of the sandbox that a run can reach. */
enum summary_limit {
    SUMMARY_TIME,
    SUMMARY_MEMORY,
    SUMMARY_PIDS,
    SUMMARY_DISK,
    SUMMARY_INODES,
    SUMMARY_OUTPUT,
    SUMMARY_LIMITS
};

struct summary {
    char *id_json;    /* as the task's, but cut; an integer beyond 63 bits as a string; owned, as the next */
    char *repository; /* without userinfo; "" where the task was none */
    char *branch;     /* NULL: the default branch */
    char *commit;     /* "": it did not come so far */
    char *details;    /* errorDetails, cut */
    int64_t lab;
    bool is_passed, is_error;
    uint64_t tests, tests_passed;
    int64_t duration_ms;               /* of the test run */
    int64_t stages_ms[SUMMARY_STAGES]; /* 0: it did not come so far; else 1 at least */
    int64_t finished_s;                /* wall clock */
    uint64_t memory_bytes;             /* the peak of the task, or of its greatest test; 0: not measured */
    int64_t cpu_ms;
    bool limits[SUMMARY_LIMITS]; /* that were reached */
};

void summary_done(struct summary *s);

/* Texts are copied, repaired and cut, and control characters in them become spaces. */
void summary_set_task(struct summary *s, const struct task *task);
void summary_set_result(struct summary *s, const struct result *result);
void summary_set_repository(struct summary *s, const char *place);
void summary_set_commit(struct summary *s, const char *commit);

/* The JSON text, below SUMMARY_MAX_BYTES. The caller frees. */
char *summary_format(const struct summary *s);

/* False where the text is none, and then nothing is given. What is too long in it is cut. */
bool summary_parse(const char *text, size_t len, struct summary *ret_summary);

const char *summary_stage_name(enum summary_stage stage);
const char *summary_limit_name(enum summary_limit limit);
