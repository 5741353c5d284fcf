"""Runs programs with a time limit."""

import os
import signal
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

# The checks see only this much of an output; pytest's report of a failed test has all of it.
CHECKED_CHARACTERS = 16 * 1024

# Messages are in English, and the variables of an outer make do not affect the student's.
ENVIRONMENT = {
    name: value for name, value in os.environ.items()
    if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
} | {"LC_ALL": "C"}

TEXT_PIPES = {"text": True, "encoding": "utf-8", "errors": "replace"}


@dataclass
class Finished:
    """The exit status and output of a program."""
    status: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)


def run(*command, timeout, **environment):
    """Runs the command. Fails the test if it times out or is killed by a signal."""
    command = [str(part) for part in command]
    shown = " ".join(command)
    try:
        result = subprocess.run(
            command, timeout=timeout, env=ENVIRONMENT | environment,
            stdin=subprocess.DEVNULL, capture_output=True, check=False, **TEXT_PIPES)
    except subprocess.TimeoutExpired:
        raise pytest.fail.Exception(
            f"{shown}\ndid not end within {timeout} s", pytrace=False) from None
    print(f"$ {shown}\n{result.stdout}{result.stderr}")
    if result.returncode < 0:
        reason = signal.strsignal(-result.returncode)
        pytest.fail(f"{shown}\nwas killed: {reason}", pytrace=False)
    return Finished(result.returncode,
                    result.stdout[:CHECKED_CHARACTERS],
                    result.stderr[:CHECKED_CHARACTERS])


class Program:
    """The student's program."""

    def __init__(self, path, timeout):
        self.path = path
        self.timeout = timeout

    def run(self, *arguments, **environment):
        """Runs the program and waits for it."""
        return run(self.path, *arguments, timeout=self.timeout, **environment)

    @contextmanager
    def started(self, *arguments):
        """Starts the program with pipes to its stdin and stdout.

        Kills it after the timeout, so that reading its output cannot hang.
        """
        command = [str(self.path), *map(str, arguments)]
        with subprocess.Popen(
                command, env=ENVIRONMENT, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, bufsize=1, **TEXT_PIPES) as process:
            timer = threading.Timer(self.timeout, process.kill)
            timer.start()
            try:
                yield process
            finally:
                timer.cancel()
                process.kill()
