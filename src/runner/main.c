/*
 * ostest-runner: claims tasks from a backend, starts an ostest-job for each, and posts the results.
 * This file reads the options and prepares the process; supervisor.c does the work.
 */

#include "base/fd.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/url.h"
#include "model/state_files.h"
#include "runner/check/preflight.h"
#include "runner/cli/config.h"
#include "runner/cli/dispatch.h"
#include "runner/cli/help.h"
#include "runner/config/options.h"
#include "runner/executor/job_program.h"
#include "runner/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_USAGE 2

/*
 * Passwords and tokens are in memory: disables core dumps and access by other processes of this
 * user. The limit is 1 byte, because 0 would not keep the kernel from starting a handler for core
 * dumps of tests (core(5)).
 */
static void protect_secrets(void)
{
    struct rlimit none = {.rlim_cur = 1, .rlim_max = 1};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
}

static int lock_state_dir(const struct options *options, const char *lock_path, int *ret_fd, struct err *err)
{
    int r = fs_make_dirs(options->state_dir, 0700, err);
    if (r == 0)
        r = fs_lock(lock_path, ret_fd, err);
    if (r == -EWOULDBLOCK)
        return err_set(err, ERR_ENVIRONMENT, EBUSY,
                       "Another ostest-runner works in %s: stop it, or give this one its own --state-dir",
                       options->state_dir);
    return r;
}

/* Returns advice about an error of the state directory. */
static const char *find_mend(int code)
{
    if (code == EACCES || code == EPERM)
        return "; give it to the user that runs ostest-runner (chown -R), or name another --state-dir";
    if (code == EROFS)
        return "; mount it writable, or name another --state-dir";
    if (code == ENOSPC || code == EDQUOT)
        return "; make room there, or name another --state-dir";
    return "";
}

static void log_start(const struct options *options)
{
    CLEANUP(mem_freep) char *url = url_without_userinfo(options->backend_url);
    log_fields(LOG_LEVEL_INFO, NULL, "ostest-runner " PROJECT_VERSION, LOG_TEXT("name", options->name),
               LOG_TEXT("backend", url), LOG_NUMBER("slots", options->concurrent),
               LOG_TEXT("state", options->state_dir), LOG_TEXT("mock", options->job.mock ? "yes" : "no"));
}

static int work(struct options *options)
{
    struct err err = {0};
    CLEANUP(mem_freep) char *job_program = job_program_find();
    CLEANUP(mem_freep) char *lock_path = mem_printf("%s/" STATE_LOCK, options->state_dir);
    int lock = -1;
    bool is_state = true; /* whether an error is about the state directory */
    if (access(job_program, X_OK) != 0) {
        log_critical("%s is missing: the installation is incomplete", job_program);
        return 1;
    }
    int r = lock_state_dir(options, lock_path, &lock, &err);
    if (r == 0) {
        log_start(options);
        r = preflight(options, job_program, &err);
        is_state = r == 0;
    }
    if (r == 0)
        r = supervisor_run(options, job_program, &err);
    fs_unlock(lock_path, lock);
    if (r < 0)
        log_critical("%s%s", err.message, is_state ? find_mend(-r) : "");
    return r == 0 ? 0 : 1;
}

static int start(struct options *options, const struct dispatch *command)
{
    sigset_t stop;
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    protect_secrets();
    fd_raise_limit();
    if (command) {
        const struct strv words = dispatch_words(&options->set.operands);
        return command->start(options, &words);
    }
    proc_hold_stop_signals(&stop); /* the event loop reads those that arrive earlier */
    log_set_level((enum log_level)options->logger_level);
    log_set_format((enum log_format)options->log_format);
    if (log_open(options->logger_output, &err) < 0) {
        fprintf(stderr, "ostest-runner: --logger-output: %s\n", err.message);
        return EXIT_USAGE;
    }
    return work(options);
}

/* Prints what --help and the like ask for, about the command if there is one. */
static int answer(const char *asked, const struct strv *operands)
{
    bool is_help = strcmp(asked, "help") == 0;
    if (is_help && operands->len && dispatch_find(operands->items[0]))
        return help_command(2, (char *[]){"help", operands->items[0], NULL});
    if (strcmp(asked, "version") == 0)
        puts("ostest-runner " PROJECT_VERSION);
    else if (strcmp(asked, "example") == 0)
        config_command_example();
    else
        help_command_print_all();
    return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct options options;
    struct strv faults = {0};
    const char *asked;
    int status = EXIT_USAGE;
    const struct dispatch *command = argc > 1 ? dispatch_find(argv[1]) : NULL;
    if (command && command->run)
        return command->run(argc - 1, argv + 1);
    options_read(argc, argv, &options, &asked, &faults);
    command = dispatch_choose(&options.set.operands, &faults);
    if (asked)
        status = answer(asked, &options.set.operands);
    else if (options.check_config)
        status = config_command_check(options.check_config);
    else if (faults.len == 0)
        status = start(&options, command);
    else
        for (size_t i = 0; i < faults.len; i++)
            fprintf(stderr, "ostest-runner: %s\n", faults.items[i]);
    strv_done(&faults);
    options_done(&options);
    return status;
}
