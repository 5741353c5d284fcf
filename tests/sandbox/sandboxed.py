"""Helpers for tests of the sandbox: real jobs and runners, started as root or as an unprivileged
user.

The student's repository decides what a run does, so that a few suites serve all tests:
`site.python(code)` runs the code as a suite with a manifest, `site.pytest(code)` as a test module.
Both assert that no process, control group or file remains.
"""

import contextlib
import fnmatch
import functools
import itertools
import os
import pathlib
import re
import shutil
import tempfile

import cgroup
import harness
import jobs

SLOT_UID_BASE = 1900000000  # as src/job/sandbox_run.c has it
MAX_SLOTS = 4096

# The pytests to test with: the system's, and the newest of each generation from PyPI.
PYTESTS = ["system", "7.*", "8.*", "9.*"]

PLAIN_SUITE = {"ostest-suite.conf": "command = python3 {src}/run.py {src} {report}\nmay-change = made/* *.log\n",
               "data.txt": "data\n", "made/first": "1\n"}
PYTEST_SUITE = {
    "pytest.ini": "[pytest]\ntestpaths = tests\n",
    "data.txt": "data\n",
    "tests/other.py": "VALUE = 1\n",
    "tests/test_it.py": """\
import os, pathlib
CHECKS = pathlib.Path(os.environ["OSTEST_SRC"], "checks.py")
exec(compile(CHECKS.read_text(), str(CHECKS), "exec"))
"""}
PYTEST_REPORT = "/box/home/report.xml"
# The beginning of each student's checks.py.
CHECKS_PRELUDE = f"""\
import os, pathlib, signal, subprocess, sys, time
import pytest
SRC = os.environ["OSTEST_SRC"]
REPORT = {PYTEST_REPORT!r}
def at_the_end(work):
    "Calls work after pytest has written its report: registered first, so called last."
    import atexit
    atexit.register(work)
"""


def pytest_requirement(version, *more):
    """Returns the files that make a suite require one of PYTESTS, and other packages."""
    lines = [f"pytest=={version}"] if version != "system" else ["pytest"] if more else []
    return {"requirements.txt": "".join(f"{line}\n" for line in [*lines, *more])} if lines or more else {}


def started_as():
    """Returns the users that a runner can be started as: root only if the tests run as root."""
    return ["root", "user"] if os.geteuid() == 0 else ["user"]


def processes_of(uid):
    """Returns the command lines of this user's processes by pid, without zombies."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == uid and (line := (entry / "cmdline").read_bytes()):
                found[int(entry.name)] = line
    return found


def groups_called(pattern):
    """Returns all control groups whose name matches. Unrelated groups may come and go meanwhile."""
    return [os.path.join(directory, name) for directory, names, _ in os.walk("/sys/fs/cgroup")
            for name in fnmatch.filter(names, pattern)]


def mounts():
    """Returns all mounts of this namespace, without their ids."""
    return sorted(line.split(" ", 2)[2] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines())


class Site:
    """A directory that other users can enter, which a runner's state directory needs."""

    def __init__(self, who):
        self.who = who
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ostest-sandbox-"))
        self.dir.chmod(0o755)
        # A uid that nothing else uses, so that limits count only the processes of the test.
        self.uid = 63000 + os.getpid() % 1000 if who == "user" and os.geteuid() == 0 else None
        self.slot = 16 + os.getpid() % (MAX_SLOTS - 16)
        self.user = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--inh-caps=-all"] \
            if self.uid else []
        self.inner_uid = self.uid or (SLOT_UID_BASE + self.slot if os.geteuid() == 0 else None)
        self.numbers = itertools.count(1)
        self.cache = self.make_dir("cache")
        self.plain_suite = self.repository("plain-suite", PLAIN_SUITE)
        self.pytest_suite = self.repository("pytest-suite", PYTEST_SUITE)

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- files

    def give(self, path):
        """Changes the owner of the path and everything below it to the runner's user."""
        harness.give(path, self.uid)
        return path

    def make_dir(self, name):
        path = self.dir / name
        path.mkdir()
        return self.give(path)

    def new_dir(self, what):
        return self.make_dir(f"{what}-{next(self.numbers)}")

    def repository(self, name, files):
        repository = harness.Repository(self.dir / name, files)
        self.give(repository.path)
        return repository

    def student(self, files):
        return self.repository(f"student-{next(self.numbers)}", files)

    # ---- control groups

    @functools.cached_property
    def cgroups(self):
        """The control groups that a runner reports here: none, v1, hybrid or v2."""
        with self.mock() as mock, self.runner(mock) as runner:
            line = runner.wait_log(" sandbox=bwrap cgroups=")
            mock.state(requests_total=1)
            assert runner.stop() == 0, runner.log
        return re.search(r"cgroups=(\w+)", line)[1]

    @property
    def is_measured(self):
        return self.cgroups != "none"

    @contextlib.contextmanager
    def for_job(self, machine_mib=None):
        """Yields a command prefix that starts a job as the runner would; asserts that no control
        group remains. machine_mib: the memory of the whole machine, as the job sees it."""
        with cgroup.own_group(self.uid) as prefix:
            if not prefix:
                with cgroup.small_machine(machine_mib) as words:
                    yield [*words, *self.user]
                return
            group = pathlib.Path(prefix[-1])
            if machine_mib:
                (group / "memory.max").write_text(f"{machine_mib}M")
            own = group / "ostest-runner"  # as the runner does for itself
            own.mkdir()
            for path in (own, own / "cgroup.procs"):
                os.chown(path, self.uid or -1, -1)
            (group / "cgroup.subtree_control").write_text("+memory +pids +cpu")
            yield [*prefix[:-1], str(own), *self.user]
            cgroup.wait_empty(group)
            left = [path.name for path in group.iterdir() if path.is_dir() and path != own]
            assert not left, f"control groups left behind: {left}"

    # ---- jobs

    @functools.cached_property
    def timeout(self):
        """A number of seconds in which pytest starts and runs an empty test here, even if the
        machine stalls for a moment."""
        job = self.pytest("def test_nothing():\n    pass\n")
        assert job.passed, job.log
        return 5 + 3 * job.result["duration"] // 1000

    def job(self, student, suite, *options, env=None, task=None, machine_mib=None):
        """Executes one task from its repository to its result. Returns the finished job."""
        directory = self.new_dir("job")
        with self.for_job(machine_mib) as prefix:
            job = jobs.Job(directory, {"repositoryUrl": str(student)} | (task or {}), suite, "--sandbox", "auto",
                           "--slot", self.slot, *options, cache=self.cache, env=env, under=prefix)
            try:
                status = job.wait()
                jobs.check_status(job, status)
            finally:
                job.kill()
        self.check_nothing_is_left(directory)
        return job

    def check_nothing_is_left(self, directory):
        assert not groups_called(cgroup.group_name(directory))
        if self.inner_uid:
            assert not processes_of(self.inner_uid)

    def python(self, code, *options, files=None, suite=None, **named):
        """Runs the code after jobs.PRELUDE."""
        student = self.student({"run.py": jobs.PRELUDE + code + "\n"} | (files or {}))
        return self.job(student, suite or self.plain_suite, *options, **named)

    def pytest(self, code, *options, files=None, suite=None, **named):
        """Runs the tests in the code, after CHECKS_PRELUDE. Their names are test_it::test_…"""
        student = self.student({"checks.py": CHECKS_PRELUDE + code + "\n"} | (files or {}))
        return self.job(student, suite or self.pytest_suite, *options, **named)

    # ---- mock and runner

    @contextlib.contextmanager
    def mock(self, *options, tasks=None):
        directory = self.dir / f"mock-{next(self.numbers)}"
        directory.mkdir()
        mock = harness.Mock(directory, *options, tasks=tasks)
        try:
            yield mock
        finally:
            mock.stop()

    @contextlib.contextmanager
    def runner(self, mock, *options, state=None, suite=None, env=None):
        """Yields a running runner; kills it at the end."""
        url = mock.url if mock else "http://127.0.0.1:9"
        with cgroup.own_group(self.uid) as prefix:
            runner = harness.Runner(
                "--backend-url", url, "--state-dir", state or self.new_dir("state"), "--git-protocols", "file",
                "--check-interval", "0.05", "--tests-url", suite or self.plain_suite, *options,
                env={"OSTEST_SANDBOX": "auto"} | (env or {}), prefix=[*prefix, *self.user], cwd="/")
            try:
                yield runner
            finally:
                runner.kill()

    def doctor(self, *options, state=None, env=None, **named):
        """Runs `ostest-runner doctor`. Returns its lines by their second word, and its exit
        status."""
        with self.mock() as mock, \
                self.runner(mock, "doctor", *options, state=state, env=env, **named) as runner:
            status = runner.wait()
        lines = [line for line in runner.lines if line]
        found = {line.split()[1]: line for line in lines}
        assert len(found) == len(lines), runner.log
        return found, status


def outcomes_of(job):
    """Returns {name: (is passed, description)}, with names after the first `::`."""
    return {name.split("::", 1)[1]: (test["isPassed"], test["description"]) for name, test in job.tests.items()}


def measured(job):
    """Returns {name: (bytes, CPU milliseconds)} of each test, from the log."""
    found = re.findall(r"^debug test name=(.*?)(?: outcome=\w+)? ms=\d+ cpu_ms=(\d+) memory_bytes=(\d+)$", job.log, re.MULTILINE)
    return {name.split("::", 1)[-1]: (int(memory), int(cpu)) for name, cpu, memory in found}
