#include "runner/cli/completion.h"

#include "base/mem.h"
#include "base/strv.h"
#include "runner/cli/commands.h"
#include "runner/cli/help.h"
#include "runner/cli/run/options.h"

#include <stdio.h>
#include <string.h>

#define STATUS_UNKNOWN 2

/* Name of the command line without a command. */
#define NO_COMMAND "agent"

/* Sets of options, each shared by some commands. */
static const struct set {
    const char *name;
    struct opt_table (*options)(void);
} sets[] = {{"agent", options_table}, {"run", run_options_table}};

/* ---- common parts ---- */

enum value { VALUE_NONE, VALUE_WORDS, VALUE_FILE, VALUE_DIR, VALUE_TEXT };

static enum value value_of(const struct opt *o)
{
    if (!o->arg)
        return VALUE_NONE;
    if (o->kind == OPT_CHOICE)
        return VALUE_WORDS;
    if (strcmp(o->arg, "FILE") == 0)
        return VALUE_FILE;
    return strncmp(o->arg, "DIR", 3) == 0 ? VALUE_DIR : VALUE_TEXT;
}

/* Prints a list separated by '|' with blanks instead. */
static void print_words(const char *list)
{
    for (; *list; list++)
        putchar(*list == '|' ? ' ' : *list);
}

/* Prints the names of all commands, or of those with this set of options. */
static void print_commands(const struct set *set, const char *separator)
{
    size_t printed = 0;
    if (set && set->options == options_table)
        printed += fputs(NO_COMMAND, stdout) >= 0;
    for (size_t i = 0; i < commands_len; i++)
        if (!set || commands[i].options == set->options)
            printf("%s%s", printed++ ? separator : "", commands[i].name);
}

/* Prints text inside of single quotes, with a backslash before the `marked` characters. */
static void print_quoted(const char *text, const char *marked, const char *quote)
{
    for (; *text; text++) {
        if (*text == '\'') {
            fputs(quote, stdout);
            continue;
        }
        if (strchr(marked, *text))
            putchar('\\');
        putchar(*text);
    }
}

/* ---- bash ---- */

/*
 * Prints the options with a kind of value as `case` patterns: "agent--config |
 * agent--logger-output".
 */
static bool print_bash_patterns(const struct set *set, enum value value)
{
    struct opt_table table = set->options();
    bool any = false;
    for (size_t i = 0; i < table.len; i++) {
        const struct opt *o = &table.rows[i];
        if (value_of(o) != value)
            continue;
        printf("%s%s--%s", any ? " | " : "    ", set->name, o->name);
        if (o->letter)
            printf(" | %s-%c", set->name, o->letter);
        any = true;
    }
    return any;
}

static void print_bash_values(const struct set *set)
{
    struct opt_table table = set->options();
    for (size_t i = 0; i < table.len; i++) {
        if (value_of(&table.rows[i]) != VALUE_WORDS)
            continue;
        printf("    %s--%s) words=\"", set->name, table.rows[i].name);
        print_words(table.rows[i].choices);
        puts("\" ;;");
    }
    if (print_bash_patterns(set, VALUE_FILE))
        puts(")\n        compopt -o filenames\n        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
             "        return ;;");
    if (print_bash_patterns(set, VALUE_DIR))
        puts(")\n        compopt -o filenames\n        mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
             "        return ;;");
    if (print_bash_patterns(set, VALUE_TEXT))
        puts(") return ;;");
}

static void print_bash_options(const struct set *set)
{
    struct opt_table table = set->options();
    printf("        %s-*) words=\"", set->name);
    for (size_t i = 0; i < table.len; i++)
        printf("%s--%s", i ? " " : "", table.rows[i].name);
    puts("\" ;;");
}

static void print_bash(void)
{
    puts("_ostest_runner()\n{\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=" NO_COMMAND
         " options= words= i\n"
         "    COMPREPLY=()\n"
         "    # --option=value comes as three words\n"
         "    if [ \"$cur\" = = ]; then\n        cur=\n"
         "    elif [ \"$prev\" = = ]; then\n        prev=${COMP_WORDS[COMP_CWORD-2]}\n    fi\n"
         "    for ((i = 1; i < COMP_CWORD; i++)); do\n        case ${COMP_WORDS[i]} in");
    fputs("        ", stdout);
    print_commands(NULL, " | ");
    puts(") command=${COMP_WORDS[i]}; break ;;\n        esac\n    done\n    case $command in");
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        fputs("    ", stdout);
        print_commands(&sets[i], " | ");
        printf(") options=%s ;;\n", sets[i].name);
    }
    puts("    esac\n    case $options$prev in");
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        print_bash_values(&sets[i]);
    puts("    *)\n        case $options$cur in");
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        print_bash_options(&sets[i]);
    fputs("        *)\n            case $command in\n            " NO_COMMAND ") words=\"", stdout);
    print_commands(NULL, " ");
    puts("\" ;;");
    for (size_t i = 0; i < commands_len; i++) {
        if (!*commands[i].words)
            continue;
        printf("            %s) words=\"", commands[i].name);
        print_words(commands[i].words);
        puts("\" ;;");
    }
    puts("            esac ;;\n        esac ;;\n    esac\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n"
         "complete -F _ostest_runner ostest-runner");
}

/* ---- zsh ---- */

#define ZSH_QUOTE "'\\''"

static void print_zsh_option(const struct opt *o)
{
    const char *repeated = o->kind == OPT_LIST ? "*" : "";
    if (o->letter) /* short and long form exclude each other, unless the option may be repeated */
        printf("        '%s'{-%c%s,--%s%s}'[", repeated, o->letter, o->arg ? "+" : "", o->name,
               o->arg ? "=" : "");
    else
        printf("        '%s--%s%s[", repeated, o->name, o->arg ? "=" : "");
    print_quoted(o->help, "[]", ZSH_QUOTE);
    putchar(']');
    if (o->arg) {
        putchar(':');
        print_quoted(o->arg, ":", ZSH_QUOTE);
        putchar(':');
    }
    switch (value_of(o)) {
    case VALUE_WORDS:
        putchar('(');
        print_words(o->choices);
        putchar(')');
        break;
    case VALUE_FILE:
    case VALUE_DIR:
        printf("_files%s", value_of(o) == VALUE_DIR ? " -/" : "");
        break;
    case VALUE_TEXT:
        putchar(' ');
        break;
    default:
        break;
    }
    puts("'");
}

static void print_zsh_commands(void)
{
    puts("    commands=(");
    for (size_t i = 0; i < commands_len; i++) {
        printf("        '%s:", commands[i].name);
        print_quoted(commands[i].help, ":", ZSH_QUOTE);
        puts("'");
    }
    puts("    )");
}

static void print_zsh_case(const struct command *c)
{
    printf("    %s) _arguments ", c->name);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        if (sets[i].options == c->options)
            printf("$%s ", sets[i].name);
    fputs("'1: :'", stdout);
    if (*c->words) {
        fputs(" '2:word:(", stdout);
        print_words(c->words);
        fputs(")' '*: :'", stdout);
    }
    puts(" ;;");
}

static void print_zsh(void)
{
    puts("#compdef ostest-runner\n\n_ostest_runner()\n{\n"
         "    local -a agent run commands\n    local word command=");
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        struct opt_table table = sets[i].options();
        printf("    %s=(\n", sets[i].name);
        for (size_t k = 0; k < table.len; k++)
            print_zsh_option(&table.rows[k]);
        puts("    )");
    }
    print_zsh_commands();
    fputs("    for word in ${words[2,CURRENT-1]}; do\n        case $word in\n        ", stdout);
    print_commands(NULL, "|");
    puts(") command=$word; break ;;\n        esac\n    done\n    case $command in\n"
         "    '') _arguments $agent '1:command:{_describe command commands}' ;;");
    for (size_t i = 0; i < commands_len; i++)
        print_zsh_case(&commands[i]);
    puts("    esac\n}\n\n"
         "if [ \"$funcstack[1]\" = _ostest-runner ]; then # found in $fpath\n    _ostest_runner \"$@\"\n"
         "else\n    compdef _ostest_runner ostest-runner\nfi");
}

/* ---- fish ---- */

static void print_fish_option(const struct set *set, const struct opt *o)
{
    fputs("complete -c ostest-runner -n '__ostest_runner_at ", stdout);
    print_commands(set, " ");
    printf("' -l %s", o->name);
    if (o->letter)
        printf(" -s %c", o->letter);
    switch (value_of(o)) {
    case VALUE_WORDS:
        fputs(" -x -a '", stdout);
        print_words(o->choices);
        putchar('\'');
        break;
    case VALUE_FILE:
        fputs(" -r -F", stdout);
        break;
    case VALUE_DIR:
        fputs(" -x -a '(__fish_complete_directories)'", stdout);
        break;
    case VALUE_TEXT:
        fputs(" -x", stdout);
        break;
    default:
        break;
    }
    fputs(" -d '", stdout);
    print_quoted(o->help, "\\", "\\'");
    puts("'");
}

static void print_fish_command(const struct command *c)
{
    printf("complete -c ostest-runner -n '__ostest_runner_at " NO_COMMAND "' -a %s -d '", c->name);
    print_quoted(c->help, "\\", "\\'");
    puts("'");
    if (!*c->words)
        return;
    printf("complete -c ostest-runner -n '__ostest_runner_at %s' -a '", c->name);
    print_words(c->words);
    puts("'");
}

static void print_fish(void)
{
    fputs("# Whether the command of this line is one of those given.\nfunction __ostest_runner_at\n"
          "    set -l command " NO_COMMAND "\n"
          "    for word in (commandline -opc)[2..-1]\n        if contains -- $word ",
          stdout);
    print_commands(NULL, " ");
    puts("\n            set command $word\n            break\n        end\n    end\n"
         "    contains -- $command $argv\nend\n\ncomplete -c ostest-runner -f");
    for (size_t i = 0; i < commands_len; i++)
        print_fish_command(&commands[i]);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        struct opt_table table = sets[i].options();
        for (size_t k = 0; k < table.len; k++)
            print_fish_option(&sets[i], &table.rows[k]);
    }
}

/* ---- */

int completion_command(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    const char *name = argc == 2 ? argv[1] : "";
    if (strcmp(name, "--help") == 0)
        return help_command(2, (char *[]){"help", "completion", NULL});
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (strcmp(shells[i].name, name) == 0) {
            shells[i].print();
            return fflush(stdout) == 0 ? 0 : 1;
        }
    }
    fprintf(stderr, "ostest-runner completion: '%s' was given; accepted: one of the shells bash, zsh, fish\n",
            name);
    return STATUS_UNKNOWN;
}
