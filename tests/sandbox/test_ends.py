"""Runs that end in an unusual way: the messages are correct, and no test is left out."""

import os
import pathlib
import signal

import pytest

import harness
import jobs
from sandboxed import outcomes_of

THREE = "import ctypes, os, signal, sys, time\ndef test_one(): pass\ndef test_two():\n    {}\ndef test_three(): pass\n"
# The code of the test, the text in errorDetails, the text in its description.
ENDS = {
    "status-0": ("os._exit(0)", "The tests wrote no report (the test run ended with exit status 0)", "ended with exit status 0"),
    "status-2": ("os._exit(2)", "The tests wrote no report (the test run ended with exit status 2)", "ended with exit status 2"),
    "status-137": ("os._exit(137)", "ended with exit status 137, which a shell returns after signal 9 (Killed))", "ended with exit status 137"),
    "status-247": ("os._exit(247)", "ended with exit status 247)", "ended with exit status 247"),
    "interrupt": ("os.kill(os.getpid(), 2); time.sleep(60)", "test_it::test_two started, but did not end (and 1 more)",
                  "ended with exit status 2"),
    "pytest-exit": ("pytest.exit('enough')", "test_it::test_two started, but did not end (and 1 more)", "ended with exit status 2"),
    "pytest-exit-7": ("pytest.exit('enough', 7)", "test_it::test_two started, but did not end (and 1 more)", "ended with exit status 7"),
    "crash": ("ctypes.string_at(0)", "The test run was ended by signal 11 (Segmentation fault)", "ended by signal 11"),
    "terminated": ("os.kill(os.getpid(), 15)", "The test run was ended by signal 15 (Terminated)", "ended by signal 15"),
    "killed": ("os.kill(os.getpid(), 9)", "The test run was ended by signal 9 (Killed)", "ended by signal 9"),
}


@pytest.mark.parametrize("how", ENDS)
def test_the_words_about_an_end_are_true(any_site, how):
    code, words, description = ENDS[how]
    job = any_site.pytest(THREE.format(code))
    assert words in job.error
    assert [(name, is_passed) for name, (is_passed, _) in outcomes_of(job).items()] == \
        [("test_one", True), ("test_two", False), ("test_three", False)]
    assert description in outcomes_of(job)["test_two"][1] and outcomes_of(job)["test_three"][1] == "not run"
    if "signal 9" not in words:
        assert "signal 9" not in job.error and "signal 9" not in outcomes_of(job)["test_two"][1]


def test_a_time_limit_is_no_signal(any_site):
    job = any_site.pytest(THREE.format("time.sleep(1000)"), "--timeout", any_site.timeout)
    assert "took longer than" in job.error and "signal" not in job.error
    assert outcomes_of(job)["test_two"][1].startswith("Was running when the time limit of ")


def test_a_test_that_ends_pytest_shows_it_by_itself(any_site):
    """The front end shows only tests; a cause that one of them describes needs no separate
    entry."""
    job = any_site.pytest(THREE.format("print('the last words', flush=True); os._exit(3)"))
    assert job.cause is None and "exit status 3" in outcomes_of(job)["test_two"][1]


def test_what_a_wrapper_makes_of_a_signal(any_site):
    """A shell adds 128 to the signal number, Python subtracts it from 256."""
    for status, number in [("128 + {n}", 137), ("-{n}", 247)]:
        code = f"import subprocess, sys\nn = -subprocess.run(['sh', '-c', 'kill -9 $$']).returncode\nsys.exit({status.replace('{n}', 'n')})\n"
        job = any_site.python(code)
        assert f"exit status {number}" in job.error and "ended by signal" not in job.error


def test_a_run_without_tests_that_failed_is_not_one_without_tests(any_site):
    job = any_site.python("write('<testsuite/>')\nsys.exit(3)\n")
    assert job.error.startswith("No test was run (the test run ended with exit status 3)")


@pytest.mark.parametrize("who, number", [("bwrap", signal.SIGKILL), ("bwrap", signal.SIGTERM), ("init", signal.SIGKILL)])
def test_a_sandbox_that_is_killed(any_site, who, number):
    """Killed from outside, the only possible place: the fate of the suite is unknown."""
    gate = any_site.new_dir("gate")
    student = any_site.student({"checks.py": "import time\ndef test_one(): pass\ndef test_two():\n    time.sleep(1000)\n"})
    with any_site.for_job() as prefix:
        job = jobs.Job(gate, {"repositoryUrl": str(student)}, any_site.pytest_suite, "--sandbox", "auto", "--slot", any_site.slot,
                       "--progress", cache=any_site.cache, under=prefix)
        try:
            job.wait_log("progress .*start.*test_two")
            [pid] = [pid for pid in harness.descendants(job.process.pid)
                     if pathlib.Path(f"/proc/{pid}/comm").read_text() == f"{who}\n"]
            os.kill(pid, number)
            assert job.wait() == 0
        finally:
            job.kill()
    assert job.error == "The sandbox of the test run was killed before the tests had ended; test_it::test_two was running"
    assert outcomes_of(job)["test_one"][0] and outcomes_of(job)["test_two"][1] == "Was running when the sandbox of the test run was killed"
