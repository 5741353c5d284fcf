"""summary.json: a summary of a finished task, for the history of the status page."""

import json
import time

import pytest

from harness import task

TWO = "write(\"<testsuite><testcase name='a'/><testcase name='b'><failure/></testcase></testsuite>\")"


def test_a_judged_task(run_job, make_suite, student):
    began = int(time.time())
    job = run_job({"id": "a-7", "repositoryUrl": str(student), "branch": "main", "laboratoryNumber": [1, 3]},
                  make_suite(TWO + "\nfor i in range(10**6): pass"))
    s = job.summary
    assert s["id"] == "a-7" and s["repository"] == str(student) and s["branch"] == "main" and s["lab"] == 3
    assert s["commit"] == job.commit_of(student)
    assert (s["passed"], s["error"], s["details"], s["tests"], s["testsPassed"]) == (False, False, "", 2, 1)
    assert s["durationMs"] == job.result["duration"]
    assert began <= s["finished"] <= time.time()
    assert s["stagesMs"]["test"] >= s["durationMs"] and set(s["stagesMs"]) == {"fetch", "prepare", "test", "judge"}
    assert s["stagesMs"]["fetch"] > 0 and s["cpuMs"] > 0 and s["memoryBytes"] > 0 and s["limits"] == []


@pytest.mark.parametrize("code, options, limit", [
    ("while True: pass", ["--timeout", "1"], "time"),
    ("print('x' * 5000)\nwrite()", ["--output", "1K"], "output"),
])
def test_a_limit_that_was_reached(run_job, make_suite, student, code, options, limit):
    job = run_job({"repositoryUrl": str(student)}, make_suite(code), *options)
    assert job.summary["limits"] == [limit]


def test_an_error_before_the_tests(run_job, make_suite, tmp_path):
    url = f"https://anton:secret@127.0.0.1:1{tmp_path}"
    job = run_job({"repositoryUrl": url}, make_suite())
    s = job.summary
    assert s["error"] and s["details"] == job.error[:500] and s["tests"] == 0 and s["commit"] == ""
    assert s["repository"] == url.replace("anton:secret@", "") and "secret" not in json.dumps(s)


def test_one_that_cannot_be_written_changes_nothing(run_job, start_job, make_suite, student, tmp_path):
    (tmp_path / "job" / "summary.json" / "in the way").mkdir(parents=True)
    job = start_job(student, make_suite(), directory=tmp_path / "job")
    assert job.wait() == 0 and job.passed
    assert "warning Cannot write " in job.log and "summary.json" in job.log


def test_a_malformed_task_has_one(start_mock, start_runner, small, tmp_path):
    mock = start_mock(tasks=[task(5, "not a URL\n", branch=7)])
    runner = start_runner(mock, "--tests-url", small.suite, "--once")
    assert runner.wait() == 0, runner.log
    path, = (tmp_path / "state" / "kept").glob("*/summary.json")
    summary = json.loads(path.read_bytes())
    assert "<h1>Could not be tested</h1>" in (path.parent / "report.html").read_text()
    assert summary["id"] == 5 and summary["error"] and summary["details"] == mock.results(1)[0]["errorDetails"]
