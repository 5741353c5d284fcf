#include "base/opt/opt_help.h"

#include "opt-table.h"

/* Returns the output for these rows; the caller frees. */
static char *help_of(const struct opt *rows, size_t len)
{
    char *text = NULL;
    size_t text_len;
    FILE *out = open_memstream(&text, &text_len);
    opt_help_print(rows, len, out);
    fclose(out);
    return text;
}

static void each_option_has_argument_and_default(void)
{
    CLEANUP(mem_freep) char *text = help_of(table, ARRAY_LEN(table));
    CHECK_CONTAINS(text, "  --concurrent N              tasks at a time [2]\n");
    CHECK_CONTAINS(text, "  -a, --auth                  the backend wants a login\n");
    CHECK_CONTAINS(text, "  --backend-url URL           the backend [http://localhost:5000]\n");
    CHECK_CONTAINS(text, "  --help                      this text\n");
}

static void a_secrets_default_is_not_shown(void)
{
    CLEANUP(mem_freep) char *text = help_of(table, ARRAY_LEN(table));
    CHECK_CONTAINS(text, "  --password WORD             the password\n");
    CHECK(!strstr(text, "well-known"));
}

static void a_choice_shows_its_words(void)
{
    CLEANUP(mem_freep) char *text = help_of(table, ARRAY_LEN(table));
    CHECK_CONTAINS(text, "  --sandbox KIND              kind (auto, bwrap, none) [auto]\n");
}

static void a_long_name_has_its_text_on_the_next_line(void)
{
    static const struct opt rows[] = {{"an-option-with-a-long-name", "FILE", OPT_STRING, .help = "text"}};
    CLEANUP(mem_freep) char *text = help_of(rows, 1);
    CHECK_STR(text, "  --an-option-with-a-long-name FILE\n                              text\n");
}

static void options_stand_under_the_heading_of_their_group(void)
{
    static const struct opt rows[] = {{"a", NULL, OPT_FLAG, .help = "1", .group = "First"},
                                      {"b", NULL, OPT_FLAG, .help = "2"},
                                      {"c", NULL, OPT_FLAG, .help = "3", .group = "Second"}};
    CLEANUP(mem_freep) char *text = help_of(rows, 3);
    CHECK_STR(text, "First:\n"
                    "  --a                         1\n"
                    "  --b                         2\n"
                    "\nSecond:\n"
                    "  --c                         3\n");
}

/* 50 columns are left for the text. */
static void long_texts_are_broken_between_words_at_80_columns(void)
{
    static const struct opt rows[] = {
        {"a", NULL, OPT_FLAG, .help = "1234567890 1234567890 1234567890 1234567890 123456 x"},
        {"b", NULL, OPT_FLAG, .help = "1234567890 1234567890 1234567890 1234567890 1234567 x"}};
    CLEANUP(mem_freep) char *text = help_of(rows, 2);
    CHECK_STR(text, "  --a                         1234567890 1234567890 1234567890 1234567890 123456\n"
                    "                              x\n"
                    "  --b                         1234567890 1234567890 1234567890 1234567890\n"
                    "                              1234567 x\n");
}

static void a_word_that_fits_nowhere_is_left_whole(void)
{
    static const struct opt rows[] = {
        {"a", NULL, OPT_FLAG, .help = "x 123456789012345678901234567890123456789012345678901234567890 y"}};
    CLEANUP(mem_freep) char *text = help_of(rows, 1);
    CHECK_CONTAINS(text, "\n                              "
                         "123456789012345678901234567890123456789012345678901234567890\n"
                         "                              y\n");
}

static void characters_are_counted_not_bytes(void)
{
    static const struct opt rows[] = {
        {"a", NULL, OPT_FLAG,
         .help = "1234567890 1234567890 1234567890 1234567890 \xd0\xb8\xd0\xbc\xd1\x8f\xe2\x80\xa6 z"}};
    CLEANUP(mem_freep) char *text = help_of(rows, 1);
    CHECK_CONTAINS(text, " z\n");
    CHECK(strchr(text, '\n') == text + strlen(text) - 1);
}

TEST_MAIN(TEST(each_option_has_argument_and_default), TEST(a_secrets_default_is_not_shown),
          TEST(a_choice_shows_its_words), TEST(a_long_name_has_its_text_on_the_next_line),
          TEST(options_stand_under_the_heading_of_their_group),
          TEST(long_texts_are_broken_between_words_at_80_columns),
          TEST(a_word_that_fits_nowhere_is_left_whole), TEST(characters_are_counted_not_bytes))
