#include "base/log_format.h"

#include "base/json.h"
#include "test.h"

#define WHEN "2026-11-23T02:31:02.123Z"

/* Returns the event of a message with these fields; the caller frees. */
static char *event_of(const char *message, const struct log_field *fields, size_t len)
{
    struct buf event = BUF_INIT(0);
    log_format_visible(&event, message);
    for (size_t i = 0; i < len; i++)
        log_format_field(&event, &fields[i]);
    return buf_take(&event);
}

static void check_text(const char *event, const char *want)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(0);
    log_format_text(&out, event);
    CHECK_STR(out.data, want);
}

static void check_json(const char *task, const char *event, const char *want)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(0);
    log_format_json(&out, WHEN, "info", task, event);
    CHECK_STR(out.data, want);
    CLEANUP(json_decrefp) json_t *parsed = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
    CHECK(json_is_object(parsed));
}

static void pairs_stand_behind_the_message(void)
{
    const struct log_field fields[] = {LOG_TEXT("branch", "main"), LOG_NUMBER("ms", 12),
                                       LOG_NUMBER("s", 0.1)};
    CLEANUP(mem_freep) char *event = event_of("fetched", fields, ARRAY_LEN(fields));
    check_text(event, "fetched branch=main ms=12 s=0.1");
    check_json(NULL, event,
               "{\"time\": \"" WHEN
               "\", \"level\": \"info\", \"message\": \"fetched\", \"branch\": \"main\", "
               "\"ms\": 12, \"s\": 0.1}");
}

static void a_message_alone_is_one(void)
{
    check_text("hello = there", "hello = there");
    check_json(NULL, "hello a=b",
               "{\"time\": \"" WHEN "\", \"level\": \"info\", \"message\": \"hello a=b\"}");
    check_json(NULL, "", "{\"time\": \"" WHEN "\", \"level\": \"info\", \"message\": \"\"}");
}

static void a_task_is_a_member(void)
{
    check_json("7", "done",
               "{\"time\": \"" WHEN "\", \"level\": \"info\", \"task\": \"7\", \"message\": \"done\"}");
    check_json("a\"\n\xff", "done",
               "{\"time\": \"" WHEN "\", \"level\": \"info\", \"task\": \"a\\\"\\\\n\xef\xbf\xbd\", "
               "\"message\": \"done\"}");
}

static void values_cannot_forge_a_pair_or_a_line(void)
{
    const struct log_field fields[] = {LOG_TEXT("branch", "x\tlevel=critical\n\vms=1"),
                                       LOG_TEXT("b", "\"},{\\")};
    CLEANUP(mem_freep) char *event = event_of("a\tb=c", fields, ARRAY_LEN(fields));
    check_text(event, "a\\x09b=c branch=x\\x09level=critical\\n\\x0bms=1 b=\"},{\\");
    check_json(NULL, event,
               "{\"time\": \"" WHEN "\", \"level\": \"info\", \"message\": \"a\\\\x09b=c\", "
               "\"branch\": \"x\\\\x09level=critical\\\\n\\\\x0bms=1\", \"b\": \"\\\"},{\\\\\"}");
}

static void what_is_no_pair_stays_in_the_message(void)
{
    check_json(NULL, "a\tlevel=x\ttime=1\tmessage=2\ttask=3\tA=1\t=2\tb\t\tc=",
               "{\"time\": \"" WHEN "\", \"level\": \"info\", \"message\": "
               "\"a level=x time=1 message=2 task=3 A=1 =2 b \", \"c\": \"\"}");
}

static void only_numbers_of_json_are_numbers(void)
{
    static const char *const numbers[] = {"0", "-1", "10", "0.5", "1e+20", "-2.5e-07", "123456789012345"};
    static const char *const others[] = {"",   "-",   "01",  "1.", ".5",  "1.2.3",
                                         "1e", "nan", "inf", "1 ", "0x1", "1,2"};
    for (size_t i = 0; i < ARRAY_LEN(numbers) + ARRAY_LEN(others); i++) {
        bool is_number = i < ARRAY_LEN(numbers);
        const char *text = is_number ? numbers[i] : others[i - ARRAY_LEN(numbers)];
        const char *mark = is_number ? "" : "\"";
        CLEANUP(mem_freep) char *event = mem_printf("m\vn=%s\tz=1", text);
        CLEANUP(mem_freep)
        char *want = mem_printf("{\"time\": \"" WHEN "\", \"level\": \"info\", \"message\": \"m\", "
                                "\"n\": %s%s%s, \"z\": \"1\"}",
                                mark, text, mark);
        check_json(NULL, event, want);
    }
}

static void large_numbers_are_whole(void)
{
    const struct log_field fields[] = {LOG_NUMBER("bytes", 999999999999999), LOG_NUMBER("none", 0),
                                       LOG_NUMBER("less", -3)};
    CLEANUP(mem_freep) char *event = event_of("m", fields, ARRAY_LEN(fields));
    check_text(event, "m bytes=999999999999999 none=0 less=-3");
}

TEST_MAIN(TEST(pairs_stand_behind_the_message), TEST(a_message_alone_is_one), TEST(a_task_is_a_member),
          TEST(values_cannot_forge_a_pair_or_a_line), TEST(what_is_no_pair_stays_in_the_message),
          TEST(only_numbers_of_json_are_numbers), TEST(large_numbers_are_whole))
