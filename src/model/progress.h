#pragma once

/*
 * How far a job is, for who shows it: lines "progress <JSON object>" between those of its log. What they
 * say is for the eye alone; the result decides.
 *
 *   {"stage": "fetch"}                      then "prepare", "test", "judge"
 *   {"commit": HASH}                        of the student's repository
 *   {"note": SENTENCE}                      a warning about how a directory is tested
 *   {"planned": N}                          tests that are known so far
 *   {"start": NAME}
 *   {"memory": BYTES}                       what the tests hold now, once a second
 *   {"end": NAME, "outcome": O, "ms": N, "cpu_ms": N, "memory": BYTES}   O as in report_status_name()
 */

#include "base/err.h"
#include "model/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_WORD "progress"

/* Names are cut to this. */
#define PROGRESS_MAX_NAME_BYTES 512
#define PROGRESS_MAX_LINE_BYTES 4096

enum progress_kind {
    PROGRESS_STAGE,
    PROGRESS_COMMIT,
    PROGRESS_PLANNED,
    PROGRESS_START,
    PROGRESS_END, /* has a "memory", too: so it is looked for before the next */
    PROGRESS_MEMORY,
    PROGRESS_NOTE
};

struct progress {
    enum progress_kind kind;
    char text[PROGRESS_MAX_NAME_BYTES]; /* stage, commit, test or note; valid UTF-8 */
    uint64_t planned;
    uint64_t memory_bytes;     /* now; of the end of a test: its peak */
    enum report_status status; /* the rest: of the end of a test */
    int64_t ms, cpu_ms;
};

/* The JSON text, below PROGRESS_MAX_LINE_BYTES. The caller frees. */
char *progress_format(const struct progress *p);

/* False where the text is none. */
bool progress_parse(const char *text, size_t len, struct progress *ret_progress);

/* Fills in stage, commit, test or note. */
void progress_set_text(struct progress *p, enum progress_kind kind, const char *text);
