#include "runner/cli/spool.h"

#include "base/clock.h"
#include "base/fs.h"
#include "model/state_files.h"
#include "runner/queue/spool.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_SHOWN_BYTES 160

struct place {
    char *spool, *rejected; /* directories */
};

const char *spool_command_check(const struct strv *words)
{
    const char *verb = words->len ? words->items[0] : "";
    if (strcmp(verb, "list") == 0)
        return words->len == 1 ? NULL : "'spool list' takes no more words";
    if (strcmp(verb, "retry") != 0 && strcmp(verb, "drop") != 0)
        return "one of list, retry and drop is expected after 'spool'";
    return words->len > 1 ? NULL : "keys as shown by 'spool list', or 'all', are expected";
}

/* ---- list ---- */

/* Prints the beginning of the backend's last answer about the result, on one line. */
static void print_answer(const struct place *place, const char *key, bool is_rejected)
{
    CLEANUP(mem_freep)
    char *path = is_rejected ? mem_printf("%s/%s.answer", place->rejected, key)
                             : mem_printf("%s/%s.last", place->spool, key);
    char text[ANSWER_SHOWN_BYTES];
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, sizeof(text), file) : 0;
    for (size_t i = 0; i < len; i++)
        putchar(isprint((unsigned char)text[i]) ? text[i] : ' ');
    if (file)
        fclose(file);
}

static void print_result(const struct place *place, const char *key, bool is_rejected)
{
    CLEANUP(mem_freep)
    char *path = mem_printf("%s/%s.json", is_rejected ? place->rejected : place->spool, key);
    struct stat st;
    char when[32];
    if (stat(path, &st) < 0)
        return; /* delivered meanwhile */
    clock_text(&st.st_mtim, when, sizeof(when));
    printf("%-8s  %s  %s  %lld bytes  ", is_rejected ? "refused" : "waiting", key, when,
           (long long)st.st_size);
    print_answer(place, key, is_rejected);
    putchar('\n');
}

/* Lists no keys if the directory does not exist. */
static int list_keys(const char *dir, struct strv *ret_keys, struct err *err)
{
    int r = spool_keys(dir, ret_keys, err);
    return r == -ENOENT ? 0 : r;
}

static int list(const struct place *place, struct err *err)
{
    CLEANUP(strv_done) struct strv waiting = {0};
    CLEANUP(strv_done) struct strv refused = {0};
    int r = list_keys(place->spool, &waiting, err);
    if (r == 0)
        r = list_keys(place->rejected, &refused, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < waiting.len; i++)
        print_result(place, waiting.items[i], false);
    for (size_t i = 0; i < refused.len; i++)
        print_result(place, refused.items[i], true);
    printf("%zu waiting, %zu refused\n", waiting.len, refused.len);
    return 0;
}

/* ---- retry and drop ---- */

static int retry(const struct place *place, const char *key, struct err *err)
{
    CLEANUP(mem_freep) char *from = mem_printf("%s/%s.json", place->rejected, key);
    CLEANUP(mem_freep) char *to = mem_printf("%s/%s.json", place->spool, key);
    CLEANUP(mem_freep) char *answer = mem_printf("%s/%s.answer", place->rejected, key);
    int r = fs_rename_durable(from, to, err);
    if (r == 0)
        unlink(answer);
    return r;
}

static int drop(const struct place *place, const char *key, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s.json", place->rejected, key);
    CLEANUP(mem_freep) char *answer = mem_printf("%s/%s.answer", place->rejected, key);
    if (unlink(path) < 0)
        return err_errno(err, errno, "Cannot remove %s", path);
    unlink(answer);
    return 0;
}

/* Collects the known keys of the arguments; prints and counts the others. */
static unsigned choose(const struct strv *words, const struct strv *known, struct strv *ret_keys)
{
    unsigned unknown = 0;
    if (words->len == 2 && strcmp(words->items[1], "all") == 0) {
        for (size_t i = 0; i < known->len; i++)
            strv_push(ret_keys, known->items[i]);
        return 0;
    }
    for (size_t i = 1; i < words->len; i++) {
        if (strv_contains(known, words->items[i])) {
            strv_push(ret_keys, words->items[i]);
            continue;
        }
        fprintf(stderr, "ostest-runner: there is no refused result %s; see 'ostest-runner spool list'\n",
                words->items[i]);
        unknown++;
    }
    return unknown;
}

static int change(const struct place *place, const struct strv *words, struct err *err)
{
    CLEANUP(strv_done) struct strv known = {0};
    CLEANUP(strv_done) struct strv keys = {0};
    bool again = strcmp(words->items[0], "retry") == 0;
    int r = list_keys(place->rejected, &known, err);
    if (r < 0)
        return r;
    unsigned unknown = choose(words, &known, &keys);
    size_t done = 0;
    for (; r == 0 && done < keys.len; done += r == 0)
        r = again ? retry(place, keys.items[done], err) : drop(place, keys.items[done], err);
    printf(again ? "%zu results will be sent again: within ten seconds if an agent is running, else after "
                   "its next start\n"
                 : "%zu results deleted\n",
           done);
    return r == 0 && unknown ? err_set(err, ERR_TASK, ENOENT, "%u keys are unknown", unknown) : r;
}

int spool_command(const char *state_dir, const struct strv *words)
{
    CLEANUP(mem_freep) char *spool = mem_printf("%s/" STATE_SPOOL, state_dir);
    CLEANUP(mem_freep) char *rejected = mem_printf("%s/" STATE_REJECTED, state_dir);
    struct place place = {.spool = spool, .rejected = rejected};
    struct err err = {0};
    int r = strcmp(words->items[0], "list") == 0 ? list(&place, &err) : change(&place, words, &err);
    if (r < 0)
        fprintf(stderr, "ostest-runner: %s\n", err.message);
    return r < 0;
}
