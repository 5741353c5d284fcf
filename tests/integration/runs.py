"""Fixtures for tests of `ostest-runner run`."""

import codecs
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios

import pytest

import harness

STATE = ".local/state/ostest-runner"


@pytest.fixture
def home(tmp_path):
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def command(home):
    """command(option…): returns the command line, and the environment of a student."""
    def make(*options, sandbox="none", **env):
        words = [str(harness.RUNNER), "run", "--sandbox", sandbox, "--git-protocols", "file", *(each if isinstance(each, bytes) else str(each) for each in options)]
        return words, harness.CLEAN_ENV | {"HOME": str(home), "LC_ALL": "C.UTF-8"} | env
    return make


@pytest.fixture
def run(command, home):
    """run(option…): returns exit status, stdout, stderr. Asserts that only caches remain."""
    def go(*options, is_alone=True, **env):
        words, env = command(*options, **env)
        done = subprocess.run(words, env=env, capture_output=True, text=True, errors="replace", timeout=harness.TIMEOUT)
        assert not is_alone or done.returncode == 2 or set(os.listdir(home / STATE)) <= {"cache"}
        return done.returncode, done.stdout, done.stderr
    return go


@pytest.fixture
def on_terminal(command):
    """on_terminal(option…): returns the exit status and the output to the terminal. Calls
    do(text so far, process) for each piece."""
    def go(*options, do=lambda text, process: None, columns=80, **env):
        words, env = command(*options, **({"TERM": "xterm"} | env))
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        with subprocess.Popen(words, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            text, decoder = "", codecs.getincrementaldecoder("utf-8")()  # a character may arrive in two pieces
            while select.select([ours], [], [], harness.TIMEOUT)[0]:
                try:
                    text += decoder.decode(os.read(ours, 65536))
                except OSError:
                    break
                do(text, process)
            os.close(ours)
            return process.wait(harness.TIMEOUT), text
    return go


@pytest.fixture
def listing(make_suite):
    """Returns a suite that fails with the list of the student's files."""
    return make_suite("""
files = sorted(str(p.relative_to(src)) + "=" + p.read_text() for p in pathlib.Path(src).rglob("*") if p.is_file())
write("<testsuite><testcase name='files'><failure>" + " ".join(files) + "</failure></testcase></testsuite>")
""")
