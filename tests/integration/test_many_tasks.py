"""Thirty tasks, four at a time: each gets one correct result, and nothing grows or remains."""

import collections
import pathlib

import pytest

from harness import RUNNER, children_of, open_files, processes_with, task, wait_until

TASKS, SLOTS, WARM = 30, 4, 5
CONNECTIONS = 1 + 4  # a claim, and as many results as are delivered at a time
EXPECTED = {  # isPassed, isError, text in errorDetails
    "pass": (True, False, ""), "fail": (False, False, ""), "error": (False, True, "lab::works"),
    "no repository": (False, True, "nowhere"), "killed": (False, True, "signal 9"),
}


def count_open_files(runner):
    """Returns the numbers of the runner's open sockets and of each other kind of file; None if only
    root may read them."""
    links = open_files(runner.process.pid)
    if links is None:
        return None
    kinds = collections.Counter(link.split(":")[0] for link in links)
    return kinds.pop("socket"), kinds


@pytest.fixture
def settled(start_mock, start_runner, small, tmp_path):
    """A runner after its first tasks, and a function that gives it the others."""
    (tmp_path / "tmp").mkdir()
    repositories = {"pass": small.student(), "fail": small.student("fail"), "error": small.student("error"),
                    "no repository": tmp_path / "nowhere", "killed": small.student(script="kill -9 $$")}
    kinds = list(EXPECTED)
    tasks = [task(f"{kinds[i % len(kinds)]} {i}", repositories[kinds[i % len(kinds)]]) for i in range(TASKS)]
    mock = start_mock(tasks=tasks[:WARM])
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", SLOTS, env={"TMPDIR": tmp_path / "tmp"})

    def wait(count):
        runner.wait_log(" delivered key=", count=count)
        wait_until(lambda: not children_of(runner.process.pid), "a child of the runner remains")  # the cleanup of the cache may be running
        mock.state(requests_total=mock.state()["requests_total"] + 2)  # it polls for more, so it is idle

    def finish():
        mock.add(*tasks[WARM:])
        wait(TASKS)
    wait(WARM)
    return mock, runner, finish


def test_every_task_is_answered_once_with_the_right_verdict(settled, tmp_path):
    mock, runner, finish = settled
    finish()
    assert runner.stop() == 0
    results, state = mock.results(), mock.state()
    assert len(results) == len({result["id"] for result in results}) == state["claimed"] == TASKS
    assert (state["duplicates"], state["violations"], state["tasks_left"]) == (0, 0, 0)
    for result in results:
        is_passed, is_error, details = EXPECTED[result["id"].rsplit(" ", 1)[0]]
        assert (result["isPassed"], result["isError"]) == (is_passed, is_error), result
        assert details in result["errorDetails"] and bool(details) == bool(result["errorDetails"])


def test_nothing_is_left(settled, tmp_path):
    mock, runner, finish = settled
    finish()
    pid = runner.process.pid
    assert pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text() == ""
    assert runner.stop() == 0
    state = tmp_path / "state"
    assert not processes_with(str(state))
    assert sorted(path.name for path in state.iterdir()) == ["cache", "job.conf", "jobs", "kept", "rejected", "spool"]
    assert not [path for name in ("jobs", "rejected", "spool") for path in (state / name).iterdir()]
    assert not [path for path in state.rglob("*") if path.suffix in (".lock", ".tmp", ".new", ".index") or path.name == "lock"]
    assert not list((tmp_path / "tmp").iterdir())


def test_nothing_grows(settled):
    mock, runner, finish = settled
    memory, files = runner.memory_kib(), count_open_files(runner)
    finish()
    if b"__asan_init" not in RUNNER.read_bytes():  # AddressSanitizer keeps freed memory for a while
        assert runner.memory_kib() - memory <= 512
    if files is None:
        pytest.skip("memory is checked, but only root may read the open files")
    sockets, others = count_open_files(runner)
    assert others == files[1]
    assert sockets <= CONNECTIONS + 2  # and libcurl's socket pair for wake-ups
