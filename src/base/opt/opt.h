#pragma once

/*
 * Options, defined in one table. Values come from the command line, then the environment, then a
 * configuration file, then the default. All errors are collected, so that a user can fix them in
 * one go.
 */

#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_kind {
    OPT_FLAG,    /* bool; the command line also accepts =yes and =no */
    OPT_STRING,  /* char *, owned; the password of a URL is blanked in argv */
    OPT_SECRET,  /* char *, owned; blanked in argv, never printed */
    OPT_INTEGER, /* int64_t, within min and max */
    OPT_NUMBER,  /* double, within min and max */
    OPT_SECONDS, /* int64_t milliseconds; the text is in seconds, fractions allowed */
    OPT_BYTES,   /* uint64_t; the text may end with K, M, G or T (powers of 1024) */
    OPT_LIST,    /* struct strv, owned; may be repeated (elsewhere: one per line) */
    OPT_CHOICE,  /* int: the index of the word in `choices` */
    OPT_HELP,    /* reported by opt_parse(), not stored */
};

/* Checks a value that its kind accepts. Returns NULL, or what is accepted instead. */
typedef const char *opt_check_fn(const char *text);

struct opt {
    const char *name; /* without the dashes */
    const char *arg;  /* name of the value in --help; NULL for flags */
    enum opt_kind kind;
    size_t offset;       /* of the value in the configuration struct */
    const char *def;     /* default, as text; NULL: unset */
    double min, max;     /* range of numbers; OPT_SECONDS: in seconds */
    const char *choices; /* OPT_CHOICE: words separated by '|' */
    opt_check_fn *check;
    const char *help;  /* a sentence without a full stop */
    const char *group; /* heading of this and the following options; NULL: none new */
    char letter;       /* the short option; 0: none */
    bool is_of_call;   /* command line only: concerns this call alone */
    bool is_live;      /* opt_take_live() may change it */
};

/* All options of a program. */
struct opt_table {
    const struct opt *rows;
    size_t len;
};

/* The origin of a value, the weakest first. */
enum opt_source { OPT_FROM_DEFAULT, OPT_FROM_FILE, OPT_FROM_ENV, OPT_FROM_FLAG };

struct opt_set {
    const struct opt *table;
    size_t len;
    const char *env_prefix;    /* "OSTEST_": --backend-url is OSTEST_BACKEND_URL; NULL: unused */
    const char *config_option; /* option that names the configuration file; NULL: none */

    char **texts;             /* out: text in force, per option; owned */
    enum opt_source *sources; /* out */
    size_t *lines;            /* out: line in the configuration file, from 1; 0: not from there */
    struct strv operands;     /* out: arguments that are not options */
    const char *help_asked;   /* out: the OPT_HELP option that was given first; NULL: none */
};

/*
 * Reads all sources and fills `config`. Returns 0, or -EINVAL with one sentence for each error in
 * `ret_faults`. The caller releases everything with opt_done(), also after an error.
 */
int opt_parse(struct opt_set *set, int argc, char **argv, void *config, struct strv *ret_faults);
void opt_done(struct opt_set *set, void *config);

/* Returns the source of the option `name`, which must be in the table. */
enum opt_source opt_source_of(const struct opt_set *set, const char *name);

/* Returns the name of the option's environment variable. The caller frees. */
char *opt_env_name(const struct opt_set *set, const struct opt *o);

/*
 * Returns the origin of the option at `i` for people: a variable, a line of a file and so on. The
 * caller frees.
 */
char *opt_origin(const struct opt_set *set, size_t i);

/* Returns a value for display: without secrets, and without passwords in URLs. The caller frees. */
char *opt_shown(const struct opt *o, const char *text);

/* Returns true if a configuration file may contain the option. */
bool opt_is_in_file(const struct opt_set *set, const struct opt *o);

/*
 * Sets the text of `name` for opt_file_print() if none was given: the value that the program has
 * chosen.
 */
void opt_settle(struct opt_set *set, const char *name, const char *text);
