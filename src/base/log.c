#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192

/* The process has one log: the only mutable globals of the project. */
static struct {
    enum log_level level;
    enum log_format format;
    bool plain;
    bool is_journal; /* connected to systemd's journal */
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

void log_set_format(enum log_format format)
{
    the_log.format = format;
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

/* systemd.exec(5): the variable is inherited, so only the descriptor that it names counts. */
static bool is_journal(int fd)
{
    const char *named = getenv("JOURNAL_STREAM");
    struct stat st;
    if (!named || fstat(fd, &st) < 0)
        return false;
    CLEANUP(mem_freep)
    char *ours = mem_printf("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    return strcmp(named, ours) == 0;
}

int log_open(const char *path, struct err *err)
{
    bool to_file = path && *path;
    int r = to_file ? open_path(path, err) : 0;
    if (r < 0)
        return r;
    if (!to_file)
        use_fd(STDOUT_FILENO);
    the_log.is_journal = !to_file && is_journal(STDOUT_FILENO);
    free(the_log.path);
    the_log.path = to_file ? mem_strdup(path) : NULL;
    return 0;
}

int log_reopen(struct err *err)
{
    return the_log.path ? open_path(the_log.path, err) : 0;
}

/* ---- lines ---- */

/* Writes an event, in the form of log_format.h, as one line. */
static void write_event(enum log_level level, const char *task, const char *event)
{
    static const char *const upper[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};
    static const int priorities[] = {7, 6, 4, 3, 2}; /* syslog(3) */
    CLEANUP(buf_done) struct buf line = BUF_INIT(0);
    char when[32];
    clock_wall_text(when, sizeof(when));
    if (the_log.is_journal && !the_log.plain)
        buf_printf(&line, "<%d>", priorities[level]);
    if (the_log.plain) {
        buf_printf(&line, "%s %s", level_names[level], event);
    } else if (the_log.format == LOG_FORMAT_JSON) {
        log_format_json(&line, when, level_names[level], task, event);
    } else {
        if (!the_log.is_journal)
            buf_printf(&line, "%s %s ", when, upper[level]);
        if (task) {
            buf_puts(&line, "task=");
            log_format_visible(&line, task);
            buf_puts(&line, " ");
        }
        log_format_text(&line, event);
    }
    buf_puts(&line, "\n");
    fd_write_all(the_log.fd, line.data, line.len); /* a failure cannot be logged */
}

__attribute__((format(printf, 3, 0))) static void write_message(enum log_level level, const char *task,
                                                                const char *fmt, va_list ap)
{
    if (!log_enabled(level))
        return;
    char text[LINE_MAX_BYTES];
    vsnprintf(text, sizeof(text), fmt, ap);
    CLEANUP(buf_done) struct buf event = BUF_INIT(0);
    buf_puts(&event, "");
    log_format_visible(&event, text);
    write_event(level, task, event.data);
}

void log_write(enum log_level level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    write_message(level, NULL, fmt, ap);
    va_end(ap);
}

void log_task(enum log_level level, const char *task, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    write_message(level, task, fmt, ap);
    va_end(ap);
}

void log_write_fields(enum log_level level, const char *task, const char *message,
                      const struct log_field *fields, size_t len)
{
    if (!log_enabled(level))
        return;
    CLEANUP(buf_done) struct buf event = BUF_INIT(0);
    log_format_visible(&event, message);
    for (size_t i = 0; i < len; i++)
        log_format_field(&event, &fields[i]);
    write_event(level, task, event.data);
}

void log_relay(enum log_level level, const char *task, const char *event)
{
    if (!log_enabled(level))
        return;
    CLEANUP(buf_done) struct buf visible = BUF_INIT(0);
    for (const char *p = event; *p;) {
        size_t len = strcspn(p, "\t\v");
        CLEANUP(mem_freep) char *part = mem_strndup(p, len);
        log_format_visible(&visible, part);
        p += len;
        if (*p)
            buf_append(&visible, p++, 1);
    }
    buf_puts(&visible, "");
    write_event(level, task, visible.data);
}

void log_line(const char *word, const char *text)
{
    CLEANUP(mem_freep) char *line = mem_printf("%s %s\n", word, text);
    fd_write_all(the_log.fd, line, strlen(line));
}
