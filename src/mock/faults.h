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

enum fault_where { FAULT_AT_GET, FAULT_AT_POST, FAULT_AT_ATTEMPT, FAULT_AT_LOGIN, FAULT_AT_REFRESH };

enum fault_kind {
    FAULT_NONE,
    FAULT_STATUS,      /* another status; a 2xx on a result is given after it was stored */
    FAULT_DROP,        /* the connection is closed before anything was done */
    FAULT_DROP_AFTER,  /* everything is done, then the connection is closed without an answer */
    FAULT_DROP_REUSED, /* drop-after on a connection that has served a request before, else no fault */
    FAULT_SLOW,        /* everything is done, the answer comes later */
    FAULT_GARBAGE,     /* 200 and bytes that are no JSON */
    FAULT_HTML,        /* 200 and a web page, as a proxy's login page */
    FAULT_TRUNCATED,   /* the connection ends in the middle of the true answer */
    FAULT_HALF,        /* the true answer's first half as a complete body */
    FAULT_HUGE,        /* 200 and a JSON object of that many bytes, without Content-Length */
    FAULT_DUP_KEYS,    /* the true answer with every member twice */
    FAULT_REVOKE,      /* all tokens are forgotten first; then the request is treated as any other */
};

struct fault {
    enum fault_kind kind;
    uint64_t value;        /* a status, milliseconds or bytes */
    int64_t retry_after_s; /* -1: no such header */
    bool retry_after_date; /* as a date, so many seconds from now, or ago */
};

struct fault_rule {
    unsigned places; /* bits 1 << enum fault_where */
    struct fault fault;
    int64_t left;  /* requests still to be hit; -1: no end */
    int64_t after; /* requests still to be spared */
};

/* Random faults, among those that a careful client can survive. */
struct faults_random {
    uint64_t seed;
    double rate;     /* the part of all requests that gets one; 0: none */
    bool claims_too; /* the answer to a claim may be dropped: then that claim is lost to any client */
};

struct faults {
    struct fault_rule rules[FAULTS_MAX_RULES];
    size_t len;
    struct faults_random random;
    uint64_t random_state;
};

/*
 * Reads "WHERE:WHAT[:COUNT][:after=N],…" and replaces the rules; each mistake is one sentence in
 * `ret_problems`, and then (-EINVAL) the plan stays as it was.
 */
int faults_parse(struct faults *faults, const char *spec, struct strv *ret_problems);

void faults_set_random(struct faults *faults, const struct faults_random *random);

/* The fault for the next request at `where`; kind FAULT_NONE mostly. */
struct fault faults_next(struct faults *faults, enum fault_where where);

/* Whether the request is carried out all the same: the task claimed, the result stored. */
bool fault_acts(const struct fault *fault, enum fault_where where);

/* Whether the true answer does not arrive as it is: whoever claimed a task does not get it. */
bool fault_loses_answer(const struct fault *fault);

/* "drop", "slow", "503" …, as in a plan. `size` of at least 16. */
void fault_name(const struct fault *fault, char *ret_name, size_t size);
