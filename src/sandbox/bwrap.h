#pragma once

/*
 * Builds bubblewrap's command line, which defines what the sandbox contains (docs/sandbox.md). The
 * arguments are passed in a file since there are many and some are private.
 */

#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stdint.h>

struct bwrap_setup {
    const char *init;           /* path of ostest-init */
    const char *src;            /* the student's tree; NULL: none */
    const char *tests;          /* the suite's tree */
    const char *channel;        /* directory of the plugin's socket; NULL: none */
    const char *environment;    /* directory of Python's environment; NULL: none */
    const char *etc;            /* the sandbox's /etc (sandbox/etc.h); NULL: none */
    const struct strv *sources; /* current paths of `places` */
    const struct strv *places;  /* more read-only directories, shown at these paths */
    const struct strv *env;     /* the entire environment inside */
    const struct strv *may_change;
    uint64_t disk_bytes;
    uint64_t inodes;
    int64_t pids;
    bool host_network;
    int control_fd; /* ostest-init's end of the control socket */
    int userns_fd;  /* user namespace to join; -1: create one that maps only our own user */
};

#define BWRAP_MAX_FDS 8

/* A command line, and the descriptors that it refers to. */
struct bwrap {
    struct strv argv; /* the caller appends the suite's command */
    int fds[BWRAP_MAX_FDS];
    int fds_len;
};

/* Builds the command line. The caller releases it with bwrap_done(). */
int bwrap_build(const struct bwrap_setup *setup, struct bwrap *ret_bwrap, struct err *err);
void bwrap_done(struct bwrap *bwrap);
