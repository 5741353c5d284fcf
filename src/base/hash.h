#pragma once

/* FNV-1a, 64 bits: names for cache entries, and whether a file is whole. Not for anything that must resist an
 * attacker. */

#include <stddef.h>
#include <stdint.h>

#define HASH_START 0xcbf29ce484222325u

/* Adds `len` bytes to a hash that began with HASH_START. */
static inline uint64_t hash_add(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash;
}

/* Of all that is still to be read, in bytes; the memory that it takes does not depend on them. 0 or -errno.
 */
int hash_fd(int fd, uint64_t *ret_hash, uint64_t *ret_len);
