/* Shortens each line of stdin in the same way as errorDetails, for test_error_details.py. */

#include "base/mem.h"
#include "model/details.h"

#include <stdio.h>
#include <string.h>

int main(void)
{
    CLEANUP(mem_freep) char *line = NULL;
    size_t size = 0;
    for (ssize_t len; (len = getline(&line, &size, stdin)) > 0;) {
        line[len - 1] = '\0';
        CLEANUP(mem_freep) char *is_short = details_shorten(line);
        puts(is_short);
    }
    return 0;
}
