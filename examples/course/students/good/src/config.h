/* The configuration file: `key = value` lines, empty lines and # comments. */

#ifndef CONFIG_H
#define CONFIG_H

struct config {
    unsigned show; /* key `counts`: some of lines, words, bytes */
    char *ready;   /* key `ready`: the first line that the server prints */
};

/* Sets the defaults. Returns 0, or -1 with errno set. */
int config_init(struct config *config);

/* Reads the file `name`. Returns 0, or -1 after a message on stderr. */
int config_read(struct config *config, const char *name);

void config_free(struct config *config);

#endif
