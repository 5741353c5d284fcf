#include "runner/status/metrics.h"

#include "base/clock.h"
#include "base/fs.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Upper bounds in seconds, from an empty program to a suite that reaches --timeout. */
static const double bounds_s[METRICS_BUCKETS] = {0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000};

static const char *const outcomes[] = {[METRICS_PASSED] = "passed",
                                       [METRICS_FAILED] = "failed",
                                       [METRICS_ERROR] = "error",
                                       [METRICS_FAULT] = "fault"};
static const char *const claims[] = {
    [METRICS_CLAIM_TASK] = "task",         [METRICS_CLAIM_NONE] = "none",
    [METRICS_CLAIM_NONSENSE] = "nonsense", [METRICS_CLAIM_REFUSED] = "refused",
    [METRICS_CLAIM_TROUBLE] = "trouble",   [METRICS_CLAIM_UNREACHABLE] = "unreachable"};
static const char *const answers[] = {[METRICS_ANSWER_2XX] = "2xx",
                                      [METRICS_ANSWER_3XX] = "3xx",
                                      [METRICS_ANSWER_4XX] = "4xx",
                                      [METRICS_ANSWER_5XX] = "5xx",
                                      [METRICS_ANSWER_NONE] = "none"};

static const char *stage_name(size_t i)
{
    return summary_stage_name((enum summary_stage)i);
}

static const char *limit_name(size_t i)
{
    return summary_limit_name((enum summary_limit)i);
}

static const char *outcome_name(size_t i)
{
    return outcomes[i];
}

static const char *claim_name(size_t i)
{
    return claims[i];
}

static const char *answer_name(size_t i)
{
    return answers[i];
}

enum kind { COUNTER, HISTOGRAM, GAUGE, GAUGE_COUNTER };

static const char *const types[] = {
    [COUNTER] = "counter", [HISTOGRAM] = "histogram", [GAUGE] = "gauge", [GAUGE_COUNTER] = "counter"};

/*
 * Counters and histograms are members of struct metrics, one per value of the label; the others of
 * the gauges.
 */
static const struct family {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *help;
    const char *label; /* NULL: none */
    size_t len;        /* values of the label */
    const char *(*value)(size_t i);
} families[] = {
#define M(member) offsetof(struct metrics, member)
#define G(member) offsetof(struct metrics_gauges, member)
    {"ostest_runner_tasks_total", COUNTER, M(tasks), "Tasks with a result, by outcome.", "outcome",
     METRICS_OUTCOMES, outcome_name},
    {"ostest_runner_claims_total", COUNTER, M(claims), "Requests for a task, by answer of the backend.",
     "answer", METRICS_CLAIMS, claim_name},
    {"ostest_runner_deliveries_total", COUNTER, M(deliveries), "Results sent, by status class of the answer.",
     "answer", METRICS_ANSWERS, answer_name},
    {"ostest_runner_limits_hit_total", COUNTER, M(limits), "Tasks that reached a limit of the sandbox.",
     "limit", SUMMARY_LIMITS, limit_name},
    {"ostest_runner_stage_duration_seconds", HISTOGRAM, M(stages), "Duration of each stage of a task.",
     "stage", SUMMARY_STAGES, stage_name},
    {"ostest_runner_start_wait_seconds", HISTOGRAM, M(start_wait),
     "Time from a claim to the start of its job.", NULL, 1, NULL},
    {"ostest_runner_delivery_wait_seconds", HISTOGRAM, M(delivery_wait),
     "Time from a result to its storage by the backend.", NULL, 1, NULL},
    {"ostest_runner_slots", GAUGE, G(slots), "Number of slots (--concurrent).", NULL, 1, NULL},
    {"ostest_runner_slots_busy", GAUGE, G(slots_busy), "Slots with a running job.", NULL, 1, NULL},
    {"ostest_runner_spool_results", GAUGE, G(spool), "Undelivered results.", NULL, 1, NULL},
    {"ostest_runner_claiming", GAUGE, G(claiming), "1 if tasks are claimed, 0 if claiming is stopped.", NULL,
     1, NULL},
    {"ostest_runner_pages_open", GAUGE, G(pages), "Open status pages.", NULL, 1, NULL},
    {"process_start_time_seconds", GAUGE, G(start_time_s), "Start time of the runner, in seconds since 1970.",
     NULL, 1, NULL},
    {"process_cpu_seconds_total", GAUGE_COUNTER, G(cpu_s), "CPU time of the runner, excluding its jobs.",
     NULL, 1, NULL},
    {"process_resident_memory_bytes", GAUGE, G(rss_bytes), "Resident memory of the runner.", NULL, 1, NULL},
    {"process_open_fds", GAUGE, G(open_fds), "Open file descriptors of the runner.", NULL, 1, NULL},
    {"process_max_fds", GAUGE, G(max_fds), "Limit of open file descriptors.", NULL, 1, NULL},
};

enum metrics_answer metrics_answer_of(int http_status)
{
    if (http_status < 200 || http_status > 599)
        return METRICS_ANSWER_NONE;
    return (enum metrics_answer)(http_status / 100 - 2);
}

const char *metrics_outcome_name(enum metrics_outcome outcome)
{
    return outcomes[outcome];
}

void metrics_observe_ms(struct metrics_histogram *h, int64_t ms)
{
    double s = (double)MAX(ms, (int64_t)0) / 1000;
    size_t i = 0;
    while (i < METRICS_BUCKETS && s > bounds_s[i])
        i++;
    h->counts[i]++;
    h->sum_s += s;
}

/* ---- the process ---- */

static double read_rss_bytes(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    if (fs_read_file("/proc/self/statm", 4096, &text, NULL) < 0 || !text.len)
        return 0;
    const char *resident = strchr(text.data, ' ');
    return resident ? strtod(resident, NULL) * (double)sysconf(_SC_PAGESIZE) : 0;
}

/* Without the descriptor of the listing itself. */
static double count_fds(void)
{
    CLEANUP(strv_done) struct strv names = {0};
    return fs_list_dir("/proc/self/fd", &names, NULL) < 0 || !names.len ? 0 : (double)(names.len - 1);
}

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

void metrics_read_process(struct metrics_gauges *gauges)
{
    struct rusage usage = {0};
    struct rlimit files = {0};
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &files);
    gauges->cpu_s = seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
    gauges->rss_bytes = read_rss_bytes();
    gauges->open_fds = count_fds();
    gauges->max_fds = (double)files.rlim_cur;
}

/* ---- the text ---- */

/* Appends the labels, such as {stage="test",le="1"}, if there are any. */
static void put_labels(struct buf *out, const struct family *f, size_t i, const char *le)
{
    if (!f->label && !le)
        return;
    buf_puts(out, "{");
    if (f->label)
        buf_printf(out, "%s=\"%s\"%s", f->label, f->value(i), le ? "," : "");
    if (le)
        buf_printf(out, "le=\"%s\"", le);
    buf_puts(out, "}");
}

static void put_sample(struct buf *out, const struct family *f, const char *suffix, size_t i, const char *le,
                       double value)
{
    buf_printf(out, "%s%s", f->name, suffix);
    put_labels(out, f, i, le);
    buf_printf(out, " %.15g\n", value);
}

static void put_histogram(struct buf *out, const struct family *f, size_t i,
                          const struct metrics_histogram *h)
{
    uint64_t count = 0;
    for (size_t b = 0; b <= METRICS_BUCKETS; b++) {
        char le[16] = "+Inf";
        if (b < METRICS_BUCKETS)
            snprintf(le, sizeof(le), "%g", bounds_s[b]);
        count += h->counts[b];
        put_sample(out, f, "_bucket", i, le, (double)count);
    }
    put_sample(out, f, "_sum", i, NULL, h->sum_s);
    put_sample(out, f, "_count", i, NULL, (double)count);
}

static void put_family(struct buf *out, const struct family *f, const struct metrics *metrics,
                       const struct metrics_gauges *gauges)
{
    const void *in_metrics = (const char *)metrics + f->offset;
    const void *in_gauges = (const char *)gauges + f->offset;
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, types[f->kind]);
    for (size_t i = 0; i < f->len; i++) {
        if (f->kind == HISTOGRAM)
            put_histogram(out, f, i, (const struct metrics_histogram *)in_metrics + i);
        else if (f->kind == COUNTER)
            put_sample(out, f, "", i, NULL, (double)((const uint64_t *)in_metrics)[i]);
        else
            put_sample(out, f, "", i, NULL, *(const double *)in_gauges);
    }
}

void metrics_format(const struct metrics *metrics, const struct metrics_gauges *gauges, const char *name,
                    struct buf *out)
{
    buf_printf(out,
               "# HELP ostest_runner_build_info Always 1; the labels are version and name.\n"
               "# TYPE ostest_runner_build_info gauge\n"
               "ostest_runner_build_info{version=\"" PROJECT_VERSION "\",name=\"%s\"} 1\n",
               name);
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        put_family(out, &families[i], metrics, gauges);
}
