#include "base/copytree.h"

#include "base/fs.h"
#include "scratch.h"

#include <time.h>

static void write_text(const char *name, const char *text, mode_t mode)
{
    int fd = open(scratch(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), strlen(text));
    CHECK_INT(fchmod(fd, mode), 0);
    close(fd);
}

static void check_text(const char *name, const char *want)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    CHECK_INT(fs_read_file(scratch(name), 1U << 20, &text, NULL), 0);
    CHECK_STR(text.len ? text.data : "", want);
}

static void files_keep_text_mode_and_time(void)
{
    CHECK_INT(mkdir(scratch("a"), 0755), 0);
    CHECK_INT(mkdir(scratch("a/sub"), 0755), 0);
    write_text("a/sub/run", "text", 0755);
    write_text("a/empty", "", 0644);
    const struct timespec times[] = {{.tv_sec = 1000}, {.tv_sec = 2000, .tv_nsec = 5}};
    CHECK_INT(utimensat(AT_FDCWD, scratch("a/sub/run"), times, 0), 0);
    CHECK_INT(copytree(scratch("a"), scratch("b"), NULL), 0);
    check_text("b/sub/run", "text");
    check_text("b/empty", "");
    struct stat st;
    CHECK_INT(stat(scratch("b/sub/run"), &st), 0);
    CHECK_INT(st.st_mode & 0777, 0755);
    CHECK_INT(st.st_mtim.tv_sec, 2000);
    CHECK_INT(st.st_mtim.tv_nsec, 5);
}

static void links_stay_links_wherever_they_lead(void)
{
    CHECK_INT(mkdir(scratch("links"), 0755), 0);
    CHECK_INT(symlink("/etc/passwd", scratch("links/out")), 0);
    CHECK_INT(symlink("nowhere", scratch("links/dangling")), 0);
    CHECK_INT(copytree(scratch("links"), scratch("links-copy"), NULL), 0);
    char target[64] = "";
    CHECK(readlink(scratch("links-copy/out"), target, sizeof(target) - 1) > 0);
    CHECK_STR(target, "/etc/passwd");
    struct stat st;
    CHECK_INT(lstat(scratch("links-copy/dangling"), &st), 0);
    CHECK(S_ISLNK(st.st_mode));
}

static void the_target_must_be_new(void)
{
    struct err err = {0};
    CHECK_INT(mkdir(scratch("from"), 0755), 0);
    CHECK_INT(mkdir(scratch("there"), 0755), 0);
    CHECK_INT(copytree(scratch("from"), scratch("there"), &err), -EEXIST);
    CHECK_CONTAINS(err.message, scratch("there"));
}

static void a_missing_source_is_named(void)
{
    struct err err = {0};
    CHECK_INT(copytree(scratch("missing"), scratch("copy"), &err), -ENOENT);
    CHECK_CONTAINS(err.message, scratch("missing"));
}

static void special_files_are_refused(void)
{
    struct err err = {0};
    CHECK_INT(mkdir(scratch("special"), 0755), 0);
    CHECK_INT(mkfifo(scratch("special/pipe"), 0644), 0);
    CHECK_INT(copytree(scratch("special"), scratch("special-copy"), &err), -EINVAL);
    CHECK_CONTAINS(err.message, "special/pipe");
}

static void trees_that_are_too_deep_are_refused(void)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(0);
    buf_puts(&path, scratch("deep"));
    for (int i = 0; i < 300; i++) {
        CHECK_INT(mkdir(path.data, 0755), 0);
        buf_puts(&path, "/d");
    }
    struct err err = {0};
    CHECK_INT(copytree(scratch("deep"), scratch("deep-copy"), &err), -ELOOP);
    CHECK_INT(err.class, ERR_LIMIT);
}

static void bounds_are_kept(void)
{
    struct err err = {0};
    struct stat st;
    struct copytree_bounds bounds = {.left_bytes = 3, .cancel_fd = -1, .leaves_special = true};
    CHECK_INT(mkdir(scratch("bound"), 0755), 0);
    CHECK_INT(mkdir(scratch("bound/left"), 0755), 0);
    CHECK_INT(mkfifo(scratch("bound/pipe"), 0644), 0);
    write_text("bound/file", "abc", 0644);
    CHECK_INT(stat(scratch("bound/left"), &st), 0);
    bounds.has_skipped = true;
    bounds.skipped_dev = st.st_dev;
    bounds.skipped_ino = st.st_ino;
    CHECK_INT(copytree_within(scratch("bound"), scratch("bound-1"), &bounds, &err), 0);
    CHECK_INT((int)bounds.left_bytes, 0);
    CHECK_INT(access(scratch("bound-1/file"), F_OK), 0);
    CHECK_INT(access(scratch("bound-1/left"), F_OK), -1);
    CHECK_INT(access(scratch("bound-1/pipe"), F_OK), -1);
    CHECK_INT(copytree_within(scratch("bound"), scratch("bound-2"), &bounds, &err), -EFBIG);
    CHECK_INT(err.class, ERR_LIMIT);
}

static void copying_can_be_stopped(void)
{
    struct err err = {0};
    int ends[2];
    CHECK_INT(pipe(ends), 0);
    CHECK_INT(close(ends[1]), 0);
    struct copytree_bounds bounds = {.left_bytes = 1 << 20, .cancel_fd = ends[0]};
    CHECK_INT(mkdir(scratch("stopped"), 0755), 0);
    write_text("stopped/file", "abc", 0644);
    CHECK_INT(copytree_within(scratch("stopped"), scratch("stopped-copy"), &bounds, &err), -ECANCELED);
    CHECK_INT(err.class, ERR_CANCELLED);
    close(ends[0]);
}

TEST_MAIN(TEST(bounds_are_kept), TEST(copying_can_be_stopped), TEST(files_keep_text_mode_and_time),
          TEST(links_stay_links_wherever_they_lead), TEST(the_target_must_be_new),
          TEST(a_missing_source_is_named), TEST(special_files_are_refused),
          TEST(trees_that_are_too_deep_are_refused))
