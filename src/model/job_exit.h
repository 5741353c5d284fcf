#pragma once

/* How ostest-job ends, for who has started it. Numbers of sysexits.h; any other end is a job that died. */
enum job_exit {
    JOB_EXIT_DONE = 0,
    JOB_EXIT_USAGE = 2,
    JOB_EXIT_TASK = 65, /* EX_DATAERR: there is a result, an error that was the task's own; nothing was run */
    JOB_EXIT_MACHINE =
        69, /* EX_UNAVAILABLE: there is a result, an error that was the machine's, not the task's */
    JOB_EXIT_FAILED = 70,  /* EX_SOFTWARE: no result */
    JOB_EXIT_DISK = 74,    /* EX_IOERR: no result, since the disk takes nothing */
    JOB_EXIT_STOPPED = 75, /* EX_TEMPFAIL: no result, it was told to stop */
};
