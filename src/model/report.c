#include "model/report.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Too short for a head and a tail. */
#define TEXT_MIN_BYTES 16

/* About 31 years; the sum of half a million of them does not overflow. */
#define MAX_DURATION_MS INT64_C(1000000000000)

#define SPACE " \t\r\n"

static void case_done(struct report_case *c)
{
    free(c->classname);
    free(c->name);
    free(c->description);
}

bool report_is_pass(enum report_status status)
{
    return status == REPORT_PASSED || status == REPORT_XFAILED;
}

const char *report_status_name(enum report_status status)
{
    static const char *const names[] = {"passed", "failed", "error", "skipped", "xfailed"};
    return names[status];
}

void report_done(struct report *report)
{
    for (size_t i = 0; i < report->len; i++)
        case_done(&report->cases[i]);
    free(report->cases);
    *report = (struct report){0};
}

void report_drop_last(struct report *report)
{
    case_done(&report->cases[--report->len]);
}

struct report_case *report_add(struct report *report)
{
    if (report->len == report->cap) {
        report->cap = MAX(report->cap * 2, (size_t)32);
        report->cases = mem_resize(report->cases, report->cap, sizeof(*report->cases));
    }
    struct report_case *c = &report->cases[report->len++];
    *c = (struct report_case){0};
    return c;
}

int report_compare_names(const struct report_case *a, const struct report_case *b)
{
    int order = strcmp(a->classname, b->classname);
    return order ? order : strcmp(a->name, b->name);
}

/* ---- reruns ---- */

static int compare_cases(const void *a, const void *b)
{
    const struct report_case *x = *(struct report_case *const *)a, *y = *(struct report_case *const *)b;
    int order = report_compare_names(x, y);
    return order ? order : (x > y) - (x < y);
}

static bool is_cut(const char *name)
{
    return strlen(name) >= REPORT_NAME_BYTES;
}

static bool are_of_one_test(const struct report_case *a, const struct report_case *b)
{
    return *a->name && report_compare_names(a, b) == 0 && !is_cut(a->name) && !is_cut(a->classname);
}

/* Merges a later run of the same test. */
static void merge_rerun(struct report_case *c, struct report_case *later)
{
    c->duration_ms += later->duration_ms;
    if (report_worse(later->status, c->status) != later->status)
        return;
    char *description = c->description;
    c->status = later->status;
    c->description = later->description;
    later->description = description;
}

void report_merge_reruns(struct report *report)
{
    CLEANUP(mem_freep)
    struct report_case **sorted = mem_alloc((report->len + 1) * sizeof(struct report_case *));
    CLEANUP(mem_freep) bool *is_left_out = mem_alloc(report->len + 1);
    size_t kept = 0;
    for (size_t i = 0; i < report->len; i++)
        sorted[i] = &report->cases[i];
    if (report->len)
        qsort(sorted, report->len, sizeof(*sorted), compare_cases);
    for (size_t i = 0, first = 0; i < report->len; i++) {
        struct report_case *c = sorted[i];
        bool is_nameless = !*c->classname && !*c->name && c->status == REPORT_PASSED;
        bool is_rerun = i > first && are_of_one_test(sorted[first], c);
        if (is_rerun)
            merge_rerun(sorted[first], c);
        else
            first = i;
        is_left_out[c - report->cases] = is_nameless || is_rerun;
    }
    for (size_t i = 0; i < report->len; i++) {
        if (is_left_out[i])
            case_done(&report->cases[i]);
        else
            report->cases[kept++] = report->cases[i];
    }
    report->len = kept;
}

char *report_shorten_name(const char *name, size_t max_bytes)
{
    size_t len = strlen(name);
    if (len <= max_bytes)
        return mem_strndup(name, len);
    return mem_printf("%.*s…", (int)utf8_cut(name, len, max_bytes), name);
}

enum report_status report_worse(enum report_status a, enum report_status b)
{
    static const unsigned char badness[] = {
        [REPORT_PASSED] = 0, [REPORT_XFAILED] = 1, [REPORT_SKIPPED] = 2,
        [REPORT_FAILED] = 3, [REPORT_ERROR] = 4,
    };
    return badness[a] >= badness[b] ? a : b;
}

/* One byte more than half: it is never shown, but tells if a character ends before it. */
static size_t head_size(const struct report_text *t)
{
    return t->max / 2 + 1;
}

void report_text_reset(struct report_text *t, size_t max_bytes)
{
    t->max = MAX(max_bytes, (size_t)TEXT_MIN_BYTES);
    t->total = 0;
}

void report_text_done(struct report_text *t)
{
    free(t->data);
    *t = (struct report_text){0};
}

static void text_reserve(struct report_text *t, size_t len)
{
    size_t need = len > t->max - MIN(t->total, t->max) ? t->max : t->total + len;
    if (need <= t->cap)
        return;
    t->cap = MIN(MAX(need, MAX(t->cap * 2, (size_t)256)), t->max);
    t->data = mem_resize(t->data, t->cap, 1);
}

/*
 * Returns the position of the ring's oldest byte, where the next one goes. Until the ring is full,
 * that is the end.
 */
static size_t ring_position(const struct report_text *t)
{
    size_t head = head_size(t);
    return head + (t->total - head) % (t->max - head);
}

static void ring_append(struct report_text *t, const char *s, size_t len)
{
    size_t ring = t->max - head_size(t);
    size_t lost = len > ring ? len - ring : 0; /* would be overwritten immediately */
    t->total += lost;
    s += lost;
    len -= lost;
    size_t at = ring_position(t);
    size_t first = MIN(len, t->max - at);
    memcpy(t->data + at, s, first);
    if (first < len)
        memcpy(t->data + head_size(t), s + first, len - first);
    t->total += len;
}

static void append_slowly(struct report_text *t, const char *s, size_t len)
{
    text_reserve(t, len);
    size_t first = MIN(len, head_size(t) - MIN(t->total, head_size(t)));
    if (first > 0)
        memcpy(t->data + t->total, s, first);
    t->total += first;
    if (first < len)
        ring_append(t, s + first, len - first);
}

void report_text_append(struct report_text *t, const char *s, size_t len)
{
    if (t->total + len > MIN(t->cap, t->max)) {
        append_slowly(t, s, len);
    } else if (len > 0) { /* the ring has not wrapped yet */
        memcpy(t->data + t->total, s, len);
        t->total += len;
    }
}

char *report_text_render(const struct report_text *t)
{
    if (t->total <= t->max)
        return mem_strndup(t->total ? t->data : "", t->total);
    size_t head = head_size(t);
    size_t head_len = utf8_cut(t->data, head, head - 1);

    size_t ring = t->max - head;
    size_t at = ring_position(t);
    CLEANUP(mem_freep) char *tail = mem_alloc(ring);
    memcpy(tail, t->data + at, t->max - at);
    memcpy(tail + (t->max - at), t->data + head, at - head);
    size_t skip = utf8_resume(tail, ring, 0);

    struct buf b = BUF_INIT(0);
    buf_append(&b, t->data, head_len);
    buf_printf(&b, "…\n[... %zu bytes left out ...]\n…", t->total - head_len - (ring - skip));
    buf_append(&b, tail + skip, ring - skip);
    return buf_take(&b);
}

char *report_shorten(const char *text, size_t len, size_t max_bytes)
{
    CLEANUP(mem_freep) char *repaired = NULL;
    if (!utf8_is_valid(text, len) || memchr(text, '\0', len)) {
        repaired = utf8_repair(text, len);
        text = repaired;
        len = strlen(repaired);
    }
    struct report_text t = {0};
    report_text_reset(&t, max_bytes);
    report_text_append(&t, text, len);
    char *shortened = report_text_render(&t);
    report_text_done(&t);
    return shortened;
}

/* Digits beyond this value do not affect milliseconds. */
#define MAX_DIGITS_VALUE UINT64_C(100000000000000000)

/* value × 10^power, computed in decimal: 0.29 must become 290, which it does not in binary. */
struct decimal {
    uint64_t value;
    int power;
    bool has_digits;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *read_digits(const char *s, struct decimal *d, bool fraction)
{
    for (; is_digit(*s); s++) {
        bool keep = d->value < MAX_DIGITS_VALUE;
        if (keep)
            d->value = d->value * 10 + (uint64_t)(*s - '0');
        d->power += (keep ? 0 : 1) - (fraction ? 1 : 0);
        d->has_digits = true;
    }
    return s;
}

/* Accepts Maven's grouping of digits: "1,234.5". */
static bool is_group(const char *s)
{
    return s[0] == ',' && is_digit(s[1]) && is_digit(s[2]) && is_digit(s[3]) && !is_digit(s[4]);
}

static const char *read_exponent(const char *s, struct decimal *d)
{
    bool negative = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    if (!is_digit(*s))
        return NULL;
    int exponent = 0;
    for (; is_digit(*s); s++)
        exponent = MIN(exponent * 10 + (*s - '0'), 9999);
    d->power += negative ? -exponent : exponent;
    return s;
}

int64_t report_parse_seconds(const char *s)
{
    struct decimal d = {.power = 3};
    s = read_digits(s + strspn(s, SPACE), &d, false);
    while (d.has_digits && is_group(s))
        s = read_digits(s + 1, &d, false);
    if (*s == '.')
        s = read_digits(s + 1, &d, true);
    if (d.has_digits && (*s == 'e' || *s == 'E'))
        s = read_exponent(s + 1, &d);
    if (!s || !d.has_digits)
        return 0;
    if (*s == 's')
        s++;
    if (s[strspn(s, SPACE)] != '\0')
        return 0;
    for (; d.power < 0 && d.value > 0; d.power++)
        d.value /= 10;
    for (; d.power > 0 && d.value > 0 && d.value < (uint64_t)MAX_DURATION_MS; d.power--)
        d.value *= 10;
    return (int64_t)MIN(d.value, (uint64_t)MAX_DURATION_MS);
}

char *report_case_name(const struct report_case *c)
{
    const char *classname = c->classname;
    if (classname[0] == '\0')
        return mem_strdup(c->name);
    if (strncmp(classname, "tests.", 6) == 0)
        classname += 6;
    return mem_printf("%s::%s", classname, c->name);
}

/* Returns true if the suffix ".py" of a file is at `s`: pytest omits it in a classname. */
static bool is_py_ending(const char *s)
{
    return strncasecmp(s, ".py", 3) == 0 && (s[3] == '\0' || s[3] == '/' || s[3] == '.' || s[3] == ':');
}

/*
 * Normalizes both spellings of a test in place: dots between all parts, lower case. After a '['
 * come the test's parameters, in which ".py" is not a suffix.
 */
static void unify(char *s, bool without_py)
{
    char *out = s;
    while (*s) {
        if (*s == '[')
            without_py = false;
        if (without_py && is_py_ending(s)) {
            s += 3;
            if (*s == '\0') /* "test_a.py" is not a prefix of "test_abc" */
                *out++ = '.';
        } else if (*s == '/' || (s[0] == ':' && s[1] == ':')) {
            s += *s == '/' ? 1 : 2;
            *out++ = '.';
        } else {
            *out++ = *s >= 'A' && *s <= 'Z' ? (char)(*s | 0x20) : *s;
            s++;
        }
    }
    *out = '\0';
}

static bool contains(const char *id, const char *wanted, bool without_py)
{
    CLEANUP(mem_freep) char *part = mem_strdup(wanted);
    unify(part, without_py);
    return strstr(id, part) != NULL;
}

bool report_case_matches(const struct report_case *c, const char *wanted)
{
    CLEANUP(mem_freep) char *id = mem_printf("%s%s%s.", c->classname, c->classname[0] ? "." : "", c->name);
    unify(id, false);
    if (contains(id, wanted, true))
        return true;
    /* Also unchanged: "py" may be a directory, and other producers write the suffix. */
    return strcasestr(wanted, ".py") && contains(id, wanted, false);
}

const char *report_after_place(const char *reason)
{
    size_t len = strcspn(reason, " ");
    bool is_place =
        len > 2 && reason[len] == ' ' && reason[len - 1] == ':' && isdigit((unsigned char)reason[len - 2]);
    return is_place ? reason + len + 1 : reason;
}
