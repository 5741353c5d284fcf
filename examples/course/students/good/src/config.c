#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counts.h"

int config_init(struct config *config)
{
    config->show = SHOW_ALL;
    config->ready = strdup("ready");
    return config->ready == NULL ? -1 : 0;
}

void config_free(struct config *config)
{
    free(config->ready);
}

/* Removes white space from both ends of the text. */
static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;

    size_t length = strlen(text);

    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

/* The functions below return NULL, or a message. */

static const char *set_counts(struct config *config, char *value)
{
    unsigned show = 0;

    for (char *word = strtok(value, " \t"); word != NULL; word = strtok(NULL, " \t")) {
        if (strcmp(word, "lines") == 0)
            show |= SHOW_LINES;
        else if (strcmp(word, "words") == 0)
            show |= SHOW_WORDS;
        else if (strcmp(word, "bytes") == 0)
            show |= SHOW_BYTES;
        else
            return "unknown count";
    }
    config->show = show;
    return NULL;
}

static const char *set_ready(struct config *config, const char *value)
{
    char *ready = strdup(value);

    if (ready == NULL)
        return strerror(errno);
    free(config->ready);
    config->ready = ready;
    return NULL;
}

static const char *set_from_line(struct config *config, char *line)
{
    line = trim(line);
    if (*line == '\0' || *line == '#')
        return NULL;

    char *equals = strchr(line, '=');

    if (equals == NULL)
        return "no '='";
    *equals = '\0';

    const char *key = trim(line);
    char *value = trim(equals + 1);

    if (strcmp(key, "counts") == 0)
        return set_counts(config, value);
    if (strcmp(key, "ready") == 0)
        return set_ready(config, value);
    return "unknown key";
}

int config_read(struct config *config, const char *name)
{
    FILE *in = fopen(name, "r");

    if (in == NULL) {
        fprintf(stderr, "wordstat: %s: %s\n", name, strerror(errno));
        return -1;
    }

    const char *problem = NULL;
    char *line = NULL;
    size_t size = 0;

    for (int number = 1; problem == NULL && getline(&line, &size, in) != -1; number++) {
        problem = set_from_line(config, line);
        if (problem != NULL)
            fprintf(stderr, "wordstat: %s:%d: %s\n", name, number, problem);
    }
    free(line);
    fclose(in);
    return problem == NULL ? 0 : -1;
}
