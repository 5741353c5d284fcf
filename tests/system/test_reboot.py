"""A forced reboot in the middle of a task: in-guest reboots and runs the second test afterwards."""

import os
import pathlib

import pytest

import harness
import installed
from installed import PACKAGES, Service, Waiting, answers, package, wait_for

PLACE = pathlib.Path("/srv/reboot")
PORT = PLACE / "port"
IS_AFTER = bool(os.environ.get("OSTEST_REBOOTED"))

pytestmark = [
    pytest.mark.skipif("OSTEST_TEST_CGROUP" not in os.environ, reason="only in the guest, see script/test-system"),
    pytest.mark.skipif(os.geteuid() != 0, reason="root installs packages"),
    pytest.mark.skipif(not PACKAGES.is_dir(), reason="no packages were built"),
]


@pytest.mark.skipif(IS_AFTER, reason="this was before the reboot")
def test_a_task_runs_and_a_reboot_is_wanted():
    installed.install(package("ostest-runner"), package("ostest-mock-backend"))
    small = harness.SmallCourse(PLACE / "small")
    waiting = Waiting(8, small)
    installed.own(PLACE)
    mock = installed.start_mock(PLACE / "mock", [harness.task(1, waiting.repository)])
    service = Service()
    service.configure(mock, small.suite)
    service.do("enable")
    service.do("start")
    waiting.wait()
    PORT.write_text(f"{mock.port} {waiting.repository}")
    mock.stop()
    (installed.JOB / "reboot-wanted").touch()


@pytest.mark.skipif(not IS_AFTER, reason="for after the reboot that in-guest makes")
def test_after_the_reboot_the_task_is_run_again():
    port, repository = PORT.read_text().split()
    service = Service()
    service.wait("ActiveState", "^active$")
    waiting = Waiting(8)
    mock = installed.start_mock(PLACE / "mock", [harness.task(1, repository)], port=int(port))
    # This new backend hands the task out when the runner polls for its other slot; the task gets
    # one result.
    wait_for("the task was handed out again", lambda: mock.state()["claimed"] == 1)
    waiting.let_go()
    wait_for("it is answered", lambda: mock.state()["results"] == 1)
    assert answers(mock)[1]["isPassed"]
    assert "found from an earlier run: 1 tasks to run" in installed.journal()
    service.do("stop")
    mock.stop()
