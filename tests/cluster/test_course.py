"""The bundled course on the cluster gets the same results as from a runner on this machine."""

import re
import subprocess

import harness

STUDENTS = ["good", "compile-error", "wrong-output", "crash", "hang", "memory-hungry", "noisy", "leaking"]
PASSED = {"good", "memory-hungry"}
# Pids, addresses and times in the output of the tests.
VARYING = re.compile(r"==\d+==|0x[0-9a-f]+|\d+\.\d+ ?s\b|pid \d+")


def posted(site, course, executor, state):
    tasks = [harness.task(name, course / f"student-{name}", branch="main", laboratoryNumber=[1, 2]) for name in STUDENTS]
    site.start_mock(tasks)
    runner = site.start("--concurrent", 2, "--proxy-timeout", 5, "--max-tasks", len(tasks), executor=executor, sandbox="auto",
                        suite=course / "suite", state=state)
    assert runner.wait(10 * harness.TIMEOUT) == 0, runner.log
    results = site.answers(tasks)
    site.mock.stop()
    site.mock.results_path.unlink()
    return results


def without_measurements(result):
    """Returns the result without times, memory, and texts that vary."""
    tests = [test | {"duration": 0, "memoryUsed": 0, "description": VARYING.sub("_", test["description"])}
             for test in result["testResults"]]
    return result | {"duration": 0, "testResults": tests}


def test_same_results_as_on_one_machine(site):
    course = site.dir / "course"
    subprocess.run([harness.COURSE / "make-repos", course], check=True)
    here, there = (posted(site, course, executor, state) for executor, state in [("local", site.dir / "state-local"), ("slurm", site.state)])
    assert {name for name in STUDENTS if there[name]["isPassed"]} == PASSED
    for name in STUDENTS:
        assert len(there[name]["testResults"]) == 20
        assert without_measurements(here[name]) == without_measurements(there[name])
