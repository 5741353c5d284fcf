#include "runner/executor/slot.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "scratch.h"
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define LONG 20000

static void feed(struct slot *slot, const char *text)
{
    slot_feed(slot, text, strlen(text));
}

static void the_rest_of_a_long_line_is_as_weighty_as_its_beginning(void)
{
    struct slot_program elsewhere = {.jobs_dir = "/nowhere"};
    struct slot slot;
    struct err err = {0};
    char rest[LONG + 1];
    memset(rest, 'x', LONG);
    rest[LONG] = '\0';
    const char *path = scratch("log");
    CHECK_INT(log_open(path, &err), 0);
    slot_init(&slot, &(struct slot_settings){.program = &elsewhere}, 1);
    slot_take(&slot, &(struct slot_job){.work = SLOT_RUN, .key = "000000000001-a", .label = "a"});
    feed(&slot, "error the beginning\ndebug ");
    feed(&slot, rest);
    feed(&slot, "\nno level\nwarning w ");
    CHECK_STR(slot.complaint, "no level");
    feed(&slot, rest);
    feed(&slot, "\ndebug end\n");
    CHECK(strncmp(slot.complaint, "w x", 3) == 0);
    slot_release(&slot);
    log_open(NULL, NULL);

    CLEANUP(buf_done) struct buf log = BUF_INIT(0);
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    fd_read_all(fd, &log);
    size_t warnings = 0;
    for (const char *p = log.data; (p = strstr(p, " WARNING ")); p++)
        warnings++;
    CHECK_INT(warnings, 1 + (strlen("warning w ") + LONG + PROGRESS_MAX_LINE_BYTES - 2) /
                                (PROGRESS_MAX_LINE_BYTES - 1));
}

/* As for the job that trims the cache, which shares the program with the slots of jobs. */
static void progress_without_a_callback_is_logged(void)
{
    struct slot_program telling = {.jobs_dir = "/nowhere", .progress = true};
    struct slot slot;
    CHECK_INT(log_open(scratch("progress-log"), NULL), 0);
    slot_init(&slot, &(struct slot_settings){.program = &telling}, 0);
    slot_take(&slot, &(struct slot_job){.work = SLOT_TRIM, .key = "cache", .label = "cache"});
    feed(&slot, PROGRESS_WORD " {\"stage\":\"fetch\"}\n");
    CHECK_STR(slot.complaint, PROGRESS_WORD " {\"stage\":\"fetch\"}");
    slot_release(&slot);
    log_open(NULL, NULL);
}

/* A stand-in for ostest-job, given what a slot gives it. */
static const char *job_program(const char *script)
{
    const char *path = make_file("job", script);
    CHECK_INT(chmod(path, 0700), 0);
    return path;
}

static int ends, end_status;
static char *end_complaint;

static void on_end(struct slot *slot, int status, void *data)
{
    CHECK(data == &ends);
    CHECK_INT(slot->pid, 0);
    CHECK_INT(slot->work, SLOT_CLEAN);
    ends++;
    end_status = status;
    end_complaint = mem_strdup(slot->complaint);
    slot_release(slot);
}

static struct slot_program program;

static void start_slot(const char *script, struct ev *ev, struct children *children, struct slot *ret_slot)
{
    program = (struct slot_program){.path = job_program(script),
                                    .config_path = "/nowhere",
                                    .cache_dir = "/nowhere",
                                    .jobs_dir = "/nowhere"};
    struct slot_settings settings = {
        .program = &program, .ev = ev, .children = children, .on_end = on_end, .data = &ends};
    ends = 0;
    CHECK_INT(log_open(scratch("slot-log"), NULL), 0);
    slot_init(ret_slot, &settings, 3);
    CHECK_INT(slot_start(ret_slot, &(struct slot_job){SLOT_CLEAN, "000000000001-a", "a"}, NULL), 0);
}

static void the_end_of_the_process_comes_with_all_its_output(void)
{
    struct ev *ev = ev_new();
    struct children *children = children_new();
    struct slot slot;
    siginfo_t info;
    start_slot("#!/bin/sh\necho info one >&2\nprintf \"error $3\"\nexit 3\n", ev, children, &slot);
    CHECK_INT(waitid(P_PID, (id_t)slot.pid, &info, WEXITED | WNOWAIT), 0);
    children_reap(children); /* nothing of its output has been read by the loop */
    CHECK_INT(ends, 1);
    CHECK(WIFEXITED(end_status) && WEXITSTATUS(end_status) == 3);
    CHECK_STR(end_complaint, "--slot=3");
    CHECK_INT(slot.work, SLOT_FREE);
    CHECK_INT(slot.number, 3);
    free(end_complaint);
    children_free(children);
    ev_free(ev);
    log_open(NULL, NULL);
}

static void a_slot_that_is_released_tells_of_no_end(void)
{
    struct ev *ev = ev_new();
    struct children *children = children_new();
    struct slot slot;
    siginfo_t info;
    start_slot("#!/bin/sh\nexec sleep 60\n", ev, children, &slot);
    pid_t pid = slot.pid;
    slot_stop(&slot);
    slot_release(&slot);
    CHECK_INT(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    children_reap(children);
    CHECK_INT(ends, 0);
    children_free(children);
    ev_free(ev);
    log_open(NULL, NULL);
}

TEST_MAIN(TEST(progress_without_a_callback_is_logged), TEST(the_end_of_the_process_comes_with_all_its_output),
          TEST(a_slot_that_is_released_tells_of_no_end),
          TEST(the_rest_of_a_long_line_is_as_weighty_as_its_beginning))
