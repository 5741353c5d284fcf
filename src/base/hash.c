#include "base/hash.h"

#include <errno.h>
#include <unistd.h>

#define CHUNK_BYTES 65536

int hash_fd(int fd, uint64_t *ret_hash, uint64_t *ret_len)
{
    char chunk[CHUNK_BYTES];
    uint64_t hash = HASH_START, len = 0;
    ssize_t n;
    while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        hash = hash_add(hash, chunk, (size_t)n);
        len += (uint64_t)n;
    }
    *ret_hash = hash;
    *ret_len = len;
    return 0;
}
