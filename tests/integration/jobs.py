"""Fixtures that start ostest-job directly on a directory.

run_job(task, suite, option…) executes one task from its repository to its result; make_suite(code)
makes a suite with a manifest and with the given code as its behaviour.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import re
import select
import subprocess
import threading
from signal import SIGTERM

import pytest

import harness
from cgroup import own_group

TASK, MACHINE = 65, 69  # src/model/job_exit.h: there is a result; the error is the task's, or the machine's
STOPPED = 75
CAUSE = "(test run)"
PASSING = "<testsuite><testcase name='one'/></testsuite>"

# The beginning of each suite of make_suite(). `args` are the words after {src} {report}.
PRELUDE = f"""\
import json, os, pathlib, signal, subprocess, sys, time
src, report, *args = sys.argv[1:]
def write(text={PASSING!r}):
    pathlib.Path(report).write_bytes(text if isinstance(text, bytes) else text.encode())
"""


def printing(expression):
    """Returns the code of a suite that prints the expression's value, for Job.printed, and
    passes."""
    return f"print(json.dumps({expression}))\nwrite()\n"


class Job:
    """An ostest-job, running or exited."""

    def __init__(self, directory, task, suite, *options, cache, env=None, under=()):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        (self.dir / "task.json").write_text(json.dumps({"id": 1} | task))
        self.is_leased = "--lease" in options
        self.process = subprocess.Popen(
            [*under, harness.JOB, "--cache-dir", cache, *(["--tests-url", str(suite)] if suite else []),
             "--git-protocols", "https,http,ssh,git,file", "--sandbox", harness.SANDBOX, *map(str, options), self.dir],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=harness.CLEAN_ENV | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"} | (env or {}))
        self.lines = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.decode(errors="replace"))
                self.changed.notify_all()

    @property
    def log(self):
        """Returns the log so far, with blanks between the parts of a line."""
        return "".join(self.lines).replace("\t", " ").replace("\v", " ")

    def wait_log(self, pattern):
        with self.changed:
            assert self.changed.wait_for(lambda: re.search(pattern, self.log), harness.TIMEOUT), self.log

    def stop(self, signal=SIGTERM):
        self.process.send_signal(signal)
        return self.wait()

    def wait(self, timeout=harness.TIMEOUT):
        """Returns the exit status. Asserts that the job has cleaned up and left no process
        running."""
        self.process.wait(timeout)
        left = harness.processes_with(f"{self.dir}/")
        self.reader.join(timeout)
        assert not left, f"still running: {left}\n{self.log}"
        if self.process.returncode >= 0:
            names = set(os.listdir(self.dir))
            wanted = {"task.json", "result.json", "stdout.log", "stderr.log", "summary.json", "report.html"}
            assert names <= wanted | ({"begun", "end"} if self.is_leased else set()), f"left behind: {names}\n{self.log}"
        return self.process.returncode

    def kill(self):
        """Kills the job: at the end of a failed test, or on purpose."""
        self.process.kill()
        self.process.wait(harness.TIMEOUT)
        self.reader.join(harness.TIMEOUT)
        self.process.stdout.close()

    @property
    def result(self):
        path = self.dir / "result.json"
        return json.loads(path.read_bytes()) if path.exists() else None

    @property
    def summary(self):
        return json.loads((self.dir / "summary.json").read_bytes())

    @property
    def error(self):
        """Returns the errorDetails of the result, which must be an error."""
        result = self.result
        assert result["isError"] and not result["isPassed"], result
        assert result["errorDetails"], "an error without details"
        return result["errorDetails"]

    @property
    def tests(self):
        """Returns the tests of the suite in the result, by name."""
        return {test["name"]: test for test in self.result["testResults"] if test["name"] != CAUSE}

    @property
    def cause(self):
        """Returns the description of the entry for a cause outside of the tests; None if there is
        none."""
        return next((test["description"] for test in self.result["testResults"] if test["name"] == CAUSE), None)

    @property
    def passed(self):
        result = self.result
        assert not result["isError"], f"{result['errorDetails']}\n{self.log}"
        return result["isPassed"]

    @property
    def stdout(self):
        return (self.dir / "stdout.log").read_text(errors="replace")

    @property
    def stderr(self):
        return (self.dir / "stderr.log").read_text(errors="replace")

    @property
    def printed(self):
        """Returns the value that the suite printed as JSON on its first line."""
        return json.loads(self.stdout.splitlines()[0])

    def commit_of(self, repository):
        """Returns the logged commit that was fetched from the repository."""
        lines = [line for line in self.log.splitlines() if line.startswith(f"info fetched url={repository} ")]
        assert len(lines) == 1, self.log
        return re.search(r" commit=([0-9a-f]+) ", lines[0]).group(1)


def check_status(job, status):
    """Asserts that there is a result and that the exit status agrees with the class of an error."""
    fault = re.search(r"^warning .* class=(\w+)$", job.log, re.MULTILINE)
    students_host = fault and fault[1] == "network" and "The test suite" not in fault[0] and \
        re.search("^info fetched ", job.log, re.MULTILINE)  # this can only be the suite
    is_machine = fault and fault[1] in ("environment", "network", "internal") and not students_host
    wanted = 0 if not fault else MACHINE if is_machine else TASK
    assert job.result and status == wanted, f"exit status {status}\n{job.log}"


def entries(directory):
    """Returns the entries of a part of the cache, without the .used files."""
    return sorted(path for path in directory.iterdir() if path.suffix != ".used")


class Gate:
    """A FIFO through which a program reports that it has reached a point: `echo text > PATH`."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def wait(self):
        assert select.select([self.fd], [], [], harness.TIMEOUT)[0], f"nothing was written to {self.path}"
        return os.read(self.fd, 4096).decode()


@contextlib.contextmanager
def opening_of(path):
    """Yields a function that waits until a process opens the file (inotify(7))."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    in_open = 0x20
    assert fd >= 0 and libc.inotify_add_watch(fd, os.fsencode(path), in_open) >= 0, os.strerror(ctypes.get_errno())

    def wait():
        assert select.select([fd], [], [], harness.TIMEOUT)[0], f"no process opened {path}"
    try:
        yield wait
    finally:
        os.close(fd)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def start_job(tmp_path, cache):
    """start_job(task, suite, option…, env={}): starts a job. A task that is not a dict is a
    repository."""
    with contextlib.ExitStack() as stack:
        def start(task, suite, *options, directory=None, under=(), **named):
            start.count += 1
            under = [*stack.enter_context(own_group()), *under]
            task = task if isinstance(task, dict) else {"repositoryUrl": str(task)}
            job = Job(directory or tmp_path / "jobs" / str(start.count), task, suite, *options,
                      under=under, **{"cache": cache} | named)
            stack.callback(job.kill)
            return job
        start.count = 0
        yield start
    assert not harness.processes_with(str(tmp_path)), "something is still running"


@pytest.fixture
def run_job(start_job):
    """run_job(task, suite, option…, env={}): runs a job, which must leave a result."""
    def run(*args, **named):
        job = start_job(*args, **named)
        status = job.wait()
        check_status(job, status)
        return job
    return run


@pytest.fixture
def make_suite(make_repo):
    """make_suite(code, words, {file: content}): makes a suite that runs the Python code after
    PRELUDE."""
    def make(code="write()", words="", files=None, name="suite"):
        return make_repo(name, {
            "ostest-suite.conf": f"command = python3 run.py {{src}} {{report}} {words}\n",
            "run.py": PRELUDE + code + "\n"} | (files or {}))
    return make


@pytest.fixture
def student(make_repo):
    return make_repo("student", {"main.c": "int main(void) { return 0; }\n"})


@pytest.fixture
def make_gate(tmp_path):
    admission = []

    def make(name="gate"):
        admission.append(Gate(tmp_path / name))
        return admission[-1]
    yield make
    for gate in admission:
        os.close(gate.fd)
