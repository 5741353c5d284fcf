#include "runner/service/reload.h"

#include "base/log.h"

static void tell(enum log_level level, const char *what, const struct strv *names)
{
    CLEANUP(mem_freep) char *list = strv_join(names, ",");
    if (names->len)
        log_fields(level, NULL, what, LOG_TEXT("options", list));
}

bool reload_options(struct options *options)
{
    CLEANUP(strv_done) struct strv taken = {0};
    CLEANUP(strv_done) struct strv left = {0};
    CLEANUP(strv_done) struct strv faults = {0};
    options_read_again(options, &taken, &left, &faults);
    for (size_t i = 0; i < faults.len; i++)
        log_error("configuration not reloaded: %s", faults.items[i]);
    tell(LOG_LEVEL_INFO, "the configuration has changed", &taken);
    tell(LOG_LEVEL_WARNING, "some changes of the configuration need a restart", &left);
    return taken.len;
}
