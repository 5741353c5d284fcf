#pragma once

/*
 * What is agreed between the sandbox's two sides: the places inside, and the messages that
 * ostest-init sends out through its control socket (SOCK_SEQPACKET, one struct box_message each).
 */

#include <stdint.h>

/* One tmpfs, so that one limit holds for all that a task writes; /tmp and /dev/shm are parts of it. */
#define BOX_DIR    "/box"
#define BOX_SRC    BOX_DIR "/src"
#define BOX_TESTS  BOX_DIR "/tests"
#define BOX_HOME   BOX_DIR "/home"
#define BOX_TMP    BOX_DIR "/tmp"
#define BOX_SHM    BOX_DIR "/shm"
#define BOX_REPORT BOX_HOME "/report.xml"

/* Read-only, gone before the suite starts. */
#define BOX_LEAVES     "/leaves"
#define BOX_LEAF_SRC   BOX_LEAVES "/src"
#define BOX_LEAF_TESTS BOX_LEAVES "/tests"
/* Where ostest-init mounts the work area first, and the directory of it that becomes BOX_DIR. */
#define BOX_WHOLE BOX_LEAVES "/area"
#define BOX_SEEN  BOX_WHOLE "/seen"
#define BOX_INIT  "/init"

/* Python's environment, the socket for what the tests tell, and what python needs from places that the work
 * area would cover. */
#define BOX_ENV     "/env"
#define BOX_CHANNEL "/channel"
#define BOX_PLACES  "/places"

/* The suite's command is the first process that pid 1 starts. */
#define BOX_SUITE_PID 2

/* The own name of the machine, inside. */
#define BOX_HOSTNAME "ostest"

#define BOX_UID  1000
#define BOX_USER "student"

/*
 * The owner of the suite's files: inside, and on the host where the runner is root. The number on the host is
 * one that no system gives to anybody: between systemd's container range and the highest user.
 */
#define BOX_SUITE_UID      1001
#define BOX_SUITE_USER     "suite"
#define BOX_HOST_SUITE_UID 1899999999

#define BOX_CHUNK_BYTES 32768

/* As much as model/junit.h takes. A larger file may be a sparse one, made to fill the host's disk. */
#define BOX_REPORT_MAX_BYTES (256ULL << 20)

enum box_kind {
    BOX_FAILED,    /* text: why the suite could not be started; value: an errno */
    BOX_STARTED,   /* the trees are there, the suite runs */
    BOX_FULL,      /* value: an enum box_full */
    BOX_WATCH,     /* with the descriptor of the watch over the suite, to be held */
    BOX_COPIED,    /* text: why the suite's files are a copy, and not an overlay */
    BOX_CHANGED,   /* text: a file of the suite that is not what it was; value: 1: a new one that tools prefer
                    */
    BOX_REPORT_IS, /* a part of the report, in `text` */
    BOX_NO_REPORT, /* text: why there is none; value: an errno */
    BOX_ENDED,     /* value: wait status of the suite; cpu_us, leftovers */
    BOX_KINDS,
};

enum box_full { BOX_FULL_BYTES, BOX_FULL_INODES };

struct box_message {
    uint32_t kind;
    int32_t value;
    int64_t cpu_us;     /* user and system, of all that ran inside */
    uint32_t leftovers; /* processes that were there when the suite had ended */
    uint32_t len;       /* of `text`, which does not end with NUL */
    char text[BOX_CHUNK_BYTES];
};

/* So much of a message stands before its text. */
#define BOX_HEADER_BYTES (sizeof(struct box_message) - BOX_CHUNK_BYTES)
