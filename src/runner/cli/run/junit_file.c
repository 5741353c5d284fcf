#include "runner/cli/run/junit_file.h"

#include "base/buf.h"
#include "base/mem.h"
#include "runner/cli/run/out_file.h"

#include <string.h>

/*
 * Escapes the text, which must be valid UTF-8. Control characters that XML 1.0 does not allow
 * become '?'.
 */
static void put_text(struct buf *b, const char *text)
{
    for (const char *p = text; *p; p++) {
        switch (*p) {
        case '&':
            buf_puts(b, "&amp;");
            break;
        case '<':
            buf_puts(b, "&lt;");
            break;
        case '>':
            buf_puts(b, "&gt;");
            break;
        case '"':
            buf_puts(b, "&quot;");
            break;
        case '\n':
            buf_puts(b, "&#10;");
            break;
        case '\t':
            buf_puts(b, "&#9;");
            break;
        default:
            buf_append(b, (unsigned char)*p < 0x20 ? "?" : p, 1);
        }
    }
}

static void put_test(struct buf *b, const struct result_test *t)
{
    const char *colons = NULL;
    for (const char *p = t->name; (p = strstr(p, "::")); p += 2)
        colons = p;
    CLEANUP(mem_freep) char *class = mem_strndup(t->name, colons ? (size_t)(colons - t->name) : 0);
    buf_puts(b, "  <testcase classname=\"");
    put_text(b, class);
    buf_puts(b, "\" name=\"");
    put_text(b, colons ? colons + 2 : t->name);
    buf_printf(b, "\" time=\"%.3f\"", (double)t->duration_ms / 1000);
    if (t->is_passed) {
        buf_puts(b, "/>\n");
        return;
    }
    buf_puts(b, "><failure message=\"not passed\">");
    put_text(b, t->description);
    buf_puts(b, "</failure></testcase>\n");
}

int junit_file_write(const struct result *result, const char *path, struct err *err)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(0);
    size_t failures = 0;
    for (size_t i = 0; i < result->tests_len; i++)
        failures += !result->tests[i].is_passed;
    buf_printf(&b,
               "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
               "<testsuite name=\"ostest\" tests=\"%zu\" failures=\"%zu\" errors=\"%d\" time=\"%.3f\">\n",
               result->tests_len + result->is_error, failures, result->is_error,
               (double)result->duration_ms / 1000);
    for (size_t i = 0; i < result->tests_len; i++)
        put_test(&b, &result->tests[i]);
    if (result->is_error) {
        buf_puts(&b, "  <testcase classname=\"\" name=\"(the run)\"><error message=\"");
        put_text(&b, result->error_details);
        buf_puts(&b, "\"/></testcase>\n");
    }
    buf_puts(&b, "</testsuite>\n");
    return out_file_write(path, b.data, b.len, err);
}
