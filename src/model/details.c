#include "model/details.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NAMES_IN_FULL            10 /* besides, the total is given */
#define NAMES_IN_BRIEF           64 /* more than ever fit */
#define LAST_WORDS_IN_FULL_CHARS 300
#define WORD_MAX_CHARS           64
#define WORD_HEAD_CHARS          24 /* kept of a shortened word, whose end matters more */
#define TEXT_HEAD_CHARS          150
#define ELLIPSIS                 "…"

struct details_sentence {
    char *text;
    struct strv names;
};

void details_done(struct details *d)
{
    for (size_t i = 0; i < d->len; i++) {
        free(d->sentences[i].text);
        strv_done(&d->sentences[i].names);
    }
    free(d->sentences);
    free(d->last_words);
    *d = (struct details){0};
}

/* ---- adding sentences ---- */

__attribute__((format(printf, 2, 0))) static struct details_sentence *add(struct details *d, const char *fmt,
                                                                          va_list ap)
{
    CLEANUP(mem_freep) char *text = mem_vprintf(fmt, ap);
    d->sentences = mem_resize(d->sentences, d->len + 1, sizeof(*d->sentences));
    struct details_sentence *s = &d->sentences[d->len++];
    *s = (struct details_sentence){.text = utf8_repair(text, strlen(text))};
    return s;
}

void details_say(struct details *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(d, fmt, ap);
    va_end(ap);
}

void details_say_names(struct details *d, const struct strv *names, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct details_sentence *s = add(d, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < names->len; i++)
        strv_take(&s->names, utf8_repair(names->items[i], strlen(names->items[i])));
}

void details_set_last_words(struct details *d, const char *words)
{
    free(d->last_words);
    d->last_words = words && *words ? utf8_repair(words, strlen(words)) : NULL;
}

void details_move(struct details *to, struct details *from)
{
    to->sentences = mem_resize(to->sentences, to->len + from->len + 1, sizeof(*to->sentences));
    for (size_t i = 0; i < from->len; i++)
        to->sentences[to->len++] = from->sentences[i];
    from->len = 0;
    if (from->last_words) {
        free(to->last_words);
        to->last_words = TAKE_PTR(from->last_words);
    }
}

/* ---- counting in characters ---- */

/* Returns the length of the first `count` characters, in bytes. */
static size_t head_bytes(const char *text, size_t count)
{
    const char *p = text;
    for (; *p && count; count--)
        p += utf8_resume(p, strlen(p), 1);
    return (size_t)(p - text);
}

/* Returns the start of the last `count` characters. */
static const char *tail_of(const char *text, size_t count)
{
    size_t all = utf8_count(text);
    return text + head_bytes(text, all > count ? all - count : 0);
}

/* Appends a word, with its middle removed if it is longer than `max_chars`. */
static void put_word(struct buf *b, const char *word, size_t max_chars)
{
    if (utf8_count(word) <= max_chars) {
        buf_puts(b, word);
        return;
    }
    size_t head = MIN((size_t)WORD_HEAD_CHARS, max_chars / 2);
    buf_append(b, word, head_bytes(word, head));
    buf_puts(b, ELLIPSIS);
    buf_puts(b, tail_of(word, max_chars - head - 1));
}

static void put_with_short_words(struct buf *b, const char *text)
{
    CLEANUP(strv_done) struct strv words = {0};
    strv_split(&words, text, " \t\r\n");
    for (size_t i = 0; i < words.len; i++) {
        buf_puts(b, i ? " " : "");
        put_word(b, words.items[i], WORD_MAX_CHARS);
    }
}

/* Removes the middle of a text, between words. */
static char *without_middle(const char *text)
{
    size_t head = head_bytes(text, TEXT_HEAD_CHARS);
    while (head > 0 && text[head] != ' ')
        head--;
    const char *tail = tail_of(text, DETAILS_MAX_CHARS - TEXT_HEAD_CHARS - strlen(" ... "));
    tail += strcspn(tail, " ");
    return mem_printf("%.*s " ELLIPSIS "%s", (int)head, text, tail);
}

/* ---- the texts ---- */

/* How much of the details to show. */
struct extent {
    size_t names;      /* of each list */
    size_t word_chars; /* of each name */
    size_t last_words_chars;
    bool shortens_words;
};

static void put_names(struct buf *b, const struct strv *names, const struct extent *extent)
{
    size_t shown = MIN(names->len, extent->names);
    for (size_t i = 0; i < shown; i++) {
        buf_puts(b, i ? ", " : ": ");
        put_word(b, names->items[i], extent->word_chars);
    }
    if (shown && shown < names->len)
        buf_printf(b, " and %zu more", names->len - shown);
}

static void put_last_words(struct buf *b, const char *words, size_t max_chars)
{
    if (!words || !max_chars)
        return;
    bool is_cut = utf8_count(words) > max_chars;
    buf_printf(b, "%slast output: %.*s%s", b->len ? "; " : "", (int)head_bytes(words, max_chars), words,
               is_cut ? " " ELLIPSIS : "");
}

static char *render(const struct details *d, const struct extent *extent)
{
    struct buf b = BUF_INIT(0);
    buf_puts(&b, "");
    for (size_t i = 0; i < d->len; i++) {
        buf_puts(&b, i ? "; " : "");
        if (extent->shortens_words)
            put_with_short_words(&b, d->sentences[i].text);
        else
            buf_puts(&b, d->sentences[i].text);
        put_names(&b, &d->sentences[i].names, extent);
    }
    put_last_words(&b, d->last_words, extent->last_words_chars);
    return buf_take(&b);
}

char *details_full(const struct details *d)
{
    static const struct extent all = {NAMES_IN_FULL, SIZE_MAX, LAST_WORDS_IN_FULL_CHARS, false};
    return render(d, &all);
}

/* Returns the length of the longest list of names. */
static size_t most_names(const struct details *d)
{
    size_t most = 0;
    for (size_t i = 0; i < d->len; i++)
        most = MAX(most, d->sentences[i].names.len);
    return MIN(most, (size_t)NAMES_IN_BRIEF);
}

/*
 * Returns the first text that fits, with fewer and fewer details: sentences take precedence over
 * names, names over last words.
 */
char *details_brief(const struct details *d)
{
    static const size_t tails[] = {100, 50, 0};
    CLEANUP(mem_freep) char *full = details_full(d);
    if (most_names(d) <= NAMES_IN_FULL && utf8_count(full) <= DETAILS_MAX_CHARS)
        return TAKE_PTR(full);
    for (size_t names = most_names(d) + 1; names-- > 0;) {
        for (size_t t = 0; t < ARRAY_LEN(tails); t++) {
            struct extent extent = {names, WORD_MAX_CHARS, tails[t], true};
            CLEANUP(mem_freep) char *text = render(d, &extent);
            if (utf8_count(text) <= DETAILS_MAX_CHARS)
                return *text ? TAKE_PTR(text) : mem_strdup(ELLIPSIS); /* only white space */
        }
    }
    CLEANUP(mem_freep) char *all = render(d, &(struct extent){.shortens_words = true});
    return without_middle(all);
}

char *details_shorten(const char *text)
{
    CLEANUP(mem_freep) char *valid = utf8_repair(text, strlen(text));
    if (utf8_count(valid) <= DETAILS_MAX_CHARS)
        return TAKE_PTR(valid);
    struct details d = {0};
    details_say(&d, "%s", valid);
    char *brief = details_brief(&d);
    details_done(&d);
    return brief;
}
