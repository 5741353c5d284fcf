#include "runner/status/board.h"

#include "base/json.h"
#include "base/mem.h"
#include "test.h"

static struct board *board;
static json_t *shown;

static void start(size_t slots)
{
    board_free(board);
    board = board_new(slots);
}

static void end(void)
{
    board_free(board);
    json_decref(shown);
    board = NULL;
    shown = NULL;
}

static void show(size_t max_bytes)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    buf_puts(&text, "{");
    board_format(board, max_bytes, &text);
    buf_puts(&text, "}");
    json_decref(shown);
    if (json_parse_object(text.data, text.len, &shown, NULL) < 0)
        TEST_FAIL("no JSON: %s", text.data);
}

static const json_t *slot(size_t i, const char *member)
{
    return json_object_get(json_array_get(json_object_get(shown, "slots"), i), member);
}

static const char *word(size_t i, const char *member)
{
    return json_string_value(slot(i, member));
}

static int64_t number(size_t i, const char *member)
{
    return json_integer_value(slot(i, member));
}

static void tell(size_t i, enum progress_kind kind, const char *text, int64_t now_ms)
{
    struct progress p;
    progress_set_text(&p, kind, text);
    board_progress(board, i, &p, now_ms);
}

static struct task task = {.repository_url = "https://me:secret@example.org/a.git", .branch = "main"};

static void busy_slots_are_shown_with_their_numbers(void)
{
    start(3);
    board_start(board, 2, "000000000007-x", "x", &task, 1000);
    show(10000);
    CHECK_INT(board_busy(board), 1);
    CHECK_INT(json_array_size(json_object_get(shown, "slots")), 1);
    CHECK_INT(number(0, "slot"), 2);
    CHECK_INT(number(0, "startedMs"), 1000);
    CHECK_STR(word(0, "id"), "x");
    CHECK_STR(word(0, "repository"), "https://example.org/a.git");
    CHECK(json_is_null(slot(0, "stage")) && json_is_null(slot(0, "test")));
    board_end(board, 2);
    show(10000);
    CHECK_INT(json_array_size(json_object_get(shown, "slots")), 0);
    end();
}

static void a_job_that_cleans_up_has_no_repository(void)
{
    start(1);
    board_start(board, 0, "000000000007-x", "x", NULL, 1000);
    show(10000);
    CHECK(json_is_null(slot(0, "repository")));
    end();
}

static void what_the_job_tells_is_shown(void)
{
    start(1);
    board_start(board, 0, "k", "x", &task, 1000);
    tell(0, PROGRESS_STAGE, "test", 2000);
    tell(0, PROGRESS_COMMIT, "abc", 2000);
    board_progress(board, 0, &(struct progress){.kind = PROGRESS_PLANNED, .planned = 12}, 2000);
    tell(0, PROGRESS_START, "test_a::b", 3000);
    board_progress(board, 0, &(struct progress){.kind = PROGRESS_MEMORY, .memory_bytes = 500}, 3000);
    board_progress(board, 0, &(struct progress){.kind = PROGRESS_MEMORY, .memory_bytes = 300}, 3000);
    show(10000);
    CHECK_STR(word(0, "stage"), "test");
    CHECK_STR(word(0, "commit"), "abc");
    CHECK_STR(word(0, "test"), "test_a::b");
    CHECK_INT(number(0, "stageStartedMs"), 2000);
    CHECK_INT(number(0, "testStartedMs"), 3000);
    CHECK_INT(number(0, "planned"), 12);
    CHECK_INT(number(0, "memoryBytes"), 300);
    CHECK_INT(number(0, "memoryPeakBytes"), 500);
    end();
}

static void tests_that_ended_are_counted(void)
{
    start(1);
    board_start(board, 0, "k", "x", &task, 1000);
    static const enum report_status statuses[] = {REPORT_PASSED, REPORT_FAILED, REPORT_XFAILED,
                                                  REPORT_SKIPPED};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        tell(0, PROGRESS_START, "t", 1000);
        board_progress(board, 0, &(struct progress){.kind = PROGRESS_END, .status = statuses[i]}, 1000);
    }
    show(10000);
    CHECK_INT(number(0, "ended"), 4);
    CHECK_INT(number(0, "passed"), 2);
    CHECK(json_is_null(slot(0, "test")));
    end();
}

static void the_next_task_begins_anew(void)
{
    start(1);
    board_start(board, 0, "k", "x", &task, 1000);
    tell(0, PROGRESS_START, "t", 1000);
    tell(0, PROGRESS_STAGE, "test", 1000);
    board_start(board, 0, "l", "y", &task, 2000);
    show(10000);
    CHECK(json_is_null(slot(0, "stage")) && json_is_null(slot(0, "test")));
    CHECK_INT(number(0, "stageStartedMs"), 0);
    end();
}

static void bytes_that_are_no_text_are_made_one_and_long_texts_cut(void)
{
    start(1);
    CLEANUP(mem_freep) char *url = mem_alloc(2001);
    memset(url, 'u', 2000);
    struct task odd = {.repository_url = url, .branch = "b\xff"};
    board_start(board, 0, "k", "\xd0", &odd, 1000);
    show(10000);
    CHECK_INT(strlen(word(0, "repository")), 300);
    CHECK_STR(word(0, "branch"), "b\xef\xbf\xbd");
    CHECK_STR(word(0, "id"), "\xef\xbf\xbd");
    end();
}

static void what_does_not_fit_is_counted(void)
{
    start(50);
    for (size_t i = 0; i < 50; i++)
        board_start(board, i, "k", "x", &task, 1000);
    show(4000);
    size_t len = json_array_size(json_object_get(shown, "slots"));
    CHECK(len > 3 && len < 50);
    CHECK_INT(json_integer_value(json_object_get(shown, "slotsLeftOut")), 50 - (int64_t)len);
    end();
}

TEST_MAIN(TEST(busy_slots_are_shown_with_their_numbers), TEST(a_job_that_cleans_up_has_no_repository),
          TEST(what_the_job_tells_is_shown), TEST(tests_that_ended_are_counted),
          TEST(the_next_task_begins_anew), TEST(bytes_that_are_no_text_are_made_one_and_long_texts_cut),
          TEST(what_does_not_fit_is_counted))
