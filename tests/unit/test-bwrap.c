#include "sandbox/bwrap.h"

#include "base/fd.h"
#include "base/mem.h"
#include "sandbox/init_protocol.h"
#include "scratch.h"

/* Input and output of each test: the command line, and bwrap's own arguments. */
static struct bwrap_setup setup;
static struct strv sources, places, env, may_change;
static struct bwrap built;
static struct strv args;

static void start(void)
{
    sources = places = env = may_change = args = (struct strv){0};
    setup = (struct bwrap_setup){
        .init = make_file("init", "the program"),
        .src = "/some/src",
        .tests = "/some/tests",
        .channel = "/some/channel",
        .sources = &sources,
        .places = &places,
        .env = &env,
        .may_change = &may_change,
        .disk_bytes = 1000000,
        .inodes = 2000,
        .pids = 30,
        .control_fd = 77,
        .userns_fd = -1,
    };
}

static void add_place(const char *source, const char *place)
{
    strv_push(&sources, source);
    strv_push(&places, place);
}

/* Returns the contents of a descriptor, without moving its offset. */
static struct buf content_of(int fd)
{
    struct buf text = BUF_INIT(1 << 20);
    CHECK_INT(lseek(fd, 0, SEEK_CUR), 0); /* bwrap reads it from the start */
    CHECK_INT(fd_read_all(fd, &text), 0);
    CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
    return text;
}

static void build(void)
{
    struct err e = {0};
    if (bwrap_build(&setup, &built, &e) < 0)
        TEST_FAIL("%s", e.message);
    CHECK_STR(built.argv.items[0], "bwrap");
    CHECK_STR(built.argv.items[1], "--args");
    struct buf text = content_of(atoi(built.argv.items[2]));
    CHECK(text.len > 0 && text.data[text.len - 1] == '\0');
    for (size_t i = 0; i < text.len; i += strlen(text.data + i) + 1)
        strv_push(&args, text.data + i);
    buf_done(&text);
}

static void finish(void)
{
    bwrap_done(&built);
    strv_done(&sources);
    strv_done(&places);
    strv_done(&env);
    strv_done(&may_change);
    strv_done(&args);
}

/* Returns the index of these consecutive words (NULL: any word); -1: none. */
static ssize_t find(const struct strv *in, const char *a, const char *b, const char *c)
{
    const char *words[] = {a, b, c};
    for (size_t i = 0; i < in->len; i++) {
        size_t n = 0;
        while (n < 3 && (!words[n] || (i + n < in->len && strcmp(in->items[i + n], words[n]) == 0)))
            n++;
        if (n == 3)
            return (ssize_t)i;
    }
    return -1;
}

static bool has(const char *a, const char *b, const char *c)
{
    return find(&args, a, b, c) >= 0;
}

static size_t count(const char *word)
{
    size_t n = 0;
    for (size_t i = 0; i < args.len; i++)
        n += strcmp(args.items[i], word) == 0;
    return n;
}

/* ---- what is unshared and dropped */

static void all_namespaces_are_new(void)
{
    static const char *const words[] = {"--unshare-user", "--unshare-ipc",        "--unshare-pid",
                                        "--unshare-uts",  "--unshare-cgroup-try", "--unshare-net"};
    start();
    build();
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        CHECK_INT(count(words[i]), 1);
    finish();
}

static void it_ends_with_us_and_has_no_terminal_of_ours(void)
{
    start();
    build();
    CHECK(has("--die-with-parent", NULL, NULL));
    CHECK(has("--new-session", NULL, NULL));
    CHECK(has("--as-pid-1", NULL, NULL));
    finish();
}

static void a_few_capabilities_are_left_for_init(void)
{
    start();
    build();
    CHECK(has("--cap-drop", "ALL", NULL));
    CHECK_INT(count("--cap-add"), 6);
    static const char *const names[] = {"CAP_SYS_RESOURCE", "CAP_SETPCAP", "CAP_CHOWN", "CAP_DAC_OVERRIDE",
                                        "CAP_FOWNER"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        CHECK(has("--cap-add", names[i], NULL));
    CHECK(find(&args, "--cap-drop", NULL, NULL) < find(&args, "--cap-add", "CAP_SYS_ADMIN", NULL));
    finish();
}

/* Created by us, since it maps more users than bwrap can. */
static void a_user_namespace_that_is_given_is_joined(void)
{
    start();
    setup.userns_fd = 88;
    build();
    CHECK_INT(count("--unshare-user"), 0);
    CHECK(has("--userns", "88", NULL));
    CHECK(find(&built.argv, "--close", "88", NULL) >= 0); /* bwrap does not close it, init does */
    finish();
}

static void the_user_inside_is_the_student(void)
{
    start();
    build();
    CHECK(has("--uid", "1000", NULL));
    CHECK(has("--gid", "1000", NULL));
    CHECK(has("--hostname", "ostest", NULL));
    finish();
}

static void the_hosts_network_if_asked_for(void)
{
    start();
    setup.host_network = true;
    setup.etc = "/some/etc";
    build();
    CHECK_INT(count("--unshare-net"), 0);
    CHECK(find(&args, "/some/etc", NULL, NULL) < find(&args, "/etc/resolv.conf", NULL, NULL));
    CHECK(has("--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"));
    CHECK(has("--ro-bind-try", "/etc/nsswitch.conf", "/etc/nsswitch.conf"));
    finish();
}

static void nothing_of_the_network_otherwise(void)
{
    start();
    build();
    CHECK(!has("--ro-bind-try", "/etc/resolv.conf", NULL));
    CHECK(!has("--ro-bind-try", "/etc/nsswitch.conf", NULL));
    finish();
}

/* ---- what is seen */

static void nothing_can_be_written(void)
{
    start();
    add_place("/opt/python", "/opt/python");
    build();
    CHECK_INT(count("--bind"), 0);
    CHECK_INT(count("--bind-try"), 0);
    CHECK_INT(count("--tmpfs"), 0);
    CHECK_INT(count("--dev"), 0);
    CHECK(has("--ro-bind", "/usr", "/usr"));
    CHECK(has("--remount-ro", "/", NULL));
    finish();
}

static void the_root_becomes_read_only_after_all_mounts(void)
{
    start();
    add_place("/opt/python", "/opt/python");
    build();
    ssize_t last = find(&args, "--remount-ro", "/", NULL);
    for (size_t i = (size_t)last + 2; i < args.len; i++)
        CHECK(!strstr(args.items[i], "bind") && strcmp(args.items[i], "--dir") &&
              strcmp(args.items[i], "--symlink"));
    finish();
}

static void only_harmless_devices_are_there(void)
{
    static const char *const devices[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                          "/dev/random", "/dev/urandom", "/dev/tty"};
    start();
    build();
    CHECK_INT(count("--dev-bind"), ARRAY_LEN(devices));
    for (size_t i = 0; i < ARRAY_LEN(devices); i++)
        CHECK(has("--dev-bind", devices[i], devices[i]));
    finish();
}

static void both_trees_are_leaves(void)
{
    start();
    build();
    CHECK(has("--ro-bind", "/some/src", BOX_LEAF_SRC));
    CHECK(has("--ro-bind", "/some/tests", BOX_LEAF_TESTS));
    CHECK(has("--ro-bind", "/some/channel", BOX_CHANNEL));
    finish();
}

static void what_is_not_given_is_left_out(void)
{
    start();
    setup.src = setup.tests = setup.channel = NULL;
    build();
    CHECK(find(&args, BOX_LEAF_SRC, NULL, NULL) < 0);
    CHECK(find(&args, BOX_LEAF_TESTS, NULL, NULL) < 0);
    CHECK(find(&args, BOX_CHANNEL, NULL, NULL) < 0);
    finish();
}

static void places_are_seen_at_their_own_path(void)
{
    start();
    add_place("/staged/0", "/var/cache/envs/1");
    add_place("/staged/1", "/tmporary/python");
    add_place("/staged/2", "/device");
    add_place("/staged/3", "/boxes/python");
    build();
    CHECK(has("--ro-bind", "/staged/0", "/var/cache/envs/1"));
    CHECK(has("--ro-bind", "/staged/1", "/tmporary/python"));
    CHECK(has("--ro-bind", "/staged/2", "/device"));
    CHECK(has("--ro-bind", "/staged/3", "/boxes/python"));
    CHECK(find(&built.argv, "--link", NULL, NULL) < 0);
    finish();
}

static void places_that_would_be_covered_get_a_link(void)
{
    static const char *const covered[] = {"/tmp/python", "/dev/shm/python", "/box/python"};
    start();
    add_place("/opt", "/opt");
    for (size_t i = 0; i < ARRAY_LEN(covered); i++)
        add_place(covered[i], covered[i]);
    build();
    for (size_t i = 0; i < ARRAY_LEN(covered); i++) {
        CLEANUP(mem_freep) char *inside = mem_printf(BOX_PLACES "/%zu", i + 1);
        CHECK(has("--ro-bind", covered[i], inside));
        CHECK(find(&built.argv, "--link", inside, covered[i]) > 0);
    }
    CHECK(!has("--ro-bind", "/tmp/python", "/tmp/python"));
    finish();
}

static int data_fd(const char *path, const char *mode)
{
    for (size_t i = 4; i < args.len; i++)
        if (strcmp(args.items[i], path) == 0 && strcmp(args.items[i - 2], "--ro-bind-data") == 0) {
            CHECK_STR(args.items[i - 4], "--perms");
            CHECK_STR(args.items[i - 3], mode);
            return atoi(args.items[i - 1]);
        }
    TEST_FAIL("no %s", path);
}

static void etc_is_one_mount(void)
{
    start();
    setup.etc = "/some/etc";
    build();
    CHECK(has("--ro-bind", "/some/etc", "/etc"));
    for (size_t i = 0; i < args.len; i++)
        CHECK(strncmp(args.items[i], "/etc/", strlen("/etc/")) != 0);
    finish();
}

static void init_is_our_program(void)
{
    start();
    build();
    struct buf text = content_of(data_fd("/init", "0555"));
    CHECK_STR(text.data, "the program");
    buf_done(&text);
    finish();
}

/* ---- the environment */

static void the_environment_is_what_is_given(void)
{
    start();
    strv_push(&env, "PATH=/usr/bin:/bin");
    strv_push(&env, "EMPTY=");
    strv_push(&env, "EQUALS=a=b c\n");
    build();
    CHECK_INT(count("--clearenv"), 1);
    CHECK_INT(count("--setenv"), 3);
    CHECK(has("--setenv", "PATH", "/usr/bin:/bin"));
    CHECK(has("--setenv", "EMPTY", ""));
    CHECK(has("--setenv", "EQUALS", "a=b c\n"));
    CHECK(find(&args, "--clearenv", NULL, NULL) < find(&args, "--setenv", NULL, NULL));
    finish();
}

static void nothing_of_it_is_on_the_command_line(void)
{
    start();
    strv_push(&env, "SECRET=word");
    build();
    for (size_t i = 0; i < built.argv.len; i++)
        CHECK(!strstr(built.argv.items[i], "word"));
    finish();
}

/* ---- the command line of ostest-init */

static void init_gets_its_numbers_and_patterns(void)
{
    static const char *const want[] = {BOX_INIT,       "77",    "1000000",      "2000",  "30",
                                       "--may-change", "*.log", "--may-change", "a b/*", "--"};
    start();
    strv_push(&may_change, "*.log");
    strv_push(&may_change, "a b/*");
    build();
    CHECK_INT(built.argv.len, 3 + ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        CHECK_STR(built.argv.items[3 + i], want[i]);
    finish();
}

/* ---- descriptors */

static void descriptors_are_close_on_exec_and_closed_in_the_end(void)
{
    start();
    int before = count_open_files();
    build();
    CHECK_INT(count_open_files(), before + built.fds_len);
    CHECK(built.fds_len > 0 && built.fds_len <= BWRAP_MAX_FDS);
    for (int i = 0; i < built.fds_len; i++)
        CHECK_INT(fcntl(built.fds[i], F_GETFD), FD_CLOEXEC);
    finish();
    CHECK_INT(count_open_files(), before);
}

static bool is_kept(const char *number)
{
    for (int i = 0; i < built.fds_len; i++)
        if (built.fds[i] == atoi(number))
            return true;
    return false;
}

static void every_descriptor_that_is_named_is_kept(void)
{
    start();
    build();
    int named = 1;
    CHECK(is_kept(built.argv.items[2]));
    for (size_t i = 0; i + 1 < args.len; i++) {
        if (strcmp(args.items[i], "--ro-bind-data") != 0 && strcmp(args.items[i], "--seccomp") != 0)
            continue;
        CHECK(is_kept(args.items[i + 1]));
        named++;
    }
    CHECK_INT(named, built.fds_len);
    CHECK_INT(count("--seccomp"), 1);
    finish();
}

static void without_the_program_nothing_is_left_open(void)
{
    struct err e = {0};
    start();
    setup.init = scratch("missing");
    int before = count_open_files();
    CHECK_INT(bwrap_build(&setup, &built, &e), -ENOENT);
    CHECK_CONTAINS(e.message, setup.init);
    CHECK_INT(count_open_files(), before);
}

TEST_MAIN(TEST(all_namespaces_are_new), TEST(it_ends_with_us_and_has_no_terminal_of_ours),
          TEST(a_few_capabilities_are_left_for_init), TEST(a_user_namespace_that_is_given_is_joined),
          TEST(the_user_inside_is_the_student), TEST(the_hosts_network_if_asked_for),
          TEST(nothing_of_the_network_otherwise), TEST(nothing_can_be_written),
          TEST(the_root_becomes_read_only_after_all_mounts), TEST(only_harmless_devices_are_there),
          TEST(both_trees_are_leaves), TEST(what_is_not_given_is_left_out),
          TEST(places_are_seen_at_their_own_path), TEST(places_that_would_be_covered_get_a_link),
          TEST(etc_is_one_mount), TEST(init_is_our_program), TEST(the_environment_is_what_is_given),
          TEST(nothing_of_it_is_on_the_command_line), TEST(init_gets_its_numbers_and_patterns),
          TEST(descriptors_are_close_on_exec_and_closed_in_the_end),
          TEST(every_descriptor_that_is_named_is_kept), TEST(without_the_program_nothing_is_left_open))
