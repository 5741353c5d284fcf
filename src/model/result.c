#include "model/result.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "model/details.h"

#include <stdio.h>
#include <string.h>

void result_done(struct result *result)
{
    for (size_t i = 0; i < result->tests_len; i++) {
        free(result->tests[i].name);
        free(result->tests[i].description);
    }
    free(result->tests);
    free(result->error_details);
    free(result->error_brief);
    *result = (struct result){0};
}

void result_init_error(struct result *ret_result, const char *details)
{
    *ret_result = (struct result){.is_error = true, .error_details = utf8_repair(details, strlen(details))};
}

/* The sink, and its first error. */
struct writer {
    result_sink_fn *sink;
    void *data;
    int error;
};

static void put(struct writer *w, const char *text)
{
    if (w->error == 0)
        w->error = w->sink(text, strlen(text), w->data);
}

static void put_string(struct writer *w, const char *s)
{
    CLEANUP(mem_freep) char *quoted = json_quote(s ? s : "", s ? strlen(s) : 0);
    put(w, quoted);
}

static void put_bool(struct writer *w, bool value)
{
    put(w, value ? "true" : "false");
}

static void put_number(struct writer *w, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    put(w, text);
}

static uint64_t in_unit(uint64_t bytes, enum result_memory_unit unit)
{
    static const unsigned shift[] = {[RESULT_MEMORY_B] = 0, [RESULT_MEMORY_KB] = 10, [RESULT_MEMORY_MB] = 20};
    uint64_t rest = (1ULL << shift[unit]) - 1;
    return (bytes >> shift[unit]) + ((bytes & rest) != 0);
}

static void put_test(struct writer *w, const struct result_test *test, enum result_memory_unit unit)
{
    put(w, "{\"isPassed\": ");
    put_bool(w, test->is_passed);
    put(w, ", \"description\": ");
    put_string(w, test->description);
    put(w, ", \"memoryUsed\": ");
    put_number(w, in_unit(test->memory_bytes, unit));
    put(w, ", \"duration\": ");
    put_number(w, (uint64_t)MAX(test->duration_ms, 0));
    put(w, ", \"name\": ");
    put_string(w, test->name);
    put(w, "}");
}

/* Always shortened to what the backend can store. */
static void put_details(struct writer *w, const struct result *result)
{
    const char *text = result->error_brief ? result->error_brief : result->error_details;
    CLEANUP(mem_freep) char *brief = details_shorten(text ? text : "");
    put_string(w, brief);
}

int result_write(const struct result *result, const char *id_json, enum result_memory_unit unit,
                 result_sink_fn *sink, void *data)
{
    struct writer w = {.sink = sink, .data = data};
    put(&w, "{\"id\": ");
    put(&w, id_json);
    put(&w, ", \"isPassed\": ");
    put_bool(&w, result->is_passed);
    put(&w, ", \"isError\": ");
    put_bool(&w, result->is_error);
    put(&w, ", \"errorDetails\": ");
    put_details(&w, result);
    put(&w, ", \"duration\": ");
    put_number(&w, (uint64_t)MAX(result->duration_ms, 0));
    put(&w, ", \"testResults\": [");
    for (size_t i = 0; i < result->tests_len; i++) {
        put(&w, i ? ",\n" : "\n");
        put_test(&w, &result->tests[i], unit);
    }
    put(&w, "]}\n");
    return w.error;
}
