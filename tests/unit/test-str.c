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

TEST_MAIN(TEST(a_suffix_is_found_at_the_end_only), TEST(something_stands_before_it))
