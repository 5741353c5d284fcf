/*
 * Allocates as much as possible of what the kernel limits for each user, and keeps it: if the
 * runner is not root, it and the other tasks run as the same user outside.
 */

#include "hostile.h"

#include <mqueue.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <time.h>

/* The maximum number of each kind. */
#define MANY 20000

static int new_inotify(int i)
{
    (void)i;
    return inotify_init1(0);
}

/* A pipe of the maximum size, full. */
static int new_pipe(int i)
{
    static char step[1 << 20];
    int ends[2];
    (void)i;
    if (pipe2(ends, O_NONBLOCK) < 0)
        return -1;
    if (fcntl(ends[1], F_SETPIPE_SZ, sizeof(step)) < 0)
        return -1; /* the limit of the user */
    return write(ends[1], step, sizeof(step)) < 0 ? -1 : 0;
}

static int new_timer(int i)
{
    timer_t timer;
    (void)i;
    return timer_create(CLOCK_MONOTONIC, NULL, &timer);
}

static int new_queue(int i)
{
    char name[64];
    snprintf(name, sizeof(name), "/hostile-%d", i);
    return mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
}

static int new_semaphores(int i)
{
    (void)i;
    return semget(IPC_PRIVATE, 100, IPC_CREAT | 0600);
}

static int new_messages(int i)
{
    (void)i;
    return msgget(IPC_PRIVATE, IPC_CREAT | 0600);
}

/* Each descriptor counts in each epoll instance. */
static int new_epoll(int i)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fd = epoll_create1(0);
    (void)i;
    for (int other = 0; fd >= 0 && other < fd; other++)
        if (epoll_ctl(fd, EPOLL_CTL_ADD, other, &event) < 0 && errno == ENOSPC)
            return -1;
    return fd;
}

static int new_eventfd(int i)
{
    (void)i;
    return eventfd(0, 0);
}

/* Every readable file can be locked. */
static int lock_programs(int i)
{
    static const char *const paths[] = {"/usr/bin/python3", "/usr/bin/git", "/usr/bin/make", "/usr/bin",
                                        "/channel",         "/usr",         "/etc/passwd",   "/",
                                        "/dev/null",        "/lib"};
    if ((size_t)i >= ARRAY_LEN(paths))
        return -1;
    int fd = open(paths[i], O_RDONLY);
    if (fd >= 0)
        flock(fd, LOCK_EX | LOCK_NB);
    return 0;
}

/* Each in its own process, since some limits apply to a process. */
static void take(const char *what, int (*get)(int))
{
    int count = 0;
    if (fork() != 0)
        return;
    alarm(LAST_RESORT_S);
    while (count < MANY && get(count) >= 0)
        count++;
    printf("%d %s, then: %m\n", count, what);
    for (;;)
        pause();
}

static int all(char **words)
{
    (void)words;
    take("locks", lock_programs);
    take("inotify instances", new_inotify);
    take("pipes", new_pipe);
    take("timers", new_timer);
    take("message queues", new_queue);
    take("semaphores", new_semaphores);
    take("System V queues", new_messages);
    take("epoll instances", new_epoll);
    take("event descriptors", new_eventfd);
    return pause();
}

MODES({"all", all})
