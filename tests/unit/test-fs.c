#include "base/fs.h"

#include "base/fd.h"
#include "scratch.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

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
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0); /* arm64 has no SYS_rename */
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

static void a_plain_write_replaces_what_is_there_and_leaves_no_part(void)
{
    const char *path = scratch("plain");
    struct err e = {0};
    calls[0] = '\0';
    CHECK_INT(fs_write_plain(path, "first and long", 14, &e), 0);
    CHECK_INT(fs_write_plain(path, "second", 6, &e), 0);
    check_content(path, "second", 6);
    CHECK_INT(mode_of(path), 0600);
    CHECK_STR(calls, ""); /* no flush */
    CHECK_INT(fs_write_plain(scratch("none/plain"), "x", 1, &e), -ENOENT);
    CHECK_CONTAINS(e.message, "none/plain");
    struct rlimit all, few;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &all);
    few = (struct rlimit){3, all.rlim_max};
    setrlimit(RLIMIT_FSIZE, &few);
    int r = fs_write_plain(path, "too long", 8, &e);
    setrlimit(RLIMIT_FSIZE, &all);
    CHECK_INT(r, -EFBIG);
    CHECK(!is_there(path));
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
    check_unreadable(fifo, -EINVAL); /* without waiting for a writer */
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

/* ---- the rest ---- */

static void free_space_is_what_statvfs_says(void)
{
    struct fs_room room = {0};
    struct statvfs st;
    CHECK_INT(fs_free_space("/proc", &room, NULL), 0);
    CHECK_INT(room.bytes, 0);
    CHECK(room.files == UINT64_MAX); /* does not count files */
    CHECK_INT(fs_free_space("/dev/shm", &room, NULL), 0);
    CHECK_INT(statvfs("/dev/shm", &st), 0);
    CHECK(room.bytes > 0 && room.bytes <= (uint64_t)st.f_blocks * st.f_frsize);
    CHECK(room.files > 0 && room.files <= st.f_files);
}

static void a_disk_is_full_before_nothing_is_left(void)
{
    CHECK(!fs_is_full(&(struct fs_room){1 << 20, 16}));
    CHECK(!fs_is_full(&(struct fs_room){UINT64_MAX, UINT64_MAX}));
    CHECK(fs_is_full(&(struct fs_room){(1 << 20) - 1, UINT64_MAX}));
    CHECK(fs_is_full(&(struct fs_room){UINT64_MAX, 15}));
    CHECK(fs_is_full(&(struct fs_room){0, 0}));
}

static void free_space_of_a_missing_path_is_an_error(void)
{
    struct fs_room room = {.bytes = 5};
    struct err e = {0};
    CHECK_INT(fs_free_space(scratch("missing"), &room, &e), -ENOENT);
    CHECK_INT(room.bytes, 5);
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

TEST_MAIN(TEST(write_makes_a_private_file_and_leaves_no_other),
          TEST(write_replaces_a_file_of_whatever_length_and_mode),
          TEST(write_flushes_file_then_renames_then_flushes_directory), TEST(write_in_the_working_directory),
          TEST(write_takes_no_offence_at_what_a_crash_left),
          TEST(write_follows_no_link_in_the_temporary_files_place),
          TEST(a_plain_write_replaces_what_is_there_and_leaves_no_part),
          TEST(write_into_a_missing_directory_names_the_path),
          TEST(write_onto_a_directory_fails_and_leaves_nothing),
          TEST(a_failing_write_keeps_the_old_file_and_leaves_nothing),
          TEST(a_failing_flush_keeps_the_old_file_and_leaves_nothing),
          TEST(a_reader_sees_the_old_file_or_the_new_one),
          TEST(rename_moves_and_flushes_the_target_directory), TEST(rename_of_what_is_missing_names_both),
          TEST(sync_of_a_missing_directory_names_it), TEST(read_gives_the_whole_file),
          TEST(read_of_an_empty_file_is_an_empty_string), TEST(read_obeys_the_limit_exactly),
          TEST(read_stops_at_the_limit_of_an_endless_file), TEST(read_of_a_missing_file_has_no_message),
          TEST(read_refuses_what_is_no_regular_file), TEST(read_of_a_forbidden_file_is_refused),
          TEST(read_follows_a_link_to_a_file), TEST(free_space_is_what_statvfs_says),
          TEST(a_disk_is_full_before_nothing_is_left), TEST(free_space_of_a_missing_path_is_an_error),
          TEST(exists_tells_files_and_directories), TEST(program_dir_is_where_this_program_lies))
