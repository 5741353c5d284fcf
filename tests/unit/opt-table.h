#pragma once

/* The options of a fictitious program, and functions to parse its command line. */

#include "base/opt/opt.h"

#include "scratch.h"

#include <stdarg.h>

struct config {
    bool auth;
    char *url;
    char *password;
    char *config;
    int64_t concurrent;
    double factor;
    int64_t timeout_ms;
    uint64_t memory_bytes;
    int sandbox;
    char *protocols;
    struct strv names;
};

/* The check function of an option. */
static inline const char *check_protocols(const char *text)
{
    return strstr(text, "ext") ? "protocols that run no commands" : NULL;
}

#define AT(member) offsetof(struct config, member)

static const struct opt table[] = {
    {"backend-url", "URL", OPT_STRING, AT(url), "http://localhost:5000", .help = "the backend"},
    {"password", "WORD", OPT_SECRET, AT(password), "well-known", .help = "the password"},
    {"concurrent", "N", OPT_INTEGER, AT(concurrent), "2", 1, 1024, .help = "tasks at a time"},
    {"factor", "X", OPT_NUMBER, AT(factor), "0.5", -10, 10, .help = "a factor"},
    {"timeout", "S", OPT_SECONDS, AT(timeout_ms), "600", 0, 1e6, .help = "limit"},
    {"memory", "BYTES", OPT_BYTES, AT(memory_bytes), "1G", 1024, 1e15, .help = "limit for one task"},
    {"sandbox", "KIND", OPT_CHOICE, AT(sandbox), "auto", .choices = "auto|bwrap|none", .help = "kind"},
    {"git-protocols", "LIST", OPT_STRING, AT(protocols), NULL, .check = check_protocols, .help = "list"},
    {"auth", NULL, OPT_FLAG, AT(auth), "no", .help = "the backend wants a login", .letter = 'a'},
    {"name", "NAME", OPT_LIST, AT(names), .help = "a name", .letter = 'k'},
    {"config", "FILE", OPT_STRING, AT(config), NULL, .help = "file"},
    {"help", NULL, OPT_HELP, 0, NULL, .help = "this text"},
    {"version", NULL, OPT_HELP, 0, NULL, .help = "the version"},
};

/* One parse: input and output. */
static struct config config;
static struct opt_set set;
static struct strv argv, faults;

static inline void start_parse(const char *first, va_list ap)
{
    config = (struct config){0};
    set = (struct opt_set){
        .table = table, .len = ARRAY_LEN(table), .env_prefix = "OT_", .config_option = "config"};
    argv = (struct strv){0};
    faults = (struct strv){0};
    strv_push(&argv, "program");
    for (const char *word = first; word; word = va_arg(ap, const char *))
        strv_push(&argv, word);
}

/* Parses the arguments; fails the test if there are errors. */
static inline void parse(const char *first, ...)
{
    va_list ap;
    va_start(ap, first);
    start_parse(first, ap);
    va_end(ap);
    if (opt_parse(&set, (int)argv.len, argv.items, &config, &faults) < 0)
        TEST_FAIL("refused: %s", faults.items[0]);
    CHECK_INT(faults.len, 0);
}

/* Parses the arguments; fails the test if they are accepted. */
static inline void refuse(const char *first, ...)
{
    va_list ap;
    va_start(ap, first);
    start_parse(first, ap);
    va_end(ap);
    CHECK_INT(opt_parse(&set, (int)argv.len, argv.items, &config, &faults), -EINVAL);
    CHECK(faults.len > 0);
}

static inline void finish(void)
{
    opt_done(&set, &config);
    strv_done(&argv);
    strv_done(&faults);
}

static inline const char *config_file(const char *text)
{
    return scratch_file("config", text, strlen(text));
}

static inline void check_refused(const char *word, const char *part)
{
    refuse(word, NULL);
    CHECK_INT(faults.len, 1);
    CHECK_CONTAINS(faults.items[0], part);
    finish();
}
