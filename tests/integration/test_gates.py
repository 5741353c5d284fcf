"""No task is claimed that the machine could not run properly: a claim cannot be returned."""

import fcntl
import os
import shutil
import signal

import pytest

import harness
from harness import task

GET = "/api/task/available"
CLOSED = "WARNING no task is claimed: "


@pytest.fixture
def start(start_runner, small):
    """start(mock, option…): starts a runner for the small course, one task at a time."""
    def go(mock, *options):
        return start_runner(mock, "--tests-url", small.suite, "--concurrent", 1, "--check-interval", 0.05, *options)
    return go


@pytest.fixture
def machine(tmp_path, small):
    """machine.suite: a suite that exists only after machine.mend(); machine.student passes."""
    class Machine:
        suite = tmp_path / "suite-of-a-host-that-is-down"
        student = small.student()

        def mend(self):
            os.symlink(small.suite.path, self.suite)
    return Machine()


# ---- disk space

def test_without_room_nothing_is_claimed(start_mock, start):
    mock = start_mock(tasks=[task(1)])
    runner = start(mock, "--mock", "--min-free-disk", "900T")
    runner.wait_log(CLOSED + r"less than \d+ MB are free at /.* \(--min-free-disk\)")
    assert runner.stop() == 0
    assert not mock.state()["requests"].get(GET) and len(runner.hits(CLOSED)) == 1


def test_what_was_claimed_before_is_done_without_room(start_mock, start, small, tmp_path):
    claim = tmp_path / "state" / "jobs" / "000000000001-1"
    claim.mkdir(parents=True)
    mock = start_mock(tasks=[task(1, small.student())])
    (claim / "task.json").write_bytes(mock.ask("GET", GET)[1])
    runner = start(mock, "--min-free-disk", "900T")
    assert mock.results(1)[0]["isPassed"], runner.log


# ---- unsent results

def test_with_too_many_waiting_results_nothing_is_claimed(start_mock, start):
    mock = start_mock("--faults", "post:503:*", tasks=[task(i) for i in range(6)])
    runner = start(mock, "--mock", "--max-unsent", "2")
    runner.wait_log(CLOSED + r"2 results wait for the backend \(--max-unsent\)")
    assert mock.state()["claimed"] == 2
    mock.faults("")
    runner.wait_log("INFO tasks are claimed again")
    assert len(mock.results(6)) == 6 and runner.stop() == 0


@pytest.mark.parametrize("how", ["refused", "taken away"])
def test_claims_go_on_when_what_waited_is_gone_without_a_delivery(start_mock, start, tmp_path, how):
    mock = start_mock("--faults", "post:503:*", tasks=[task(1), task(2)])
    runner = start(mock, "--mock", "--max-unsent", "1")
    runner.wait_log(CLOSED + "1 results wait")
    if how == "refused":
        mock.faults("post:400:1")
    else:
        (result,) = (tmp_path / "state" / "spool").glob("*.json")
        result.unlink()
        mock.faults("")
    mock.state(claimed=2)


# ---- a series of errors of the machine

def test_after_a_series_of_faults_there_is_a_pause_then_one_task_tries(start_mock, start_runner, machine):
    mock = start_mock(tasks=[task(i, machine.student) for i in range(8)])
    runner = start_runner(mock, "--tests-url", machine.suite, "--concurrent", 2, "--check-interval", 0.05,
                          "--pause-after", "3", "--pause-time", "2")
    runner.wait_log(CLOSED + r"3 or more consecutive tasks failed because of this machine, see above \(--pause-after\)")
    assert 3 <= mock.state()["claimed"] <= 4  # one may have been on its way
    tried = mock.state()["claimed"] + 1
    mock.state(results=tried)
    machine.mend()
    assert len(mock.results(8)) == 8, runner.log
    assert [result["isPassed"] for result in mock.results()][tried:] == [True] * (8 - tried)
    runner.wait_log("INFO tasks are claimed again")
    assert runner.stop() == 0


def test_students_faults_are_no_faults_of_the_machine(start_mock, start, small, tmp_path):
    bad = [task(1, tmp_path / "nowhere"), task(2, "ftp://example.org/x"), task(3, small.student(), branch="none"),
           task(4, small.student("fail")), task(5, small.student(), laboratoryNumber="x"), task(6, small.student(script="exit 1"))]
    mock = start_mock(tasks=bad)
    runner = start(mock, "--pause-after", "1")
    assert not any(result["isPassed"] for result in mock.results(6))
    assert not runner.hits(CLOSED) and runner.stop() == 0


def test_a_students_host_that_is_away_closes_no_gate(start_mock, start, small, refusing):
    mock = start_mock(tasks=[task(i, f"{refusing}/{i}.git") for i in range(4)])
    runner = start(mock, "--concurrent", 4, "--pause-after", 1)
    assert all(result["isError"] and "does not answer" in result["errorDetails"] for result in mock.results(4))
    assert not runner.hits(CLOSED) and runner.stop() == 0


def test_a_network_that_is_away_closes_it(start_mock, start, refusing):
    mock = start_mock(tasks=[task(i, f"{refusing}/{i}.git") for i in range(9)])
    runner = start(mock, "--concurrent", 2, "--pause-after", 2, "--pause-time", 600, "--tests-url", f"{refusing}/suite.git")
    runner.wait_log(CLOSED)
    assert mock.state()["claimed"] < 9 and runner.stop() == 0
    assert all(result["isError"] for result in mock.results())


def test_pauses_end_where_the_runner_is_stopped(start_mock, start_runner, machine):
    mock = start_mock(tasks=[task(1, machine.student), task(2, machine.student)])
    runner = start_runner(mock, "--tests-url", machine.suite, "--concurrent", 1, "--pause-after", "1", "--pause-time", "600")
    runner.wait_log(CLOSED)
    assert runner.stop() == 0 and mock.state()["claimed"] == 1


# ---- files kept of finished tasks

def test_logs_of_the_last_tasks_are_kept(start_mock, start, small, tmp_path):
    mock = start_mock(tasks=[task(i, small.student(script=f"echo out-{i}; echo err-{i} >&2")) for i in range(4)])
    runner = start(mock, "--keep-jobs", "2", "--max-tasks", "4")
    assert runner.wait() == 0
    kept = sorted((tmp_path / "state" / "kept").iterdir())
    assert [path.name.split("-")[1] for path in kept] == ["2", "3"]
    assert (kept[1] / "stdout.log").read_text() == "out-3\n" and (kept[1] / "stderr.log").read_text() == "err-3\n"
    assert " info fetched url=" in (kept[1] / "job.log").read_text()
    assert sorted(path.name for path in kept[1].iterdir()) == ["job.log", "report.html", "stderr.log", "stdout.log", "summary.json"]


def test_faults_of_the_machine_are_kept_longer(start_mock, start_runner, machine, small, tmp_path):
    mock = start_mock(tasks=[task(0, machine.student)])
    runner = start_runner(mock, "--tests-url", machine.suite, "--keep-jobs", "1", "--check-interval", 0.05)
    mock.results(1)
    machine.mend()
    mock.add(*[task(i, machine.student) for i in range(1, 4)])
    mock.results(4)
    assert runner.stop() == 0
    names = sorted(path.name for path in (tmp_path / "state" / "kept").iterdir())
    assert len(names) == 2 and names[0].endswith("-0.fault") and not names[1].endswith(".fault")


def test_no_logs_where_none_are_wanted(start_mock, start, small, tmp_path):
    mock = start_mock(tasks=[task(1, small.student())])
    assert start(mock, "--keep-jobs", "0", "--once").wait() == 0
    assert not list((tmp_path / "state" / "kept").iterdir()) and not list((tmp_path / "state" / "jobs").iterdir())


# ---- other errors, and which of them count

def test_a_job_that_cannot_run_is_a_fault_of_the_machine(start_mock, start_runner, small, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    shutil.copy(harness.RUNNER, programs)
    (programs / "ostest-job").write_text("#!/bin/sh\nexit 127\n")
    (programs / "ostest-job").chmod(0o755)
    mock = start_mock(tasks=[task(i, small.student()) for i in range(9)])
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 1, "--check-interval", 0.05, "--pause-after", 3,
                          "--pause-time", 600, program=programs / "ostest-runner")
    runner.wait_log(CLOSED)
    assert 3 <= mock.state(results=3)["claimed"] <= 4 and runner.stop() == 0


def test_errors_of_the_tasks_own_do_not_end_a_series(start_mock, start_runner, machine, tmp_path):
    tasks = [task(i, machine.student if i % 2 else tmp_path / "nowhere") for i in range(12)]
    mock = start_mock(tasks=tasks)
    runner = start_runner(mock, "--tests-url", machine.suite, "--concurrent", 1, "--pause-after", 2, "--pause-time", 600)
    runner.wait_log(CLOSED)
    assert mock.state()["claimed"] < 12 and runner.stop() == 0


def test_a_name_that_no_disk_takes_is_the_students_matter(start_mock, start, make_repo, small):
    student = make_repo("long", {"x": ""})
    blob = harness.git("hash-object", "-w", "--stdin", cwd=student.path, input="x")
    tree = harness.git("mktree", cwd=student.path, input=f"100644 blob {blob}\t{'n' * 300}\n")
    commit = harness.git("commit-tree", tree, "-m", "x", cwd=student.path)
    harness.git("update-ref", "refs/heads/main", commit, cwd=student.path)
    mock = start_mock(tasks=[task(i, student) for i in range(3)])
    runner = start(mock, "--pause-after", 1)
    assert all("name is too long" in result["errorDetails"] for result in mock.results(3))
    assert not runner.hits(CLOSED) and runner.stop() == 0


def test_a_job_stopped_with_its_runner_is_run_again(start_mock, start, small, barrier, tmp_path):
    """As by a service manager that signals the whole group; more often than --task-tries allows."""
    mock = start_mock(tasks=[task(1, small.student(script=barrier.script))])
    for _ in range(3):
        runner = start(mock)
        barrier.wait()
        job = harness.jobs_of(tmp_path / "state")
        runner.signal()
        for pid in job:
            os.kill(pid, signal.SIGTERM)
        assert runner.wait() == 0, runner.log
    runner = start(mock, "--once")
    barrier.wait()
    barrier.open()
    assert mock.results(1)[0]["isPassed"] and runner.stop() == 0


def test_the_trimming_job_is_no_orphan(start_mock, start, small, tmp_path):
    """It survives a job that dies at the same time; otherwise the runner would wait for it
    forever."""
    mock = start_mock(tasks=[task(1, small.student(script="kill -9 $PPID"))])
    (tmp_path / "state" / "cache").mkdir(parents=True)
    with open(tmp_path / "state" / "cache" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # so that it waits
        runner = start(mock, "--once", "--task-tries", 1)
        runner.wait_log("the job died")
        mock.state(results=1)
    assert runner.wait() == 0, runner.log
