/*
 * Creates a directory with a task.json in the state directory, starts ostest-job on it as the agent
 * does, shows its progress, and shows result.json at the end. Only the caches remain.
 */

#include "runner/cli/run/run.h"

#include "base/fd.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/log.h"
#include "base/proc.h"
#include "model/job_exit.h"
#include "model/page.h"
#include "model/result_parse.h"
#include "model/state_files.h"
#include "model/summary.h"
#include "runner/cli/run/directory.h"
#include "runner/cli/run/junit_file.h"
#include "runner/cli/run/options.h"
#include "runner/cli/run/out_file.h"
#include "sandbox/advice.h"
#include "sandbox/cgroup_find.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESULT_LIMIT_BYTES (512U << 20)
#define KILL_TIMEOUT_MS    10000
#define STATUS_PASSED      0
#define STATUS_NOT_PASSED  1
#define STATUS_NOT_JUDGED  2

struct run {
    const struct run_options *options;
    const char *job_program;
    struct display *display;
    struct run_dir dir;        /* of the job */
    char *src_dir, *tests_dir; /* NULL: a repository */
    pid_t pid;
    int out_fd, signal_fd;
    unsigned signals;
    struct lines lines; /* of the output of the job */
    char line[PROGRESS_MAX_LINE_BYTES];
    char *complaint; /* the last error in the log of the job */
};

static void run_done(struct run *r)
{
    run_dir_done(&r->dir);
    free(r->src_dir);
    free(r->tests_dir);
    free(r->complaint);
    fd_close(r->out_fd);
    fd_close(r->signal_fd);
    display_free(r->display);
}

/* ---- task ---- */

/* Returns the real path of a directory; NULL if the text is a URL. The caller frees. */
static char *directory_of(const char *given)
{
    return given && fs_leads_to_dir(given) ? realpath(given, NULL) : NULL;
}

static json_t *numbers(const struct strv *texts)
{
    json_t *list = json_array();
    for (size_t i = 0; i < texts->len; i++)
        json_array_append_new(list, json_integer(strtoll(texts->items[i], NULL, 10)));
    return list;
}

static json_t *strings(const struct strv *texts)
{
    json_t *list = json_array();
    for (size_t i = 0; i < texts->len; i++)
        json_array_append_new(list, json_string(texts->items[i]));
    return list;
}

static int write_task(const struct run *r, struct err *err)
{
    const struct run_options *o = r->options;
    /* a directory is passed as an option, since its path need not be valid as a URL */
    json_t *task = json_pack("{s:i, s:s, s:o, s:o}", "id", 0, "repositoryUrl", r->src_dir ? "." : o->src,
                             "laboratoryNumber", numbers(&o->labs), "connectedTests", strings(&o->names));
    if (task && o->branch)
        json_object_set_new(task, "branch", json_string(o->branch));
    CLEANUP(mem_freep) char *text = task ? json_dumps(task, 0) : NULL;
    CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_TASK, r->dir.path);
    json_decref(task);
    return text ? fs_write_atomic(path, text, strlen(text), err)
                : err_set(err, ERR_TASK, EILSEQ, "The URL, the branch or a name is not valid UTF-8");
}

static int make_dir(struct run *r, struct err *err)
{
    run_dir_remove_dead(r->options->state_dir, r->job_program);
    int code = run_dir_make(r->options->state_dir, &r->dir, err);
    return code < 0 ? code : write_task(r, err);
}

/* ---- job ---- */

static void push_words(const struct run *r, const char *config, struct strv *argv)
{
    strv_push(argv, r->job_program);
    strv_pushf(argv, "--config=%s", config);
    strv_pushf(argv, "--cache-dir=%s/" STATE_CACHE, r->options->state_dir);
    strv_push(argv, "--progress");
    if (r->options->html)
        strv_push(argv, "--report");
    if (r->src_dir)
        strv_pushf(argv, "--src-dir=%s", r->src_dir);
    if (r->tests_dir)
        strv_pushf(argv, "--tests-dir=%s", r->tests_dir);
    else if (r->options->tests)
        strv_pushf(argv, "--tests-url=%s", r->options->tests);
    strv_push(argv, r->dir.path);
}

static int start_job(struct run *r, struct err *err)
{
    CLEANUP(mem_freep) char *config = mem_printf("%s/" STATE_JOB_CONF, r->dir.path);
    CLEANUP(strv_done) struct strv argv = {0};
    int code = run_options_write_job_file(r->options, config, err);
    if (code < 0)
        return code;
    push_words(r, config, &argv);
    struct proc_setup setup = {.argv = &argv, .in_fd = -1, .death_signal = SIGTERM, .new_session = true};
    return proc_spawn_piped(&setup, &r->pid, &r->out_fd, err);
}

/* ---- output of the job ---- */

/* Returns a line of the job's log as text. The caller frees. */
static char *for_people(const char *line)
{
    struct buf text = BUF_INIT(0);
    log_format_text(&text, line);
    return buf_take(&text);
}

static void take_line(const char *line, void *data)
{
    struct run *r = data;
    static const char word[] = PROGRESS_WORD " ";
    struct progress p;
    if (strncmp(line, word, strlen(word)) == 0) {
        const char *told = line + strlen(word);
        if (progress_parse(told, strlen(told), &p))
            display_take(r->display, &p);
        return;
    }
    enum log_level level = LOG_LEVEL_WARNING;
    const char *text = log_split_plain(line, &level);
    if (level >= LOG_LEVEL_ERROR) {
        free(r->complaint);
        r->complaint = for_people(text);
    }
    if (r->options->verbose) {
        CLEANUP(mem_freep) char *said = for_people(line);
        display_say(r->display, said);
    }
}

static bool take_output(struct run *r)
{
    char chunk[4096];
    ssize_t n = read(r->out_fd, chunk, sizeof(chunk));
    if (n > 0)
        lines_add(&r->lines, chunk, (size_t)n);
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* The first signal asks the job to stop, the next one kills it. */
static void take_signal(struct run *r)
{
    struct signalfd_siginfo info;
    if (read(r->signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    display_say(r->display,
                r->signals ? "Killing the job." : "Stopping; press Ctrl-C again to kill the job.");
    kill(r->pid, r->signals++ ? SIGKILL : SIGTERM);
}

/* Returns the status of the job, as waitpid(2) does. */
static int watch(struct run *r)
{
    int status;
    for (bool is_open = true; is_open;) {
        struct pollfd fds[] = {{.fd = r->out_fd, .events = POLLIN}, {.fd = r->signal_fd, .events = POLLIN}};
        if (poll(fds, ARRAY_LEN(fds), display_tick(r->display)) <= 0)
            continue;
        if (fds[1].revents)
            take_signal(r);
        if (fds[0].revents)
            is_open = take_output(r);
    }
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* ---- result ---- */

static int write_json(const char *path, const struct buf *body, struct err *err)
{
    if (strcmp(path, "-") == 0) {
        puts(body->data); /* errors are detected at exit */
        return 0;
    }
    return out_file_write(path, body->data, body->len, err);
}

static int write_html(const struct run *r, const char *path, struct err *err)
{
    CLEANUP(mem_freep) char *report = mem_printf("%s/" STATE_PAGE, r->dir.path);
    CLEANUP(buf_done) struct buf page = BUF_INIT(0);
    int code = fs_read_file(report, PAGE_MAX_BYTES, &page, err);
    if (code == -ENOENT)
        return err_set(err, ERR_INTERNAL, ENOENT, "The job could not write a report; --verbose shows why");
    return code < 0 ? code : out_file_write(path, page.data, page.len, err);
}

static int write_files(const struct run *r, const struct result *result, const struct buf *body,
                       struct err *err)
{
    const struct run_options *o = r->options;
    int code = o->json ? write_json(o->json, body, err) : 0;
    if (code == 0 && o->junit)
        code = junit_file_write(result, o->junit, err);
    return code == 0 && o->html ? write_html(r, o->html, err) : code;
}

/* The details in the result are cut to what the backend can store; those in the summary are not. */
static void take_full_details(const struct run *r, struct result *result)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_SUMMARY, r->dir.path);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    struct summary summary;
    if (fs_read_file(path, SUMMARY_MAX_BYTES, &text, NULL) < 0 || !text.len ||
        !summary_parse(text.data, text.len, &summary))
        return;
    free(result->error_details);
    result->error_details = TAKE_PTR(summary.details);
    summary_done(&summary);
}

static int show_result(const struct run *r, struct result *ret_result, struct err *err)
{
    const struct run_options *o = r->options;
    CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_RESULT, r->dir.path);
    CLEANUP(buf_done) struct buf body = BUF_INIT(0);
    int code = fs_read_file(path, RESULT_LIMIT_BYTES, &body, err);
    if (code == -ENOENT)
        return err_set(err, ERR_INTERNAL, ENOENT, "%s",
                       r->complaint ? r->complaint : "The job died without a result");
    if (code == 0)
        code =
            result_parse(body.data, body.len, (enum result_memory_unit)o->job.memory_unit, ret_result, err);
    if (code < 0)
        return code;
    take_full_details(r, ret_result);
    display_result(r->display, ret_result);
    const char *mend = ret_result->is_error ? sandbox_advice(ret_result->error_details) : NULL;
    if (mend)
        display_say(r->display, mend);
    return write_files(r, ret_result, &body, err);
}

/* Cleans up after a job that was killed. */
static void clean_up(struct run *r)
{
    proc_kill_descendants(NULL, 0, KILL_TIMEOUT_MS, &(struct err){0});
    run_dir_clean(r->dir.path, r->job_program, r->options->state_dir);
}

static int test(struct run *r, struct err *err)
{
    int code = proc_open_signals(0, &r->signal_fd, err);
    if (code == 0)
        code = proc_become_subreaper(err);
    if (code == 0)
        code = make_dir(r, err);
    if (code == 0)
        code = start_job(r, err);
    if (code < 0)
        return code;
    int status = watch(r);
    display_end(r->display);
    if (WIFSIGNALED(status))
        clean_up(r);
    if ((WIFEXITED(status) && WEXITSTATUS(status) == JOB_EXIT_STOPPED) || (WIFSIGNALED(status) && r->signals))
        return err_set(err, ERR_CANCELLED, ECANCELED, "Stopped");
    CLEANUP(result_done) struct result result = {0};
    code = show_result(r, &result, err);
    if (code < 0)
        return code;
    return result.is_error ? STATUS_NOT_JUDGED : result.is_passed ? STATUS_PASSED : STATUS_NOT_PASSED;
}

static int start(const struct run_options *o, const char *job_program)
{
    struct err err = {0};
    bool prints_json = o->json && strcmp(o->json, "-") == 0;
    CLEANUP(run_done)
    struct run r = {.options = o,
                    .job_program = job_program,
                    .display = display_new(prints_json ? stderr : stdout, (enum display_color)o->color),
                    .src_dir = directory_of(o->src),
                    .tests_dir = directory_of(o->tests),
                    .lines = {r.line, sizeof(r.line), take_line, &r, 0, false},
                    .out_fd = -1,
                    .signal_fd = -1};
    cgroup_make_room(&(struct err){0}); /* without control groups the job has fewer limits */
    int status = test(&r, &err);
    if (status >= 0)
        return status;
    display_say(r.display, err.message);
    return err.class == ERR_CANCELLED ? 128 + SIGINT : STATUS_NOT_JUDGED;
}

int run_command(int argc, char **argv, const char *job_program)
{
    struct run_options options;
    struct strv faults = {0};
    const char *asked;
    int status = STATUS_NOT_JUDGED;
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN); /* a closed pipe must not prevent the cleanup */
    int r = run_options_read(argc, argv, &options, &asked, &faults);
    for (size_t i = 0; i < faults.len && !asked; i++)
        fprintf(stderr, "ostest-runner run: %s\n", faults.items[i]);
    if (asked)
        status = (run_options_print_help(), 0);
    else if (r == 0)
        status = start(&options, job_program);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("ostest-runner run: cannot write to standard output\n", stderr);
        status = STATUS_NOT_JUDGED;
    }
    strv_done(&faults);
    run_options_done(&options);
    return status;
}
