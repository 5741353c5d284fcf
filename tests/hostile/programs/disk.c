/*
 * Attacks on disk space: `attack KIND DIRECTORY [keep]`. Each stops beyond every limit in these
 * tests.
 */

#include "hostile.h"

#define FILL_MAX   ((size_t)1 << 30)
#define FILES_MAX  300000
#define LEVELS_MAX 1000

static bool keeps(char **words)
{
    return words[1] && strcmp(words[1], "keep") == 0;
}

static int enter(char **words)
{
    mkdir(words[0], 0700);
    return chdir(words[0]);
}

/* Prints the error that ended it, so that the log of a test shows the limit. */
static void ended_by(const char *what, size_t count)
{
    printf("%zu %s, then: %m\n", count, what);
}

static int fill(char **words)
{
    static char step[1 << 20];
    memset(step, 'x', sizeof(step));
    if (enter(words) < 0)
        return 2;
    int fd = open("fill", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    size_t got = 0;
    ssize_t n;
    while (got < FILL_MAX && (n = write(fd, step, sizeof(step))) > 0)
        got += (size_t)n;
    ended_by("bytes", got);
    if (got >= FILL_MAX)
        reached("a file of %zu bytes", got);
    if (!keeps(words))
        unlink("fill");
    return 0;
}

static int files(char **words)
{
    char name[32];
    size_t count = 0;
    if (enter(words) < 0 || mkdir("files", 0700) < 0 || chdir("files") < 0)
        return 2;
    while (count < FILES_MAX) {
        snprintf(name, sizeof(name), "%zu", count);
        int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            break;
        close(fd);
        count++;
    }
    ended_by("files", count);
    if (count >= FILES_MAX)
        reached("%zu files", count);
    for (; !keeps(words) && count > 0; count--) {
        snprintf(name, sizeof(name), "%zu", count - 1);
        unlink(name);
    }
    return 0;
}

/* A path far longer than PATH_MAX. */
static int deep(char **words)
{
    size_t count = 0;
    if (enter(words) < 0)
        return 2;
    while (count < LEVELS_MAX && mkdir("d", 0700) == 0 && chdir("d") == 0)
        count++;
    ended_by("levels", count);
    return 0;
}

/* A sparse file, and a file whose name has control characters. */
static int sparse(char **words)
{
    if (enter(words) < 0)
        return 2;
    int fd = open("sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (ftruncate(fd, (off_t)1 << 40) < 0)
        ended_by("sparse files", 0);
    if (fallocate(fd, 0, 0, (off_t)1 << 36) == 0)
        reached("64 GiB at once");
    close(open("\n\033[2J\377", O_WRONLY | O_CREAT | O_CLOEXEC, 0));
    return 0;
}

/* Only root can list or remove these. */
static int locked(char **words)
{
    if (enter(words) < 0 || mkdir("locked", 0700) < 0)
        return 2;
    close(open("locked/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0));
    chmod("locked", 0);
    return chmod(".", 0500) < 0 ? 2 : 0;
}

/* Space of a deleted file that a daemon keeps open. */
static int hidden(char **words)
{
    int pipe_fds[2];
    char byte;
    if (pipe(pipe_fds) < 0)
        return 2;
    if (fork() == 0) {
        setsid();
        alarm(LAST_RESORT_S);
        if (enter(words) == 0) {
            static char step[1 << 20];
            int fd = open("hidden", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
            unlink("hidden");
            for (size_t got = 0; got < FILL_MAX && write(fd, step, sizeof(step)) > 0; got += sizeof(step))
                ;
        }
        for (int i = 0; i < 3; i++)
            close(i);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        for (;;)
            pause();
    }
    close(pipe_fds[1]);
    return read(pipe_fds[0], &byte, 1) == 0 ? 0 : 2;
}

MODES({"fill", fill}, {"files", files}, {"deep", deep}, {"sparse", sparse}, {"locked", locked},
      {"hidden", hidden})
