#pragma once

/*
 * Exit statuses of ostest-job, with numbers of sysexits.h. Any other end means that the job died.
 */
enum job_exit {
    JOB_EXIT_DONE = 0,
    JOB_EXIT_USAGE = 2,
    JOB_EXIT_TASK = 65,    /* EX_DATAERR: the result is an error of the task; nothing was run */
    JOB_EXIT_MACHINE = 69, /* EX_UNAVAILABLE: the result is an error of the machine */
    JOB_EXIT_FAILED = 70,  /* EX_SOFTWARE: no result */
    JOB_EXIT_DISK = 74,    /* EX_IOERR: no result, the disk cannot be written */
    JOB_EXIT_STOPPED = 75, /* EX_TEMPFAIL: no result, told to stop */
};
