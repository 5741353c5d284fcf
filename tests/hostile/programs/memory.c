/* Attacks on memory: `attack KIND MIB`. An attack that gets this much reports it and holds it. */

#include "hostile.h"

#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/shm.h>

#define STEP ((size_t)4 << 20)

static size_t wanted(char **words)
{
    return (size_t)atoi(words[0]) << 20;
}

static void hold(size_t bytes)
{
    reached("%zu MiB", bytes >> 20);
    for (;;)
        pause();
}

/* volatile, so that the compiler does not remove it as unused. */
static void touch(volatile char *memory)
{
    for (size_t i = 0; i < STEP; i += 4096)
        memory[i] = (char)(i >> 12 | 1);
}

static int heap(char **words)
{
    size_t limit = wanted(words);
    for (size_t got = 0; got < limit; got += STEP) {
        char *memory = malloc(STEP);
        if (!memory)
            return 0;
        touch(memory);
    }
    hold(limit);
    return 0;
}

static int map(char **words, int flags)
{
    size_t limit = wanted(words);
    for (size_t got = 0; got < limit; got += STEP) {
        char *memory = mmap(NULL, STEP, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            return 0;
        touch(memory);
    }
    hold(limit);
    return 0;
}

static int shared(char **words)
{
    return map(words, MAP_SHARED);
}

static int huge_pages(char **words)
{
    return map(words, MAP_PRIVATE | MAP_HUGETLB);
}

/* Many processes, each of an allowed size. */
static int crowd(char **words)
{
    size_t limit = wanted(words);
    for (size_t got = 0; got < limit; got += 2 * STEP) {
        pid_t pid = fork();
        if (pid < 0)
            return 0;
        if (pid > 0)
            continue;
        alarm(LAST_RESORT_S);
        touch(malloc(STEP));
        touch(malloc(STEP));
        for (;;)
            pause();
    }
    for (;;)
        pause();
}

static int fill(int fd, size_t limit)
{
    static char step[STEP];
    memset(step, 'x', sizeof(step));
    size_t got = 0;
    while (fd >= 0 && got < limit) {
        ssize_t n = write(fd, step, sizeof(step));
        if (n <= 0)
            return 0;
        got += (size_t)n;
    }
    if (fd >= 0)
        hold(limit);
    return 0;
}

static int memfd(char **words)
{
    return fill(memfd_create("hog", MFD_CLOEXEC), wanted(words));
}

/* A deleted file in a tmpfs, WORD 2 its directory. */
static int file(char **words)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/hog", words[1]);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    unlink(path);
    return fill(fd, wanted(words));
}

/* Data in pipes without a reader. */
static int pipes(char **words)
{
    static char step[1 << 20];
    size_t limit = wanted(words);
    size_t got = 0;
    while (got < limit) {
        int ends[2];
        if (pipe2(ends, O_NONBLOCK) < 0) { /* the limit of a process */
            if (fork() != 0)
                hold(got);
            for (int fd = 3; fd < 1024; fd++)
                close(fd);
            continue;
        }
        fcntl(ends[1], F_SETPIPE_SZ, sizeof(step));
        ssize_t n = write(ends[1], step, sizeof(step));
        got += n > 0 ? (size_t)n : 0;
    }
    hold(got);
    return 0;
}

/* Segments that outlive their process. */
static int sysv(char **words)
{
    size_t limit = wanted(words);
    for (size_t got = 0; got < limit; got += STEP) {
        int id = shmget(IPC_PRIVATE, STEP, IPC_CREAT | 0600);
        char *memory = id < 0 ? (char *)-1 : shmat(id, NULL, 0);
        if (memory == (char *)-1)
            return 0;
        touch(memory);
        shmdt(memory);
    }
    hold(limit);
    return 0;
}

MODES({"heap", heap}, {"shared", shared}, {"huge-pages", huge_pages}, {"crowd", crowd}, {"memfd", memfd},
      {"file", file}, {"sysv", sysv}, {"pipes", pipes})
