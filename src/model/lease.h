#pragma once

/*
 * One attempt of a claim in a cluster. The runner gives it a name, the lease, and a directory,
 * jobs/<key>/lease-<lease>. The job that gets there first creates LEASE_BEGUN, so that no copy of
 * it runs as well; its last action is to write LEASE_END, which describes result.json. So the
 * output of an old copy is never taken for that of a new one, and an incomplete file is never taken
 * for a complete one.
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
#define LEASE_MAX_BYTES  256 /* size limit of the file LEASE_END */

struct lease_end {
    char lease[LEASE_SIZE];
    char host[LEASE_HOST_SIZE];
    unsigned status; /* the job's exit status, see model/job_exit.h */
    bool has_result;
    uint64_t size, sum; /* of result.json, in bytes; see hash_fd() */
};

/* Formats the name from 64 random bits. */
void lease_name(uint64_t random, char ret_lease[LEASE_SIZE]);

bool lease_is_name(const char *text);

/* Sets the host; keeps only characters that are valid in a host name. */
void lease_set_host(struct lease_end *end, const char *host);

/* Returns the text of LEASE_END. The caller frees. */
char *lease_format(const struct lease_end *end);

/* Parses the text of LEASE_END. Returns false unless it is exactly as written by lease_format(). */
bool lease_parse(const char *text, size_t len, struct lease_end *ret_end);
