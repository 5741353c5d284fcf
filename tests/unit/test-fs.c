#include "base/fs.h"

#include "base/fd.h"
#include "scratch.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* ---- what the module asks the kernel for, in order: f(ile), d(irectory) flushed; r(ename) ---- */

static char calls[64];
static bool fsync_fails;

static void note_call(char c)
{
    size_t len = strlen(calls);
    if (len < sizeof(calls) - 1)
        calls[len] = c;
}

int fsync(int fd)
{
    struct stat st;
    note_call(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? 'd' : 'f');
    if (fsync_fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    note_call('r');
    return (int)syscall(SYS_rename, from, to);
}

/* ---- helpers ---- */

static void check_content(const char *path, const char *want, size_t len)
{
    struct buf b = BUF_INIT(0);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        TEST_FAIL("%s: %s", path, strerror(errno));
    CHECK_INT(fd_read_all(fd, &b), 0);
    fd_close(fd);
    CHECK_INT(b.len, len);
    CHECK(memcmp(b.data, want, len) == 0);
    buf_done(&b);
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? st.st_mode & 07777 : (mode_t)-1;
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static const char *make_dir(const char *name, mode_t mode)
{
    const char *path = scratch(name);
    if (mkdir(path, 0700) < 0 || chmod(path, mode) < 0)
        TEST_FAIL("cannot make %s: %s", path, strerror(errno));
    return path;
}

static void make_link(const char *target, const char *name)
{
    if (symlink(target, scratch(name)) < 0)
        TEST_FAIL("cannot link %s: %s", name, strerror(errno));
}

static const char *make_file(const char *name, const char *content)
{
    return scratch_file(name, content, strlen(content));
}

static int count_open_files(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void check_removed(const char *path)
{
    struct err e = {0};
    int before = count_open_files();
    if (fs_remove_tree(path, &e) < 0)
        TEST_FAIL("%s", e.message);
    CHECK(!is_there(path));
    CHECK_INT(count_open_files(), before);
}

/* ---- writing ---- */

static void write_makes_a_private_file_and_leaves_no_other(void)
{
    make_dir("w1", 0700);
    const char *path = scratch("w1/file");
    struct err e = {0};
    mode_t old = umask(0);
    int r = fs_write_atomic(path, "a\0b", 3, &e);
    umask(old);
    CHECK_INT(r, 0);
    check_content(path, "a\0b", 3);
    CHECK_INT(mode_of(path), 0600);
    struct strv names = {0};
    CHECK_INT(fs_list_dir(scratch("w1"), &names, &e), 0);
    CHECK_INT(names.len, 1);
    strv_done(&names);
    check_removed(scratch("w1"));
}

static void write_replaces_a_file_of_whatever_length_and_mode(void)
{
    const char *path = make_file("w2", "a longer text than the next");
    chmod(path, 0644);
    CHECK_INT(fs_write_atomic(path, "short", 5, NULL), 0);
    check_content(path, "short", 5);
    CHECK_INT(mode_of(path), 0600);
    CHECK_INT(fs_write_atomic(path, "", 0, NULL), 0);
    check_content(path, "", 0);
    check_removed(path);
}

static void write_flushes_file_then_renames_then_flushes_directory(void)
{
    memset(calls, 0, sizeof(calls));
    CHECK_INT(fs_write_atomic(scratch("w3"), "x", 1, NULL), 0);
    CHECK_STR(calls, "frd");
    check_removed(scratch("w3"));
}

static void write_in_the_working_directory(void)
{
    CHECK_INT(chdir(scratch_dir), 0);
    CHECK_INT(fs_write_atomic("bare", "x", 1, NULL), 0);
    check_content(scratch("bare"), "x", 1);
    check_removed("bare");
    CHECK_INT(chdir("/"), 0);
}

static void write_takes_no_offence_at_what_a_crash_left(void)
{
    const char *path = scratch("w4"), *left = make_file("w4.tmp", "half a file that is longer");
    chmod(left, 0444);
    CHECK_INT(fs_write_atomic(path, "whole", 5, NULL), 0);
    check_content(path, "whole", 5);
    CHECK_INT(mode_of(path), 0600);
    CHECK(!is_there(left));
    check_removed(path);
}

static void write_follows_no_link_in_the_temporary_files_place(void)
{
    const char *outside = make_file("outside", "outside");
    make_link(outside, "w5.tmp");
    CHECK_INT(fs_write_atomic(scratch("w5"), "inside", 6, NULL), 0);
    check_content(outside, "outside", 7);
    check_content(scratch("w5"), "inside", 6);
    check_removed(scratch("w5"));
    check_removed(outside);
}

static void write_into_a_missing_directory_names_the_path(void)
{
    struct err e = {0};
    const char *path = scratch("missing/file");
    CHECK_INT(fs_write_atomic(path, "x", 1, &e), -ENOENT);
    CHECK_CONTAINS(e.message, path);
    CHECK_CONTAINS(e.message, "No such file or directory");
    CHECK(!is_there(scratch("missing")));
}

static void write_onto_a_directory_fails_and_leaves_nothing(void)
{
    struct err e = {0};
    const char *path = make_dir("w6", 0700);
    CHECK_INT(fs_write_atomic(path, "x", 1, &e), -EISDIR);
    CHECK_CONTAINS(e.message, path);
    CHECK(!is_there(scratch("w6.tmp")));
    check_removed(path);
}

static void write_past_the_limit(void)
{
    const char *path = scratch("w7");
    struct err e = {0};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, 10});
    CHECK_INT(fs_write_atomic(path, "more than ten bytes", 19, &e), -EFBIG);
    CHECK_CONTAINS(e.message, path);
}

static void a_failing_write_keeps_the_old_file_and_leaves_nothing(void)
{
    const char *path = make_file("w7", "old");
    CHECK(passes_in_child(write_past_the_limit));
    check_content(path, "old", 3);
    CHECK(!is_there(scratch("w7.tmp")));
    check_removed(path);
}

static void a_failing_flush_keeps_the_old_file_and_leaves_nothing(void)
{
    const char *path = make_file("w8", "old");
    struct err e = {0};
    fsync_fails = true;
    int r = fs_write_atomic(path, "new", 3, &e);
    fsync_fails = false;
    CHECK_INT(r, -EIO);
    CHECK_CONTAINS(e.message, path);
    check_content(path, "old", 3);
    CHECK(!is_there(scratch("w8.tmp")));
    check_removed(path);
}

static void read_while_it_is_written(void)
{
    const char *path = scratch("w9");
    for (int i = 0; i < 300; i++) {
        struct buf b = BUF_INIT(0);
        CHECK_INT(fs_read_file(path, 100000, &b, NULL), 0);
        CHECK_INT(b.len, 50000);
        CHECK(b.data[0] == b.data[49999]);
        buf_done(&b);
    }
}

static void a_reader_sees_the_old_file_or_the_new_one(void)
{
    static char data[50000];
    memset(data, 'a', sizeof(data));
    const char *path = scratch("w9");
    CHECK_INT(fs_write_atomic(path, data, sizeof(data), NULL), 0);
    pid_t reader = start_child(read_while_it_is_written, false);
    int status = 0;
    for (int i = 0; waitpid(reader, &status, WNOHANG) == 0; i++) {
        memset(data, 'a' + i % 26, sizeof(data));
        CHECK_INT(fs_write_atomic(path, data, sizeof(data), NULL), 0);
    }
    CHECK_INT(status, 0);
    check_removed(path);
}

static void rename_moves_and_flushes_the_target_directory(void)
{
    make_dir("r1", 0700);
    const char *from = make_file("r1-from", "x"), *to = scratch("r1/to");
    memset(calls, 0, sizeof(calls));
    CHECK_INT(fs_rename_durable(from, to, NULL), 0);
    CHECK_STR(calls, "rd");
    CHECK(!is_there(from));
    check_content(to, "x", 1);
    check_removed(scratch("r1"));
}

static void rename_of_what_is_missing_names_both(void)
{
    struct err e = {0};
    const char *from = scratch("r2-from"), *to = scratch("r2-to");
    CHECK_INT(fs_rename_durable(from, to, &e), -ENOENT);
    CHECK_CONTAINS(e.message, from);
    CHECK_CONTAINS(e.message, to);
}

static void sync_of_a_missing_directory_names_it(void)
{
    struct err e = {0};
    CHECK_INT(fs_sync_dir(scratch_dir, &e), 0);
    CHECK_INT(fs_sync_dir(scratch("missing"), &e), -ENOENT);
    CHECK_CONTAINS(e.message, scratch("missing"));
}

/* ---- reading ---- */

static void read_gives_the_whole_file(void)
{
    const char *path = scratch_file("read", "a\0b\n", 4);
    struct buf b = BUF_INIT(0);
    CHECK_INT(fs_read_file(path, 100, &b, NULL), 0);
    CHECK_INT(b.len, 4);
    CHECK(memcmp(b.data, "a\0b\n", 5) == 0);
    buf_done(&b);
}

static void read_of_an_empty_file_is_an_empty_string(void)
{
    struct buf b = BUF_INIT(0);
    CHECK_INT(fs_read_file(make_file("empty", ""), 100, &b, NULL), 0);
    CHECK_STR(b.data, "");
    buf_done(&b);
}

static void read_obeys_the_limit_exactly(void)
{
    const char *path = make_file("ten", "0123456789");
    struct buf b = BUF_INIT(0);
    struct err e = {0};
    CHECK_INT(fs_read_file(path, 10, &b, &e), 0);
    buf_done(&b);
    CHECK_INT(fs_read_file(path, 9, &b, &e), -EFBIG);
    CHECK_INT(e.class, ERR_LIMIT);
    CHECK_CONTAINS(e.message, path);
    CHECK_CONTAINS(e.message, "9 bytes");
    buf_done(&b);
}

static void read_stops_at_the_limit_of_an_endless_file(void)
{
    const char *path = make_file("sparse", "");
    CHECK_INT(truncate(path, (off_t)1 << 40), 0);
    struct buf b = BUF_INIT(0);
    CHECK_INT(fs_read_file(path, 100000, &b, NULL), -EFBIG);
    CHECK(b.cap < 300000);
    buf_done(&b);
}

static void read_of_a_missing_file_has_no_message(void)
{
    struct buf b = BUF_INIT(0);
    struct err e = {0};
    CHECK_INT(fs_read_file(scratch("missing"), 100, &b, &e), -ENOENT);
    CHECK_STR(e.message, "");
    make_link(scratch("missing"), "dangling");
    CHECK_INT(fs_read_file(scratch("dangling"), 100, &b, &e), -ENOENT);
    buf_done(&b);
}

static void check_unreadable(const char *path, int want)
{
    struct buf b = BUF_INIT(0);
    struct err e = {0};
    CHECK_INT(fs_read_file(path, 100, &b, &e), want);
    CHECK_CONTAINS(e.message, path);
    CHECK_INT(b.len, 0);
    buf_done(&b);
}

static void read_refuses_what_is_no_regular_file(void)
{
    const char *fifo = scratch("fifo");
    CHECK_INT(mkfifo(fifo, 0600), 0);
    check_unreadable(fifo, -EINVAL); /* and does not wait for a writer */
    check_unreadable("/dev/null", -EINVAL);
    check_unreadable("/dev/zero", -EINVAL);
    check_unreadable(scratch_dir, -EINVAL);
    make_link("/dev/zero", "to-zero");
    check_unreadable(scratch("to-zero"), -EINVAL);
}

static void read_of_a_forbidden_file(void)
{
    const char *path = make_file("forbidden", "secret");
    chmod(path, 0);
    if (geteuid() != 0)
        check_unreadable(path, -EACCES);
    check_removed(path);
}

static void read_of_a_forbidden_file_is_refused(void)
{
    as_root_and_user(read_of_a_forbidden_file);
}

static void read_follows_a_link_to_a_file(void)
{
    make_link(make_file("target", "x"), "to-file");
    struct buf b = BUF_INIT(0);
    CHECK_INT(fs_read_file(scratch("to-file"), 100, &b, NULL), 0);
    CHECK_STR(b.data, "x");
    buf_done(&b);
}

/* ---- directories ---- */

static void make_dirs_makes_all_that_are_missing(void)
{
    mode_t old = umask(0);
    int r = fs_make_dirs(scratch("m1/a/b/c"), 0750, NULL);
    umask(old);
    CHECK_INT(r, 0);
    CHECK_INT(mode_of(scratch("m1")), 0750);
    CHECK_INT(mode_of(scratch("m1/a/b/c")), 0750);
    CHECK_INT(fs_make_dirs(scratch("m1/a/d"), 0700, NULL), 0);
    CHECK(is_there(scratch("m1/a/d")));
    check_removed(scratch("m1"));
}

static void make_dirs_leaves_directories_as_they_are(void)
{
    const char *path = make_dir("m2", 0711);
    CHECK_INT(fs_make_dirs(path, 0700, NULL), 0);
    CHECK_INT(mode_of(path), 0711);
    CHECK_INT(fs_make_dirs("/", 0700, NULL), 0);
    CHECK_INT(fs_make_dirs(".", 0700, NULL), 0);
    check_removed(path);
}

static void make_dirs_takes_superfluous_slashes(void)
{
    CHECK_INT(fs_make_dirs(scratch("m3//a///b//"), 0700, NULL), 0);
    CHECK(is_there(scratch("m3/a/b")));
    check_removed(scratch("m3"));
}

static void make_dirs_takes_a_relative_path(void)
{
    CHECK_INT(chdir(scratch_dir), 0);
    CHECK_INT(fs_make_dirs("m4/a", 0700, NULL), 0);
    CHECK(is_there(scratch("m4/a")));
    check_removed("m4");
    CHECK_INT(chdir("/"), 0);
}

static void make_dirs_goes_through_a_link_to_a_directory(void)
{
    make_dir("m5", 0700);
    make_link(scratch("m5"), "m5-link");
    CHECK_INT(fs_make_dirs(scratch("m5-link/a"), 0700, NULL), 0);
    CHECK(is_there(scratch("m5/a")));
    CHECK_INT(fs_make_dirs(scratch("m5-link"), 0700, NULL), 0);
    check_removed(scratch("m5"));
    check_removed(scratch("m5-link"));
}

static void make_dirs_refuses_a_file_in_the_way(void)
{
    struct err e = {0};
    const char *path = make_file("m6", "x");
    CHECK_INT(fs_make_dirs(path, 0700, &e), -EEXIST);
    CHECK_CONTAINS(e.message, path);
    CHECK(fs_make_dirs(scratch("m6/a/b"), 0700, &e) < 0);
    CHECK_CONTAINS(e.message, path);
    check_removed(path);
}

static void make_dirs_refuses_an_empty_path(void)
{
    struct err e = {0};
    CHECK_INT(fs_make_dirs("", 0700, &e), -ENOENT);
    CHECK(e.message[0] != '\0');
}

static void list_is_sorted_and_without_dots(void)
{
    make_dir("l1", 0700);
    make_file("l1/b", "");
    make_file("l1/a", "");
    make_file("l1/.hidden", "");
    make_dir("l1/Z", 0700);
    make_link("nowhere", "l1/ab");
    struct strv names = {0};
    CHECK_INT(fs_list_dir(scratch("l1"), &names, NULL), 0);
    CLEANUP(mem_freep) char *joined = strv_join(&names, " ");
    strv_done(&names);
    CHECK_STR(joined, ".hidden Z a ab b");
    check_removed(scratch("l1"));
}

static void list_of_an_empty_directory_is_empty(void)
{
    struct strv names = {0};
    CHECK_INT(fs_list_dir(make_dir("l2", 0700), &names, NULL), 0);
    CHECK_INT(names.len, 0);
    check_removed(scratch("l2"));
}

static void list_has_all_of_a_large_directory(void)
{
    make_dir("l3", 0700);
    for (int i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof(name), "l3/%04d", 499 - i);
        make_file(name, "");
    }
    struct strv names = {0};
    CHECK_INT(fs_list_dir(scratch("l3"), &names, NULL), 0);
    CHECK_INT(names.len, 500);
    for (int i = 0; i < 500; i++)
        CHECK_INT(atoi(names.items[i]), i);
    strv_done(&names);
    check_removed(scratch("l3"));
}

static void list_of_what_is_no_directory_is_an_error(void)
{
    struct strv names = {0};
    struct err e = {0};
    CHECK_INT(fs_list_dir(scratch("missing"), &names, &e), -ENOENT);
    CHECK_STR(e.message, "");
    const char *path = make_file("l4", "");
    CHECK_INT(fs_list_dir(path, &names, &e), -ENOTDIR);
    CHECK_CONTAINS(e.message, path);
    CHECK_INT(names.len, 0);
    check_removed(path);
}

/* ---- removing ---- */

static void remove_of_what_is_missing_is_fine(void)
{
    CHECK_INT(fs_remove_tree(scratch("missing"), NULL), 0);
    CHECK_INT(fs_remove_tree(scratch("missing/below"), NULL), 0);
}

static void remove_takes_files_and_trees(void)
{
    check_removed(make_file("d1", "x"));
    make_dir("d2", 0700);
    make_dir("d2/a", 0700);
    make_dir("d2/a/b", 0700);
    make_dir("d2/c", 0700);
    make_file("d2/a/b/file", "x");
    make_file("d2/.hidden", "x");
    make_link("nowhere", "d2/dangling");
    CHECK_INT(mkfifo(scratch("d2/fifo"), 0600), 0);
    check_removed(scratch("d2"));
    make_dir("d3", 0700);
    CHECK_INT(fs_remove_tree(scratch("d3/"), NULL), 0);
    CHECK(!is_there(scratch("d3")));
}

static void remove_takes_strange_names(void)
{
    make_dir("d4", 0700);
    make_file("d4/-rf", "");
    make_file("d4/new\nline", "");
    make_file("d4/\xff\xfe", "");
    make_file("d4/...", "");
    make_file("d4/..a", "");
    char name[300] = "d4/";
    memset(name + 3, 'n', 255);
    make_file(name, "");
    check_removed(scratch("d4"));
}

static void remove_takes_a_large_directory(void)
{
    make_dir("d5", 0700);
    for (int i = 0; i < 1500; i++) {
        char name[32];
        snprintf(name, sizeof(name), "d5/%d", i);
        make_file(name, "");
    }
    check_removed(scratch("d5"));
}

static void make_outside(void)
{
    make_dir("outside", 0750);
    chmod(make_file("outside/file", "keep"), 0640);
}

static void check_outside(void)
{
    check_content(scratch("outside/file"), "keep", 4);
    CHECK_INT(mode_of(scratch("outside")), 0750);
    CHECK_INT(mode_of(scratch("outside/file")), 0640);
    check_removed(scratch("outside"));
}

static void remove_links_to_outside(void)
{
    make_outside();
    make_dir("d6", 0700);
    make_link(scratch("outside"), "d6/to-dir");
    make_link(scratch("outside/file"), "d6/to-file");
    make_link("../outside", "d6/relative");
    make_link("..", "d6/up");
    make_link("/", "d6/root");
    CHECK_INT(link(scratch("outside/file"), scratch("d6/hard")), 0);
    check_removed(scratch("d6"));
    check_outside();
}

static void remove_follows_no_link(void)
{
    as_root_and_user(remove_links_to_outside);
}

static void remove_a_link(void)
{
    make_outside();
    make_link(scratch("outside"), "d7");
    check_removed(scratch("d7"));
    check_outside();
}

static void remove_of_a_link_takes_only_the_link(void)
{
    as_root_and_user(remove_a_link);
}

static void remove_of_a_link_with_a_slash_behind_follows_it_not(void)
{
    make_outside();
    make_link(scratch("outside"), "d8");
    CHECK(fs_remove_tree(scratch("d8/"), NULL) < 0);
    check_outside();
    check_removed(scratch("d8"));
}

static void remove_forbidden_dirs(void)
{
    make_dir("d9", 0700);
    static const mode_t modes[] = {0, 0100, 0200, 0400, 0500, 0600};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        char name[32];
        snprintf(name, sizeof(name), "d9/%zu", i);
        make_dir(name, 0700);
        snprintf(name, sizeof(name), "d9/%zu/sub", i);
        make_dir(name, 0700);
        snprintf(name, sizeof(name), "d9/%zu/sub/file", i);
        chmod(make_file(name, "x"), 0);
        snprintf(name, sizeof(name), "d9/%zu/sub", i);
        chmod(scratch(name), modes[i]);
        snprintf(name, sizeof(name), "d9/%zu", i);
        chmod(scratch(name), modes[i]);
    }
    chmod(scratch("d9"), 0);
    check_removed(scratch("d9"));
}

static void remove_takes_directories_that_forbid_all(void)
{
    as_root_and_user(remove_forbidden_dirs);
}

/* The user cannot change the directory that the link lies in: nothing may happen to the target. */
static void remove_where_it_is_forbidden(void)
{
    if (geteuid() == 0)
        return;
    make_outside();
    make_dir("d10", 0700);
    make_link(scratch("outside"), "d10/to-dir");
    make_link(scratch("outside/file"), "d10/to-file");
    CHECK_INT(link(scratch("outside/file"), scratch("d10/hard")), 0);
    chmod(scratch("d10"), 0500);
    static const char *const names[] = {"d10/to-dir", "d10/to-file", "d10/hard"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct err e = {0};
        CHECK_INT(fs_remove_tree(scratch(names[i]), &e), -EACCES);
        CHECK_CONTAINS(e.message, scratch(names[i]));
    }
    check_outside();
    check_removed(scratch("d10"));
}

static void a_refused_removal_changes_nothing_outside(void)
{
    as_root_and_user(remove_where_it_is_forbidden);
}

/* A directory in which something cannot be removed: it belongs to root. */
static void remove_around_an_obstacle(void)
{
    struct err e = {0};
    CHECK_INT(fs_remove_tree(scratch("d11"), &e), -EACCES);
    CHECK_CONTAINS(e.message, scratch("d11"));
}

static void remove_goes_on_after_a_fault_and_tells_it(void)
{
    if (geteuid() != 0)
        return;
    mkdir(scratch("user"), 0700);
    make_dir("user/d11", 0700);
    make_file("user/d11/a", "");
    make_dir("user/d11/b", 0700);
    make_dir("user/d11/b/deep", 0700);
    make_dir("user/d11/m", 0755);
    make_file("user/d11/m/of-root", "");
    make_file("user/d11/z", "");
    static const char *const names[] = {"user/d11", "user/d11/a", "user/d11/b", "user/d11/b/deep", "user/d11/z"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        CHECK_INT(chown(scratch(names[i]), SCRATCH_USER, SCRATCH_USER), 0);
    CHECK(child_passed(start_child(remove_around_an_obstacle, true)));
    CHECK(is_there(scratch("user/d11/m/of-root")));
    CHECK(!is_there(scratch("user/d11/a")) && !is_there(scratch("user/d11/b")) &&
          !is_there(scratch("user/d11/z")));
    check_removed(scratch("user"));
}

/* A chain of `levels` directories, with a file and a link to outside on many of them. */
static void make_deep(const char *name, int levels)
{
    int fd = open(make_dir(name, 0700), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < levels; i++) {
        if (i % 20 == 0) {
            fd_close(openat(fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
            CHECK_INT(symlinkat(scratch("outside"), fd, "link"), 0);
        }
        CHECK_INT(mkdirat(fd, "d", 0700), 0);
        int below = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(below >= 0);
        if (i % 7 == 0)
            fchmod(fd, 0500); /* cannot be emptied, nor moved away, before this is changed */
        fd_close(fd);
        fd = below;
    }
    fd_close(fd);
}

static void remove_deep_trees(const int *depths, size_t len)
{
    make_outside();
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){256, 256});
    for (size_t i = 0; i < len; i++) {
        make_deep("deep", depths[i]);
        check_removed(scratch("deep"));
    }
    check_outside();
}

static void remove_3000_levels_with_256_descriptors(void)
{
    remove_deep_trees((int[]){64, 65, 66, 130, 3000}, 5);
}

static void remove_300_levels_with_256_descriptors(void)
{
    remove_deep_trees((int[]){66, 300}, 2);
}

static void remove_takes_deep_trees_with_few_descriptors(void)
{
    CHECK(passes_in_child(remove_3000_levels_with_256_descriptors));
    if (geteuid() == 0)
        CHECK(child_passed(start_child(remove_300_levels_with_256_descriptors, true)));
}

static void remove_takes_a_deep_tree_whose_top_has_the_names_for_moved_directories(void)
{
    make_outside();
    make_deep("deep", 300);
    chmod(scratch("deep"), 0700);
    make_file("deep/moved-up-0", "");
    make_dir("deep/moved-up-1", 0700);
    make_dir("deep/moved-up-2", 0700);
    make_file("deep/moved-up-2/file", "");
    make_link(scratch("outside"), "deep/moved-up-3");
    check_removed(scratch("deep"));
    check_outside();
}

static void remove_takes_several_deep_branches(void)
{
    make_outside();
    make_dir("branches", 0700);
    for (char c = 'a'; c < 'd'; c++) {
        char name[] = {'b', 'r', 'a', 'n', 'c', 'h', 'e', 's', '/', c, '\0'};
        make_deep(name, 150);
    }
    check_removed(scratch("branches"));
    check_outside();
}

/* ---- locks ---- */

static void lock_makes_a_private_file_close_on_exec(void)
{
    const char *path = scratch("lock1");
    int fd = -1;
    CHECK_INT(fs_lock(path, &fd, NULL), 0);
    CHECK_INT(mode_of(path), 0600);
    CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
    fs_unlock(path, fd);
}

static void lock_is_refused_while_it_is_held(void)
{
    const char *path = scratch("lock2");
    int fd = -1, second = -7;
    struct err e = {0};
    CHECK_INT(fs_lock(path, &fd, NULL), 0);
    int before = count_open_files();
    CHECK_INT(fs_lock(path, &second, &e), -EWOULDBLOCK);
    CHECK_INT(second, -7);
    CHECK_INT(count_open_files(), before);
    CHECK_CONTAINS(e.message, path);
    fs_unlock(path, fd);
}

static void lock_can_be_taken_after_unlock_which_removes_the_file(void)
{
    const char *path = scratch("lock3");
    int fd = -1;
    CHECK_INT(fs_lock(path, &fd, NULL), 0);
    fs_unlock(path, fd);
    CHECK(!is_there(path));
    CHECK(fcntl(fd, F_GETFD) < 0);
    CHECK_INT(fs_lock(path, &fd, NULL), 0);
    CHECK(is_there(path));
    fs_unlock(path, fd);
    fs_unlock(path, -1);
}

static int held_pipe[2];

static void hold_lock_until_killed(void)
{
    int fd = -1;
    CHECK_INT(fs_lock(scratch("lock4"), &fd, NULL), 0);
    CHECK_INT(fd_write_all(held_pipe[1], "x", 1), 0);
    pause();
}

/* Starts a process that holds "lock4". */
static pid_t start_holder(void)
{
    CHECK_INT(pipe2(held_pipe, O_CLOEXEC), 0);
    pid_t pid = start_child(hold_lock_until_killed, false);
    char byte;
    CHECK_INT(read(held_pipe[0], &byte, 1), 1);
    return pid;
}

static void end_holder(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    fd_close(held_pipe[0]);
    fd_close(held_pipe[1]);
}

static void lock_is_refused_while_another_process_holds_it(void)
{
    const char *path = scratch("lock4");
    int fd = -1;
    pid_t pid = start_holder();
    CHECK_INT(fs_lock(path, &fd, NULL), -EWOULDBLOCK);
    end_holder(pid);
    CHECK_INT(fs_lock(path, &fd, NULL), 0); /* it went with the process */
    fs_unlock(path, fd);
}

static void lock_follows_no_link(void)
{
    const char *target = make_file("lock-target", "x");
    make_link(target, "lock5");
    int fd = -1;
    struct err e = {0};
    CHECK_INT(fs_lock(scratch("lock5"), &fd, &e), -ELOOP);
    CHECK_CONTAINS(e.message, scratch("lock5"));
    CHECK_INT(fs_lock(scratch("missing/lock"), &fd, &e), -ENOENT);
}

static void wait_for_a_free_lock_takes_it(void)
{
    int fd = -1;
    CHECK_INT(fs_lock_wait(scratch("lock6"), -1, &fd, NULL), 0);
    CHECK(fd >= 0);
    fs_unlock(scratch("lock6"), fd);
}

static void wait_for_lock4(void)
{
    int fd = -1;
    CHECK_INT(fd_write_all(held_pipe[1], "w", 1), 0);
    CHECK_INT(fs_lock_wait(scratch("lock4"), -1, &fd, NULL), 0);
    CHECK(is_there(scratch("lock4")));
    fs_unlock(scratch("lock4"), fd);
}

static void wait_ends_when_the_holder_dies(void)
{
    pid_t holder = start_holder();
    pid_t waiter = start_child(wait_for_lock4, false);
    char byte;
    CHECK_INT(read(held_pipe[0], &byte, 1), 1);
    CHECK_INT(waitpid(waiter, NULL, WNOHANG), 0);
    end_holder(holder);
    CHECK(child_passed(waiter));
}

static void wait_ends_when_cancelled(void)
{
    int cancel[2], fd = -7;
    struct err e = {0};
    CHECK_INT(pipe2(cancel, O_CLOEXEC), 0);
    CHECK_INT(fd_write_all(cancel[1], "x", 1), 0);
    pid_t holder = start_holder();
    CHECK_INT(fs_lock_wait(scratch("lock4"), cancel[0], &fd, &e), -ECANCELED);
    CHECK_INT(e.class, ERR_CANCELLED);
    CHECK_CONTAINS(e.message, scratch("lock4"));
    CHECK_INT(fd, -7);
    end_holder(holder);
    fd_close(cancel[0]);
    fd_close(cancel[1]);
}

enum { COUNTERS = 4, COUNTS = 50 };

static void count_under_lock(void)
{
    const char *lock = scratch("lock7"), *file = scratch("counter");
    for (int i = 0; i < COUNTS; i++) {
        int fd = -1;
        CHECK_INT(fs_lock_wait(lock, -1, &fd, NULL), 0);
        struct buf b = BUF_INIT(0);
        CHECK_INT(fs_read_file(file, 100, &b, NULL), 0);
        CLEANUP(mem_freep) char *next = mem_printf("%d", atoi(b.data) + 1);
        scratch_file("counter", next, strlen(next));
        buf_done(&b);
        fs_unlock(lock, fd);
    }
}

static void only_one_process_at_a_time_has_the_lock(void)
{
    make_file("counter", "0");
    pid_t pids[COUNTERS];
    for (int i = 0; i < COUNTERS; i++)
        pids[i] = start_child(count_under_lock, false);
    for (int i = 0; i < COUNTERS; i++)
        CHECK(child_passed(pids[i]));
    struct buf b = BUF_INIT(0);
    CHECK_INT(fs_read_file(scratch("counter"), 100, &b, NULL), 0);
    CHECK_INT(atoi(b.data), COUNTERS * COUNTS);
    buf_done(&b);
}

/* ---- the rest ---- */

static void free_space_is_what_statvfs_says(void)
{
    uint64_t bytes = 0;
    struct statvfs st;
    CHECK_INT(fs_free_space("/proc", &bytes, NULL), 0);
    CHECK_INT(bytes, 0);
    CHECK_INT(fs_free_space("/dev/shm", &bytes, NULL), 0);
    CHECK_INT(statvfs("/dev/shm", &st), 0);
    CHECK(bytes > 0 && bytes <= (uint64_t)st.f_blocks * st.f_frsize);
}

static void free_space_of_a_missing_path_is_an_error(void)
{
    uint64_t bytes = 5;
    struct err e = {0};
    CHECK_INT(fs_free_space(scratch("missing"), &bytes, &e), -ENOENT);
    CHECK_INT(bytes, 5);
    CHECK_CONTAINS(e.message, scratch("missing"));
}

static void exists_tells_files_and_directories(void)
{
    make_link(scratch("missing"), "to-missing");
    CHECK(fs_exists(make_file("there", "")));
    CHECK(fs_exists(scratch_dir));
    CHECK(!fs_exists(scratch("missing")));
    CHECK(!fs_exists(scratch("to-missing")));
}

static void program_dir_is_where_this_program_lies(void)
{
    char exe[PATH_MAX] = "";
    CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
    CLEANUP(mem_freep) char *dir = fs_program_dir();
    size_t len = strlen(dir);
    CHECK(dir[0] == '/' && strncmp(exe, dir, len) == 0 && exe[len] == '/');
    CHECK(!strchr(exe + len + 1, '/'));
}

TEST_MAIN(
    TEST(write_makes_a_private_file_and_leaves_no_other),
    TEST(write_replaces_a_file_of_whatever_length_and_mode),
    TEST(write_flushes_file_then_renames_then_flushes_directory), TEST(write_in_the_working_directory),
    TEST(write_takes_no_offence_at_what_a_crash_left),
    TEST(write_follows_no_link_in_the_temporary_files_place),
    TEST(write_into_a_missing_directory_names_the_path), TEST(write_onto_a_directory_fails_and_leaves_nothing),
    TEST(a_failing_write_keeps_the_old_file_and_leaves_nothing),
    TEST(a_failing_flush_keeps_the_old_file_and_leaves_nothing),
    TEST(a_reader_sees_the_old_file_or_the_new_one), TEST(rename_moves_and_flushes_the_target_directory),
    TEST(rename_of_what_is_missing_names_both), TEST(sync_of_a_missing_directory_names_it),
    TEST(read_gives_the_whole_file), TEST(read_of_an_empty_file_is_an_empty_string),
    TEST(read_obeys_the_limit_exactly), TEST(read_stops_at_the_limit_of_an_endless_file),
    TEST(read_of_a_missing_file_has_no_message), TEST(read_refuses_what_is_no_regular_file),
    TEST(read_of_a_forbidden_file_is_refused), TEST(read_follows_a_link_to_a_file),
    TEST(make_dirs_makes_all_that_are_missing), TEST(make_dirs_leaves_directories_as_they_are),
    TEST(make_dirs_takes_superfluous_slashes), TEST(make_dirs_takes_a_relative_path),
    TEST(make_dirs_goes_through_a_link_to_a_directory), TEST(make_dirs_refuses_a_file_in_the_way),
    TEST(make_dirs_refuses_an_empty_path), TEST(list_is_sorted_and_without_dots),
    TEST(list_of_an_empty_directory_is_empty), TEST(list_has_all_of_a_large_directory),
    TEST(list_of_what_is_no_directory_is_an_error), TEST(remove_of_what_is_missing_is_fine),
    TEST(remove_takes_files_and_trees), TEST(remove_takes_strange_names), TEST(remove_takes_a_large_directory),
    TEST(remove_follows_no_link), TEST(remove_of_a_link_takes_only_the_link),
    TEST(remove_of_a_link_with_a_slash_behind_follows_it_not), TEST(remove_takes_directories_that_forbid_all),
    TEST(a_refused_removal_changes_nothing_outside), TEST(remove_goes_on_after_a_fault_and_tells_it),
    TEST(remove_takes_deep_trees_with_few_descriptors),
    TEST(remove_takes_a_deep_tree_whose_top_has_the_names_for_moved_directories),
    TEST(remove_takes_several_deep_branches), TEST(lock_makes_a_private_file_close_on_exec),
    TEST(lock_is_refused_while_it_is_held), TEST(lock_can_be_taken_after_unlock_which_removes_the_file),
    TEST(lock_is_refused_while_another_process_holds_it), TEST(lock_follows_no_link),
    TEST(wait_for_a_free_lock_takes_it), TEST(wait_ends_when_the_holder_dies), TEST(wait_ends_when_cancelled),
    TEST(only_one_process_at_a_time_has_the_lock), TEST(free_space_is_what_statvfs_says),
    TEST(free_space_of_a_missing_path_is_an_error), TEST(exists_tells_files_and_directories),
    TEST(program_dir_is_where_this_program_lies))
