#include "sandbox/cgroup_slurm.h"

#include "cgroups.h"

#define V2_DIR "system.slice/slurmstepd.scope/job_7/step_batch/user/task_0"
#define V1_DIR "memory/slurm_n1/uid_65534/job_7/step_batch/task_0"
#define MB     (1 << 20)

static struct cgroup_slurm job;

static void find(const char *id)
{
    write_machine();
    cgroup_slurm_find(id, &job);
}

static void check_none(const char *id)
{
    find(id);
    CHECK(!job.dir);
    CHECK(job.limit_bytes == CGROUP_SLURM_NO_LIMIT);
    cgroup_slurm_done(&job);
}

/* The groups of Slurm 22.05. */
static void on_v2(void)
{
    unified(V2_DIR, "memory\n", "");
    put(V2_DIR, "memory.current", "1000\n");
    put(V2_DIR, "memory.peak", "5000\n");
    put(V2_DIR, "memory.max", "max\n");
    put(V2_DIR, "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n");
}

static void on_v1(void)
{
    machine();
    v1("memory", &V1_DIR[strlen("memory")], false);
    put(V1_DIR, "memory.usage_in_bytes", "1000\n");
    put(V1_DIR, "memory.max_usage_in_bytes", "5000\n");
    put(V1_DIR, "memory.limit_in_bytes", "9223372036854771712\n");
    put(V1_DIR, "memory.failcnt", "0\n");
    put(V1_DIR, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
}

/* ---- finding it */

static void the_jobs_group_on_v2(void)
{
    on_v2();
    put("system.slice/slurmstepd.scope/job_7/step_batch/user", "memory.max", "335544320\n");
    put("system.slice/slurmstepd.scope/job_7", "memory.max", "335544321\n");
    put("system.slice/slurmstepd.scope", "memory.max", "4096\n"); /* is not the job's */
    find("7");
    CHECK_STR(job.dir, dir_of(V2_DIR));
    CHECK(job.is_v2 && job.limit_bytes == 320 * MB);
    cgroup_slurm_done(&job);
}

static void the_jobs_group_on_v1(void)
{
    on_v1();
    put("memory/slurm_n1/uid_65534/job_7", "memory.limit_in_bytes", "335544320\n");
    put("memory/slurm_n1/uid_65534/job_7/step_batch", "memory.limit_in_bytes", "335544320\n");
    put("memory/slurm_n1/uid_65534", "memory.limit_in_bytes", "4096\n");
    find("7");
    CHECK_STR(job.dir, dir_of(V1_DIR));
    CHECK(!job.is_v2 && job.limit_bytes == 320 * MB);
    cgroup_slurm_done(&job);
}

static void without_a_limit(void)
{
    on_v2();
    find("7");
    CHECK(job.dir && job.limit_bytes == CGROUP_SLURM_NO_LIMIT);
    cgroup_slurm_done(&job);
    on_v1();
    find("7");
    CHECK(job.dir && job.limit_bytes == CGROUP_SLURM_NO_LIMIT);
    cgroup_slurm_done(&job);
}

static void a_limit_that_is_no_number(void)
{
    static const char *const texts[] = {"", "\n", "x", "99999999999999999999999\n"};
    on_v2();
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        put(V2_DIR, "memory.max", texts[i]);
        find("7");
        CHECK(job.limit_bytes == CGROUP_SLURM_NO_LIMIT);
        cgroup_slurm_done(&job);
    }
}

static void a_group_without_counters_leaves_it_to_the_one_above(void)
{
    on_v2();
    CLEANUP(mem_freep) char *path = mem_printf("%s/memory.current", dir_of(V2_DIR));
    unlink(path);
    put("system.slice/slurmstepd.scope/job_7/step_batch", "memory.current", "1000\n");
    find("7");
    CHECK_STR(job.dir, dir_of("system.slice/slurmstepd.scope/job_7/step_batch"));
    cgroup_slurm_done(&job);
}

static void counters_of_more_than_the_job_are_none(void)
{
    on_v2();
    CLEANUP(mem_freep) char *path = mem_printf("%s/memory.current", dir_of(V2_DIR));
    unlink(path);
    put("system.slice/slurmstepd.scope", "memory.current", "1000\n");
    check_none("7");
}

static void the_job_is_the_group_itself(void)
{
    unified("slurmstepd.scope/job_7", "memory\n", "");
    put("slurmstepd.scope/job_7", "memory.current", "1000\n");
    put("slurmstepd.scope/job_7", "memory.max", "335544320\n");
    find("7");
    CHECK_STR(job.dir, dir_of("slurmstepd.scope/job_7"));
    CHECK(job.limit_bytes == 320 * MB);
    cgroup_slurm_done(&job);
}

static void another_jobs_group_is_none(void)
{
    on_v2();
    check_none("8");
    check_none("77");
    check_none("");
    check_none(NULL);
}

static void a_group_that_is_not_slurms_is_none(void)
{
    unified("user.slice/job_7", "memory\n", "");
    put("user.slice/job_7", "memory.current", "1000\n");
    check_none("7");
    unified("job_7/slurm", "memory\n", "");
    put("job_7/slurm", "memory.current", "1000\n");
    check_none("7");
}

static void longer_names_are_passed_over(void)
{
    unified("slurm/job_70/job_7/x", "memory\n", "");
    put("slurm/job_70/job_7/x", "memory.current", "1000\n");
    put("slurm/job_70/job_7", "memory.max", "335544320\n");
    put("slurm/job_70", "memory.max", "4096\n");
    find("7");
    CHECK(job.dir && job.limit_bytes == 320 * MB);
    cgroup_slurm_done(&job);
}

static void where_nothing_is_mounted_there_is_none(void)
{
    machine();
    member("0::/slurmstepd.scope/job_7/step_batch");
    check_none("7");
}

/* ---- measuring */

struct files {
    const char *dir, *now, *peak;
};
static const struct files v2_files = {V2_DIR, "memory.current", "memory.peak"};
static const struct files v1_files = {V1_DIR, "memory.usage_in_bytes", "memory.max_usage_in_bytes"};

static void holds(const struct files *f, const char *now, const char *peak)
{
    put(f->dir, f->now, now);
    put(f->dir, f->peak, peak);
}

static void check_measuring(const struct files *f)
{
    find("7");
    holds(f, "1000", "5000");
    cgroup_slurm_test_begin(&job);
    holds(f, "3000", "5000");
    cgroup_slurm_sample(&job);
    CHECK(cgroup_slurm_memory_now(&job) == 3000);
    holds(f, "2000", "5000");
    CHECK(cgroup_slurm_test_end(&job) == 2000); /* the highest sample, since the peak is older */

    cgroup_slurm_test_begin(&job);
    holds(f, "2500", "9000");
    CHECK(cgroup_slurm_test_end(&job) == 7000); /* a peak between samples, less the memory at the start */

    cgroup_slurm_test_begin(&job);
    holds(f, "100", "9000");
    CHECK(cgroup_slurm_test_end(&job) == 0);

    cgroup_slurm_test_begin(&job);
    holds(f, "4000", "9000");
    CHECK(cgroup_slurm_test_end(&job) == 3900); /* the value at the end counts as a sample */
    cgroup_slurm_done(&job);
}

static void a_test_on_v2(void)
{
    on_v2();
    check_measuring(&v2_files);
}

static void a_test_on_v1(void)
{
    on_v1();
    check_measuring(&v1_files);
}

/* Linux before 5.19. */
static void without_memory_peak_samples_are_all(void)
{
    on_v2();
    find("7");
    CLEANUP(mem_freep) char *path = mem_printf("%s/memory.peak", dir_of(V2_DIR));
    unlink(path);
    cgroup_slurm_test_begin(&job);
    put(V2_DIR, "memory.current", "4000");
    cgroup_slurm_sample(&job);
    put(V2_DIR, "memory.current", "2000");
    CHECK(cgroup_slurm_test_end(&job) == 3000);
    cgroup_slurm_done(&job);
}

static void a_group_that_vanishes_shows_nothing(void)
{
    on_v2();
    find("7");
    cgroup_slurm_test_begin(&job);
    free(job.dir);
    job.dir = mem_strdup(dir_of("gone"));
    job.job_len = strlen(job.dir);
    CHECK(cgroup_slurm_test_end(&job) == 0);
    cgroup_slurm_done(&job);
}

/* ---- what the kernel killed */

static void check_kills(unsigned processes, bool was_full)
{
    struct cgroup_hits hits;
    cgroup_slurm_read_hits(&job, &hits);
    CHECK_INT(hits.memory, processes);
    CHECK(hits.was_full == was_full);
}

static void kills_on_v2(void)
{
    static const char job_dir[] = "system.slice/slurmstepd.scope/job_7";
    on_v2();
    put(job_dir, "memory.events", "oom 1\noom_kill 2\n"); /* from before the run, elsewhere in the job */
    put(V2_DIR, "memory.events", "oom 0\noom_kill 1\n");
    find("7");
    cgroup_slurm_run_begin(&job);
    check_kills(0, false);
    put(V2_DIR, "memory.events", "oom 0\noom_kill 4\n");
    check_kills(3, false);
    put(job_dir, "memory.events", "oom 2\noom_kill 5\n");
    check_kills(3, true);
    cgroup_slurm_done(&job);
}

static void kills_on_v1(void)
{
    static const char job_dir[] = "memory/slurm_n1/uid_65534/job_7";
    on_v1();
    put(job_dir, "memory.failcnt", "12\n");
    find("7");
    cgroup_slurm_run_begin(&job);
    check_kills(0, false);
    put(V1_DIR, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    check_kills(1, false);
    put(job_dir, "memory.failcnt", "13\n");
    check_kills(1, true);
    put(job_dir, "memory.failcnt", "12\n");
    put(job_dir, "memory.memsw.failcnt", "1\n");
    check_kills(1, true);
    cgroup_slurm_done(&job);
}

static void nothing_is_left_open(void)
{
    int before = count_open_files();
    on_v2();
    check_measuring(&v2_files);
    CHECK_INT(count_open_files(), before);
}

TEST_MAIN(TEST(the_jobs_group_on_v2), TEST(the_jobs_group_on_v1), TEST(without_a_limit),
          TEST(a_limit_that_is_no_number), TEST(a_group_without_counters_leaves_it_to_the_one_above),
          TEST(counters_of_more_than_the_job_are_none), TEST(the_job_is_the_group_itself),
          TEST(another_jobs_group_is_none), TEST(a_group_that_is_not_slurms_is_none),
          TEST(longer_names_are_passed_over), TEST(where_nothing_is_mounted_there_is_none),
          TEST(a_test_on_v2), TEST(a_test_on_v1), TEST(without_memory_peak_samples_are_all),
          TEST(a_group_that_vanishes_shows_nothing), TEST(kills_on_v2), TEST(kills_on_v1),
          TEST(nothing_is_left_open))
