#include "base/fs.h"

#include "base/fd.h"
#include "scratch.h"

#include <stdarg.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Replace unlinkat(2) and openat(2): swap a directory for a link at the worst moment. */
static const char *swapped_after_unlink, *swapped_after_open;

/* Keeps errno. */
static void swap(int dir_fd, const char *name)
{
    int saved = errno;
    renameat(dir_fd, name, dir_fd, "swapped-away");
    if (symlinkat(scratch("outside"), dir_fd, name) < 0)
        abort();
    errno = saved;
}

int unlinkat(int dir_fd, const char *name, int flags)
{
    int r = (int)syscall(SYS_unlinkat, dir_fd, name, flags);
    if (r < 0 && errno == EISDIR && swapped_after_unlink && strcmp(name, swapped_after_unlink) == 0)
        swap(dir_fd, name);
    return r;
}

int openat(int dir_fd, const char *name, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    int r = (int)syscall(SYS_openat, dir_fd, name, flags, flags & O_CREAT ? va_arg(ap, mode_t) : 0);
    va_end(ap);
    if (r < 0 && errno == EACCES && swapped_after_open && strcmp(name, swapped_after_open) == 0)
        swap(dir_fd, name);
    return r;
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
    CHECK_CONTAINS(e.message, scratch("missing"));
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

static void remove_while_it_is_swapped(void)
{
    make_outside();
    make_dir("race", 0700);
    make_dir("race/dir", 0);
    make_dir("race/other", 0);
    swapped_after_unlink = "dir";
    swapped_after_open = "other";
    int r = fs_remove_tree(scratch("race"), NULL);
    swapped_after_unlink = swapped_after_open = NULL;
    CHECK(r < 0);
    check_outside();
    check_removed(scratch("race"));
}

static void remove_follows_no_link_that_takes_a_directorys_place_meanwhile(void)
{
    as_root_and_user(remove_while_it_is_swapped);
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

/* The user cannot change the directory that contains the link: the target must not change. */
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

/* A directory with an entry that cannot be removed: it belongs to root. */
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
    static const char *const names[] = {"user/d11", "user/d11/a", "user/d11/b", "user/d11/b/deep",
                                        "user/d11/z"};
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
            fchmod(fd, 0500); /* cannot be emptied or moved before this changes */
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

/* Directories are moved to such names, which exist already, whatever the order of the scan. */
static void remove_takes_a_deep_tree_whose_top_has_the_names_for_moved_directories(void)
{
    make_outside();
    make_dir("deep", 0700);
    make_deep("deep/moved-up-0", 100);
    make_deep("deep/moved-up-1", 100);
    make_deep("deep/moved-up-2", 100);
    make_file("deep/moved-up-3", "");
    make_dir("deep/moved-up-4", 0700);
    make_link(scratch("outside"), "deep/moved-up-5");
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

TEST_MAIN(TEST(make_dirs_makes_all_that_are_missing), TEST(make_dirs_leaves_directories_as_they_are),
          TEST(make_dirs_takes_superfluous_slashes), TEST(make_dirs_takes_a_relative_path),
          TEST(make_dirs_goes_through_a_link_to_a_directory), TEST(make_dirs_refuses_a_file_in_the_way),
          TEST(make_dirs_refuses_an_empty_path), TEST(list_is_sorted_and_without_dots),
          TEST(list_of_an_empty_directory_is_empty), TEST(list_has_all_of_a_large_directory),
          TEST(list_of_what_is_no_directory_is_an_error), TEST(remove_of_what_is_missing_is_fine),
          TEST(remove_takes_files_and_trees), TEST(remove_takes_strange_names),
          TEST(remove_takes_a_large_directory), TEST(remove_follows_no_link),
          TEST(remove_of_a_link_takes_only_the_link),
          TEST(remove_follows_no_link_that_takes_a_directorys_place_meanwhile),
          TEST(remove_of_a_link_with_a_slash_behind_follows_it_not),
          TEST(remove_takes_directories_that_forbid_all), TEST(a_refused_removal_changes_nothing_outside),
          TEST(remove_goes_on_after_a_fault_and_tells_it), TEST(remove_takes_deep_trees_with_few_descriptors),
          TEST(remove_takes_a_deep_tree_whose_top_has_the_names_for_moved_directories),
          TEST(remove_takes_several_deep_branches))
