"""Processes may trace only their descendants, and may not write to the memory of others."""

import pathlib

import pytest

SCOPE = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
HAS_YAMA = SCOPE.exists() and SCOPE.read_text() > "0"

PROGRAM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static long word = 1;

static const char *said(long result) { return result < 0 ? strerror(errno) : "yes"; }

static void try_trace(const char *who, pid_t pid)
{
    long r = ptrace(PTRACE_SEIZE, pid, NULL, NULL);
    printf("seize %s: %s\n", who, said(r));
    if (r == 0) {
        ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
        waitpid(pid, NULL, __WALL);
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
    }
    r = ptrace(PTRACE_ATTACH, pid, NULL, NULL);
    printf("attach %s: %s\n", who, said(r));
    if (r == 0) {
        waitpid(pid, NULL, __WALL);
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
    }
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    int fd = open(path, O_RDWR);
    printf("mem %s: %s\n", who, said(fd));
    struct iovec local = {&word, sizeof(word)}, remote = {&word, sizeof(word)};
    printf("write %s: %s\n", who, said(process_vm_writev(pid, &local, 1, &remote, 1, 0)));
}

static pid_t sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    return pid;
}

static int in_clone(void *data)
{
    (void)data;
    printf("attach shared: %s\n", said(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)));
    fflush(stdout);
    waitpid(getppid(), NULL, __WALL);
    ptrace(PTRACE_DETACH, getppid(), NULL, NULL);
    return 0;
}

static void *in_thread(void *pid)
{
    try_trace("child of another thread", *(pid_t *)pid);
    return NULL;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) { /* the numbers of others */
        try_trace("sibling", atoi(argv[1]));
        try_trace("shell", atoi(argv[2]));
        try_trace("python", atoi(argv[3]));
        try_trace("init", 1);
        return 0;
    }
    pid_t child = sleeper();
    try_trace("child", child);
    pthread_t thread;
    pthread_create(&thread, NULL, in_thread, &child);
    pthread_join(thread, NULL);
    int ends[2];
    pid_t grandchild;
    if (pipe(ends) < 0 || (fork() == 0 && (grandchild = sleeper(), write(ends[1], &grandchild, sizeof(grandchild)), pause(), 1)))
        return 1;
    if (read(ends[0], &grandchild, sizeof(grandchild)) != sizeof(grandchild))
        return 1;
    try_trace("grandchild", grandchild);
    pid_t orphan;
    if (fork() == 0) {
        orphan = sleeper();
        _exit(write(ends[1], &orphan, sizeof(orphan)) < 0);
    }
    if (read(ends[0], &orphan, sizeof(orphan)) != sizeof(orphan))
        return 1;
    while (waitpid(-1, NULL, WNOHANG) == 0)
        usleep(1000);
    try_trace("orphan", orphan);
    static char stack[65536];
    int status;
    pid_t clone_pid = clone(in_clone, stack + sizeof(stack), CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, NULL);
    waitpid(clone_pid, &status, 0);
    if (fork() == 0) {
        try_trace("parent", getppid());
        _exit(0);
    }
    wait(&status);
    kill(grandchild, SIGKILL);
    kill(orphan, SIGKILL);
    kill(0, SIGKILL);
    return 0;
}
"""
CODE = """
os.chdir(src)
subprocess.run(["gcc", "-g", "-pthread", "-o", "who", "who.c"], check=True)
done = subprocess.run(["sh", "-c", "setsid ./who; true"], stdout=subprocess.PIPE, text=True)
sleeping = subprocess.Popen(["sleep", "1000"])
shell = subprocess.Popen(["sh", "-c", f"./who {sleeping.pid} $$ {os.getpid()}; true"], stdout=subprocess.PIPE, text=True)
more = shell.communicate()[0]
sleeping.kill()
gdb = subprocess.run(["gdb", "-nx", "-batch", "-ex", "break main", "-ex", "run", "-ex", "set var word=42", "-ex", "print word", "./who"],
                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL)
print(json.dumps([done.stdout + more, gdb.stdout]))
write()
"""


@pytest.fixture(scope="module")
def tried(site):
    job = site.python(CODE, files={"who.c": PROGRAM})
    assert job.passed, job.stderr
    said, gdb = job.printed
    return dict(line.split(": ", 1) for line in said.splitlines()) | {"gdb": gdb}


@pytest.mark.parametrize("who", ["child", "child of another thread", "grandchild"])
def test_what_descends_is_traced(tried, who):
    assert tried[f"seize {who}"] == tried[f"attach {who}"] == "yes"


def test_what_shares_the_memory_is_traced(tried):
    """As LeakSanitizer does."""
    assert tried["attach shared"] == "yes"


@pytest.mark.parametrize("who", ["parent", "orphan", "sibling", "shell", "python", "init"])
def test_nothing_else_is_traced(tried, who):
    assert tried[f"seize {who}"] == tried[f"attach {who}"] == "Operation not permitted"


@pytest.mark.parametrize("who", ["child", "parent", "sibling", "shell", "python", "init"])
def test_no_memory_is_written_past_ptrace(tried, who):
    """Not at all in a Python of the suite; in other programs of the same user as the kernel
    allows."""
    if who in ("python", "init") or (HAS_YAMA and who != "child"):
        assert tried[f"mem {who}"] == "Permission denied"
    assert tried[f"write {who}"] == "Operation not permitted"


def test_a_thread_names_another(site):
    """pthread_setname_np(3) writes /proc/self/task/TID/comm; other files of this directory are
    similar."""
    job = site.python("""
os.chdir(src)
subprocess.run(["gcc", "-pthread", "-o", "names", "names.c"], check=True)
print(subprocess.run(["./names"]).returncode)
write()
""", files={"names.c": r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *run(void *data) { return pause() ? data : NULL; }
int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, run, NULL);
    FILE *file = fopen("/proc/self/oom_score_adj", "w");
    return pthread_setname_np(thread, "worker") || !file || fputs("900", file) < 0 || fclose(file);
}
"""})
    assert job.passed and job.printed == 0


def test_a_debugger_changes_its_program(tried):
    if "not found" in tried["gdb"]:
        pytest.skip("gdb is not installed")
    assert "$1 = 42" in tried["gdb"], tried["gdb"]
