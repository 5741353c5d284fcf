#pragma once

/*
 * The fault plan: which request is to be spoilt, and how. Rules count the requests of their place
 * from the moment the plan was set; the first rule whose turn it is takes the request.
 */

#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULTS_MAX_RULES 64

enum fault_where { FAULT_AT_GET, FAULT_AT_POST, FAULT_AT_LOGIN, FAULT_AT_REFRESH };

enum fault_kind {
    FAULT_NONE,
    FAULT_STATUS,     /* another status; a 2xx on a result is given after it was stored */
    FAULT_DROP,       /* the connection is closed before anything was done */
    FAULT_DROP_AFTER, /* everything is done, then the connection is closed without an answer */
    FAULT_SLOW,       /* everything is done, the answer comes later */
    FAULT_GARBAGE,    /* 200 and bytes that are no JSON */
    FAULT_HTML,       /* 200 and a web page, as a proxy's login page */
    FAULT_TRUNCATED,  /* the connection ends in the middle of the true answer */
    FAULT_HALF,       /* the true answer's first half as a complete body */
    FAULT_HUGE,       /* 200 and a JSON object of that many bytes, without Content-Length */
    FAULT_DUP_KEYS,   /* the true answer with every member twice */
};

struct fault {
    enum fault_kind kind;
    uint64_t value;        /* a status, milliseconds or bytes */
    int64_t retry_after_s; /* -1: no such header */
};

struct fault_rule {
    unsigned places; /* bits 1 << enum fault_where */
    struct fault fault;
    int64_t left;  /* requests still to be hit; -1: no end */
    int64_t after; /* requests still to be spared */
};

struct faults {
    struct fault_rule rules[FAULTS_MAX_RULES];
    size_t len;
    double random_rate; /* the part of all requests that gets a random fault; 0: none */
    uint64_t random_state;
};

/*
 * Reads "WHERE:WHAT[:COUNT][:after=N],…" and replaces the rules; each mistake is one sentence in
 * `ret_problems`, and then (-EINVAL) the plan stays as it was.
 */
int faults_parse(struct faults *faults, const char *spec, struct strv *ret_problems);

/* Random faults with the probability `rate`, among those that a careful client can survive. */
void faults_set_random(struct faults *faults, uint64_t seed, double rate);

/* The fault for the next request at `where`; kind FAULT_NONE mostly. */
struct fault faults_next(struct faults *faults, enum fault_where where);

/* Whether the request is carried out all the same: the task claimed, the result stored. */
bool fault_acts(const struct fault *fault, enum fault_where where);

/* "drop", "slow", "503" …, as in a plan. `size` of at least 16. */
void fault_name(const struct fault *fault, char *ret_name, size_t size);
