#pragma once

/* Shared by the tests of the report parser: sample reports, and parsing in pieces. */

#include "model/junit.h"

#include "base/buf.h"
#include "test.h"

#include <errno.h>

static const char *const samples[] = {
    "pytest-xunit1.xml", "pytest-xunit2.xml", "surefire.xml", "gtest.xml",
    "ctest.xml",         "nextest.xml",       "go.xml",
};

static inline char *read_sample(const char *name, size_t *ret_len)
{
    CLEANUP(mem_freep) char *path = mem_printf(TEST_DATA_DIR "/junit/%s", name);
    FILE *in = fopen(path, "re");
    if (!in)
        TEST_FAIL("cannot open %s", path);
    struct buf b = BUF_INIT(0);
    char chunk[4096];
    for (size_t n; (n = fread(chunk, 1, sizeof(chunk), in)) > 0;)
        buf_append(&b, chunk, n);
    fclose(in);
    *ret_len = b.len;
    return buf_take(&b);
}

/* Feeds the text in pieces. Returns the code, and the report if it is 0. */
static inline int parse_pieces(const struct junit_limits *limits, const char *text, size_t len, size_t piece,
                               struct report *ret_report, struct err *err)
{
    struct junit *j = junit_new(limits);
    int r = 0;
    for (size_t at = 0; at < len && r == 0; at += piece)
        r = junit_feed(j, text + at, MIN(piece, len - at), err);
    if (r == 0)
        r = junit_finish(j, ret_report, err);
    junit_free(j);
    return r;
}

static inline int parse(const char *text, size_t len, struct report *ret_report, struct err *err)
{
    return parse_pieces(&junit_default_limits, text, len, len + 1, ret_report, err);
}
