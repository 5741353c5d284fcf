#pragma once

/*
 * Progress of a job, for display: lines "progress <JSON object>" among those of its log. They are
 * informational; the result decides.
 *
 *   {"stage": "fetch"}                      then "prepare", "test", "judge"
 *   {"commit": HASH}                        of the student's repository
 *   {"note": SENTENCE}                      a warning about how a directory is tested
 *   {"planned": N}                          number of tests known so far
 *   {"start": NAME}
 *   {"memory": BYTES}                       in use by the tests, once a second
 *   {"end": NAME, "outcome": O, "ms": N, "cpu_ms": N, "memory": BYTES}   O: report_status_name()
 */

#include "base/err.h"
#include "model/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_WORD "progress"

/* Names are cut to this size. */
#define PROGRESS_MAX_NAME_BYTES 512
#define PROGRESS_MAX_LINE_BYTES 4096

enum progress_kind {
    PROGRESS_STAGE,
    PROGRESS_COMMIT,
    PROGRESS_PLANNED,
    PROGRESS_START,
    PROGRESS_END, /* also has "memory", so it precedes PROGRESS_MEMORY */
    PROGRESS_MEMORY,
    PROGRESS_NOTE
};

struct progress {
    enum progress_kind kind;
    char text[PROGRESS_MAX_NAME_BYTES]; /* stage, commit, test or note; valid UTF-8 */
    uint64_t planned;
    uint64_t memory_bytes;     /* current; at the end of a test: its peak */
    enum report_status status; /* this and the rest: at the end of a test */
    int64_t ms, cpu_ms;
};

/* Returns the JSON text, below PROGRESS_MAX_LINE_BYTES. The caller frees. */
char *progress_format(const struct progress *p);

/* Parses the JSON text. Returns false if it is not a progress line. */
bool progress_parse(const char *text, size_t len, struct progress *ret_progress);

/* Sets stage, commit, test or note. */
void progress_set_text(struct progress *p, enum progress_kind kind, const char *text);
