#include "job/manifest.h"

#include "base/fs.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MANIFEST_LIMIT_BYTES 65536
#define MAX_WORDS            1000

/* ---- reading ---- */

/* Takes one word off the front of `*text`; quotes and backslashes as a shell treats them. */
static int take_word(const char **text, struct strv *words, struct err *err)
{
    CLEANUP(buf_done) struct buf word = BUF_INIT(0);
    char quote = '\0';
    const char *p = *text;
    for (; *p && (quote || !isspace((unsigned char)*p)); p++) {
        if (quote ? *p == quote : *p == '\'' || *p == '"') {
            quote = quote ? '\0' : *p;
            continue;
        }
        if (*p == '\\' && quote != '\'' && p[1])
            p++;
        buf_append(&word, p, 1);
    }
    if (quote)
        return err_set(err, ERR_ENVIRONMENT, EINVAL, "The suite's %s: a quote is not closed in 'command'",
                       MANIFEST_NAME);
    *text = p;
    strv_take(words, buf_take(&word));
    return 0;
}

static int split_command(const char *text, struct strv *words, struct err *err)
{
    for (text += strspn(text, " \t"); *text; text += strspn(text, " \t")) {
        int r = words->len < MAX_WORDS ? take_word(&text, words, err) : -E2BIG;
        if (r < 0)
            return r;
    }
    return 0;
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

/* A path below the root: nothing absolute, nothing that leads out. */
static int take_requirements(const char *tests_dir, const char *value, char **ret_path, struct err *err)
{
    if (*value == '/' || strstr(value, ".."))
        return err_set(err, ERR_ENVIRONMENT, EINVAL,
                       "The suite's %s: 'requirements' must be a path inside the suite", MANIFEST_NAME);
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", tests_dir, value);
    if (!fs_exists(path))
        return err_set(err, ERR_ENVIRONMENT, ENOENT,
                       "The suite's %s names the requirements file '%s', which is not there", MANIFEST_NAME,
                       value);
    free(*ret_path);
    *ret_path = TAKE_PTR(path);
    return 0;
}

static int take_line(const char *tests_dir, const char *line, size_t number, struct strv *command,
                     char **requirements, struct err *err)
{
    if (line[0] == '\0' || line[0] == '#')
        return 0;
    const char *equals = strchr(line, '=');
    CLEANUP(mem_freep) char *key = equals ? trimmed(line, (size_t)(equals - line)) : NULL;
    CLEANUP(mem_freep) char *value = equals ? trimmed(equals + 1, strlen(equals + 1)) : NULL;
    if (key && strcmp(key, "command") == 0)
        return split_command(value, command, err);
    if (key && strcmp(key, "requirements") == 0)
        return take_requirements(tests_dir, value, requirements, err);
    return err_set(err, ERR_ENVIRONMENT, EINVAL,
                   "The suite's %s, line %zu: 'command = …' or 'requirements = …' was expected",
                   MANIFEST_NAME, number);
}

int manifest_read(const char *tests_dir, struct strv *ret_command, char **ret_requirements, struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", tests_dir, MANIFEST_NAME);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    int r = fs_read_file(path, MANIFEST_LIMIT_BYTES, &text, err);
    if (r < 0)
        return r;
    const char *p = text.data ? text.data : "";
    for (size_t number = 1; *p; number++) {
        size_t len = strcspn(p, "\n");
        CLEANUP(mem_freep) char *line = trimmed(p, len);
        r = take_line(tests_dir, line, number, ret_command, ret_requirements, err);
        if (r < 0)
            return r;
        p += len + (p[len] == '\n');
    }
    if (!ret_command->len)
        return err_set(err, ERR_ENVIRONMENT, EINVAL, "The suite's %s has no 'command = …'", MANIFEST_NAME);
    return 0;
}

/* ---- expanding ---- */

/* A placeholder and the words that stand in its place. */
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
    strv_push(&all[SRC].values, job->src);
    strv_push(&all[REPORT].values, job->report);
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

int manifest_expand(const struct strv *command, const struct job *job, struct strv *ret_argv, struct err *err)
{
    for (size_t i = 0; i < job->task.tests.len; i++)
        if (job->task.tests.items[i][0] == '-')
            return err_set(err, ERR_TASK, EINVAL,
                           "The connected test '%.100s' cannot be selected: it starts with '-'",
                           job->task.tests.items[i]);
    struct placeholder all[PLACEHOLDERS];
    fill(job, all);
    for (size_t i = 0; i < command->len; i++)
        expand_word(command->items[i], all, ret_argv);
    for (int i = 0; i < PLACEHOLDERS; i++)
        strv_done(&all[i].values);
    return 0;
}

bool manifest_uses(const struct strv *command, const char *placeholder)
{
    for (size_t i = 0; i < command->len; i++)
        if (strstr(command->items[i], placeholder))
            return true;
    return false;
}
