"""Attacks as real tasks: a student's repository, run by the real programs in the sandbox, beside a
bystander.

An Attack is one task: a student's program that attacks, and the expected verdict. A Site is a
directory with a runner, started as root or as an ordinary user; its run() hands out all attacks of
a table, each followed by a well-behaved task, and returns an Outcome: the posted results, and what
has changed on the machine.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

import cgroup
import harness
import pytest
from before import Before

HERE = pathlib.Path(__file__).resolve().parent
NOT_RUN = "not run"

MAKEFILE = """\
all: build/attack
build/attack: attack.c hostile.h
\tmkdir -p build
\t$(CC) -std=gnu17 -O1 -pthread -o $@ attack.c
"""


class Symlink(str):
    """The target of a symbolic link in a repository."""


@dataclasses.dataclass(frozen=True)
class Attack:
    """One task. `runs`: test to the arguments of build/attack, or to a whole command line as a
    tuple."""
    name: str
    program: str = ""
    runs: dict = dataclasses.field(default_factory=dict)
    files: dict = dataclasses.field(default_factory=dict)
    # The expected verdict: "passed", "failed", "error"; a pattern for errorDetails, "" for none;
    # and the tests that do not pass, with patterns for their descriptions.
    verdict: str = "passed"
    details: str = ""
    failing: dict = dataclasses.field(default_factory=dict)
    # The suite's timeouts of programs, in seconds. outputs "run's": the program gets the test run's
    # own outputs.
    limits: dict = dataclasses.field(default_factory=dict)
    outputs: dict = dataclasses.field(default_factory=dict)
    # A file of the suite with the expected output of a program.
    expected: dict = dataclasses.field(default_factory=dict)
    # The posted tests, if not all.
    posted: list | None = None
    # Only control groups contain this attack (docs/sandbox.md).
    needs_groups: bool = False
    # Fields that differ without control groups.
    groupless: dict = dataclasses.field(default_factory=dict)
    # Fields that differ if the runner is root, so that another user owns the suite's files.
    at_root: dict = dataclasses.field(default_factory=dict)
    # Attacks of a later turn are handed out after all earlier ones are done.
    turn: int = 1

    def __str__(self):
        return self.name

    @property
    def tests(self):
        return ["test_build", "test_before", *(f"test_attack[{run}]" for run in self.runs), "test_after"]

    def tree(self, host):
        """Returns the student's files. `host`: facts of this machine, for the file of that name."""
        def entry(run, words):
            argv = list(words) if isinstance(words, tuple) else ["build/attack", *words.split()]
            return {"argv": argv, "limit": self.limits.get(run), "output": self.outputs.get(run),
                    "expected": self.expected.get(run)}
        files = {
            "attacks": json.dumps({run: entry(run, words) for run, words in self.runs.items()}),
            "names": "".join(f"{name}\n" for name in self.tests),
            "host": "".join(f"{key}={value}\n" for key, value in host.items()),
        }
        if self.program:
            files |= {"Makefile": MAKEFILE, "hostile.h": (HERE / "programs/hostile.h").read_text(),
                      "attack.c": (HERE / f"programs/{self.program}.c").read_text()}
        return files | self.files


BYSTANDER = Attack("bystander", "bystander", {"hello": "hello", "work": "work"})


# ---- a directory for a runner


class Site:
    """A directory with everything that a runner needs, and the user to start it as."""

    def __init__(self, started_as):
        self.is_root = started_as == "root"
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ostest-hostile-"))
        self.dir.chmod(0o755)
        self.state = self.dir / "state"
        self.repos = self.dir / "repos"
        self.outside = self.dir / "outside"
        self.outside.mkdir()
        # A uid that nothing else uses, so that limits count only the processes of the test.
        self.uid = 64000 + os.getpid() % 1000 if started_as == "user" and os.geteuid() == 0 else None
        self.prefix = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"] if self.uid else []
        self.secret = f"secret-{os.urandom(8).hex()}"
        self.stack = contextlib.ExitStack()
        self.stack.callback(subprocess.run, ["rm", "-rf", self.dir])  # shutil.rmtree() fails on deep trees
        self.sockets = [self.listen(name) for name in (self.socket_name, b"\0" + self.abstract_name.encode())]
        for name in ("secret.txt", f"{self.secret}.txt"):
            (self.outside / name).write_text(self.secret)
            (self.outside / name).chmod(0o644)
        self.count = 0
        self.has_groups = self.ask_for_groups()

    def ask_for_groups(self):
        """True if a runner has control groups here."""
        with cgroup.own_group(self.uid) as group:
            words = [*group, *self.prefix, harness.RUNNER, "doctor", "--state-dir", self.dir / "doctor"]
            said = subprocess.run(words, stdout=subprocess.PIPE, text=True, cwd="/").stdout
        line = re.search(r"^(\w+) +cgroups", said, re.MULTILINE)
        assert line, said
        return line[1] == "ok"

    @property
    def socket_name(self):
        return str(self.dir / "socket")

    @property
    def abstract_name(self):
        return f"ostest-hostile-{os.getpid()}-{self.dir.name}"

    def listen(self, address):
        listening = self.stack.enter_context(socket.socket(socket.AF_UNIX))
        listening.bind(address)
        listening.listen()
        return listening

    def close(self):
        self.stack.close()

    def host(self, mock):
        """Returns the facts of this machine that attacks find in the file "host" of their
        repository."""
        return {"state": self.state, "outside": self.outside, "secret-file": self.outside / "secret.txt", "port": mock.port,
                "socket": self.socket_name, "abstract": self.abstract_name,
                "terces": self.secret[::-1]}

    def student(self, attack, host):
        """Returns the repository of a student with this attack."""
        path = self.repos / attack.name
        if not path.exists():
            repository = harness.Repository(path)
            files = attack.tree(host)
            for name in [name for name, content in files.items() if isinstance(content, Symlink)]:
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).symlink_to(files.pop(name))
            repository.commit(files)
        return path

    def suite(self):
        path = self.repos / "suite"
        if not path.exists():
            files = {str(file.relative_to(HERE / "suite")): file.read_bytes()
                     for file in (HERE / "suite").rglob("*") if file.is_file() and "__pycache__" not in str(file)}
            harness.Repository(path, files)
        return path

    def run(self, attacks, *options, timeout=None):
        """Hands out the attacks, each beside a bystander. Returns an Outcome. `timeout`: of a run,
        as a multiple of a bystander's duration."""
        shutil.rmtree(self.repos, ignore_errors=True)
        shutil.rmtree(self.state, ignore_errors=True)
        self.repos.mkdir()
        self.state.mkdir()
        with contextlib.ExitStack() as stack:
            mock = self.start_mock(stack)
            host = self.host(mock)
            paths = {attack.name: self.student(attack, host) for attack in [BYSTANDER, *attacks]}
            self.suite()
            harness.give(self.dir, self.uid)
            runner = self.start(stack, mock, *options)
            mock.add(harness.task("warm-up", paths["bystander"]))
            duration = mock.results(1)[0]["duration"] / 1000
            if timeout:
                runner.stop()
                runner = self.start(stack, mock, *options, "--timeout", 3 + timeout * duration)
            before = Before(self)
            done = 1
            attacks = [attack for attack in attacks if self.has_groups or not attack.needs_groups]
            for turn in sorted({attack.turn for attack in attacks}):
                names = [attack.name for attack in attacks if attack.turn == turn]
                for name in names:
                    mock.add(harness.task(name, paths[name]), harness.task(f"beside-{name}", paths["bystander"]))
                done += 2 * len(names)
                wait_for_results(mock, done)
            status = runner.stop()
            results = {result["id"]: result for result in mock.results()}
            return Outcome(results, runner.log, status, mock.state(), before.left(runner.log), self)

    def start_mock(self, stack):
        self.count += 1
        directory = self.dir / f"mock-{self.count}"
        directory.mkdir()
        harness.give(directory, self.uid)
        mock = harness.Mock(directory, tasks=[], prefix=self.prefix)
        stack.callback(mock.stop)
        return mock

    def start(self, stack, mock, *options):
        """Starts a runner; `stack` kills it if it still runs."""
        group = stack.enter_context(cgroup.own_group(self.uid))
        secrets = {"OSTEST_PASSWORD": self.secret, "SECRET": self.secret, "HOME": str(self.dir)}
        runner = harness.Runner(
            "--backend-url", mock.url, "--state-dir", self.state, "--git-protocols", "file", "--check-interval", "0.05",
            "--concurrent", 2, "--tests-url", self.suite(), "--login", f"login-{self.secret}", "--proxy-timeout", 60,
            "--logger-level", "debug", "--sandbox", "bwrap", *options, env=secrets,
            prefix=[*group, *self.prefix], cwd="/")
        stack.callback(runner.kill)
        return runner


def wait_for_results(mock, count):
    """Waits for the results; each next one must arrive within harness.TIMEOUT."""
    for number in range(mock.state()["results"] + 1, count + 1):
        mock.state(results=number)


@dataclasses.dataclass
class Outcome:
    """The outcome of a table of attacks."""
    results: dict
    log: str
    status: int
    mock: dict
    left: list
    site: Site

    def check(self, attack):
        """Asserts that the result is the expected one in all details."""
        if attack.needs_groups and not self.site.has_groups:
            pytest.skip("needs control groups")
        result = self.results[attack.name]
        if not self.site.has_groups:
            attack = dataclasses.replace(attack, **attack.groupless)
        if self.site.is_root:
            attack = dataclasses.replace(attack, **attack.at_root)
        shown = json.dumps(result, indent=1)[:8000]
        assert self.site.secret not in json.dumps(result), shown
        verdict = "error" if result["isError"] else "passed" if result["isPassed"] else "failed"
        assert verdict == attack.verdict and not (result["isError"] and result["isPassed"]), shown
        assert_matches(attack.details, result["errorDetails"])
        tests = {test["name"].removeprefix("test_attacks::"): test for test in result["testResults"]}
        cause = tests.pop("(test run)", None)  # a cause outside of the tests
        assert not cause or (cause["description"] and not cause["isPassed"] and result["errorDetails"]), shown
        assert list(tests) == (attack.tests if attack.posted is None else attack.posted), shown
        assert [name for name, test in tests.items() if not test["isPassed"]] == list(attack.failing), shown
        for name, test in tests.items():
            assert_matches(attack.failing.get(name, ""), test["description"])

    def check_bystanders(self):
        """Asserts that the well-behaved student beside each attack gets the usual result."""
        for name in [name for name in self.results if name.startswith("beside-")]:
            result = self.results[name]
            assert result["isPassed"] and not result["isError"] and not result["errorDetails"], (name, result)
            names = [test["name"].removeprefix("test_attacks::") for test in result["testResults"]]
            assert names == BYSTANDER.tests and all(test["isPassed"] for test in result["testResults"]), (name, result)

    def check_as_before(self):
        assert self.left == []
        assert self.status == 0, self.log
        assert self.mock["violations"] == 0, self.mock
        assert self.site.secret not in self.log
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", self.log), "control characters in the log"


def assert_matches(pattern, text):
    """Asserts that the text matches. An empty pattern matches only an empty text."""
    assert re.search(pattern, text, re.DOTALL) if pattern else not text, f"{text!r} does not match {pattern!r}"
