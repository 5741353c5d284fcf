"""SIGHUP: the configuration is read again while tasks run."""

import signal

import pytest

from harness import task

CHANGED, RESTART, LEFT = "the configuration has changed", "need a restart", "configuration not reloaded"


@pytest.fixture
def reloading(start_mock, start_runner, small, tmp_path):
    """A runner with a configuration file, its mock backend, and a function that makes it read new
    lines."""
    path = tmp_path / "runner.conf"
    mock = start_mock(tasks=[])
    path.write_text("concurrent = 1\nkeep-jobs = 5\n")
    runner = start_runner(mock, "--config", path, "--tests-url", small.suite, "--password", "Sesame-4711", "--task-tries", 3)
    runner.wait_log("name=")

    def reload(*lines, wait_for, count=1):
        path.write_text("".join(line + "\n" for line in ("concurrent = 1", "keep-jobs = 5", *lines)))
        runner.signal(signal.SIGHUP)
        return runner.wait_log(wait_for, count=count)
    return mock, runner, reload


def test_what_may_change_changes_for_the_next_task(reloading, small):
    mock, runner, reload = reloading
    assert "options=drain-timeout,timeout,logger-level" in reload("timeout = 2", "logger-level = debug", wait_for=CHANGED)
    mock.add(task(1, small.student(script="sleep 60")))
    (result,) = mock.results(1)
    assert result["isError"] and "took longer than 2 s" in result["errorDetails"]
    assert runner.stop() == 0 and runner.hits(" DEBUG ") and not runner.hits(RESTART)


def test_a_running_task_keeps_its_limits(reloading, small, barrier):
    mock, runner, reload = reloading
    mock.add(task(1, small.student(script=barrier.script)))
    barrier.wait()
    reload("timeout = 0.001", wait_for=CHANGED)
    barrier.open()
    assert mock.results(1)[0]["isPassed"]


def test_what_needs_a_restart_says_so_and_stays(reloading, small):
    mock, runner, reload = reloading
    assert "options=name,http" in reload("http = 0", "name = other", "pause-after = 7", wait_for=RESTART)
    assert "options=pause-after" in runner.wait_log(CHANGED) and not runner.hits("status page")
    mock.add(task(1, small.student()))
    assert mock.results(1)[0]["isPassed"] and not any("other" in agent for agent in mock.state()["agents"])


def test_a_gate_is_closed_and_opened(reloading, small):
    mock, runner, reload = reloading
    reload("min-free-disk = 900T", wait_for="no task is claimed")
    mock.add(task(1, small.student()))
    reload(wait_for="tasks are claimed again")
    assert mock.results(1)[0]["isPassed"]


def test_a_wrong_file_changes_nothing(reloading, small):
    mock, runner, reload = reloading
    line = reload("memory = much", "timeout = 0.001", wait_for=LEFT)
    assert "--memory" in line and "'much'" in line
    mock.add(task(1, small.student()))
    assert mock.results(1)[0]["isPassed"] and not runner.hits(CHANGED)


def test_nothing_has_changed(reloading):
    """The password is not compared, as it was blanked on the command line; a flag overrides the
    file."""
    mock, runner, reload = reloading
    reload("logger-level = debug", wait_for=CHANGED)
    reload("task-tries = 9", wait_for="options=logger-level$", count=2)
    reload("logger-level = debug", wait_for=CHANGED, count=3)
    assert len(runner.hits("options=logger-level$")) == 3 and not runner.hits(RESTART) and not runner.hits("Sesame")
