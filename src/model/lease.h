#pragma once

/*
 * One try of a claim in a cluster. The runner gives it a name, the lease, and a directory of its own,
 * jobs/<key>/lease-<lease>. The job that comes to it first makes LEASE_BEGUN there, so that no copy of it
 * runs as well; its last act is LEASE_END, which says how result.json must look. So what an old copy writes
 * is never taken for the new one's, nor half a file for a whole one.
 */

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEASE_DIGITS     16
#define LEASE_SIZE       (LEASE_DIGITS + 1)
#define LEASE_HOST_SIZE  65
#define LEASE_DIR_PREFIX "lease-"
#define LEASE_BEGUN      "begun"
#define LEASE_END        "end"
#define LEASE_MAX_BYTES  256 /* of the file LEASE_END */

struct lease_end {
    char lease[LEASE_SIZE];
    char host[LEASE_HOST_SIZE];
    unsigned status; /* the job's exit status, see model/job_exit.h */
    bool has_result;
    uint64_t size, sum; /* of result.json, in bytes; see hash_fd() */
};

/* The name for 64 random bits. */
void lease_name(uint64_t random, char ret_lease[LEASE_SIZE]);

bool lease_is_name(const char *text);

/* Of the host only what fits a name is kept. */
void lease_set_host(struct lease_end *end, const char *host);

/* LEASE_END's text. The caller frees. */
char *lease_format(const struct lease_end *end);

/* False unless it is in full what lease_format() makes. */
bool lease_parse(const char *text, size_t len, struct lease_end *ret_end);
