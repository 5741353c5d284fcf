#include "runner/cli/dispatch.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/opt/nearest.h"
#include "runner/cli/completion.h"
#include "runner/cli/config.h"
#include "runner/cli/doctor.h"
#include "runner/cli/help.h"
#include "runner/cli/run/run.h"
#include "runner/cli/spool.h"
#include "runner/executor/job_program.h"

#include <string.h>

static int run_run(int argc, char **argv)
{
    CLEANUP(mem_freep) char *job_program = job_program_find();
    return run_command(argc, argv, job_program);
}

static int start_doctor(const struct options *options, const struct strv *words)
{
    CLEANUP(mem_freep) char *job_program = job_program_find();
    log_set_level(LOG_LEVEL_CRITICAL); /* the results are printed */
    return doctor(options, job_program);
}

static int start_spool(const struct options *options, const struct strv *words)
{
    return spool_command(options->state_dir, words);
}

static int start_config(const struct options *options, const struct strv *words)
{
    return config_command(options);
}

static const struct dispatch dispatches[] = {
    {"run", .run = run_run},
    {"doctor", .start = start_doctor},
    {"spool", .check = spool_command_check, .start = start_spool},
    {"config", .start = start_config},
    {"completion", .run = completion_command},
    {"help", .run = help_command},
};

const struct dispatch *dispatch_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(dispatches); i++)
        if (strcmp(dispatches[i].name, name) == 0)
            return &dispatches[i];
    return NULL;
}

/* Returns an error about an unknown command, with the nearest known one. The caller frees. */
static char *complain(const char *name)
{
    struct buf text = BUF_INIT(0);
    struct nearest n = nearest_init(name, strlen(name));
    buf_printf(&text, "'%s' was given; accepted: options, and one of the commands", name);
    for (size_t i = 0; i < ARRAY_LEN(dispatches); i++) {
        nearest_offer(&n, dispatches[i].name);
        buf_printf(&text, "%s %s", i ? "," : "", dispatches[i].name);
    }
    if (n.best)
        buf_printf(&text, "; did you mean %s?", n.best);
    return buf_take(&text);
}

struct strv dispatch_words(const struct strv *words)
{
    return (struct strv){words->items + 1, words->len - 1};
}

const struct dispatch *dispatch_choose(const struct strv *words, struct strv *faults)
{
    if (words->len == 0)
        return NULL;
    const struct dispatch *command = dispatch_find(words->items[0]);
    const struct strv rest = dispatch_words(words);
    const char *fault = command && command->check ? command->check(&rest) : NULL;
    if (!command)
        strv_take(faults, complain(words->items[0]));
    else if (command->run)
        strv_pushf(faults, "the command '%s' must be the first argument", command->name);
    else if (fault)
        strv_push(faults, fault);
    else if (!command->check && rest.len)
        strv_pushf(faults, "'%s' was given; accepted after '%s': options", rest.items[0], command->name);
    return command;
}
