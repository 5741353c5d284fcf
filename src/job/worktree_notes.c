#include "job/worktree_notes.h"

#include "base/fs.h"

#include <string.h>
#include <sys/stat.h>

#define MAX_NAMES        5
#define TEXT_LIMIT_BYTES (1U << 20) /* of a file whose line endings are compared */

enum note { NOT_EXECUTABLE, EXECUTABLE, WITH_LF, WITH_CRLF, LEFT_OUT, NEW_MODE, NOTES };

/* Each is followed by names. */
static const char *const sentences[] = {
    [NOT_EXECUTABLE] = "tested without the executable bit, which git does not have (git add --chmod=+x): ",
    [EXECUTABLE] = "tested with the executable bit, which git has (git add --chmod=-x): ",
    [WITH_LF] = "tested with the line endings that git commits (LF), unlike here: ",
    [WITH_CRLF] = "tested with the line endings that git checks out (CRLF), unlike here: ",
    [LEFT_OUT] = "not tested, since git does not commit such a name: ",
    [NEW_MODE] = "the executable bit is not committed yet as it is tested: "};

struct notes {
    struct strv names[NOTES];
    size_t counts[NOTES];
};

static void notes_done(struct notes *n)
{
    for (size_t i = 0; i < NOTES; i++)
        strv_done(&n->names[i]);
}

static void add(struct notes *n, enum note note, const char *name)
{
    if (n->counts[note]++ < MAX_NAMES)
        strv_push(&n->names[note], name);
}

/* Removes each CR before an LF. */
static void remove_crs(struct buf *text)
{
    size_t len = 0;
    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] != '\r' || i + 1 == text->len || text->data[i + 1] != '\n')
            text->data[len++] = text->data[i];
    text->len = len;
}

/* Returns true if two texts of different length differ only in line endings. */
static bool differ_in_line_endings(const char *a, const char *b)
{
    CLEANUP(buf_done) struct buf text_a = BUF_INIT(0);
    CLEANUP(buf_done) struct buf text_b = BUF_INIT(0);
    if (fs_read_file(a, TEXT_LIMIT_BYTES, &text_a, NULL) < 0 ||
        fs_read_file(b, TEXT_LIMIT_BYTES, &text_b, NULL) < 0)
        return false;
    remove_crs(&text_a);
    remove_crs(&text_b);
    return text_a.len && text_a.len == text_b.len && memcmp(text_a.data, text_b.data, text_a.len) == 0;
}

static void compare(struct notes *n, const char *dir, const char *dest, const char *name)
{
    CLEANUP(mem_freep) char *here = mem_printf("%s/%s", dir, name);
    CLEANUP(mem_freep) char *there = mem_printf("%s/%s", dest, name);
    struct stat a, b;
    if (lstat(here, &a) < 0)
        return;
    if (lstat(there, &b) < 0) {
        add(n, LEFT_OUT, name);
        return;
    }
    if (!S_ISREG(a.st_mode) || !S_ISREG(b.st_mode))
        return;
    if ((a.st_mode ^ b.st_mode) & S_IXUSR)
        add(n, a.st_mode & S_IXUSR ? NOT_EXECUTABLE : EXECUTABLE, name);
    if (a.st_size != b.st_size && differ_in_line_endings(here, there))
        add(n, a.st_size > b.st_size ? WITH_LF : WITH_CRLF, name);
}

static void tell(const struct worktree *s, const struct notes *n, enum note note)
{
    CLEANUP(mem_freep) char *names = strv_join(&n->names[note], ", ");
    size_t more = n->counts[note] - n->names[note].len;
    CLEANUP(mem_freep) char *rest = more ? mem_printf(" and %zu more", more) : mem_strdup("");
    CLEANUP(mem_freep) char *text = mem_printf("Warning: %s: %s%s%s", s->dir, sentences[note], names, rest);
    job_tell_text(s->job, PROGRESS_NOTE, text);
}

void worktree_notes_tell(const struct worktree *s, const struct buf *list, const char *dest)
{
    CLEANUP(notes_done) struct notes n = {0};
    CLEANUP(buf_done) struct buf modes = BUF_INIT(0);
    for (size_t at = 0; at < list->len; at += strlen(list->data + at) + 1)
        compare(&n, s->dir, dest, list->data + at);
    worktree_list_new_modes(s, &modes);
    for (size_t at = 0; at < modes.len; at += strlen(modes.data + at) + 1)
        add(&n, NEW_MODE, modes.data + at);
    for (size_t i = 0; i < NOTES; i++)
        if (n.counts[i])
            tell(s, &n, (enum note)i);
}
