#pragma once

/*
 * The command line of bubblewrap: what the inside of the sandbox looks like (docs/sandbox.md). The
 * arguments go through a file, as there are many and some are private.
 */

#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>

struct bwrap_setup {
    const char *init;           /* path of ostest-init */
    const char *src;            /* the student's tree; NULL: none */
    const char *tests;          /* the suite's */
    const char *channel;        /* directory of the socket for what the tests tell; NULL: none */
    const char *environment;    /* directory of python's; NULL: none */
    const char *etc;            /* the sandbox's /etc (sandbox/etc.h); NULL: none */
    const struct strv *sources; /* where the places are now */
    const struct strv *places;  /* more to be seen read-only, at the same path, as an environment */
    const struct strv *env;     /* the whole environment inside */
    const struct strv *may_change;
    uint64_t disk_bytes;
    uint64_t inodes;
    int64_t pids;
    bool host_network;
    int control_fd; /* ostest-init's end */
    int userns_fd;  /* a user namespace to be in; -1: a new one, with nobody but ourselves */
};

#define BWRAP_MAX_FDS 8

/* A command line, and the descriptors that it names. */
struct bwrap {
    struct strv argv; /* the suite's own command is to be put behind */
    int fds[BWRAP_MAX_FDS];
    int fds_len;
};

int bwrap_build(const struct bwrap_setup *setup, struct bwrap *ret_bwrap, struct err *err);
void bwrap_done(struct bwrap *bwrap);
