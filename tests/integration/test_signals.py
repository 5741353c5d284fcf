"""Stopping ostest-runner, gracefully and by force: nothing is lost, and no process remains."""

import os
from signal import SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGSTOP, SIGTERM

import pytest

from harness import jobs_of, processes_with, task, wait_ended, wait_gone


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def start(start_runner, small):
    """start(mock, option…): starts a runner for the small course, one task at a time."""
    def go(mock, *options, **named):
        return start_runner(mock, "--tests-url", small.suite, "--concurrent", 1, *options, **named)
    return go


@pytest.fixture
def waiting(small, barrier):
    """A student whose test run waits at the barrier."""
    return small.student(script=barrier.script)


def claims_in(state):
    return sorted(path.parent.name for path in (state / "jobs").glob("*/task.json"))


# ---- the first signal ----

@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
def test_first_signal_finishes_what_runs(start_mock, start, waiting, barrier, state, number):
    mock = start_mock(tasks=[task(1, waiting), task(2, waiting)])
    runner = start(mock)
    barrier.wait()
    runner.signal(number)
    runner.wait_log("stopping: finishing 1 running tasks")
    barrier.open(2)
    assert runner.wait() == 0
    now = mock.state()
    assert (now["claimed"], now["results"], now["tasks_left"]) == (1, 1, 1)
    assert mock.results()[0]["isPassed"] and not claims_in(state) and not processes_with(str(state))


def test_idle_runner_stops_at_once(start_mock, start):
    mock = start_mock(tasks=[])
    runner = start(mock, "--check-interval", 3600)
    mock.state(requests_total=1)
    assert runner.stop() == 0


def test_runner_without_a_backend_stops(start):
    runner = start(None)
    runner.wait_log("does not answer")
    assert runner.stop() == 0


def test_results_are_delivered_while_stopping(start_mock, start, waiting, barrier):
    mock = start_mock("--faults", "post:503", tasks=[task(1, waiting)])
    runner = start(mock)
    barrier.wait()
    runner.signal()
    runner.wait_log("stopping: ")
    barrier.open()
    assert runner.wait() == 0 and mock.state()["results"] == 1


def test_a_claim_on_its_way_is_kept(start_mock, start, small, state):
    mock = start_mock("--faults", "get:slow=500", tasks=[task(1, small.student())])
    runner = start(mock)
    mock.state(claimed=1)
    runner.signal()
    assert runner.wait() == 0
    assert mock.state()["results"] == 1 and not claims_in(state)


# ---- the second ----

def stop_twice(runner):
    runner.signal()
    runner.wait_log("stopping: ")
    runner.signal()


def test_second_signal_stops_tasks_which_run_at_the_next_start(start_mock, start, waiting, barrier, state):
    mock = start_mock(tasks=[task(1, waiting), task(2, waiting)])
    runner = start(mock)
    barrier.wait()
    stop_twice(runner)
    assert runner.wait() == 0
    assert len(claims_in(state)) == 1 and not processes_with(str(state))
    assert mock.state()["claimed"] == 1 and mock.results() == []
    barrier.open(2)
    runner = start(mock)
    mock.state(results=2)
    assert runner.stop() == 0
    now = mock.state()
    assert (now["claimed"], now["duplicates"], now["violations"]) == (2, 0, 0) and not claims_in(state)


def test_a_claim_that_comes_after_the_second_signal_is_kept(start_mock, start, waiting, barrier, state):
    mock = start_mock("--faults", "get:slow=500", tasks=[task(1, waiting)])  # cannot finish if it arrives before
    runner = start(mock)
    mock.state(claimed=1)
    stop_twice(runner)
    assert runner.wait() == 0 and len(claims_in(state)) == 1
    barrier.open()
    runner = start(mock)
    mock.state(results=1)
    assert runner.stop() == 0 and not claims_in(state)


def test_stopped_tasks_do_not_use_up_their_tries(start_mock, start, waiting, barrier):
    mock = start_mock(tasks=[task(1, waiting)])
    for _ in range(3):  # more than --task-tries
        runner = start(mock)
        barrier.wait()
        stop_twice(runner)
        assert runner.wait() == 0
    barrier.open()
    runner = start(mock)
    assert mock.results(1)[0]["isPassed"]
    assert runner.stop() == 0


def test_what_is_ready_is_delivered_after_the_second_signal(start_mock, start_runner, small, waiting, barrier):
    mock = start_mock("--faults", "post:503+1", tasks=[task(1, waiting), task(2, small.student())])
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 2)
    barrier.wait()
    runner.wait_log("WARNING task=.* The backend fails")
    stop_twice(runner)
    assert runner.wait() == 0
    assert [result["id"] for result in mock.results()] == [2]


def test_drain_timeout(start_mock, start, waiting, barrier, state):
    mock = start_mock(tasks=[task(1, waiting)])
    runner = start(mock, "--drain-timeout", "0.2")
    barrier.wait()
    runner.signal()
    assert runner.wait() == 0
    assert len(claims_in(state)) == 1 and mock.results() == []
    barrier.open()
    runner = start(mock)
    mock.state(results=1)
    assert runner.stop() == 0


def test_drain_timeout_zero_is_no_limit(start_mock, start, waiting, barrier):
    mock = start_mock(tasks=[task(1, waiting)])
    runner = start(mock, "--drain-timeout", 0)
    barrier.wait()
    runner.signal()
    runner.wait_log("stopping: ")
    barrier.open()
    assert runner.wait() == 0 and mock.state()["results"] == 1


# ---- the third, and SIGHUP ----

def test_third_signal_leaves_at_once(start_mock, start, small, state):
    mock = start_mock("--faults", "post:drop:*", tasks=[task(1, small.student())])
    runner = start(mock)
    runner.wait_log("WARNING task=.* The backend does not answer at .*result")
    stop_twice(runner)
    runner.wait_log("WARNING stopping ")
    runner.signal()
    assert runner.wait() == 1 and "1 results" in runner.wait_log("left on disk")
    mock.faults(None)
    runner = start(mock)
    mock.state(results=1)
    assert runner.stop() == 0 and not list((state / "spool").iterdir())


def test_third_signal_leaves_no_process(start_mock, start, small, barrier, state):
    mock = start_mock(tasks=[task(1, small.student(script=f"trap '' TERM; {barrier.script}"))])
    runner = start(mock)
    barrier.wait()
    (job,) = jobs_of(state)
    os.kill(job, SIGSTOP)  # it cannot exit before the third signal
    stop_twice(runner)
    runner.wait_log("WARNING stopping ")
    runner.signal()
    assert runner.wait() == 1 and len(claims_in(state)) == 1
    os.kill(job, SIGCONT)
    wait_gone(str(state))


def test_sighup_without_a_log_file_changes_nothing(start_mock, start, small):
    mock = start_mock(tasks=[])
    runner = start(mock)
    mock.state(requests_total=1)
    runner.signal(SIGHUP)
    mock.add(task(1, small.student()))
    mock.state(results=1)
    assert runner.stop() == 0


# ---- killed ----

def test_killed_runner_takes_everything_up_again(start_mock, start_runner, small, waiting, barrier, state):
    mock = start_mock(tasks=[task(i, waiting) for i in range(3)])
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 3)
    barrier.wait(3)
    runner.kill()
    wait_gone(str(state))
    assert len(claims_in(state)) == 3
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 2)
    barrier.wait(2)
    barrier.open(3)
    now = mock.state(results=3)
    assert runner.stop() == 0
    assert (now["claimed"], now["duplicates"], now["violations"]) == (3, 0, 0) and not claims_in(state)
    assert all(result["isPassed"] for result in mock.results())


def test_killed_runner_is_back_before_its_job_has_ended(start_mock, start, small, barrier, state):
    mock = start_mock(tasks=[task(1, small.student(script=f"trap '' TERM; {barrier.script}"))])
    runner = start(mock)
    barrier.wait()
    (old,) = jobs_of(state)
    runner.kill()
    runner = start(mock)  # the old job is still stopping its stubborn tests
    wait_ended([old])
    barrier.wait()
    barrier.open()
    assert mock.results(1)[0]["isPassed"], runner.log
    assert runner.stop() == 0 and mock.state()["duplicates"] == 0


def test_killed_job_is_started_again(start_mock, start, small, barrier, state):
    student = small.student(script=f"setsid sleep 1000 & {barrier.script}")
    mock = start_mock(tasks=[task(1, student)])
    runner = start(mock, "--once")
    barrier.wait()
    first = processes_with(str(state / "jobs"))
    (job,) = jobs_of(state)
    os.kill(job, SIGKILL)
    barrier.wait()
    assert len(first) == 3
    wait_ended(first)
    barrier.open()
    assert runner.wait() == 0 and not processes_with(str(state))
    assert mock.results()[0]["isPassed"] and mock.state()["duplicates"] == 0
    assert "the job died (signal 9)" in runner.hits(" ERROR ")[0]


@pytest.mark.parametrize("options, tries", [([], 2), (["--task-tries", 1], 1), (["--task-tries", 3], 3)])
def test_task_whose_job_dies_each_time(start_mock, start, waiting, barrier, state, options, tries):
    mock = start_mock(tasks=[task(1, waiting)])
    runner = start(mock, "--once", *options)
    for _ in range(tries):
        barrier.wait()
        os.kill(jobs_of(state)[0], SIGKILL)
    assert runner.wait() == 0
    (result,) = mock.results()
    assert result["isError"] and not result["isPassed"] and f"started {tries} times" in result["errorDetails"]
    assert not claims_in(state) and not processes_with(str(state))


def test_killed_job_takes_no_other_with_it(start_mock, start_runner, small, waiting, barrier, state):
    mock = start_mock(tasks=[task(1, waiting), task(2, waiting)])
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 2, "--max-tasks", 2)
    barrier.wait(2)
    os.kill(jobs_of(state)[0], SIGKILL)
    barrier.wait()
    barrier.open(2)
    assert runner.wait() == 0 and len(runner.hits("the job died")) == 1
    assert all(result["isPassed"] for result in mock.results(2))


def test_job_that_somebody_else_stops_is_started_again(start_mock, start, waiting, barrier, state):
    mock = start_mock(tasks=[task(1, waiting)])
    runner = start(mock, "--once")
    barrier.wait()
    os.kill(jobs_of(state)[0], SIGTERM)
    barrier.wait()
    barrier.open()
    assert runner.wait() == 0 and mock.results()[0]["isPassed"]
