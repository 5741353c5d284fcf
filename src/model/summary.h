#pragma once

/*
 * A finished task in a few lines, for lists of the last tasks: summary.json, next to the result. It
 * is informational; the result decides.
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
    char *id_json;    /* the task's, cut; an integer beyond 63 bits as a string; owned */
    char *repository; /* without userinfo; owned, like the next; "" if there was no task */
    char *branch;     /* NULL: the default branch */
    char *commit;     /* "": not reached */
    char *details;    /* errorDetails, cut */
    int64_t lab;
    bool is_passed, is_error;
    uint64_t tests, tests_passed;
    int64_t duration_ms;               /* of the test run */
    int64_t stages_ms[SUMMARY_STAGES]; /* 0: not reached; else at least 1 */
    int64_t finished_s;                /* wall clock */
    uint64_t memory_bytes;             /* of the task or its largest test; 0: not measured */
    int64_t cpu_ms;
    bool limits[SUMMARY_LIMITS]; /* limits that were reached */
};

void summary_done(struct summary *s);

/* Set members. Texts are copied, repaired and cut, and control characters in them become spaces. */
void summary_set_task(struct summary *s, const struct task *task);
void summary_set_result(struct summary *s, const struct result *result);
void summary_set_repository(struct summary *s, const char *place);
void summary_set_commit(struct summary *s, const char *commit);

/* Returns the JSON text, below SUMMARY_MAX_BYTES. The caller frees. */
char *summary_format(const struct summary *s);

/*
 * Parses the JSON text, and cuts members that are too long. Returns false, without filling
 * `ret_summary`, if it is not a summary.
 */
bool summary_parse(const char *text, size_t len, struct summary *ret_summary);

const char *summary_stage_name(enum summary_stage stage);
const char *summary_limit_name(enum summary_limit limit);
