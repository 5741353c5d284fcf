#include "model/summary.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/url.h"
#include "base/utf8.h"

#include <string.h>

/* A quote takes two bytes in JSON, so twice the sum of these must fit, with the numbers. */
#define MAX_ID_BYTES      200
#define MAX_URL_BYTES     500
#define MAX_BRANCH_BYTES  255
#define MAX_COMMIT_BYTES  64
#define MAX_DETAILS_BYTES 4000
#define CUT_MARK          "…"

#define MAX_DURATION_MS 1000000000000 /* 30 years; as seconds, still a valid date in browsers */

static const char *const stages[] = {[SUMMARY_FETCH] = "fetch",
                                     [SUMMARY_PREPARE] = "prepare",
                                     [SUMMARY_TEST] = "test",
                                     [SUMMARY_JUDGE] = "judge"};

static const char *const limits[] = {
    [SUMMARY_TIME] = "time", [SUMMARY_MEMORY] = "memory", [SUMMARY_PIDS] = "pids",
    [SUMMARY_DISK] = "disk", [SUMMARY_INODES] = "inodes", [SUMMARY_OUTPUT] = "output"};

const char *summary_stage_name(enum summary_stage stage)
{
    return stages[stage];
}

const char *summary_limit_name(enum summary_limit limit)
{
    return limits[limit];
}

void summary_done(struct summary *s)
{
    free(s->id_json);
    free(s->repository);
    free(s->branch);
    free(s->commit);
    free(s->details);
    *s = (struct summary){0};
}

/* ---- filling in */

/* Returns one line of valid UTF-8, of at most `max_bytes`. The caller frees. */
static char *tidy(const char *text, size_t max_bytes)
{
    CLEANUP(mem_freep) char *valid = utf8_repair(text, strnlen(text, max_bytes + 4));
    size_t len = strlen(valid);
    if (len > max_bytes) {
        size_t kept = utf8_cut(valid, len, max_bytes - strlen(CUT_MARK));
        memcpy(valid + kept, CUT_MARK, sizeof(CUT_MARK));
    }
    for (char *p = valid; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
    return TAKE_PTR(valid);
}

static void set(char **field, const char *text, size_t max_bytes)
{
    free(*field);
    *field = text ? tidy(text, max_bytes) : NULL;
}

/*
 * `json`: a string or an integer; NULL: an integer too large for the library, with its digits in
 * `text`.
 */
static char *short_id(const json_t *json, const char *text)
{
    if (json_is_integer(json))
        return mem_printf("%lld", (long long)json_integer_value(json));
    CLEANUP(mem_freep) char *tidied = tidy(json ? json_string_value(json) : text, MAX_ID_BYTES);
    return json_quote(tidied, strlen(tidied));
}

void summary_set_task(struct summary *s, const struct task *task)
{
    CLEANUP(json_decrefp) json_t *id = json_loads(task->id_json, JSON_DECODE_ANY, NULL);
    CLEANUP(mem_freep) char *url = task->repository_url ? url_without_userinfo(task->repository_url) : NULL;
    free(s->id_json);
    s->id_json = short_id(id, task->id_json);
    set(&s->repository, url ? url : "", MAX_URL_BYTES);
    set(&s->branch, task->branch, MAX_BRANCH_BYTES);
    s->lab = task_stage(task);
}

void summary_set_repository(struct summary *s, const char *place)
{
    set(&s->repository, place, MAX_URL_BYTES);
}

void summary_set_commit(struct summary *s, const char *commit)
{
    set(&s->commit, commit, MAX_COMMIT_BYTES);
}

void summary_set_result(struct summary *s, const struct result *result)
{
    s->is_passed = result->is_passed;
    s->is_error = result->is_error;
    set(&s->details, result->error_details ? result->error_details : "", MAX_DETAILS_BYTES);
    s->duration_ms = MAX(result->duration_ms, 0);
    s->tests = result->tests_len;
    s->tests_passed = 0;
    for (size_t i = 0; i < result->tests_len; i++) {
        s->tests_passed += result->tests[i].is_passed;
        s->memory_bytes = MAX(s->memory_bytes, result->tests[i].memory_bytes);
    }
}

/* ---- writing ---- */

static void put_string(struct buf *b, const char *name, const char *text)
{
    CLEANUP(mem_freep) char *quoted = text ? json_quote(text, strlen(text)) : NULL;
    buf_printf(b, ", \"%s\": %s", name, quoted ? quoted : "null");
}

static void put_bool(struct buf *b, const char *name, bool value)
{
    buf_printf(b, ", \"%s\": %s", name, value ? "true" : "false");
}

static void put_number(struct buf *b, const char *name, uint64_t value)
{
    buf_printf(b, ", \"%s\": %llu", name, (unsigned long long)MIN(value, (uint64_t)INT64_MAX));
}

/* Clamps to what summary_parse() accepts. */
static uint64_t duration(int64_t ms)
{
    return (uint64_t)MIN(MAX(ms, (int64_t)0), (int64_t)MAX_DURATION_MS);
}

static void put_stages(struct buf *b, const struct summary *s)
{
    buf_puts(b, ", \"stagesMs\": {");
    for (size_t i = 0; i < SUMMARY_STAGES; i++)
        buf_printf(b, "%s\"%s\": %llu", i ? ", " : "", stages[i],
                   (unsigned long long)duration(s->stages_ms[i]));
    buf_puts(b, "}");
}

static void put_limits(struct buf *b, const struct summary *s)
{
    bool is_first = true;
    buf_puts(b, ", \"limits\": [");
    for (size_t i = 0; i < SUMMARY_LIMITS; i++) {
        if (!s->limits[i])
            continue;
        buf_printf(b, "%s\"%s\"", is_first ? "" : ", ", limits[i]);
        is_first = false;
    }
    buf_puts(b, "]");
}

char *summary_format(const struct summary *s)
{
    struct buf b = BUF_INIT(0);
    buf_printf(&b, "{\"id\": %s", s->id_json ? s->id_json : "\"\"");
    put_string(&b, "repository", s->repository ? s->repository : "");
    put_string(&b, "branch", s->branch);
    put_string(&b, "commit", s->commit ? s->commit : "");
    put_number(&b, "lab", (uint64_t)MAX(s->lab, 0));
    put_bool(&b, "passed", s->is_passed);
    put_bool(&b, "error", s->is_error);
    put_string(&b, "details", s->details ? s->details : "");
    put_number(&b, "tests", s->tests);
    put_number(&b, "testsPassed", s->tests_passed);
    put_number(&b, "durationMs", duration(s->duration_ms));
    put_stages(&b, s);
    put_number(&b, "finished", duration(s->finished_s));
    put_number(&b, "memoryBytes", s->memory_bytes);
    put_number(&b, "cpuMs", duration(s->cpu_ms));
    put_limits(&b, s);
    buf_puts(&b, "}\n");
    return buf_take(&b);
}

/* ---- reading ---- */

/* The object, and whether everything read so far was valid. */
struct reader {
    const json_t *object;
    bool is_well;
};

static const json_t *get(struct reader *r, const char *name, bool is_right(const json_t *))
{
    const json_t *value = json_object_get(r->object, name);
    r->is_well &= value && is_right(value);
    return r->is_well ? value : NULL;
}

static bool is_text(const json_t *j)
{
    return json_is_string(j);
}

static bool is_text_or_null(const json_t *j)
{
    return json_is_string(j) || json_is_null(j);
}

static bool is_count(const json_t *j)
{
    return json_is_integer(j) && json_integer_value(j) >= 0;
}

static bool is_truth(const json_t *j)
{
    return json_is_boolean(j);
}

static bool is_id(const json_t *j)
{
    return json_is_string(j) || json_is_integer(j);
}

static bool is_list(const json_t *j)
{
    return json_is_array(j);
}

static bool is_object(const json_t *j)
{
    return json_is_object(j);
}

static void take_string(struct reader *r, const char *name, size_t max_bytes, char **ret)
{
    set(ret, json_string_value(get(r, name, is_text)), max_bytes);
}

/* Limited, since durations are added up. */
static bool is_duration(const json_t *j)
{
    return is_count(j) && json_integer_value(j) <= MAX_DURATION_MS;
}

static int64_t take_number(struct reader *r, const char *name)
{
    return json_integer_value(get(r, name, is_count));
}

static int64_t take_duration(struct reader *r, const char *name)
{
    return json_integer_value(get(r, name, is_duration));
}

static bool take_bool(struct reader *r, const char *name)
{
    return json_is_true(get(r, name, is_truth));
}

static void take_stages(struct reader *r, struct summary *s)
{
    struct reader inner = {.object = get(r, "stagesMs", is_object), .is_well = r->is_well};
    for (size_t i = 0; i < SUMMARY_STAGES; i++)
        s->stages_ms[i] = take_duration(&inner, stages[i]);
    r->is_well = inner.is_well;
}

/* Ignores unknown limits, which a later version may have written. */
static void take_limits(struct reader *r, struct summary *s)
{
    const json_t *list = get(r, "limits", is_list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        r->is_well &= name != NULL;
        for (size_t l = 0; l < SUMMARY_LIMITS && name; l++)
            s->limits[l] |= strcmp(name, limits[l]) == 0;
    }
}

static bool take(const json_t *object, struct summary *s)
{
    struct reader r = {.object = object, .is_well = true};
    const json_t *id = get(&r, "id", is_id);
    s->id_json = id ? short_id(id, NULL) : NULL;
    take_string(&r, "repository", MAX_URL_BYTES, &s->repository);
    set(&s->branch, json_string_value(get(&r, "branch", is_text_or_null)), MAX_BRANCH_BYTES);
    take_string(&r, "commit", MAX_COMMIT_BYTES, &s->commit);
    s->lab = take_number(&r, "lab");
    s->is_passed = take_bool(&r, "passed");
    s->is_error = take_bool(&r, "error");
    take_string(&r, "details", MAX_DETAILS_BYTES, &s->details);
    s->tests = (uint64_t)take_number(&r, "tests");
    s->tests_passed = (uint64_t)take_number(&r, "testsPassed");
    s->duration_ms = take_duration(&r, "durationMs");
    take_stages(&r, s);
    s->finished_s = take_duration(&r, "finished");
    s->memory_bytes = (uint64_t)take_number(&r, "memoryBytes");
    s->cpu_ms = take_duration(&r, "cpuMs");
    take_limits(&r, s);
    return r.is_well && s->tests_passed <= s->tests && !(s->is_passed && s->is_error);
}

bool summary_parse(const char *text, size_t len, struct summary *ret_summary)
{
    json_t *object;
    struct summary s = {0};
    if (len >= SUMMARY_MAX_BYTES || json_parse_object(text, len, &object, NULL) < 0)
        return false;
    bool is_well = take(object, &s);
    json_decref(object);
    if (is_well)
        *ret_summary = s;
    else
        summary_done(&s);
    return is_well;
}
