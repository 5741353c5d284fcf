/*
 * Any bytes as a report: whole and in pieces, with the default limits and with small ones. The
 * pieces must not affect the outcome.
 */

#include "fuzz.h"

#include "base/hash.h"
#include "base/utf8.h"
#include "model/junit.h"

#include <errno.h>

static const struct junit_limits small_limits = {.bytes = 1U << 20,
                                                 .depth = 4,
                                                 .cases = 6,
                                                 .name_bytes = 8,
                                                 .description_bytes = 24,
                                                 .total_description_bytes = 60};

/* Parses pieces of up to `max_piece` bytes, chosen by `random`; 0: whole. */
static int parse(const struct junit_limits *limits, struct input text, size_t max_piece, uint64_t random,
                 struct report *ret_report, struct err *err)
{
    struct junit *j = junit_new(limits);
    while (text.len) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        size_t piece = max_piece ? MIN(1 + (size_t)(random >> 33) % max_piece, text.len) : text.len;
        if (junit_feed(j, text.data, piece, err) < 0)
            break;
        text.data += piece;
        text.len -= piece;
    }
    struct err again = {0};
    int r = junit_finish(j, ret_report, &again);
    REQUIRE(!text.len || (r < 0 && strcmp(again.message, err->message) == 0));
    *err = again;
    junit_free(j);
    return r;
}

static void check_case(const struct report_case *c, const struct junit_limits *limits)
{
    const char *const texts[] = {c->classname, c->name, c->description};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        REQUIRE(texts[i] && utf8_is_valid(texts[i], strlen(texts[i])));
    REQUIRE(strlen(c->classname) <= limits->name_bytes + strlen("…"));
    REQUIRE(strlen(c->name) <= limits->name_bytes + strlen("…"));
    REQUIRE(strlen(c->description) <= limits->description_bytes + 64);
    REQUIRE(c->duration_ms >= 0 && c->status <= REPORT_XFAILED && *report_status_name(c->status));
    CLEANUP(mem_freep) char *name = report_case_name(c);
    REQUIRE(strlen(name) <= strlen(c->classname) + strlen("::") + strlen(c->name));
}

static void check_same(const struct report *a, const struct report *b)
{
    REQUIRE(a->len == b->len);
    for (size_t i = 0; i < a->len; i++) {
        const struct report_case *x = &a->cases[i], *y = &b->cases[i];
        REQUIRE(x->status == y->status && x->duration_ms == y->duration_ms);
        REQUIRE(strcmp(x->classname, y->classname) == 0 && strcmp(x->name, y->name) == 0);
        REQUIRE(strcmp(x->description, y->description) == 0);
    }
}

/* Returns true if the report was accepted. */
static bool check(const struct junit_limits *limits, struct input text, uint64_t random)
{
    static const size_t max_pieces[] = {1, 7, 64, 1000};
    CLEANUP(report_done) struct report whole = {0}, pieces = {0};
    struct err err = {0}, other = {0};
    int r = parse(limits, text, 0, 0, &whole, &err);
    REQUIRE(r <= 0 && (r == 0) == (err.class == ERR_NONE) && (r == 0) == !*err.message);
    REQUIRE(r == parse(limits, text, max_pieces[random % ARRAY_LEN(max_pieces)], random, &pieces, &other));
    REQUIRE(err.class == other.class && whole.len <= limits->cases);
    check_same(&whole, &pieces);
    for (size_t i = 0; i < whole.len; i++)
        check_case(&whole.cases[i], limits);
    return r == 0;
}

static bool ends_with(struct input text, const char *end)
{
    size_t len = strlen(end);
    return text.len >= len && memcmp(text.data + text.len - len, end, len) == 0;
}

/* Asserts that a truncated report is rejected. */
static void check_cut_off(struct input text, uint64_t random)
{
    if (!ends_with(text, "</testsuites>") && !ends_with(text, "</testsuite>"))
        return;
    CLEANUP(report_done) struct report report = {0};
    struct err err = {0};
    text.len = random % text.len;
    REQUIRE(parse(&junit_default_limits, text, 0, 0, &report, &err) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input text = {(const char *)data, size};
    uint64_t random = hash_add(HASH_START, data, size);
    if (check(&junit_default_limits, text, random))
        check_cut_off(text, random);
    check(&small_limits, text, random);
    return 0;
}
