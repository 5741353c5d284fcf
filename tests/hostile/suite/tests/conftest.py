"""The student's tree, and a function to run its programs."""

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

SHOWN = 4000  # bytes of output in a description


def pytest_addoption(parser):
    parser.addoption("--src", help="the student's tree")
    parser.addoption("--proxy_timeout", type=int, default=5)


def tree(config):
    return Path(config.getoption("--src"))


def pytest_generate_tests(metafunc):
    """The student's file "attacks": name to {"argv": […], optionally "limit": seconds, "output":
    "run's"}."""
    if "attack" in metafunc.fixturenames:
        attacks = json.loads((tree(metafunc.config) / "attacks").read_text())
        metafunc.parametrize("attack", attacks.values(), ids=attacks.keys())


@pytest.fixture
def src(request):
    return tree(request.config)


@pytest.fixture
def run(request, src):
    """run(argv, limit=S, output=FILE): returns the exit status and the beginning of the output.
    Kills the program after the limit."""
    def run_in_tree(argv, limit=None, output=None):
        limit = limit or request.config.getoption("--proxy_timeout")
        with tempfile.TemporaryFile() as file:
            child = subprocess.Popen(argv, cwd=src, stdin=subprocess.DEVNULL, stdout=output or file, stderr=output or file,
                                     start_new_session=True)
            try:
                status = child.wait(limit)
            except subprocess.TimeoutExpired:
                pytest.fail(f"{argv[0]} did not end within {limit} s\n{head_of(file)}", pytrace=False)
            finally:
                with_children(child)
            return status, head_of(file)
    return run_in_tree


def with_children(child):
    """Kills the child's process group, as a careful suite does."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def head_of(file):
    return os.pread(file.fileno(), SHOWN, 0).decode(errors="replace")
