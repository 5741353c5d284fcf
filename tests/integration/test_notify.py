"""Messages to the service manager (sd_notify): ready, status, watchdog, stop."""

import contextlib
import os
import re
import select
import socket
import subprocess
import time
from signal import SIGCONT, SIGHUP, SIGSTOP, SIGTERM

import pytest

from harness import TIMEOUT, task


class Manager:
    """A service manager's socket, and the messages received."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + path[1:] if path[0] == "@" else path)
        self.messages = []

    def receive(self, timeout=TIMEOUT):
        """Returns the next message; None on timeout."""
        if not select.select([self.socket], [], [], timeout)[0]:
            return None
        self.messages.append(self.socket.recv(65536).decode())
        return self.messages[-1]

    def wait(self, pattern):
        """Waits for a message that matches. Returns the match."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end and (text := self.receive()) is not None:
            if match := re.search(pattern, text, re.MULTILINE):
                return match
        raise AssertionError(f"no message matches {pattern!r}: {self.messages}")

    def drop(self):
        """Discards the messages so far."""
        while self.receive(0) is not None:
            pass


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    path = str(tmp_path / "notify") if request.param == "path" else f"@test-notify-{os.getpid()}"
    manager = Manager(path)
    manager.address = path
    with contextlib.closing(manager.socket):
        yield manager


@pytest.fixture
def start(start_runner, manager, small):
    """start(mock, option…, env={}): starts a runner with that manager, one task at a time."""
    def go(mock, *options, env=None, **named):
        return start_runner(mock, "--tests-url", small.suite, "--concurrent", 1, *options,
                            env={"NOTIFY_SOCKET": manager.address} | (env or {}), **named)
    return go


only_path = pytest.mark.parametrize("manager", ["path"], indirect=True)


def test_it_is_ready_says_what_it_does_and_stops(start_mock, start, manager, small):
    mock = start_mock(tasks=[task(1, small.student())])
    runner = start(mock)
    assert manager.receive() == "READY=1"
    manager.wait(r"^STATUS=0 of 1 slots busy; 1 results delivered, 0 refused, 0 waiting$")
    assert runner.stop() == 0
    manager.wait(r"^STOPPING=1$")
    assert "WATCHDOG" not in "".join(manager.messages)


@only_path
def test_it_is_not_ready_before_preflight_is_over(start, manager, tmp_path):
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text("#!/bin/sh\nexit 1\n")
    git.chmod(0o755)
    runner = start(None, env={"PATH": f"{git.parent}:{os.environ['PATH']}"})
    assert runner.wait() == 1
    assert manager.receive(0) is None, runner.log


@only_path
def test_the_status_tells_of_work_and_of_trouble(start_mock, start, manager, small, barrier):
    mock = start_mock(tasks=[task(1, small.student(script=barrier.script))])
    runner = start(mock)
    barrier.wait()
    manager.wait(r"^STATUS=1 of 1 slots busy")
    barrier.open()
    manager.wait(r"^STATUS=0 of 1 slots busy; 1 results delivered")
    mock.stop()
    manager.wait(r"waiting; .*does not answer")
    runner.stop()


@only_path
def test_the_status_tells_why_no_task_is_claimed(start_mock, start, manager):
    start(start_mock(tasks=[]), "--min-free-disk", "900000G")
    manager.wait(r"no task is claimed: less than .* MB are free")


@only_path
def test_jobs_do_not_inherit_the_manager(start_mock, start, manager, small, tmp_path):
    """The student's run prints its environment: without a sandbox that of the job, except what the
    job removes."""
    seen = tmp_path / "environ"
    student = small.student(script=f"cat /proc/$PPID/environ >'{seen}'")
    mock = start_mock(tasks=[task(1, student)])
    runner = start(mock, "--max-tasks", 1, env={"WATCHDOG_USEC": "60000000"})
    assert runner.wait() == 0
    assert b"PATH=" in seen.read_bytes()
    assert b"NOTIFY_SOCKET" not in seen.read_bytes() and b"WATCHDOG" not in seen.read_bytes()


@only_path
def test_the_watchdog_is_fed_while_the_loop_turns(start_mock, start, manager):
    runner = start(start_mock(tasks=[]), env={"WATCHDOG_USEC": "400000"})
    for _ in range(3):
        manager.wait(r"^WATCHDOG=1$")
    runner.signal(SIGSTOP)
    os.waitid(os.P_PID, runner.process.pid, os.WSTOPPED | os.WNOWAIT)
    manager.drop()
    assert manager.receive(1) is None, "a stopped runner fed the watchdog"
    runner.signal(SIGCONT)
    manager.wait(r"^WATCHDOG=1$")
    assert runner.stop() == 0


@only_path
def test_a_watchdog_for_another_process_is_not_fed(start_mock, start, manager):
    runner = start(start_mock(tasks=[]), env={"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"})
    manager.wait(r"^READY=1$")
    assert runner.stop() == 0
    assert not any(message == "WATCHDOG=1" for message in manager.messages)


THIEF = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
/* Takes the ends of all children of the runner, and tells it of none. */
pid_t waitpid(pid_t pid, int *status, int flags)
{
    pid_t (*real)(pid_t, int *, int) = dlsym(RTLD_NEXT, "waitpid");
    if (pid != -1 || strcmp(program_invocation_short_name, "ostest-runner") != 0)
        return real(pid, status, flags);
    while (real(-1, status, WNOHANG) > 0)
        ;
    return 0;
}
"""


@only_path
def test_a_runner_whose_jobs_have_ended_unseen_is_not_fed(start_mock, start, manager, small, tmp_path):
    (tmp_path / "thief.c").write_text(THIEF)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", tmp_path / "thief.so", tmp_path / "thief.c"], check=True)
    mock = start_mock(tasks=[task(1, small.student())])
    runner = start(mock, env={"WATCHDOG_USEC": "200000", "LD_PRELOAD": tmp_path / "thief.so"})
    runner.wait_log("CRITICAL a job has ended unseen: the watchdog will end the runner")
    manager.drop()
    while (message := manager.receive(1)) is not None:
        assert "WATCHDOG" not in message
    runner.kill()


@only_path
def test_reopening_the_log_is_a_reload(start_mock, start, manager, tmp_path):
    runner = start(start_mock(tasks=[]), "--logger-output", tmp_path / "log")
    manager.wait(r"^STATUS=")
    (tmp_path / "log").rename(tmp_path / "log.1")
    runner.signal(SIGHUP)
    manager.wait(r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
    manager.wait(r"^READY=1$")
    assert (tmp_path / "log").exists()
    assert runner.stop() == 0


@only_path
def test_a_drain_asks_for_time_as_long_as_it_takes(start_mock, start, manager, small, barrier):
    mock = start_mock(tasks=[task(1, small.student(script=barrier.script))])
    runner = start(mock, env={"WATCHDOG_USEC": "400000"})
    barrier.wait()
    runner.signal(SIGTERM)
    manager.wait(r"^STOPPING=1$")
    manager.wait(r"^STATUS=1 of 1 slots busy; 0 results delivered, 0 refused, 0 waiting; stopping$")
    for _ in range(3):  # polling continues, but the status is sent once
        manager.wait(r"^EXTEND_TIMEOUT_USEC=60000000$")
    barrier.open()
    assert runner.wait() == 0 and mock.state()["results"] == 1


@only_path
def test_a_manager_that_is_gone_stops_nothing(start_mock, start, manager, small):
    mock = start_mock(tasks=[task(1, small.student())])
    runner = start(mock, "--max-tasks", 1, env={"NOTIFY_SOCKET": "/nonexistent"})
    assert runner.wait() == 0 and mock.state()["results"] == 1
    assert len(runner.hits("Cannot send a message to the service manager")) == 1
