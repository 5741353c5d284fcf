#pragma once

/*
 * The protocol between ostest-job and ostest-init: the paths inside the sandbox, and the messages
 * that ostest-init sends through its control socket (SOCK_SEQPACKET, one struct box_message each).
 */

#include <stdint.h>

/* A single tmpfs, so that one limit covers all that a task writes, /tmp and /dev/shm included. */
#define BOX_DIR    "/box"
#define BOX_SRC    BOX_DIR "/src"
#define BOX_TESTS  BOX_DIR "/tests"
#define BOX_HOME   BOX_DIR "/home"
#define BOX_TMP    BOX_DIR "/tmp"
#define BOX_SHM    BOX_DIR "/shm"
#define BOX_REPORT BOX_HOME "/report.xml"

/* Read-only bind mounts, unmounted before the suite starts. */
#define BOX_LEAVES     "/leaves"
#define BOX_LEAF_SRC   BOX_LEAVES "/src"
#define BOX_LEAF_TESTS BOX_LEAVES "/tests"
/* Where ostest-init first mounts the work area, and the subdirectory of it that becomes BOX_DIR. */
#define BOX_WHOLE BOX_LEAVES "/area"
#define BOX_SEEN  BOX_WHOLE "/seen"
#define BOX_INIT  "/init"

/*
 * Python's environment, the directory of the plugin's socket, and files of Python's whose own paths
 * are covered by the work area.
 */
#define BOX_ENV     "/env"
#define BOX_CHANNEL "/channel"
#define BOX_PLACES  "/places"

/* The suite's command is the first process that pid 1 starts. */
#define BOX_SUITE_PID 2

/* The host name inside. */
#define BOX_HOSTNAME "ostest"

#define BOX_UID  1000
#define BOX_USER "student"

/*
 * The owner of the suite's files: inside, and on the host if the runner is root. The number on the
 * host lies in a range that no system assigns: between systemd's container range and the highest
 * user.
 */
#define BOX_SUITE_UID      1001
#define BOX_SUITE_USER     "suite"
#define BOX_HOST_SUITE_UID 1899999999

#define BOX_CHUNK_BYTES 32768

/* The limit of model/junit.h. A larger file may be sparse, made to fill the host's disk. */
#define BOX_REPORT_MAX_BYTES (256ULL << 20)

enum box_kind {
    BOX_FAILED,    /* text: why the suite could not be started; value: an errno */
    BOX_STARTED,   /* the trees are in place and the suite runs */
    BOX_FULL,      /* value: an enum box_full */
    BOX_WATCH,     /* carries the inotify descriptor of the suite, to be kept open */
    BOX_COPIED,    /* text: why the suite's files are copied instead of overlaid */
    BOX_CHANGED,   /* text: a changed file of the suite; value 1: a new file that tools prefer */
    BOX_REPORT_IS, /* part of the report, in `text` */
    BOX_NO_REPORT, /* text: why there is no report; value: an errno */
    BOX_ENDED,     /* value: wait status of the suite; cpu_us, leftovers */
    BOX_KINDS,
};

enum box_full { BOX_FULL_BYTES, BOX_FULL_INODES };

struct box_message {
    uint32_t kind;
    int32_t value;
    int64_t cpu_us;     /* user and system time of everything that ran inside */
    uint32_t leftovers; /* processes still alive when the suite ended */
    uint32_t len;       /* length of `text`, which is not NUL-terminated */
    char text[BOX_CHUNK_BYTES];
};

/* The part of a message before its text. */
#define BOX_HEADER_BYTES (sizeof(struct box_message) - BOX_CHUNK_BYTES)
