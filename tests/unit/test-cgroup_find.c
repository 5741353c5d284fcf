#include "sandbox/cgroup_find.h"

#include "cgroups.h"

static struct cgroup_parents parents;

static void look(void)
{
    write_machine();
    cgroup_find(&parents);
}

static void check_none(const char *why)
{
    CHECK_INT(parents.kind, CGROUP_NONE);
    CHECK_CONTAINS(parents.why, why);
    for (int i = 0; i < CGROUP_TREES; i++)
        CHECK(!parents.dirs[i]);
    cgroup_parents_done(&parents);
}

/* ---- v2 */

static void check_v2(const char *dir)
{
    CHECK_INT(parents.kind, CGROUP_V2);
    CHECK(!parents.why);
    for (int i = 0; i < CGROUP_TREES; i++)
        CHECK_STR(parents.dirs[i], dir_of(dir));
    cgroup_parents_done(&parents);
}

static void a_delegated_group(void)
{
    unified("system.slice/ostest.service", "cpu memory pids\n", "cpu memory pids\n");
    look();
    check_v2("system.slice/ostest.service");
}

static void without_the_cpu_controller(void)
{
    unified("service", "memory pids\n", "memory pids\n");
    look();
    check_v2("service");
}

static void seen_from_the_runners_own_leaf(void)
{
    unified("service", "cpu memory pids\n", "memory pids\n");
    group("service/ostest-runner", true);
    strcpy(own, "0::/service/ostest-runner\n");
    look();
    check_v2("service");
}

static void another_leaf_is_none(void)
{
    unified("service", "memory pids\n", "memory pids\n");
    group("service/xostest-runner", true);
    strcpy(own, "0::/service/xostest-runner\n");
    look();
    CHECK_INT(parents.kind, CGROUP_NONE);
    cgroup_parents_done(&parents);
}

static void somebody_elses_group(void)
{
    unified("service", "memory pids\n", "memory pids\n");
    CLEANUP(mem_freep) char *path = mem_printf("machine-%d/service/cgroup.procs", number);
    CHECK_INT(unlink(scratch(path)), 0);
    look();
    check_none("Delegate=yes");
}

static void no_controllers(void)
{
    unified("service", "cpu io\n", "\n");
    look();
    check_none("no memory and pids controllers");
}

static void only_one_of_the_controllers(void)
{
    unified("service", "memory\n", "memory\n");
    look();
    check_none("no memory and pids controllers");
    unified("service", "pids\n", "pids\n");
    look();
    check_none("no memory and pids controllers");
}

static void controllers_that_are_not_handed_on(void)
{
    unified("service", "memory pids\n", "\n");
    look();
    check_none("contains other processes");
}

static void a_part_of_the_hierarchy_is_mounted(void)
{
    machine();
    group("pod/service", true);
    group("service", true);
    put("service", "cgroup.controllers", "memory pids");
    put("service", "cgroup.subtree_control", "memory pids");
    mounted("cgroup2", "x", "/pod", "");
    member("0::/pod/service");
    look();
    check_v2("service");
}

static void our_group_is_not_in_the_part_that_is_mounted(void)
{
    machine();
    group("service", true);
    mounted("cgroup2", "x", "/po", "");
    member("0::/pod/service");
    look();
    check_none("no cgroup file system is mounted");
}

static void the_root_group(void)
{
    machine();
    group("", true);
    put(".", "cgroup.controllers", "memory pids");
    put(".", "cgroup.subtree_control", "memory pids");
    put(".", "cgroup.procs", "");
    mounted("cgroup2", "x", "/", "");
    member("0::/");
    look();
    check_v2("");
}

/* ---- v1 */

static void all_of_v1(void)
{
    machine();
    v1("memory", "/a", true);
    v1("pids", "/b", true);
    v1("cpu,cpuacct", "/c", true);
}

static void version_1(void)
{
    machine();
    mounted("tmpfs", "memory", "/", "");
    v1("memory", "/a", true);
    v1("pids", "/b", true);
    v1("cpu,cpuacct", "/c", true);
    look();
    CHECK_INT(parents.kind, CGROUP_V1);
    CHECK_STR(parents.dirs[CGROUP_MEMORY], dir_of("memory/a"));
    CHECK_STR(parents.dirs[CGROUP_PIDS], dir_of("pids/b"));
    CHECK_STR(parents.dirs[CGROUP_CPU], dir_of("cpu,cpuacct/c"));
    CHECK_STR(parents.dirs[CGROUP_CPUACCT], dir_of("cpu,cpuacct/c"));
    CHECK(!parents.dirs[CGROUP_UNIFIED] && !parents.why);
    cgroup_parents_done(&parents);
}

static void hybrid(void)
{
    all_of_v1();
    group("unified", true);
    mounted("cgroup2", "x", "/", "unified");
    member("0::/");
    put("unified", "cgroup.procs", "");
    look();
    CHECK_INT(parents.kind, CGROUP_HYBRID);
    CHECK_STR(parents.dirs[CGROUP_UNIFIED], dir_of("unified"));
    CHECK_STR(parents.dirs[CGROUP_MEMORY], dir_of("memory/a"));
    cgroup_parents_done(&parents);
}

static void a_controller_that_is_not_ours_is_left_out(void)
{
    machine();
    v1("memory", "/a", true);
    v1("pids", "/b", false);
    look();
    CHECK_INT(parents.kind, CGROUP_V1);
    CHECK(parents.dirs[CGROUP_MEMORY] && !parents.dirs[CGROUP_PIDS] && !parents.dirs[CGROUP_CPU]);
    cgroup_parents_done(&parents);
}

static void without_memory_of_ours_there_is_nothing(void)
{
    machine();
    v1("memory", "/a", false);
    v1("pids", "/b", true);
    look();
    check_none("start the runner as root");
}

static void a_controllers_name_is_a_whole_word(void)
{
    machine();
    v1("memory2", "/a", true);
    v1("notmemory", "/a", true);
    look();
    check_none("no cgroup file system is mounted");
}

static void nothing_is_mounted(void)
{
    machine();
    look();
    check_none("no cgroup file system is mounted");
    machine();
    member("0::/service");
    look();
    check_none("no cgroup file system is mounted");
}

static void lines_that_are_damaged(void)
{
    machine();
    member("nonsense");
    member("1:memory");
    member("::");
    strcpy(mounts, "- - - -\n1 2 3\n30 22 0:30 / /x rw - cgroup2\n\n30 22 0:30 / /x rw\n");
    look();
    check_none("no cgroup file system is mounted");
}

/* ---- making room */

static void check_file(const char *dir, const char *file, const char *want)
{
    CLEANUP(mem_freep) char *text = cgroup_read(dir_of(dir), file);
    CHECK_STR(text, want);
}

static void the_runner_moves_into_a_leaf(void)
{
    unified("service", "cpu memory pids\n", "");
    group("service/ostest-runner", true); /* the kernel creates its files */
    write_machine();
    CHECK_INT(cgroup_make_room(NULL), 0);
    check_file("service/ostest-runner", "cgroup.procs", "0");
    check_file("service", "cgroup.subtree_control", "+cpuory +pids"); /* two writes, here to a plain file */
}

static void without_cpu_the_others_are_still_handed_on(void)
{
    unified("service", "memory pids\n", "");
    group("service/ostest-runner", true);
    write_machine();
    CHECK_INT(cgroup_make_room(NULL), 0);
    check_file("service", "cgroup.subtree_control", "+memory +pids");
}

static void where_there_is_room_nothing_is_done(void)
{
    unified("service", "memory pids\n", "memory pids\n");
    write_machine();
    CHECK_INT(cgroup_make_room(NULL), 0);
    CHECK(!is_there(dir_of("service/ostest-runner")));
}

static void in_somebody_elses_group_nothing_is_done(void)
{
    unified("service", "memory pids\n", "");
    CLEANUP(mem_freep) char *path = mem_printf("machine-%d/service/cgroup.procs", number);
    CHECK_INT(unlink(scratch(path)), 0);
    write_machine();
    CHECK_INT(cgroup_make_room(NULL), 0);
    CHECK(!is_there(dir_of("service/ostest-runner")));
}

static void on_v1_nothing_is_done(void)
{
    all_of_v1();
    group("unified", true);
    mounted("cgroup2", "x", "/", "unified");
    member("0::/");
    write_machine();
    CHECK_INT(cgroup_make_room(NULL), 0);
    CHECK(!is_there(dir_of("unified/ostest-runner")));
}

static void a_leaf_that_cannot_be_entered(void)
{
    struct err e = {0};
    unified("service", "memory pids\n", "");
    write_machine();
    CHECK(cgroup_make_room(&e) < 0); /* it has no cgroup.procs */
    CHECK_CONTAINS(e.message, "ostest-runner");
    check_file("service", "cgroup.subtree_control", "");
}

/* ---- files of groups */

static void writing_and_reading(void)
{
    machine();
    group("a", true);
    CHECK_INT(cgroup_write(dir_of("a"), "cgroup.procs", "17"), 0);
    check_file("a", "cgroup.procs", "17");
    CHECK_INT(cgroup_write(dir_of("a"), "missing", "1"), -ENOENT);
    CHECK(!is_there(dir_of("a/missing")));
    check_file("a", "missing", "");
}

static void kinds_have_names(void)
{
    CHECK_STR(cgroup_kind_name(CGROUP_NONE), "none");
    CHECK_STR(cgroup_kind_name(CGROUP_V1), "v1");
    CHECK_STR(cgroup_kind_name(CGROUP_HYBRID), "hybrid");
    CHECK_STR(cgroup_kind_name(CGROUP_V2), "v2");
}

static void nothing_is_left_open(void)
{
    int before = count_open_files();
    all_of_v1();
    look();
    cgroup_parents_done(&parents);
    unified("service", "cpu memory pids\n", "");
    write_machine();
    cgroup_make_room(NULL);
    CHECK_INT(count_open_files(), before);
}

TEST_MAIN(TEST(a_delegated_group), TEST(without_the_cpu_controller), TEST(seen_from_the_runners_own_leaf),
          TEST(another_leaf_is_none), TEST(somebody_elses_group), TEST(no_controllers),
          TEST(only_one_of_the_controllers), TEST(controllers_that_are_not_handed_on),
          TEST(a_part_of_the_hierarchy_is_mounted), TEST(our_group_is_not_in_the_part_that_is_mounted),
          TEST(the_root_group), TEST(version_1), TEST(hybrid),
          TEST(a_controller_that_is_not_ours_is_left_out), TEST(without_memory_of_ours_there_is_nothing),
          TEST(a_controllers_name_is_a_whole_word), TEST(nothing_is_mounted), TEST(lines_that_are_damaged),
          TEST(the_runner_moves_into_a_leaf), TEST(without_cpu_the_others_are_still_handed_on),
          TEST(where_there_is_room_nothing_is_done), TEST(in_somebody_elses_group_nothing_is_done),
          TEST(on_v1_nothing_is_done), TEST(a_leaf_that_cannot_be_entered), TEST(writing_and_reading),
          TEST(kinds_have_names), TEST(nothing_is_left_open))
