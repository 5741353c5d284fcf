"""ostest-job --lease: one attempt of a task in a cluster, whose files report the outcome."""

import json
import os
import re
import subprocess
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

import pytest

import harness

LEASE = "0123456789abcdef"
END = re.compile(rf"lease={LEASE} host=[A-Za-z0-9.-]+ status=(\d+) result=([01]) size=(\d+) sum=[0-9a-f]{{16}}\n")


@pytest.fixture
def start(tmp_path, small):
    """start(student): starts the job of an attempt, always in the same directory."""
    directory = tmp_path / "try"
    directory.mkdir()

    def go(student):
        (directory / "task.json").write_text(json.dumps({"id": 1, "repositoryUrl": str(student)}))
        return subprocess.Popen([harness.JOB, "--cache-dir", tmp_path / "cache", "--tests-url", str(small.suite), "--sandbox", "none",
                                 "--git-protocols", "file", "--lease", LEASE, directory],
                                env=harness.GIT_ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    go.dir = directory
    return go


def end_of(process):
    return process.communicate(timeout=harness.TIMEOUT)[0], process.returncode


def read_end(directory):
    """Returns (exit status, whether there is a result, its size) as reported by the job."""
    return tuple(map(int, END.fullmatch((directory / "end").read_text()).groups()))


def test_the_end_tells_of_the_result(start, small):
    words, status = end_of(start(small.student()))
    assert status == 0, words
    assert read_end(start.dir) == (0, 1, (start.dir / "result.json").stat().st_size)


def test_an_error_of_the_task_is_a_result(start, tmp_path):
    _, status = end_of(start(tmp_path / "no-such-repository"))
    assert status == 65
    assert read_end(start.dir)[:2] == (65, 1)


def test_a_second_copy_does_nothing(start, small, barrier):
    """Both run at the same time: the second one changes nothing, and says so."""
    first = start(small.student("pass", barrier.script))
    barrier.wait()
    words, status = end_of(start(small.student("pass", barrier.script)))
    assert status == 70 and "Another copy of the job has already begun" in words
    assert not (start.dir / "end").exists()
    barrier.open()
    assert end_of(first)[1] == 0
    result = (start.dir / "result.json").read_bytes()
    assert read_end(start.dir) == (0, 1, len(result))
    assert end_of(start(small.student("fail")))[1] == 70
    assert (start.dir / "result.json").read_bytes() == result


def test_one_that_is_told_to_stop_says_so(start, small, barrier):
    job = start(small.student("pass", barrier.script))
    barrier.wait()
    job.send_signal(SIGTERM)
    assert end_of(job)[1] == 75
    assert read_end(start.dir) == (75, 0, 0)


def test_one_that_was_suspended_gives_no_result(start, small, barrier):
    """One of its tests may have failed because time passed meanwhile."""
    job = start(small.student("fail", barrier.script))
    barrier.wait()
    job.send_signal(SIGSTOP)
    os.waitid(os.P_PID, job.pid, os.WSTOPPED | os.WNOWAIT)
    barrier.open()
    job.send_signal(SIGCONT)
    words, status = end_of(job)
    assert status == 75 and "The job had been suspended" in words
    assert read_end(start.dir) == (75, 0, 0)


def test_one_that_is_killed_says_nothing(start, small, barrier):
    job = start(small.student("pass", barrier.script))
    barrier.wait()
    job.send_signal(SIGKILL)
    barrier.open()
    end_of(job)
    assert (start.dir / "begun").exists() and not (start.dir / "end").exists()


@pytest.mark.parametrize("lease", ["", "x", LEASE + "0", LEASE.upper(), "../3456789abcdef"])
def test_a_lease_is_sixteen_digits(tmp_path, lease):
    done = subprocess.run([harness.JOB, "--cache-dir", tmp_path, "--lease", lease, tmp_path], env=harness.CLEAN_ENV, capture_output=True,
                          text=True, timeout=harness.TIMEOUT)
    assert done.returncode == 2 and "16 hexadecimal digits" in done.stderr
