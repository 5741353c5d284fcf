"""The log: as text, as JSON, and for systemd's journal."""

import json
import os
import re
import signal

import pytest

import harness
from harness import task

NO_NAME = "b\x1b[31m\x9b\t\"\\\u202e<script>"  # not a valid branch name in git
NO_BRANCH = "b\u202e\"<script>\u2028level=x"  # a valid one


def member(path):
    """Returns device and inode in the form of $JOURNAL_STREAM."""
    stat = os.stat(path)
    return f"{stat.st_dev}:{stat.st_ino}"


def run_four(start_mock, start_runner, small, *options):
    """Runs a task that passes, one without its branch, one that hangs, and an invalid one. Returns
    the runner after all have results."""
    tasks = [task(1, small.student()), task(2, small.student(), branch=NO_BRANCH), task("c-3", small.student(script="exec sleep 60")),
             task(4, small.student(), branch=NO_NAME)]
    mock = start_mock(tasks=tasks)
    runner = start_runner(mock, "--tests-url", small.suite, "--max-tasks", 4, "--timeout", 5, *options)
    assert runner.wait() == 0
    return runner


def test_each_line_of_a_task_begins_with_it(start_mock, start_runner, small):
    runner = run_four(start_mock, start_runner, small, "--logger-level", "debug")
    lines = [line for line in runner.lines if line]
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ \S", line) for line in lines)
    assert all(line.isprintable() for line in lines)
    for word in ("claimed", "fetched", "running the tests", "tests ended", "result", "done", "delivered"):
        hits = runner.hits(rf" {word}( [a-z_]+=|$)")
        assert hits and all(re.search(r"Z [A-Z]+ task=(1|2|c-3|4) ", line) for line in hits), word


def test_json(start_mock, start_runner, small, tmp_path):
    log = tmp_path / "log"
    run_four(start_mock, start_runner, small, "--log-format", "json", "--logger-level", "debug", "--logger-output", log)
    lines = log.read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert all(line.isprintable() for line in lines)
    for line in found:
        assert list(line)[:2] == ["time", "level"] and isinstance(line["message"], str)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert line["level"] in ("debug", "info", "warning", "error", "critical")

    def lines_of(message, **members):
        return [line for line in found if line["message"] == message and members.items() <= line.items()]
    start = [line for line in found if line["message"].startswith("ostest-runner ")][0]
    assert start["slots"] == 2 and start["mock"] == "no" and start["backend"].startswith("http://127.0.0.1:")
    claimed = lines_of("claimed", task="1")[0]
    assert claimed["repository"] == str(small.student()) and claimed["tests"] == 0 and claimed["key"] == "000000000001-1"
    assert lines_of("claimed", task="2")[0]["branch"] == "b\\u202e\"<script>\\u2028level=x"
    # log lines of the job keep their fields
    assert re.fullmatch("[0-9a-f]{40}", lines_of("fetched", task="1", url=str(small.student()))[0]["commit"])
    ended = lines_of("tests ended", task="1")[0]
    assert isinstance(ended["ms"], int) and isinstance(ended["peak_rss_mb"], int)
    assert lines_of("result", task="1", passed="yes", error="no", tests=1)
    assert [line["class"] for line in found if line.get("task") == "2" and "class" in line] == ["task"]
    assert {line["task"] for line in found if line["message"] == "delivered"} == {"1", "2", "c-3", "4"}
    assert any("b\\x1b[31m\\x9b\\x09\"\\\\u202e" in line["message"] for line in found if line.get("task") == "4")


def test_the_jobs_own_log_is_for_people(start_mock, start_runner, small, tmp_path):
    mock = start_mock(tasks=[task(1, small.student())])
    runner = start_runner(mock, "--tests-url", small.suite, "--once", "--log-format", "json", "--state-dir", tmp_path / "s")
    assert runner.wait() == 0
    (log,) = (tmp_path / "s" / "kept").glob("*/job.log")
    assert re.search(r"Z info fetched url=\S+ branch=\S+ commit=[0-9a-f]{40} ms=\d+$", log.read_text(), re.MULTILINE)


def test_json_is_reopened(start_mock, start_runner, tmp_path):
    log = tmp_path / "log"
    mock = start_mock(tasks=[])
    runner = start_runner(mock, "--mock", "--log-format", "json", "--logger-output", log, "--max-tasks", 1)
    mock.state(requests_total=1)
    log.rename(tmp_path / "log.1")
    runner.signal(signal.SIGHUP)
    while not log.exists():  # created on the signal; the runner polls meanwhile
        mock.state(requests_total=mock.state()["requests_total"] + 1)
    mock.add(task(1))
    assert runner.wait() == 0
    for path in (log, tmp_path / "log.1"):
        assert [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("is_journal", [True, False])
def test_journal(start_mock, tmp_path, is_journal):
    """Standard output is the stream in $JOURNAL_STREAM, or another one."""
    mock = start_mock(tasks=[task(1)])
    out = tmp_path / "out"
    with out.open("w") as stream:
        command = [harness.RUNNER, "--backend-url", mock.url, "--mock", "--once", "--state-dir", tmp_path / "s"]
        env = harness.CLEAN_ENV | {"JOURNAL_STREAM": member(out if is_journal else tmp_path), "OSTEST_SANDBOX": "none"}
        assert harness.subprocess.run(command, stdout=stream, env=env, timeout=harness.TIMEOUT).returncode == 0
    lines = out.read_text().splitlines()
    assert lines
    if is_journal:
        assert all(re.match(r"<[2-7]>\S", line) and not re.search(r"\d{4}-\d\d-\d\dT|INFO", line) for line in lines)
        assert any(line.startswith("<6>task=1 claimed key=") for line in lines)
    else:
        assert all(re.match(r"\d{4}-", line) for line in lines)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_in_it(start_mock, start_runner, tmp_path, form):
    mock = start_mock("--auth", "--user", "runner:TopSecret:ADMIN", tasks=[task(1, "https://me:HidDen@127.0.0.1:1/x")])
    url = mock.url.replace("://", "://me:HidDen@")
    runner = start_runner(None, "--backend-url", url, "--auth", "--login", "runner", "--mock", "--once", "--logger-level", "debug",
                          "--log-format", form, env={"OSTEST_PASSWORD": "TopSecret"})
    assert runner.wait() == 0
    assert "delivered" in runner.log and "TopSecret" not in runner.log and "HidDen" not in runner.log
