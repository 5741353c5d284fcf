/*
 * Shared by all programs here. A program is started as `attack MODE [WORD…]` in the student's tree.
 * It prints a line "REACHED: …" for each thing that the sandbox should have prevented, and
 * otherwise exits with status 0.
 */

#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The last resort that ends a process left behind. */
#define LAST_RESORT_S 180

/* The maximum number of lines. */
#define REACHED_MAX 30

struct mode {
    const char *name;
    int (*run)(char **words); /* words: after MODE, ended by NULL. Returns the exit status. */
};

__attribute__((format(printf, 1, 2))) static inline void reached(const char *format, ...)
{
    static int lines;
    va_list args;
    if (++lines > REACHED_MAX)
        return;
    va_start(args, format);
    fputs("REACHED: ", stdout);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

/* A call that must fail. */
#define DENIED(call) denied(#call, (long)(call))
/* A call that must work: a sandbox that forbids too much is wrong too. */
#define ALLOWED(call) allowed(#call, (long)(call))

static inline void denied(const char *what, long result)
{
    if (result >= 0)
        reached("%s gave %ld", what, result);
}

static inline void allowed(const char *what, long result)
{
    if (result < 0)
        reached("nothing, but is too narrow: %s failed: %m", what);
}

/*
 * Returns the value of `key` in the file "host", in which the test describes the machine; "" if
 * none.
 */
static inline const char *host_knows(const char *key)
{
    static char line[4096];
    FILE *file = fopen("host", "re");
    size_t len = strlen(key);
    while (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, key, len) == 0 && line[len] == '=') {
            fclose(file);
            return line + len + 1;
        }
    }
    if (file)
        fclose(file);
    return "";
}

/*
 * Exits unless it runs in a sandbox, so that no attack runs on a bare machine: in the initial pid
 * namespace (its inode number is fixed), or outside of the sandbox's path of the student's tree.
 */
static inline void insist_on_sandbox(void)
{
    char ns[64] = "";
    char cwd[4096] = "";
    if (readlink("/proc/self/ns/pid", ns, sizeof(ns) - 1) < 0 || strcmp(ns, "pid:[4026531836]") == 0 ||
        !getcwd(cwd, sizeof(cwd)) || strncmp(cwd, "/box/", 5) != 0) {
        puts("not in a sandbox: refusing to attack");
        exit(77);
    }
}

static inline int run_mode(int argc, char **argv, const struct mode *modes, size_t len)
{
    insist_on_sandbox();
    setvbuf(stdout, NULL, _IOLBF, 0); /* so that no fork prints buffered text again */
    alarm(LAST_RESORT_S);
    for (size_t i = 0; argc > 1 && i < len; i++)
        if (strcmp(modes[i].name, argv[1]) == 0)
            return modes[i].run(argv + 2);
    fprintf(stderr, "no such mode\n");
    return 2;
}

#define MODES(...) \
    int main(int argc, char **argv) \
    { \
        static const struct mode modes[] = {__VA_ARGS__}; \
        return run_mode(argc, argv, modes, ARRAY_LEN(modes)); \
    }
