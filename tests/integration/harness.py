"""The parts of integration tests: mock backend, runner, git repositories.

Everything listens on ports chosen by the kernel, uses the test's temporary directory, and is
stopped with the test. Tests wait for events (the mock's counters, the exit of a process, a line in
the log) and fail after TIMEOUT seconds.
"""

import atexit
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import tempfile
import threading
import time
from signal import SIGTERM

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("OSTEST_BUILD", REPO / "build"))
RUNNER = BUILD / "src" / "ostest-runner"
JOB = BUILD / "src" / "ostest-job"
MOCK = BUILD / "src" / "ostest-mock-backend"
COURSE = REPO / "examples" / "course"
TIMEOUT = float(os.environ.get("OSTEST_TEST_TIMEOUT", 60))

# The developer's settings must not affect a test.
CLEAN_ENV = {
    key: value
    for key, value in os.environ.items()
    if not key.startswith(("GIT_", "OSTEST_", "PYTEST_", "PYTHON", "XDG_"))
}
GIT_ENV = CLEAN_ENV | {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Student",
    "GIT_AUTHOR_EMAIL": "student@example.org",
    "GIT_COMMITTER_NAME": "Student",
    "GIT_COMMITTER_EMAIL": "student@example.org",
}


# A suite that runs pytest on its tests/, as the course's does.
PYTEST_SUITE = {
    "run_tests.py": "import argparse, sys, pytest\n"
                    "parser = argparse.ArgumentParser()\n"
                    "parser.add_argument('--src')\n"
                    "parser.add_argument('--lab')\n"
                    "args, rest = parser.parse_known_args()\n"
                    "sys.exit(pytest.main(['tests', *rest]))\n",
    "requirements.txt": "pytest\n",
}

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)

# Most tests do not need the sandbox, and their suites share files of the host with the test.
SANDBOX = "none"

# A command prefix that makes file permissions apply even if the tests run as root.
UNPRIVILEGED = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if os.geteuid() == 0 else []


def make_programs_reachable():
    """Copies the programs to a directory that every user can reach, unless they are in one. Tests
    that run as root also start them as other users."""
    global BUILD, RUNNER, JOB, MOCK  # noqa: PLW0603 (these name the programs for all tests)
    if os.geteuid() != 0 or all(directory.stat().st_mode & 1 for directory in (BUILD / "src" / "x").parents):
        return
    copy = pathlib.Path(tempfile.mkdtemp(prefix="ostest-programs-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    (copy / "src").mkdir()
    for program in (BUILD / "src").glob("ostest-*"):
        if program.is_file():
            shutil.copy(program, copy / "src")
    BUILD = copy
    RUNNER, JOB, MOCK = (copy / "src" / path.name for path in (RUNNER, JOB, MOCK))


def give(path, uid):
    """Changes the owner of the path and everything below it. Does nothing if uid is None."""
    for directory, names, files in os.walk(path) if uid is not None else ():
        for name in [".", *names, *files]:
            os.chown(os.path.join(directory, name), uid, uid, follow_symlinks=False)


def content_of(path):
    """Reads a file of this user, even one without read permission (the python of an
    environment)."""
    mode = path.stat().st_mode
    if os.access(path, os.R_OK):
        return path.read_bytes()
    path.chmod(mode | 0o400)
    try:
        return path.read_bytes()
    finally:
        path.chmod(mode)


def become_subreaper():
    """Makes orphaned descendants children of this process, so that none is missed."""
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def git(*args, cwd=None, input=None):
    done = subprocess.run(["git", *map(str, args)], cwd=cwd, env=GIT_ENV, check=True, capture_output=True, text=True,
                          input=input)
    return done.stdout.strip()


class Repository:
    """A git repository with a work tree, on branch main."""

    def __init__(self, path, files=None):
        self.path = pathlib.Path(path)
        git("init", "--quiet", "--template=", "--initial-branch=main", self.path)
        if files is not None:
            self.commit(files)

    def commit(self, files, message="work"):
        """Writes the files (name to text, bytes, or None to remove) and commits. Returns the
        hash."""
        for name, content in files.items():
            target = self.path / name
            if content is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        git("add", "--all", "--force", ".", cwd=self.path)
        git("-c", "maintenance.auto=false", "commit", "--quiet", "--allow-empty", "-m", message, cwd=self.path)
        return git("rev-parse", "HEAD", cwd=self.path)

    def __str__(self):
        return str(self.path)


REPORTS = {
    "pass": '<testsuite><testcase classname="lab" name="works" time="0.25"/></testsuite>',
    "fail": '<testsuite><testcase classname="lab" name="works"><failure>wrong answer</failure></testcase></testsuite>',
    "error": '<testsuite><testcase classname="lab" name="works"><error>no compiler</error></testcase></testsuite>',
}


class SmallCourse:
    """A fast course without Python: a student's run.sh writes the report to $1."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.suite = Repository(self.directory / "suite", {"ostest-suite.conf": "command = sh {src}/run.sh {report}\n"})
        self.students = {}

    def student(self, verdict="pass", script=""):
        """Returns the repository of a student whose run executes the shell script, then gets the
        verdict."""
        if (verdict, script) not in self.students:
            run = f"{script}\ncat >\"$1\" <<'END'\n{REPORTS[verdict]}\nEND\n"
            path = self.directory / f"student-{len(self.students)}-{verdict}"
            self.students[verdict, script] = Repository(path, {"run.sh": run})
        return self.students[verdict, script]


class Barrier:
    """A point in a student's run.sh (`script`) where each run waits until the test releases it."""

    def __init__(self, directory):
        directory = pathlib.Path(directory)
        names = [directory / name for name in ("barrier-arrived", "barrier-go")]
        for name in names:
            os.mkfifo(name)
        self.script = f"echo >'{names[0]}'; read _ <'{names[1]}'"
        self.fds = [os.open(name, os.O_RDWR | os.O_NONBLOCK) for name in names]

    def wait(self, count=1):
        """Waits until `count` more runs have arrived."""
        for _ in range(count):
            assert select.select([self.fds[0]], [], [], TIMEOUT)[0], "no test run arrived at the barrier"
            os.read(self.fds[0], 1)

    def open(self, count=1):
        """Releases `count` runs, waiting or future ones."""
        os.write(self.fds[1], b"\n" * count)

    def close(self):
        for fd in self.fds:
            os.close(fd)


def task(number, repository="https://example.org/proxy-grisha.git", **members):
    """Returns a task as the backend hands it out."""
    return {"id": number, "repositoryUrl": str(repository)} | members


class Mock:
    """A running mock backend."""

    def __init__(self, directory, *options, tasks=None, port=0, prefix=()):
        """prefix: a command that executes the mock."""
        self.results_path = pathlib.Path(directory) / "results.jsonl"
        command = [*prefix, MOCK, "--port", str(port), "--quiet", "--results", self.results_path, *map(str, options)]
        if tasks is not None:
            tasks_path = pathlib.Path(directory) / "tasks.json"
            tasks_path.write_text(json.dumps(tasks))
            command += ["--tasks", tasks_path]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=CLEAN_ENV)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.url = line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])

    def ask(self, method, path, body=None):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT + 10)) as c:
            c.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = c.getresponse()
            return answer.status, answer.read()

    def state(self, **wait_for):
        """Returns the mock's counters. wait_for: waits until they reach these values (results=3,
        …)."""
        query = "".join(f"&{key}={value}" for key, value in wait_for.items())
        path = f"/mock/state?timeout_ms={int(TIMEOUT * 1000)}{query}" if wait_for else "/mock/state"
        status, body = self.ask("GET", path)
        assert status == 200, (status, body)
        state = json.loads(body)
        for key, value in wait_for.items():
            assert state[key] >= value, f"{key} did not reach {value}: {state}"
        return state

    def add(self, *tasks):
        status, body = self.ask("POST", "/mock/tasks", json.dumps(tasks))
        assert status < 300, body

    def faults(self, spec):
        status, body = self.ask("POST", "/mock/faults", spec) if spec else self.ask("DELETE", "/mock/faults")
        assert status < 300, body

    def results(self, count=None):
        """Returns the posted results, in order. count: waits for that many."""
        if count is not None:
            self.state(results=count)
        if not self.results_path.exists():
            return []
        return [json.loads(line) for line in self.results_path.read_text().splitlines()]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(TIMEOUT)
        self.process.stdout.close()


class Runner:
    """A running ostest-runner; collects its log line by line."""

    def __init__(self, *options, env=None, prefix=(), cwd=None, program=None):
        """env: more variables, None removes one; prefix: a command that executes the runner;
        program: the runner to start."""
        variables = CLEAN_ENV | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "OSTEST_SANDBOX": SANDBOX}
        variables |= env or {}
        self.process = subprocess.Popen(
            [*prefix, program or RUNNER, *map(str, options)], cwd=cwd,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env={name: str(value) for name, value in variables.items() if value is not None})
        self.lines = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append("")
            self.changed.notify_all()

    @property
    def log(self):
        return "\n".join(self.lines)

    def wait_log(self, pattern, count=1, timeout=TIMEOUT):
        """Waits until `count` lines match. Returns the last of them."""
        def found():
            hits = self.hits(pattern)
            return hits[count - 1] if len(hits) >= count else None
        with self.changed:
            assert self.changed.wait_for(found, timeout), f"no {pattern!r} in the log:\n{self.log}"
            return found()

    def hits(self, pattern):
        """Returns the lines of the log so far that match."""
        return [line for line in self.lines if re.search(pattern, line)]

    def memory_kib(self, what="VmRSS"):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{what}:\s+(\d+) kB", text, re.MULTILINE)[1])

    def signal(self, number=SIGTERM):
        self.process.send_signal(number)

    def wait(self, timeout=TIMEOUT):
        """Waits for the exit and the end of the log. Returns the exit status."""
        status = self.process.wait(timeout)
        self.reader.join(TIMEOUT)
        return status

    def stop(self, number=SIGTERM):
        if self.process.poll() is None:
            self.signal(number)
        return self.wait()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(TIMEOUT)
        self.reader.join(TIMEOUT)
        self.process.stdout.close()


def wait_until(holds, what):
    """Polls a condition for which there is no event."""
    deadline = time.monotonic() + TIMEOUT
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def processes_with(text):
    """Returns the pids of processes whose command line or working directory contains `text`."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if text in (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace") or \
                    text in os.readlink(entry / "cwd"):
                found.append(int(entry.name))
    return found


def jobs_of(state):
    """Returns the pids of the running ostest-jobs of this state directory."""
    found = []
    for pid in processes_with(str(state / "jobs")):
        with contextlib.suppress(OSError):  # a process may have exited by now
            if "ostest-job" in pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]:
                found.append(pid)
    return found


def children_of(pid):
    """Returns the pids of a process's children, of all its threads."""
    found = []
    with contextlib.suppress(OSError):
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return found


def open_files(pid):
    """Returns the targets of a process's descriptors; None if only root may read them, as for the
    runner's programs, which are not dumpable."""
    directory = pathlib.Path(f"/proc/{pid}/fd")
    if not os.access(directory, os.R_OK):
        return None
    links = []
    for link in directory.iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links.append(os.readlink(link))
    return links


def descendants(pid):
    """Returns the pids of a process's children, and of theirs."""
    found = []
    for child in children_of(pid):
        found += [child, *descendants(child)]
    return found


def wait_ended(pids):
    """Waits until these processes have exited."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError), open(os.pidfd_open(pid)) as pidfd:
            assert select.select([pidfd], [], [], TIMEOUT)[0], f"process {pid} did not end"


def wait_gone(text):
    """Waits until no process has `text` in its command line or working directory."""
    while pids := processes_with(text):
        wait_ended(pids)
