#include "base/copytree.h"

#include "base/fd.h"
#include "scratch.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Copies "from" to "to" and fails the test if that fails. */
static void copy(void)
{
    struct err e = {0};
    int before = count_open_files();
    if (copytree(scratch("from"), scratch("to"), &e) < 0)
        TEST_FAIL("%s", e.message);
    CHECK_INT(count_open_files(), before);
}

static void check_refused(int want, const char *part)
{
    struct err e = {0};
    int before = count_open_files();
    CHECK_INT(copytree(scratch("from"), scratch("to"), &e), want);
    CHECK_CONTAINS(e.message, part);
    CHECK_INT(count_open_files(), before);
}

/* Removes both trees; not by the module's own sibling, so that this test stands alone. */
static void clean(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", scratch("from"), scratch("to"), (char *)NULL);
        _exit(127);
    }
    CHECK(child_passed(pid));
}

static void check_link(const char *name, const char *want)
{
    char target[PATH_MAX] = "";
    CHECK(readlink(scratch(name), target, sizeof(target) - 1) > 0);
    CHECK_STR(target, want);
}

static void a_tree_is_copied_with_all_below(void)
{
    make_dir("from", 0700);
    make_dir("from/a", 0700);
    make_dir("from/a/b", 0700);
    make_dir("from/empty", 0700);
    make_file("from/file", "one");
    make_file("from/a/b/.hidden", "two");
    make_file("from/a/nothing", "");
    copy();
    check_content(scratch("to/file"), "one", 3);
    check_content(scratch("to/a/b/.hidden"), "two", 3);
    check_content(scratch("to/a/nothing"), "", 0);
    CHECK(is_there(scratch("to/empty")));
    check_content(scratch("from/file"), "one", 3);
    clean();
}

static void large_and_binary_files_are_copied_whole(void)
{
    enum { LEN = 300001 };
    static char data[LEN];
    for (size_t i = 0; i < LEN; i++)
        data[i] = (char)(i * 2654435761u >> 11);
    make_dir("from", 0700);
    scratch_file("from/file", data, LEN);
    copy();
    check_content(scratch("to/file"), data, LEN);
    clean();
}

static void modes_of_files_are_kept_whatever_the_umask(void)
{
    make_dir("from", 0700);
    static const struct {
        const char *from, *to;
        mode_t mode;
    } files[] = {{"from/1", "to/1", 0755},
                 {"from/2", "to/2", 0600},
                 {"from/3", "to/3", 0444},
                 {"from/4", "to/4", 0666}};
    for (size_t i = 0; i < 4; i++)
        chmod(make_file(files[i].from, "x"), files[i].mode);
    mode_t old = umask(077);
    copy();
    umask(old);
    for (size_t i = 0; i < 4; i++)
        CHECK_INT(mode_of(scratch(files[i].to)), files[i].mode);
    clean();
}

static void times_of_change_are_kept(void)
{
    make_dir("from", 0700);
    const char *path = make_file("from/file", "x");
    const struct timespec times[] = {{1000000000, 5}, {1234567890, 123456789}};
    CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0);
    copy();
    struct stat st;
    CHECK_INT(stat(scratch("to/file"), &st), 0);
    CHECK_INT(st.st_mtim.tv_sec, 1234567890);
    CHECK_INT(st.st_mtim.tv_nsec, 123456789);
    clean();
}

static void links_are_copied_as_links(void)
{
    make_dir("from", 0700);
    make_file("outside", "outside");
    make_link(scratch("outside"), "from/to-file");
    make_link("..", "from/to-dir");
    make_link("nowhere at all", "from/dangling");
    copy();
    check_link("to/to-file", scratch("outside"));
    check_link("to/to-dir", "..");
    check_link("to/dangling", "nowhere at all");
    clean();
}

static void strange_names_are_copied(void)
{
    make_dir("from", 0700);
    make_file("from/new\nline", "1");
    make_file("from/\xff", "2");
    make_file("from/-rf", "3");
    copy();
    check_content(scratch("to/new\nline"), "1", 1);
    check_content(scratch("to/\xff"), "2", 1);
    check_content(scratch("to/-rf"), "3", 1);
    clean();
}

static void a_missing_tree_is_an_error(void)
{
    check_refused(-ENOENT, scratch("from"));
    CHECK(!is_there(scratch("to")));
}

static void what_is_there_already_is_not_overwritten(void)
{
    make_dir("from", 0700);
    make_dir("to", 0700);
    make_file("to/file", "keep");
    make_file("from/file", "new");
    check_refused(-EEXIST, scratch("to"));
    check_content(scratch("to/file"), "keep", 4);
    clean();
}

static void a_link_in_the_targets_place_is_not_followed(void)
{
    make_dir("from", 0700);
    make_file("from/file", "x");
    make_dir("elsewhere", 0700);
    make_link(scratch("elsewhere"), "to");
    check_refused(-EEXIST, scratch("to"));
    CHECK(!is_there(scratch("elsewhere/file")));
    clean();
}

static void other_kinds_of_files_are_refused_by_name(void)
{
    make_dir("from", 0700);
    CHECK_INT(mkfifo(scratch("from/fifo"), 0600), 0);
    check_refused(-EINVAL, scratch("from/fifo")); /* and does not wait for a writer */
    clean();
    make_dir("from", 0700);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CHECK(strlen(scratch("from/socket")) < sizeof(address.sun_path));
    strcpy(address.sun_path, scratch("from/socket"));
    CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    check_refused(-EINVAL, scratch("from/socket"));
    close(fd);
    clean();
}

static void copy_a_forbidden_file(void)
{
    make_dir("from", 0700);
    chmod(make_file("from/forbidden", "x"), 0);
    if (geteuid() == 0)
        copy();
    else
        check_refused(-EACCES, scratch("from/forbidden"));
    clean();
}

static void a_forbidden_file_is_an_error(void)
{
    as_root_and_user(copy_a_forbidden_file);
}

static void copy_a_forbidden_directory(void)
{
    make_dir("from", 0700);
    make_dir("from/forbidden", 0);
    if (geteuid() != 0)
        check_refused(-EACCES, scratch("from/forbidden"));
    chmod(scratch("from/forbidden"), 0700);
    clean();
}

static void a_forbidden_directory_is_an_error(void)
{
    as_root_and_user(copy_a_forbidden_directory);
}

static void make_deep(int levels)
{
    int fd = open(make_dir("from", 0700), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < levels; i++) {
        CHECK_INT(mkdirat(fd, "d", 0700), 0);
        int below = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fd_close(fd);
        fd = below;
    }
    fd_close(fd);
}

static void copy_200_levels_with_few_descriptors(void)
{
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 64});
    make_deep(200);
    copy();
    clean();
}

static void deep_trees_need_no_more_descriptors(void)
{
    CHECK(passes_in_child(copy_200_levels_with_few_descriptors));
}

static void a_tree_that_is_too_deep_is_refused(void)
{
    make_deep(300);
    check_refused(-ELOOP, "too deeply");
    clean();
}

static void trees_are_copied_from_another_file_system(void)
{
    char shm[] = "/dev/shm/ostest-unit-XXXXXX", path[64];
    struct stat a, b;
    if (!mkdtemp(shm) || stat(shm, &a) < 0 || stat(scratch_dir, &b) < 0)
        TEST_FAIL("%s: %s", shm, strerror(errno));
    snprintf(path, sizeof(path), "%s/file", shm);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK_INT(fd_write_all(fd, "from memory", 11), 0);
    fd_close(fd);
    struct err e = {0};
    int r = copytree(shm, scratch("to"), &e);
    unlink(path);
    rmdir(shm);
    if (r < 0)
        TEST_FAIL("%s", e.message);
    check_content(scratch("to/file"), "from memory", 11);
    if (a.st_dev == b.st_dev)
        printf("# both were on one file system\n");
    clean();
}

TEST_MAIN(TEST(a_tree_is_copied_with_all_below), TEST(large_and_binary_files_are_copied_whole),
          TEST(modes_of_files_are_kept_whatever_the_umask), TEST(times_of_change_are_kept),
          TEST(links_are_copied_as_links), TEST(strange_names_are_copied), TEST(a_missing_tree_is_an_error),
          TEST(what_is_there_already_is_not_overwritten), TEST(a_link_in_the_targets_place_is_not_followed),
          TEST(other_kinds_of_files_are_refused_by_name), TEST(a_forbidden_file_is_an_error),
          TEST(a_forbidden_directory_is_an_error), TEST(deep_trees_need_no_more_descriptors),
          TEST(a_tree_that_is_too_deep_is_refused), TEST(trees_are_copied_from_another_file_system))
