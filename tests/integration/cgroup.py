"""Runs each program that a test starts in its own control group, in which no process may remain.

Only if the tests may create groups in their own (cgroup v2): tests/system/in-service then sets
OSTEST_TEST_CGROUP to it. Otherwise does nothing.
"""

import contextlib
import itertools
import os
import pathlib
import select
import time

TIMEOUT = float(os.environ.get("OSTEST_TEST_TIMEOUT", 60))
ENTER = 'echo $$ >"$0/cgroup.procs" && exec "$@"'  # enters the group $0, then executes the command
numbers = itertools.count(1)


@contextlib.contextmanager
def own_group(uid=None):
    """Yields a command prefix that executes a command in its own group, in which `uid` may create
    groups.

    Removes the group and those below it at the end; a process that still runs then is an error.
    """
    if not (parent := os.environ.get("OSTEST_TEST_CGROUP")):
        yield []
        return
    group = pathlib.Path(parent, f"run-{os.getpid()}-{next(numbers)}")
    group.mkdir()
    if uid is not None:
        for name in (".", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"):
            os.chown(group / name, uid, -1)
    try:
        yield ["sh", "-c", ENTER, str(group)]
    finally:
        left = [] if wait_empty(group) else [f"{pid} {command_line(pid)}" for pid in processes_in(group)]
        if left:
            (group / "cgroup.kill").write_text("1")
            wait_empty(group)
        remove(group)
        assert not left, f"still running in {group.name}: {left}"


@contextlib.contextmanager
def small_machine(mib):
    """Yields a command prefix that limits the memory of a command (root, cgroup v1). None: no
    limit."""
    if mib is None:
        yield []
        return
    group = pathlib.Path(f"/sys/fs/cgroup/memory/small-machine-{os.getpid()}")
    group.mkdir()
    (group / "memory.limit_in_bytes").write_text(str(mib << 20))
    try:
        yield ["sh", "-c", ENTER, str(group)]
    finally:
        remove(group)


def group_name(job_dir):
    """Returns the name of a job's control group: the 64-bit FNV-1a hash of its directory."""
    number = 0xcbf29ce484222325
    for byte in os.fsencode(job_dir):
        number = (number ^ byte) * 0x100000001b3 % 2**64
    return f"ostest-{number:016x}"


def wait_empty(group):
    """Waits until the group and those below it have no processes; a killed program may take a
    moment. Returns false on timeout."""
    deadline = time.monotonic() + TIMEOUT
    with open(group / "cgroup.events", "rb", buffering=0) as events:
        changed = select.poll()
        changed.register(events, select.POLLPRI)
        while b"populated 1" in os.pread(events.fileno(), 4096, 0):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            changed.poll(left * 1000)
    return True


def processes_in(group):
    """Returns the pids of the processes in the group and below."""
    return [int(pid) for procs in group.rglob("cgroup.procs") for pid in procs.read_text().split()]


def command_line(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def remove(group):
    for path, _, _ in os.walk(group, topdown=False):
        os.rmdir(path)
