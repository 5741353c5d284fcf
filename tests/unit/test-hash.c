#include "base/hash.h"

#include "base/fs.h"
#include "scratch.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static uint64_t hash_of(const char *text)
{
    return hash_add(HASH_START, text, strlen(text));
}

/* From the FNV authors' own list, http://www.isthe.com/chongo/src/fnv/test_fnv.c. */
static void gives_the_published_values(void)
{
    CHECK(hash_of("") == 0xcbf29ce484222325u);
    CHECK(hash_of("a") == 0xaf63dc4c8601ec8cu);
    CHECK(hash_of("b") == 0xaf63df4c8601f1a5u);
    CHECK(hash_of("foobar") == 0x85944171f73967e8u);
}

static void parts_give_the_hash_of_the_whole(void)
{
    CHECK(hash_add(hash_add(HASH_START, "foo", 3), "bar", 3) == hash_of("foobar"));
}

static void bytes_above_127_count_as_unsigned(void)
{
    /* one step by hand: (start ^ 0xff) * prime */
    CHECK(hash_add(HASH_START, "\xff", 1) == (HASH_START ^ 0xff) * 0x100000001b3u);
}

static void nul_bytes_count(void)
{
    CHECK(hash_add(HASH_START, "\0", 1) != HASH_START);
    CHECK(hash_add(HASH_START, "\0\0", 2) != hash_add(HASH_START, "\0", 1));
}

static void a_file_has_the_hash_of_its_bytes(void)
{
    CLEANUP(mem_freep) char *zeros = mem_alloc(300000); /* more than one read */
    const char *path = scratch("file");
    uint64_t hash = 1, len = 1;
    CHECK_INT(fs_write_plain(path, zeros, 300000, NULL), 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK_INT(hash_fd(fd, &hash, &len), 0);
    CHECK(hash == hash_add(HASH_START, zeros, 300000));
    CHECK_INT(len, 300000);
    CHECK_INT(hash_fd(fd, &hash, &len), 0); /* from the current offset: the end */
    CHECK(hash == HASH_START && len == 0);
    close(fd);
    CHECK_INT(hash_fd(fd, &hash, &len), -EBADF);
}

TEST_MAIN(TEST(gives_the_published_values), TEST(parts_give_the_hash_of_the_whole),
          TEST(bytes_above_127_count_as_unsigned), TEST(nul_bytes_count),
          TEST(a_file_has_the_hash_of_its_bytes))
