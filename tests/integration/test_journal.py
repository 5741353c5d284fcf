"""The state directory: its contents at the start of the runner, from any source, and who may use
it."""

import json
import os
import shutil
import signal
import stat

import pytest

import harness
from harness import UNPRIVILEGED, task

RESULT = {"id": 1, "isPassed": False, "duration": 0, "testResults": [], "isError": True, "errorDetails": "from yesterday"}
KEY = "000000000001-1"


@pytest.fixture
def state(tmp_path):
    """The runner's state directory, as left by an earlier run."""
    for name in ("jobs", "spool", "rejected", "cache"):
        (tmp_path / "state" / name).mkdir(parents=True)
    return tmp_path / "state"


@pytest.fixture
def claimed_mock(start_mock):
    """A mock from which an earlier run has already claimed task 1."""
    def start(first=None, *others):
        mock = start_mock(tasks=[first or task(1), *others])
        mock.ask("GET", "/api/task/available")
        return mock
    return start


def put(directory, files):
    """Writes {name: text or JSON value, None for a directory} to the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if content is None:
            (directory / name).mkdir()
        else:
            (directory / name).write_text(content if isinstance(content, str) else json.dumps(content))


def is_empty(directory):
    return not list(directory.iterdir())


# ---- files of an earlier run ----

def test_claim_is_run(claimed_mock, start_runner, small, state):
    first = task(1, small.student())
    put(state / "jobs" / KEY, {"task.json": first})
    mock = claimed_mock(first)
    runner = start_runner(mock, "--tests-url", small.suite)
    mock.state(results=1)
    assert runner.stop() == 0 and is_empty(state / "jobs") and is_empty(state / "spool")
    assert mock.results()[0]["isPassed"] and mock.state()["claimed"] == 1


def test_claim_is_known_by_its_id(start_mock, start_runner, small, barrier, state):
    again = task("the-id", small.student(script=barrier.script))
    mock = start_mock(tasks=[again, again])
    put(state / "jobs" / KEY, {"task.json": mock.ask("GET", "/api/task/available")[1].decode()})
    runner = start_runner(mock, "--tests-url", small.suite)
    runner.wait_log("task=the-id handed out again while it is being executed")
    barrier.open(2)
    mock.state(results=1)
    assert runner.stop() == 0 and mock.state()["violations"] == 0
    assert len(mock.results()) == 1 and mock.state()["duplicates"] == 0


def test_more_claims_than_slots(start_mock, start_runner, small, state):
    tasks = [task(i, small.student()) for i in range(5)]
    mock = start_mock(tasks=tasks)
    for number, claim in enumerate(tasks):
        mock.ask("GET", "/api/task/available")
        put(state / "jobs" / f"{number:012}-{number}", {"task.json": claim})
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 2)
    assert sorted(result["id"] for result in mock.results(5)) == [0, 1, 2, 3, 4]
    assert runner.stop() == 0 and is_empty(state / "jobs")


def test_claim_with_the_traces_of_a_dead_job(claimed_mock, start_runner, small, state):
    first = task(1, small.student())
    put(state / "jobs" / KEY, {"task.json": first, "starts": "1\n", "result.json.tmp": '{"id": 1, "isPas', "stdout.log": "x",
                               "tests.index": "x", "src.index.lock": "", "lock": "", "src": None, "tests": None, "home": None})
    put(state / "jobs" / KEY / "src", {"run.sh": "exit 1", "old": None})
    mock = claimed_mock(first)
    runner = start_runner(mock, "--tests-url", small.suite)
    assert mock.results(1)[0]["isPassed"], mock.results()
    assert runner.stop() == 0 and is_empty(state / "jobs")


def test_result_that_was_not_handed_over(claimed_mock, start_runner, state):
    put(state / "jobs" / KEY, {"task.json": task(1), "result.json": RESULT})
    mock = claimed_mock()
    runner = start_runner(mock)
    assert mock.results(1) == [RESULT]
    assert runner.stop() == 0 and is_empty(state / "jobs")


def test_result_handed_over_but_claim_not_forgotten(claimed_mock, start_runner, state):
    put(state / "jobs" / KEY, {"task.json": task(1)})
    put(state / "spool", {f"{KEY}.json": RESULT})
    mock = claimed_mock(None, task(2))
    runner = start_runner(mock, "--mock", "--concurrent", 1)
    mock.state(results=2)
    assert runner.stop() == 0 and is_empty(state / "jobs")
    assert RESULT in mock.results() and mock.state()["violations"] == 0


def test_claim_started_too_often(claimed_mock, start_runner, state):
    put(state / "jobs" / KEY, {"task.json": task(1), "starts": "2\n"})
    mock = claimed_mock()
    runner = start_runner(mock)
    (result,) = mock.results(1)
    assert result["isError"] and "started 2 times" in result["errorDetails"]
    assert runner.stop() == 0 and is_empty(state / "jobs")


def test_claim_whose_directory_was_removed_stops_no_other(start_mock, start_runner, small, barrier, state):
    mock = start_mock(tasks=[task(1, small.student(script=barrier.script))])
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 1, "--check-interval", 0.05)
    barrier.wait()
    job, *_ = harness.jobs_of(state)
    (claim,) = (state / "jobs").iterdir()
    shutil.rmtree(claim)
    os.kill(job, signal.SIGKILL)
    runner.wait_log(f"ERROR task=1 gets no result: jobs/{claim.name} was removed")
    mock.add(task(2, small.student()))
    assert mock.results(1)[0]["isPassed"]


def test_claim_that_is_given_up_is_not_counted_again(claimed_mock, start_runner, state):
    """A kill or a disk error before the error result is written does not count as a start."""
    put(state / "jobs" / KEY, {"task.json": task(1), "starts": "2\n"})
    put(state / "jobs" / KEY / "result.json.tmp", {"file": ""})  # prevents writing a result
    mock = claimed_mock()
    runner = start_runner(mock)
    runner.wait_log(" CRITICAL ")
    runner.kill()
    (state / "jobs" / KEY / "result.json.tmp" / "file").unlink()
    (state / "jobs" / KEY / "result.json.tmp").rmdir()
    runner = start_runner(mock)
    assert "started 2 times" in mock.results(1)[0]["errorDetails"]
    assert runner.stop() == 0


@pytest.mark.parametrize("place, name", [
    ("jobs", "000000000041-x"), ("spool", "000000000041-x.json"), ("rejected", "000000000041-x.json")])
def test_keys_are_never_used_twice(start_mock, start_runner, state, place, name):
    put(state / place, {name: RESULT} if "." in name else {name: None})
    runner = start_runner(start_mock(tasks=[task(1)]), "--mock", "--once")
    assert "key=000000000042-1 " in runner.wait_log("task=1 claimed")
    assert runner.wait() == 0


# ---- garbage ----

JOBS_GARBAGE = {
    "empty directory": lambda d: (d / KEY).mkdir(),
    "foreign file": lambda d: put(d, {"notes.txt": "do not delete"}),
    "foreign directory": lambda d: put(d / "lost+found", {"file": "x", "sub": None}),
    "half-written claim": lambda d: put(d / KEY, {"task.json.tmp": '{"id": 1, "repos'}),
    "empty claim": lambda d: put(d / KEY, {"task.json": ""}),
    "claim that is no JSON": lambda d: put(d / KEY, {"task.json": "\0\0\0\0"}),
    "claim without an id": lambda d: put(d / KEY, {"task.json": {"repositoryUrl": "https://example.org/x"}}),
    "claim that is a directory": lambda d: put(d / KEY, {"task.json": None}),
    "result without a claim": lambda d: put(d / KEY, {"result.json": RESULT}),
    "odd name": lambda d: put(d / "-rf \n%s", {"x": ""}),
    "link to nowhere": lambda d: (d / "link").symlink_to("/nowhere"),
    "trees of a dead job": lambda d: put(d / KEY, {"src": None, "tests": None, "home": None, "stdout.log": ""}),
}


@pytest.mark.parametrize("make", JOBS_GARBAGE.values(), ids=JOBS_GARBAGE)
def test_garbage_among_the_claims(start_mock, start_runner, state, make):
    make(state / "jobs")
    mock = start_mock(tasks=[task(2), task(3)])
    runner = start_runner(mock, "--mock", "--concurrent", 1)
    assert sorted(result["id"] for result in mock.results(2)) == [2, 3]
    assert runner.stop() == 0
    assert not list((state / "jobs").glob("*-[23]")) and is_empty(state / "spool")


def test_trees_of_a_dead_job_are_removed(start_mock, start_runner, state):
    JOBS_GARBAGE["trees of a dead job"](state / "jobs")
    put(state / "jobs" / KEY / "src" / "deep", {"file": "x"})
    runner = start_runner(start_mock(tasks=[task(2)]), "--mock", "--once")
    assert runner.wait() == 0 and is_empty(state / "jobs")


@pytest.mark.parametrize("name", ["link", KEY])
def test_what_a_link_in_the_journal_points_to_is_not_touched(start_mock, start_runner, state, tmp_path, name):
    put(tmp_path / "elsewhere", {"thesis.txt": "three years of work"})
    (state / "jobs" / name).symlink_to(tmp_path / "elsewhere")
    assert start_runner(start_mock(tasks=[task(2)]), "--mock", "--once").wait() == 0
    assert (tmp_path / "elsewhere" / "thesis.txt").exists()


SPOOL_GARBAGE = {
    "foreign file": lambda d: put(d, {"notes.txt": "x", ".json": "x", "json": "x"}),
    "half-written": lambda d: put(d, {f"{KEY}.json.tmp": '{"id": 1, '}),
    "empty": lambda d: put(d, {f"{KEY}.json": ""}),
    "no JSON": lambda d: put(d, {f"{KEY}.json": "\0\0\0\0"}),
    "directory": lambda d: put(d, {f"{KEY}.json": None}),
    "fifo": lambda d: os.mkfifo(d / f"{KEY}.json"),
    "link to nowhere": lambda d: (d / f"{KEY}.json").symlink_to("/nowhere"),
    "link to a file": lambda d: (d / f"{KEY}.json").symlink_to("/etc/passwd"),
}


@pytest.mark.parametrize("make", SPOOL_GARBAGE.values(), ids=SPOOL_GARBAGE)
def test_garbage_among_the_results(start_mock, start_runner, state, make):
    make(state / "spool")
    mock = start_mock(tasks=[task(2), task(3)])
    runner = start_runner(mock, "--mock", "--concurrent", 1)
    assert sorted(result["id"] for result in mock.results(2)) == [2, 3]
    assert runner.stop() == 0
    assert not list((state / "spool").glob("*-[23].json"))
    assert not any("root:" in path.read_text() for path in (state / "rejected").iterdir())


def test_answer_whose_result_did_not_follow_it(claimed_mock, start_runner, state):
    """After a kill between the two, the result is in the spool, and this time the backend accepts
    it."""
    put(state / "spool", {f"{KEY}.json": RESULT})
    put(state / "rejected", {f"{KEY}.answer": "no", "000000000007-x.answer.tmp": "n", "000000000008-x.json": RESULT,
                             "000000000008-x.answer": "no", "notes.answer": "yes"})
    runner = start_runner(claimed_mock())
    runner.wait_log(" delivered key=")
    assert runner.stop() == 0
    assert sorted(path.name for path in (state / "rejected").iterdir()) == \
        ["000000000008-x.answer", "000000000008-x.json", "notes.answer"]


# ---- owner and lock ----

def test_second_runner_is_refused(start_mock, start_runner, state):
    mock = start_mock(tasks=[])
    first = start_runner(mock, "--mock")
    mock.state(requests_total=1)
    second = start_runner(mock)
    assert second.wait() == 1
    assert f"Another ostest-runner works in {state}" in second.hits(" CRITICAL ")[0] and "--state-dir" in second.log
    mock.add(task(1))
    mock.state(results=1)
    assert first.stop() == 0


def test_lock_of_a_killed_runner_is_no_hindrance(start_mock, start_runner, state):
    mock = start_mock(tasks=[])
    runner = start_runner(mock)
    mock.state(requests_total=1)
    runner.kill()
    assert (state / "lock").exists()
    runner = start_runner(mock, "--mock", "--once")
    mock.add(task(1))
    assert runner.wait() == 0 and not (state / "lock").exists()


def test_state_is_private(start_mock, start_runner, small, barrier, tmp_path):
    mock = start_mock(tasks=[task(1, small.student(script=barrier.script))])
    runner = start_runner(mock, "--tests-url", small.suite, "--once")
    barrier.wait()
    harness.wait_until(lambda: len(harness.children_of(runner.process.pid)) == 1, "the cache is still looked at")
    state = tmp_path / "state"
    paths = [state, *state.glob("*"), *state.glob("jobs/*"), *state.glob("jobs/*/*.json"), *state.glob("cache/*")]
    assert any(path.name == "task.json" for path in paths)
    open_to_others = [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]
    barrier.open()
    assert runner.wait() == 0 and open_to_others == []


def refuse(start_runner, state, said):
    """Starts a runner that cannot use the directory; it must say so in one line and exit."""
    runner = start_runner(None, state=state, prefix=UNPRIVILEGED)
    assert runner.wait() == 1
    (line,) = runner.hits(" CRITICAL ")
    assert said in line and str(state.parent) in line
    assert said != "Permission denied" or "chown" in line


def test_state_directory_that_cannot_be_created(start_runner, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    refuse(start_runner, tmp_path / "closed" / "state", "Permission denied")


def test_state_directory_that_cannot_be_written(start_runner, state):
    state.chmod(0o500)
    refuse(start_runner, state, "Permission denied")


def test_state_directory_below_a_file(start_runner, tmp_path):
    (tmp_path / "file").write_text("")
    refuse(start_runner, tmp_path / "file" / "state", "Cannot create the directory")


@pytest.mark.parametrize("name", ["jobs", "spool"])
def test_part_of_the_state_that_cannot_be_read(start_runner, state, name):
    (state / name).chmod(0)
    refuse(start_runner, state, "Permission denied")


def test_claim_survives_a_journal_that_cannot_be_written(start_mock, start_runner, state):
    mock = start_mock(tasks=[])
    runner = start_runner(mock, "--mock", "--concurrent", 1, "--logger-level", "debug", prefix=UNPRIVILEGED)
    mock.state(requests_total=1)
    (state / "jobs").chmod(0o500)
    mock.add(task(1), task(2))
    assert str(state / "jobs") in runner.wait_log(" CRITICAL ")
    runner.wait_log(" DEBUG cannot use the state directory: .*/jobs")  # tried again: that is no news
    assert mock.state()["claimed"] == 1  # no other is taken
    (state / "jobs").chmod(0o700)
    mock.state(results=2)
    assert runner.stop() == 0 and len(runner.hits(" CRITICAL ")) == 1
