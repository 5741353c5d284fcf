#pragma once

/*
 * What the fuzz targets share. Each target is one LLVMFuzzerTestOneInput(): script/fuzz links it with
 * libFuzzer, every other build with replay.c, where the inputs that are kept are ordinary tests.
 *
 * A target takes values off the front of its input; what is not there any more is 0, or empty.
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

/* Up to the separator, which is taken too; without a NUL in it. The caller frees. */
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
