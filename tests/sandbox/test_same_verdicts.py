"""The course's students get the same verdicts in the sandbox as without one."""

import shutil
import subprocess

import pytest

import harness

STUDENTS = ["good", "compile-error", "wrong-output", "crash", "hang", "memory-hungry", "noisy", "leaking"]
# What may be another: how long it took and how much it used, and texts with a place or a number of a process.
VARYING = {"duration", "memoryUsed", "description"}


@pytest.fixture(scope="module")
def verdicts(sites):
    """Kind of sandbox to what was posted, by student. Both at the same time: mostly the one that hangs is waited for."""
    site = sites("user")
    course = site.dir / "course"
    subprocess.run([harness.COURSE / "make-repos", course], check=True)
    site.give(course)

    def run(kind):
        return {result["id"]: result for result in mocks[kind].results(len(STUDENTS))}
    tasks = [harness.task(name, course / f"student-{name}", branch="main", laboratoryNumber=[1, 2]) for name in STUDENTS]
    options = ["--proxy-timeout", site.timeout, "--concurrent", 1, "--max-tasks", len(STUDENTS)]
    with site.mock(tasks=tasks) as inside, site.mock(tasks=tasks) as outside:
        mocks = {"bwrap": inside, "none": outside}
        with site.runner(inside, "--sandbox", "bwrap", *options, suite=course / "suite") as one, \
                site.runner(outside, "--sandbox", "none", *options, suite=course / "suite") as other:
            assert one.wait(1000) == other.wait(1000) == 0
        yield {kind: run(kind) for kind in mocks}
    shutil.rmtree(course)


@pytest.mark.parametrize("student", STUDENTS)
def test_same_verdict(verdicts, student):
    inside, outside = verdicts["bwrap"][student], verdicts["none"][student]
    for key in inside.keys() - {"duration", "testResults"}:
        assert inside[key] == outside[key], key
    assert len(inside["testResults"]) == len(outside["testResults"]) == 18
    for here, there in zip(inside["testResults"], outside["testResults"]):
        assert {k: v for k, v in here.items() if k not in VARYING} == {k: v for k, v in there.items() if k not in VARYING}
        assert bool(here["description"]) == bool(there["description"])


def test_the_verdicts_are_right(verdicts):
    passed = {name for name, result in verdicts["bwrap"].items() if result["isPassed"]}
    assert passed == {"good", "memory-hungry"}
    assert not any(result["isError"] for result in verdicts["bwrap"].values())
