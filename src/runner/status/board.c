#include "runner/status/board.h"

#include "base/url.h"
#include "runner/status/show.h"

#include <stdbool.h>
#include <string.h>

#define MAX_TEXT_BYTES 300

struct place {
    bool busy;
    char *key, *label;
    char *repository, *branch; /* NULL: cleans up; the branch also: the default branch */
    int64_t lab;
    int64_t start_ms;
    char *commit, *stage, *test; /* NULL: not known yet */
    int64_t stage_ms, test_ms;   /* when they started */
    uint64_t planned, ended, passed;
    uint64_t memory_bytes, memory_peak_bytes; /* 0: not known yet */
};

struct board {
    struct place *places;
    size_t len;
};

struct board *board_new(size_t slots)
{
    struct board *board = mem_alloc(sizeof(*board));
    *board = (struct board){mem_alloc(slots * sizeof(*board->places)), slots};
    return board;
}

static void clear(struct place *p)
{
    char *const texts[] = {p->key, p->label, p->repository, p->branch, p->commit, p->stage, p->test};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(texts[i]);
    *p = (struct place){0};
}

void board_free(struct board *board)
{
    if (!board)
        return;
    for (size_t i = 0; i < board->len; i++)
        clear(&board->places[i]);
    free(board->places);
    free(board);
}

size_t board_slots(const struct board *board)
{
    return board->len;
}

size_t board_busy(const struct board *board)
{
    size_t n = 0;
    for (size_t i = 0; i < board->len; i++)
        n += board->places[i].busy;
    return n;
}

void board_start(struct board *board, size_t slot, const char *key, const char *label,
                 const struct task *task, int64_t now_ms)
{
    struct place *p = &board->places[slot];
    clear(p);
    p->busy = true;
    p->start_ms = now_ms;
    p->key = mem_strdup(key);
    p->label = mem_strdup(label);
    if (!task)
        return;
    p->repository = task->repository_url ? url_without_userinfo(task->repository_url) : mem_strdup("");
    p->branch = mem_strdup(task->branch);
    p->lab = task_stage(task);
}

static void set(char **text, const char *value)
{
    free(*text);
    *text = mem_strdup(value);
}

void board_progress(struct board *board, size_t slot, const struct progress *told, int64_t now_ms)
{
    struct place *p = &board->places[slot];
    switch (told->kind) {
    case PROGRESS_STAGE:
        set(&p->stage, told->text);
        set(&p->test, NULL);
        p->stage_ms = now_ms;
        break;
    case PROGRESS_COMMIT:
        set(&p->commit, told->text);
        break;
    case PROGRESS_PLANNED:
        p->planned = told->planned;
        break;
    case PROGRESS_START:
        set(&p->test, told->text);
        p->test_ms = now_ms;
        break;
    case PROGRESS_END:
        set(&p->test, NULL);
        p->ended++;
        p->passed += told->status == REPORT_PASSED || told->status == REPORT_XFAILED;
        break;
    case PROGRESS_MEMORY:
        p->memory_bytes = told->memory_bytes;
        p->memory_peak_bytes = MAX(p->memory_peak_bytes, told->memory_bytes);
        break;
    case PROGRESS_NOTE: /* about a directory given to `run`; tasks have none */
        break;
    }
}

void board_end(struct board *board, size_t slot)
{
    clear(&board->places[slot]);
}

/* ---- JSON ---- */

static json_t *place_json(const struct place *p, size_t number)
{
    json_t *o = json_pack("{s:I, s:I, s:I}", "slot", (json_int_t)number, "startedMs", (json_int_t)p->start_ms,
                          "lab", (json_int_t)p->lab);
    show_text(o, "key", p->key, MAX_TEXT_BYTES);
    show_text(o, "id", p->label, MAX_TEXT_BYTES);
    show_text(o, "repository", p->repository, MAX_TEXT_BYTES);
    show_text(o, "branch", p->branch, MAX_TEXT_BYTES);
    show_text(o, "commit", p->commit, 64);
    show_text(o, "stage", p->stage, 32);
    show_text(o, "test", p->test, MAX_TEXT_BYTES);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"stageStartedMs", (uint64_t)p->stage_ms},
                   {"testStartedMs", (uint64_t)p->test_ms},
                   {"planned", p->planned},
                   {"ended", p->ended},
                   {"passed", p->passed},
                   {"memoryBytes", p->memory_bytes},
                   {"memoryPeakBytes", p->memory_peak_bytes}};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        json_object_set_new(o, numbers[i].name, json_integer((json_int_t)numbers[i].value));
    return o;
}

void board_format(const struct board *board, size_t max_bytes, struct buf *out)
{
    size_t start = out->len, left_out = 0, shown = 0;
    buf_puts(out, "\"slots\":[");
    for (size_t i = 0; i < board->len; i++) {
        if (!board->places[i].busy)
            continue;
        CLEANUP(buf_done) struct buf text = BUF_INIT(0);
        show_append(&text, place_json(&board->places[i], i));
        if (out->len - start + text.len > max_bytes)
            left_out++;
        else
            buf_printf(out, "%s%s", shown++ ? "," : "", text.data);
    }
    buf_printf(out, "],\"slotsLeftOut\":%zu", left_out);
}
