#include "job/worktree.h"

#include "base/capture.h"
#include "base/copytree.h"
#include "base/fs.h"
#include "job/git/git.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>

#define LISTING_LIMIT_BYTES (64U << 20)

/* As in a mirror of the cache (repo.c). */
#define CHECKOUT_ATTRIBUTES "* -filter -ident\n"

/* Settings that decide how a file is committed, and where a partial clone gets its objects. */
#define SETTINGS \
    "^(core\\.(autocrlf|eol|filemode|symlinks|ignorecase|attributesfile)|" \
    "remote\\..*\\.(url|promisor|partialclonefilter))$"

/* ---- running git ---- */

/* Keeps the user's settings from starting programs, warning, or writing to the repository. */
static void push_git(struct strv *argv)
{
    static const char *const settings[] = {
        "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.untrackedCache=false",
        "core.splitIndex=false",    "core.safecrlf=false",  "core.compression=0",
        "core.fsync=none",          "index.sparse=false",   "submodule.recurse=false"};
    strv_push(argv, "git");
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        strv_push(argv, "-c");
        strv_push(argv, settings[i]);
    }
}

/* Runs git with `words`, which end with NULL; results as of capture_run(). */
static int run(const struct worktree *s, bool in_ours, const char *const *words, const char *input,
               struct buf *ret_output, struct buf *ret_messages, struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(strv_done) struct strv env = {0};
    if (input) { /* capture_run() has no standard input */
        strv_push(&argv, "/bin/sh");
        strv_push(&argv, "-c");
        strv_push(&argv, "exec \"$@\" <\"$0\"");
        strv_push(&argv, input);
    }
    push_git(&argv);
    if (in_ours) {
        strv_pushf(&argv, "--git-dir=%s", s->repo);
        strv_pushf(&argv, "--work-tree=%s", s->top);
    }
    for (; *words; words++)
        strv_push(&argv, *words);
    git_clean_env(&env);
    struct capture capture = {.doing = "Taking the directory's files",
                              .argv = &argv,
                              .env = &env,
                              .cwd = s->dir,
                              .timeout_ms = s->job->options->timeout_ms,
                              .output_limit_bytes = LISTING_LIMIT_BYTES,
                              .file_size_bytes = s->job->git.limit_bytes,
                              .file_size_option = "--disk",
                              .cancel_fd = s->job->cancel_fd,
                              .keep = s->job->git.keep};
    return capture_run(&capture, ret_output, ret_messages, err);
}

/* ---- the directory's repository ---- */

/*
 * Returns the innermost directory, from `dir` upwards, that has a .git, or NULL. The caller frees.
 */
static char *find_git_above(const char *dir)
{
    for (char *at = mem_strdup(dir);;) {
        CLEANUP(mem_freep) char *git = mem_printf("%s/.git", at);
        if (fs_is_there(git))
            return at;
        if (strcmp(at, "/") == 0) {
            free(at);
            return NULL;
        }
        char *above = mem_strdup(dirname(at));
        free(at);
        at = above;
    }
}

static bool is_top(const char *dir)
{
    CLEANUP(mem_freep) char *git = mem_printf("%s/.git", dir);
    return fs_is_there(git);
}

/* Explains why git refused. Returns -ENOENT, without a message, if `dir` is in no work tree. */
static int judge_refusal(const char *dir, int code, const char *messages, struct err *err)
{
    CLEANUP(mem_freep) char *top = find_git_above(dir);
    bool is_started = code == -EIO;
    if (!is_started && !top)
        return -ENOENT;
    if (!is_started)
        return err_set(err, ERR_ENVIRONMENT, ENOTSUP,
                       "%s is a git work tree, but git cannot be started (%s): install git, which decides "
                       "which files are ignored",
                       top, strerror(-code));
    if (strstr(messages, "not a git repository (or any") && !is_top(dir))
        return -ENOENT;
    if (strstr(messages, "dubious ownership") || strstr(messages, "unsafe repository"))
        return err_set(err, ERR_ENVIRONMENT, EPERM,
                       "git refuses %s, since it belongs to another user; if you trust it: git config "
                       "--global --add safe.directory '%s'",
                       dir, top ? top : dir);
    const char *fatal = strstr(messages, "fatal: ");
    const char *words = fatal ? fatal + strlen("fatal: ") : messages;
    return err_set(err, ERR_ENVIRONMENT, ENOTSUP, "git refuses %s: %.*s", dir, (int)strcspn(words, "\n"),
                   words);
}

/* Removes and returns the first line of the text; NULL at the end. The caller frees. */
static char *take_line(const char **text)
{
    size_t len = strcspn(*text, "\n");
    if (!(*text)[len])
        return NULL;
    char *line = mem_strndup(*text, len);
    *text += len + 1;
    return line;
}

enum { INSIDE, FORMAT, PREFIX, UP, INDEX, OBJECTS, ATTRIBUTES, ANSWERS };

static int take_answers(struct worktree *s, const char *text, struct err *err)
{
    CLEANUP(strv_done) struct strv lines = {0};
    for (char *line; (line = take_line(&text));)
        strv_take(&lines, line);
    if (lines.len && strcmp(lines.items[INSIDE], "true") != 0)
        return err_set(err, ERR_ENVIRONMENT, ENOTSUP,
                       "%s is a git repository without a work tree: clone it, or give its URL: file://%s",
                       s->dir, s->dir);
    if (lines.len != ANSWERS || strlen(lines.items[FORMAT]) >= sizeof(s->object_format))
        return err_set(err, ERR_ENVIRONMENT, ENOTSUP,
                       "git's paths of %s cannot be read: one has a line break", s->dir);
    strcpy(s->object_format, lines.items[FORMAT]); // NOLINT: it fits
    s->prefix = mem_strdup(lines.items[PREFIX]);
    s->top = fs_path_from(s->dir, lines.items[UP]);
    s->index = fs_path_from(s->dir, lines.items[INDEX]);
    s->objects = fs_path_from(s->dir, lines.items[OBJECTS]);
    s->attributes = fs_path_from(s->dir, lines.items[ATTRIBUTES]);
    return 0;
}

int worktree_find(const struct job *job, const char *dir, const char *repo, struct worktree *ret_worktree,
                  struct err *err)
{
    static const char *const words[] = {"rev-parse",
                                        "--is-inside-work-tree",
                                        "--show-object-format",
                                        "--show-prefix",
                                        "--show-cdup",
                                        "--git-path",
                                        "index",
                                        "--git-path",
                                        "objects",
                                        "--git-path",
                                        "info/attributes",
                                        NULL};
    struct worktree s = {.job = job, .dir = dir, .repo = mem_strdup(repo)};
    CLEANUP(buf_done) struct buf output = BUF_INIT(0);
    CLEANUP(buf_done) struct buf messages = BUF_INIT(0);
    int r = run(&s, false, words, NULL, &output, &messages, err);
    if (r == 0)
        r = take_answers(&s, output.data ? output.data : "", err);
    else if (r != -ECANCELED && r != -ETIME)
        r = judge_refusal(dir, r, messages.data ? messages.data : "", err);
    if (r < 0)
        worktree_done(&s);
    else
        *ret_worktree = s;
    return r;
}

int worktree_list(const struct worktree *s, struct buf *ret_list, struct err *err)
{
    static const char *const words[] = {"ls-files",      "--cached", "--others", "--exclude-standard",
                                        "--deduplicate", "-z",       NULL};
    return run(s, false, words, NULL, ret_list, NULL, err);
}

/* ---- our repository ---- */

static void put_quoted(struct buf *text, const char *value)
{
    buf_puts(text, "\"");
    for (; *value; value++)
        buf_printf(text, strchr("\"\\", *value) ? "\\%c" : "%c", *value);
    buf_puts(text, "\"");
}

/* Adds a setting "section.name" or "section.sub.name" in the form of a file (git-config(1)). */
static void put_setting(struct buf *text, const char *key, const char *value)
{
    const char *first = strchr(key, '.'), *last = strrchr(key, '.');
    if (!first || strchr(value, '\n'))
        return;
    buf_printf(text, "[%.*s", (int)(first - key), key);
    if (last > first) {
        CLEANUP(mem_freep) char *sub = mem_strndup(first + 1, (size_t)(last - first - 1));
        buf_puts(text, " ");
        put_quoted(text, sub);
    }
    buf_printf(text, "]\n\t%s = ", last + 1);
    put_quoted(text, value);
    buf_puts(text, "\n");
}

/* Adds settings listed as "key\nvalue\0"; one without a value is true. */
static void put_settings(struct buf *text, const struct buf *listed)
{
    for (size_t at = 0; at < listed->len; at += strlen(listed->data + at) + 1) {
        const char *entry = listed->data + at;
        const char *end = entry + strcspn(entry, "\n");
        CLEANUP(mem_freep) char *key = mem_strndup(entry, (size_t)(end - entry));
        put_setting(text, key, *end ? end + 1 : "true");
    }
}

static int write_config(const struct worktree *s, struct err *err)
{
    static const char *const words[] = {"config", "-z", "--get-regexp", SETTINGS, NULL};
    CLEANUP(buf_done) struct buf settings = BUF_INIT(0);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    CLEANUP(mem_freep) char *path = mem_printf("%s/config", s->repo);
    int r = run(s, false, words, NULL, &settings, NULL, err);
    if (r < 0 && r != -EIO) /* git fails if nothing matches */
        return r;
    bool is_sha1 = strcmp(s->object_format, "sha1") == 0;
    buf_printf(&text, "[core]\n\trepositoryFormatVersion = %d\n\tbare = false\n", !is_sha1);
    if (!is_sha1)
        buf_printf(&text, "[extensions]\n\tobjectFormat = %s\n", s->object_format);
    if (r == 0)
        put_settings(&text, &settings);
    return fs_write_plain(path, text.data, text.len, err);
}

static int write_file(const struct worktree *s, const char *name, const char *text, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", s->repo, name);
    return fs_write_plain(path, text, strlen(text), err);
}

/* Copies the attributes that apply to a commit without being part of one (gitattributes(5)). */
static int copy_attributes(const struct worktree *s, struct err *err)
{
    CLEANUP(mem_freep) char *to = mem_printf("%s/info/attributes", s->repo);
    return fs_is_there(s->attributes) ? copytree_entry(s->attributes, to, NULL, err) : 0;
}

/*
 * Copies the index with its times, by which git recognises unchanged files, and the shared files of
 * a split index (git-update-index(1)).
 */
static int copy_index(const struct worktree *s, struct err *err)
{
    CLEANUP(mem_freep) char *copy = mem_strdup(s->index);
    CLEANUP(strv_done) struct strv names = {0};
    const char *dir = dirname(copy);
    int r = fs_list_dir(dir, &names, NULL);
    for (size_t i = 0; r == 0 && i < names.len; i++) {
        if (strcmp(names.items[i], "index") != 0 && strncmp(names.items[i], "sharedindex.", 12) != 0)
            continue;
        CLEANUP(mem_freep) char *from = mem_printf("%s/%s", dir, names.items[i]);
        CLEANUP(mem_freep) char *to = mem_printf("%s/%s", s->repo, names.items[i]);
        r = copytree_entry(from, to, NULL, err);
    }
    return r;
}

static int make_repo(const struct worktree *s, struct err *err)
{
    static const char *const dirs[] = {"objects/info", "refs", "info"};
    CLEANUP(mem_freep) char *alternates = mem_printf("%s\n", s->objects);
    int r = fs_remove_tree(s->repo, err);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(dirs); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", s->repo, dirs[i]);
        r = fs_make_dirs(path, 0700, err);
    }
    if (r == 0)
        r = write_file(s, "HEAD", "ref: refs/heads/main\n", err);
    if (r == 0)
        r = write_file(s, "objects/info/alternates", alternates, err);
    if (r == 0)
        r = write_config(s, err);
    if (r == 0)
        r = copy_attributes(s, err);
    return r < 0 ? r : copy_index(s, err);
}

/* ---- the tree ---- */

/*
 * Adds or removes files. Not with `git add`: it runs `git status` in each submodule, with the
 * programs that the submodule's configuration names.
 */
static int update_index(const struct worktree *s, const struct buf *list, const char *option, struct err *err)
{
    const char *const words[] = {"update-index", "--ignore-skip-worktree-entries",
                                 "--add",        "--replace",
                                 option,         "-z",
                                 "--stdin",      NULL};
    CLEANUP(mem_freep) char *input = mem_printf("%s/list", s->repo);
    int r = list->len ? fs_write_plain(input, list->data, list->len, err) : 0;
    return r < 0 || !list->len ? r : run(s, true, words, input, NULL, NULL, err);
}

/*
 * Removes unmerged entries: a merge elsewhere in the work tree would keep git from writing a tree.
 */
static int forget_conflicts(const struct worktree *s, struct err *err)
{
    static const char *const words[] = {"ls-files", "--unmerged", "-z", ":/", NULL};
    CLEANUP(buf_done) struct buf found = BUF_INIT(0);
    CLEANUP(buf_done) struct buf names = BUF_INIT(0);
    int r = run(s, true, words, NULL, &found, NULL, err);
    for (size_t at = 0; r == 0 && at < found.len; at += strlen(found.data + at) + 1) {
        const char *tab = strchr(found.data + at, '\t');
        if (tab)
            buf_append(&names, tab + 1, strlen(tab + 1) + 1);
    }
    return r < 0 ? r : update_index(s, &names, "--force-remove", err);
}

static int write_tree(const struct worktree *s, char **ret_tree, struct err *err)
{
    CLEANUP(mem_freep) char *prefix = mem_printf("--prefix=%s", s->prefix);
    const char *const words[] = {"write-tree", "--missing-ok", *s->prefix ? prefix : NULL, NULL};
    CLEANUP(buf_done) struct buf output = BUF_INIT(0);
    int r = run(s, true, words, NULL, &output, NULL, err);
    *ret_tree = r == 0 ? buf_last_line(&output) : NULL;
    return r;
}

/* Checks the tree out with git_run(), like a commit of a mirror. */
static int check_out(const struct worktree *s, const char *tree, const char *dest, struct err *err)
{
    CLEANUP(mem_freep) char *index = mem_printf("%s/checkout.index", s->repo);
    CLEANUP(strv_done) struct strv args = {0};
    strv_push(&args, "read-tree");
    strv_push(&args, "--reset");
    strv_push(&args, "-u");
    strv_push(&args, tree);
    struct git_command command = {.git_dir = s->repo,
                                  .work_tree = dest,
                                  .index_file = index,
                                  .args = &args,
                                  .doing = "Taking the directory's files"};
    int r = write_file(s, "info/attributes", CHECKOUT_ATTRIBUTES, err);
    if (r == 0)
        r = fs_make_dirs(dest, 0755, err);
    return r < 0 ? r : git_run(&s->job->git, &command, NULL, err);
}

int worktree_take(struct worktree *s, const struct buf *list, const struct buf *gone, const char *dest,
                  struct err *err)
{
    int r = make_repo(s, err);
    if (r == 0)
        r = update_index(s, gone, "--force-remove", err);
    if (r == 0)
        r = update_index(s, list, "--remove", err);
    if (r == 0 && *s->prefix)
        r = forget_conflicts(s, err);
    if (r == 0)
        r = write_tree(s, &s->tree, err);
    return r < 0 ? r : check_out(s, s->tree, dest, err);
}

/* Returns true if a row of git-diff-tree(1) is about a regular file's executable bit. */
static bool is_new_mode(const char *row)
{
    static const char *const rows[] = {":100644 100755 ", ":100755 100644 "};
    return strncmp(row, rows[0], strlen(rows[0])) == 0 || strncmp(row, rows[1], strlen(rows[1])) == 0;
}

void worktree_list_new_modes(const struct worktree *s, struct buf *ret_list)
{
    static const char *const ask[] = {"rev-parse", "--quiet", "--verify", "HEAD:./", NULL};
    CLEANUP(buf_done) struct buf head = BUF_INIT(0);
    CLEANUP(buf_done) struct buf rows = BUF_INIT(0);
    if (run(s, false, ask, NULL, &head, NULL, NULL) < 0) /* nothing is committed */
        return;
    CLEANUP(mem_freep) char *committed = buf_last_line(&head);
    const char *const words[] = {"diff-tree", "-r", "-z", "--no-renames", committed, s->tree, NULL};
    run(s, true, words, NULL, &rows, NULL, NULL);
    for (size_t at = 0; at < rows.len;) {
        const char *row = rows.data + at, *name = row + strlen(row) + 1;
        at += strlen(row) + 1;
        if (at >= rows.len)
            return;
        if (is_new_mode(row))
            buf_append(ret_list, name, strlen(name) + 1);
        at += strlen(name) + 1;
    }
}

void worktree_done(struct worktree *s)
{
    if (s->repo)
        fs_remove_tree(s->repo, NULL);
    free(s->repo);
    free(s->top);
    free(s->prefix);
    free(s->index);
    free(s->objects);
    free(s->attributes);
    free(s->tree);
    *s = (struct worktree){0};
}
