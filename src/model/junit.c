#include "model/junit.h"

#include "base/hash.h"
#include "base/utf8.h"
#include "model/junit_encoding.h"

#include <errno.h>
#include <expat.h>
#include <stdio.h>
#include <string.h>

/*
 * Expat gets pieces of at most this size, however much the caller passes: what it holds of an
 * unfinished tag is checked after each piece.
 */
#define PIECE_BYTES (64U << 10)

/* Expat 2.9 deprecates the functions whose results are narrower than 64 bits on some platforms. */
#if XML_MAJOR_VERSION > 2 || XML_MINOR_VERSION >= 9
#define PARSER_LINE  XML_GetCurrentLineNumber64
#define PARSER_BYTE  XML_GetCurrentByteIndex64
#define PARSER_INPUT XML_GetInputContext64
typedef int64_t parser_offset;
typedef uint64_t parser_size;
#else
#define PARSER_LINE  XML_GetCurrentLineNumber
#define PARSER_BYTE  XML_GetCurrentByteIndex
#define PARSER_INPUT XML_GetInputContext
typedef int parser_offset;
typedef int parser_size;
#endif

#define NAME_SLOTS 2048 /* a power of two, well above JUNIT_MAX_DIFFERENT_NAMES */

const struct junit_limits junit_default_limits = {
    .bytes = 256U << 20,
    .depth = 64,
    .cases = 500000,
    .name_bytes = REPORT_NAME_BYTES,
    .description_bytes = 16U << 10,
    .total_description_bytes = 32U << 20,
};

/*
 * At most one case is open at a time (the last of the report), with at most one open part: a
 * <failure>, <error> or <skipped>. A depth of 0 means none.
 */
struct junit {
    struct junit_limits limits;
    XML_Parser parser;
    struct report report;
    int code; /* of the first error, described by `err` */
    struct err err;

    char head[JUNIT_ENCODING_HEAD_BYTES]; /* held back until the encoding is known */
    size_t head_len;
    bool has_begun;

    size_t bytes;
    size_t parsed_bytes; /* expat holds what follows them */
    size_t depth;
    bool has_root;
    size_t case_depth;
    size_t part_depth;
    size_t quiet_depth; /* of the element whose content does not affect the outcome */

    enum report_status part;           /* the open one */
    enum report_status described_part; /* the last one in the description */
    bool part_is_blank;                /* only white space so far */
    struct report_text text;
    struct report_text message;
    struct report_text description; /* of the open case */
    size_t description_bytes;       /* total size for all cases */

    uint64_t names[NAME_SLOTS]; /* hashes of names that are not in the tables below */
    size_t names_len;
};

/* The attributes that are used, in any element; NULL: missing. */
struct attributes {
    const char *classname;
    const char *message;
    const char *name;
    const char *result;
    const char *status;
    const char *time;
    const char *type;
};

struct element {
    const char *name;
    void (*start)(struct junit *j, const struct element *element, const struct attributes *a);
    enum report_status status; /* of a part */
};

static void stop(struct junit *j, int code)
{
    j->code = code;
    XML_StopParser(j->parser, XML_FALSE);
}

static void on_text(void *data, const XML_Char *s, int len)
{
    struct junit *j = data;
    if (j->code)
        return;
    for (int i = 0; i < len && j->part_is_blank; i++)
        j->part_is_blank = strchr(" \t\r\n", s[i]) != NULL;
    report_text_append(&j->text, s, (size_t)len);
}

/* Expat skips text much faster without a handler. */
static void listen_if_wanted(struct junit *j)
{
    bool wanted = j->part_depth && !j->quiet_depth;
    XML_SetCharacterDataHandler(j->parser, wanted ? on_text : NULL);
}

/* gtest, ctest and others mark in an attribute that a test did not run. */
static void apply_status_word(struct report_case *c, const char *word)
{
    static const struct {
        const char *word;
        enum report_status status;
    } words[] = {
        {"notrun", REPORT_SKIPPED},     {"disabled", REPORT_SKIPPED}, {"skipped", REPORT_SKIPPED},
        {"suppressed", REPORT_SKIPPED}, {"fail", REPORT_FAILED},      {"failed", REPORT_FAILED},
        {"error", REPORT_ERROR},
    };
    for (size_t i = 0; word && i < ARRAY_LEN(words); i++)
        if (strcmp(word, words[i].word) == 0)
            c->status = report_worse(c->status, words[i].status);
}

static size_t description_limit(const struct junit *j)
{
    if (j->description_bytes < j->limits.total_description_bytes)
        return j->limits.description_bytes;
    return MIN(j->limits.description_bytes, (size_t)JUNIT_LATE_DESCRIPTION_BYTES);
}

static void open_case(struct junit *j, const struct attributes *a)
{
    if (j->report.len >= j->limits.cases) {
        stop(j,
             err_set(&j->err, ERR_LIMIT, EFBIG, "The report has more than %zu test cases", j->limits.cases));
        return;
    }
    struct report_case *c = report_add(&j->report);
    c->classname = report_shorten_name(a->classname ? a->classname : "", j->limits.name_bytes);
    c->name = report_shorten_name(a->name ? a->name : "", j->limits.name_bytes);
    c->duration_ms = a->time ? report_parse_seconds(a->time) : 0;
    apply_status_word(c, a->status);
    apply_status_word(c, a->result);
    j->case_depth = j->depth;
    report_text_reset(&j->description, description_limit(j));
}

static void start_case(struct junit *j, const struct element *element, const struct attributes *a)
{
    if (j->case_depth)
        stop(j, err_set(&j->err, ERR_TASK, EINVAL,
                        "The report is damaged: line %lu has a test case inside a test case",
                        (unsigned long)PARSER_LINE(j->parser)));
    else
        open_case(j, a);
}

static void start_part(struct junit *j, const struct element *element, const struct attributes *a)
{
    static const struct attributes of_suite = {.name = "(test suite)"};
    if (j->part_depth || (!j->case_depth && element->status == REPORT_SKIPPED))
        return;
    if (!j->case_depth)
        open_case(j, &of_suite);
    if (j->code)
        return;
    j->part = element->status;
    if (element->status == REPORT_SKIPPED && a->type && strcmp(a->type, "pytest.xfail") == 0)
        j->part = REPORT_XFAILED;
    struct report_case *c = &j->report.cases[j->report.len - 1];
    c->status = report_worse(c->status, j->part);
    j->part_depth = j->depth;
    j->part_is_blank = true;
    report_text_reset(&j->text, j->description.max);
    report_text_reset(&j->message, j->description.max);
    if (a->message)
        report_text_append(&j->message, a->message, strlen(a->message));
    listen_if_wanted(j);
}

static void start_suite(struct junit *j, const struct element *element, const struct attributes *a)
{
    (void)element;
    if (a->name && strcmp(a->name, "pytest") == 0)
        j->report.is_pytests = true;
}

static void start_quiet(struct junit *j, const struct element *element, const struct attributes *a)
{
    j->quiet_depth = j->depth;
    listen_if_wanted(j);
}

static const struct element elements[] = {
    {.name = "testcase", .start = start_case},
    {.name = "failure", .start = start_part, .status = REPORT_FAILED},
    {.name = "error", .start = start_part, .status = REPORT_ERROR},
    {.name = "skipped", .start = start_part, .status = REPORT_SKIPPED},
    {.name = "system-out", .start = start_quiet},
    {.name = "system-err", .start = start_quiet},
    {.name = "properties", .start = start_quiet},
    /* Earlier runs of a test: the elements above give the final outcome. */
    {.name = "flakyFailure", .start = start_quiet},
    {.name = "flakyError", .start = start_quiet},
    {.name = "rerunFailure", .start = start_quiet},
    {.name = "rerunError", .start = start_quiet},
    {.name = "testsuite", .start = start_suite},
    {.name = "testsuites"},
    {.name = "property"},
};

static const struct element *find_element(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(elements); i++)
        if (name[0] == elements[i].name[0] && strcmp(name, elements[i].name) == 0)
            return &elements[i];
    return NULL;
}

/* Expat keeps every name, so the number of different names is limited. */
static void count_name(struct junit *j, const char *name)
{
    uint64_t hash = hash_add(HASH_START, name, strlen(name)) | 1; /* 0 is a free slot */
    size_t slot = (hash >> 32) % NAME_SLOTS;
    for (; j->names[slot]; slot = (slot + 1) % NAME_SLOTS)
        if (j->names[slot] == hash)
            return;
    if (j->names_len == JUNIT_MAX_DIFFERENT_NAMES) {
        stop(j, err_set(&j->err, ERR_LIMIT, EFBIG,
                        "The report has more than %d different names of elements and attributes",
                        JUNIT_MAX_DIFFERENT_NAMES));
        return;
    }
    j->names[slot] = hash;
    j->names_len++;
}

static const char **find_attribute(struct attributes *a, const char *name)
{
    static const struct {
        const char *name;
        size_t offset;
    } known[] = {
        {"classname", offsetof(struct attributes, classname)},
        {"message", offsetof(struct attributes, message)},
        {"name", offsetof(struct attributes, name)},
        {"result", offsetof(struct attributes, result)},
        {"status", offsetof(struct attributes, status)},
        {"time", offsetof(struct attributes, time)},
        {"type", offsetof(struct attributes, type)},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (name[0] == known[i].name[0] && strcmp(name, known[i].name) == 0)
            return (const char **)((char *)a + known[i].offset);
    return NULL;
}

static void read_attributes(struct junit *j, const char **pairs, struct attributes *ret_attributes)
{
    struct attributes a = {0};
    for (; *pairs && !j->code; pairs += 2) {
        const char **value = find_attribute(&a, pairs[0]);
        if (value)
            *value = pairs[1];
        else
            count_name(j, pairs[0]);
    }
    *ret_attributes = a;
}

static void check_root(struct junit *j, const char *name)
{
    j->has_root = true;
    if (strcmp(name, "testsuites") == 0 || strcmp(name, "testsuite") == 0)
        return;
    size_t len = strlen(name);
    stop(j, err_set(
                &j->err, ERR_TASK, EINVAL,
                "The report is not in JUnit's format: it begins with <%.*s>, not <testsuites> or <testsuite>",
                (int)utf8_cut(name, len, 40), name));
}

static void on_start(void *data, const XML_Char *name, const XML_Char **pairs)
{
    struct junit *j = data;
    if (j->code)
        return;
    if (j->depth == 0)
        check_root(j, name);
    else if (j->depth >= j->limits.depth)
        stop(j, err_set(&j->err, ERR_LIMIT, EFBIG, "The report nests its elements more than %zu deep",
                        j->limits.depth));
    if (j->code)
        return;
    j->depth++;
    const struct element *element = find_element(name);
    if (!element)
        count_name(j, name);
    struct attributes a;
    read_attributes(j, pairs, &a);
    if (!j->code && !j->quiet_depth && element && element->start)
        element->start(j, element, &a);
}

static void swap_texts(struct report_text *a, struct report_text *b)
{
    struct report_text old = *a;
    *a = *b;
    *b = old;
}

/* Appends to the case's description, separated by a blank line if the kind of part changes. */
static void add_description(struct junit *j, const char *s)
{
    struct report_text *all = &j->description;
    if (all->total > 0 && *s)
        report_text_append(all, "\n\n", j->described_part == j->part ? 1 : 2);
    report_text_append(all, s, strlen(s));
}

/* Describes the part that ends by its text, or else by its message. */
static void end_part(struct junit *j)
{
    struct report_text *text = j->part_is_blank ? &j->message : &j->text;
    j->part_depth = 0;
    listen_if_wanted(j);
    if (j->description.total == 0 && j->part != REPORT_XFAILED) {
        swap_texts(&j->description, text); /* the usual case, without a copy */
    } else {
        CLEANUP(mem_freep) char *s = report_text_render(text);
        CLEANUP(mem_freep) char *expected = mem_printf("expected failure%s%s", *s ? ": " : "", s);
        add_description(j, j->part == REPORT_XFAILED ? expected : s);
    }
    j->described_part = j->part;
}

/*
 * If a test fails and then its teardown has an error, pytest writes two cases of the same name in a
 * row.
 */
static bool is_teardown_of(const struct report_case *c, const struct report_case *before)
{
    return c->status == REPORT_ERROR && before->status == REPORT_FAILED &&
           report_compare_names(c, before) == 0;
}

static void merge_teardown(struct junit *j)
{
    struct report_case *c = &j->report.cases[j->report.len - 1], *before = c - 1;
    struct report_text *both = &j->description;
    report_text_reset(both, both->max);
    report_text_append(both, before->description, strlen(before->description));
    report_text_append(both, "\n\n", *before->description && *c->description ? 2 : 0);
    report_text_append(both, c->description, strlen(c->description));

    j->description_bytes -= strlen(before->description);
    free(before->description);
    before->description = report_text_render(both);
    before->duration_ms += c->duration_ms;
    before->status = report_worse(before->status, c->status);
    report_drop_last(&j->report);
}

static void end_case(struct junit *j)
{
    j->case_depth = 0;
    struct report_case *c = &j->report.cases[j->report.len - 1];
    c->description = report_text_render(&j->description);
    if (j->report.len > 1 && is_teardown_of(c, c - 1))
        merge_teardown(j);
    j->description_bytes += strlen(j->report.cases[j->report.len - 1].description);
}

static void on_end(void *data, const XML_Char *name)
{
    struct junit *j = data;
    if (j->code)
        return;
    if (j->quiet_depth == j->depth) {
        j->quiet_depth = 0;
        listen_if_wanted(j);
    }
    if (j->part_depth == j->depth)
        end_part(j);
    if (j->case_depth == j->depth)
        end_case(j);
    j->depth--;
}

/* Called before its entities are declared. */
static void on_doctype(void *data, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
                       int has_internal_subset)
{
    struct junit *j = data;
    stop(j, err_set(&j->err, ERR_TASK, EINVAL, "The report has a DOCTYPE, which is not allowed"));
}

struct junit *junit_new(const struct junit_limits *limits)
{
    struct junit *j = mem_alloc(sizeof(*j));
    j->limits = *limits;
    j->parser = XML_ParserCreate(NULL);
    if (!j->parser) {
        fputs("out of memory\n", stderr);
        abort();
    }
    XML_SetUserData(j->parser, j);
    XML_SetElementHandler(j->parser, on_start, on_end);
    XML_SetStartDoctypeDeclHandler(j->parser, on_doctype);
    XML_SetUnknownEncodingHandler(j->parser, junit_encoding_find, NULL);
    return j;
}

void junit_free(struct junit *j)
{
    if (!j)
        return;
    XML_ParserFree(j->parser);
    report_done(&j->report);
    report_text_done(&j->text);
    report_text_done(&j->message);
    report_text_done(&j->description);
    free(j);
}

/* Returns the byte that expat rejected if it is not printable ASCII; else -1. */
static int bad_byte(const struct junit *j, enum XML_Error error)
{
    parser_offset offset = 0;
    parser_size size = 0;
    const char *context = PARSER_INPUT(j->parser, &offset, &size);
    if (error != XML_ERROR_INVALID_TOKEN || !context || offset < 0 || (size_t)offset >= (size_t)size)
        return -1;
    unsigned char c = (unsigned char)context[offset];
    return c < 0x20 || c >= 0x7f ? c : -1;
}

static bool is_truncated(enum XML_Error error)
{
    return error == XML_ERROR_NO_ELEMENTS || error == XML_ERROR_UNCLOSED_TOKEN ||
           error == XML_ERROR_PARTIAL_CHAR || error == XML_ERROR_UNCLOSED_CDATA_SECTION;
}

static int explain(struct junit *j, enum XML_Error error)
{
    unsigned long line = (unsigned long)PARSER_LINE(j->parser);
    const char *what = j->has_root ? "is damaged" : "is not XML";
    int byte = bad_byte(j, error);
    if (error == XML_ERROR_NO_MEMORY)
        return err_set(&j->err, ERR_INTERNAL, ENOMEM, "Not enough memory to read the report");
    if (j->bytes == 0)
        return err_set(&j->err, ERR_TASK, EINVAL, "The report is empty");
    if (is_truncated(error))
        return err_set(&j->err, ERR_TASK, EINVAL,
                       "The report ends too early, in line %lu: it was not written to its end", line);
    if (byte >= 0)
        return err_set(&j->err, ERR_TASK, EINVAL,
                       "The report %s: line %lu has the byte 0x%02x, which is not valid there", what, line,
                       byte);
    return err_set(&j->err, ERR_TASK, EINVAL, "The report %s: line %lu: %s", what, line,
                   XML_ErrorString(error));
}

static void parse(struct junit *j, const char *data, size_t len, bool is_final)
{
    j->bytes += len;
    enum XML_Status status = XML_Parse(j->parser, data, (int)len, is_final);
    if (status == XML_STATUS_ERROR && !j->code)
        j->code = explain(j, XML_GetErrorCode(j->parser));
    if (j->code)
        return;
    long long at = PARSER_BYTE(j->parser);
    if (at >= 0) /* else currently unknown */
        j->parsed_bytes = (size_t)at;
    /*
     * Expat parses again only when a tag has doubled in size: half of the pending bytes are one
     * tag.
     */
    if (!is_final && j->bytes - j->parsed_bytes > 2 * (size_t)JUNIT_MAX_MARKUP_BYTES)
        j->code = err_set(&j->err, ERR_LIMIT, EFBIG, "The report has a tag or comment of more than %u bytes",
                          JUNIT_MAX_MARKUP_BYTES);
}

/* Holds back the beginning until the encoding is known. Returns the number of bytes it took. */
static size_t take_head(struct junit *j, const char *data, size_t len, bool is_final)
{
    size_t taken = 0;
    while (taken < len && junit_encoding_needs_more(j->head, j->head_len))
        j->head[j->head_len++] = data[taken++];
    if (!is_final && junit_encoding_needs_more(j->head, j->head_len))
        return taken;
    j->has_begun = true;
    if (junit_encoding_is_utf8(j->head, j->head_len))
        XML_SetEncoding(j->parser, "UTF-8");
    parse(j, j->head, j->head_len, false);
    return taken;
}

static int answer(const struct junit *j, struct err *err)
{
    if (j->code && err)
        *err = j->err;
    return j->code;
}

int junit_feed(struct junit *j, const char *data, size_t len, struct err *err)
{
    if (!j->code && len > j->limits.bytes - (j->has_begun ? j->bytes : j->head_len))
        j->code = err_set(&j->err, ERR_LIMIT, EFBIG, "The report is larger than %zu bytes", j->limits.bytes);
    if (!j->code && !j->has_begun && len > 0) {
        size_t taken = take_head(j, data, len, false);
        data += taken;
        len -= taken;
    }
    while (!j->code && len > 0) {
        size_t piece = MIN(len, (size_t)PIECE_BYTES);
        parse(j, data, piece, false);
        data += piece;
        len -= piece;
    }
    return answer(j, err);
}

int junit_finish(struct junit *j, struct report *ret_report, struct err *err)
{
    if (!j->code && !j->has_begun)
        take_head(j, "", 0, true);
    if (!j->code)
        parse(j, "", 0, true);
    if (j->code)
        return answer(j, err);
    *ret_report = j->report;
    j->report = (struct report){0};
    return 0;
}
