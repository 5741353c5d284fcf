#include "runner/cli/config.h"

#include "base/opt/opt_file.h"

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
    puts(
        "# Configuration of ostest-runner: lines of the form \"option = value\", see ostest-runner.conf(5).\n"
        "# Every option is listed as a comment, with its default, or the kind of its value if it has none.\n"
        "# Options marked [reload] can be changed while the runner works (SIGHUP, \"systemctl reload\") and "
        "apply\n"
        "# to tasks started from then on; the others need a restart. \"ostest-runner --check-config FILE\" "
        "checks\n"
        "# a file.");
    opt_file_print_example(&set, stdout);
}

int config_command_check(const char *path)
{
    CLEANUP(strv_done) struct strv faults = {0};
    options_check_file(path, &faults);
    for (size_t i = 0; i < faults.len; i++)
        fprintf(stderr, "ostest-runner: %s\n", faults.items[i]);
    if (faults.len == 0)
        printf("%s: no errors\n", path);
    return faults.len ? STATUS_FAULTS : 0;
}
