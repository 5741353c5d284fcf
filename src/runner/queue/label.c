#include "runner/queue/label.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"

#include <string.h>

#define MAX_BYTES 64

char *label_of(const struct task *task)
{
    const char *id = task->id_json;
    size_t quoted = id[0] == '"';
    size_t len = strlen(id) - 2 * quoted;
    return mem_strndup(id + quoted, MIN(len, (size_t)MAX_BYTES));
}

void label_log_claim(const struct task *task, const char *label, const char *key)
{
    CLEANUP(mem_freep) char *url = url_without_userinfo(task->repository_url);
    log_fields(LOG_LEVEL_INFO, label, "claimed", LOG_TEXT("key", key), LOG_TEXT("repository", url),
               LOG_TEXT("branch", task->branch ? task->branch : "(default)"),
               LOG_NUMBER("lab", task_stage(task)), LOG_NUMBER("tests", task->tests.len));
}

void label_log_lost(const char *body, size_t len)
{
    CLEANUP(task_done) struct task task = {0};
    struct err err = {0};
    task_parse(body, len, &task, &err);
    CLEANUP(mem_freep) char *label = label_of(&task);
    log_task(LOG_LEVEL_CRITICAL, label,
             "was claimed, but the disk never took it: it has to be handed in again");
}
