/*
 * A run, a report and the requested tests: judged, written, and read again. Checks passes with an
 * independent implementation. Texts end with NUL; first the run, then the cases to the end of the
 * input.
 */

#include "fuzz.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"
#include "model/details.h"
#include "model/verdict.h"

/* More than any measurement, and still a JSON integer. */
#define MAX_NUMBER (UINT64_MAX >> 2)

/* The input of verdict_judge(), with its memory. */
struct scene {
    struct verdict_input in;
    struct report report;
    struct err report_error;
    struct strv tests, limits;
    char *texts[4]; /* ended_for, running, last_words, disagreement */
    enum result_memory_unit unit;
    unsigned sink_calls; /* the sink fails after this many */
};

static void scene_done(struct scene *s)
{
    report_done(&s->report);
    strv_done(&s->tests);
    strv_done(&s->limits);
    for (size_t i = 0; i < ARRAY_LEN(s->texts); i++)
        free(s->texts[i]);
}

/* Reads a sentence into `slot`. Returns NULL if it is empty or not present. */
static const char *take_sentence(struct input *in, bool is_there, char **slot)
{
    *slot = is_there ? take_text(in, '\0') : NULL;
    return *slot && **slot ? *slot : NULL;
}

static void take_list(struct input *in, size_t len, struct strv *list)
{
    for (size_t i = 0; i < len; i++)
        strv_take(list, take_text(in, '\0'));
}

static void take_run(struct input *in, struct scene *s)
{
    unsigned flags = take_byte(in), texts = take_byte(in);
    s->in.run = (struct verdict_run){
        .exited = !(flags & 1),
        .timed_out = flags & 2,
        .status = (int8_t)take_byte(in),
        .signal = (int8_t)take_byte(in),
        .timeout_ms = (int64_t)take_number(in, 4),
        .wall_ms = (int64_t)take_number(in, flags & 4 ? 8 : 2),
    };
    s->in.only_connected = flags & 8;
    s->in.report = flags & 16 ? NULL : &s->report;
    s->unit = (enum result_memory_unit)((flags >> 5) % 3);
    s->sink_calls = take_byte(in);
    s->in.run.ended_for = take_sentence(in, texts & 1, &s->texts[0]);
    s->in.run.running = take_sentence(in, texts & 2, &s->texts[1]);
    s->in.run.last_words = take_sentence(in, texts & 4, &s->texts[2]);
    s->in.disagreement = take_sentence(in, texts & 8, &s->texts[3]);
    take_list(in, texts >> 4 & 3, &s->limits);
    take_list(in, texts >> 6, &s->tests);
    s->in.limits = &s->limits;
    s->in.tests = &s->tests;
    s->in.report_error = &s->report_error;
    if (!s->in.report)
        snprintf(s->report_error.message, sizeof(s->report_error.message), "No report");
}

static void take_cases(struct input *in, struct report *report)
{
    while (in->len) {
        struct report_case *c = report_add(report);
        unsigned flags = take_byte(in);
        c->status = (enum report_status)(flags % 5);
        c->duration_ms = (int64_t)take_number(in, flags & 64 ? 8 : 1);
        c->memory_bytes = take_number(in, flags & 128 ? 8 : 1) & MAX_NUMBER;
        c->classname = take_text(in, '\0');
        c->name = take_text(in, '\0');
        c->description = take_text(in, '\0');
    }
}

/* ---- checks ---- */

static bool is_asked_for(const struct scene *s, const struct report_case *c)
{
    bool asked = !s->in.only_connected || !s->tests.len;
    for (size_t i = 0; i < s->tests.len; i++)
        asked = asked || report_case_matches(c, s->tests.items[i]);
    return asked;
}

/* Returns the number of cases that count; -1 if the run cannot be a pass. */
static ssize_t count_passes(const struct scene *s)
{
    const struct verdict_run *run = &s->in.run;
    bool pass = run->exited && !run->timed_out && !run->ended_for && s->in.report && !s->in.disagreement;
    bool all = true;
    ssize_t counted = 0;
    for (size_t i = 0; i < s->report.len; i++) {
        bool passed =
            s->report.cases[i].status == REPORT_PASSED || s->report.cases[i].status == REPORT_XFAILED;
        all = all && passed;
        if (!is_asked_for(s, &s->report.cases[i]))
            continue;
        pass = pass && passed;
        counted++;
    }
    for (size_t i = 0; i < s->tests.len; i++) {
        bool found = false;
        for (size_t n = 0; n < s->report.len; n++)
            found = found || report_case_matches(&s->report.cases[n], s->tests.items[i]);
        pass = pass && found;
    }
    return pass && counted && (run->status == 0 || !all) ? counted : -1;
}

static void check_result(const struct result *result, ssize_t passes)
{
    REQUIRE(result->is_passed == (passes > 0));
    REQUIRE(!result->is_passed || (!result->is_error && (ssize_t)result->tests_len == passes));
    for (size_t i = 0; i < result->tests_len; i++)
        REQUIRE(!result->is_passed || result->tests[i].is_passed);
    REQUIRE(!result->is_error || (*result->error_details && *result->error_brief));
    REQUIRE(utf8_count(result->error_brief) <= DETAILS_MAX_CHARS);
}

/* ---- output ---- */

struct sink {
    struct buf text;
    unsigned calls_left;
    bool has_failed;
};

static int write_to_sink(const char *text, size_t len, void *data)
{
    struct sink *sink = data;
    REQUIRE(!sink->has_failed);
    sink->has_failed = sink->calls_left == 0;
    sink->calls_left -= !sink->has_failed;
    return sink->has_failed ? -7 : buf_append(&sink->text, text, len);
}

struct member {
    const char *name;
    json_type type; /* JSON_TRUE: a boolean */
};

static void check_members(const json_t *object, const struct member *members, size_t len)
{
    REQUIRE(json_is_object(object) && json_object_size(object) == len);
    for (size_t i = 0; i < len; i++) {
        const json_t *value = json_object_get(object, members[i].name);
        REQUIRE(value && (json_is_boolean(value) ? JSON_TRUE : json_typeof(value)) == members[i].type);
        REQUIRE(!json_is_integer(value) || json_integer_value(value) >= 0);
    }
}

static void check_written(const struct result *result, const struct buf *text)
{
    static const struct member whole[] = {{"id", JSON_STRING},        {"isPassed", JSON_TRUE},
                                          {"duration", JSON_INTEGER}, {"testResults", JSON_ARRAY},
                                          {"isError", JSON_TRUE},     {"errorDetails", JSON_STRING}};
    static const struct member test[] = {{"isPassed", JSON_TRUE},
                                         {"description", JSON_STRING},
                                         {"memoryUsed", JSON_INTEGER},
                                         {"duration", JSON_INTEGER},
                                         {"name", JSON_STRING}};
    CLEANUP(json_decrefp) json_t *root = NULL;
    REQUIRE(json_parse_object(text->data, text->len, &root, NULL) == 0);
    check_members(root, whole, ARRAY_LEN(whole));
    REQUIRE(json_is_true(json_object_get(root, "isPassed")) == result->is_passed);
    REQUIRE(json_is_true(json_object_get(root, "isError")) == result->is_error);
    const json_t *tests = json_object_get(root, "testResults");
    REQUIRE(json_array_size(tests) == result->tests_len);
    for (size_t i = 0; i < result->tests_len; i++) {
        const json_t *written = json_array_get(tests, i);
        CLEANUP(mem_freep) char *name = utf8_repair(result->tests[i].name, strlen(result->tests[i].name));
        check_members(written, test, ARRAY_LEN(test));
        REQUIRE(json_is_true(json_object_get(written, "isPassed")) == result->tests[i].is_passed);
        REQUIRE(strcmp(json_string_value(json_object_get(written, "name")), name) == 0);
    }
}

static void check_writing(const struct result *result, const struct scene *s)
{
    struct sink whole = {.calls_left = UINT32_MAX}, failing = {.calls_left = s->sink_calls};
    REQUIRE(result_write(result, "\"1\"", s->unit, write_to_sink, &whole) == 0);
    check_written(result, &whole.text);
    int r = result_write(result, "\"1\"", s->unit, write_to_sink, &failing);
    REQUIRE(r == (failing.has_failed ? -7 : 0));
    buf_done(&whole.text);
    buf_done(&failing.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {(const char *)data, size};
    CLEANUP(scene_done) struct scene scene = {0};
    CLEANUP(result_done) struct result result;
    take_run(&in, &scene);
    take_cases(&in, &scene.report);
    ssize_t passes = count_passes(&scene); /* before the texts are moved out */
    verdict_judge(&scene.in, &result);
    check_result(&result, passes);
    check_writing(&result, &scene);
    return 0;
}
