#include "model/lease.h"

#include "test.h"

static const char text[] =
    "lease=0123456789abcdef host=n1.example status=65 result=1 size=1234 sum=00000000deadbeef\n";

static void what_is_formatted_can_be_parsed(void)
{
    struct lease_end end = {.lease = "0123456789abcdef", .status = 65, .has_result = true, .size = 1234};
    struct lease_end got;
    end.sum = 0xdeadbeef;
    lease_set_host(&end, "n1.example");
    CLEANUP(mem_freep) char *made = lease_format(&end);
    CHECK_STR(made, text);
    CHECK(lease_parse(made, strlen(made), &got));
    CHECK(memcmp(&got, &end, sizeof(end)) == 0);
}

/* Any part of the file may be visible: only the complete one is valid. */
static void a_part_is_nothing(void)
{
    struct lease_end got = {.status = 1};
    for (size_t len = 0; len < strlen(text); len++) {
        CLEANUP(mem_freep) char *part = mem_strndup(text, len);
        CHECK(!lease_parse(part, len, &got));
    }
    CHECK_INT(got.status, 1); /* untouched */
}

static void a_changed_byte_is_noticed_where_it_changes_the_form(void)
{
    static const struct {
        size_t at;
        char with;
    } changes[] = {{0, 'L'}, {6, 'x'}, {6, 'A'}, {22, '\n'}, {34, ' '}, {41, '-'}, {87, ' '}};
    struct lease_end got;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        CLEANUP(mem_freep) char *changed = mem_strdup(text);
        changed[changes[i].at] = changes[i].with;
        CHECK(!lease_parse(changed, strlen(changed), &got));
    }
}

static void more_is_nothing(void)
{
    struct lease_end got;
    CLEANUP(mem_freep) char *twice = mem_printf("%s%s", text, text);
    CHECK(!lease_parse(twice, strlen(twice), &got));
    CLEANUP(mem_freep) char *behind = mem_printf("%s ", text);
    CHECK(!lease_parse(behind, strlen(behind), &got));
}

static void numbers_have_one_form(void)
{
    static const char *const wrong[] = {
        "lease=0123456789abcdef host=n1 status=065 result=1 size=1234 sum=00000000deadbeef\n",
        "lease=0123456789abcdef host=n1 status=65 result=2 size=1234 sum=00000000deadbeef\n",
        "lease=0123456789abcdef host=n1 status=65 result=1 size=-1 sum=00000000deadbeef\n",
        "lease=0123456789abcdef host=n1 status=65 result=1 size=99999999999999999999 sum=00000000deadbeef\n",
        "lease=0123456789abcde host=n1 status=65 result=1 size=1 sum=00000000deadbeef\n",
    };
    struct lease_end got;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        CHECK(!lease_parse(wrong[i], strlen(wrong[i]), &got));
}

static void a_name_is_sixteen_digits(void)
{
    char lease[LEASE_SIZE];
    lease_name(UINT64_MAX, lease);
    CHECK_STR(lease, "ffffffffffffffff");
    lease_name(1, lease);
    CHECK_STR(lease, "0000000000000001");
    CHECK(lease_is_name(lease));
    CHECK(!lease_is_name(""));
    CHECK(!lease_is_name("000000000000001"));
    CHECK(!lease_is_name("00000000000000011"));
    CHECK(!lease_is_name("000000000000000g"));
    CHECK(!lease_is_name("../../../../../."));
}

static void a_host_is_what_fits_a_name(void)
{
    struct lease_end end;
    lease_set_host(&end, "n 1\n=x");
    CHECK_STR(end.host, "n1x");
    lease_set_host(&end, "");
    CHECK_STR(end.host, "-");
    CLEANUP(mem_freep) char *lots = mem_printf("%0200d", 1);
    lease_set_host(&end, lots);
    CHECK_INT(strlen(end.host), LEASE_HOST_SIZE - 1);
}

TEST_MAIN(TEST(what_is_formatted_can_be_parsed), TEST(a_part_is_nothing),
          TEST(a_changed_byte_is_noticed_where_it_changes_the_form), TEST(more_is_nothing),
          TEST(numbers_have_one_form), TEST(a_name_is_sixteen_digits), TEST(a_host_is_what_fits_a_name))
