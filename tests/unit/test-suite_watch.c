#include "sandbox/init/suite_watch.h"

#include "base/mem.h"
#include "scratch.h"

#include <sys/time.h>

/* The tree that is watched: it is made anew for each test. */
static struct strv may_change;
static struct suite_watch watch;
static int number;
static const char *root;

static const char *in_root(const char *name)
{
    CLEANUP(mem_freep) char *path = mem_printf("suite-%d/%s", number, name);
    return scratch(path);
}

static void put(const char *name, const char *text)
{
    CLEANUP(mem_freep) char *path = mem_printf("suite-%d/%s", number, name);
    make_file(path, text);
}

static void make(const char *name)
{
    CLEANUP(mem_freep) char *path = mem_printf("suite-%d/%s", number, name);
    make_dir(path, 0755);
}

/* The kernel's clock for files goes in steps, here and there of some ms: until it has gone on. */
static void wait_for_another_ctime(void)
{
    struct stat before, now;
    make_file("clock", "");
    CHECK_INT(stat(scratch("clock"), &before), 0);
    do {
        CHECK_INT(chmod(scratch("clock"), 0600), 0);
        CHECK_INT(stat(scratch("clock"), &now), 0);
    } while (now.st_ctim.tv_sec == before.st_ctim.tv_sec && now.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
}

static void start(const char *pattern)
{
    CLEANUP(mem_freep) char *name = mem_printf("suite-%d", ++number);
    may_change = (struct strv){0};
    watch = (struct suite_watch){.may_change = &may_change, .news_fd = -1};
    if (pattern)
        strv_split(&may_change, pattern, " ");
    root = make_dir(name, 0755);
    make("tests");
    make("tests/deep");
    make("cache");
    put("run.py", "run");
    put("data", "data");
    put("tests/test_a.py", "a");
    put("tests/deep/words.txt", "words");
    put("cache/old.log", "old");
    CHECK_INT(symlink("data", in_root("link")), 0);
    watch.root = root;
    CHECK_INT(suite_watch_start(&watch, NULL), 0);
    wait_for_another_ctime();
}

/* NULL: nothing has changed. */
static void check_found(const char *want)
{
    char *found = suite_watch_check(&watch);
    if (want)
        CHECK_STR(found, want);
    else if (found)
        TEST_FAIL("%s counts as changed", found);
    free(found);
    suite_watch_done(&watch);
    strv_done(&may_change);
}

static void nothing_has_changed(void)
{
    start(NULL);
    check_found(NULL);
}

static void an_empty_suite(void)
{
    CLEANUP(mem_freep) char *name = mem_printf("suite-%d", ++number);
    root = make_dir(name, 0755);
    may_change = (struct strv){0};
    watch = (struct suite_watch){.may_change = &may_change, .news_fd = -1};
    watch.root = root;
    CHECK_INT(suite_watch_start(&watch, NULL), 0);
    put("new.txt", "x");
    put("new.py", "x");
    check_found("new.py");
}

static void every_file_is_watched(void)
{
    static const char *const files[] = {"run.py", "data", "tests/test_a.py", "tests/deep/words.txt",
                                        "cache/old.log"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        start(NULL);
        put(files[i], "other");
        check_found(files[i]);
    }
}

static void more_files_than_there_was_room_for(void)
{
    CLEANUP(mem_freep) char *name = mem_printf("suite-%d", ++number);
    root = make_dir(name, 0755);
    may_change = (struct strv){0};
    watch = (struct suite_watch){.may_change = &may_change, .news_fd = -1};
    for (int i = 0; i < 500; i++) {
        CLEANUP(mem_freep) char *file = mem_printf("file-%d.py", i);
        put(file, "x");
    }
    watch.root = root;
    CHECK_INT(suite_watch_start(&watch, NULL), 0);
    CHECK_INT(watch.len, 500);
    char *found = suite_watch_check(&watch);
    CHECK(!found);
    CHECK_INT(unlink(in_root("file-437.py")), 0);
    check_found("file-437.py");
}

static void reading_is_no_change(void)
{
    start(NULL);
    check_content(in_root("data"), "data", 4);
    check_found(NULL);
}

static void a_file_that_was_put_back(void)
{
    start(NULL);
    put("data", "other");
    put("data", "data");
    check_found("data");
}

static void a_file_that_was_put_back_with_its_times(void)
{
    struct stat st;
    start(NULL);
    CHECK_INT(stat(in_root("data"), &st), 0);
    put("data", "DATA");
    struct timespec times[] = {st.st_atim, st.st_mtim};
    CHECK_INT(utimensat(AT_FDCWD, in_root("data"), times, 0), 0);
    check_found("data");
}

static void a_file_that_was_replaced_by_its_like(void)
{
    start(NULL);
    put("new", "data");
    CHECK_INT(rename(in_root("new"), in_root("data")), 0);
    check_found("data");
}

static void a_file_that_was_moved_away_and_back(void)
{
    start(NULL);
    CHECK_INT(rename(in_root("data"), in_root("away")), 0);
    CHECK_INT(rename(in_root("away"), in_root("data")), 0);
    check_found("data");
}

static void a_file_that_was_removed(void)
{
    start(NULL);
    CHECK_INT(unlink(in_root("tests/test_a.py")), 0);
    check_found("tests/test_a.py");
}

static void another_mode(void)
{
    start(NULL);
    CHECK_INT(chmod(in_root("run.py"), 0777), 0);
    check_found("run.py");
}

static void another_name_for_it(void)
{
    start(NULL);
    CHECK_INT(link(in_root("data"), in_root("second")), 0);
    check_found("data");
}

static void a_link_that_points_elsewhere(void)
{
    start(NULL);
    CHECK_INT(unlink(in_root("link")), 0);
    CHECK_INT(symlink("run.py", in_root("link")), 0);
    check_found("link");
}

static void a_directory_instead_of_a_file(void)
{
    start(NULL);
    CHECK_INT(unlink(in_root("data")), 0);
    make("data");
    check_found("data");
}

static void the_whole_suite_is_gone(void)
{
    start(NULL);
    CLEANUP(mem_freep) char *away = mem_printf("away-%d", number);
    CHECK_INT(rename(root, scratch(away)), 0);
    check_found("cache/old.log");
}

/* ---- what is new */

static void new_files_that_nobody_runs_are_fine(void)
{
    static const char *const files[] = {"output", "report.xml", "program.c", "program.o",    "a.py.txt",
                                        "spy",    "xsetup.cfg", "cache/v",   "tests/deep/py"};
    start(NULL);
    make(".pytest_cache");
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        put(files[i], "x");
    put(".pytest_cache/README.md", "x");
    check_found(NULL);
}

static void new_files_that_python_or_pytest_would_take(void)
{
    static const char *const files[] = {"new.py",           "tests/new.py",   "cache/x.pyc",
                                        "lib.so",           "x.pth",          "pytest.ini",
                                        "tests/pytest.ini", "tox.ini",        "setup.cfg",
                                        "tests/deep/.py",   "pyproject.toml", "cache/pyproject.toml"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        start(NULL);
        put(files[i], "x");
        check_found(files[i]);
    }
}

static void new_code_in_a_new_directory(void)
{
    start(NULL);
    make("json");
    put("json/__init__.py", "");
    check_found("json/__init__.py");
}

static void code_that_is_not_new_in_any_order_of_names(void)
{
    static const char *const files[] = {"a.py",  "a/x.py", "a-b.py",   "a-b/x.py",
                                        "a0.py", "B.py",   "a/b/c.py", "a/b-c.py"};
    CLEANUP(mem_freep) char *name = mem_printf("suite-%d", ++number);
    root = make_dir(name, 0755);
    may_change = (struct strv){0};
    watch = (struct suite_watch){.may_change = &may_change, .news_fd = -1};
    make("a");
    make("a-b");
    make("a/b");
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        put(files[i], "x");
    watch.root = root;
    CHECK_INT(suite_watch_start(&watch, NULL), 0);
    check_found(NULL);
}

static void a_link_to_new_code(void)
{
    start(NULL);
    CHECK_INT(symlink("/nowhere/x.py", in_root("json.py")), 0);
    check_found("json.py");
}

static void a_link_to_a_package(void)
{
    start(NULL);
    make_dir("package", 0755);
    make_file("package/__init__.py", "x");
    CHECK_INT(symlink(scratch("package"), in_root("json")), 0);
    suite_watch_take_news(&watch);
    CHECK_INT(unlink(in_root("json")), 0);
    check_found("json/./__init__.py");
}

static void a_link_to_what_becomes_a_package(void)
{
    start(NULL);
    make_dir("later", 0755);
    make_file("later/setup.py", "x");
    CHECK_INT(symlink(scratch("later"), in_root("json")), 0);
    suite_watch_take_news(&watch);
    make_file("later/__init__.py", "x");
    CHECK_INT(unlink(scratch("later/__init__.py")), 0);
    check_found("json/./__init__.py");
}

static void a_link_to_nowhere(void)
{
    start(NULL);
    CHECK_INT(symlink("/nowhere", in_root("json")), 0);
    check_found("json");
}

static void code_that_is_there_for_a_moment(void)
{
    start(NULL);
    put("json.py", "x");
    CHECK_INT(unlink(in_root("json.py")), 0);
    check_found("json.py");
}

static void a_directory_for_a_moment(void)
{
    start("cache/*");
    make("pytest-cache-files-1");
    CHECK_INT(rmdir(in_root("pytest-cache-files-1")), 0); /* no name that can be imported */
    make("cache/tmp");
    CHECK_INT(rmdir(in_root("cache/tmp")), 0);
    suite_watch_take_news(&watch);
    CHECK(!watch.found);
    make("json");
    CHECK_INT(rmdir(in_root("json")), 0); /* it may have been a package */
    check_found("json");
}

static void code_in_a_new_directory_for_a_moment(void)
{
    start(NULL);
    make("out");
    suite_watch_take_news(&watch);
    put("out/__init__.py", "x");
    CHECK_INT(unlink(in_root("out/__init__.py")), 0);
    check_found("out/__init__.py");
}

static void a_directory_with_code_that_is_moved_in(void)
{
    start(NULL);
    make_dir("moved", 0755);
    make_file("moved/__init__.py", "x");
    CHECK_INT(rename(scratch("moved"), in_root("json")), 0);
    check_found("json/__init__.py");
}

static void new_files_that_are_no_code(void)
{
    start(NULL);
    make("out");
    put("out/result.txt", "x");
    put("a.out", "x");
    CHECK_INT(unlink(in_root("a.out")), 0);
    check_found(NULL);
}

static void links_to_directories_are_not_followed(void)
{
    start(NULL);
    make_dir("elsewhere", 0755);
    make_file("elsewhere/new.py", "x");
    CHECK_INT(symlink(scratch("elsewhere"), in_root("out")), 0);
    CHECK_INT(symlink(".", in_root("round")), 0);
    check_found(NULL);
}

/* ---- what may change */

static void what_may_change(void)
{
    start("cache/* data");
    put("cache/old.log", "new");
    put("cache/new.py", "x");
    CHECK_INT(unlink(in_root("data")), 0);
    check_found(NULL);
}

static void what_may_change_does_not_cover_the_rest(void)
{
    start("cache/* data");
    put("run.py", "x");
    check_found("run.py");
    start("cache/*");
    put("new.py", "x");
    check_found("new.py");
}

static void a_pattern_is_for_the_whole_path(void)
{
    start("test_a.py words.txt");
    put("tests/test_a.py", "x");
    check_found("tests/test_a.py");
}

static void a_star_matches_slashes_too(void)
{
    start("tests/*");
    put("tests/deep/words.txt", "x");
    check_found(NULL);
}

static void a_suite_that_cannot_be_listed(void)
{
    struct err e = {0};
    CLEANUP(mem_freep) char *name = mem_printf("file-%d", ++number);
    watch = (struct suite_watch){.may_change = &may_change, .news_fd = -1};
    watch.root = make_file(name, "");
    CHECK_INT(suite_watch_start(&watch, &e), -ENOTDIR);
    CHECK_CONTAINS(e.message, "suite");
    suite_watch_done(&watch);
}

TEST_MAIN(TEST(nothing_has_changed), TEST(an_empty_suite), TEST(every_file_is_watched),
          TEST(more_files_than_there_was_room_for), TEST(reading_is_no_change),
          TEST(a_file_that_was_put_back), TEST(a_file_that_was_put_back_with_its_times),
          TEST(a_file_that_was_replaced_by_its_like), TEST(a_file_that_was_moved_away_and_back),
          TEST(a_file_that_was_removed), TEST(another_mode), TEST(another_name_for_it),
          TEST(a_link_that_points_elsewhere), TEST(a_directory_instead_of_a_file),
          TEST(the_whole_suite_is_gone), TEST(new_files_that_nobody_runs_are_fine),
          TEST(new_files_that_python_or_pytest_would_take), TEST(new_code_in_a_new_directory),
          TEST(code_that_is_not_new_in_any_order_of_names), TEST(a_link_to_new_code),
          TEST(a_link_to_a_package), TEST(a_link_to_what_becomes_a_package), TEST(a_link_to_nowhere),
          TEST(code_that_is_there_for_a_moment), TEST(a_directory_for_a_moment),
          TEST(code_in_a_new_directory_for_a_moment), TEST(a_directory_with_code_that_is_moved_in),
          TEST(new_files_that_are_no_code), TEST(links_to_directories_are_not_followed),
          TEST(what_may_change), TEST(what_may_change_does_not_cover_the_rest),
          TEST(a_pattern_is_for_the_whole_path), TEST(a_star_matches_slashes_too),
          TEST(a_suite_that_cannot_be_listed))
