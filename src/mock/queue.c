#include "mock/queue.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>

#define MAX_FILE_BYTES (64U << 20)
#define MAX_ADDED      100000
#define MAX_CLAIMS     1000000

/* ---- the built-in list ---- */

#define GRISHA "https://github.com/os-nsu/proxy-grisha.git"
#define ANTON  "https://github.com/os-nsu/proxy-anton.git"

#define FILES       "\"test_files_exist\""
#define DIRECTORIES "\"test_directories_exist\""
#define STATIC_LIB  "\"test_static_library_compilation\", \"test_static_library_inclusion\""
#define LAB1        FILES ", " STATIC_LIB ", \"test_plugin_compilation\""
#define NO_CONFIG   "\"test_proxy_without_config\""
#define EMPTY       "\"test_proxy_with_empty_config\""
#define SANITIZERS  "\"test_execution_with_sanitizers\""

/* Every form of laboratoryNumber and connectedTests, for the course's two example programs. */
static const struct {
    const char *repository, *branch;
    const char *laboratory, *tests; /* JSON; NULL: the member is missing */
} built_in[] = {
    {GRISHA, "main", "1", "[]"},
    {ANTON, "develop", "2", "[" LAB1 ", " EMPTY ", " NO_CONFIG "]"},
    {GRISHA, "main", "1", "[" STATIC_LIB "]"}, /* without their dependencies: they are skipped */
    {ANTON, "develop", "1", "[" FILES ", " DIRECTORIES "]"},
    {ANTON, "develop", "[1]", NULL},
    {GRISHA, "develop", "[1, 2]", "[" LAB1 ", " EMPTY ", " SANITIZERS "]"},
    {GRISHA, "develop", NULL, "[" LAB1 ", " EMPTY "]"},
};

static void set_fragment(json_t *task, const char *name, const char *text)
{
    if (text)
        json_object_set_new(task, name, json_loads(text, JSON_DECODE_ANY, NULL));
}

static json_t *built_in_list(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(built_in); i++) {
        json_t *task = json_pack("{s:i, s:s, s:s, s:s}", "id", (int)i, "status", "AVAILABLE", "repositoryUrl",
                                 built_in[i].repository, "branch", built_in[i].branch);
        set_fragment(task, "laboratoryNumber", built_in[i].laboratory);
        set_fragment(task, "connectedTests", built_in[i].tests);
        json_array_append_new(list, task);
    }
    return list;
}

/* ---- reading ---- */

static int check_list(const json_t *list, struct err *err)
{
    if (!json_is_array(list))
        return err_set(err, ERR_TASK, EINVAL, "Expected an array of tasks");
    size_t i;
    const json_t *task;
    json_array_foreach(list, i, task)
    {
        if (!json_is_object(task) && !json_is_string(task))
            return err_set(err, ERR_TASK, EINVAL, "Task %zu is neither an object nor a string", i + 1);
    }
    return 0;
}

int queue_read_file(const char *path, json_t **ret_list, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    int r = fs_read_file(path, MAX_FILE_BYTES, &text, err);
    if (r < 0)
        return r == -ENOENT ? err_set(err, ERR_TASK, ENOENT, "%s does not exist", path) : r;
    json_error_t error;
    const char *start = text.data ? text.data : "";
    size_t mark_len = utf8_mark_len(start, text.len);
    json_t *list =
        json_loadb(start + mark_len, text.len - mark_len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!list)
        return err_set(err, ERR_TASK, EINVAL, "%s is not valid JSON: %s (line %d, column %d)", path,
                       error.text, error.line, error.column);
    r = check_list(list, err);
    if (r < 0) {
        err_prefix(err, "%s", path);
        json_decref(list);
        return r;
    }
    *ret_list = list;
    return 0;
}

/* Returns a step that keeps the ids of different rounds apart. */
static uint64_t find_id_step(const json_t *list)
{
    int64_t min = INT64_MAX, max = INT64_MIN;
    size_t i;
    const json_t *task;
    json_array_foreach(list, i, task)
    {
        const json_t *id = json_object_get(task, "id");
        if (!json_is_integer(id))
            continue;
        min = MIN(min, (int64_t)json_integer_value(id));
        max = MAX(max, (int64_t)json_integer_value(id));
    }
    return max < min ? 0 : (uint64_t)max - (uint64_t)min + 1;
}

void queue_init(struct queue *ret_queue, json_t *list, int64_t rounds)
{
    json_t *tasks = list ? json_incref(list) : built_in_list();
    *ret_queue = (struct queue){
        .list = tasks, .rounds = rounds, .id_step = find_id_step(tasks), .index = json_object()};
}

void queue_done(struct queue *queue)
{
    json_decref(queue->list);
    json_decref(queue->index);
    for (size_t i = queue->added_next; i < queue->added_len; i++)
        json_decref(queue->added[i].task);
    for (size_t i = 0; i < queue->claims_len; i++) {
        json_decref(queue->claims[i].id);
        json_decref(queue->claims[i].result);
    }
    free(queue->added);
    free(queue->claims);
    *queue = (struct queue){0};
}

static void drop_taken(struct queue *queue)
{
    size_t left = queue->added_len - queue->added_next;
    if (queue->added_next && left)
        memmove(queue->added, queue->added + queue->added_next, left * sizeof(*queue->added));
    queue->added_next = 0;
    queue->added_len = left;
}

int queue_add(struct queue *queue, json_t *tasks, int64_t now_ms, struct err *err)
{
    CLEANUP(json_decrefp)
    json_t *list = json_is_array(tasks) ? json_incref(tasks) : json_pack("[O]", tasks);
    int r = check_list(list, err);
    if (r < 0)
        return r;
    drop_taken(queue);
    size_t count = json_array_size(list);
    if (count > MAX_ADDED - queue->added_len)
        return err_set(err, ERR_LIMIT, EFBIG, "More than %d tasks would be queued", MAX_ADDED);
    queue->added = mem_resize(queue->added, queue->added_len + count + 1, sizeof(*queue->added));
    for (size_t i = 0; i < count; i++)
        queue->added[queue->added_len++] = (struct queue_added){json_incref(json_array_get(list, i)), now_ms};
    return 0;
}

/* ---- handing out ---- */

/* Returns a copy with the id for a later round. */
static json_t *renumbered(const json_t *task, uint64_t round, uint64_t id_step)
{
    json_t *copy = json_copy((json_t *)task);
    const json_t *id = json_object_get(task, "id");
    if (json_is_integer(id))
        json_object_set_new(copy, "id",
                            json_integer((json_int_t)((uint64_t)json_integer_value(id) + round * id_step)));
    else if (json_is_string(id))
        json_object_set_new(copy, "id",
                            json_sprintf("%s-%llu", json_string_value(id), (unsigned long long)round + 1));
    return copy;
}

/* Returns a new reference. */
static json_t *take_listed(struct queue *queue)
{
    json_t *task = json_array_get(queue->list, queue->next);
    json_t *fresh = queue->round && json_is_object(task) ? renumbered(task, queue->round, queue->id_step)
                                                         : json_incref(task);
    if (++queue->next == json_array_size(queue->list)) {
        queue->next = 0;
        queue->round++;
    }
    return fresh;
}

static int64_t listed_left(const struct queue *queue)
{
    int64_t size = (int64_t)json_array_size(queue->list);
    if (queue->rounds == 0)
        return size ? -1 : 0;
    return (queue->rounds - (int64_t)queue->round) * size - (int64_t)queue->next;
}

int64_t queue_left(const struct queue *queue)
{
    int64_t listed = listed_left(queue);
    return listed < 0 ? -1 : listed + (int64_t)(queue->added_len - queue->added_next);
}

/* Returns a new reference, or NULL. Added tasks do not wait for the end of an endless list. */
static json_t *take_next(struct queue *queue, int64_t *ret_queued_ms)
{
    int64_t listed = listed_left(queue);
    if (listed <= 0 && queue->added_next < queue->added_len) {
        struct queue_added *added = &queue->added[queue->added_next++];
        *ret_queued_ms = added->queued_ms;
        return TAKE_PTR(added->task);
    }
    *ret_queued_ms = 0;
    return listed != 0 ? take_listed(queue) : NULL;
}

/* Returns the id in a raw text, as far as it can be parsed: a new reference, or NULL. */
static json_t *id_of_text(const char *text, size_t len)
{
    const char *id;
    size_t id_len;
    CLEANUP(json_decrefp) json_t *object = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    if (object)
        return json_incref(json_object_get(object, "id"));
    return json_find_member(text, len, "id", &id, &id_len) == 0
               ? json_loadb(id, id_len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
               : NULL;
}

/* Returns the id of a task: a new reference, or NULL. */
static json_t *id_of(json_t *task)
{
    CLEANUP(json_decrefp)
    json_t *id = json_is_object(task) ? json_incref(json_object_get(task, "id"))
                                      : id_of_text(json_string_value(task), json_string_length(task));
    return json_is_integer(id) || json_is_string(id) ? json_incref(id) : NULL;
}

/* Returns the number of the claim. */
static size_t remember(struct queue *queue, json_t *id, int64_t queued_ms, int64_t now_ms)
{
    struct claim *claim = queue_find(queue, id);
    if (!claim) {
        if ((queue->claims_len & (queue->claims_len - 1)) == 0) /* full at every power of two */
            queue->claims = mem_resize(queue->claims, MAX(queue->claims_len * 2, (size_t)1), sizeof(*claim));
        CLEANUP(mem_freep) char *key = json_dumps(id, JSON_ENCODE_ANY);
        json_object_set_new(queue->index, key, json_integer((json_int_t)queue->claims_len));
        claim = &queue->claims[queue->claims_len++];
        *claim = (struct claim){.id = json_incref(id)};
    }
    claim->twins = 0;
    claim->hashes_len = 0;
    claim->queued_ms = queued_ms;
    claim->claimed_ms = now_ms;
    claim->answered_ms = QUEUE_NOT_YET;
    claim->lost = false;
    claim->posted_ms = QUEUE_NOT_YET;
    claim->is_destroyed = false;
    json_decref(TAKE_PTR(claim->result));
    claim->claims++;
    return (size_t)(claim - queue->claims) + 1;
}

bool queue_claim(struct queue *queue, int64_t now_ms, struct buf *ret_body, size_t *ret_number)
{
    int64_t queued_ms;
    if (queue->claims_len >= MAX_CLAIMS)
        return false;
    CLEANUP(json_decrefp) json_t *task = take_next(queue, &queued_ms);
    if (!task)
        return false;
    CLEANUP(json_decrefp) json_t *id = id_of(task);
    *ret_number = id ? remember(queue, id, queued_ms, now_ms) : 0;
    if (json_is_string(task)) {
        buf_append(ret_body, json_string_value(task), json_string_length(task));
    } else {
        CLEANUP(mem_freep) char *text = json_dumps(task, JSON_COMPACT);
        buf_puts(ret_body, text);
    }
    return true;
}

bool queue_claim_twin(struct queue *queue, size_t number)
{
    struct claim *claim = number ? &queue->claims[number - 1] : NULL;
    if (!claim || claim->twins == CLAIM_MAX_TWINS)
        return false;
    claim->twins++;
    claim->claims++;
    return true;
}

void queue_answered(struct queue *queue, size_t number, int64_t now_ms, bool lost)
{
    queue->claims[number - 1].answered_ms = now_ms;
    queue->claims[number - 1].lost = lost;
}

struct claim *queue_find(struct queue *queue, const json_t *id)
{
    CLEANUP(mem_freep) char *key = json_dumps(id, JSON_ENCODE_ANY);
    const json_t *place = json_object_get(queue->index, key);
    return place ? &queue->claims[json_integer_value(place)] : NULL;
}
