#include "runner/executor/slurm/attempt.h"

#include "base/fs.h"
#include "base/hash.h"
#include "scratch.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TASK "{\"id\": 1}"

/* A claim's directory with a task; tests write what a job would. */
static char *make_claim(const char *name)
{
    char *dir = mem_strdup(scratch(name));
    CLEANUP(mem_freep) char *task = mem_printf("%s/task.json", dir);
    CHECK(mkdir(dir, 0700) == 0);
    CHECK_INT(fs_write_atomic(task, TASK, strlen(TASK), NULL), 0);
    return dir;
}

static void write_file(const char *dir, const char *name, const char *text)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, name);
    CHECK_INT(fs_write_atomic(path, text, strlen(text), NULL), 0);
}

static bool has(const char *dir, const char *name)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, name);
    return fs_is_there(path);
}

static struct lease_end end_of(const struct slurm_attempt *t, const char *result)
{
    struct lease_end end = {
        .has_result = true, .size = strlen(result), .sum = hash_add(HASH_START, result, strlen(result))};
    memcpy(end.lease, t->lease, LEASE_SIZE);
    lease_set_host(&end, "n1");
    return end;
}

static void write_end(const struct slurm_attempt *t, const struct lease_end *end)
{
    CLEANUP(mem_freep) char *text = lease_format(end);
    write_file(t->dir, LEASE_END, text);
}

static void a_new_try_is_found_again(void)
{
    CLEANUP(mem_freep) char *claim = make_claim("found");
    CLEANUP(slurm_attempt_done) struct slurm_attempt made = {0};
    CLEANUP(slurm_attempt_done) struct slurm_attempt found = {0};
    CHECK_INT(slurm_attempt_find(claim, &found, NULL), -ENOENT);
    CHECK_INT(slurm_attempt_new(claim, &made, NULL), 0);
    CHECK_INT(slurm_attempt_find(claim, &found, NULL), 0);
    CHECK_STR(found.lease, made.lease);
    CHECK_STR(found.dir, made.dir);
    CHECK(has(made.dir, "task.json"));
}

static void each_try_has_a_lease_of_its_own(void)
{
    CLEANUP(mem_freep) char *claim = make_claim("own");
    CLEANUP(slurm_attempt_done) struct slurm_attempt one = {0};
    CLEANUP(slurm_attempt_done) struct slurm_attempt two = {0};
    CLEANUP(slurm_attempt_done) struct slurm_attempt found = {0};
    CHECK_INT(slurm_attempt_new(claim, &one, NULL), 0);
    CHECK_INT(slurm_attempt_new(claim, &two, NULL), 0);
    CHECK(strcmp(one.lease, two.lease) != 0);
    CHECK_INT(slurm_attempt_find(claim, &found, NULL), 0);
    CHECK_STR(found.lease, two.lease); /* the newer one counts */
}

static void a_claim_without_a_task_has_no_try(void)
{
    CLEANUP(mem_freep) char *claim = mem_strdup(scratch("none"));
    struct slurm_attempt t = {0};
    struct err err = {0};
    CHECK(mkdir(claim, 0700) == 0);
    CHECK_INT(slurm_attempt_new(claim, &t, &err), -ENOENT);
    CHECK_CONTAINS(err.message, "task.json is missing");
    CHECK_INT(rmdir(claim), 0); /* nothing is left in it */
}

static void a_lease_that_is_not_whole_is_none(void)
{
    static const char *const texts[] = {"",
                                        "0123456789abcdef",
                                        "0123456789abcde\n",
                                        "0123456789abcdef\n\n",
                                        "../456789abcdef0\n",
                                        "0123456789ABCDEF\n"};
    CLEANUP(mem_freep) char *claim = make_claim("lease");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct slurm_attempt t = {0};
        write_file(claim, "lease", texts[i]);
        if (slurm_attempt_find(claim, &t, NULL) != -ENOENT)
            TEST_FAIL("lease %zu was taken", i);
    }
}

/* Else its job would be given up, or cancelled, for a fault of the file system that passes. */
static void a_lease_that_cannot_be_read_is_not_none(void)
{
    CLEANUP(mem_freep) char *claim = make_claim("unreadable");
    CLEANUP(mem_freep) char *path = mem_printf("%s/lease", claim);
    struct slurm_attempt t = {0};
    struct err err = {0};
    CHECK(symlink("lease", path) == 0);
    CHECK_INT(slurm_attempt_find(claim, &t, &err), -ELOOP);
    CHECK_CONTAINS(err.message, path);
}

static void what_can_be_seen_grows(void)
{
    CLEANUP(mem_freep) char *claim = make_claim("sight");
    CLEANUP(slurm_attempt_done) struct slurm_attempt t = {0};
    struct slurm_attempt_sight sight;
    CHECK_INT(slurm_attempt_new(claim, &t, NULL), 0);
    slurm_attempt_look(&t, &sight);
    CHECK(!sight.has_begun && !sight.has_ended);
    write_file(t.dir, LEASE_BEGUN, "");
    slurm_attempt_look(&t, &sight);
    CHECK(sight.has_begun && !sight.has_ended);
    struct lease_end end = end_of(&t, "{}");
    end.status = 65;
    write_end(&t, &end);
    slurm_attempt_look(&t, &sight);
    CHECK(sight.has_ended);
    CHECK_INT(sight.end.status, 65);
}

static void an_end_of_another_lease_is_none(void)
{
    CLEANUP(mem_freep) char *claim = make_claim("other");
    CLEANUP(slurm_attempt_done) struct slurm_attempt t = {0};
    struct slurm_attempt_sight sight;
    CHECK_INT(slurm_attempt_new(claim, &t, NULL), 0);
    struct lease_end end = end_of(&t, "{}");
    end.lease[0] = end.lease[0] == '0' ? '1' : '0';
    write_end(&t, &end);
    slurm_attempt_look(&t, &sight);
    CHECK(!sight.has_ended);
}

static void nothing_is_seen_where_nothing_is(void)
{
    struct slurm_attempt t = {.lease = "0123456789abcdef", .dir = (char *)"/nowhere"};
    struct slurm_attempt_sight sight;
    slurm_attempt_look(&t, &sight);
    CHECK(!sight.has_begun && !sight.has_ended);
    CHECK_INT(slurm_attempt_read_log(&t, 0, &(char){0}, 1), 0);
}

static void a_log_is_read_on_from_where_it_was_read_to(void)
{
    CLEANUP(mem_freep) char *claim = make_claim("log");
    CLEANUP(slurm_attempt_done) struct slurm_attempt t = {0};
    char text[8] = "";
    CHECK_INT(slurm_attempt_new(claim, &t, NULL), 0);
    CHECK_INT(slurm_attempt_read_log(&t, 0, text, sizeof(text)), 0);
    write_file(t.dir, "job.log", "abcdefghij");
    CHECK_INT(slurm_attempt_read_log(&t, 0, text, 4), 4);
    CHECK_STR(text, "abcd");
    CHECK_INT(slurm_attempt_read_log(&t, 4, text, sizeof(text)), 6);
    CHECK(strncmp(text, "efghij", 6) == 0);
    CHECK_INT(slurm_attempt_read_log(&t, 10, text, sizeof(text)), 0);
    CHECK_INT(slurm_attempt_read_log(&t, 11, text, sizeof(text)), 0);
}

static void a_result_is_taken_when_it_is_what_the_job_wrote(void)
{
    CLEANUP(mem_freep) char *claim = make_claim("result");
    CLEANUP(slurm_attempt_done) struct slurm_attempt t = {0};
    struct err err = {0};
    CHECK_INT(slurm_attempt_new(claim, &t, NULL), 0);
    struct lease_end end = end_of(&t, "{\"a\": 1}");
    CHECK_INT(slurm_attempt_take_result(&t, &end, &err), -EBADMSG); /* it is not there yet */
    write_file(t.dir, "result.json", "{\"a\": 1");
    CHECK_INT(slurm_attempt_take_result(&t, &end, &err), -EBADMSG);
    write_file(t.dir, "result.json", "{\"a\": 2}");
    CHECK_INT(slurm_attempt_take_result(&t, &end, &err), -EBADMSG);
    CHECK(!has(claim, "result.json"));
    write_file(t.dir, "result.json", "{\"a\": 1}");
    CHECK_INT(slurm_attempt_take_result(&t, &end, &err), 0);
    CHECK(has(claim, "result.json") && !has(t.dir, "result.json"));
}

/* A student may print what makes it so large; it is delivered all the same, as on one machine. */
static void a_result_may_be_large(void)
{
    CLEANUP(mem_freep) char *claim = make_claim("large");
    CLEANUP(slurm_attempt_done) struct slurm_attempt t = {0};
    CHECK_INT(slurm_attempt_new(claim, &t, NULL), 0);
    struct lease_end end = end_of(&t, "");
    write_file(t.dir, "result.json", "");
    CLEANUP(mem_freep) char *path = mem_printf("%s/result.json", t.dir);
    CHECK(truncate(path, 260L << 20) == 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK_INT(hash_fd(fd, &end.sum, &end.size), 0);
    close(fd);
    CHECK_INT(slurm_attempt_take_result(&t, &end, NULL), 0);
    CHECK(has(claim, "result.json"));
}

static void a_closed_try_leaves_its_logs_alone(void)
{
    CLEANUP(mem_freep) char *claim = make_claim("closed");
    CLEANUP(slurm_attempt_done) struct slurm_attempt t = {0};
    struct slurm_attempt found = {0};
    CHECK_INT(slurm_attempt_new(claim, &t, NULL), 0);
    write_file(t.dir, "stdout.log", "x");
    write_file(t.dir, "job.log", "info x\n");
    write_file(t.dir, LEASE_BEGUN, "");
    slurm_attempt_close(&t, NULL);
    CHECK(has(claim, "stdout.log"));
    CHECK(!fs_is_there(t.dir));
    CHECK_INT(slurm_attempt_find(claim, &found, NULL), -ENOENT);
    CHECK(has(claim, "task.json"));
}

/* They are removed with the claim: a copy of the job may still be at work in them. */
static void trees_of_a_dead_job_stay(void)
{
    CLEANUP(mem_freep) char *claim = make_claim("trees");
    CLEANUP(slurm_attempt_done) struct slurm_attempt t = {0};
    CHECK_INT(slurm_attempt_new(claim, &t, NULL), 0);
    CLEANUP(mem_freep) char *src = mem_printf("%s/src", t.dir);
    CHECK(mkdir(src, 0700) == 0);
    slurm_attempt_close(&t, "node gone");
    CHECK(fs_is_dir(src));
    CHECK(has(claim, "why"));
    CHECK(!has(claim, "lease"));
}

TEST_MAIN(TEST(a_new_try_is_found_again), TEST(each_try_has_a_lease_of_its_own),
          TEST(a_claim_without_a_task_has_no_try), TEST(a_lease_that_is_not_whole_is_none),
          TEST(a_lease_that_cannot_be_read_is_not_none), TEST(what_can_be_seen_grows),
          TEST(an_end_of_another_lease_is_none), TEST(nothing_is_seen_where_nothing_is),
          TEST(a_log_is_read_on_from_where_it_was_read_to),
          TEST(a_result_is_taken_when_it_is_what_the_job_wrote), TEST(a_result_may_be_large),
          TEST(a_closed_try_leaves_its_logs_alone), TEST(trees_of_a_dead_job_stay))
