/*
 * A corrupt state directory, recovered as the runner does: once with a disk that accepts only a
 * number of changes, which leaves the state of a power failure, then once more. No claim may be
 * lost or get a result with another claim's id.
 *
 * The input: the number of changes, then files: a letter (f, d: a directory, l: a dangling link),
 * the path, a newline, the content, NUL.
 */

#include "scratch.h"

#include "base/json.h"
#include "model/task.h"
#include "runner/queue/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_FILES  24
#define TASK_TRIES 2

/* ---- the disk ---- */

static int changes_left = -1; /* -1: unlimited */

static bool is_let_through(void)
{
    if (changes_left != 0) {
        changes_left -= changes_left > 0;
        return true;
    }
    errno = EIO;
    return false;
}

/* An existing directory is not a change. */
int mkdir(const char *path, mode_t mode)
{
    if (changes_left == 0 && fs_exists(path)) {
        errno = EEXIST;
        return -1;
    }
    if (changes_left == 0)
        return is_let_through() - 1;
    int r = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    changes_left -= r == 0 && changes_left > 0;
    return r;
}

int rename(const char *from, const char *to)
{
    return is_let_through() ? (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0) : -1;
}

int unlink(const char *path)
{
    return is_let_through() ? (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0) : -1;
}

int rmdir(const char *path)
{
    return is_let_through() ? (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR) : -1;
}

int fsync(int fd)
{
    return is_let_through() ? 0 : -1;
}

/* ---- the state directory ---- */

/* The working directory: short paths are faster. */
#define STATE "."

static char *at(const char *place, const char *key, const char *rest)
{
    return mem_printf("%s/%s%s", place, key, rest);
}

static bool is_inside(const char *path)
{
    return (strncmp(path, "jobs/", 5) == 0 || strncmp(path, "spool/", 6) == 0 ||
            strncmp(path, "rejected/", 9) == 0) &&
           !strstr(path, "..") && strlen(path) < 200;
}

static void make_parents(char *path)
{
    char *slash = strrchr(path, '/');
    *slash = '\0';
    if (!fs_exists(path))
        fs_make_dirs(path, 0700, NULL);
    *slash = '/';
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    REQUIRE(write(fd, text, strlen(text)) >= 0);
    close(fd);
}

static void make_state(struct input *in)
{
    for (int i = 0; i < MAX_FILES && in->len; i++) {
        char type = (char)take_byte(in);
        CLEANUP(mem_freep) char *name = take_text(in, '\n');
        CLEANUP(mem_freep) char *content = take_text(in, '\0');
        if (!is_inside(name))
            continue;
        make_parents(name);
        if (type == 'd')
            mkdir(name, 0700);
        else if (type == 'l')
            REQUIRE(symlink("nothing", name) == 0 || errno);
        else
            write_file(name, content);
    }
}

/* ---- claims that must not be lost ---- */

struct claim {
    char *key, *body, *id;
    char *result; /* as written; NULL: none */
};

struct claims {
    struct claim items[MAX_FILES];
    size_t len;
};

static char *read_text(char *path)
{
    CLEANUP(mem_freep) char *owned = path;
    struct buf text = BUF_INIT(TASK_MAX_BYTES);
    if (fs_read_file(owned, TASK_MAX_BYTES, &text, NULL) == 0)
        return buf_take(&text);
    buf_done(&text);
    return NULL;
}

static bool is_key(const char *name)
{
    return strspn(name, "0123456789") == 12 && name[12] == '-';
}

/* Finds the claims that have an id but no result in the spool. */
static void find_claims(struct claims *claims)
{
    CLEANUP(strv_done) struct strv names = {0};
    CLEANUP(mem_freep) char *jobs = at("jobs", "", "");
    fs_list_dir(jobs, &names, NULL);
    for (size_t i = 0; i < names.len; i++) {
        const char *key = names.items[i];
        CLEANUP(mem_freep) char *dir = at("jobs", key, ""), *spooled = at("spool", key, ".json");
        CLEANUP(mem_freep)
        char *body = is_key(key) && fs_is_dir(dir) ? read_text(at("jobs", key, "/task.json")) : NULL;
        CLEANUP(task_done) struct task task = {0};
        if (!body || fs_is_regular(spooled))
            continue;
        task_parse(body, strlen(body), &task, NULL);
        if (task.id_json)
            claims->items[claims->len++] =
                (struct claim){mem_strdup(key), TAKE_PTR(body), TAKE_PTR(task.id_json),
                               read_text(at("jobs", key, "/result.json"))};
    }
}

static void claims_done(struct claims *claims)
{
    for (size_t i = 0; i < claims->len; i++) {
        struct claim *c = &claims->items[i];
        free(c->key);
        free(c->body);
        free(c->id);
        free(c->result);
    }
}

static void check_id(const char *text, const char *id)
{
    CLEANUP(mem_freep) char *start = mem_printf("{\"id\": %s, ", id);
    REQUIRE(strncmp(text, start, strlen(start)) == 0);
}

/* Asserts that the claim is unchanged, or that its result or an error result is in the spool. */
static void check_claim(const struct claim *c)
{
    CLEANUP(mem_freep) char *body = read_text(at("jobs", c->key, "/task.json"));
    CLEANUP(mem_freep) char *spooled = read_text(at("spool", c->key, ".json"));
    REQUIRE(body || spooled);
    REQUIRE(!body || strcmp(body, c->body) == 0);
    if (spooled && (!c->result || strcmp(spooled, c->result) != 0))
        check_id(spooled, c->id);
}

/* ---- as the runner does it (src/runner/queue/jobs.c) ---- */

static void finish(struct journal *journal, const char *key)
{
    if (journal_hand_over(journal, key, NULL) == 0)
        journal_put_away(journal, key, false, 2, NULL);
}

static void run(struct journal *journal, const char *key)
{
    unsigned starts = 0;
    if (journal_has_result(journal, key)) {
        finish(journal, key);
        return;
    }
    if (journal_count_start(journal, key, &starts, NULL) < 0)
        return;
    REQUIRE(starts > 0);
    if (starts > TASK_TRIES && journal_write_error(journal, key, "died", NULL) == 0)
        finish(journal, key);
    else if (starts == 1)
        journal_uncount_start(journal, key, NULL);
}

static void take_up(struct journal *journal, const char *key)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(0);
    CLEANUP(task_done) struct task task = {0};
    struct err err = {0};
    int r = journal_read(journal, key, &body, &err);
    enum task_answer answer =
        r < 0 ? TASK_UNUSABLE : task_parse(body.data ? body.data : "", body.len, &task, &err);
    if (!task.id_json)
        journal_set_aside(journal, key, NULL);
    else if (answer != TASK_MALFORMED)
        run(journal, key);
    else if (journal_write_error(journal, key, err.message, NULL) == 0)
        finish(journal, key);
}

/* Asserts that a new claim gets a key after all others and is listed. */
static void check_adding(struct journal *journal)
{
    static const char body[] = "{\"id\": 1}";
    struct task task = {.id_json = (char *)"1"};
    CLEANUP(mem_freep) char *key = NULL;
    CLEANUP(strv_done) struct strv claims = {0}, garbage = {0};
    REQUIRE(journal_add(journal, &task, body, strlen(body), &key, NULL) == 0);
    REQUIRE(journal_list(journal, &claims, &garbage, NULL) == 0);
    REQUIRE(claims.len && strcmp(claims.items[claims.len - 1], key) == 0);
    REQUIRE(garbage.len == 0 || strcmp(garbage.items[garbage.len - 1], key) < 0);
}

/* Recovers with a disk that accepts this many changes; -1: unlimited, and adds a new claim. */
static void recover(int changes, const struct claims *wanted)
{
    CLEANUP(strv_done) struct strv claims = {0}, garbage = {0};
    struct journal *journal = NULL;
    changes_left = changes;
    if (journal_open(STATE, &journal, NULL) == 0) {
        REQUIRE(journal_list(journal, &claims, &garbage, NULL) == 0);
        for (size_t i = 0; wanted && i < wanted->len; i++)
            REQUIRE(strv_contains(&claims, wanted->items[i].key));
        for (size_t i = 0; i < claims.len; i++)
            take_up(journal, claims.items[i]);
        for (size_t i = 0; i < garbage.len; i++)
            journal_put_away(journal, garbage.items[i], true, 2, NULL);
        if (changes < 0)
            check_adding(journal);
    }
    changes_left = -1;
    journal_free(journal);
}

static void check_recovery(struct input in)
{
    CLEANUP(claims_done) struct claims claims = {0};
    int changes = take_byte(&in);
    make_state(&in);
    find_claims(&claims);
    recover(changes, &claims);
    recover(-1, NULL);
    for (size_t i = 0; i < claims.len; i++)
        check_claim(&claims.items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const places[] = {"jobs", "spool", "rejected", "kept"};
    int cwd = open(".", O_PATH | O_CLOEXEC);
    REQUIRE(cwd >= 0 && chdir(scratch_dir()) == 0);
    check_recovery((struct input){(const char *)data, size});
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        fs_remove_tree(places[i], NULL);
    REQUIRE(fchdir(cwd) == 0 && close(cwd) == 0);
    return 0;
}
