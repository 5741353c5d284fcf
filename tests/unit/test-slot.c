#include "runner/slot.h"

#include "base/fd.h"
#include "base/log.h"
#include "scratch.h"
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define LONG 20000

static void feed(struct slot *slot, const char *text)
{
    slot_feed(slot, text, strlen(text));
}

static void the_rest_of_a_long_line_is_as_weighty_as_its_beginning(void)
{
    struct slot_program program = {.jobs_dir = "/nowhere"};
    struct slot slot;
    struct err err = {0};
    char rest[LONG + 1];
    memset(rest, 'x', LONG);
    rest[LONG] = '\0';
    const char *path = scratch("log");
    CHECK_INT(log_open(path, &err), 0);
    slot_init(&slot, &(struct slot_settings){.program = &program}, 1);
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

TEST_MAIN(TEST(the_rest_of_a_long_line_is_as_weighty_as_its_beginning))
