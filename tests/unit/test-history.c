#include "runner/status/history.h"

#include "base/json.h"
#include "base/mem.h"
#include "test.h"

#define NOW_S ((int64_t)1800000000) /* the start of a bin */

static struct history *history;
static json_t *shown;

/* Shows what there is at this time, with room for so many bytes. */
static void show(int64_t now_s, size_t limit)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(limit);
    buf_puts(&text, "{");
    history_format(history, now_s, &text);
    buf_puts(&text, "}");
    json_decref(shown);
    if (json_parse_object(text.data, text.len, &shown, NULL) < 0)
        TEST_FAIL("no JSON: %s", text.data);
    CHECK(!limit || text.len <= limit);
}

static void start(void)
{
    history_free(history);
    history = history_new();
}

static void end(void)
{
    history_free(history);
    json_decref(shown);
    history = NULL;
    shown = NULL;
}

/* A task that took `ms`. */
static struct summary summary_of(int64_t finished_s, int64_t ms)
{
    return (struct summary){.id_json = "\"a\"",
                            .repository = "https://example.org/proxy-anton.git",
                            .commit = "",
                            .details = "",
                            .lab = 3,
                            .finished_s = finished_s,
                            .stages_ms = {[SUMMARY_TEST] = ms}};
}

static void add(const char *key, enum metrics_outcome outcome, int64_t finished_s, int64_t ms)
{
    struct summary summary = summary_of(finished_s, ms);
    history_add(history, key, outcome, &summary, NULL);
}

static const json_t *result(size_t i)
{
    return json_array_get(json_object_get(shown, "results"), i);
}

static int64_t row(size_t i, size_t column)
{
    const json_t *rows = json_object_get(json_object_get(shown, "history"), "rows");
    return json_integer_value(json_array_get(json_array_get(rows, i), column));
}

static size_t rows(void)
{
    return json_array_size(json_object_get(json_object_get(shown, "history"), "rows"));
}

static void nothing_is_two_empty_lists(void)
{
    start();
    show(NOW_S, 0);
    CHECK_INT(json_array_size(json_object_get(shown, "results")), 0);
    CHECK_INT(rows(), 0);
    end();
}

static void the_newest_comes_first_and_the_oldest_go(void)
{
    start();
    for (int i = 0; i < HISTORY_RESULTS + 5; i++) {
        CLEANUP(mem_freep) char *key = mem_printf("%012d-x", i);
        add(key, METRICS_PASSED, NOW_S, 1);
    }
    show(NOW_S, 0);
    CHECK_INT(history_len(history), HISTORY_RESULTS);
    CHECK_INT(json_array_size(json_object_get(shown, "results")), HISTORY_RESULTS);
    CHECK_STR(json_string_value(json_object_get(result(0), "key")), "000000000104-x");
    CHECK_STR(json_string_value(json_object_get(result(99), "key")), "000000000005-x");
    CHECK_INT(row(0, 1), HISTORY_RESULTS + 5); /* they count all the same */
    end();
}

static void a_result_has_all_that_its_summary_says(void)
{
    start();
    struct summary s = summary_of(NOW_S, 700);
    s.id_json = "21";
    s.branch = "main";
    s.details = "<script>alert(1)</script>\"";
    s.tests = 9;
    s.limits[SUMMARY_PIDS] = true;
    CLEANUP(strv_done) struct strv files = {0};
    strv_push(&files, "job.log");
    history_add(history, "000000000001-21", METRICS_ERROR, &s, &files);
    show(NOW_S, 0);
    CLEANUP(mem_freep) char *text = json_dumps(result(0), JSON_COMPACT | JSON_SORT_KEYS);
    CHECK_STR(text, "{\"branch\":\"main\",\"commit\":\"\",\"details\":\"<script>alert(1)</script>\\\"\","
                    "\"durationMs\":700,\"files\":[\"job.log\"],\"finished\":1800000000,\"id\":21,"
                    "\"key\":\"000000000001-21\",\"lab\":3,\"limits\":[\"pids\"],\"memoryBytes\":0,"
                    "\"outcome\":\"error\",\"repository\":\"https://example.org/proxy-anton.git\","
                    "\"stagesMs\":{\"fetch\":0,\"judge\":0,\"prepare\":0,\"test\":700},\"tests\":9,"
                    "\"testsPassed\":0}");
    end();
}

static void what_ends_within_five_minutes_is_one_row(void)
{
    start();
    add("1", METRICS_PASSED, NOW_S, 100);
    add("2", METRICS_FAILED, NOW_S + HISTORY_BIN_S - 1, 300);
    add("3", METRICS_FAULT, NOW_S + HISTORY_BIN_S, 50);
    show(NOW_S + HISTORY_BIN_S, 0);
    CHECK_INT(rows(), 2);
    static const int64_t want[] = {NOW_S, 1, 1, 0, 0, 200, 300};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        CHECK_INT(row(0, i), want[i]);
    CHECK_INT(row(1, 4), 1);
    end();
}

static void rows_are_those_of_the_last_hours(void)
{
    start();
    int64_t all_s = (int64_t)HISTORY_BINS * HISTORY_BIN_S;
    add("1", METRICS_PASSED, NOW_S, 1);
    show(NOW_S + all_s - 1, 0);
    CHECK_INT(rows(), 1);
    show(NOW_S + all_s, 0);
    CHECK_INT(rows(), 0);
    add("2", METRICS_FAILED, NOW_S + all_s, 1); /* where the first one was */
    add("3", METRICS_PASSED, NOW_S, 1);         /* too old to count */
    show(NOW_S + all_s, 0);
    CHECK_INT(rows(), 1);
    CHECK_INT(row(0, 1), 0);
    CHECK_INT(row(0, 2), 1);
    end();
}

static void what_does_not_fit_is_left_out(void)
{
    start();
    for (int i = 0; i < 50; i++)
        add("000000000001-x", METRICS_PASSED, NOW_S, 1);
    for (size_t limit = 3000; limit < 4000; limit++) {
        show(NOW_S, limit); /* whole each time */
        size_t len = json_array_size(json_object_get(shown, "results"));
        CHECK(len > 3 && len < 20);
    }
    end();
}

static void a_key_may_be_any_name(void)
{
    start();
    add("000000000001-\xff\"", METRICS_PASSED, NOW_S, 100);
    show(NOW_S, 0);
    CHECK_STR(json_string_value(json_object_get(result(0), "key")), "000000000001-\xef\xbf\xbd\"");
    end();
}

TEST_MAIN(TEST(a_key_may_be_any_name), TEST(nothing_is_two_empty_lists),
          TEST(the_newest_comes_first_and_the_oldest_go), TEST(a_result_has_all_that_its_summary_says),
          TEST(what_ends_within_five_minutes_is_one_row), TEST(rows_are_those_of_the_last_hours),
          TEST(what_does_not_fit_is_left_out))
