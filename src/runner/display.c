#include "runner/display.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <ctype.h>
#include <langinfo.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TICK_MS        100
#define BAR_CELLS      20
#define USUAL_COLUMNS  80
#define MAX_TEXT_LINES 40

enum paint { PLAIN, GOOD, BAD, DIM, BOLD };

struct display {
    FILE *out;
    bool is_terminal, has_colors, has_utf8;
    int64_t start_ms, test_start_ms;
    char stage[32];
    char running[PROGRESS_MAX_NAME_BYTES]; /* "": none */
    uint64_t planned, ended, failed;
};

static const char *const codes[] = {
    [PLAIN] = "", [GOOD] = "\033[32m", [BAD] = "\033[31m", [DIM] = "\033[2m", [BOLD] = "\033[1m"};

/* What is said while a stage lasts. */
static const struct {
    const char *stage, *words;
} stages[] = {{"fetch", "fetching"}, {"prepare", "preparing"}, {"test", "testing"}, {"judge", "judging"}};

struct display *display_new(FILE *out, enum display_color color)
{
    struct display *d = mem_alloc(sizeof(*d));
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool is_terminal = isatty(fileno(out)) && term && strcmp(term, "dumb") != 0;
    bool wants_none = no_color && *no_color;
    *d = (struct display){.out = out,
                          .is_terminal = is_terminal,
                          .has_colors = color == DISPLAY_COLOR_ALWAYS ||
                                        (color == DISPLAY_COLOR_AUTO && is_terminal && !wants_none),
                          .has_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
                          .start_ms = clock_now_ms()};
    return d;
}

void display_free(struct display *d)
{
    free(d);
}

/* ---- what a terminal must not obey ---- */

/* Of what a suite or a program wrote, at most `max` characters: letters stay, commands become '?'. */
static char *harmless(const struct display *d, const char *text, size_t max)
{
    CLEANUP(mem_freep) char *whole = utf8_repair(text, strlen(text));
    char *shown = mem_alloc(strlen(whole) + 4);
    size_t len = 0, count = 0;
    for (const unsigned char *p = (const unsigned char *)whole; *p && count < max;
         count += (*p & 0xc0) != 0x80, p++) {
        bool is_command = (*p < 0x20 && *p != '\t') || *p == 0x7f;
        bool is_c1 = *p == 0xc2 && p[1] < 0xa0;
        bool is_bidi = *p == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
                                      (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
        if (is_c1 || is_bidi)
            p += is_c1 ? 1 : 2;
        bool is_unknown = is_command || is_c1 || is_bidi || (!d->has_utf8 && *p >= 0x80);
        shown[len++] = is_unknown ? '?' : *p == '\t' ? ' ' : (char)*p;
    }
    return shown;
}

static void paint(const struct display *d, enum paint color, const char *text)
{
    if (d->has_colors && color != PLAIN)
        fprintf(d->out, "%s%s\033[0m", codes[color], text);
    else
        fputs(text, d->out);
}

/* ---- the moving line ---- */

static void clear_line(const struct display *d)
{
    if (d->is_terminal)
        fputs("\r\033[K", d->out);
}

static int columns(const struct display *d)
{
    struct winsize size;
    return ioctl(fileno(d->out), TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : USUAL_COLUMNS;
}

static const char *stage_words(const struct display *d)
{
    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        if (strcmp(stages[i].stage, d->stage) == 0)
            return stages[i].words;
    return "starting";
}

static double seconds_since(int64_t start_ms)
{
    return (double)(clock_now_ms() - start_ms) / 1000;
}

static void append_bar(const struct display *d, struct buf *line)
{
    uint64_t full = MIN(d->ended, d->planned) * BAR_CELLS / d->planned;
    buf_puts(line, "[");
    for (uint64_t i = 0; i < BAR_CELLS; i++)
        buf_puts(line, i < full ? "#" : ".");
    buf_printf(line, "] %llu/%llu ", (unsigned long long)d->ended, (unsigned long long)d->planned);
}

/* Never longer than the terminal is wide, or it could not be taken back. */
static void draw_line(const struct display *d)
{
    if (!d->is_terminal)
        return;
    CLEANUP(buf_done) struct buf line = BUF_INIT(0);
    buf_printf(&line, "%s %.1f s ", stage_words(d), seconds_since(d->start_ms));
    if (d->planned)
        append_bar(d, &line);
    int room = columns(d) - (int)line.len - 1;
    if (*d->running && room > 24) {
        CLEANUP(mem_freep) char *name = harmless(d, d->running, (size_t)room - 12);
        buf_printf(&line, "%s %.1f s", name, seconds_since(d->test_start_ms));
    }
    clear_line(d);
    fwrite(line.data, 1, d->has_utf8 ? line.len : MIN(line.len, (size_t)columns(d) - 1), d->out);
    fflush(d->out);
}

int display_tick(struct display *d)
{
    draw_line(d);
    return d->is_terminal ? TICK_MS : -1;
}

/* ---- lines that stay ---- */

static void print_mark(const struct display *d, bool is_pass)
{
    if (d->has_utf8)
        paint(d, is_pass ? GOOD : BAD, is_pass ? "✓" : "✗");
    else
        paint(d, is_pass ? GOOD : BAD, is_pass ? "ok  " : "FAIL");
}

static void print_figures(const struct display *d, int64_t ms, uint64_t memory_bytes)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "  %.2f s", (double)ms / 1000);
    if (memory_bytes)
        snprintf(text + n, sizeof(text) - (size_t)n, "  %.1f MB", (double)memory_bytes / (1 << 20));
    paint(d, DIM, text);
}

static void print_end(struct display *d, const struct progress *p)
{
    CLEANUP(mem_freep) char *name = harmless(d, p->text, SIZE_MAX);
    bool is_pass = report_is_pass(p->status);
    d->ended++;
    d->failed += !is_pass;
    d->running[0] = '\0';
    clear_line(d);
    print_mark(d, is_pass);
    fprintf(d->out, " %s", name);
    if (p->status != REPORT_PASSED && p->status != REPORT_FAILED)
        fprintf(d->out, " (%s)", report_status_name(p->status));
    print_figures(d, p->ms, p->memory_bytes);
    fputc('\n', d->out);
}

void display_say(struct display *d, const char *text)
{
    CLEANUP(mem_freep) char *shown = harmless(d, text, SIZE_MAX);
    clear_line(d);
    fprintf(d->out, "%s\n", shown);
    draw_line(d);
}

void display_take(struct display *d, const struct progress *p)
{
    if (p->kind == PROGRESS_STAGE) {
        snprintf(d->stage, sizeof(d->stage), "%.*s", (int)sizeof(d->stage) - 1, p->text);
    } else if (p->kind == PROGRESS_PLANNED) {
        d->planned = p->planned;
    } else if (p->kind == PROGRESS_START) {
        memcpy(d->running, p->text, sizeof(d->running));
        d->test_start_ms = clock_now_ms();
    } else if (p->kind == PROGRESS_END) {
        print_end(d, p);
    } else {
        CLEANUP(mem_freep) char *text = mem_printf("commit %s", p->text);
        display_say(d, text);
    }
    draw_line(d);
}

/* ---- the summary ---- */

/* The lines of a text, indented; of many the first and the last. */
static void print_text(const struct display *d, const char *text)
{
    size_t lines = 1, number = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    for (const char *p = text; *p; number++) {
        size_t len = strcspn(p, "\n");
        bool is_shown =
            lines <= MAX_TEXT_LINES || number < MAX_TEXT_LINES / 2 || number >= lines - MAX_TEXT_LINES / 2;
        CLEANUP(mem_freep) char *line = mem_strndup(p, len);
        CLEANUP(mem_freep) char *shown = harmless(d, line, SIZE_MAX);
        if (is_shown)
            fprintf(d->out, "    %s\n", shown);
        else if (number == MAX_TEXT_LINES / 2)
            fprintf(d->out, "    … %zu lines …\n", lines - MAX_TEXT_LINES);
        p += len + (p[len] == '\n');
    }
}

static void print_failed(const struct display *d, const struct result_test *t)
{
    CLEANUP(mem_freep) char *name = harmless(d, t->name, SIZE_MAX);
    fputc('\n', d->out);
    print_mark(d, false);
    fputc(' ', d->out);
    paint(d, BOLD, name);
    fputc('\n', d->out);
    print_text(d, t->description);
}

void display_result(struct display *d, const struct result *r)
{
    size_t passed = 0;
    clear_line(d);
    for (size_t i = 0; i < r->tests_len; i++) {
        passed += r->tests[i].is_passed;
        if (!r->tests[i].is_passed)
            print_failed(d, &r->tests[i]);
    }
    if (r->tests_len)
        fprintf(d->out, "\n%zu of %zu tests passed in %.1f s\n", passed, r->tests_len,
                (double)r->duration_ms / 1000);
    CLEANUP(mem_freep) char *details = harmless(d, r->error_details ? r->error_details : "", SIZE_MAX);
    if (r->is_error)
        paint(d, BAD, "COULD NOT BE JUDGED");
    else
        paint(d, r->is_passed ? GOOD : BAD, r->is_passed ? "PASSED" : "NOT PASSED");
    fprintf(d->out, "%s%s\n", *details ? ": " : "", details);
    fflush(d->out);
}
