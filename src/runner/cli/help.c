#include "runner/cli/help.h"

#include "base/mem.h"
#include "base/opt/nearest.h"
#include "base/opt/opt_help.h"
#include "runner/cli/commands.h"
#include "runner/cli/run/options.h"

#include "completion.txt.h"
#include "config.txt.h"
#include "doctor.txt.h"
#include "environment.txt.h"
#include "exit-status.txt.h"
#include "files.txt.h"
#include "log.txt.h"
#include "sandbox.txt.h"
#include "signals.txt.h"
#include "spool.txt.h"

#include <stdio.h>
#include <string.h>

#define STATUS_UNKNOWN 2

static void print_options(void)
{
    struct opt_table table = options_table();
    opt_help_print(table.rows, table.len, stdout);
}

/* A topic is a text, whose first line is its title, or a function that prints it. */
static const struct topic {
    const char *name;
    const char *text;
    const char *title;
    void (*print)(void);
} topics[] = {
    {"options", .title = "Options of the agent, and their defaults", .print = print_options},
    {"run", .title = "Test a directory on this machine, as the server would",
     .print = run_options_print_help},
    {"doctor", .text = doctor_txt},
    {"spool", .text = spool_txt},
    {"config", .text = config_txt},
    {"completion", .text = completion_txt},
    {"log", .text = log_txt},
    {"sandbox", .text = sandbox_txt},
    {"files", .text = files_txt},
    {"environment", .text = environment_txt},
    {"signals", .text = signals_txt},
    {"exit-status", .text = exit_status_txt},
};

static const struct topic *find_topic(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        if (strcmp(topics[i].name, name) == 0)
            return &topics[i];
    return NULL;
}

static void print_topics(FILE *out)
{
    fputs("Topics of \"ostest-runner help TOPIC\":\n", out);
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        const char *title = topics[i].title ? topics[i].title : topics[i].text;
        fprintf(out, "  %-13s %.*s\n", topics[i].name, (int)strcspn(title, "\n"), title);
    }
}

static void print_usage(void)
{
    puts("Usage: ostest-runner [OPTION...]\n\n"
         "Takes tasks from an OSTEST backend, runs the course's test suite on each\n"
         "student's repository and posts the result of every test.\n\n"
         "Commands:\n");
    for (size_t i = 0; i < commands_len; i++)
        printf("  %-13s %s\n", commands[i].name, commands[i].help);
    putchar('\n');
}

void help_command_print_all(void)
{
    print_usage();
    puts("Each option can also be set in the environment (OSTEST_BACKEND_URL for\n"
         "--backend-url) or in a configuration file (backend-url = …). The command line\n"
         "takes precedence over the environment, the environment over the file. Defaults\n"
         "are in brackets.\n");
    print_options();
    putchar('\n');
    print_topics(stdout);
}

int help_command(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    const struct topic *topic = name ? find_topic(name) : NULL;
    if (!name || strcmp(name, "--help") == 0) {
        print_usage();
        print_topics(stdout);
    } else if (topic && topic->print) {
        topic->print();
    } else if (topic) {
        fputs(topic->text, stdout);
    } else {
        struct nearest n = nearest_init(name, strlen(name));
        nearest_offer_list(&n, HELP_TOPICS);
        fprintf(stderr, "ostest-runner help: unknown topic '%s'", name);
        if (n.best)
            fprintf(stderr, "; did you mean %.*s?", (int)nearest_len(&n), n.best);
        fputs("\n", stderr);
        print_topics(stderr);
        return STATUS_UNKNOWN;
    }
    return 0;
}
