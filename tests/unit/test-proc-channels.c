/* proc_run() for a sandbox: descriptors and groups of the child, channels, memory, another user. */

#include "script.h"

#include <sys/socket.h>

/* Data read by a channel. */
static char taken[MEGABYTE];
static size_t taken_len, takes;
static int last_fd;

static bool take(int fd, void *data)
{
    ssize_t n;
    takes++;
    last_fd = fd;
    CHECK(data == taken);
    while ((n = read(fd, taken + taken_len, sizeof(taken) - taken_len)) > 0)
        taken_len += (size_t)n;
    return n < 0 && errno == EAGAIN;
}

/* Returns the child's end of a channel; close_channel() closes both. */
static int ends[2];
static void open_channel(int index)
{
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    run.setup.keep_fds = &ends[1];
    run.setup.keep_fds_len = 1;
    run.channels[index] = (struct proc_channel){.fd = ends[0], .take = take, .data = taken};
    memset(taken, 0, sizeof(taken));
    taken_len = takes = 0;
}

static void close_channel(void)
{
    close(ends[0]);
    close(ends[1]);
}

/* A script that finds the channel's descriptor in $CHANNEL. */
static void prepare_for_channel(int index, const char *script)
{
    prepare(script);
    open_channel(index);
    strv_pushf(&env, "CHANNEL=%d", ends[1]);
}

static void what_a_child_writes_to_a_channel_is_taken(void)
{
    for (int index = 0; index < PROC_CHANNELS; index++) {
        prepare_for_channel(index, "echo one >&$CHANNEL; echo two >&$CHANNEL; echo out");
        go();
        CHECK_STR(taken, "one\ntwo\n");
        CHECK_INT(last_fd, ends[0]);
        check_out("out\n");
        close_channel();
        finish();
    }
}

/* The child waits for the answer, so the channel is read while it runs. */
static bool answer(int fd, void *data)
{
    bool more = take(fd, data);
    if (taken_len)
        CHECK_INT(write(ends[0], "yes\n", 4), 4);
    return more;
}

static void a_channel_is_read_while_the_child_runs(void)
{
    prepare_for_channel(1, "echo question >&$CHANNEL; read a <&$CHANNEL; echo $a");
    CHECK_INT(fcntl(ends[1], F_SETFL, 0), 0); /* the shell cannot handle EAGAIN */
    run.channels[1].take = answer;
    run.timeout_ms = 20000;
    go();
    check_out("yes\n");
    CHECK(!run.timed_out);
    close_channel();
    finish();
}

/* Other descriptors to wait for while the channel's own is silent. */
static int more[PROC_MORE_FDS];

static bool answer_more(int fd, void *data)
{
    (void)fd;
    return answer(more[PROC_MORE_FDS - 1], data);
}

static void a_channel_may_have_more_descriptors(void)
{
    int silent[2];
    prepare_for_channel(1, "echo question >&$CHANNEL; read a <&$CHANNEL; echo $a");
    CHECK_INT(fcntl(ends[1], F_SETFL, 0), 0);
    CHECK_INT(pipe2(silent, O_CLOEXEC), 0);
    for (size_t i = 0; i < PROC_MORE_FDS; i++)
        more[i] = -1;
    more[PROC_MORE_FDS - 1] = ends[0];
    run.channels[1] = (struct proc_channel){silent[0], answer_more, taken, more};
    run.timeout_ms = 20000;
    go();
    check_out("yes\n");
    CHECK(!run.timed_out);
    close(silent[0]);
    close(silent[1]);
    close_channel();
    finish();
}

static bool take_and_end(int fd, void *data)
{
    run.end_now = true;
    return take(fd, data);
}

static void a_channel_may_end_the_child(void)
{
    prepare_for_channel(0, "echo enough >&$CHANNEL; sleep 1000");
    run.channels[0].take = take_and_end;
    run.timeout_ms = 20000;
    go();
    CHECK_STR(taken, "enough\n");
    CHECK(!run.timed_out && !run.exited);
    close_channel();
    finish();
}

static bool take_late(int fd, void *data)
{
    return run.exited ? take(fd, data) : true;
}

/* The last message is in the channel after the child has ended. */
static void what_is_there_at_the_end_is_taken(void)
{
    prepare_for_channel(0, "exit 0");
    run.channels[0].take = take_late;
    CHECK_INT(write(ends[1], "left", 4), 4);
    go();
    CHECK_STR(taken, "left");
    close_channel();
    finish();
}

static void a_channel_of_which_nothing_more_will_come_is_left_alone(void)
{
    prepare_for_channel(0, "echo done");
    close(ends[1]);
    ends[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
    go();
    CHECK_INT(takes, 1);
    check_out("done\n");
    close_channel();
    finish();
}

static void channels_that_are_none(void)
{
    prepare("echo out");
    run.channels[0] = (struct proc_channel){.fd = -1};
    go();
    check_out("out\n");
    finish();
}

static void more_than_a_channel_holds(void)
{
    prepare_for_channel(0, "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; "
                           "i=$((i+1)); done >&$CHANNEL");
    CHECK_INT(fcntl(ends[1], F_SETFL, 0), 0);
    go();
    CHECK_INT(taken_len, 3000 * 41);
    close_channel();
    finish();
}

/* ---- descriptors */

static void only_the_descriptors_that_are_kept_are_inherited(void)
{
    int kept[] = {open("/dev/null", O_RDWR | O_CLOEXEC), open("/dev/zero", O_RDWR | O_CLOEXEC)};
    int other = open("/dev/full", O_RDWR);
    prepare("for f in /proc/self/fd/*; do readlink $f; done");
    run.setup.keep_fds = kept;
    run.setup.keep_fds_len = ARRAY_LEN(kept);
    go();
    CHECK_CONTAINS(run.out.buf.data, "/dev/zero\n");
    CHECK(!strstr(run.out.buf.data, "/dev/full"));
    CHECK_INT(fcntl(kept[0], F_GETFD), FD_CLOEXEC); /* for the child only */
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        close(kept[i]);
    close(other);
    finish();
}

static void kept_descriptors_have_their_numbers(void)
{
    prepare("");
    int file = open(scratch_file("kept", "content\n", 8), O_RDONLY | O_CLOEXEC);
    int fd = fcntl(file, F_DUPFD_CLOEXEC, 9);
    close(file);
    CHECK_INT(fd, 9);
    free(args.items[2]);
    args.items[2] = mem_strdup("cat <&9");
    run.setup.keep_fds = &fd;
    run.setup.keep_fds_len = 1;
    go();
    check_out("content\n");
    close(fd);
    finish();
}

/* ---- groups */

static void a_child_writes_itself_into_its_groups(void)
{
    int fds[] = {-1, open(scratch("group-1"), O_RDWR | O_CREAT | O_CLOEXEC, 0600), -1,
                 open(scratch("group-2"), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    prepare("for f in /proc/$$/fd/*; do readlink $f; done");
    run.setup.entry_fds = fds;
    run.setup.entry_fds_len = ARRAY_LEN(fds);
    go();
    check_content(scratch("group-1"), "0", 1);
    check_content(scratch("group-2"), "0", 1);
    CHECK(!strstr(run.out.buf.data, "group-"));
    close(fds[1]);
    close(fds[3]);
    finish();
}

static void a_group_that_refuses_keeps_the_child_from_running(void)
{
    struct err e = {0};
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    prepare("echo ran >$FIFO.ran");
    run.setup.entry_fds = &fd;
    run.setup.entry_fds_len = 1;
    CHECK_INT(proc_run(&run, &e), -ENOSPC);
    CHECK_CONTAINS(e.message, "Cannot start sh");
    CLEANUP(mem_freep) char *path = mem_printf("%s.ran", scratch("fifo"));
    CHECK(!is_there(path));
    close(fd);
    finish();
}

static void a_place_to_be_born_in_that_is_none(void)
{
    int entry = open(scratch("group-3"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int dir = open(scratch_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    prepare("echo out");
    run.setup.into_fd = dir; /* no control group: entered later */
    run.setup.into_entry_fd = entry;
    go();
    check_out("out\n");
    check_content(scratch("group-3"), "0", 1);
    close(dir);
    close(entry);
    finish();
}

/* ---- what is done before the program */

static int prepare_child(void *data)
{
    return chdir(data) < 0 ? -errno : 0;
}

static int refuse(void *data)
{
    return -EXDEV;
}

static void a_function_runs_in_the_child_first(void)
{
    prepare("pwd");
    run.setup.prepare = prepare_child;
    run.setup.prepare_data = (void *)"/usr";
    go();
    check_out("/usr\n");
    CLEANUP(mem_freep) char *here = realpath(".", NULL);
    CHECK(strcmp(here, "/usr") != 0);
    finish();
}

static void what_it_cannot_do_is_the_error(void)
{
    struct err e = {0};
    prepare("echo ran");
    run.setup.prepare = refuse;
    CHECK_INT(proc_run(&run, &e), -EXDEV);
    CHECK(!run.out.buf.len);
    finish();
}

/* ---- memory */

static void a_child_over_its_memory_is_ended(void)
{
    prepare("trap 'exit 9' TERM; x=$(head -c 60000000 /dev/zero | tr '\\0' x); while :; do :; done");
    run.sample_ms = 10;
    run.rss_limit_bytes = 30 << 20;
    run.timeout_ms = run.grace_ms = 60000; /* sh runs its trap after reading all of x */
    go();
    CHECK(run.over_rss && !run.timed_out);
    CHECK(run.peak.rss_bytes > 30 << 20);
    CHECK_INT(run.status, 9); /* SIGTERM came first */
    finish();
}

static void the_memory_of_all_processes_counts_together(void)
{
    prepare("hog() { x=$(head -c 20000000 /dev/zero | tr '\\0' x); while :; do :; done; }; hog & hog & hog & "
            "wait");
    run.sample_ms = 10;
    run.rss_limit_bytes = 50 << 20;
    run.timeout_ms = 60000;
    go();
    CHECK(run.over_rss && !run.timed_out);
    finish();
}

static void a_child_below_it_runs_to_its_end(void)
{
    prepare("x=$(head -c 1000000 /dev/zero | tr '\\0' x); echo ${#x}");
    run.sample_ms = 1;
    run.rss_limit_bytes = 200 << 20;
    go();
    check_out("1000000\n");
    CHECK(!run.over_rss && run.exited);
    finish();
}

static void no_limit_of_memory(void)
{
    prepare("x=$(head -c 1000000 /dev/zero | tr '\\0' x); echo ${#x}");
    run.sample_ms = 1;
    go();
    CHECK(!run.over_rss && run.exited && run.samples > 0);
    finish();
}

/* ---- another user */

static void become_another_user(void)
{
    prepare("id -u; id -g; id -G; cat $FIFO.secret 2>&1 | sed 's/.*: //'; grep -h CapEff /proc/self/status");
    CLEANUP(mem_freep) char *secret = mem_printf("%s.secret", scratch("fifo"));
    int fd = open(secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    close(fd);
    run.setup.uid = 1900000007;
    if (geteuid() != 0) {
        struct err e = {0};
        CHECK_INT(proc_run(&run, &e), -EPERM);
        CHECK_CONTAINS(e.message, "Cannot start sh");
    } else {
        go();
        check_out("1900000007\n1900000007\n1900000007\nPermission denied\nCapEff:\t0000000000000000\n");
    }
    finish();
}

static void the_child_becomes_another_user_where_we_may(void)
{
    as_root_and_user(become_another_user);
}

static void groups_are_entered_before_the_user_changes(void)
{
    if (geteuid() != 0)
        return; /* only root can change */
    int fd = open(scratch("group-4"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    prepare("id -u");
    run.setup.entry_fds = &fd;
    run.setup.entry_fds_len = 1;
    run.setup.uid = 1900000007;
    run.setup.prepare = prepare_child;
    run.setup.prepare_data = (void *)"/root"; /* that only root can */
    go();
    check_out("1900000007\n");
    check_content(scratch("group-4"), "0", 1);
    close(fd);
    finish();
}

SCRIPT_TEST_MAIN(TEST(what_a_child_writes_to_a_channel_is_taken),
                 TEST(a_channel_is_read_while_the_child_runs), TEST(a_channel_may_have_more_descriptors),
                 TEST(a_channel_may_end_the_child), TEST(what_is_there_at_the_end_is_taken),
                 TEST(a_channel_of_which_nothing_more_will_come_is_left_alone), TEST(channels_that_are_none),
                 TEST(more_than_a_channel_holds), TEST(only_the_descriptors_that_are_kept_are_inherited),
                 TEST(kept_descriptors_have_their_numbers), TEST(a_child_writes_itself_into_its_groups),
                 TEST(a_group_that_refuses_keeps_the_child_from_running),
                 TEST(a_place_to_be_born_in_that_is_none), TEST(a_function_runs_in_the_child_first),
                 TEST(what_it_cannot_do_is_the_error), TEST(a_child_over_its_memory_is_ended),
                 TEST(the_memory_of_all_processes_counts_together), TEST(a_child_below_it_runs_to_its_end),
                 TEST(no_limit_of_memory), TEST(the_child_becomes_another_user_where_we_may),
                 TEST(groups_are_entered_before_the_user_changes))
