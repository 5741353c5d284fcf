#pragma once

/*
 * Options from one table: command line, then environment, then configuration file, then default.
 * Everything that is wrong is collected, so that a person can mend it in one go.
 */

#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_kind {
    OPT_FLAG,    /* bool; on the command line alone, or with =yes / =no */
    OPT_STRING,  /* char *, owned; of a URL in argv, the password is blanked */
    OPT_SECRET,  /* char *, owned; blanked in argv, never printed */
    OPT_INTEGER, /* int64_t, within min and max */
    OPT_NUMBER,  /* double, within min and max */
    OPT_SECONDS, /* int64_t milliseconds; the text is seconds, fractions allowed */
    OPT_BYTES,   /* uint64_t; the text may end with K, M, G or T (powers of 1024) */
    OPT_LIST,    /* struct strv, owned; each time that it is given adds one (a line each elsewhere) */
    OPT_CHOICE,  /* int: the index of the word in `choices` */
    OPT_HELP,    /* asked for, or not: reported by opt_parse(), stored nowhere */
};

/* An option's own check, after its kind's. NULL, or what is accepted instead. */
typedef const char *opt_check_fn(const char *text);

struct opt {
    const char *name; /* without the dashes */
    const char *arg;  /* what the value is called in --help; NULL for flags */
    enum opt_kind kind;
    size_t offset;       /* of the value in the configuration struct */
    const char *def;     /* default, as text; NULL: unset */
    double min, max;     /* of the numbers; OPT_SECONDS: in seconds */
    const char *choices; /* OPT_CHOICE: words with '|' between them */
    opt_check_fn *check;
    const char *help;  /* one sentence, without a full stop */
    const char *group; /* the heading that this option and those behind it stand under; NULL: no new one */
    char letter;       /* the short option; 0: none */
    bool is_of_call;   /* on the command line alone: it is about this one call */
    bool is_live;      /* opt_take_live() may change it */
};

/* All options of a program. */
struct opt_table {
    const struct opt *rows;
    size_t len;
};

/* Where a value came from, the weakest first. */
enum opt_source { OPT_FROM_DEFAULT, OPT_FROM_FILE, OPT_FROM_ENV, OPT_FROM_FLAG };

struct opt_set {
    const struct opt *table;
    size_t len;
    const char *env_prefix;    /* "OSTEST_": --backend-url is OSTEST_BACKEND_URL; NULL: no environment */
    const char *config_option; /* the option that names the configuration file; NULL: none */

    char **texts;             /* out: the text in force, one per option; owned */
    enum opt_source *sources; /* out */
    size_t *lines;            /* out: where in the configuration file, from 1; 0: not from there */
    struct strv operands;     /* out: arguments that are not options */
    const char *help_asked;   /* out: the OPT_HELP option that was given first; NULL: none */
};

/*
 * Reads everything and fills `config`. Each fault is one sentence in `ret_faults`; 0 where there
 * is none, else -EINVAL. Frees nothing in `config`: opt_done() does.
 */
int opt_parse(struct opt_set *set, int argc, char **argv, void *config, struct strv *ret_faults);
void opt_done(struct opt_set *set, void *config);

/* The source of the option called `name`, which must be in the table. */
enum opt_source opt_source_of(const struct opt_set *set, const char *name);

/* Its variable in the environment. The caller frees. */
char *opt_env_name(const struct opt_set *set, const struct opt *o);

/* Where the text of the option at `i` came from: a variable, a line of a file, … The caller frees. */
char *opt_origin(const struct opt_set *set, size_t i);

/* A value as it may be shown: no secret, and no password in a URL. The caller frees. */
char *opt_shown(const struct opt *o, const char *text);

/* Whether a configuration file may hold it. */
bool opt_is_in_file(const struct opt_set *set, const struct opt *o);

/* What turned out to be in force for `name`, where nothing was given: its text, for opt_file_print(). */
void opt_settle(struct opt_set *set, const char *name, const char *text);
