"""Faults of a cluster, one at a time, on a real one."""

import signal
import subprocess

import pytest

import harness
from slurm import Wait


def tries(site, log=None):
    return (log or site.log).count(" submitted job=")


def one_gated_task(site, *options):
    """Starts a task whose run waits at the gate. Returns (task, its job as squeue shows it)."""
    task = harness.task(1, site.gated())
    site.start_mock([task])
    site.start(*options)
    site.wait_arrivals(1)
    return task, site.wait_job()


def wait_node(site, name, word):
    wait = Wait(f"node {name} to be {word}", harness.TIMEOUT)
    while word not in site.cluster.ask("sinfo", "--noheader", "--nodes", name, "--format=%T"):
        wait.more()


def check_runs_again(site, task):
    """Another attempt starts, and its result counts."""
    site.wait_arrivals(2)
    site.open_gate()
    assert site.finish([task])[1]["isPassed"]
    assert tries(site) == 2


def test_a_dead_slurmd_does_not_matter_as_long_as_its_job_lives(site):
    task, job = one_gated_task(site)
    site.cluster.kill_slurmd(job[3])
    site.open_gate()
    assert site.finish([task])[1]["isPassed"]
    assert tries(site) == 1


def test_a_dead_node_costs_a_try(site):
    task, job = one_gated_task(site)
    site.cluster.kill_jobs(job[3])
    site.runner.wait_log("the job died .Slurm says NODE_FAIL")
    site.open_gate()
    assert site.finish([task])[1]["isPassed"]
    assert tries(site) == 2


def test_what_a_node_that_was_cut_off_writes_later_is_not_taken(site):
    """The job keeps running and finishes: both copies have results, and one is posted."""
    task = harness.task(1, site.small.student("pass", f"hostname >>'{site.dir}/ran'\n{site.gate_script}"))
    site.start_mock([task])
    site.start()
    site.wait_arrivals(1)
    name = site.wait_job()[3]
    old = next(site.state.glob("jobs/*/lease-*"))
    site.cluster.cut_off(name)
    site.runner.wait_log("the job died .Slurm says NODE_FAIL")
    site.wait_arrivals(2)
    assert site.mock.state()["results"] == 0
    site.open_gate()
    site.mock.state(results=1)
    if site.cluster.server:
        site.cluster.cut_off(name, False)  # until now it waited for its files
    wait = Wait("the end of the old copy", harness.TIMEOUT)
    while harness.processes_with(str(old)):
        wait.more()
    site.cluster.cut_off(name, False)
    assert site.finish([task])[1]["isPassed"]
    assert len(set((site.dir / "ran").read_text().split())) == 2
    assert tries(site) == 2 and site.log.count(" done ") == 1


@pytest.mark.parametrize("moment", ["right after the submission", "in mid-task"])
def test_a_dead_controller_is_waited_for(site, moment):
    task = harness.task(1, site.gated())
    site.start_mock([task])
    site.start()
    site.runner.wait_log(" submitted job=")
    if moment == "in mid-task":
        site.wait_arrivals(1)
    site.cluster.kill_controller()
    site.runner.wait_log("Slurm command failed: .*Unable to contact")
    site.mock.add(harness.task(2, site.small.student("fail")))
    site.cluster.start_controller()
    site.open_gate()
    answers = site.finish([task, {"id": 2}])
    assert answers[1]["isPassed"] and not answers[2]["isPassed"] and not answers[2]["isError"]


def test_a_result_is_taken_while_the_controller_is_away(site):
    task, _ = one_gated_task(site)
    site.cluster.kill_controller()
    site.open_gate()
    site.mock.state(results=1)
    site.cluster.start_controller()
    assert site.finish([task])[1]["isPassed"]
    assert tries(site) == 1


def test_a_controller_that_has_lost_everything_gets_the_job_again(site):
    """As if the controller were killed before it saved its state: its job ids start again."""
    subprocess.run(["scontrol", "update", "PartitionName=main", "State=DOWN"], env=site.cluster.env, check=True)
    task = harness.task(1, site.small.student())
    site.start_mock([task])
    site.start()
    site.runner.wait_log(" submitted job=")
    first = site.wait_job("pending")
    site.cluster.kill_controller()
    site.cluster.forget_everything()
    site.cluster.start_controller()
    while site.cluster.submit_other() != first[0]:  # until an unrelated job has the same id
        pass
    site.runner.wait_log("Slurm forgot the job before it began: it is submitted again")
    assert site.finish([task])[1]["isPassed"]
    assert site.runner.hits(" submitted .*lease=")[0].split("lease=")[1] == site.runner.hits(" submitted .*lease=")[1].split("lease=")[1]


def test_a_job_that_is_cancelled_by_hand_is_run_again_then_reported(site):
    task, job = one_gated_task(site)
    for number in (1, 2):
        site.wait_arrivals(number)
        site.cluster.ask("scancel", site.wait_job()[0])
        site.runner.wait_log("the job died .Slurm says CANCELLED", number)
    result = site.finish([task])[1]
    assert result["isError"] and not result["isPassed"]
    assert "started 2 times" in result["errorDetails"] and "Slurm says CANCELLED of job" in result["errorDetails"]


@pytest.mark.slow
def test_a_job_over_its_time_is_run_again_then_reported(site):
    """The smallest limit of Slurm is one minute, and it checks every half minute."""
    task, _ = one_gated_task(site, "--slurm-args", "--time=1")
    site.runner.wait_log("the job died .Slurm says TIMEOUT", timeout=180)
    site.wait_arrivals(2)
    site.runner.wait_log("the job died .Slurm says TIMEOUT", 2, timeout=180)
    result = site.finish([task])[1]
    assert result["isError"] and not result["isPassed"]
    assert "started 2 times" in result["errorDetails"] and "Slurm says TIMEOUT of job" in result["errorDetails"]
    assert tries(site) == 2


def test_a_job_that_is_cancelled_in_the_queue_is_submitted_again(site):
    task = harness.task(1, site.small.student())
    site.start_mock([task])
    site.start("--slurm-args", "--hold")
    site.runner.wait_log("Jobs are held in Slurm's queue")
    site.cluster.ask("scancel", site.wait_job("pending")[0])
    site.runner.wait_log(" submitted job=", 2)
    site.cluster.ask("scontrol", "release", site.wait_job("pending")[0])
    assert site.finish([task])[1]["isPassed"]


def test_a_job_that_is_requeued_by_hand_does_not_run_twice(site):
    """Slurm requeues it with the same lease: the second copy notices that and exits."""
    task = harness.task(1, site.small.student("pass", f"echo x >>'{site.dir}/ran'\n{site.gate_script}"))
    site.start_mock([task])
    site.start()
    site.wait_arrivals(1)
    job = site.wait_job()
    site.cluster.ask("scontrol", "update", f"JobId={job[0]}", "Requeue=1")
    site.cluster.ask("scontrol", "requeue", job[0])
    check_runs_again(site, task)


def test_a_job_that_is_requeued_and_held_has_failed(site):
    """It would not start a second time, so the runner does not wait for it."""
    task, job = one_gated_task(site)
    site.cluster.ask("scontrol", "update", f"JobId={job[0]}", "Requeue=1")
    site.cluster.ask("scontrol", "requeuehold", "State=SpecialExit", job[0])
    check_runs_again(site, task)


def test_a_job_that_ends_on_a_node_which_does_not_answer_has_failed(site):
    """Slurm keeps it in state COMPLETING while the node is unreachable."""
    task, job = one_gated_task(site)
    site.cluster.cut_off(job[3])
    site.cluster.ask("scancel", job[0])
    site.runner.wait_log("the job died .Slurm says COMPLETING")
    site.open_gate()
    assert site.finish([task])[1]["isPassed"]
    assert tries(site) == 2


def test_a_second_copy_in_the_queue_is_cancelled(site):
    """As after an sbatch that failed although the controller had accepted the job."""
    task, job = one_gated_task(site)
    words = site.cluster.ask("scontrol", "show", "job", job[0])
    command = next(line.split("=", 1)[1] for line in words.splitlines() if line.strip().startswith("Command="))
    site.cluster.ask("sbatch", "--hold", f"--job-name={job[1]}", *command.split())
    site.open_gate()
    site.mock.state(results=1)
    site.mock.add(harness.task(2, site.small.student()))  # the runner polls as long as it has tasks
    site.runner.wait_log("cancelling [0-9]+ orphaned jobs in the cluster")
    wait = Wait("an empty queue", harness.TIMEOUT)
    while site.job_ids():
        wait.more()
    answers = site.finish([task, {"id": 2}])
    assert answers[1]["isPassed"] and answers[2]["isPassed"]


def test_jobs_go_on_without_the_runner_and_are_found_again(site):
    tasks = [harness.task(number, site.gated()) for number in range(6)]
    site.start_mock(tasks)
    site.start("--concurrent", 6)
    site.wait_arrivals(6)
    site.runner.signal(signal.SIGTERM)
    site.runner.signal(signal.SIGINT)
    assert site.runner.wait() == 0
    assert len(site.runner.hits("continues; the next start takes it over")) == 6
    assert len(site.job_ids()) == 6
    site.start("--concurrent", 6)
    site.runner.wait_log("may be in the cluster from an earlier run", 6)
    site.open_gate()
    assert all(result["isPassed"] for result in site.finish(tasks).values())
    assert site.arrivals() == 6 and tries(site) == 6


def test_results_of_a_time_without_a_runner_are_delivered(site):
    tasks = [harness.task(number, site.gated()) for number in range(3)]
    site.start_mock(tasks)
    site.start("--concurrent", 3)
    site.wait_arrivals(3)
    site.runner.kill()
    site.open_gate()
    wait = Wait("the jobs' ends", harness.TIMEOUT)
    while site.job_ids():
        wait.more()
    site.start("--concurrent", 3)
    assert all(result["isPassed"] for result in site.finish(tasks).values())
    assert site.arrivals() == 3
