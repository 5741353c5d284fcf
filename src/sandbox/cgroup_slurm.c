#include "sandbox/cgroup_slurm.h"

#include "base/mem.h"
#include "sandbox/cgroup_find.h"

#include <string.h>
#include <unistd.h>

/* v1 shows "no limit" as the highest number of whole pages. */
#define V1_NO_LIMIT (1ULL << 62)

/* Names of the same files in v1 and v2. */
static const struct {
    const char *now, *peak, *limit;
} versions[] = {
    {"memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.limit_in_bytes"},
    {"memory.current", "memory.peak", "memory.max"},
};

/* ---- finding the group ---- */

/*
 * Returns the length of the prefix of `dir` that names the group of this job, as in
 * /slurm/uid_1000/job_7/step_batch or /slurmstepd.scope/job_7/step_batch/user; 0 if there is none.
 */
static size_t job_part(const char *dir, const char *job_id)
{
    CLEANUP(mem_freep) char *name = mem_printf("/job_%s", job_id);
    size_t len = strlen(name);
    const char *slurm = strstr(dir, "slurm");
    for (const char *p = slurm; p && (p = strstr(p, name)); p += len)
        if (p[len] == '/' || p[len] == '\0')
            return (size_t)(p - dir) + len;
    return 0;
}

static bool has_file(const char *dir, const char *name)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, name);
    return access(path, R_OK) == 0;
}

/* Goes to the parent group. Returns false if that would leave the job's group. */
static bool go_up(char *dir, size_t job_len)
{
    if (strlen(dir) <= job_len)
        return false;
    *strrchr(dir, '/') = '\0';
    return true;
}

static uint64_t limit_of(const struct cgroup_slurm *g, const char *dir)
{
    CLEANUP(mem_freep) char *text = cgroup_read(dir, versions[g->is_v2].limit);
    char *end;
    uint64_t limit = strtoull(text, &end, 10); /* "max" is no number */
    return end == text || limit >= V1_NO_LIMIT ? CGROUP_SLURM_NO_LIMIT : limit;
}

static uint64_t lowest_limit(const struct cgroup_slurm *g)
{
    CLEANUP(mem_freep) char *dir = mem_strdup(g->dir);
    uint64_t lowest = CGROUP_SLURM_NO_LIMIT;
    do
        lowest = MIN(lowest, limit_of(g, dir));
    while (go_up(dir, g->job_len));
    return lowest;
}

void cgroup_slurm_find(const char *job_id, struct cgroup_slurm *ret_group)
{
    struct cgroup_slurm g = {.limit_bytes = CGROUP_SLURM_NO_LIMIT};
    CLEANUP(mem_freep) char *dir = cgroup_own_dir("memory");
    g.is_v2 = !dir;
    if (g.is_v2)
        dir = cgroup_own_dir("");
    g.job_len = dir && job_id ? job_part(dir, job_id) : 0;
    bool is_there = g.job_len != 0;
    while (is_there && !has_file(dir, versions[g.is_v2].now))
        is_there = go_up(dir, g.job_len);
    if (is_there) {
        g.dir = TAKE_PTR(dir);
        g.limit_bytes = lowest_limit(&g);
    }
    *ret_group = g;
}

void cgroup_slurm_done(struct cgroup_slurm *g)
{
    free(g->dir);
    *g = (struct cgroup_slurm){0};
}

/* ---- measuring ---- */

uint64_t cgroup_slurm_memory_now(const struct cgroup_slurm *g)
{
    return cgroup_read_memory(g->dir, g->is_v2);
}

static uint64_t peak(const struct cgroup_slurm *g)
{
    return cgroup_read_number(g->dir, versions[g->is_v2].peak);
}

void cgroup_slurm_test_begin(struct cgroup_slurm *g)
{
    g->peak_before = peak(g);
    g->held = g->highest = cgroup_slurm_memory_now(g);
}

void cgroup_slurm_sample(struct cgroup_slurm *g)
{
    g->highest = MAX(g->highest, cgroup_slurm_memory_now(g));
}

uint64_t cgroup_slurm_test_end(struct cgroup_slurm *g)
{
    uint64_t now = peak(g);
    cgroup_slurm_sample(g);
    if (now > g->peak_before)
        g->highest = MAX(g->highest, now);
    return g->highest - g->held;
}

/* ---- the limit ---- */

/*
 * Returns how often the memory limit of the group, or of a parent up to the job's group, was hit.
 */
static uint64_t count_refusals(const struct cgroup_slurm *g)
{
    CLEANUP(mem_freep) char *dir = mem_strdup(g->dir);
    uint64_t sum = 0;
    do
        sum += cgroup_count_refusals(dir, g->is_v2);
    while (go_up(dir, g->job_len));
    return sum;
}

void cgroup_slurm_run_begin(struct cgroup_slurm *g)
{
    g->kills_before = cgroup_count_kills(g->dir, g->is_v2);
    g->refusals_before = count_refusals(g);
}

void cgroup_slurm_read_hits(const struct cgroup_slurm *g, struct cgroup_hits *ret_hits)
{
    ret_hits->memory = cgroup_count_kills(g->dir, g->is_v2) - g->kills_before;
    ret_hits->was_full = count_refusals(g) > g->refusals_before;
}
