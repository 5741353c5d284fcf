#include "base/opt/opt_help.h"

#include "base/buf.h"

#include <string.h>

#define WIDTH       80
#define TEXT_COLUMN 30

/* Returns "-k, --name NAME"; the caller frees. */
static char *option_and_argument(const struct opt *o)
{
    char letter[8] = "";
    if (o->letter)
        snprintf(letter, sizeof(letter), "-%c, ", o->letter);
    return mem_printf("%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
}

static size_t columns_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80; /* not a continuation byte */
    return n;
}

/*
 * Prints `text`, wrapped to lines that begin at TEXT_COLUMN; the first continues the current line.
 */
static void print_wrapped(const char *text, FILE *out)
{
    CLEANUP(strv_done) struct strv words = {0};
    strv_split(&words, text, " ");
    size_t column = TEXT_COLUMN;
    for (size_t i = 0; i < words.len; i++) {
        size_t width = columns_of(words.items[i]);
        if (i > 0 && column + 1 + width > WIDTH) {
            fprintf(out, "\n%*s", TEXT_COLUMN, "");
            column = TEXT_COLUMN;
        } else if (i > 0) {
            fputc(' ', out);
            column++;
        }
        fputs(words.items[i], out);
        column += width;
    }
    fputc('\n', out);
}

/* Returns the help with the choices and the default. The caller frees. */
static char *explanation(const struct opt *o)
{
    struct buf text = BUF_INIT(0);
    CLEANUP(strv_done) struct strv words = {0};
    strv_split(&words, o->choices ? o->choices : "", "|");
    buf_puts(&text, o->help);
    for (size_t i = 0; i < words.len; i++)
        buf_printf(&text, "%s%s%s", i ? ", " : " (", words.items[i], i + 1 < words.len ? "" : ")");
    if (o->def && *o->def && o->kind != OPT_FLAG && o->kind != OPT_SECRET)
        buf_printf(&text, " [%s]", o->def);
    return buf_take(&text);
}

static void print_option(const struct opt *o, FILE *out)
{
    CLEANUP(mem_freep) char *left = option_and_argument(o);
    CLEANUP(mem_freep) char *text = explanation(o);
    fprintf(out, "  %-*s", TEXT_COLUMN - 2, left);
    if (strlen(left) > TEXT_COLUMN - 3)
        fprintf(out, "\n%*s", TEXT_COLUMN, "");
    print_wrapped(text, out);
}

void opt_help_print(const struct opt *table, size_t len, FILE *out)
{
    for (size_t i = 0; i < len; i++) {
        if (table[i].group)
            fprintf(out, "%s%s:\n", i ? "\n" : "", table[i].group);
        print_option(&table[i], out);
    }
}
