/* Floods of output: `attack KIND MIB`, to stdout and stderr. */

#include "hostile.h"

static char step[1 << 16];

static int flood(char **words)
{
    size_t left = (size_t)atoi(words[0]) << 20;
    /* The reader may close the pipe; that is not an error. */
    signal(SIGPIPE, SIG_IGN);
    for (int fd = 1; left > 0; left -= sizeof(step), fd = 3 - fd)
        for (size_t done = 0; done < sizeof(step);) {
            ssize_t n = write(fd, step + done, sizeof(step) - done);
            if (n < 0)
                return 0;
            done += (size_t)n;
        }
    return 0;
}

static int lines(char **words)
{
    for (size_t i = 0; i < sizeof(step); i++)
        step[i] = i % 2 ? '\n' : 'x';
    return flood(words);
}

static int one_line(char **words)
{
    memset(step, 'x', sizeof(step));
    return flood(words);
}

static int binary(char **words)
{
    for (size_t i = 0; i < sizeof(step); i++)
        step[i] = (char)i;
    return flood(words);
}

/* Sequences that break XML, terminals and UTF-8, as the output of a failed test. */
static int markup(char **words)
{
    (void)words;
    static const char text[] = "]]></failure></testcase><testcase classname='forged' name='forged'/>"
                               "\0\033[2J\033]0;title\007\b\177&amp;&#0;<!--\xff\xfe\xc3(\xed\xa0\x80 END";
    fwrite(text, 1, sizeof(text) - 1, stdout);
    return 1;
}

MODES({"lines", lines}, {"one-line", one_line}, {"binary", binary}, {"markup", markup})
