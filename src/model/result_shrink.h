#pragma once

/* Smaller forms of a result, for a backend that cannot store the whole of it. */

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

enum result_form {
    RESULT_WHOLE,
    RESULT_SHORT_TEXTS, /* descriptions of at most RESULT_SHORT_TEXT_BYTES, head and tail */
    RESULT_FIRST_LINES, /* only the first line of each description, cut likewise */
    RESULT_NO_TEXTS,    /* empty descriptions */
    RESULT_FORMS,
};

#define RESULT_SHORT_TEXT_BYTES 1024

/* "whole", "descriptions cut to 1 KiB" …: for the log. */
const char *result_form_name(enum result_form form);

/*
 * Appends the result in `body`, a whole body of a POST, to `ret_body` in this form. Names, verdicts and
 * numbers stay as they are; errorDetails is shortened to what the backend can store (model/details.h).
 * -EINVAL: the body is not a result.
 */
int result_shrink(const char *body, size_t len, enum result_form form, struct buf *ret_body, struct err *err);
