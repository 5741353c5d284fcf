#include "job/manifest.h"

#include "base/fd.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST_LIMIT_BYTES 65536
#define MAX_WORDS            1000
#define SPACE                " \t\r\v\f"

/* ---- reading ---- */

/*
 * Returns true if the backslash at `p` quotes the next character. In double quotes it does so only
 * before certain characters (POSIX shell, 2.2.3).
 */
static bool is_escape(const char *p, char quote)
{
    return *p == '\\' && p[1] && quote != '\'' && (!quote || strchr("$`\"\\", p[1]));
}

/*
 * Removes the first word of `*text` and adds it to `words`. Returns false if a quote is not closed.
 */
static bool take_word(const char **text, struct strv *words)
{
    struct buf word = BUF_INIT(0);
    char quote = '\0';
    const char *p = *text;
    for (; *p && (quote || !strchr(SPACE, *p)); p++) {
        if (quote ? *p == quote : *p == '\'' || *p == '"') {
            quote = quote ? '\0' : *p;
            continue;
        }
        p += is_escape(p, quote);
        buf_append(&word, p, 1);
    }
    *text = p;
    strv_take(words, buf_take(&word));
    return !quote;
}

/* Returns what is wrong, or NULL. */
static const char *split_command(const char *text, struct strv *words)
{
    if (words->len)
        return "'command' is given twice";
    for (text += strspn(text, SPACE); *text; text += strspn(text, SPACE)) {
        if (!take_word(&text, words))
            return "a quote is not closed";
        if (words->len > MAX_WORDS)
            return "the command has too many words";
    }
    return words->len ? NULL : "the command is empty";
}

static char *trimmed(const char *s, size_t len)
{
    CLEANUP(mem_freep) char *copy = mem_strndup(s, len);
    char *start = copy + strspn(copy, " \t\r");
    size_t end = strlen(start);
    while (end > 0 && strchr(" \t\r", start[end - 1]))
        end--;
    return mem_strndup(start, end);
}

/* Takes the path of a file below the root. Returns what is wrong, or NULL. */
static const char *take_requirements(const char *tests_dir, const char *value, char **ret_path)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", tests_dir, value);
    struct stat st;
    if (*value == '/' || strstr(value, "..") || !*value)
        return "'requirements' must be the path of a file inside the suite";
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return "the requirements file is missing or not a regular file";
    if (*ret_path)
        return "'requirements' is given twice";
    *ret_path = TAKE_PTR(path);
    return NULL;
}

static const char *take_line(const char *tests_dir, const char *line, struct manifest *m)
{
    if (line[0] == '\0' || line[0] == '#')
        return NULL;
    const char *equals = strchr(line, '=');
    CLEANUP(mem_freep) char *key = equals ? trimmed(line, (size_t)(equals - line)) : NULL;
    CLEANUP(mem_freep) char *value = equals ? trimmed(equals + 1, strlen(equals + 1)) : NULL;
    if (key && strcmp(key, "command") == 0)
        return split_command(value, &m->command);
    if (key && strcmp(key, "requirements") == 0)
        return take_requirements(tests_dir, value, &m->requirements);
    if (key && strcmp(key, "may-change") == 0)
        return strv_split(&m->may_change, value, SPACE), NULL;
    return "'command = …', 'requirements = …' or 'may-change = …' was expected";
}

static int read_lines(const char *tests_dir, struct manifest *m, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", tests_dir, MANIFEST_NAME);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    int r = fs_read_file(path, MANIFEST_LIMIT_BYTES, &text, err);
    if (r < 0)
        return err_set(err, ERR_ENVIRONMENT, -r,
                       "The suite's %s cannot be read: it is too large, or no regular file", MANIFEST_NAME);
    const char *p = text.data ? text.data : "";
    if (strlen(p) < text.len)
        return err_set(err, ERR_ENVIRONMENT, EINVAL,
                       "The suite's %s contains a NUL byte: it is not a text file", MANIFEST_NAME);
    p += utf8_mark_len(p, text.len);
    for (size_t number = 1; *p; number++) {
        size_t len = strcspn(p, "\n");
        CLEANUP(mem_freep) char *line = trimmed(p, len);
        const char *fault = take_line(tests_dir, line, m);
        if (fault)
            return err_set(err, ERR_ENVIRONMENT, EINVAL, "The suite's %s, line %zu: %s", MANIFEST_NAME,
                           number, fault);
        p += len + (p[len] == '\n');
    }
    if (!m->command.len)
        return err_set(err, ERR_ENVIRONMENT, EINVAL, "The suite's %s has no 'command = …'", MANIFEST_NAME);
    return 0;
}

int manifest_read(const char *tests_dir, struct manifest *ret_manifest, struct err *err)
{
    struct manifest m = {0};
    int r = read_lines(tests_dir, &m, err);
    if (r < 0)
        manifest_done(&m);
    else
        *ret_manifest = m;
    return r;
}

void manifest_done(struct manifest *m)
{
    strv_done(&m->command);
    strv_done(&m->may_change);
    free(m->requirements);
    *m = (struct manifest){0};
}

/* ---- expanding ---- */

/* A placeholder and the words that replace it. */
struct placeholder {
    const char *name;
    struct strv values;
};

enum { SRC, REPORT, LAB, LABS, TESTS, PROXY_TIMEOUT, PLACEHOLDERS };

static void fill(const struct job *job, struct placeholder *all)
{
    static const char *const names[] = {"{src}", "{report}", "{lab}", "{labs}", "{tests}", "{proxy_timeout}"};
    for (int i = 0; i < PLACEHOLDERS; i++)
        all[i] = (struct placeholder){.name = names[i]};
    const struct task *task = &job->task;
    strv_push(&all[SRC].values, job->inside.src);
    strv_push(&all[REPORT].values, job->inside.report);
    strv_pushf(&all[LAB].values, "%lld", (long long)task_stage(task));
    for (size_t i = 0; task->tests.len == 0 && i < task->labs_len; i++)
        strv_pushf(&all[LABS].values, "%lld", (long long)task->labs[i]);
    strv_extend(&all[TESTS].values, &task->tests);
    strv_pushf(&all[PROXY_TIMEOUT].values, "%lld", (long long)job->options->proxy_timeout_s);
}

static const struct placeholder *placeholder_at(const char *text, const struct placeholder *all)
{
    for (int i = 0; i < PLACEHOLDERS; i++)
        if (strncmp(text, all[i].name, strlen(all[i].name)) == 0)
            return &all[i];
    return NULL;
}

static void expand_word(const char *word, const struct placeholder *all, struct strv *argv)
{
    const struct placeholder *whole = placeholder_at(word, all);
    if (whole && strcmp(word, whole->name) == 0) {
        strv_extend(argv, &whole->values);
        return;
    }
    struct buf text = BUF_INIT(0);
    while (*word) {
        const struct placeholder *p = placeholder_at(word, all);
        CLEANUP(mem_freep) char *joined = p ? strv_join(&p->values, ",") : NULL;
        if (joined)
            buf_puts(&text, joined);
        else
            buf_append(&text, word, 1);
        word += p ? strlen(p->name) : 1;
    }
    strv_take(argv, buf_take(&text));
}

/* Returns true if {tests} is part of a longer word, in which names are joined with commas. */
static bool joins_tests(const struct strv *command)
{
    for (size_t i = 0; i < command->len; i++)
        if (strstr(command->items[i], "{tests}") && strcmp(command->items[i], "{tests}") != 0)
            return true;
    return false;
}

/* ---- the program ---- */

/* The kernel reads no more to find the interpreter: BINPRM_BUF_SIZE of linux/binfmts.h. */
#define SHEBANG_BYTES 256

/* Returns the program's file if it is the suite's or the student's, else NULL. The caller frees. */
static char *program_file(const struct job *job, const char *program, bool *ret_is_students)
{
    const char *below = str_path_below(program, job->inside.src);
    *ret_is_students = below != NULL;
    if (below)
        return mem_printf("%s%s", job->src, below);
    return *program != '/' && strchr(program, '/') ? mem_printf("%s/%s", job->tests, program) : NULL;
}

static bool has_crlf_shebang(int fd)
{
    char text[SHEBANG_BYTES];
    ssize_t n = read(fd, text, sizeof(text));
    const char *end = n > 2 && memcmp(text, "#!", 2) == 0 ? memchr(text, '\n', (size_t)n) : NULL;
    return end && end[-1] == '\r';
}

/*
 * Explains why a program cannot be started. The kernel would only say "Permission denied" or "No
 * such file or directory", or start another program.
 */
static int check_program(const struct job *job, const char *program, struct err *err)
{
    bool is_students;
    struct stat st;
    CLEANUP(mem_freep) char *path = program_file(job, program, &is_students);
    CLEANUP(fd_closep) int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0; /* starting it will show the error */
    enum err_class class = is_students ? ERR_TASK : ERR_ENVIRONMENT;
    const char *whose = is_students ? "student's" : "suite's";
    const char *name = is_students ? program + strlen(job->inside.src) + 1 : program;
    if (!(st.st_mode & 0111))
        return err_set(err, class, EACCES,
                       "The %s program '%s' cannot be started: the file is not executable (git "
                       "update-index --chmod=+x)",
                       whose, name);
    if (has_crlf_shebang(fd))
        return err_set(
            err, class, ENOEXEC,
            "The %s program '%s' cannot be started: its first line ends with CR LF, as on Windows; "
            "convert the file to LF",
            whose, name);
    return 0;
}

int manifest_expand(const struct strv *command, const struct job *job, struct strv *ret_argv, struct err *err)
{
    const struct strv *tests = &job->task.tests;
    for (size_t i = 0; i < tests->len; i++)
        if (tests->items[i][0] == '-' || (joins_tests(command) && strchr(tests->items[i], ',')))
            return err_set(
                err, ERR_TASK, EINVAL,
                "The connected test '%.100s' cannot be selected: the suite would take it for something else",
                tests->items[i]);
    struct placeholder all[PLACEHOLDERS];
    fill(job, all);
    for (size_t i = 0; i < command->len; i++)
        expand_word(command->items[i], all, ret_argv);
    for (int i = 0; i < PLACEHOLDERS; i++)
        strv_done(&all[i].values);
    for (size_t i = 0; i < ret_argv->len; i++)
        if (strlen(ret_argv->items[i]) >= PROC_STRING_BYTES)
            return err_set(err, ERR_TASK, E2BIG,
                           "The connected tests are too long for one word of the suite's command: together "
                           "they have more than %u bytes",
                           PROC_STRING_BYTES);
    if (!ret_argv->len)
        return err_set(err, ERR_ENVIRONMENT, EINVAL,
                       "The command in the suite's %s names no program: for this task it expands to nothing",
                       MANIFEST_NAME);
    return check_program(job, ret_argv->items[0], err);
}

bool manifest_uses(const struct strv *command, const char *placeholder)
{
    for (size_t i = 0; i < command->len; i++)
        if (strstr(command->items[i], placeholder))
            return true;
    return false;
}
