#include "base/opt/opt.h"

#include "base/fs.h"
#include "base/opt/nearest.h"
#include "base/url.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <string.h>

#define CONFIG_FILE_LIMIT (1U << 20)

/* getopt_long(3) returns the option's index plus this, out of the way of ':' and '?'. */
#define FIRST_OPTION 1000

/* ---- one value: from its text to the stored value ---- */

static bool parse_flag(const char *text, bool *ret)
{
    static const char *const words[][2] = {{"yes", "no"}, {"true", "false"}, {"1", "0"}, {"on", "off"}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        for (int j = 0; j < 2; j++) {
            if (strcasecmp(text, words[i][j]) == 0) {
                *ret = j == 0;
                return true;
            }
        }
    }
    return false;
}

/*
 * Parses a decimal number and returns the text after it. Hexadecimal, "nan" and "inf" are not
 * accepted.
 */
static bool parse_number(const char *text, double *ret, const char **ret_rest)
{
    if (!isdigit((unsigned char)text[0]) && text[0] != '-' && text[0] != '.')
        return false;
    if (strpbrk(text, "xXpPnN"))
        return false;
    char *end;
    errno = 0;
    *ret = strtod(text, &end);
    *ret_rest = end;
    return end != text && errno == 0;
}

static bool parse_bytes(const char *text, double *ret)
{
    static const char units[] = "KMGT";
    const char *rest;
    if (!parse_number(text, ret, &rest))
        return false;
    const char *unit = *rest ? strchr(units, toupper((unsigned char)*rest)) : NULL;
    if (unit) {
        *ret = ldexp(*ret, 10 * (int)(unit - units + 1));
        rest++;
    }
    return *rest == '\0';
}

static int find_choice(const char *choices, const char *text)
{
    CLEANUP(strv_done) struct strv words = {0};
    strv_split(&words, choices, "|");
    for (size_t i = 0; i < words.len; i++)
        if (strcmp(words.items[i], text) == 0)
            return (int)i;
    return -1;
}

/* Describes the accepted values, for a message. The caller frees. */
static char *describe_accepted(const struct opt *o)
{
    switch (o->kind) {
    case OPT_FLAG:
        return mem_strdup("yes or no");
    case OPT_INTEGER:
        return mem_printf("a whole number from %.0f to %.0f", o->min, o->max);
    case OPT_NUMBER:
        return mem_printf("a number from %g to %g", o->min, o->max);
    case OPT_SECONDS:
        return mem_printf("seconds, from %g to %g", o->min, o->max);
    case OPT_BYTES:
        return mem_printf("bytes, from %.0f to %.0f, with suffix K, M, G or T for powers of 1024", o->min,
                          o->max);
    case OPT_CHOICE: {
        CLEANUP(strv_done) struct strv words = {0};
        strv_split(&words, o->choices, "|");
        return strv_join(&words, ", ");
    }
    default:
        return mem_strdup("text");
    }
}

static bool in_range(const struct opt *o, double value)
{
    return value >= o->min && value <= o->max;
}

/* At least 1 ms for more than 0 seconds: 0 often means "no limit". */
static int64_t milliseconds(double seconds)
{
    int64_t ms = llround(seconds * 1000);
    return ms == 0 && seconds > 0 ? 1 : ms;
}

static bool store_number(const struct opt *o, const char *text, void *slot)
{
    double value;
    const char *rest = "";
    bool parsed =
        o->kind == OPT_BYTES ? parse_bytes(text, &value) : parse_number(text, &value, &rest) && !*rest;
    if (!parsed || !in_range(o, value) || (o->kind == OPT_INTEGER && value != floor(value)))
        return false;
    if (o->kind == OPT_BYTES)
        *(uint64_t *)slot = (uint64_t)value;
    else if (o->kind == OPT_NUMBER)
        *(double *)slot = value;
    else if (o->kind == OPT_SECONDS)
        *(int64_t *)slot = milliseconds(value);
    else
        *(int64_t *)slot = (int64_t)value;
    return true;
}

static bool store(const struct opt *o, const char *text, void *config)
{
    void *slot = (char *)config + o->offset;
    switch (o->kind) {
    case OPT_FLAG:
        return parse_flag(text, slot);
    case OPT_CHOICE:
        *(int *)slot = find_choice(o->choices, text);
        return *(int *)slot >= 0;
    case OPT_STRING:
    case OPT_SECRET:
        *(char **)slot = mem_strdup(text);
        return true;
    case OPT_LIST:
        strv_split(slot, text, "\n");
        return true;
    case OPT_HELP:
        return true;
    default:
        return store_number(o, text, slot);
    }
}

/* Returns "; did you mean …?" if a similar word was found, else "". The caller frees. */
static char *suggest(const struct nearest *n, const char *dashes)
{
    return n->best ? mem_printf("; did you mean %s%.*s?", dashes, (int)nearest_len(n), n->best)
                   : mem_strdup("");
}

static char *suggest_choice(const struct opt *o, const char *text)
{
    struct nearest n = nearest_init(text, strlen(text));
    if (o->kind == OPT_CHOICE)
        nearest_offer_list(&n, o->choices);
    return suggest(&n, "");
}

static char *suggest_option(const struct opt_set *set, const char *text, size_t len, const char *dashes)
{
    struct nearest n = nearest_init(text, len);
    for (size_t i = 0; i < set->len; i++)
        nearest_offer(&n, set->table[i].name);
    return suggest(&n, dashes);
}

char *opt_shown(const struct opt *o, const char *text)
{
    if (o->kind == OPT_SECRET)
        return mem_strdup("(hidden)");
    bool may_be_url = (o->arg && strstr(o->arg, "URL")) || strstr(text, "://");
    return may_be_url ? url_shown(text) : mem_strdup(text);
}

/* Parses and stores one value, or adds an error. */
static void store_or_report(const struct opt_set *set, size_t i, void *config, struct strv *faults)
{
    const struct opt *o = &set->table[i];
    const char *text = set->texts[i];
    CLEANUP(mem_freep) char *accepted = NULL;
    if (!store(o, text, config))
        accepted = describe_accepted(o);
    else if (o->check && o->check(text))
        accepted = mem_strdup(o->check(text));
    if (!accepted)
        return;
    CLEANUP(mem_freep) char *meant = suggest_choice(o, text);
    CLEANUP(mem_freep) char *origin = opt_origin(set, i);
    CLEANUP(mem_freep) char *shown = opt_shown(o, text);
    bool is_elsewhere = set->sources[i] == OPT_FROM_ENV || set->sources[i] == OPT_FROM_FILE;
    strv_pushf(faults, "--%s: '%s' was given%s%s; accepted: %s%s", o->name, shown, is_elsewhere ? " in " : "",
               is_elsewhere ? origin : "", accepted, meant);
}

/* ---- the four sources ---- */

static bool take_text(struct opt_set *set, size_t i, const char *text, enum opt_source source)
{
    if (source < set->sources[i])
        return false;
    mem_free_secret(set->texts[i]);
    set->texts[i] = mem_strdup(text);
    set->sources[i] = source;
    return true;
}

/*
 * Blanks what other users can read in /proc/<pid>/cmdline and environ (proc(5)). Returns true if it
 * is a secret.
 */
static bool blank(const struct opt *o, char *text)
{
    CLEANUP(mem_freep) char *shown = opt_shown(o, text);
    bool is_secret = strcmp(shown, text) != 0;
    if (o->kind == OPT_SECRET)
        memset(text, 'x', strlen(text));
    else
        url_blank_userinfo(text);
    return is_secret;
}

static void take_flag(struct opt_set *set, size_t i, char *text)
{
    const struct opt *o = &set->table[i];
    if (o->kind == OPT_HELP && !set->help_asked)
        set->help_asked = o->name;
    bool is_more = o->kind == OPT_LIST && set->sources[i] == OPT_FROM_FLAG;
    CLEANUP(mem_freep) char *all = is_more ? mem_printf("%s\n%s", set->texts[i], text) : NULL;
    take_text(set, i, all ? all : text ? text : "yes", OPT_FROM_FLAG);
    if (text)
        blank(o, text);
}

static struct option *long_options(const struct opt_set *set)
{
    struct option *longs = mem_alloc((set->len + 1) * sizeof(*longs));
    for (size_t i = 0; i < set->len; i++) {
        const struct opt *o = &set->table[i];
        longs[i].name = o->name;
        longs[i].has_arg = o->kind == OPT_HELP   ? no_argument
                           : o->kind == OPT_FLAG ? optional_argument
                                                 : required_argument;
        longs[i].val = FIRST_OPTION + (int)i;
    }
    return longs;
}

/*
 * Returns the short options for getopt(3): ":", then each letter, followed by ':' if it takes a
 * value. The caller frees.
 */
static char *letters(const struct opt_set *set)
{
    struct buf text = BUF_INIT(0);
    buf_puts(&text, ":");
    for (size_t i = 0; i < set->len; i++)
        if (set->table[i].letter)
            buf_printf(&text, "%c%s", set->table[i].letter, set->table[i].arg ? ":" : "");
    return buf_take(&text);
}

static size_t index_of_letter(const struct opt_set *set, int letter)
{
    size_t i = 0;
    while (i < set->len && set->table[i].letter != letter)
        i++;
    return i;
}

/* Reports an unknown option without its value, which may be a secret. */
static void report_unknown(const struct opt_set *set, const char *word, struct strv *faults)
{
    size_t len = strcspn(word, "=");
    CLEANUP(mem_freep) char *meant = suggest_option(set, word + 2, len - 2, "--");
    strv_pushf(faults, "%.*s: unknown option or ambiguous abbreviation%s", (int)len, word,
               *meant ? meant : "; see --help");
}

static void read_argv(struct opt_set *set, int argc, char **argv, struct strv *faults)
{
    CLEANUP(mem_freep) struct option *longs = long_options(set);
    CLEANUP(mem_freep) char *shorts = letters(set);
    opterr = 0;
    optind = 0;
    int c;
    while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        const char *word = argv[optind - 1];
        if (c >= FIRST_OPTION)
            take_flag(set, (size_t)(c - FIRST_OPTION), optarg);
        else if (c != ':' && c != '?')
            take_flag(set, index_of_letter(set, c), optarg);
        else if (c == ':')
            strv_pushf(faults, "%s: option requires a value", word);
        else if (optopt >= FIRST_OPTION)
            strv_pushf(faults, "--%s: option takes no value", set->table[optopt - FIRST_OPTION].name);
        else if (optopt)
            strv_pushf(faults, "-%c: unknown option; see --help", optopt);
        else
            report_unknown(set, word, faults);
    }
    for (; optind < argc; optind++)
        strv_push(&set->operands, argv[optind]);
}

char *opt_env_name(const struct opt_set *set, const struct opt *o)
{
    char *name = mem_printf("%s%s", set->env_prefix, o->name);
    for (char *p = name; *p; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    return name;
}

static void read_environment(struct opt_set *set)
{
    for (size_t i = 0; set->env_prefix && i < set->len; i++) {
        CLEANUP(mem_freep) char *name = opt_env_name(set, &set->table[i]);
        char *text = getenv(name);
        if (!text || set->table[i].kind == OPT_HELP || set->table[i].is_of_call)
            continue;
        take_text(set, i, text, OPT_FROM_ENV);
        if (blank(&set->table[i], text))
            unsetenv(name); /* else child processes inherit it */
    }
}

static ssize_t find_option(const struct opt_set *set, const char *name, size_t name_len)
{
    for (size_t i = 0; i < set->len; i++)
        if (strlen(set->table[i].name) == name_len && strncmp(set->table[i].name, name, name_len) == 0)
            return set->table[i].kind == OPT_HELP ? -1 : (ssize_t)i;
    return -1;
}

static char *trimmed(const char *s, size_t len)
{
    while (len > 0 && isspace((unsigned char)*s)) {
        s++;
        len--;
    }
    while (len > 0 && isspace((unsigned char)s[len - 1]))
        len--;
    return mem_strndup(s, len);
}

bool opt_is_in_file(const struct opt_set *set, const struct opt *o)
{
    bool names_the_file = set->config_option && strcmp(o->name, set->config_option) == 0;
    return o->kind != OPT_HELP && !o->is_of_call && !names_the_file;
}

/* Reads a line of the file: "option = value", a comment, or an empty line. */
static void read_line(struct opt_set *set, const char *path, size_t number, const char *line, size_t len,
                      struct strv *faults)
{
    CLEANUP(mem_freep) char *text = trimmed(line, len);
    if (text[0] == '\0' || text[0] == '#')
        return;
    const char *equals = strchr(text, '=');
    if (!equals) {
        strv_pushf(faults, "%s, line %zu: expected 'option = value'", path, number);
        return;
    }
    CLEANUP(mem_freep) char *name = trimmed(text, (size_t)(equals - text));
    CLEANUP(mem_freep) char *value = trimmed(equals + 1, strlen(equals + 1));
    ssize_t i = find_option(set, name, strlen(name));
    CLEANUP(mem_freep) char *meant = suggest_option(set, name, strlen(name), "");
    if (i < 0 || !opt_is_in_file(set, &set->table[i]))
        strv_pushf(faults, "%s, line %zu: unknown option '%s'%s", path, number, name, i < 0 ? meant : "");
    else if (take_text(set, (size_t)i, value, OPT_FROM_FILE))
        set->lines[i] = number;
}

/* Returns NULL if there is no configuration file. */
static const char *config_path(const struct opt_set *set)
{
    ssize_t i = set->config_option ? find_option(set, set->config_option, strlen(set->config_option)) : -1;
    return i >= 0 ? set->texts[i] : NULL;
}

static void read_file(struct opt_set *set, struct strv *faults)
{
    const char *path = config_path(set);
    if (!path || !*path)
        return;
    CLEANUP(buf_done) struct buf data = BUF_INIT(0);
    struct err err = {0};
    int r = fs_read_file(path, CONFIG_FILE_LIMIT, &data, &err);
    if (r < 0) {
        strv_pushf(faults, "--%s: '%s' was given; %s", set->config_option, path,
                   r == -ENOENT ? "there is no such file" : err.message);
        return;
    }
    if (memchr(data.data, '\0', data.len))
        strv_pushf(faults, "--%s: '%s' was given; it is not a text file", set->config_option, path);
    size_t number = 1;
    size_t mark_len = utf8_mark_len(data.data, data.len);
    for (const char *p = data.data ? data.data + mark_len : ""; *p; number++) {
        size_t len = strcspn(p, "\n");
        read_line(set, path, number, p, len, faults);
        p += len + (p[len] == '\n');
    }
}

int opt_parse(struct opt_set *set, int argc, char **argv, void *config, struct strv *ret_faults)
{
    set->texts = mem_alloc(set->len * sizeof(*set->texts));
    set->sources = mem_alloc(set->len * sizeof(*set->sources));
    set->lines = mem_alloc(set->len * sizeof(*set->lines));
    for (size_t i = 0; i < set->len; i++)
        set->texts[i] = mem_strdup(set->table[i].def);
    read_argv(set, argc, argv, ret_faults);
    if (set->help_asked)
        return 0;
    read_environment(set);
    read_file(set, ret_faults);
    for (size_t i = 0; i < set->len; i++)
        if (set->texts[i])
            store_or_report(set, i, config, ret_faults);
    return ret_faults->len ? -EINVAL : 0;
}

void opt_done(struct opt_set *set, void *config)
{
    for (size_t i = 0; i < set->len; i++) {
        void *slot = (char *)config + set->table[i].offset;
        if (set->table[i].kind == OPT_SECRET) {
            mem_free_secret(*(char **)slot);
            mem_free_secret(TAKE_PTR(set->texts[i]));
        } else if (set->table[i].kind == OPT_STRING) {
            free(*(char **)slot);
        } else if (set->table[i].kind == OPT_LIST) {
            strv_done(slot);
        }
        free(set->texts[i]);
    }
    free(set->texts);
    free(set->sources);
    free(set->lines);
    strv_done(&set->operands);
}

enum opt_source opt_source_of(const struct opt_set *set, const char *name)
{
    return set->sources[find_option(set, name, strlen(name))];
}

char *opt_origin(const struct opt_set *set, size_t i)
{
    switch (set->sources[i]) {
    case OPT_FROM_FLAG:
        return mem_strdup("command line");
    case OPT_FROM_ENV:
        return opt_env_name(set, &set->table[i]);
    case OPT_FROM_FILE:
        return mem_printf("%s, line %zu", config_path(set), set->lines[i]);
    default:
        return mem_strdup("default");
    }
}

void opt_settle(struct opt_set *set, const char *name, const char *text)
{
    char **place = &set->texts[find_option(set, name, strlen(name))];
    if (!*place)
        *place = mem_strdup(text);
}
