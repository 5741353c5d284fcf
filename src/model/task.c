#include "model/task.h"

#include "base/json.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define KEY_MAX_ID_BYTES 48
#define KEY_DIGITS       12

/* ---- the id ---- */

/*
 * Returns the id's JSON text, or NULL if it cannot be answered to. It is taken from the text of the
 * body, since the JSON library has no type for integers beyond 63 bits and yields nothing for a
 * body that it refuses.
 */
static char *read_id(const char *body, size_t len)
{
    const char *text;
    size_t text_len;
    if (json_find_member(body, len, "id", &text, &text_len) < 0)
        return NULL;
    CLEANUP(json_decrefp)
    json_t *id = json_loadb(text, text_len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
    size_t id_len = json_string_length(id);
    if (json_is_string(id))
        return id_len > 0 && id_len <= TASK_MAX_ID_BYTES ? json_quote(json_string_value(id), id_len) : NULL;
    CLEANUP(mem_freep) char *digits = mem_strndup(text, text_len);
    return json_is_real(id) && !digits[strspn(digits, "-0123456789")] ? TAKE_PTR(digits) : NULL;
}

/* ---- the other members ---- */

static bool has_control(const char *s)
{
    for (; *s; s++)
        if (iscntrl((unsigned char)*s))
            return true;
    return false;
}

static int read_url(const json_t *root, struct task *task, struct err *err)
{
    const char *url = json_string_value(json_object_get(root, "repositoryUrl"));
    if (!url || !*url)
        return err_set(err, ERR_TASK, EINVAL, "The task has no repositoryUrl");
    if (strlen(url) > TASK_MAX_URL_BYTES)
        return err_set(err, ERR_TASK, EINVAL, "The repositoryUrl is longer than %d bytes",
                       TASK_MAX_URL_BYTES);
    if (url[0] == '-' || has_control(url) || strchr(url, ' '))
        return err_set(err, ERR_TASK, EINVAL,
                       "The repositoryUrl is not a URL: it starts with '-', or has spaces");
    task->repository_url = mem_strdup(url);
    return 0;
}

/* Checks the rules of git-check-ref-format(1) that keep a name from meaning something else. */
static bool is_branch_name(const char *s)
{
    return s[0] != '-' && s[0] != '/' && !has_control(s) && !strpbrk(s, " ~^:?*[\\") && !strstr(s, "..") &&
           !strstr(s, "@{") && s[strlen(s) - 1] != '/';
}

static int read_branch(const json_t *root, struct task *task, struct err *err)
{
    const json_t *branch = json_object_get(root, "branch");
    if (!branch || json_is_null(branch) || (json_is_string(branch) && json_string_length(branch) == 0))
        return 0;
    const char *name = json_string_value(branch);
    if (!name)
        return err_set(err, ERR_TASK, EINVAL, "The task's branch is not a string");
    if (strlen(name) > TASK_MAX_BRANCH_BYTES || !is_branch_name(name))
        return err_set(err, ERR_TASK, EINVAL, "'%.80s' is not a valid branch name", name);
    task->branch = mem_strdup(name);
    return 0;
}

/* With a large id, every number is parsed as a real: whole ones count as integers. */
static bool read_lab(const json_t *value, int64_t *ret)
{
    double number = json_number_value(value);
    if (!json_is_number(value) || number < 0 || number > TASK_MAX_LAB || number != (double)(int64_t)number)
        return false;
    *ret = (int64_t)number;
    return true;
}

static int read_labs(const json_t *root, struct task *task, struct err *err)
{
    const json_t *labs = json_object_get(root, "laboratoryNumber");
    if (!labs || json_is_null(labs))
        return 0;
    size_t count = json_is_array(labs) ? json_array_size(labs) : 1;
    if (count > TASK_MAX_LABS)
        return err_set(err, ERR_TASK, EINVAL, "The task has more than %d laboratory numbers", TASK_MAX_LABS);
    task->labs = mem_alloc(count * sizeof(*task->labs));
    for (size_t i = 0; i < count; i++) {
        const json_t *lab = json_is_array(labs) ? json_array_get(labs, i) : labs;
        if (!read_lab(lab, &task->labs[i]))
            return err_set(err, ERR_TASK, EINVAL,
                           "The task's laboratoryNumber is not a whole number, or a list of them");
    }
    task->labs_len = count;
    return 0;
}

static int read_tests(const json_t *root, struct task *task, struct err *err)
{
    const json_t *tests = json_object_get(root, "connectedTests");
    if (!tests || json_is_null(tests))
        return 0;
    if (!json_is_array(tests))
        return err_set(err, ERR_TASK, EINVAL, "The task's connectedTests is not a list");
    if (json_array_size(tests) > TASK_MAX_TESTS)
        return err_set(err, ERR_TASK, EINVAL, "The task names more than %d tests", TASK_MAX_TESTS);
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *entry = json_array_get(tests, i);
        const char *name = json_string_value(entry);
        if (json_is_null(entry) || (name && !*name)) { /* a test without a name in the backend */
            task->nameless_tests++;
            continue;
        }
        if (!name || strlen(name) > TASK_MAX_TEST_BYTES)
            return err_set(err, ERR_TASK, EINVAL,
                           "The task's connectedTests has an entry that is not a test's name");
        if (!strv_contains(&task->tests, name))
            strv_push(&task->tests, name);
    }
    return 0;
}

static int read_members(const json_t *root, struct task *task, struct err *err)
{
    int r = read_url(root, task, err);
    if (r == 0)
        r = read_branch(root, task, err);
    if (r == 0)
        r = read_labs(root, task, err);
    if (r == 0)
        r = read_tests(root, task, err);
    return r;
}

/* ---- */

static enum task_answer malformed(struct task *task, struct err *err, const char *why)
{
    if (why)
        err_set(err, ERR_TASK, EINVAL, "%s", why);
    char *id = TAKE_PTR(task->id_json);
    task_done(task);
    task->id_json = id;
    return id ? TASK_MALFORMED : TASK_UNUSABLE;
}

static int parse_body(const char *body, size_t len, json_t **ret_root, struct err *err)
{
    struct err fault;
    int r = json_parse_object(body, len, ret_root, &fault);
    if (r == -ERANGE)
        r = json_parse_object_of_reals(body, len, ret_root, &fault);
    return r < 0 ? err_set(err, ERR_TASK, -r, "%s", fault.message) : 0;
}

/*
 * A body that the JSON library refuses may be complete: a NUL or an incomplete character in a
 * string, a number out of range, a duplicate member. Whose task it is must be clear, so `id` and
 * `status` must not be affected.
 */
static enum task_answer refused(const char *body, size_t len, struct task *task, struct err *err)
{
    static const char none[] = "\"UNAVAILABLE\"";
    const char *status = "";
    size_t status_len = 0;
    int r = json_find_member(body, len, "status", &status, &status_len);
    bool is_none = status_len == strlen(none) && memcmp(status, none, status_len) == 0;
    if (r == -ENOENT || (r == 0 && !is_none))
        task->id_json = read_id(body, len);
    if (task->id_json)
        err_prefix(err, "The task cannot be read");
    return malformed(task, err, NULL);
}

enum task_answer task_parse(const char *body, size_t len, struct task *ret_task, struct err *err)
{
    *ret_task = (struct task){0};
    CLEANUP(json_decrefp) json_t *root = NULL;
    if (len > TASK_MAX_BYTES)
        return malformed(ret_task, err, "The answer is too large for a task");
    if (parse_body(body, len, &root, err) < 0)
        return refused(body, len, ret_task, err);

    const json_t *status = json_object_get(root, "status");
    const json_t *id = json_object_get(root, "id");
    bool has_id = id && !json_is_null(id);
    if (json_is_string(status) && strcmp(json_string_value(status), "UNAVAILABLE") == 0)
        return TASK_NONE;
    if (!has_id && (!status || json_is_null(status)))
        return TASK_NONE;

    ret_task->id_json = has_id ? read_id(body, len) : NULL;
    if (!ret_task->id_json)
        return malformed(ret_task, err, "The task has no usable id: expected a string or a whole number");
    if (status && !json_is_null(status) &&
        (!json_is_string(status) || strcmp(json_string_value(status), "AVAILABLE") != 0))
        return malformed(ret_task, err, "The task's status is neither AVAILABLE nor UNAVAILABLE");
    return read_members(root, ret_task, err) < 0 ? malformed(ret_task, err, NULL) : TASK_VALID;
}

void task_done(struct task *task)
{
    free(task->id_json);
    free(task->repository_url);
    free(task->branch);
    free(task->labs);
    strv_done(&task->tests);
    *task = (struct task){0};
}

int64_t task_stage(const struct task *task)
{
    int64_t stage = 0;
    for (size_t i = 0; i < task->labs_len; i++)
        stage = MAX(stage, task->labs[i]);
    return stage ? stage : 1;
}

char *task_key(const struct task *task, uint64_t sequence)
{
    char safe[KEY_MAX_ID_BYTES + 1];
    size_t len = 0;
    for (const char *p = task->id_json; *p && len < KEY_MAX_ID_BYTES; p++)
        if (isascii(*p) && (isalnum((unsigned char)*p) || *p == '-' || *p == '_'))
            safe[len++] = *p;
    safe[len] = '\0';
    return mem_printf("%0*llu-%s", KEY_DIGITS, (unsigned long long)sequence, safe);
}

const char *task_key_id(const char *key)
{
    return task_is_key(key) ? key + KEY_DIGITS + 1 : key;
}

bool task_is_key(const char *name)
{
    return strspn(name, "0123456789") == KEY_DIGITS && name[KEY_DIGITS] == '-';
}
