/* A well-behaved student's program: a few processes, files, some memory, always the same output. */

#include "hostile.h"

static int hello(char **words)
{
    (void)words;
    puts("hello");
    return 0;
}

static int use_memory(void)
{
    size_t len = (size_t)16 << 20;
    volatile char *memory = malloc(len);
    for (size_t i = 0; memory && i < len; i += 4096)
        memory[i] = 1;
    return memory ? 0 : 1;
}

static int use_files(const char *dir)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/bystander", dir);
    FILE *file = fopen(path, "we");
    if (!file)
        return 1;
    for (int i = 0; i < 100000; i++)
        fprintf(file, "%d\n", i);
    return fclose(file);
}

static int work(char **words)
{
    (void)words;
    int status = 0;
    for (int i = 0; i < 4; i++)
        if (fork() == 0)
            _exit(use_memory());
    for (int i = 0, child = 0; i < 4; i++)
        if (wait(&child) < 0 || child != 0)
            status = 1;
    return status || use_files(".") || use_files("/tmp");
}

MODES({"hello", hello}, {"work", work})
