#include "runner/queue/journal.h"

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/str.h"
#include "model/page.h"
#include "model/result.h"
#include "model/state_files.h"
#include "model/summary.h"
#include "model/task.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COUNTER_LIMIT_BYTES 32
#define WORDS_LIMIT_BYTES   512
#define FAULT               ".fault"
/* half of the range: the other half is for one process */
#define MAX_SEQUENCE UINT64_C(500000000000)
#define MAX_STARTS   1000000L /* far past --task-tries */

struct journal {
    char *jobs_dir;
    char *spool_dir;
    char *kept_dir;
    uint64_t sequence; /* of the newest key on disk, in any directory */
};

static int see_sequences(struct journal *journal, const char *dir, const struct strv *names, struct err *err)
{
    for (size_t i = 0; i < names->len; i++) {
        uint64_t number = task_is_key(names->items[i]) ? strtoull(names->items[i], NULL, 10) : 0;
        if (number > MAX_SEQUENCE)
            return err_set(
                err, ERR_ENVIRONMENT, ERANGE,
                "%s/%s has a number that no runner gives, and that leaves too few for new tasks: please move "
                "it away",
                dir, names->items[i]);
        journal->sequence = MAX(journal->sequence, number);
    }
    return 0;
}

/* Keys must be unique among all directories of the state directory. */
static int find_sequence(struct journal *journal, const char *state_dir, struct err *err)
{
    static const char *const places[] = {"jobs", "spool", "rejected", "kept"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        CLEANUP(mem_freep) char *dir = mem_printf("%s/%s", state_dir, places[i]);
        CLEANUP(strv_done) struct strv names = {0};
        int r = fs_make_dirs(dir, 0700, err);
        if (r == 0)
            r = fs_list_dir(dir, &names, err);
        if (r == 0)
            r = see_sequences(journal, dir, &names, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int journal_open(const char *state_dir, struct journal **ret_journal, struct err *err)
{
    struct journal *journal = mem_alloc(sizeof(*journal));
    journal->jobs_dir = mem_printf("%s/" STATE_JOBS, state_dir);
    journal->spool_dir = mem_printf("%s/" STATE_SPOOL, state_dir);
    journal->kept_dir = mem_printf("%s/" STATE_KEPT, state_dir);
    int r = find_sequence(journal, state_dir, err);
    if (r < 0)
        journal_free(journal);
    else
        *ret_journal = journal;
    return r;
}

void journal_free(struct journal *journal)
{
    if (!journal)
        return;
    free(journal->jobs_dir);
    free(journal->spool_dir);
    free(journal->kept_dir);
    free(journal);
}

char *journal_dir(const struct journal *journal, const char *key)
{
    return mem_printf("%s/%s", journal->jobs_dir, key);
}

static char *file_of(const struct journal *journal, const char *key, const char *name)
{
    return mem_printf("%s/%s/%s", journal->jobs_dir, key, name);
}

static char *spool_path(const struct journal *journal, const char *key)
{
    return mem_printf("%s/%s.json", journal->spool_dir, key);
}

int journal_list(struct journal *journal, struct strv *ret_claims, struct strv *ret_garbage, struct err *err)
{
    CLEANUP(strv_done) struct strv keys = {0};
    int r = fs_list_dir(journal->jobs_dir, &keys, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < keys.len; i++) {
        CLEANUP(mem_freep) char *dir = journal_dir(journal, keys.items[i]);
        if (!task_is_key(keys.items[i]) || !fs_is_dir(dir))
            continue; /* not a key: leave it alone */
        CLEANUP(mem_freep) char *task = file_of(journal, keys.items[i], STATE_TASK);
        CLEANUP(mem_freep) char *spooled = spool_path(journal, keys.items[i]);
        bool has_task = access(task, F_OK) == 0;
        if (!has_task && (errno == EIO || errno == ESTALE || errno == EACCES || errno == ENOMEM))
            /* must not be taken for garbage */
            return err_errno(err, errno, "Cannot look at %s", task);
        bool is_claim = has_task && !fs_is_regular(spooled);
        strv_push(is_claim ? ret_claims : ret_garbage, keys.items[i]);
    }
    return 0;
}

/* Removes the files and the directory. Returns -ENOTEMPTY if it has subdirectories. */
static int remove_flat(const char *dir, struct err *err)
{
    CLEANUP(strv_done) struct strv names = {0};
    int r = fs_list_dir(dir, &names, err);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    for (size_t i = 0; i < names.len; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, names.items[i]);
        unlink(path); /* fails for directories, see below */
    }
    if (rmdir(dir) == 0)
        return 0;
    return err_errno(err, errno == EEXIST ? ENOTEMPTY : errno, "Cannot remove %s", dir);
}

/* A key that failed is used again, so that a persistent error has the same message each time. */
int journal_add(struct journal *journal, const struct task *task, const char *body, size_t len,
                char **ret_key, struct err *err)
{
    CLEANUP(mem_freep) char *key = task_key(task, ++journal->sequence);
    CLEANUP(mem_freep) char *dir = journal_dir(journal, key);
    CLEANUP(mem_freep) char *path = file_of(journal, key, STATE_TASK);
    if (mkdir(dir, 0700) < 0) {
        int mkdir_errno = errno;
        if (mkdir_errno != EEXIST)
            journal->sequence--;
        return err_errno(err, mkdir_errno, "Cannot create %s", dir);
    }
    failpoint("claim-dir-made");
    int r = fs_write_atomic(path, body, len, err);
    if (r == 0)
        r = fs_sync_dir(journal->jobs_dir, err);
    if (r < 0) {
        if (remove_flat(dir, NULL) == 0)
            journal->sequence--;
        return r;
    }
    *ret_key = TAKE_PTR(key);
    failpoint("claim-saved");
    return 0;
}

int journal_read(struct journal *journal, const char *key, struct buf *ret_body, struct err *err)
{
    CLEANUP(mem_freep) char *path = file_of(journal, key, STATE_TASK);
    int r = fs_read_file(path, TASK_MAX_BYTES, ret_body, err);
    return r == -ENOENT ? err_set(err, ERR_INTERNAL, ENOENT, "%s is missing", path) : r;
}

bool journal_holds(struct journal *journal, const char *key, const char *body, size_t len)
{
    CLEANUP(buf_done) struct buf old = BUF_INIT(0);
    return journal_read(journal, key, &old, NULL) == 0 && old.len == len && memcmp(old.data, body, len) == 0;
}

bool journal_has_room(const struct journal *journal)
{
    struct fs_room room;
    return fs_free_space(journal->jobs_dir, &room, NULL) == 0 && !fs_is_full(&room);
}

/* A missing or malformed file counts as 0 starts. */
static int read_starts(const char *path, long *ret_starts, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    int r = fs_read_file(path, COUNTER_LIMIT_BYTES, &text, err);
    *ret_starts = MIN(MAX(strtol(text.len ? text.data : "0", NULL, 10), 0L), MAX_STARTS);
    return r == -ENOENT || r == -EFBIG || r == -EINVAL ? 0 : r;
}

unsigned journal_starts(const struct journal *journal, const char *key)
{
    CLEANUP(mem_freep) char *path = file_of(journal, key, STATE_STARTS);
    long starts;
    return read_starts(path, &starts, NULL) == 0 ? (unsigned)starts : 0;
}

/* Adds `change` to the number of starts. */
static int change_starts(struct journal *journal, const char *key, int by, unsigned *ret_starts,
                         struct err *err)
{
    CLEANUP(mem_freep) char *path = file_of(journal, key, STATE_STARTS);
    long starts;
    int r = read_starts(path, &starts, err);
    if (r < 0)
        return r;
    starts = MAX(starts + by, 0L);
    char line[COUNTER_LIMIT_BYTES];
    int len = snprintf(line, sizeof(line), "%ld\n", starts);
    r = fs_write_atomic(path, line, (size_t)len, err);
    if (r == 0)
        *ret_starts = (unsigned)starts;
    failpoint("start-counted");
    return r;
}

int journal_count_start(struct journal *journal, const char *key, unsigned *ret_starts, struct err *err)
{
    return change_starts(journal, key, 1, ret_starts, err);
}

int journal_uncount_start(struct journal *journal, const char *key, struct err *err)
{
    unsigned starts;
    return change_starts(journal, key, -1, &starts, err);
}

char *journal_tell_starts(const struct journal *journal, const char *key, unsigned starts)
{
    CLEANUP(mem_freep) char *path = file_of(journal, key, STATE_WHY);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    fs_read_file(path, WORDS_LIMIT_BYTES, &text, NULL);
    return mem_printf(
        "The task was started %u times, and each time the runner or its job died before the end%s%s", starts,
        text.len ? "; the last time: " : "", text.len ? text.data : "");
}

bool journal_has_result(const struct journal *journal, const char *key)
{
    CLEANUP(mem_freep) char *result = file_of(journal, key, STATE_RESULT);
    CLEANUP(mem_freep) char *spooled = spool_path(journal, key);
    return fs_is_regular(result) || fs_is_regular(spooled);
}

static int append_to_buf(const char *text, size_t len, void *data)
{
    return buf_append(data, text, len);
}

/*
 * Writes the files for people that the job did not write. Errors are ignored: nothing depends on
 * them.
 */
static void write_account(const struct journal *journal, const char *key, const struct task *task,
                          const struct result *result)
{
    CLEANUP(buf_done) struct buf page = BUF_INIT(PAGE_MAX_BYTES);
    CLEANUP(summary_done) struct summary summary = {.finished_s = time(NULL)};
    summary_set_task(&summary, task);
    summary_set_result(&summary, result);
    CLEANUP(mem_freep) char *summary_path = file_of(journal, key, STATE_SUMMARY);
    CLEANUP(mem_freep) char *text = summary_format(&summary);
    fs_write_plain(summary_path, text, strlen(text), NULL);
    CLEANUP(mem_freep) char *report_path = file_of(journal, key, STATE_PAGE);
    if (page_write(&(struct page){.summary = &summary, .result = result}, append_to_buf, &page) == 0)
        fs_write_plain(report_path, page.data, page.len, NULL);
}

int journal_write_error(struct journal *journal, const char *key, const char *details, struct err *err)
{
    CLEANUP(mem_freep) char *path = file_of(journal, key, STATE_RESULT);
    CLEANUP(buf_done) struct buf body = BUF_INIT(0);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    CLEANUP(task_done) struct task task = {0};
    CLEANUP(result_done) struct result result = {0};
    int r = journal_read(journal, key, &body, err);
    if (r < 0)
        return r;
    task_parse(body.data ? body.data : "", body.len, &task, NULL);
    if (!task.id_json)
        return err_set(err, ERR_INTERNAL, EINVAL, "jobs/%s/task.json holds no id to answer to", key);
    result_init_error(&result, details);
    write_account(journal, key, &task, &result);
    result_write(&result, task.id_json, RESULT_MEMORY_MB, append_to_buf, &text);
    return fs_write_atomic(path, text.data, text.len, err);
}

int journal_hand_over(struct journal *journal, const char *key, struct err *err)
{
    CLEANUP(mem_freep) char *result = file_of(journal, key, STATE_RESULT);
    CLEANUP(mem_freep) char *spooled = spool_path(journal, key);
    CLEANUP(mem_freep) char *task = file_of(journal, key, STATE_TASK);
    CLEANUP(mem_freep) char *dir = journal_dir(journal, key);
    bool moved =
        /* by an earlier call, which failed afterwards */
        !fs_exists(result) && fs_is_regular(spooled);
    /* the result has been delivered meanwhile */
    if (!fs_exists(result) && !moved && !fs_exists(task))
        return 0;
    int r = moved ? fs_sync_dir(journal->spool_dir, err) : fs_rename_durable(result, spooled, err);
    failpoint("result-spooled");
    if (r == 0 && unlink(task) < 0 && errno != ENOENT)
        r = err_errno(err, errno, "Cannot remove %s", task);
    failpoint("task-forgotten");
    return r < 0 ? r : fs_sync_dir(dir, err);
}

int journal_set_aside(struct journal *journal, const char *key, struct err *err)
{
    CLEANUP(mem_freep) char *dir = journal_dir(journal, key);
    CLEANUP(mem_freep) char *aside = mem_printf("%s/../" STATE_REJECTED "/%s.broken", journal->jobs_dir, key);
    return fs_rename_durable(dir, aside, err);
}

static int trim_kept(const struct journal *journal, bool faults, size_t keep, struct err *err)
{
    CLEANUP(strv_done) struct strv names = {0};
    int r = fs_list_dir(journal->kept_dir, &names, err);
    size_t count = 0;
    for (size_t i = names.len; i-- > 0;) { /* newest first */
        if (!task_is_key(names.items[i]) || str_ends_with(names.items[i], FAULT) != faults || ++count <= keep)
            continue;
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", journal->kept_dir, names.items[i]);
        int removed = remove_flat(path, err);
        r = r < 0 ? r : removed;
    }
    return r;
}

/* The files that are kept. */
static bool is_kept_name(const char *name)
{
    return str_ends_with(name, ".log") || strcmp(name, STATE_SUMMARY) == 0 || strcmp(name, STATE_PAGE) == 0;
}

/* Removes all other files. Returns 1 if there are any to keep, 0 if not, or an error. */
static int leave_logs(const char *dir, struct err *err)
{
    CLEANUP(strv_done) struct strv names = {0};
    bool dirs = false;
    int logs = 0;
    int r = fs_list_dir(dir, &names, err);
    for (size_t i = 0; i < names.len; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, names.items[i]);
        if (fs_is_dir(path))
            dirs = true;
        else if (is_kept_name(names.items[i]))
            logs = 1;
        else
            unlink(path);
    }
    if (dirs)
        return err_set(err, ERR_INTERNAL, ENOTEMPTY, "There are still directories in %s", dir);
    return r < 0 && r != -ENOENT ? r : logs;
}

int journal_put_away(struct journal *journal, const char *key, bool is_fault, size_t keep, struct err *err)
{
    CLEANUP(mem_freep) char *dir = journal_dir(journal, key);
    CLEANUP(mem_freep) char *kept = mem_printf("%s/%s%s", journal->kept_dir, key, is_fault ? FAULT : "");
    int logs = leave_logs(dir, err);
    if (logs < 0)
        return logs;
    if (!logs || !keep)
        return remove_flat(dir, err);
    if (rename(dir, kept) < 0)
        return err_errno(err, errno, "Cannot move %s to %s", dir, kept);
    failpoint("logs-kept");
    return trim_kept(journal, is_fault, keep, err);
}
