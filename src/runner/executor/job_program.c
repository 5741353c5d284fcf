#include "runner/executor/job_program.h"

#include "base/fs.h"

#include <unistd.h>

char *job_program_find(void)
{
    CLEANUP(mem_freep) char *dir = fs_program_dir();
    char *beside = mem_printf("%s/ostest-job", dir);
    if (access(beside, X_OK) == 0)
        return beside;
    free(beside);
    return mem_strdup(LIBEXEC_DIR "/ostest-job");
}
