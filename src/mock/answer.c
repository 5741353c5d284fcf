#include "mock/answer.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define BLOCK_BYTES (64U << 10)

#define TYPE_JSON "application/json"

/* ---- creating an answer */

void answer_done(struct answer *answer)
{
    free(answer->body);
    *answer = (struct answer){0};
}

void answer_set(struct answer *ret_answer, unsigned status, const char *type, char *body, size_t len)
{
    free(ret_answer->body); // NOLINT: the analyzer loses track of TAKE_PTR()
    *ret_answer = (struct answer){.status = status, .type = type, .body = body, .len = len};
}

void answer_json(struct answer *ret_answer, unsigned status, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(value);
    if (!text)
        abort();
    answer_set(ret_answer, status, TYPE_JSON, text, strlen(text));
}

void answer_text(struct answer *ret_answer, unsigned status, const char *text)
{
    char *line = mem_printf("%s\n", text);
    answer_set(ret_answer, status, "text/plain; charset=utf-8", line, strlen(line));
}

void answer_message(struct answer *ret_answer, unsigned status, const char *text)
{
    CLEANUP(mem_freep) char *quoted = json_quote(text, strlen(text));
    char *body = mem_printf("{\"message\":%s}", quoted);
    answer_set(ret_answer, status, TYPE_JSON, body, strlen(body));
}

void answer_header(struct answer *answer, const char *name, const char *value)
{
    answer->header = name;
    snprintf(answer->header_value, sizeof(answer->header_value), "%s", value);
}

/* ---- applying a fault */

static bool is_refusal(const struct answer *answer)
{
    return answer->status >= 300;
}

/* RFC 9110, section 10.2.3: seconds, or a date. */
static void retry_after_text(const struct fault *fault, char *ret_text, size_t size)
{
    time_t when = time(NULL) + (time_t)fault->retry_after_s;
    struct tm tm;
    if (fault->retry_after_date)
        strftime(ret_text, size, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&when, &tm));
    else
        snprintf(ret_text, size, "%lld", (long long)fault->retry_after_s);
}

static void spoil_status(struct answer *answer, const struct fault *fault)
{
    char value[40];
    answer_message(answer, (unsigned)fault->value, "an injected fault");
    if (fault->value == MHD_HTTP_NO_CONTENT || fault->value == MHD_HTTP_NOT_MODIFIED)
        answer_set(answer, (unsigned)fault->value, NULL, NULL, 0);
    retry_after_text(fault, value, sizeof(value));
    if (fault->retry_after_s >= 0 || fault->retry_after_date)
        answer_header(answer, MHD_HTTP_HEADER_RETRY_AFTER, value);
}

static void spoil_garbage(struct answer *answer, const struct fault *fault)
{
    char *bytes = mem_alloc(256);
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)(255 - i); /* neither UTF-8 nor JSON, contains a NUL, always the same */
    answer_set(answer, MHD_HTTP_OK, TYPE_JSON, bytes, 256);
}

static void spoil_html(struct answer *answer, const struct fault *fault)
{
    static const char page[] = "<!DOCTYPE html>\n<html><head><title>Network login</title></head>"
                               "<body><h1>Please sign in to use this network</h1></body></html>\n";
    answer_set(answer, MHD_HTTP_OK, "text/html; charset=utf-8", mem_strdup(page), strlen(page));
}

static void spoil_half(struct answer *answer, const struct fault *fault)
{
    answer->len /= 2;
}

static void spoil_dup_keys(struct answer *answer, const struct fault *fault)
{
    char *twice = answer->len > 2 && answer->body[0] == '{'
                      ? mem_printf("{%.*s,%.*s}", (int)answer->len - 2, answer->body + 1,
                                   (int)answer->len - 2, answer->body + 1)
                      : mem_strdup("{\"id\":1,\"id\":1}");
    answer_set(answer, answer->status, TYPE_JSON, twice, strlen(twice));
}

static void spoil_huge(struct answer *answer, const struct fault *fault)
{
    answer_set(answer, MHD_HTTP_OK, TYPE_JSON, NULL, 0); /* the body is generated later */
}

void answer_spoil(struct answer *answer, const struct fault *fault)
{
    static void (*const spoilers[])(struct answer *, const struct fault *) = {
        [FAULT_STATUS] = spoil_status, [FAULT_GARBAGE] = spoil_garbage,   [FAULT_HTML] = spoil_html,
        [FAULT_HALF] = spoil_half,     [FAULT_DUP_KEYS] = spoil_dup_keys, [FAULT_HUGE] = spoil_huge,
    };
    if (!is_refusal(answer) && fault->kind < ARRAY_LEN(spoilers) && spoilers[fault->kind])
        spoilers[fault->kind](answer, fault);
}

/* ---- sending */

/*
 * Overlays the part of the body that starts at `pos` with `text`, whose position in the body is
 * `at`.
 */
static void overlay(char *part, size_t len, uint64_t pos, const char *text, uint64_t at)
{
    for (; *text; text++, at++)
        if (at >= pos && at - pos < len)
            part[at - pos] = *text;
}

/* Generates {"padding":"xxxx…"}, valid JSON except for its size. */
static ssize_t read_huge(void *cls, uint64_t pos, char *ret_data, size_t max)
{
    static const char head[] = "{\"padding\":\"", tail[] = "\"}";
    uint64_t size = *(const uint64_t *)cls;
    if (pos >= size)
        return MHD_CONTENT_READER_END_OF_STREAM;
    size_t len = (size_t)MIN((uint64_t)max, size - pos);
    memset(ret_data, 'x', len);
    overlay(ret_data, len, pos, head, 0);
    if (size > strlen(head) + strlen(tail))
        overlay(ret_data, len, pos, tail, size - strlen(tail));
    return (ssize_t)len;
}

static struct MHD_Response *huge_response(uint64_t size)
{
    uint64_t *cls = mem_alloc(sizeof(*cls));
    *cls = size;
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_huge, cls, free);
}

static ssize_t read_truncated(void *cls, uint64_t pos, char *ret_data, size_t max)
{
    const struct answer *answer = cls;
    size_t half = answer->len / 2;
    if (pos >= half)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t len = MIN(max, half - (size_t)pos);
    memcpy(ret_data, answer->body + pos, len);
    return (ssize_t)len;
}

static void free_answer(void *cls)
{
    answer_done(cls);
    free(cls);
}

static struct MHD_Response *truncated_response(struct answer *answer)
{
    struct answer *cls = mem_alloc(sizeof(*cls));
    *cls = *answer;
    answer->body = NULL;
    return MHD_create_response_from_callback(cls->len, BLOCK_BYTES, read_truncated, cls, free_answer);
}

static struct MHD_Response *plain_response(struct answer *answer)
{
    if (answer->len == 0)
        return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    return MHD_create_response_from_buffer(answer->len, TAKE_PTR(answer->body), MHD_RESPMEM_MUST_FREE);
}

static struct MHD_Response *make_response(struct answer *answer, const struct fault *fault)
{
    if (is_refusal(answer))
        return plain_response(answer);
    if (fault->kind == FAULT_HUGE)
        return huge_response(fault->value);
    if (fault->kind == FAULT_TRUNCATED && answer->len > 1)
        return truncated_response(answer);
    return plain_response(answer);
}

struct MHD_Response *answer_response(struct answer *answer, const struct fault *fault)
{
    struct MHD_Response *response = make_response(answer, fault);
    if (response && answer->type)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    if (response && answer->header)
        MHD_add_response_header(response, answer->header, answer->header_value);
    return response;
}
