#include "base/opt/opt_live.h"
#include "test.h"

#include <string.h>

struct config {
    bool flag;
    char *fixed, *text, *secret;
    int64_t number;
    struct strv list;
    int choice;
};

#define AT(member) offsetof(struct config, member)

static const struct opt table[] = {
    {.name = "flag", .kind = OPT_FLAG, .offset = AT(flag), .def = "no", .is_live = true},
    {.name = "fixed", .arg = "T", .kind = OPT_STRING, .offset = AT(fixed), .def = "a"},
    {.name = "text", .arg = "T", .kind = OPT_STRING, .offset = AT(text), .is_live = true},
    {.name = "secret", .arg = "T", .kind = OPT_SECRET, .offset = AT(secret), .is_live = true},
    {.name = "number",
     .arg = "N",
     .kind = OPT_INTEGER,
     .offset = AT(number),
     .def = "1",
     .max = 9,
     .is_live = true},
    {.name = "list", .arg = "T", .kind = OPT_LIST, .offset = AT(list), .is_live = true},
    {.name = "choice",
     .arg = "W",
     .kind = OPT_CHOICE,
     .offset = AT(choice),
     .choices = "a|b",
     .def = "a",
     .is_live = true},
};

struct read {
    struct opt_set set;
    struct config config;
};

/* Parses each word as if it were in the configuration file. */
static void read_words(struct read *ret_read, int argc, const char *const *words)
{
    CLEANUP(strv_done) struct strv faults = {0}, argv = {0};
    strv_push(&argv, "test");
    for (int i = 0; i < argc; i++)
        strv_push(&argv, words[i]);
    *ret_read = (struct read){.set = {.table = table, .len = ARRAY_LEN(table)}};
    CHECK_INT(opt_parse(&ret_read->set, argc + 1, argv.items, &ret_read->config, &faults), 0);
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        ret_read->set.sources[i] = MIN(ret_read->set.sources[i], OPT_FROM_FILE);
}

static void done(struct read *r)
{
    opt_done(&r->set, &r->config);
}

static void what_is_live_is_taken_and_the_rest_is_named(void)
{
    static const char *const old[] = {"--text=x", "--secret=s", "--list=1"};
    static const char *const new[] = {"--flag",   "--fixed=b", "--secret=t", "--number=2",
                                      "--list=1", "--list=2",  "--choice=b"};
    CLEANUP(done) struct read is, fresh;
    CLEANUP(strv_done) struct strv taken = {0}, left = {0};
    read_words(&is, ARRAY_LEN(old), old);
    read_words(&fresh, ARRAY_LEN(new), new);
    opt_take_live(&is.set, &is.config, &fresh.set, &fresh.config, &taken, &left);
    CLEANUP(mem_freep) char *names = strv_join(&taken, " ");
    CHECK_STR(names, "flag text number list choice");
    CHECK_INT(left.len, 1);
    CHECK_STR(left.items[0], "fixed");
    CHECK(is.config.flag && is.config.number == 2 && is.config.choice == 1 && !is.config.text);
    CHECK_INT(is.config.list.len, 2);
    CHECK_STR(is.config.fixed, "a");
    CHECK_STR(is.config.secret, "s");
    CHECK_INT(opt_source_of(&is.set, "number"), OPT_FROM_FILE);
    CHECK_INT(opt_source_of(&is.set, "text"), OPT_FROM_DEFAULT);
}

static void the_same_is_no_change(void)
{
    static const char *const words[] = {"--fixed=b", "--number=2", "--list=1"};
    CLEANUP(done) struct read is, fresh;
    CLEANUP(strv_done) struct strv taken = {0}, left = {0};
    read_words(&is, ARRAY_LEN(words), words);
    read_words(&fresh, ARRAY_LEN(words), words);
    opt_take_live(&is.set, &is.config, &fresh.set, &fresh.config, &taken, &left);
    CHECK_INT(taken.len + left.len, 0);
}

static void a_flag_is_as_it_was(void)
{
    static const char *const old[] = {"--text=http://me:word@a"}, *const new[] = {"--text=http://xxxxxxx@a"};
    CLEANUP(done) struct read is, fresh;
    CLEANUP(strv_done) struct strv taken = {0}, left = {0};
    read_words(&is, 1, old);
    read_words(&fresh, 1, new);
    is.set.sources[2] = fresh.set.sources[2] = OPT_FROM_FLAG;
    opt_take_live(&is.set, &is.config, &fresh.set, &fresh.config, &taken, &left);
    CHECK_INT(taken.len + left.len, 0);
    CHECK_STR(is.config.text, "http://me:word@a");
}

TEST_MAIN(TEST(what_is_live_is_taken_and_the_rest_is_named), TEST(the_same_is_no_change),
          TEST(a_flag_is_as_it_was))
