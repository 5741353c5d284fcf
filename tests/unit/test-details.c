/* errorDetails: always fits the backend's column. */

#include "model/details.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "test.h"

static struct details details;

static char *repeated(const char *what, size_t times)
{
    char *text = mem_alloc(strlen(what) * times + 1);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * strlen(what), what, strlen(what));
    return text;
}

/* Checks both texts, and clears the details. */
static void check(const char *full, const char *brief)
{
    CLEANUP(mem_freep) char *got_full = details_full(&details);
    CLEANUP(mem_freep) char *got_brief = details_brief(&details);
    details_done(&details);
    CHECK_STR(got_full, full);
    CHECK_STR(got_brief, brief);
}

/* Returns the brief text after checking its size and validity; clears the details. */
static char *brief(void)
{
    char *text = details_brief(&details);
    details_done(&details);
    CHECK(utf8_is_valid(text, strlen(text)));
    if (utf8_count(text) > DETAILS_MAX_CHARS)
        TEST_FAIL("%zu characters: %s", utf8_count(text), text);
    return text;
}

static void name_all(size_t count, const char *prefix)
{
    CLEANUP(strv_done) struct strv names = {0};
    for (size_t i = 0; i < count; i++)
        strv_pushf(&names, "%s%zu", prefix, i);
    details_say_names(&details, &names, "%zu tests are missing", count);
}

static void nothing_said_is_an_empty_text(void)
{
    check("", "");
}

static void what_fits_is_said_whole(void)
{
    details_say(&details, "The tests took longer than %d s and were stopped", 600);
    details_say(&details, "lab1::test_a was running");
    details_set_last_words(&details, "make: *** [all] Error 2");
    check("The tests took longer than 600 s and were stopped; lab1::test_a was running; last output: "
          "make: *** "
          "[all] Error 2",
          "The tests took longer than 600 s and were stopped; lab1::test_a was running; last output: "
          "make: *** "
          "[all] Error 2");
}

static void as_many_names_as_fit_are_listed(void)
{
    name_all(9, "test_proxy_with_a_long_name_");
    CLEANUP(mem_freep) char *text = brief();
    CHECK_STR(text,
              "9 tests are missing: test_proxy_with_a_long_name_0, test_proxy_with_a_long_name_1, "
              "test_proxy_with_a_long_name_2, test_proxy_with_a_long_name_3, test_proxy_with_a_long_name_4, "
              "test_proxy_with_a_long_name_5, test_proxy_with_a_long_name_6 and 2 more");
}

static void names_are_worth_more_than_last_words(void)
{
    CLEANUP(mem_freep) char *words = repeated("words ", 100);
    name_all(10, "test_");
    details_set_last_words(&details, words);
    CLEANUP(mem_freep) char *text = brief();
    CHECK_CONTAINS(text, "test_9");
    CHECK_CONTAINS(text, "; last output: words");
    name_all(200, "test_");
    details_set_last_words(&details, words);
    CLEANUP(mem_freep) char *many = brief();
    CHECK(!strstr(many, "last output"));
    CHECK_CONTAINS(many, " more");
}

static void a_long_word_loses_its_middle(void)
{
    CLEANUP(mem_freep) char *path = repeated("directory/", 30);
    details_say(&details, "Cannot clone https://example.org/%sproxy.git: branch 'main' does not exist", path);
    CLEANUP(mem_freep) char *text = brief();
    CHECK_CONTAINS(text, "Cannot clone https://example.org/");
    CHECK_CONTAINS(text, "…");
    CHECK_CONTAINS(text, "/proxy.git: branch 'main' does not exist");
}

static void a_long_sentence_keeps_beginning_and_end(void)
{
    CLEANUP(mem_freep) char *middle = repeated("and so on ", 100);
    details_say(&details, "It begins here %sand here it ends", middle);
    CLEANUP(mem_freep) char *text = brief();
    CHECK(strncmp(text, "It begins here ", 15) == 0);
    CHECK_CONTAINS(text, " … ");
    CHECK_STR(text + strlen(text) - strlen("here it ends"), "here it ends");
}

static void characters_are_counted_not_bytes(void)
{
    CLEANUP(mem_freep) char *emoji = repeated("😀", DETAILS_MAX_CHARS);
    CLEANUP(mem_freep) char *kept = details_shorten(emoji);
    CHECK_STR(kept, emoji);
}

/* For any alphabet, and any division into words. */
static void every_text_is_shortened_to_what_fits(void)
{
    static const char *const pieces[] = {"a", "я", "😀", "a ", "слово ", "😀 ", "\xff", "\n", " ", "ab/cd "};
    static const size_t times[] = {1, 63, 64, 65, 127, 254, 255, 256, 257, 1000, 20000};
    for (size_t p = 0; p < ARRAY_LEN(pieces); p++)
        for (size_t t = 0; t < ARRAY_LEN(times); t++) {
            CLEANUP(mem_freep) char *text = repeated(pieces[p], times[t]);
            CLEANUP(mem_freep) char *is_short = details_shorten(text);
            CHECK(utf8_is_valid(is_short, strlen(is_short)));
            CHECK(utf8_count(is_short) <= DETAILS_MAX_CHARS);
        }
}

/* All parts of a verdict at their maximum size. */
static void the_longest_of_all_parts_fits(void)
{
    static const char *const letters[] = {"x", "я", "😀", "имя "};
    for (size_t l = 0; l < ARRAY_LEN(letters); l++) {
        CLEANUP(mem_freep) char *text = repeated(letters[l], 1024);
        for (int i = 0; i < 6; i++)
            details_say(&details, "%s was reached", text);
        name_all(2000, text);
        name_all(3, text);
        details_set_last_words(&details, text);
        CLEANUP(mem_freep) char *fits = brief();
        CHECK(*fits);
    }
}

TEST_MAIN(TEST(nothing_said_is_an_empty_text), TEST(what_fits_is_said_whole),
          TEST(as_many_names_as_fit_are_listed), TEST(names_are_worth_more_than_last_words),
          TEST(a_long_word_loses_its_middle), TEST(a_long_sentence_keeps_beginning_and_end),
          TEST(characters_are_counted_not_bytes), TEST(every_text_is_shortened_to_what_fits),
          TEST(the_longest_of_all_parts_fits))
