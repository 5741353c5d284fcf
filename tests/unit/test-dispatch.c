#include "runner/cli/dispatch.h"

#include "runner/cli/commands.h"
#include "test.h"

#include <string.h>

static const struct dispatch *choose(struct strv *ret_faults, const char *line)
{
    CLEANUP(strv_done) struct strv words = {0};
    strv_split(&words, line, " ");
    return dispatch_choose(&words, ret_faults);
}

static void nothing_is_the_agent(void)
{
    CLEANUP(strv_done) struct strv faults = {0};
    CHECK(choose(&faults, "") == NULL);
    CHECK_INT(faults.len, 0);
}

static void a_command_is_found_by_its_name(void)
{
    CLEANUP(strv_done) struct strv faults = {0};
    CHECK_STR(choose(&faults, "doctor")->name, "doctor");
    CHECK_STR(choose(&faults, "spool list")->name, "spool");
    CHECK_INT(faults.len, 0);
}

static void other_words_are_refused(void)
{
    static const struct {
        const char *line, *fault;
    } cases[] = {
        {"agent", "'agent' was given; accepted: options, and one of the commands run, doctor, spool, "},
        {"dcotor", "; did you mean doctor?"},
        {"run", "the command 'run' must be the first argument"},
        {"spool", "one of list, retry and drop is expected after 'spool'"},
        {"doctor agent", "'agent' was given; accepted after 'doctor': options"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(strv_done) struct strv faults = {0};
        choose(&faults, cases[i].line);
        CHECK_INT(faults.len, 1);
        CHECK(faults.len && strstr(faults.items[0], cases[i].fault));
    }
}

static void every_command_is_executed(void)
{
    for (size_t i = 0; i < commands_len; i++) {
        const struct dispatch *d = dispatch_find(commands[i].name);
        CHECK(d && (d->run || d->start));
    }
}

TEST_MAIN(TEST(every_command_is_executed), TEST(nothing_is_the_agent), TEST(a_command_is_found_by_its_name),
          TEST(other_words_are_refused))
