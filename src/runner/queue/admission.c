#include "runner/queue/admission.h"

#include "base/clock.h"
#include "base/fs.h"

#include <stdio.h>

#define LOOK_AGAIN_MS 2000
#define MAX_PAUSE_MS  600000

struct admission {
    struct ev *ev;
    struct admission_settings settings;
    void (*on_change)(void *data);
    void *data;
    struct ev_timer timer;
    unsigned faults;  /* consecutive */
    int64_t pause_ms; /* of the next pause */
    int64_t paused_until_ms;
    char reason[1024];
};

struct admission *admission_new(struct ev *ev, const struct admission_settings *settings,
                                void (*on_change)(void *data), void *data)
{
    struct admission *g = mem_alloc(sizeof(*g));
    *g = (struct admission){.ev = ev,
                            .settings = *settings,
                            .on_change = on_change,
                            .data = data,
                            .pause_ms = settings->pause_ms};
    return g;
}

void admission_set(struct admission *g, const struct admission_settings *settings)
{
    g->settings = *settings;
    g->pause_ms = MAX(g->pause_ms, settings->pause_ms);
}

void admission_free(struct admission *g)
{
    if (!g)
        return;
    ev_timer_stop(g->ev, &g->timer);
    free(g);
}

static void on_timer(void *data)
{
    struct admission *g = data;
    g->on_change(g->data);
}

static void look_again_at(struct admission *g, int64_t when_ms)
{
    /* frequent callers must not push the timer back */
    if (!g->timer.armed || when_ms < g->timer.deadline_ms)
        ev_timer_at(g->ev, &g->timer, when_ms, on_timer, g);
}

/* ---- checks ---- */

static bool is_disk_full(struct admission *g)
{
    struct fs_room room;
    struct err err = {0};
    int r = fs_free_space(g->settings.dir, &room, &err);
    if (r == 0 && room.bytes >= g->settings.min_free_bytes && room.files >= FS_FEW_FILES)
        return false;
    if (r < 0)
        snprintf(g->reason, sizeof(g->reason), "%s", err.message);
    else if (room.files < FS_FEW_FILES)
        snprintf(g->reason, sizeof(g->reason), "less than %d more files can be created in %s (out of inodes)",
                 FS_FEW_FILES, g->settings.dir);
    else
        snprintf(g->reason, sizeof(g->reason), "less than %llu MB are free at %s (--min-free-disk)",
                 (unsigned long long)(g->settings.min_free_bytes >> 20), g->settings.dir);
    look_again_at(g, clock_now_ms() + LOOK_AGAIN_MS);
    return true;
}

static bool is_spool_full(struct admission *g, size_t unsent)
{
    snprintf(g->reason, sizeof(g->reason), "%zu results wait for the backend (--max-unsent)",
             g->settings.max_unsent);
    return unsent >= g->settings.max_unsent;
}

static bool is_in_series(const struct admission *g)
{
    return g->settings.pause_after && g->faults >= g->settings.pause_after;
}

static bool is_paused(struct admission *g, size_t running)
{
    if (!is_in_series(g))
        return false;
    snprintf(g->reason, sizeof(g->reason),
             "%u or more consecutive tasks failed because of this machine, see above (--pause-after)",
             g->settings.pause_after);
    if (clock_now_ms() < g->paused_until_ms) {
        look_again_at(g, g->paused_until_ms);
        return true;
    }
    return running > 0;
}

const char *admission_reason(struct admission *g, size_t unsent, size_t running)
{
    return is_paused(g, running) || is_spool_full(g, unsent) || is_disk_full(g) ? g->reason : NULL;
}

void admission_task_ended(struct admission *g, enum jobs_end end)
{
    if (end == JOBS_JUDGED) {
        g->faults = 0;
        g->pause_ms = g->settings.pause_ms;
    }
    if (end != JOBS_FAULT)
        return;
    g->faults++;
    if (!is_in_series(g) ||
        clock_now_ms() < g->paused_until_ms) /* it ran before the pause and belongs to it */
        return;
    g->paused_until_ms = clock_now_ms() + g->pause_ms;
    g->pause_ms = MIN(g->pause_ms * 2, (int64_t)MAX_PAUSE_MS);
}
