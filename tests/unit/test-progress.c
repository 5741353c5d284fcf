#include "model/progress.h"

#include "base/mem.h"
#include "test.h"

static void check_round_trip(const struct progress *p, const char *want)
{
    struct progress back;
    CLEANUP(mem_freep) char *text = progress_format(p);
    CHECK_STR(text, want);
    CHECK(progress_parse(text, strlen(text), &back));
    CHECK_INT(back.kind, p->kind);
    CHECK_STR(back.text, p->text);
    CHECK_INT(back.planned, p->planned);
    CHECK_INT(back.status, p->status);
    CHECK_INT(back.ms, p->ms);
    CHECK_INT(back.cpu_ms, p->cpu_ms);
    CHECK_INT(back.memory_bytes, p->memory_bytes);
}

static void each_kind_comes_back_as_it_was(void)
{
    struct progress p;
    progress_set_text(&p, PROGRESS_STAGE, "fetch");
    check_round_trip(&p, "{\"stage\":\"fetch\"}");
    progress_set_text(&p, PROGRESS_COMMIT, "abc123");
    check_round_trip(&p, "{\"commit\":\"abc123\"}");
    progress_set_text(&p, PROGRESS_NOTE, "Warning: run.sh");
    check_round_trip(&p, "{\"note\":\"Warning: run.sh\"}");
    progress_set_text(&p, PROGRESS_START, "test_a::b[\"x\"]");
    check_round_trip(&p, "{\"start\":\"test_a::b[\\\"x\\\"]\"}");
    p = (struct progress){.kind = PROGRESS_PLANNED, .planned = 500000};
    check_round_trip(&p, "{\"planned\":500000}");
    p = (struct progress){.kind = PROGRESS_MEMORY, .memory_bytes = 1ULL << 33};
    check_round_trip(&p, "{\"memory\":8589934592}");
    progress_set_text(&p, PROGRESS_END, "t");
    p.status = REPORT_XFAILED;
    p.ms = 12;
    p.cpu_ms = 7;
    p.memory_bytes = 1ULL << 40;
    check_round_trip(
        &p, "{\"end\":\"t\",\"outcome\":\"xfailed\",\"ms\":12,\"cpu_ms\":7,\"memory\":1099511627776}");
}

static void names_are_cut_between_characters(void)
{
    char name[2000];
    struct progress p;
    for (size_t i = 0; i + 2 < sizeof(name); i += 2)
        memcpy(name + i, "ж", 2);
    name[1998] = '\0';
    progress_set_text(&p, PROGRESS_START, name);
    CHECK_INT(strlen(p.text), 510);
    progress_set_text(&p, PROGRESS_START,
                      name + 1); /* begins with an incomplete character, which is repaired */
    CLEANUP(mem_freep) char *text = progress_format(&p);
    CHECK(progress_parse(text, strlen(text), &p));
}

static void the_longest_line_fits(void)
{
    char name[1000];
    struct progress p;
    memset(name, '\x01', sizeof(name) - 1); /* six bytes each in JSON */
    name[999] = '\0';
    progress_set_text(&p, PROGRESS_END, name);
    CLEANUP(mem_freep) char *text = progress_format(&p);
    CHECK(strlen(text) < PROGRESS_MAX_LINE_BYTES);
    CHECK(progress_parse(text, strlen(text), &p));
}

static void what_is_none_is_refused(void)
{
    static const char *const texts[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"stage\": 1}",
        "{\"planned\": -1}",
        "{\"planned\": \"1\"}",
        "{\"end\": \"t\"}",
        "{\"end\":\"t\",\"outcome\":\"won\",\"ms\":1,\"cpu_ms\":1,\"memory\":1}",
        "{\"end\":\"t\",\"outcome\":\"passed\",\"ms\":-1,\"cpu_ms\":1,\"memory\":1}",
        "{\"end\":\"t\",\"outcome\":\"passed\",\"ms\":1,\"cpu_ms\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct progress p = {.ms = 77};
        CHECK(!progress_parse(texts[i], strlen(texts[i]), &p));
        CHECK_INT(p.ms, 77);
    }
}

TEST_MAIN(TEST(each_kind_comes_back_as_it_was), TEST(names_are_cut_between_characters),
          TEST(the_longest_line_fits), TEST(what_is_none_is_refused))
