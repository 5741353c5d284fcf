#include "base/str.h"

#include "test.h"

static void a_suffix_is_found_at_the_end_only(void)
{
    CHECK(str_ends_with("a.json", ".json"));
    CHECK(str_ends_with("a.json.json", ".json"));
    CHECK(!str_ends_with("a.json.tmp", ".json"));
    CHECK(!str_ends_with("ajson", ".json"));
    CHECK(!str_ends_with("a.JSON", ".json"));
    CHECK(!str_ends_with("on", ".json"));
    CHECK(!str_ends_with("", ".json"));
}

static void something_stands_before_it(void)
{
    CHECK(!str_ends_with(".json", ".json"));
    CHECK(!str_ends_with("", ""));
    CHECK(str_ends_with("a", ""));
}

static void a_path_below_a_directory(void)
{
    CHECK_STR(str_path_below("/etc/ssl/certs", "/etc"), "/ssl/certs");
    CHECK_STR(str_path_below("/etc/", "/etc"), "/");
    CHECK(str_path_below("/etc", "/etc") == NULL);
    CHECK(str_path_below("/etcetera", "/etc") == NULL);
    CHECK(str_path_below("/usr/etc", "/etc") == NULL);
}

TEST_MAIN(TEST(a_path_below_a_directory), TEST(a_suffix_is_found_at_the_end_only),
          TEST(something_stands_before_it))
