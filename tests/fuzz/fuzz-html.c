/* Any bytes as text in a page: the first byte is the length of a line. */

#include "fuzz.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "model/html.h"
#include "model/page_tests.h"

static int append(const char *text, size_t len, void *data)
{
    return buf_append(data, text, len);
}

/* Asserts that the text has no markup and no invisible characters. */
static void check_text(const struct buf *b)
{
    REQUIRE(utf8_is_valid(b->data, b->len) && strlen(b->data) == b->len);
    REQUIRE(!strpbrk(b->data, "<>\"'\r\x1b\x7f"));
    REQUIRE(!strstr(b->data, "\xe2\x80\xae") && !strstr(b->data, "\xe2\x81\xa6"));
    for (const char *p = b->data; (p = strchr(p, '&')); p++)
        REQUIRE(!strncmp(p, "&amp;", 5) || !strncmp(p, "&lt;", 4) || !strncmp(p, "&gt;", 4) ||
                !strncmp(p, "&#34;", 5) || !strncmp(p, "&#39;", 5));
}

static size_t count_tags(const char *name, const char *description)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(0);
    struct result_test test = {
        .name = (char *)name, .description = (char *)description, .status = REPORT_FAILED};
    struct html h = {.sink = append, .data = &b};
    page_tests_write(&h, &(struct result){.tests = &test, .tests_len = 1}, 1, UINT32_MAX);
    size_t tags = 0;
    for (const char *p = b.data; (p = strchr(p, '<')); p++)
        tags++;
    return tags;
}

/* Asserts that a test's row has only its own tags. */
static void check_row(const char *text)
{
    CLEANUP(mem_freep) char *valid = utf8_repair(text, strlen(text));
    bool is_blank = strspn(valid, " \t\r\n") == strlen(valid);
    REQUIRE(count_tags(valid, valid) == count_tags("name", is_blank ? "" : "text"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    CLEANUP(buf_done) struct buf b = BUF_INIT(0);
    CLEANUP(mem_freep) char *text = mem_strndup((const char *)data + 1, size - 1);
    struct html h = {.sink = append, .data = &b};
    html_text(&h, (const char *)data + 1, size - 1);
    REQUIRE(b.len <= HTML_MAX_GROWTH * size && h.written_bytes == b.len);
    buf_append(&b, "", 0);
    check_text(&b);
    html_lines(&h, (const char *)data + 1, size - 1, 1 + data[0]);
    check_text(&b);
    check_row(text);
    return 0;
}
