#include "model/progress.h"

#include "base/json.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

static const char *const members[] = {
    [PROGRESS_STAGE] = "stage", [PROGRESS_COMMIT] = "commit", [PROGRESS_PLANNED] = "planned",
    [PROGRESS_START] = "start", [PROGRESS_END] = "end",       [PROGRESS_MEMORY] = "memory",
    [PROGRESS_NOTE] = "note"};

/* Returns true if the value is a number. */
static bool is_number(enum progress_kind kind)
{
    return kind == PROGRESS_PLANNED || kind == PROGRESS_MEMORY;
}

void progress_set_text(struct progress *p, enum progress_kind kind, const char *text)
{
    CLEANUP(mem_freep) char *whole = utf8_repair(text, strlen(text));
    size_t len = MIN(strlen(whole), sizeof(p->text) - 1);
    while (len && len < strlen(whole) && ((unsigned char)whole[len] & 0xc0) == 0x80)
        len--; /* do not split a character */
    *p = (struct progress){.kind = kind};
    memcpy(p->text, whole, len);
}

char *progress_format(const struct progress *p)
{
    const char *member = members[p->kind];
    uint64_t number = p->kind == PROGRESS_PLANNED ? p->planned : p->memory_bytes;
    json_t *o = is_number(p->kind) ? json_pack("{s:I}", member, (json_int_t)number)
                                   : json_pack("{s:s}", member, p->text);
    if (o && p->kind == PROGRESS_END) {
        json_object_set_new(o, "outcome", json_string(report_status_name(p->status)));
        json_object_set_new(o, "ms", json_integer(p->ms));
        json_object_set_new(o, "cpu_ms", json_integer(p->cpu_ms));
        json_object_set_new(o, "memory", json_integer((json_int_t)p->memory_bytes));
    }
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    if (!text)
        abort(); /* out of memory: the texts are valid */
    json_decref(o);
    return text;
}

static bool take_number(const json_t *o, const char *name, int64_t *ret)
{
    const json_t *value = json_object_get(o, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret = json_integer_value(value);
    return true;
}

static bool take_status(const json_t *o, enum report_status *ret)
{
    const char *outcome = json_string_value(json_object_get(o, "outcome"));
    for (int s = REPORT_PASSED; outcome && s <= REPORT_XFAILED; s++) {
        if (strcmp(outcome, report_status_name((enum report_status)s)) == 0) {
            *ret = (enum report_status)s;
            return true;
        }
    }
    return false;
}

static bool take(const json_t *o, enum progress_kind kind, const json_t *value, struct progress *p)
{
    int64_t number = 0, memory;
    p->kind = kind;
    if (is_number(kind)) {
        bool taken = take_number(o, members[kind], &number);
        *(kind == PROGRESS_PLANNED ? &p->planned : &p->memory_bytes) = (uint64_t)number;
        return taken;
    }
    if (!json_is_string(value))
        return false;
    progress_set_text(p, kind, json_string_value(value));
    if (kind != PROGRESS_END)
        return true;
    if (!take_status(o, &p->status) || !take_number(o, "ms", &p->ms) ||
        !take_number(o, "cpu_ms", &p->cpu_ms) || !take_number(o, "memory", &memory))
        return false;
    p->memory_bytes = (uint64_t)memory;
    return true;
}

bool progress_parse(const char *text, size_t len, struct progress *ret_progress)
{
    json_t *o;
    if (len > PROGRESS_MAX_LINE_BYTES || json_parse_object(text, len, &o, NULL) < 0)
        return false;
    bool found = false;
    struct progress p = {0};
    const json_t *value = NULL;
    for (size_t kind = 0; kind < ARRAY_LEN(members) && !value; kind++) {
        value = json_object_get(o, members[kind]);
        found = value && take(o, (enum progress_kind)kind, value, &p);
    }
    json_decref(o);
    if (found)
        *ret_progress = p;
    return found;
}
