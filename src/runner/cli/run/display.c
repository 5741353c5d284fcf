#include "runner/cli/run/display.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/utf8.h"

#include <langinfo.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define TICK_MS          100
#define BAR_CELLS        20
#define BAR_MIN_COLUMNS  45
#define TIME_CELLS       12 /* after a test's name */
#define USUAL_COLUMNS    80
#define MAX_TEXT_LINES   40
#define MAX_TEXT_CELLS   500 /* of a line */
#define MAX_TEXTS        50  /* of failed tests */
#define MAX_SKIPPED      2000
#define MAX_REASONS      10 /* of skipped tests */
#define MAX_REASON_CELLS 100

enum paint { PLAIN, GOOD, BAD, DIM, BOLD };

struct display {
    FILE *out;
    bool is_terminal, has_colors, has_utf8, is_over;
    int64_t start_ms, test_start_ms;
    char stage[32];
    char running[PROGRESS_MAX_NAME_BYTES]; /* "": none */
    uint64_t planned, ended, failed;
    struct strv skipped; /* names of tests, as far as they are known */
};

static const char *const codes[] = {
    [PLAIN] = "", [GOOD] = "\033[32m", [BAD] = "\033[31m", [DIM] = "\033[2m", [BOLD] = "\033[1m"};

/* Words of the progress line for each stage. */
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
    setvbuf(out, NULL, _IOLBF, 0); /* line buffered for pipes, too */
    return d;
}

void display_free(struct display *d)
{
    if (d)
        strv_done(&d->skipped);
    free(d);
}

/* ---- control characters ---- */

/* Characters that move the cursor, change the direction of text, or end a line. */
static bool is_command(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, '\t' - 1},    {'\t' + 1, 0x1f}, {0x7f, 0x9f},    {0x61c, 0x61c},
                  {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

/* Returns the first character of valid UTF-8. */
static uint32_t decode(const unsigned char *p, size_t *ret_len)
{
    *ret_len = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
    uint32_t c = *ret_len == 1 ? *p : *p & (0x7fU >> *ret_len);
    for (size_t i = 1; i < *ret_len; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

/* A character unknown to the C library may take two cells. */
static size_t cells_of(uint32_t c)
{
    int width = wcwidth((wchar_t)c);
    return width < 0 ? 2 : (size_t)width;
}

/* Returns text from outside, cut to `max` cells and with control characters replaced by '?'. */
static char *first_part(const struct display *d, const char *text, size_t max, bool *ret_is_cut)
{
    CLEANUP(mem_freep) char *whole = utf8_repair(text, strlen(text));
    char *shown = mem_alloc(strlen(whole) + 1);
    size_t len = 0, cells = 0, size;
    const unsigned char *p = (const unsigned char *)whole;
    for (; *p; p += size) {
        uint32_t c = decode(p, &size);
        bool is_unknown = is_command(c) || (!d->has_utf8 && c >= 0x80);
        cells += is_unknown || c == '\t' ? 1 : cells_of(c);
        if (cells > max)
            break;
        if (is_unknown || c == '\t')
            shown[len++] = c == '\t' ? ' ' : '?';
        else
            len = (size_t)((char *)mempcpy(shown + len, p, size) - shown);
    }
    *ret_is_cut = *p != '\0';
    return shown;
}

static char *harmless(const struct display *d, const char *text)
{
    bool is_cut;
    return first_part(d, text, SIZE_MAX, &is_cut);
}

static void paint(const struct display *d, enum paint color, const char *text)
{
    if (d->has_colors && color != PLAIN)
        fprintf(d->out, "%s%s\033[0m", codes[color], text);
    else
        fputs(text, d->out);
}

/* ---- progress line ---- */

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

/* Must fit the width of the terminal, or it could not be erased. */
static void draw_line(const struct display *d)
{
    if (!d->is_terminal || d->is_over)
        return;
    CLEANUP(buf_done) struct buf line = BUF_INIT(0);
    size_t width = (size_t)columns(d) - 1;
    bool is_cut;
    buf_printf(&line, "%s %.1f s ", stage_words(d), seconds_since(d->start_ms));
    if (d->planned && width >= BAR_MIN_COLUMNS - 1)
        append_bar(d, &line);
    if (*d->running && width > line.len + TIME_CELLS) {
        CLEANUP(mem_freep) char *name = first_part(d, d->running, width - line.len - TIME_CELLS, &is_cut);
        buf_printf(&line, "%s %.1f s", name, seconds_since(d->test_start_ms));
    }
    CLEANUP(mem_freep) char *shown = first_part(d, line.data, width, &is_cut);
    clear_line(d);
    fputs(shown, d->out);
    fflush(d->out);
}

void display_end(struct display *d)
{
    clear_line(d);
    d->is_over = true;
}

int display_tick(struct display *d)
{
    draw_line(d);
    return d->is_terminal ? TICK_MS : -1;
}

/* ---- finished tests ---- */

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
    CLEANUP(mem_freep) char *name = harmless(d, p->text);
    bool is_pass = report_is_pass(p->status);
    d->ended++;
    d->failed += !is_pass;
    d->running[0] = '\0';
    if (p->status == REPORT_SKIPPED && d->skipped.len < MAX_SKIPPED)
        strv_push(&d->skipped, p->text);
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
    CLEANUP(mem_freep) char *shown = harmless(d, text);
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
    } else if (p->kind == PROGRESS_COMMIT) {
        CLEANUP(mem_freep) char *text = mem_printf("commit %s", p->text);
        display_say(d, text);
    } else if (p->kind == PROGRESS_NOTE) {
        display_say(d, p->text);
    }
    draw_line(d);
}

/* ---- summary ---- */

static const char *dots(const struct display *d)
{
    return d->has_utf8 ? "…" : "...";
}

static void print_line(const struct display *d, const char *text, size_t len)
{
    bool is_cut;
    CLEANUP(mem_freep) char *line = mem_strndup(text, len);
    CLEANUP(mem_freep) char *shown = first_part(d, line, MAX_TEXT_CELLS, &is_cut);
    fprintf(d->out, "    %s%s\n", shown, is_cut ? dots(d) : "");
}

/* Prints a text indented; of a long one only the first and the last lines. */
static void print_text(const struct display *d, const char *text)
{
    size_t lines = 1, number = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    for (const char *p = text; *p; number++) {
        size_t len = strcspn(p, "\n");
        bool is_shown =
            lines <= MAX_TEXT_LINES || number < MAX_TEXT_LINES / 2 || number >= lines - MAX_TEXT_LINES / 2;
        if (is_shown)
            print_line(d, p, len);
        else if (number == MAX_TEXT_LINES / 2)
            fprintf(d->out, "    %s %zu lines %s\n", dots(d), lines - MAX_TEXT_LINES, dots(d));
        p += len + (p[len] == '\n');
    }
}

static bool is_skipped(const struct display *d, const struct result_test *t)
{
    for (size_t i = 0; i < d->skipped.len; i++)
        if (strcmp(d->skipped.items[i], t->name) == 0)
            return true;
    return false;
}

static void print_failed(const struct display *d, const struct result_test *t)
{
    CLEANUP(mem_freep) char *name = harmless(d, t->name);
    fputc('\n', d->out);
    print_mark(d, false);
    fputc(' ', d->out);
    paint(d, BOLD, name);
    fputc('\n', d->out);
    print_text(d, t->description);
}

/* The first line of the reason is enough: the failed test is shown elsewhere. */
static void print_skipped(const struct display *d, const struct result_test *t)
{
    bool is_cut;
    CLEANUP(mem_freep) char *name = harmless(d, t->name);
    CLEANUP(mem_freep) char *line = mem_strndup(t->description, strcspn(t->description, "\n"));
    CLEANUP(mem_freep) char *reason = first_part(d, report_after_place(line), MAX_REASON_CELLS, &is_cut);
    CLEANUP(mem_freep) char *text = mem_printf("  %s%s", reason, is_cut ? dots(d) : "");
    fprintf(d->out, "- %s", name);
    paint(d, DIM, text);
    fputc('\n', d->out);
}

/* Prints the skipped tests or the other ones that did not pass; returns their number. */
static size_t print_tests(const struct display *d, const struct result *r, bool skipped)
{
    size_t count = 0, max = skipped ? MAX_REASONS : MAX_TEXTS;
    for (size_t i = 0; i < r->tests_len; i++) {
        const struct result_test *t = &r->tests[i];
        if (t->is_passed || is_skipped(d, t) != skipped || count++ >= max)
            continue;
        if (skipped && count == 1)
            fputs("\nSkipped:\n", d->out);
        (skipped ? print_skipped : print_failed)(d, t);
    }
    if (count > max)
        fprintf(d->out, "%s%s and %zu more%s\n", skipped ? "" : "\n", dots(d), count - max,
                skipped ? "" : " that failed");
    return count;
}

void display_result(struct display *d, const struct result *r)
{
    clear_line(d);
    size_t failed = print_tests(d, r, false);
    size_t skipped = print_tests(d, r, true);
    CLEANUP(mem_freep) char *and_skipped = mem_printf(", %zu were skipped,", skipped);
    if (r->tests_len)
        fprintf(d->out, "\n%zu of %zu tests passed%s in %.1f s\n", r->tests_len - failed - skipped,
                r->tests_len, skipped ? and_skipped : "", (double)r->duration_ms / 1000);
    CLEANUP(mem_freep) char *details = harmless(d, r->error_details ? r->error_details : "");
    if (r->is_error)
        paint(d, BAD, "COULD NOT BE JUDGED");
    else
        paint(d, r->is_passed ? GOOD : BAD, r->is_passed ? "PASSED" : "NOT PASSED");
    fprintf(d->out, "%s%s\n", *details ? ": " : "", details);
    fflush(d->out);
}
