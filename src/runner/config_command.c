#include "runner/config_command.h"

#include "base/opt_file.h"

#include <stdio.h>

#define STATUS_FAULTS 2

int config_command(const struct options *options)
{
    opt_file_print(&options->set, stdout);
    return 0;
}

void config_command_example(void)
{
    struct opt_table table = options_table();
    struct opt_set set = {.table = table.rows, .len = table.len, .config_option = OPTIONS_CONFIG};
    puts("# Configuration of ostest-runner: lines \"option = value\". What begins with # is a comment; each "
         "option\n"
         "# stands here as one, with its default, or what kind of value it takes where it has none. What is\n"
         "# marked [reload] may change while the runner works (SIGHUP, \"systemctl reload\"), for the tasks "
         "that\n"
         "# are started from then on; the rest needs a restart. See\n"
         "# ostest-runner.conf(5). \"ostest-runner --check-config FILE\" says what is wrong with a file.");
    opt_file_print_example(&set, stdout);
}

int config_command_check(const char *path)
{
    CLEANUP(strv_done) struct strv faults = {0};
    options_check_file(path, &faults);
    for (size_t i = 0; i < faults.len; i++)
        fprintf(stderr, "ostest-runner: %s\n", faults.items[i]);
    if (faults.len == 0)
        printf("%s: nothing is wrong\n", path);
    return faults.len ? STATUS_FAULTS : 0;
}
