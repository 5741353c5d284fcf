"""The course's students get the same verdicts in the sandbox as without one."""

import contextlib
import subprocess

import pytest

import harness

STUDENTS = ["good", "compile-error", "wrong-output", "crash", "hang", "memory-hungry", "noisy", "leaking"]
# What may differ: durations and memory, and texts with a path or a pid.
VARYING = {"duration", "memoryUsed", "description"}


@contextlib.contextmanager
def at_work(site, kind, timeout):
    """A mock backend with the tasks of the course, and a runner started as the site's user."""
    course = site.dir / f"course-{kind}"
    subprocess.run([harness.COURSE / "make-repos", course], check=True)
    site.give(course)
    tasks = [harness.task(name, course / f"student-{name}", branch="main", laboratoryNumber=[1, 2]) for name in STUDENTS]
    options = ["--sandbox", kind, "--proxy-timeout", timeout, "--concurrent", 1, "--max-tasks", len(STUDENTS)]
    with site.mock(tasks=tasks) as mock, site.runner(mock, *options, suite=course / "suite") as runner:
        yield mock, runner


@pytest.fixture(scope="module")
def verdicts(any_site, sites):
    """The posted results by kind of sandbox and student. Both run at the same time, since most of
    the time is spent waiting for the student that hangs."""
    timeout = any_site.timeout
    with at_work(any_site, "bwrap", timeout) as inside, at_work(sites("user"), "none", timeout) as outside:
        found = {}
        for kind, (mock, runner) in {"bwrap": inside, "none": outside}.items():
            assert runner.wait(20 * harness.TIMEOUT) == 0, runner.log
            found[kind] = {result["id"]: result for result in mock.results()}
        yield found


@pytest.mark.parametrize("student", STUDENTS)
def test_same_verdict(verdicts, student):
    inside, outside = verdicts["bwrap"][student], verdicts["none"][student]
    for key in inside.keys() - {"duration", "testResults"}:
        assert inside[key] == outside[key], key
    assert len(inside["testResults"]) == len(outside["testResults"]) == 20
    for here, there in zip(inside["testResults"], outside["testResults"]):
        assert {k: v for k, v in here.items() if k not in VARYING} == {k: v for k, v in there.items() if k not in VARYING}
        assert bool(here["description"]) == bool(there["description"])


def test_the_verdicts_are_right(verdicts):
    passed = {name for name, result in verdicts["bwrap"].items() if result["isPassed"]}
    assert passed == {"good", "memory-hungry"}
    assert not any(result["isError"] for result in verdicts["bwrap"].values())
