"""A job, or a runner with its job, that is killed while students' code runs: no process remains."""

import signal

import pytest

import harness
import jobs
from cgroup import group_name
from harness import wait_until
from sandboxed import groups_called

# The marker, unique to a test, identifies the processes.
WAIT = "subprocess.run(['sh', '-c', 'sleep 1000.{0} & setsid sleep 1000.{0} & sleep 1000.{0}'])\n"


def running(marker):
    return len(harness.processes_with(f"sleep 1000.{marker}"))


@pytest.fixture
def waiting(site):
    """A student whose run does not end, and the marker of its processes."""
    marker = f"{site.slot}{next(site.numbers):03}"
    return site.student({"run.py": jobs.PRELUDE + WAIT.format(marker)}), marker


def test_a_killed_job_takes_all_with_it(site, waiting):
    student, marker = waiting
    directory = site.new_dir("job")
    with site.for_job() as prefix:
        def start(*options, suite=site.plain_suite):
            return jobs.Job(directory, {"repositoryUrl": str(student)}, suite, "--sandbox", "auto", "--slot", site.slot, *options,
                            cache=site.cache, under=prefix)
        job = start()
        try:
            wait_until(lambda: running(marker) == 4, "the tests did not start")  # a shell and three times sleep
        finally:
            job.kill()
        wait_until(lambda: running(marker) == 0, "processes of a killed job run on")
        again = start("--clean")
        try:
            assert again.wait() == 0, again.log
        finally:
            again.kill()
        assert not groups_called(group_name(directory))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_runner_that_is_stopped_takes_all_with_it(site, waiting, number):
    student, marker = waiting
    state = site.new_dir("state")
    with site.mock(tasks=[harness.task(1, student)]) as mock:
        with site.runner(mock, state=state) as runner:
            wait_until(lambda: running(marker) == 4, "the tests did not start")
            runner.signal(number)
            if number == signal.SIGTERM:
                runner.wait_log("INFO .*(stop|drain|finish)")
                runner.signal(number)  # the second one stops running tasks too
            assert runner.wait() == (0 if number == signal.SIGTERM else -number)
            wait_until(lambda: running(marker) == 0, "processes of a killed runner run on")
        places = list((state / "jobs").iterdir())
        with site.runner(mock, "--task-tries", 1, "--timeout", site.timeout, state=state) as runner:
            [result] = mock.results(1)
            assert runner.stop() == 0, runner.log
    assert not result["isPassed"] and result["isError"]
    assert len(places) == 1 and not groups_called(group_name(places[0]))
    assert not list((state / "jobs").iterdir())


@pytest.mark.parametrize("line", ["INFO ostest-runner", " sandbox=bwrap"])
def test_a_signal_while_the_runner_starts(any_site, line):
    state = any_site.new_dir("state")
    with any_site.mock() as mock, any_site.runner(mock, state=state) as runner:
        runner.wait_log(line)
        assert runner.stop() == 0, runner.log
    assert not [path for path in state.iterdir() if path.name.startswith(("probe", "lock"))]
