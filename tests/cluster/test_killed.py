"""The runner or its job killed at each crash point that only a cluster has, and at those around
them."""

import pytest

import harness
from slurm import Wait

OF_RUNNER = ["claim-saved", "start-counted", "cluster-dir-made", "cluster-lease-saved", "cluster-submitting", "cluster-submitted",
             "job-started", "cluster-result-checked", "cluster-lease-closed", "result-spooled", "task-forgotten"]
OF_JOB = ["cluster-begun", "task-fetched", "tests-run", "result-judged", "result-written", "cluster-ending"]


def params(points):
    """Marks crash points that other tests use too as slow."""
    return [pytest.param(point, marks=[] if point.startswith("cluster-") else pytest.mark.slow) for point in points]


def start(site, point, tasks):
    token = site.dir / "token"
    token.touch()
    site.start_mock(tasks)
    return site.start(env={"OSTEST_FAILPOINT": point, "OSTEST_FAILPOINT_TOKEN": token})


@pytest.mark.parametrize("point", params(OF_RUNNER))
def test_a_killed_runner_takes_up_where_it_was(site, point):
    tasks = [harness.task(number, site.small.student(verdict)) for number, verdict in enumerate(["pass", "fail", "error"])]
    assert start(site, point, tasks).wait() == -9
    site.start()
    answers = site.finish(tasks)
    assert [(answers[number]["isPassed"], answers[number]["isError"]) for number in range(3)] == [
        (True, False), (False, False), (False, True)]
    assert "died" not in site.log


@pytest.mark.parametrize("point", params(OF_JOB))
def test_a_killed_job_is_run_again(site, point):
    tasks = [harness.task(number, site.small.student()) for number in range(3)]
    runner = start(site, point, tasks)
    answers = site.finish(tasks)
    assert all(answers[number]["isPassed"] for number in range(3)), runner.log
    assert site.log.count("the job died (Slurm says FAILED") == 1
    wait = Wait("the jobs' ends", harness.TIMEOUT)
    while site.job_ids():
        wait.more()
