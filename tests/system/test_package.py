"""The packages in a real system: installed, started, killed, hung, out of disk space, drained,
upgraded, removed, purged.

Everything runs as the service's user. The tests run in this order; the last ones remove the
package.
"""

import contextlib
import os
import pathlib
import pwd
import shutil
import subprocess
import time
from signal import SIGKILL, SIGSTOP

import pytest

import harness
import installed
from installed import CONFIGURATION, PACKAGES, STATE, Service, Waiting, answers, call, package, wait_for

pytestmark = [
    pytest.mark.skipif("OSTEST_TEST_CGROUP" not in os.environ, reason="only in the guest, see script/test-system"),
    pytest.mark.skipif(os.geteuid() != 0, reason="root installs packages"),
    pytest.mark.skipif(not PACKAGES.is_dir(), reason="no packages were built"),
]


@pytest.fixture(scope="module", autouse=True)
def packages():
    installed.install(package("ostest-runner"), package("ostest-mock-backend"))
    harness.MOCK = pathlib.Path("/usr/bin/ostest-mock-backend")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small course outside of /tmp, since the service has a private /tmp."""
    directory = pathlib.Path("/srv/small")
    directory.mkdir()
    return harness.SmallCourse(directory)


@pytest.fixture
def begin(small, tmp_path):
    """begin(tasks, line…): starts the service and a mock backend with these tasks. Returns both."""
    with contextlib.ExitStack() as stack:
        def go(tasks, *lines, service=None, suite=None, drop_in=()):
            service = service or Service()
            installed.own("/srv/small")
            mock = installed.start_mock(tmp_path / service.unit, tasks)
            stack.callback(mock.stop)
            service.configure(mock, suite or small.suite, *lines)
            service.drop_in(*drop_in)
            stack.callback(stop, service)
            service.do("start")
            return service, mock
        yield go


def stop(service):
    """Stops the service at once and deletes its state."""
    if service.get("LoadState") == "loaded":
        subprocess.run(["systemctl", "kill", "--signal=KILL", service.unit], check=False, capture_output=True)
        service.do("stop")
        subprocess.run(["systemctl", "reset-failed", service.unit], check=False, capture_output=True)
    for directory in STATE.parent.glob("ostest-runner*/*"):
        shutil.rmtree(directory) if directory.is_dir() else directory.unlink()


def test_it_is_installed_and_waits_for_its_configuration():
    user = pwd.getpwnam("ostest-runner")
    assert 0 < user.pw_uid < 1000 and user.pw_dir == str(STATE)
    assert STATE.stat().st_uid == user.pw_uid and STATE.stat().st_mode & 0o777 == 0o700
    assert Service().get("ActiveState") == "inactive" and Service().get("UnitFileState") == "disabled"
    assert call("ostest-runner", "--version").startswith("ostest-runner ")
    call("ostest-runner", "--check-config", CONFIGURATION / "ostest-runner.conf")


def test_the_course_with_the_password_as_a_credential(begin, tmp_path):
    course = pathlib.Path("/srv/course")
    call(harness.COURSE / "make-repos", course)
    installed.own(course)
    tasks = [harness.task(name, course / f"student-{name}", branch="main", laboratoryNumber=[1, 2])
             for name in ("good", "compile-error")]
    service, mock = begin(tasks, suite=course / "suite")
    assert service.get("ActiveState") == "active", "READY was not sent"
    service.wait("StatusText", "[12] of 2 slots busy")
    uid = pwd.getpwnam("ostest-runner").pw_uid
    for pid in service.pids():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has exited
            assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n" in pathlib.Path(f"/proc/{pid}/status").read_text()
    assert "CapEff:\t0000000000000000\n" in pathlib.Path(f"/proc/{service.get('MainPID')}/status").read_text()
    wait_for("both are answered", lambda: mock.state()["results"] == 2)
    results = answers(mock)
    assert results["good"]["isPassed"] and not results["compile-error"]["isPassed"], results
    assert not any(result["isError"] for result in results.values()), results
    assert any(test["memoryUsed"] > 0 for test in results["good"]["testResults"]), "the control groups are missing"
    service.wait("StatusText", "^0 of 2 slots busy; 2 results delivered, 0 refused, 0 waiting")
    assert installed.PASSWORD not in installed.journal()


def test_a_wrong_configuration_is_not_tried_again(begin):
    with pytest.raises(AssertionError, match="Job for ostest-runner.service failed"):
        begin([], "concurrent = many")
    assert (Service().get("ActiveState"), Service().get("NRestarts")) == ("failed", "0")


def test_it_comes_back_after_a_kill(begin, small):
    waiting = Waiting(1, small)
    service, mock = begin([harness.task(1, waiting.repository)])
    waiting.wait()
    service.signal(SIGKILL)
    service.wait("NRestarts", "^1$")
    service.wait("ActiveState", "^active$")
    waiting.let_go()
    wait_for("it is answered", lambda: mock.state()["results"] == 1)
    assert answers(mock)[1]["isPassed"]


def test_the_watchdog_ends_a_runner_that_hangs(begin, small):
    waiting = Waiting(2, small)
    service, mock = begin([harness.task(1, waiting.repository)], drop_in=["WatchdogSec=20", "TimeoutAbortSec=5"])
    waiting.wait()
    service.signal(SIGSTOP)
    service.wait("NRestarts", "^1$")
    assert "Watchdog timeout" in installed.journal()
    service.wait("ActiveState", "^active$")
    waiting.let_go()
    wait_for("it is answered", lambda: mock.state()["results"] == 1)
    assert answers(mock)[1]["isPassed"]


def test_the_watchdog_leaves_a_runner_alone_that_does_its_work(begin, small):
    """The watchdog is fed for three of its periods, even while the backend does not answer."""
    service, mock = begin([], drop_in=["WatchdogSec=10"])
    mock.stop()
    service.wait("StatusText", "does not answer|login failed")  # whichever was in progress
    began = time.monotonic()
    wait_for("three times the watchdog's time", lambda: time.monotonic() > began + 30)
    assert (service.get("ActiveState"), service.get("NRestarts")) == ("active", "0")


def test_a_full_disk_is_waited_out(begin, small, request):
    call("mount", "-t", "tmpfs", "-o", "size=64m,mode=700,uid=ostest-runner,gid=ostest-runner", "tmpfs", STATE)
    request.addfinalizer(lambda: call("umount", "--lazy", STATE))
    filler = STATE / "filler"
    filler.write_bytes(bytes(60 << 20))
    service, mock = begin([harness.task(1, small.student())], "min-free-disk = 16M")
    service.wait("StatusText", "no task is claimed: less than")
    assert mock.state()["claimed"] == 0
    filler.unlink()
    wait_for("it is answered", lambda: mock.state()["results"] == 1)
    assert answers(mock)[1]["isPassed"] and service.get("NRestarts") == "0"
    service.do("stop")


def test_a_stop_finishes_what_runs_however_short_its_timeout(begin, small):
    waiting = Waiting(3, small)
    service, mock = begin([harness.task(1, waiting.repository), harness.task(2, small.student())], "concurrent = 1",
                          drop_in=["TimeoutStopSec=10"])
    waiting.wait()
    service.do("stop", "--no-block")
    service.wait("StatusText", "stopping")
    began = time.monotonic()
    wait_for("twice the time that a stop may take", lambda: time.monotonic() > began + 20)
    assert service.get("ActiveState") == "deactivating"
    waiting.let_go()
    service.wait("ActiveState", "^inactive$")
    assert service.get("Result") == "success"
    state = mock.state()
    assert (state["claimed"], state["results"]) == (1, 1) and answers(mock)[1]["isPassed"]


def upgrade(path, services, waiting):
    """Installs the package while tasks run, which finish first."""
    with subprocess.Popen([*installed.INSTALL, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as dpkg:
        for service in services:
            service.wait("StatusText", "stopping")
        version = installed.installed_version()
        for student in waiting:
            student.let_go()
        said = dpkg.communicate(timeout=installed.PATIENCE)[0]
    assert dpkg.returncode == 0 and f"_{version}_" not in path.name, said


def test_upgrades_and_downgrades_lose_nothing(begin, small):
    students = [Waiting(number, small) for number in (4, 5, 6, 7)]
    short = small.student()

    def tasks(first, second):
        return [harness.task(1, first.repository), *(harness.task(n, short) for n in range(2, 8)),
                harness.task(8, second.repository), *(harness.task(n, short) for n in range(9, 12))]
    one, mock = begin(tasks(students[0], students[1]), "concurrent = 1")
    other, other_mock = begin(tasks(students[2], students[3]), "concurrent = 1",
                              service=Service("ostest-runner@other.service", "other.conf", "other.password"))
    services = [one, other]
    for paths, waiting in (([PACKAGES / "newer"], [students[0], students[2]]), ([PACKAGES], [students[1], students[3]])):
        for student in waiting:
            student.wait()
        upgrade(package("ostest-runner", *paths), services, waiting)
        for service in services:
            assert service.get("ActiveState") == "active"
    for backend in (mock, other_mock):
        wait_for("all are answered", lambda: backend.state()["results"] == 11)
        assert sorted(answers(backend)) == list(range(1, 12))
        assert all(result["isPassed"] for result in answers(backend).values())
    assert pathlib.Path("/var/lib/ostest-runner@other").is_dir()


def test_a_changed_configuration_survives_an_upgrade(begin):
    service, _ = begin([], "# a site's own line")
    installed.install(package("ostest-runner", PACKAGES / "newer"))
    assert "# a site's own line" in service.configuration.read_text()
    assert service.get("ActiveState") == "active"


def test_removed_it_leaves_what_is_the_operators(begin, small):
    service, mock = begin([harness.task(1, small.student())], "keep-jobs = 5")
    wait_for("it is answered", lambda: mock.state()["results"] == 1)
    service.do("enable")
    call("dpkg", "--remove", "ostest-runner", "ostest-mock-backend")
    assert service.get("ActiveState") == "inactive" and service.get("LoadState") in ("not-found", "masked")
    assert not pathlib.Path("/usr/bin/ostest-runner").exists()
    assert (CONFIGURATION / "password").exists() and service.configuration.exists() and (STATE / "kept").is_dir()


def test_purged_it_leaves_nothing():
    call("dpkg", "--purge", "ostest-runner", "ostest-mock-backend")
    with pytest.raises(KeyError):
        pwd.getpwnam("ostest-runner")
    found = call("find", "/etc", "/usr", "/var", "/run", "/lib/systemd", "-xdev", "-iname", "*ostest-runner*", "-not", "-path",
                 "*/cgroup/*").split()
    assert [path for path in found if not path.startswith(("/run/systemd/system/ostest-runner.service.d", "/run/systemd/units"))] == []
