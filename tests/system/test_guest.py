"""The prerequisites of the other tests in the guest: systemd, cgroup v2, a service with
Delegate=yes."""

import contextlib
import os
import pathlib
import platform
import signal
import subprocess
import sys

import pytest

import cgroup
import harness

CONTROLLERS = {"cpu", "memory", "pids"}
MIB = 1 << 20

pytestmark = pytest.mark.skipif("OSTEST_TEST_CGROUP" not in os.environ, reason="only in the guest, see script/test-system")


@pytest.fixture
def unit():
    return pathlib.Path(os.environ["OSTEST_TEST_CGROUP"])


@pytest.fixture
def group():
    """Creates an empty group with the controllers."""
    with cgroup.own_group() as prefix:
        yield pathlib.Path(prefix[-1])


def run_in(group, *command, **named):
    return subprocess.run(["sh", "-c", cgroup.ENTER, group, *command], capture_output=True, text=True,
                          timeout=harness.TIMEOUT, **named)


def python_in(group, code):
    return run_in(group, sys.executable, "-c", code)


def test_only_cgroup_v2_is_mounted():
    mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    assert [(mount[1], mount[2]) for mount in mounts if mount[2].startswith("cgroup")] == [("/sys/fs/cgroup", "cgroup2")]


def test_pid_1_is_systemd():
    assert pathlib.Path("/proc/1/comm").read_text() == "systemd\n"


def test_the_service_has_no_privileges_unless_it_is_root():
    status = pathlib.Path("/proc/self/status").read_text()
    capabilities = int(status.split("CapEff:")[1].split()[0], 16)
    assert (capabilities != 0) == (os.geteuid() == 0)
    assert os.getuid() == os.geteuid()


def test_the_tests_are_in_a_subgroup_of_the_service(unit):
    assert pathlib.Path("/proc/self/cgroup").read_text() == f"0::{str(unit).removeprefix('/sys/fs/cgroup')}/tests\n"
    assert unit.name.startswith("tests-") and unit.name.endswith(".service")
    assert (unit / "cgroup.procs").read_text() == ""
    assert CONTROLLERS <= set((unit / "cgroup.subtree_control").read_text().split())


def test_a_group_can_be_divided_further(group):
    (group / "cgroup.subtree_control").write_text("+memory +pids +cpu")
    (group / "task").mkdir()
    assert CONTROLLERS <= set((group / "task" / "cgroup.controllers").read_text().split())
    done = run_in(group / "task", "cat", "/proc/self/cgroup")
    assert done.stdout.endswith(f"/{group.name}/task\n"), done


def test_memory_is_limited_and_the_service_lives_on(group):
    (group / "memory.max").write_text(str(32 * MIB))
    done = python_in(group, f"b'x' * {128 * MIB}")
    assert done.returncode == -signal.SIGKILL
    assert "oom_kill 1\n" in (group / "memory.events").read_text()


def test_processes_are_limited(group):
    (group / "pids.max").write_text("3")
    done = python_in(group, "import os, signal\nfor _ in range(9): os.fork() or os.closerange(0, 3) or signal.pause()")
    assert "BlockingIOError" in done.stderr
    assert "max 0\n" not in (group / "pids.events").read_text()
    (group / "cgroup.kill").write_text("1")
    assert cgroup.wait_empty(group)


def test_cpu_time_is_limited(group):
    (group / "cpu.max").write_text("10000 100000")
    done = python_in(group, "import time\nwhile time.process_time() < 0.1: pass")
    assert done.returncode == 0, done.stderr
    stat = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    assert int(stat["nr_throttled"]) > 0 and int(stat["usage_usec"]) >= 100_000


def test_peak_memory_is_measured(group):
    """Since 6.12 a write resets the peak, as seen through the descriptor that wrote."""
    assert python_in(group, f"b'x' * {16 * MIB}").returncode == 0
    assert int((group / "memory.peak").read_text()) > 16 * MIB
    is_new = tuple(map(int, platform.release().split(".")[:2])) >= (6, 12)
    with contextlib.nullcontext() if is_new else pytest.raises(OSError):
        with open(group / "memory.peak", "rb+", buffering=0) as peak:
            peak.write(b"reset")
            assert int(os.pread(peak.fileno(), 64, 0)) < 16 * MIB


def test_a_process_that_is_left_in_a_group_is_told_and_ended(monkeypatch):
    monkeypatch.setattr(cgroup, "TIMEOUT", 0.1)
    with pytest.raises(AssertionError, match="still running in run-.*1000"):
        with cgroup.own_group() as prefix:
            left = subprocess.Popen([*prefix, "sh", "-c", "echo ready; exec sleep 1000"], stdout=subprocess.PIPE)
            left.stdout.readline()
    left.stdout.close()
    assert left.wait(harness.TIMEOUT) == -signal.SIGKILL
    assert not pathlib.Path(prefix[-1]).exists()


def test_bubblewrap_works():
    done = subprocess.run(
        ["bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
         "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
         "--uid", "1000", "--gid", "1000", "--chdir", "/tmp", "sh", "-c", "id -u; ls /proc | grep -c '^[0-9]'; ls /"],
        capture_output=True, text=True, timeout=harness.TIMEOUT)
    assert done.returncode == 0, done.stderr
    uid, processes, *root = done.stdout.split()
    assert uid == "1000" and int(processes) <= 6
    assert set(root) == {"bin", "dev", "lib", "lib64", "proc", "tmp", "usr"}


def run_task(directory, task, suite, *options):
    """Returns the posted result of a runner in its own group, and its log."""
    with contextlib.ExitStack() as stack:
        mock = harness.Mock(directory, tasks=[task])
        stack.callback(mock.stop)
        prefix = stack.enter_context(cgroup.own_group())
        runner = harness.Runner(
            "--backend-url", mock.url, "--state-dir", directory / "state", "--git-protocols", "file", "--tests-url", suite,
            "--max-tasks", 1, "--check-interval", 0.05, *options, prefix=prefix)
        stack.callback(runner.kill)
        assert runner.wait(5 * harness.TIMEOUT) == 0, runner.log
        [result] = mock.results()
    return result, runner.log


@pytest.mark.parametrize("sandbox", ["none", "auto"])
def test_a_small_task_passes(tmp_path, sandbox):
    small = harness.SmallCourse(tmp_path)
    result, log = run_task(tmp_path, harness.task(1, small.student()), small.suite, "--sandbox", sandbox)
    assert result["isPassed"] and not result["isError"], f"{result}\n{log}"


def test_the_good_student_of_the_course_passes(tmp_path):
    course = tmp_path / "course"
    subprocess.run([harness.COURSE / "make-repos", course], check=True)
    task = harness.task("good", course / "student-good", branch="main", laboratoryNumber=[1, 2])
    result, log = run_task(tmp_path, task, course / "suite", "--sandbox", "none")
    assert result["isPassed"] and not result["isError"], f"{result}\n{log}"
    assert len(result["testResults"]) == 20
