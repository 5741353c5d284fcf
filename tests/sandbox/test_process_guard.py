"""What a process may change in others of the same user: only in its descendants and in its own
threads."""

import re

import pytest

PROGRAM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <linux/ioprio.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t thread_id, grandchild;

static void say(const char *who, const char *what, long result)
{
    printf("%s %s: %s\n", who, what, result < 0 ? strerror(errno) : "yes");
}

static void change(const char *who, pid_t pid)
{
    struct sched_param none = {0};
    struct { unsigned size, policy; unsigned long flags; int nice; unsigned rest[9]; } attr =
        {.size = 48, .nice = getpriority(PRIO_PROCESS, 0)};
    struct rlimit limit;
    cpu_set_t all;
    sched_getaffinity(0, sizeof(all), &all);
    getrlimit(RLIMIT_CPU, &limit);
    say(who, "processors", sched_setaffinity(pid, sizeof(all), &all));
    say(who, "scheduler", sched_setscheduler(pid, SCHED_BATCH, &none));
    say(who, "parameters", sched_setparam(pid, &none));
    say(who, "attributes", syscall(SYS_sched_setattr, pid, &attr, 0));
    say(who, "priority", setpriority(PRIO_PROCESS, (id_t)pid, attr.nice));
    say(who, "i/o", syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, pid, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)));
    if (pid != thread_id)
        say(who, "limits", prlimit(pid, RLIMIT_CPU, &limit, NULL));
    printf("%s asks: %s\n", who, prlimit(pid, RLIMIT_CPU, NULL, &limit) < 0 ? strerror(errno) : "yes");
}

static void *thread(void *pipe)
{
    thread_id = (pid_t)syscall(SYS_gettid);
    write(*(int *)pipe, "x", 1);
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    int fds[2];
    char byte[sizeof(grandchild)];
    pthread_t t;
    setvbuf(stdout, NULL, _IONBF, 0);
    if (pipe(fds) < 0)
        return 1;
    pthread_create(&t, NULL, thread, &fds[1]);
    read(fds[0], byte, 1);
    pid_t child = fork();
    if (child == 0) {
        pid_t below = fork();
        if (below == 0)
            for (;;)
                pause();
        write(fds[1], &below, sizeof(below));
        for (;;)
            pause();
    }
    read(fds[0], &grandchild, sizeof(grandchild));
    change("itself", 0);
    change("its number", getpid());
    change("thread", thread_id);
    change("child", child);
    change("grandchild", grandchild);
    change("parent", getppid());
    change("pid 1", 1);
    for (int i = 1; i < argc; i++)
        change("sibling", (pid_t)atoi(argv[i]));
    kill(grandchild, SIGKILL);
    kill(child, SIGKILL);
    return 0;
}
"""
CALLS = ["processors", "scheduler", "parameters", "attributes", "priority", "i/o", "limits"]


@pytest.fixture(scope="module")
def tried(site):
    job = site.pytest(f"""
def test_tries():
    pathlib.Path("p.c").write_text({PROGRAM!r})
    subprocess.run(["cc", "-w", "-pthread", "-o", "p", "p.c"], check=True)
    sibling = subprocess.Popen(["sleep", "100"])
    done = subprocess.run(["./p", str(sibling.pid)], stdout=subprocess.PIPE, text=True, check=True)
    sibling.kill()
    print(done.stdout)
    assert 0
""")
    [test] = job.tests.values()
    return dict(re.findall(r"^(.+): (.+)$", test["description"] + (job.dir / "stdout.log").read_text(), re.M))


@pytest.mark.parametrize("who", ["itself", "its number", "thread", "child", "grandchild"])
@pytest.mark.parametrize("call", CALLS)
def test_downwards(tried, who, call):
    assert tried.get(f"{who} {call}", "yes" if (who, call) == ("thread", "limits") else "") == "yes"


@pytest.mark.parametrize("who", ["parent", "pid 1", "sibling"])
@pytest.mark.parametrize("call", CALLS)
def test_upwards_and_sideways(tried, who, call):
    assert tried[f"{who} {call}"] == "Operation not permitted"


@pytest.mark.parametrize("who", ["parent", "sibling", "child"])
def test_limits_may_be_read(tried, who):
    assert tried[f"{who} asks"] == "yes"


def test_the_tests_themselves_may(site):
    assert site.pytest("""
def test_changes_what_it_has_started():
    program = subprocess.Popen(["sleep", "100"])
    os.sched_setaffinity(program.pid, os.sched_getaffinity(0))
    os.setpriority(os.PRIO_PROCESS, program.pid, 3)
    import resource
    resource.prlimit(program.pid, resource.RLIMIT_CPU, (10, 10))
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))
    program.kill()
    import threading
    for own in (0, os.getpid(), threading.get_native_id()):
        os.sched_setaffinity(own, os.sched_getaffinity(0))
        os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, 0))
    resource.prlimit(os.getpid(), resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=lambda: os.sched_setaffinity(os.getpid(), os.sched_getaffinity(0))).start()
    subprocess.run(["nice", "-n", "5", "true"], check=True)
    subprocess.run(["taskset", "-c", str(min(os.sched_getaffinity(0))), "true"], check=True)
    subprocess.run(["prlimit", "--nofile=100", "true"], check=True)
""").passed


def test_what_only_the_hosts_cache_would_feel_is_not_done(site):
    """These calls would evict /usr from the page cache for other tasks; they succeed without
    effect."""
    job = site.pytest('''
def test_drops_and_syncs():
    fd = os.open("/usr/bin/gcc", os.O_RDONLY)
    assert len(os.read(fd, 100)) == 100
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.sync()
    os.fsync(fd)
    os.fdatasync(fd)
    subprocess.run(["sync", "-f", "/usr/bin/gcc"], check=True)
''')
    assert job.passed, job.log
