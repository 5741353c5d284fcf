#include "model/attempt.h"

#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_word(const char *value, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(value, word, len) == 0;
}

/* Returns the contents of a string or the digits of a number; NULL for other types. */
static char *text_of_member(const char *body, size_t len, const char *name)
{
    const char *value;
    size_t value_len;
    if (json_peek_member(body, len, name, &value, &value_len) < 0 || *value == '{' || *value == '[')
        return NULL;
    if (*value != '"')
        return mem_strndup(value, value_len);
    CLEANUP(json_decrefp) json_t *text = json_loadb(value, value_len, JSON_DECODE_ANY, NULL);
    return text ? mem_strdup(json_string_value(text)) : NULL;
}

static bool is_true(const char *body, size_t len, const char *name, bool *ret_is_there)
{
    const char *value;
    size_t value_len;
    *ret_is_there = json_peek_member(body, len, name, &value, &value_len) == 0;
    return *ret_is_there && is_word(value, value_len, "true");
}

char *attempt_of_result(const char *body, size_t len, enum attempt_verdict *ret_verdict)
{
    bool knows_passed, knows_error;
    bool is_passed = is_true(body, len, "isPassed", &knows_passed);
    bool is_error = is_true(body, len, "isError", &knows_error);
    *ret_verdict = !knows_passed || !knows_error ? ATTEMPT_NO_VERDICT
                   : is_error                    ? ATTEMPT_ERROR
                   : is_passed                   ? ATTEMPT_PASSED
                                                 : ATTEMPT_FAILED;
    return text_of_member(body, len, "id");
}

static enum attempt_verdict verdict_of_status(const char *status)
{
    static const struct {
        const char *status;
        enum attempt_verdict verdict;
    } rows[] = {{"SUCCESS", ATTEMPT_PASSED}, {"FAILURE", ATTEMPT_FAILED}, {"ERROR", ATTEMPT_ERROR}};
    for (size_t i = 0; status && i < ARRAY_LEN(rows); i++)
        if (strcmp(status, rows[i].status) == 0)
            return rows[i].verdict;
    return ATTEMPT_NO_VERDICT;
}

/* The id may be a number beyond 64 bits. */
static bool is_object(const char *body, size_t len)
{
    CLEANUP(json_decrefp) json_t *object = NULL;
    int r = json_parse_object(body, len, &object, NULL);
    if (r == -ERANGE)
        r = json_parse_object_of_reals(body, len, &object, NULL);
    return r == 0;
}

enum attempt_state attempt_parse(const char *body, size_t len, bool is_cut, const char *id,
                                 enum attempt_verdict *ret_verdict)
{
    const char *value;
    size_t value_len;
    *ret_verdict = ATTEMPT_NO_VERDICT;
    if (!is_cut && !is_object(body, len))
        return ATTEMPT_UNREADABLE;
    CLEANUP(mem_freep) char *told_id = text_of_member(body, len, "id");
    if (!told_id || strcasecmp(told_id, id) != 0) /* a UUID may use either case */
        return ATTEMPT_UNREADABLE;
    if (json_peek_member(body, len, "attemptResult", &value, &value_len) < 0)
        return is_cut ? ATTEMPT_UNREADABLE : ATTEMPT_OPEN;
    if (*value != '{')
        return is_word(value, value_len, "null") ? ATTEMPT_OPEN : ATTEMPT_UNREADABLE;
    CLEANUP(mem_freep) char *status = text_of_member(body, len, "status");
    *ret_verdict = verdict_of_status(status);
    return ATTEMPT_STORED;
}

const char *attempt_verdict_name(enum attempt_verdict verdict)
{
    static const char *const names[] = {"unknown", "passed", "failed", "error"};
    return names[verdict];
}
