#include "base/opt/nearest.h"

#include "test.h"

#include <stdlib.h>

static const char words[] = "run|doctor|spool|help|config|backend-url|password|password-file";

/* Returns the word found for `text`; "" if none is near enough. */
static void check(const char *text, const char *want)
{
    struct nearest n = nearest_init(text, strlen(text));
    nearest_offer_list(&n, words);
    char got[NEAREST_MAX_BYTES + 1] = "";
    if (n.best)
        memcpy(got, n.best, nearest_len(&n));
    CHECK_STR(got, want);
}

static void one_change_is_near(void)
{
    check("docter", "doctor");  /* another character */
    check("dctor", "doctor");   /* one less */
    check("doctoor", "doctor"); /* one more */
    check("dcotor", "doctor");  /* two in the wrong order */
    check("backendurl", "backend-url");
    check("run", "run");
    check("rn", "run");
}

static void some_changes_are_near_in_a_long_word(void)
{
    check("bakcend-ulr", "backend-url");
    check("pasword-fil", "password-file");
}

static void the_nearest_of_several_is_found(void)
{
    check("passwort", "password");
    check("password-fil", "password-file");
}

static void the_first_of_equals_is_found(void)
{
    struct nearest n = nearest_init("bat", 3);
    nearest_offer(&n, "cat");
    nearest_offer(&n, "rat");
    CHECK_STR(n.best, "cat");
}

static void other_words_are_not_near(void)
{
    check("", "");
    check("x", "");
    check("frobnicate", "");
    check("stop", "");
    check("url", ""); /* "run", but for two of three */
}

static void nothing_in_common_is_not_near_however_short(void)
{
    struct nearest n = nearest_init("a", 1);
    nearest_offer(&n, "b");
    CHECK(n.best == NULL);
    CHECK_INT(nearest_len(&n), 0);
}

static void only_the_given_length_counts(void)
{
    struct nearest n = nearest_init("docter=secret", 6);
    nearest_offer_list(&n, words);
    CHECK(n.best && strncmp(n.best, "doctor|", 7) == 0);
    CHECK_INT(nearest_len(&n), 6);
}

static void words_of_any_length_are_taken(void)
{
    char longest[NEAREST_MAX_BYTES + 2];
    memset(longest, 'x', sizeof(longest));
    longest[NEAREST_MAX_BYTES] = '\0';
    check(longest, "");
    struct nearest n = nearest_init(longest, NEAREST_MAX_BYTES);
    nearest_offer(&n, longest);
    CHECK(n.best == longest);
    longest[NEAREST_MAX_BYTES] = 'x';
    struct nearest too_long = nearest_init(longest, sizeof(longest));
    nearest_offer(&too_long, "xxx");
    CHECK(too_long.best == NULL);
    static char huge[100000];
    memset(huge, 'x', sizeof(huge) - 1);
    nearest_offer(&n, huge);
    CHECK(n.best == longest);
}

TEST_MAIN(TEST(one_change_is_near), TEST(some_changes_are_near_in_a_long_word),
          TEST(the_nearest_of_several_is_found), TEST(the_first_of_equals_is_found),
          TEST(other_words_are_not_near), TEST(nothing_in_common_is_not_near_however_short),
          TEST(only_the_given_length_counts), TEST(words_of_any_length_are_taken))
