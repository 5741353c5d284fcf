#include "runner/queue/spool.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/str.h"
#include "model/state_files.h"
#include "model/task.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NOTE_SUFFIX    ".last"
#define NOTE_MAX_BYTES 4096
#define POST_NOTE      "a POST is on its way"

struct spool {
    char *dir;
    char *jobs_dir;
    char *rejected_dir;
    struct spool_entry *entries; /* sorted by key, that is, by age */
    size_t len;
};

void spool_free(struct spool *spool)
{
    if (!spool)
        return;
    for (size_t i = 0; i < spool->len; i++)
        free(spool->entries[i].key);
    free(spool->entries);
    free(spool->dir);
    free(spool->jobs_dir);
    free(spool->rejected_dir);
    free(spool);
}

static char *path_of(const char *dir, const char *key, const char *suffix)
{
    return mem_printf("%s/%s%s", dir, key, suffix);
}

int spool_keys(const char *dir, struct strv *ret_keys, struct err *err)
{
    CLEANUP(strv_done) struct strv names = {0};
    int r = fs_list_dir(dir, &names, err);
    for (size_t i = 0; i < names.len; i++) {
        const char *name = names.items[i];
        if (str_ends_with(name, ".json"))
            strv_take(ret_keys, mem_strndup(name, strlen(name) - strlen(".json")));
    }
    return r;
}

/*
 * Removes unfinished files, answers whose result is still in the spool and will be answered again,
 * and notes about results that are gone.
 */
static bool is_trace_of_a_kill(const char *dir, const char *name)
{
    CLEANUP(mem_freep) char *key = mem_strndup(name, strcspn(name, "."));
    CLEANUP(mem_freep) char *result = path_of(dir, key, ".json");
    bool is_beside = str_ends_with(name, ".answer") || str_ends_with(name, NOTE_SUFFIX);
    return task_is_key(name) && (str_ends_with(name, ".tmp") || (is_beside && !fs_exists(result)));
}

static void remove_traces(const char *dir)
{
    CLEANUP(strv_done) struct strv names = {0};
    fs_list_dir(dir, &names, NULL);
    for (size_t i = 0; i < names.len; i++) {
        CLEANUP(mem_freep) char *path = path_of(dir, names.items[i], "");
        if (is_trace_of_a_kill(dir, names.items[i]))
            unlink(path);
    }
}

/* `even_claims`: include results that journal_hand_over() has not finished moving. */
static int take_in(struct spool *spool, bool even_claims, size_t *ret_count, struct err *err)
{
    CLEANUP(strv_done) struct strv keys = {0};
    size_t count = 0;
    int r = spool_keys(spool->dir, &keys, err);
    for (size_t i = 0; i < keys.len; i++) {
        const char *key = keys.items[i];
        CLEANUP(mem_freep) char *path = path_of(spool->dir, key, ".json");
        CLEANUP(mem_freep) char *claim = mem_printf("%s/%s/" STATE_TASK, spool->jobs_dir, key);
        if (!fs_is_regular(path) || spool_find(spool, key) || (!even_claims && fs_exists(claim)))
            continue;
        spool_add(spool, key, 0);
        count++;
    }
    *ret_count = count;
    return r;
}

size_t spool_look_again(struct spool *spool)
{
    size_t count;
    take_in(spool, false, &count, NULL);
    return count;
}

int spool_open(const char *state_dir, struct spool **ret_spool, struct err *err)
{
    struct spool *spool = mem_alloc(sizeof(*spool));
    spool->dir = mem_printf("%s/" STATE_SPOOL, state_dir);
    spool->jobs_dir = mem_printf("%s/" STATE_JOBS, state_dir);
    spool->rejected_dir = mem_printf("%s/" STATE_REJECTED, state_dir);
    size_t count;
    int r = fs_make_dirs(spool->dir, 0700, err);
    if (r == 0)
        r = fs_make_dirs(spool->rejected_dir, 0700, err);
    remove_traces(spool->dir);
    remove_traces(spool->rejected_dir);
    if (r == 0)
        r = take_in(spool, true, &count, err);
    if (r < 0)
        spool_free(spool);
    else
        *ret_spool = spool;
    return r;
}

/* ---- notes ---- */

void spool_note(const struct spool *spool, const char *key, const char *line)
{
    CLEANUP(mem_freep) char *path = path_of(spool->dir, key, NOTE_SUFFIX);
    CLEANUP(mem_freep) char *text = mem_printf("%s\n", line);
    fs_write_plain(path, text, strlen(text), NULL);
}

void spool_note_post(const struct spool *spool, const char *key)
{
    spool_note(spool, key, POST_NOTE);
}

static void remove_note(const struct spool *spool, const char *key)
{
    CLEANUP(mem_freep) char *path = path_of(spool->dir, key, NOTE_SUFFIX);
    unlink(path);
}

/*
 * Returns the remaining time for the backend to store a POST of an earlier process that died
 * meanwhile.
 */
static int64_t settle_ms(const struct spool *spool, const char *key)
{
    CLEANUP(mem_freep) char *path = path_of(spool->dir, key, NOTE_SUFFIX);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    struct stat st;
    struct timespec now;
    if (stat(path, &st) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0 ||
        fs_read_file(path, NOTE_MAX_BYTES, &text, NULL) < 0 || !text.len ||
        strcmp(text.data, POST_NOTE "\n") != 0)
        return 0;
    int64_t age_ms =
        (now.tv_sec - st.st_mtim.tv_sec) * (int64_t)1000 + (now.tv_nsec - st.st_mtim.tv_nsec) / 1000000;
    return SPOOL_SETTLE_MS - MIN(MAX(age_ms, (int64_t)0), (int64_t)SPOOL_SETTLE_MS);
}

/* An earlier process has tried to deliver it. */
static bool has_note(const struct spool *spool, const char *key)
{
    CLEANUP(mem_freep) char *path = path_of(spool->dir, key, NOTE_SUFFIX);
    return fs_exists(path);
}

void spool_add(struct spool *spool, const char *key, int64_t took_ms)
{
    if (spool_find(spool, key))
        return;
    spool->entries = mem_resize(spool->entries, spool->len + 1, sizeof(*spool->entries));
    size_t at = spool->len++;
    for (; at > 0 && strcmp(spool->entries[at - 1].key, key) > 0; at--)
        spool->entries[at] = spool->entries[at - 1];
    int64_t now_ms = clock_now_ms(), pause_ms = settle_ms(spool, key);
    spool->entries[at] = (struct spool_entry){
        .key = mem_strdup(key),
        .added_ms = now_ms,
        .not_before_ms = pause_ms ? now_ms + pause_ms : 0,
        .was_posted = has_note(spool, key),
        .took_ms = took_ms,
    };
}

size_t spool_len(const struct spool *spool)
{
    return spool->len;
}

size_t spool_unsent(const struct spool *spool)
{
    size_t count = 0;
    for (size_t i = 0; i < spool->len; i++)
        count += !spool->entries[i].is_stuck;
    return count;
}

const struct spool_entry *spool_at(const struct spool *spool, size_t i)
{
    return &spool->entries[i];
}

/*
 * The backend may hand out an attempt again while its result is in transit. Of several results for
 * one id only the oldest is sent; queries for the others then find it stored. Ids that are too long
 * for a key count as equal if their beginnings are.
 */
static bool has_elder(const struct spool *spool, size_t at)
{
    const char *id = task_key_id(spool->entries[at].key);
    for (size_t i = 0; i < at; i++)
        if (strcmp(task_key_id(spool->entries[i].key), id) == 0)
            return true;
    return false;
}

struct spool_entry *spool_next(struct spool *spool, int64_t now_ms, unsigned skip, int64_t *ret_next_ms)
{
    struct spool_entry *found = NULL;
    *ret_next_ms = CLOCK_NEVER;
    for (size_t i = 0; i < spool->len; i++) {
        struct spool_entry *e = &spool->entries[i];
        if (e->in_flight)
            continue;
        if (e->not_before_ms > now_ms) {
            *ret_next_ms = MIN(*ret_next_ms, e->not_before_ms);
            continue;
        }
        if (has_elder(spool, i))
            continue;
        found = e;
        if (skip-- == 0)
            break;
    }
    return found;
}

struct spool_entry *spool_find(struct spool *spool, const char *key)
{
    for (size_t i = 0; i < spool->len; i++)
        if (strcmp(spool->entries[i].key, key) == 0)
            return &spool->entries[i];
    return NULL;
}

int spool_open_body(const struct spool *spool, const char *key, int *ret_fd, struct err *err)
{
    CLEANUP(mem_freep) char *path = path_of(spool->dir, key, ".json");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return err_errno(err, errno, "Cannot open %s", path);
    *ret_fd = fd;
    return 0;
}

static void remove_entry(struct spool *spool, const char *key)
{
    struct spool_entry *e = spool_find(spool, key);
    if (!e)
        return;
    free(e->key);
    size_t after = (size_t)(spool->entries + spool->len - (e + 1));
    memmove(e, e + 1, after * sizeof(*e));
    spool->len--;
}

int spool_delivered(struct spool *spool, const char *key, struct err *err)
{
    CLEANUP(mem_freep) char *path = path_of(spool->dir, key, ".json");
    failpoint("result-delivered");
    int r = unlink(path) < 0 && errno != ENOENT ? err_errno(err, errno, "Cannot remove %s", path) : 0;
    remove_note(spool, key);
    remove_entry(spool, key);
    failpoint("result-unlinked");
    return r;
}

int spool_rejected(struct spool *spool, const char *key, const char *answer, size_t len, struct err *err)
{
    CLEANUP(mem_freep) char *from = path_of(spool->dir, key, ".json");
    CLEANUP(mem_freep) char *to = path_of(spool->rejected_dir, key, ".json");
    CLEANUP(mem_freep) char *beside = path_of(spool->rejected_dir, key, ".answer");
    int r = fs_write_atomic(beside, answer, len, err);
    failpoint("answer-kept");
    if (r == 0)
        r = fs_rename_durable(from, to, err);
    if (r == 0 || !fs_exists(from)) { /* moved, if not flushed: nothing to send again */
        remove_note(spool, key);
        remove_entry(spool, key);
    }
    return r;
}
