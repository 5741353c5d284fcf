"""Fixtures. Everything that a test starts is stopped with it and must leave nothing running."""

import contextlib
import socket
import subprocess
import sys

import pytest

import harness
from cgroup import own_group
from gitserver import git_server, make_git_server  # noqa: F401
from jobs import cache, make_gate, make_suite, run_job, start_job, student  # noqa: F401
from runs import command, home, listing, on_terminal, run  # noqa: F401
from tls import authority, tls_front  # noqa: F401


def pytest_configure(config):
    config.addinivalue_line("markers", "memory: measures memory, which is meaningless with sanitizers")
    config.addinivalue_line("markers", "slow: takes some seconds (deselect with -m 'not slow')")


@pytest.fixture
def refusing():
    """The URL of a host that refuses connections."""
    with socket.socket() as bound:  # not listening
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """The bundled course as git repositories: course / "suite", course / "student-good", …"""
    path = tmp_path_factory.mktemp("course") / "repos"
    subprocess.run([harness.COURSE / "make-repos", path], check=True)
    return path


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """small.suite and small.student(verdict, script), for tests to which the suite does not
    matter."""
    return harness.SmallCourse(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def promtool():
    path = harness.BUILD / "promtool" / "promtool"
    done = subprocess.run([sys.executable, harness.REPO / "tools" / "fetch-promtool.py", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def barrier(tmp_path):
    with contextlib.closing(harness.Barrier(tmp_path)) as barrier:
        yield barrier


@pytest.fixture
def start_mock(tmp_path):
    with contextlib.ExitStack() as stack:
        def start(*options, tasks=None, port=0):
            start.count += 1
            directory = tmp_path / f"mock-{start.count}"
            directory.mkdir()
            mock = harness.Mock(directory, *options, tasks=tasks, port=port)
            stack.callback(mock.stop)
            return mock
        start.count = 0
        yield start


@pytest.fixture
def start_runner(tmp_path):
    """start_runner(mock, option…, env={}): starts a runner with its own state directory; allows
    file://."""
    with contextlib.ExitStack() as stack:
        def start(mock, *options, state=tmp_path / "state", prefix=(), **named):
            group = stack.enter_context(own_group())
            place = ["--state-dir", state] if state else []
            runner = harness.Runner(
                "--backend-url", mock.url if mock else "http://127.0.0.1:9", *place,
                "--git-protocols", "https,http,ssh,git,file", "--check-interval", "0.05", *options,
                prefix=[*group, *prefix], **named)
            stack.callback(runner.kill)
            return runner
        yield start
    harness.wait_gone(str(tmp_path / "state"))  # the jobs of a killed runner take a moment to exit


@pytest.fixture
def make_repo(tmp_path):
    """make_repo(name, {file: content}): creates a git repository in the test's directory."""
    def make(name, files=None):
        return harness.Repository(tmp_path / "repos" / name, files)
    (tmp_path / "repos").mkdir()
    return make


@pytest.fixture
def run_tasks(start_mock, start_runner):
    """run_tasks(tasks, suite, option…): runs the tasks. Returns the posted results by id."""
    def run(tasks, suite, *options, mock_options=(), **named):
        mock = start_mock(*mock_options, tasks=tasks)
        runner = start_runner(mock, "--tests-url", suite, "--max-tasks", len(tasks), *options, **named)
        assert runner.wait() == 0, runner.log
        state = mock.state()
        assert state["violations"] == 0, state
        results = mock.results()
        assert len(results) == len(tasks), runner.log
        run.log = runner.log
        return {result["id"]: result for result in results}
    return run
