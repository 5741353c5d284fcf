#pragma once

/* Smaller forms of a result, for a backend that cannot store all of it. */

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

enum result_form {
    RESULT_WHOLE,
    RESULT_SHORT_TEXTS, /* descriptions of at most RESULT_SHORT_TEXT_BYTES, head and tail */
    RESULT_FIRST_LINES, /* only the first line of each description, likewise cut */
    RESULT_NO_TEXTS,    /* empty descriptions */
    RESULT_FORMS,
};

#define RESULT_SHORT_TEXT_BYTES 1024

/* Returns "whole", "descriptions cut to 1 KiB" and so on, for the log. */
const char *result_form_name(enum result_form form);

/*
 * Appends a smaller form of the result in `body`, a complete body of a POST, to `ret_body`. Names,
 * verdicts and numbers are unchanged; errorDetails is shortened to what the backend can store
 * (model/details.h). Returns -EINVAL if the body is not a result.
 */
int result_shrink(const char *body, size_t len, enum result_form form, struct buf *ret_body, struct err *err);
