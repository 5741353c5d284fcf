#include "serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include "counts.h"

enum { LINE_LIMIT = 4096 };

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

/* Blocks SIGTERM except while waiting with `waiting`, so that it cannot arrive
 * between the check of `stopped` and the wait. */
static void catch_sigterm(sigset_t *waiting)
{
    struct sigaction action = {.sa_handler = stop};
    sigset_t sigterm;

    sigemptyset(&sigterm);
    sigaddset(&sigterm, SIGTERM);
    sigprocmask(SIG_BLOCK, &sigterm, waiting);
    sigdelset(waiting, SIGTERM);
    sigaction(SIGTERM, &action, NULL);
}

/* Waits for input and reads it. Returns 0 at end of input or if stopped, and
 * -1 with errno set. */
static ssize_t read_input(char *buffer, size_t size, const sigset_t *waiting)
{
    fd_set readable;

    while (!stopped) {
        FD_ZERO(&readable);
        FD_SET(STDIN_FILENO, &readable);
        if (pselect(STDIN_FILENO + 1, &readable, NULL, NULL, NULL, waiting) == 1)
            return read(STDIN_FILENO, buffer, size);
        if (errno != EINTR)
            return -1;
    }
    return 0;
}

static void answer(const char *name, unsigned show)
{
    struct counts counts;

    if (counts_read_file(name, &counts) == 0)
        counts_print(stdout, &counts, show, name);
    else
        printf("error: %s: %s\n", name, strerror(errno));
    fflush(stdout);
}

/* Answers the complete lines in the buffer and moves the rest to its beginning.
 * Returns the length of the rest. */
static size_t answer_lines(char *buffer, size_t length, unsigned show)
{
    char *line = buffer;
    char *end = buffer + length;
    char *newline;

    while ((newline = memchr(line, '\n', end - line)) != NULL) {
        *newline = '\0';
        answer(line, show);
        line = newline + 1;
    }
    memmove(buffer, line, end - line);
    return end - line;
}

int serve(const struct config *config)
{
    char buffer[LINE_LIMIT];
    size_t length = 0;
    ssize_t got;
    sigset_t waiting;

    catch_sigterm(&waiting);
    printf("%s\n", config->ready);
    fflush(stdout);

    while ((got = read_input(buffer + length, sizeof buffer - length, &waiting)) > 0) {
        length = answer_lines(buffer, length + got, config->show);
        if (length == sizeof buffer) {
            fputs("wordstat: the line is too long\n", stderr);
            return -1;
        }
    }
    if (got == -1)
        perror("wordstat: stdin");
    return (int)got;
}
