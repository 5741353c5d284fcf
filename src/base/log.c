#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192

/* The process has one log: the only mutable globals of the project. */
static struct {
    enum log_level level;
    bool plain;
    int fd;
    char *path;
} the_log = {.level = LOG_LEVEL_INFO, .fd = STDOUT_FILENO};

static const char *const level_names[] = {"debug", "info", "warning", "error", "critical"};

int log_level_parse(const char *word, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(word, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

const char *log_split_plain(const char *line, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        size_t len = strlen(level_names[i]);
        if (strncmp(line, level_names[i], len) == 0 && line[len] == ' ') {
            *ret_level = (enum log_level)i;
            return line + len + 1;
        }
    }
    return line;
}

void log_set_level(enum log_level level)
{
    the_log.level = level;
}

void log_set_plain(bool plain)
{
    the_log.plain = plain;
}

bool log_enabled(enum log_level level)
{
    return level >= the_log.level;
}

static void use_fd(int fd)
{
    if (the_log.fd != STDOUT_FILENO)
        fd_close(the_log.fd);
    the_log.fd = fd;
}

static int open_path(const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return err_errno(err, errno, "Cannot open the log file %s", path);
    use_fd(fd);
    return 0;
}

int log_open(const char *path, struct err *err)
{
    bool to_file = path && *path;
    int r = to_file ? open_path(path, err) : 0;
    if (r < 0)
        return r;
    if (!to_file)
        use_fd(STDOUT_FILENO);
    free(the_log.path);
    the_log.path = to_file ? mem_strdup(path) : NULL;
    return 0;
}

int log_reopen(struct err *err)
{
    return the_log.path ? open_path(the_log.path, err) : 0;
}

static void append_visible(struct buf *line, const char *text)
{
    CLEANUP(mem_freep) char *repaired = utf8_repair(text, strlen(text));
    for (const char *p = repaired; *p; p++) {
        bool c1 = *p == '\xc2' && (unsigned char)p[1] < 0xa0; /* U+0080 to U+009F: terminals obey them */
        p += c1;
        if (c1 || iscntrl((unsigned char)*p))
            buf_printf(line, *p == '\n' ? "\\n" : "\\x%02x", (unsigned char)*p);
        else
            buf_append(line, p, 1);
    }
}

void log_write(enum log_level level, const char *fmt, ...)
{
    static const char *const upper[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};
    if (!log_enabled(level))
        return;
    char text[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);

    struct buf line = BUF_INIT(0);
    char when[32];
    clock_wall_text(when, sizeof(when));
    if (the_log.plain)
        buf_printf(&line, "%s ", level_names[level]);
    else
        buf_printf(&line, "%s %s ", when, upper[level]);
    append_visible(&line, text);
    buf_puts(&line, "\n");
    fd_write_all(the_log.fd, line.data, line.len); /* a log that cannot be written has no reader */
    buf_done(&line);
}

void log_line(const char *word, const char *text)
{
    CLEANUP(mem_freep) char *line = mem_printf("%s %s\n", word, text);
    fd_write_all(the_log.fd, line, strlen(line));
}
