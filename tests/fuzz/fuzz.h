#pragma once

/*
 * Shared by all fuzz targets. Each target is one LLVMFuzzerTestOneInput(): script/fuzz links it
 * with libFuzzer, other builds link it with replay.c, which runs the stored inputs as tests.
 *
 * A target takes values from the front of its input; at the end of the input they are 0 or empty.
 */

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(cond) \
    do { \
        if (!(cond)) { \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond); \
            abort(); \
        } \
    } while (0)

struct input {
    const char *data;
    size_t len;
};

static inline uint8_t take_byte(struct input *in)
{
    if (!in->len)
        return 0;
    in->len--;
    return (uint8_t)*in->data++;
}

static inline uint64_t take_number(struct input *in, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++)
        number = number << 8 | take_byte(in);
    return number;
}

/*
 * Takes the text up to the separator, and the separator. Ends it at its first NUL. The caller frees
 * it.
 */
static inline char *take_text(struct input *in, char separator)
{
    const char *end = in->len ? memchr(in->data, separator, in->len) : NULL;
    size_t len = end ? (size_t)(end - in->data) : in->len;
    char *text = mem_strndup(len ? in->data : "", len);
    size_t taken = len + (end != NULL);
    in->data += taken;
    in->len -= taken;
    return text;
}
