#pragma once

/*
 * The fault plan: which requests get a fault, and which one. Rules count the requests of their path
 * from the moment the plan was set; the first rule that is due applies to a request.
 */

#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULTS_MAX_RULES 64

enum fault_where { FAULT_AT_GET, FAULT_AT_POST, FAULT_AT_ATTEMPT, FAULT_AT_LOGIN, FAULT_AT_REFRESH };

enum fault_kind {
    FAULT_NONE,
    FAULT_STATUS,      /* another status; with a 2xx, a result is stored first */
    FAULT_DROP,        /* closes the connection without doing anything */
    FAULT_DROP_AFTER,  /* does everything, then closes the connection without an answer */
    FAULT_DROP_REUSED, /* drop-after on a connection that has served a request, else none */
    FAULT_SLOW,        /* does everything, answers later */
    FAULT_GARBAGE,     /* 200 and bytes that are not JSON */
    FAULT_HTML,        /* 200 and a web page, like a proxy's login page */
    FAULT_TRUNCATED,   /* ends the connection in the middle of the true answer */
    FAULT_HALF,        /* the first half of the true answer as a complete body */
    FAULT_HUGE,        /* 200 and a JSON object of that many bytes, without Content-Length */
    FAULT_DUP_KEYS,    /* the true answer with every member twice */
    FAULT_REVOKE,      /* drops all tokens first; then handles the request as usual */
};

struct fault {
    enum fault_kind kind;
    uint64_t value;        /* a status, milliseconds or bytes */
    int64_t retry_after_s; /* -1: no header */
    bool retry_after_date; /* as a date, this many seconds from now (or ago) */
};

struct fault_rule {
    unsigned places; /* bits 1 << enum fault_where */
    struct fault fault;
    int64_t left;  /* requests still to hit; -1: unlimited */
    int64_t after; /* requests still to spare */
};

/* Random faults, chosen from those that a correct client survives. */
struct faults_random {
    uint64_t seed;
    double rate;     /* share of all requests that get one; 0: none */
    bool claims_too; /* may also drop the answer to a claim, which loses the claim */
};

struct faults {
    struct fault_rule rules[FAULTS_MAX_RULES];
    size_t len;
    struct faults_random random;
    uint64_t random_state;
};

/*
 * Parses "WHERE:WHAT[:COUNT][:after=N],…" and replaces the rules. Returns -EINVAL with a sentence
 * for each mistake in `ret_problems`, and leaves the plan as it was.
 */
int faults_parse(struct faults *faults, const char *spec, struct strv *ret_problems);

void faults_set_random(struct faults *faults, const struct faults_random *random);

/* Returns the fault for the next request at `where`; usually of kind FAULT_NONE. */
struct fault faults_next(struct faults *faults, enum fault_where where);

/*
 * Returns true if the request is carried out despite the fault: the task claimed, the result
 * stored.
 */
bool fault_acts(const struct fault *fault, enum fault_where where);

/* Returns true if the client does not get the true answer: it does not know of its claim. */
bool fault_loses_answer(const struct fault *fault);

/* Formats "drop", "slow", "503" and so on, as in a plan. `size`: at least 16. */
void fault_name(const struct fault *fault, char *ret_name, size_t size);
