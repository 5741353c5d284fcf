#include "runner/config/slurm_args.h"

#include "base/mem.h"
#include "base/strv.h"
#include "model/job_options.h"

#include <stdbool.h>
#include <string.h>

/*
 * Options that would make a job something other than one attempt by this user, or hide its id from
 * us; ":" and "--" would end the options.
 */
static bool is_forbidden(const char *word)
{
    static const char short_ones[] = "aWMQVh";
    static const char *const long_ones[] = {"--array", "--wait",    "--wrap", "--test-only", "--clusters",
                                            "--quiet", "--version", "--help", "--uid",       "--gid"};
    size_t len = strcspn(word, "=");
    if (strcmp(word, ":") == 0 || strcmp(word, "--") == 0)
        return true;
    if (word[0] == '-' && word[1] && strchr(short_ones, word[1]))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(long_ones); i++)
        /* a part of it will do, as for getopt(3) */
        if (len > 3 && strncmp(word, long_ones[i], len) == 0)
            return true;
    return false;
}

const char *slurm_args_check(const char *text)
{
    static const char accepted[] = "options of sbatch with blanks between them, other than --array, --wait, "
                                   "--wrap, --test-only, --clusters, --quiet, --uid, --gid";
    CLEANUP(strv_done) struct strv words = {0};
    if (job_options_check_line(text))
        return accepted;
    strv_split(&words, text, " ");
    for (size_t i = 0; i < words.len; i++)
        if (is_forbidden(words.items[i]) || (i == 0 && words.items[i][0] != '-'))
            return accepted;
    return NULL;
}
