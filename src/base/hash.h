#pragma once

/*
 * FNV-1a, 64 bits: for names of cache entries and to check that a file is complete. Not resistant
 * to attackers.
 */

#include <stddef.h>
#include <stdint.h>

#define HASH_START 0xcbf29ce484222325u

/* Adds `len` bytes to a hash that started as HASH_START. */
static inline uint64_t hash_add(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash;
}

/* Hashes the rest of the file, in constant memory, and counts its bytes. Returns 0 or -errno. */
int hash_fd(int fd, uint64_t *ret_hash, uint64_t *ret_len);
