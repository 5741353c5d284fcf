#include "job/report_files.h"

#include "base/fd.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/url.h"
#include "base/utf8.h"
#include "model/page.h"
#include "model/state_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define CPUINFO_BYTES 4096

void report_files_take_run(struct job *job, const struct run *run)
{
    struct job_seen *seen = &job->seen;
    struct summary *s = &seen->summary;
    s->cpu_ms = run->proc.cpu_ms;
    s->memory_bytes = run->proc.peak.rss_bytes;
    s->limits[SUMMARY_TIME] = run->proc.timed_out;
    s->limits[SUMMARY_MEMORY] = run->proc.over_rss || run->sandbox.hits.memory;
    s->limits[SUMMARY_PIDS] = run->sandbox.hits.pids;
    s->limits[SUMMARY_DISK] = run->sandbox.full[BOX_FULL_BYTES];
    s->limits[SUMMARY_INODES] = run->sandbox.full[BOX_FULL_INODES];
    s->limits[SUMMARY_OUTPUT] = run->proc.out.dropped_bytes || run->proc.err.dropped_bytes;
    seen->has_run = true;
    seen->group = run->sandbox.group_kind;
    seen->has_witness = events_has_session(run->events);
    seen->in_slurms_group = sandbox_run_is_in_slurms(&run->sandbox);
    seen->dropped_bytes[0] = run->proc.out.dropped_bytes;
    seen->dropped_bytes[1] = run->proc.err.dropped_bytes;
}

int report_files_write_summary(struct job *job, const struct result *result, struct err *err)
{
    struct summary *s = &job->seen.summary;
    job_enter_stage(job, SUMMARY_STAGES);
    summary_set_task(s, &job->task);
    if (job->src_dir)
        summary_set_repository(s, job->src_dir);
    summary_set_result(s, result);
    s->finished_s = time(NULL);
    CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_SUMMARY, job->dir);
    CLEANUP(mem_freep) char *text = summary_format(s);
    return fs_write_plain(path, text, strlen(text), err);
}

/* ---- the facts of the report ---- */

static void add_labs(const struct task *task, struct page *page)
{
    CLEANUP(strv_done) struct strv numbers = {0};
    for (size_t i = 0; i < task->labs_len; i++)
        strv_pushf(&numbers, "%lld", (long long)task->labs[i]);
    CLEANUP(mem_freep) char *text = strv_join(&numbers, ", ");
    if (*text)
        page_add(page, PAGE_TASK, "Lab", "%s", text);
}

static void add_suite(const struct job *job, struct page *page)
{
    CLEANUP(mem_freep) char *url = url_without_userinfo(job->options->tests_url);
    CLEANUP(mem_freep) char *names = strv_join(&job->task.tests, ", ");
    add_labs(&job->task, page);
    if (job->task.tests.len)
        page_add(page, PAGE_TASK, "Connected tests", "%s", names);
    if (job->options->mock)
        return;
    page_add(page, PAGE_TASK, "Suite", "%s", job->tests_dir ? job->tests_dir : url);
    if (job->seen.suite_commit)
        page_add(page, PAGE_TASK, "Suite's commit", "%s", job->seen.suite_commit);
    if (job->seen.has_run && !job->seen.has_witness)
        page_add(page, PAGE_TASK, "Judged by", "the suite's report alone: no pytest reported its tests");
}

/* Returns the name that the kernel shows. The caller frees. */
static char *cpu_model(void)
{
    char text[CPUINFO_BYTES];
    CLEANUP(fd_closep) int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    text[MAX(len, (ssize_t)0)] = '\0';
    char *model = strstr(text, "model name");
    model = model ? strchr(model, ':') : NULL;
    if (!model)
        return mem_strdup("unknown");
    model += 1 + strspn(model + 1, " \t");
    return mem_strndup(model, strcspn(model, "\n"));
}

static void add_machine(const struct job *job, struct page *page)
{
    struct utsname u;
    CLEANUP(mem_freep) char *model = cpu_model();
    if (uname(&u) < 0)
        return;
    page_add(page, PAGE_MACHINE, "Host", "%s", u.nodename);
    page_add(page, PAGE_MACHINE, "CPU", "%ld × %s", sysconf(_SC_NPROCESSORS_ONLN), model);
    page_add(page, PAGE_MACHINE, "Kernel", "%s %s, %s", u.sysname, u.release, u.machine);
    if (!job_is_sandboxed(job))
        page_add(page, PAGE_MACHINE, "Sandbox", "none");
    else if (job->seen.has_run)
        page_add(page, PAGE_MACHINE, "Sandbox", "bubblewrap; control groups: %s",
                 job->seen.in_slurms_group ? "Slurm's" : cgroup_kind_name(job->seen.group));
}

static void add_limits(const struct job *job, struct page *page)
{
    const struct job_options *o = job->options;
    if (o->timeout_ms)
        page_add(page, PAGE_LIMITS, "Time", "%.6g s", (double)o->timeout_ms / 1000);
    page_add(page, PAGE_LIMITS, "Output, of each stream", "%.6g MB", (double)o->output_bytes / (1 << 20));
    if (!job_is_sandboxed(job))
        return;
    page_add(page, PAGE_LIMITS, "Memory", "%llu MB", (unsigned long long)(o->memory_bytes >> 20));
    page_add(page, PAGE_LIMITS, "CPUs", "%.6g", o->cpus);
    page_add(page, PAGE_LIMITS, "Processes and threads", "%lld", (long long)o->pids);
    page_add(page, PAGE_LIMITS, "Files", "%llu MB, %lld files", (unsigned long long)(o->disk_bytes >> 20),
             (long long)o->inodes);
    page_add(page, PAGE_LIMITS, "Network", "%s", o->network == JOB_NETWORK_HOST ? "this machine's" : "none");
}

/* ---- the output ---- */

/* Holds a whole log, or its first and last bytes. */
struct ends {
    char bytes[2 * PAGE_OUTPUT_BYTES];
};

static size_t read_at(int fd, char *into, size_t len, off_t at)
{
    size_t done = 0;
    ssize_t n;
    while (done < len && (n = pread(fd, into + done, len - done, at + (off_t)done)) > 0)
        done += (size_t)n;
    return done;
}

/* Cuts both ends between characters. */
static void read_both_ends(int fd, size_t size, struct ends *ends, struct page_output *o)
{
    char *tail = ends->bytes + PAGE_OUTPUT_BYTES + 1;
    size_t head_len = read_at(fd, ends->bytes, PAGE_OUTPUT_BYTES + 1, 0);
    size_t tail_len = read_at(fd, tail, PAGE_OUTPUT_BYTES - 1, (off_t)(size - (PAGE_OUTPUT_BYTES - 1)));
    size_t skipped = utf8_resume(tail, tail_len, 0);
    o->head_len = utf8_cut(ends->bytes, head_len, PAGE_OUTPUT_BYTES);
    o->tail = tail + skipped;
    o->tail_len = tail_len - skipped;
    o->left_out_bytes = size - o->head_len - o->tail_len;
}

static void read_output(const struct job *job, const char *name, struct ends *ends, struct page_output *ret)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", job->dir, name);
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    ret->head = ret->tail = ends->bytes;
    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    if ((uint64_t)st.st_size <= sizeof(ends->bytes))
        ret->head_len = read_at(fd, ends->bytes, sizeof(ends->bytes), 0);
    else
        read_both_ends(fd, (size_t)st.st_size, ends, ret);
}

/* ---- the report ---- */

static int write_to_file(const char *text, size_t len, void *data)
{
    return fwrite(text, 1, len, data) == len ? 0 : -errno;
}

/* Writes the page atomically, without fsync. */
static int write_page(const struct page *page, const char *path, struct err *err)
{
    CLEANUP(mem_freep) char *temporary = mem_printf("%s.tmp", path);
    FILE *file = fopen(temporary, "we");
    int r = file ? page_write(page, write_to_file, file) : -errno;
    if (file && fclose(file) != 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r == 0)
        return 0;
    unlink(temporary);
    return err_errno(err, -r, "Cannot write %s", path);
}

int report_files_write_page(struct job *job, const struct result *result, struct err *err)
{
    CLEANUP(page_done)
    struct page page = {.summary = &job->seen.summary,
                        .result = result,
                        .has_output = job->seen.has_run,
                        .is_directory = job->src_dir != NULL};
    CLEANUP(mem_freep) struct ends *out = mem_alloc(sizeof(*out));
    CLEANUP(mem_freep) struct ends *errors = mem_alloc(sizeof(*errors));
    CLEANUP(mem_freep) char *path = mem_printf("%s/" STATE_PAGE, job->dir);
    add_suite(job, &page);
    add_machine(job, &page);
    add_limits(job, &page);
    if (page.has_output) {
        read_output(job, STATE_STDOUT, out, &page.out);
        read_output(job, STATE_STDERR, errors, &page.err);
    }
    page.out.dropped_bytes = job->seen.dropped_bytes[0];
    page.err.dropped_bytes = job->seen.dropped_bytes[1];
    return write_page(&page, path, err);
}
