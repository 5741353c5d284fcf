#include "runner/status/report_file.h"

#include "base/fd.h"
#include "base/mem.h"
#include "scratch.h"

#define KEY "000000000007-3fa85f64_x"

static void check_none(const char *path)
{
    char *key = NULL;
    if (report_file_find(path, &key))
        TEST_FAIL("'%s' was found", path);
    CHECK(!key);
}

static void names_of_the_table_are_found(void)
{
    static const char *const names[] = {"report.html", "job.log", "stdout.log", "stderr.log"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(mem_freep) char *path = mem_printf(KEY "/%s", names[i]);
        CLEANUP(mem_freep) char *key = NULL;
        const struct report_file *file = report_file_find(path, &key);
        CHECK(file);
        CHECK_STR(file->name, names[i]);
        CHECK_STR(key, KEY);
        CHECK_CONTAINS(file->content_type, i ? "text/plain" : "text/html");
    }
}

static void anything_else_is_not(void)
{
    static const char *const paths[] = {"",
                                        "/",
                                        "job.log",
                                        KEY,
                                        KEY "/",
                                        KEY "/result.json",
                                        KEY "//job.log",
                                        KEY "/../job.log",
                                        KEY "/job.log/",
                                        KEY "/JOB.LOG",
                                        "../kept/" KEY "/job.log",
                                        "7-x/job.log",
                                        "000000000007/job.log",
                                        "000000000007-../job.log",
                                        "000000000007-x.fault/job.log",
                                        "000000000007-\xff/job.log",
                                        "..",
                                        "../../etc/passwd"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        check_none(paths[i]);
}

/* kept/<dir>/job.log in the scratch directory. */
static void put(const char *dir, const char *text)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", scratch("kept"), dir);
    CLEANUP(mem_freep) char *file = mem_printf("%s/job.log", path);
    mkdir(scratch("kept"), 0700);
    mkdir(path, 0700);
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0)
        TEST_FAIL("%s: %s", file, strerror(errno));
    fd_close(fd);
}

static int open_log(const char *key, int *ret_fd, uint64_t *ret_size)
{
    static const struct report_file file = {"job.log", "text/plain"};
    CLEANUP(mem_freep) char *state = mem_printf("%s/..", scratch("kept"));
    return report_file_open(state, key, &file, ret_fd, ret_size);
}

static void what_is_kept_is_opened_also_of_faults(void)
{
    uint64_t size;
    int fd;
    put("000000000001-a", "hello");
    put("000000000002-b.fault", "");
    CHECK_INT(open_log("000000000001-a", &fd, &size), 0);
    CHECK_INT(size, 5);
    fd_close(fd);
    CHECK_INT(open_log("000000000002-b", &fd, &size), 0);
    CHECK_INT(size, 0);
    fd_close(fd);
    CHECK_INT(open_log("000000000003-c", &fd, &size), -ENOENT);
}

static void links_and_what_is_no_file_are_not_opened(void)
{
    uint64_t size;
    int fd, before = count_open_files();
    CLEANUP(mem_freep) char *log = mem_printf("%s/000000000004-d/job.log", scratch("kept"));
    CLEANUP(mem_freep) char *dir = mem_printf("%s/000000000005-e", scratch("kept"));
    put("000000000004-d", "");
    unlink(log);
    CHECK(symlink("/etc/passwd", log) == 0);
    CHECK_INT(open_log("000000000004-d", &fd, &size), -ENOENT);
    unlink(log);
    CHECK(mkfifo(log, 0600) == 0);
    CHECK_INT(open_log("000000000004-d", &fd, &size), -ENOENT);
    CHECK(symlink("000000000001-a", dir) == 0);
    CHECK_INT(open_log("000000000005-e", &fd, &size), -ENOENT);
    CHECK_INT(count_open_files(), before);
}

static void those_that_there_are_are_listed(void)
{
    CLEANUP(strv_done) struct strv names = {0};
    CLEANUP(mem_freep) char *dir = mem_printf("%s/000000000001-a", scratch("kept"));
    put("000000000001-a", "hello");
    report_file_list(dir, &names);
    CHECK_INT(names.len, 1);
    CHECK_STR(names.items[0], "job.log");
}

TEST_MAIN(TEST(names_of_the_table_are_found), TEST(anything_else_is_not),
          TEST(what_is_kept_is_opened_also_of_faults), TEST(links_and_what_is_no_file_are_not_opened),
          TEST(those_that_there_are_are_listed))
