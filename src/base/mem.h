#pragma once

/*
 * Memory and automatic cleanup. The program aborts if memory runs out: something else on the
 * machine is broken then, and a restart continues from the state directory.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

/* CLEANUP(free_ptr) char *s = NULL;  frees s when it goes out of scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Returns the value of a pointer variable and sets the variable to NULL, to pass ownership on. */
#define TAKE_PTR(p) \
    ({ \
        __typeof__(p) *from_ = &(p); \
        __typeof__(p) taken_ = *from_; \
        *from_ = NULL; \
        taken_; \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

/* Declares `name##p`, a cleanup function for a variable of type `type *` freed by `fn`. */
#define DEFINE_CLEANUP(type, fn) \
    static inline void fn##p(type *p) \
    { \
        if (*p) \
            fn(*p); \
    }

/* All of these abort if memory runs out; none returns NULL. */
void *mem_alloc(size_t size); /* zeroed */
void *mem_resize(void *p, size_t count, size_t size);
char *mem_strdup(const char *s); /* NULL returns NULL */
char *mem_strndup(const char *s, size_t len);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *mem_vprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/* Aborts the program; for libraries that report a lack of memory. */
_Noreturn void mem_exhausted(void);

/* For CLEANUP() on any pointer that free(3) takes. */
static inline void mem_freep(void *p)
{
    free(*(void **)p);
}

/*
 * Overwrites a secret, in a way that the compiler cannot optimize out, and frees it. NULL is
 * allowed.
 */
void mem_free_secret(char *s);
