"""The cache has a limit: the least recently used entries are deleted first, and entries in use
stay."""

import os
import subprocess

import pytest

import harness
from harness import task

MEGABYTE = 1 << 20


@pytest.fixture
def trim(tmp_path):
    """trim(option…): trims tmp_path / "cache" once. Returns the log."""
    def go(*options):
        done = subprocess.run([harness.JOB, "--trim", "--cache-dir", tmp_path / "cache", "--min-free-disk", "0",
                               *options, tmp_path / "cache"], env=harness.CLEAN_ENV, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    return go


@pytest.fixture
def entry(tmp_path):
    """entry(place, age): creates an entry of one megabyte, last used `age` seconds ago."""
    def make(place, age):
        path = tmp_path / "cache" / place
        path.mkdir(parents=True)
        (path / "data").write_bytes(os.urandom(MEGABYTE))
        used = path.with_name(path.name + ".used")
        used.touch()
        os.utime(used, (10**9 - age, 10**9 - age))
        return path
    return make


def names(path):
    return sorted(str(p.relative_to(path)) for kind in path.iterdir() if kind.is_dir() for p in kind.iterdir())


def test_the_least_recently_used_go_first_of_whatever_kind(tmp_path, trim, entry):
    entry("repos/a.git", 30), entry("suites/b", 20), entry("envs/c", 10), entry("repos/d.git", 25)
    said = trim("--cache-size", str(2 * MEGABYTE + MEGABYTE // 2))
    assert names(tmp_path / "cache") == ["envs/c", "envs/c.used", "suites/b", "suites/b.used"]
    assert "cache: 2 entries, 2 MB; 2 evicted, 2 MB" in said


def test_within_the_limits_nothing_goes(tmp_path, trim, entry):
    entry("repos/a.git", 30), entry("repos/b.git", 20)
    assert "2 entries, 2 MB; 0 evicted" in trim("--cache-size", str(3 * MEGABYTE))
    assert len(names(tmp_path / "cache")) == 4


def test_what_was_never_used_is_the_oldest(tmp_path, trim, entry):
    entry("repos/a.git", 10**8)
    entry("repos/b.git", 0).with_name("b.git.used").unlink()
    trim("--cache-size", str(MEGABYTE + MEGABYTE // 2))
    assert names(tmp_path / "cache") == ["repos/a.git", "repos/a.git.used"]


def test_for_room_on_the_disk_all_goes_that_is_not_used(tmp_path, trim, entry):
    entry("repos/a.git", 30), entry("envs/b", 20)
    trim("--min-free-disk", "900T")
    assert names(tmp_path / "cache") == []


def test_what_is_in_use_stays(tmp_path, trim, entry):
    entry("repos/a.git", 30), entry("repos/b.git", 20)
    used = tmp_path / "cache" / "repos" / "a.git.used"
    with subprocess.Popen(["flock", "--shared", used, "sh", "-c", "echo held; read _"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        trim("--cache-size", "0")
        assert names(tmp_path / "cache") == ["repos/a.git", "repos/a.git.used"]
        holder.communicate("\n")
    trim("--cache-size", "0")
    assert names(tmp_path / "cache") == []


def test_what_dead_processes_have_left_is_removed(tmp_path, trim, entry):
    kept = entry("repos/a.git", 30)
    for place in ("repos/b.git.new/objects", "suites/c.gone", "envs/d.new", "plugin"):
        (tmp_path / "cache" / place).mkdir(parents=True)
    for place in ("repos/a.git.lock", "repos/e.git.lock", "repos/f.git.used", "suites/g.knows", "envs/d.lock", "plugin/h.lock"):
        (tmp_path / "cache" / place).touch()
    trim()
    assert names(tmp_path / "cache") == ["repos/a.git", "repos/a.git.used"] and (kept / "data").exists()


def test_what_somebody_makes_just_now_is_left_alone(tmp_path, trim):
    staging = tmp_path / "cache" / "repos" / "a.git.new"
    staging.mkdir(parents=True)
    with subprocess.Popen(["flock", staging.with_name("a.git.lock"), "sh", "-c", "echo held; read _"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout.readline() == "held\n"
        trim("--cache-size", "0")
        assert names(tmp_path / "cache") == ["repos/a.git.lock", "repos/a.git.new"]
        maker.communicate("\n")


def test_the_runner_trims_and_tasks_go_on(start_mock, start_runner, small, tmp_path):
    students = [small.student(script=f"echo {i}") for i in range(3)]
    mock = start_mock(tasks=[task(i, student) for i, student in enumerate(students)])
    runner = start_runner(mock, "--tests-url", small.suite, "--max-tasks", "3")
    assert runner.wait() == 0 and len(list((tmp_path / "state" / "cache" / "repos").glob("*.git"))) == 4
    mock.add(task(3, students[0]))
    runner = start_runner(mock, "--tests-url", small.suite, "--cache-size", "0")
    runner.wait_log(r"INFO cache: \d+ entries, 0 MB; [1-9]\d* evicted")
    assert all(result["isPassed"] for result in mock.results(4))
    assert runner.stop() == 0


def test_a_lock_that_a_killed_checkout_of_the_suite_has_left(run_job, small, cache):
    commit = harness.git("rev-parse", "HEAD", cwd=small.suite.path).strip()
    (cache / "suites").mkdir(parents=True)
    (cache / "suites" / f"{commit}.new.index.lock").touch()
    job = run_job(small.student(), small.suite)
    assert job.passed, job.log
