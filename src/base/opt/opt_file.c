#include "base/opt/opt_file.h"

#include "base/mem.h"

#include <string.h>

#define VALUE_COLUMNS 48

void opt_file_print(const struct opt_set *set, FILE *out)
{
    for (size_t i = 0; i < set->len; i++) {
        const struct opt *o = &set->table[i];
        if (o->group)
            fprintf(out, "%s# %s\n", i ? "\n" : "", o->group);
        if (o->kind == OPT_HELP || o->is_of_call)
            continue;
        CLEANUP(mem_freep)
        char *value = set->texts[i] && *set->texts[i] ? opt_shown(o, set->texts[i]) : mem_strdup("");
        CLEANUP(mem_freep) char *origin = opt_origin(set, i);
        CLEANUP(mem_freep) char *line = mem_printf("%s = %s", o->name, value);
        fprintf(out, "%-*s  (%s)\n", VALUE_COLUMNS, line, set->texts[i] ? origin : "not set");
    }
}

void opt_file_print_example(const struct opt_set *set, FILE *out)
{
    for (size_t i = 0; i < set->len; i++) {
        const struct opt *o = &set->table[i];
        if (o->group && opt_is_in_file(set, o))
            fprintf(out, "\n\n# ---- %s ----\n", o->group);
        if (!opt_is_in_file(set, o))
            continue;
        fprintf(out, "\n# %s", o->help);
        if (o->choices) {
            CLEANUP(strv_done) struct strv words = {0};
            strv_split(&words, o->choices, "|");
            CLEANUP(mem_freep) char *joined = strv_join(&words, ", ");
            fprintf(out, " (%s)", joined);
        }
        if (o->is_live)
            fputs(" [reload]", out);
        bool has_default = o->def && *o->def && o->kind != OPT_SECRET;
        fprintf(out, "\n#%s = %s\n", o->name, has_default ? o->def : o->arg);
    }
}
