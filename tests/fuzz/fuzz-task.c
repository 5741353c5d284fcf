/* Any bytes as a backend's answer. */

#include "fuzz.h"

#include "base/buf.h"
#include "base/json.h"
#include "model/result.h"
#include "model/task.h"

static int append(const char *text, size_t len, void *data)
{
    return buf_append(data, text, len);
}

/* Loads integers beyond 63 bits as reals, on both sides. */
static json_t *load(const char *text, size_t len)
{
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    return j ? j
             : json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL,
                          NULL);
}

/*
 * Asserts that the id is returned unchanged. If the JSON library refuses the body, checks only the
 * text.
 */
static void check_id(const char *id, const char *body, size_t len)
{
    CLEANUP(json_decrefp) json_t *root = load(body, len);
    CLEANUP(json_decrefp) json_t *back = json_loads(id, JSON_DECODE_ANY, NULL);
    const json_t *came = json_object_get(root, "id");
    if (json_is_string(came)) {
        REQUIRE(json_equal(came, back));
        REQUIRE(json_string_length(came) <= TASK_MAX_ID_BYTES);
        return;
    }
    if (!root && json_is_string(back)) {
        REQUIRE(json_string_length(back) > 0 && json_string_length(back) <= TASK_MAX_ID_BYTES);
        return;
    }
    REQUIRE(id[strspn(id, "-")] && id[strspn(id, "-0123456789")] == '\0');
    REQUIRE(memmem(body, len, id, strlen(id)));
    REQUIRE(!back || json_is_integer(back));
    CLEANUP(json_decrefp) json_t *real = json_loads(id, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
    REQUIRE(!came || json_number_value(real) == json_number_value(came));
}

static void check_key(const struct task *task)
{
    CLEANUP(mem_freep) char *key = task_key(task, 7);
    REQUIRE(strncmp(key, "000000000007-", 13) == 0 && strlen(key) < 100);
    for (const char *p = key; *p; p++)
        REQUIRE(*p == '-' || *p == '_' || (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
                (*p >= 'a' && *p <= 'z'));
}

/* Checks the error result of a malformed task. */
static void check_error_result(const struct task *task, const struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    CLEANUP(result_done) struct result result = {0};
    result_init_error(&result, err->message);
    REQUIRE(result_write(&result, task->id_json, RESULT_MEMORY_MB, append, &text) == 0);
    CLEANUP(json_decrefp) json_t *written = load(text.data, text.len);
    REQUIRE(json_is_object(written));
}

static bool is_plain(const char *s, size_t max)
{
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return false;
    return *s && *s != '-' && strlen(s) <= max;
}

static void check_valid(const struct task *task)
{
    REQUIRE(is_plain(task->repository_url, TASK_MAX_URL_BYTES));
    REQUIRE(!task->branch || (is_plain(task->branch, TASK_MAX_BRANCH_BYTES) &&
                              !strpbrk(task->branch, "~^:?*[\\") && !strstr(task->branch, "..")));
    REQUIRE(task->labs_len <= TASK_MAX_LABS && task->tests.len <= TASK_MAX_TESTS);
    int64_t stage = task_stage(task);
    REQUIRE(stage >= 1 && stage <= 1000000);
    for (size_t i = 0; i < task->labs_len; i++)
        REQUIRE(task->labs[i] >= 0 && task->labs[i] <= stage);
    for (size_t i = 0; i < task->tests.len; i++)
        REQUIRE(*task->tests.items[i] && strlen(task->tests.items[i]) <= TASK_MAX_TEST_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(task_done) struct task task;
    struct err err = {0};
    enum task_answer answer = task_parse((const char *)data, size, &task, &err);
    bool has_id = answer == TASK_VALID || answer == TASK_MALFORMED;
    REQUIRE(has_id == (task.id_json != NULL));
    REQUIRE((answer == TASK_MALFORMED || answer == TASK_UNUSABLE) == (err.class == ERR_TASK && *err.message));
    if (has_id) {
        check_id(task.id_json, (const char *)data, size);
        check_key(&task);
    }
    if (answer == TASK_VALID)
        check_valid(&task);
    else
        REQUIRE(!task.repository_url && !task.branch && !task.labs && !task.tests.len);
    if (answer == TASK_MALFORMED)
        check_error_result(&task, &err);
    return 0;
}
