#include "mock/results.h"

#include "base/fd.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>

/* ---- the form ---- */

enum member_kind { MEMBER_ID, MEMBER_BOOL, MEMBER_COUNT, MEMBER_STRING, MEMBER_TESTS };

struct member {
    const char *name;
    enum member_kind kind;
};

static const struct member result_members[] = {
    {"id", MEMBER_ID},        {"isPassed", MEMBER_BOOL},       {"duration", MEMBER_COUNT},
    {"isError", MEMBER_BOOL}, {"errorDetails", MEMBER_STRING}, {"testResults", MEMBER_TESTS},
};

static const struct member test_members[] = {
    {"name", MEMBER_STRING},    {"description", MEMBER_STRING}, {"isPassed", MEMBER_BOOL},
    {"duration", MEMBER_COUNT}, {"memoryUsed", MEMBER_COUNT},
};

/* Returns NULL, or what is expected. */
static const char *wrong_kind(const json_t *value, enum member_kind kind)
{
    switch (kind) {
    case MEMBER_ID:
        return json_is_integer(value) || json_is_string(value) ? NULL : "a string or an integer";
    case MEMBER_BOOL:
        return json_is_boolean(value) ? NULL : "true or false";
    case MEMBER_COUNT:
        return json_is_integer(value) && json_integer_value(value) >= 0 ? NULL : "an integer, 0 or more";
    case MEMBER_STRING:
        return json_is_string(value) ? NULL : "a string";
    case MEMBER_TESTS:
        return json_is_array(value) ? NULL : "an array";
    }
    return NULL;
}

static int violation(struct err *err, const char *where, const char *name, const char *problem)
{
    return err_set(err, ERR_NETWORK, EINVAL, "%s%.80s %s", where, name, problem);
}

static int check_members(json_t *object, const struct member *members, size_t len, const char *where,
                         struct err *err)
{
    for (size_t i = 0; i < len; i++) {
        const json_t *value = json_object_get(object, members[i].name);
        if (!value)
            return violation(err, where, members[i].name, "is missing");
        const char *expected = wrong_kind(value, members[i].kind);
        if (expected)
            return err_set(err, ERR_NETWORK, EINVAL, "%s%s must be %s", where, members[i].name, expected);
    }
    if (json_object_size(object) == len)
        return 0;
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        bool known = false;
        for (size_t i = 0; i < len; i++)
            known = known || strcmp(name, members[i].name) == 0;
        if (!known)
            return violation(err, where, name, "is not a member of the protocol");
    }
    return 0;
}

static int check_tests(const json_t *tests, bool *ret_all_passed, struct err *err)
{
    bool all_passed = json_array_size(tests) > 0;
    size_t i;
    json_t *test;
    json_array_foreach(tests, i, test)
    {
        char where[48];
        snprintf(where, sizeof(where), "testResults[%zu].", i);
        if (!json_is_object(test))
            return violation(err, where, "", "must be an object");
        int r = check_members(test, test_members, ARRAY_LEN(test_members), where, err);
        if (r < 0)
            return r;
        all_passed = all_passed && json_is_true(json_object_get(test, "isPassed"));
    }
    *ret_all_passed = all_passed;
    return 0;
}

/* Checks that the members are consistent: a pass requires that all tests passed. */
static int check_sense(const json_t *result, bool all_passed, struct err *err)
{
    bool passed = json_is_true(json_object_get(result, "isPassed"));
    bool error = json_is_true(json_object_get(result, "isError"));
    if (passed && error)
        return violation(err, "", "isPassed", "and isError are both true");
    if (passed && !all_passed)
        return violation(err, "", "isPassed", "is true, but not every test passed or there is none");
    if (error && json_string_length(json_object_get(result, "errorDetails")) == 0)
        return violation(err, "", "errorDetails", "is empty, but isError is true");
    return 0;
}

int result_check(const char *body, size_t len, json_t **ret_result, struct err *err)
{
    CLEANUP(json_decrefp) json_t *result = NULL;
    bool all_passed = false;
    int r = json_parse_object(body, len, &result, err);
    if (r == 0)
        r = check_members(result, result_members, ARRAY_LEN(result_members), "", err);
    if (r == 0)
        r = check_tests(json_object_get(result, "testResults"), &all_passed, err);
    if (r == 0)
        r = check_sense(result, all_passed, err);
    if (r == 0)
        *ret_result = TAKE_PTR(result);
    return r;
}

/* ---- what the real backend cannot store ---- */

#define DETAILS_MAX_CHARS 255      /* column errorDetails: VARCHAR(255) */
#define TEXT_MAX_CHARS    20000000 /* limit of its JSON parser for a string */

static bool has_nul(const json_t *value)
{
    const char *name;
    size_t i;
    json_t *inner;
    if (json_is_string(value))
        return strlen(json_string_value(value)) < json_string_length(value);
    json_object_foreach((json_t *)value, name, inner)
    {
        if (has_nul(inner))
            return true;
    }
    json_array_foreach(value, i, inner)
    {
        if (has_nul(inner))
            return true;
    }
    return false;
}

static bool has_enormous_text(const json_t *result)
{
    size_t i;
    const json_t *test;
    json_array_foreach(json_object_get(result, "testResults"), i, test)
    {
        if (utf8_count(json_string_value(json_object_get(test, "description"))) > TEXT_MAX_CHARS)
            return true;
    }
    return false;
}

unsigned results_unstorable(const char *body, size_t len, const char **ret_reason)
{
    CLEANUP(json_decrefp) json_t *result = json_loadb(body, len, JSON_ALLOW_NUL, NULL);
    *ret_reason = "";
    if (has_enormous_text(result))
        return *ret_reason = "a text is longer than 20000000 characters", 400;
    if (has_nul(result))
        return *ret_reason = "a text contains a NUL", 500;
    if (utf8_count(json_string_value(json_object_get(result, "errorDetails"))) > DETAILS_MAX_CHARS)
        return *ret_reason = "errorDetails is longer than 255 characters", 500;
    return 0;
}

/* ---- storing ---- */

/* Returns the same hash for the same contents in any order of members. */
static uint64_t hash_of(const json_t *result)
{
    CLEANUP(mem_freep) char *text = json_dumps(result, JSON_COMPACT | JSON_SORT_KEYS);
    return hash_add(HASH_START, text, strlen(text));
}

static int append_line(int fd, const json_t *result)
{
    if (fd < 0)
        return 0;
    CLEANUP(mem_freep) char *text = json_dumps(result, JSON_COMPACT);
    CLEANUP(mem_freep) char *line = mem_printf("%s\n", text);
    return fd_write_all(fd, line, strlen(line));
}

static void keep(struct claim *claim, json_t *result, int64_t now_ms)
{
    claim->posts++;
    claim->posted_ms = now_ms;
    if (!claim->result)
        claim->result = json_incref(result);
}

/* A repeated result replaces the stored one, which is orphaned; the cascade deletes the attempt. */
static enum results_outcome store_as_real(struct claim *claim, json_t *result, int fd, int64_t now_ms)
{
    if (claim->is_destroyed)
        return RESULTS_UNKNOWN;
    if (claim->result) {
        claim->posts++;
        claim->is_destroyed = true;
        return RESULTS_DESTROYED;
    }
    if (append_line(fd, result) < 0)
        return RESULTS_FAILED;
    keep(claim, result, now_ms);
    return RESULTS_STORED;
}

enum results_outcome results_store(struct queue *queue, json_t *result, enum results_rules rules, int fd,
                                   int64_t now_ms)
{
    struct claim *claim = queue_find(queue, json_object_get(result, "id"));
    if (!claim)
        return RESULTS_UNKNOWN;
    if (rules == RESULTS_RULES_REAL)
        return store_as_real(claim, result, fd, now_ms);
    uint64_t hash = hash_of(result);
    for (size_t i = 0; i < claim->hashes_len; i++)
        if (claim->hashes[i] == hash)
            return claim->posts++, RESULTS_SAME_AGAIN;
    if ((int64_t)claim->hashes_len > claim->twins)
        return claim->posts++, RESULTS_DIFFERENT;
    if (append_line(fd, result) < 0)
        return RESULTS_FAILED;
    keep(claim, result, now_ms);
    claim->hashes[claim->hashes_len++] = hash;
    return claim->hashes_len == 1 ? RESULTS_STORED : RESULTS_STORED_TWIN;
}

json_t *results_attempt(const struct claim *claim)
{
    bool is_error = json_is_true(json_object_get(claim->result, "isError"));
    bool is_passed = json_is_true(json_object_get(claim->result, "isPassed"));
    const char *status = !claim->result ? "IN_PROGRESS"
                         : is_error     ? "ERROR"
                         : is_passed    ? "SUCCESS"
                                        : "FAILURE";
    json_t *stored = json_null();
    if (claim->result)
        stored = json_pack("{s:O, s:O, s:O}", "testResults", json_object_get(claim->result, "testResults"),
                           "duration", json_object_get(claim->result, "duration"), "errorDetails",
                           json_object_get(claim->result, "errorDetails"));
    return json_pack("{s:O, s:n, s:n, s:i, s:s, s:o}", "id", claim->id, "repositoryUrl", "branch",
                     "sequenceOrder", 1, "status", status, "attemptResult", stored);
}

char *result_describe(const json_t *result)
{
    const json_t *tests = json_object_get(result, "testResults");
    size_t i, passed = 0;
    const json_t *test;
    json_array_foreach(tests, i, test)
    {
        passed += json_is_true(json_object_get(test, "isPassed"));
    }
    CLEANUP(mem_freep) char *id = json_dumps(json_object_get(result, "id"), JSON_ENCODE_ANY);
    const char *details = json_string_value(json_object_get(result, "errorDetails"));
    const char *verdict = json_is_true(json_object_get(result, "isError"))    ? "error"
                          : json_is_true(json_object_get(result, "isPassed")) ? "passed"
                                                                              : "failed";
    return mem_printf("result %.80s: %s, %zu of %zu tests passed, %lld ms%s%.300s", id, verdict, passed,
                      json_array_size(tests),
                      (long long)json_integer_value(json_object_get(result, "duration")),
                      *details ? ": " : "", details);
}
