"""`ostest-runner doctor` reports problems; the runner refuses to start because of the same ones."""

import os
import pathlib
import shutil

import pytest

import harness
from sandboxed import mounts

LINES = ["state", "git", "cgroups", "sandbox", "suite", "backend"]


@pytest.fixture
def programs(sites):
    """programs(without, {name: script}): returns a PATH with all needed programs except `without`,
    and with these scripts."""
    def make(without=(), scripts=None):
        directory = sites("user").new_dir("bin")
        for name in {"git", "bwrap", "python3", "sh", "setpriv", "sleep"} - set(without):
            (directory / name).symlink_to(shutil.which(name, path="/usr/bin:/bin"))
        for name, script in (scripts or {}).items():
            (directory / name).unlink(missing_ok=True)
            (directory / name).write_text(f"#!/bin/sh\n{script}\n")
            (directory / name).chmod(0o755)
        return {"PATH": directory}
    return make


def refuses(site, *options, **named):
    """Starts a runner that must refuse. Returns its message; asserts that no files remain."""
    state = named.setdefault("state", site.new_dir("state"))
    with site.mock(tasks=[harness.task(1, "/nowhere")]) as mock, site.runner(mock, *options, **named) as runner:
        assert runner.wait() == 1, runner.log
        assert mock.state()["claimed"] == 0
    if state.is_dir():
        assert not [path for path in state.iterdir() if path.name.startswith(("probe", "lock"))]
    [line] = [line for line in runner.lines if " CRITICAL " in line]
    return line.split(" CRITICAL ", 1)[1]


def works(site, **named):
    """Runs one task. Returns true if it passed."""
    student = site.student({"run.py": "import sys\nopen(sys.argv[2], 'w').write('<testsuite><testcase name=\"a\"/></testsuite>')\n"})
    with site.mock(tasks=[harness.task(1, student)]) as mock, site.runner(mock, "--once", **named) as runner:
        assert runner.wait() == 0, runner.log
        [result] = mock.results()
    return result["isPassed"]


# ---- a good machine


def test_a_good_machine(site):
    before = mounts()
    lines, status = site.doctor()
    assert status == 0 and list(lines) == LINES, lines
    for name, line in lines.items():
        is_poor = name == "cgroups" and not site.is_measured
        assert line.startswith("warn " if is_poor else "ok   "), line
    assert "MB free" in lines["state"] and "git version" in lines["git"] and "kind=manifest" in lines["suite"]
    assert mounts() == before


def test_the_line_of_cgroups_is_what_the_runner_logs(site):
    lines, _ = site.doctor()
    assert lines["cgroups"].split()[2] == f"{site.cgroups}:"
    if site.cgroups == "none":
        assert "memoryUsed is 0" in lines["cgroups"] and "--cpus has no effect" in lines["cgroups"]
    else:
        assert "all limits hold" in lines["cgroups"]


def test_what_there_is_of_control_groups_is_found(site):
    """The runner reports the control groups that /proc shows."""
    own = [line.split(":", 2) for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()]
    has_v1_memory = any("memory" in controllers.split(",") for _, controllers, _ in own)
    has_unified = any(not controllers for _, controllers, _ in own) and \
        any(line.split(" - ")[1].startswith("cgroup2 ") for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines())
    if has_v1_memory:
        is_root = site.who == "root"
        expected = "hybrid" if is_root and has_unified else "v1" if is_root else "none"
    else:
        expected = "v2" if has_unified and "OSTEST_TEST_CGROUP" in os.environ else "none"
    if not has_v1_memory and "OSTEST_TEST_CGROUP" not in os.environ:
        pytest.skip("without OSTEST_TEST_CGROUP the owner of this group is unknown")
    assert site.cgroups == expected


def test_doctor_takes_no_task_and_leaves_nothing(any_site):
    state = any_site.new_dir("state")
    with any_site.mock(tasks=[harness.task(1, "/nowhere")]) as mock:
        with any_site.runner(mock, "doctor", state=state) as runner:
            assert runner.wait() == 0, runner.log
        assert mock.state()["claimed"] == 0
    assert {path.name for path in state.iterdir()} <= {"cache"}


def test_doctor_beside_a_running_runner(any_site):
    state = any_site.new_dir("state")
    with any_site.mock() as mock, any_site.runner(mock, state=state) as runner:
        mock.state(requests_total=1)
        lines, status = any_site.doctor(state=state)
        assert status == 0 and all(line.startswith(("ok", "warn")) for line in lines.values()), lines
        assert runner.stop() == 0


# ---- problems


def check_both(site, words, *options, name="sandbox", **named):
    """Asserts that doctor exits with status 1 and that the runner refuses with the same
    sentence."""
    lines, status = site.doctor(*options, **named)
    assert status == 1 and lines[name].startswith("FAIL "), lines
    sentence = lines[name].split(None, 2)[2]
    assert words in sentence
    assert refuses(site, *options, **named).endswith(sentence)
    return lines


def test_without_bwrap(any_site, programs):
    lines = check_both(any_site, "apt-get install bubblewrap", env=programs(without=["bwrap"]))
    assert [name for name, line in lines.items() if line.startswith("FAIL")] == ["sandbox"]


def test_without_git(any_site, programs):
    lines = check_both(any_site, "git does not work; install it: apt-get install git", name="git", env=programs(without=["git"]))
    assert list(lines) == LINES


@pytest.mark.parametrize("script, words", [
    ("echo 'bwrap: No permissions to create a new namespace, likely because the kernel does not allow it.' >&2; exit 1",
     "kernel.unprivileged_userns_clone=1"),
    ("echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1", "kernel.apparmor_restrict_unprivileged_userns=0"),
    ("echo 'bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted' >&2; exit 1", "AppArmor restricts user namespaces"),
    ("echo 'bwrap: Unknown option --as-pid-1' >&2; exit 1", "Unknown option --as-pid-1"),
    ("exit 1", "bubblewrap printed nothing"), ("exit 0", "bubblewrap printed nothing"), ("kill -9 $$", "bubblewrap printed nothing"),
], ids=["no-namespaces", "no-uid-map", "no-rights-inside", "too-old", "silent", "does-nothing", "killed"])
def test_a_bwrap_that_does_not_work(sites, programs, script, words):
    check_both(sites("user"), words, env=programs(scripts={"bwrap": script}))


def test_a_bwrap_that_only_pretends(sites, programs):
    """A bwrap that runs the command without a sandbox is refused."""
    check_both(sites("user"), "sandbox", env=programs(scripts={"bwrap": "while [ \"$1\" != /bin/true ]; do shift; done; exec \"$@\""}))


def test_without_ostest_init(any_site, monkeypatch):
    directory = any_site.new_dir("programs")
    for name in ("ostest-runner", "ostest-job"):
        shutil.copy(harness.BUILD / "src" / name, directory)
    monkeypatch.setattr(harness, "RUNNER", directory / "ostest-runner")
    check_both(any_site, "ostest-init: No such file or directory; the installation is not complete")


def test_a_state_directory_that_cannot_be_made(site):
    state = site.dir / "plain-suite" / "data.txt" / "state"
    lines, status = site.doctor(state=state)
    assert status == 1 and lines["state"].startswith("FAIL ") and str(state.parent) in lines["state"]
    assert "--state-dir" in lines["state"]
    assert str(state.parent) in refuses(site, state=state)


def test_a_state_directory_of_somebody_else(sites):
    site = sites("user")
    state = site.dir / f"of-others-{next(site.numbers)}"
    state.mkdir(mode=0o555)
    lines, status = site.doctor(state=state)
    assert status == 1 and lines["state"].startswith("FAIL ")
    assert f"Cannot write to {state}" in lines["state"] or "Permission denied" in lines["state"]
    assert "Permission denied" in refuses(site, state=state)


@pytest.mark.parametrize("owner", [0, 65534])
def test_a_state_directory_that_only_root_may_reach(sites, owner):
    """Root mounts what the slot's user needs, so no directory has to be accessible to it."""
    if os.geteuid() != 0:
        pytest.skip("only root's tasks run as another user")
    site = sites("root")
    closed = site.new_dir("closed")
    os.chown(closed, owner, owner)
    closed.chmod(0o700)
    assert works(site, state=closed / "state")
    modes = [path.stat().st_mode & 0o777 for path in (closed, closed / "state", closed / "state/jobs", closed / "state/cache")]
    assert modes == [0o700] * 4


# ---- warnings


def test_a_backend_that_is_away(any_site):
    lines, status = any_site.doctor("--backend-url", "http://127.0.0.1:9")
    assert status == 0 and lines["backend"].startswith("warn ")
    assert "http://127.0.0.1:9 does not answer: " in lines["backend"] and "--backend-url" in lines["backend"]


def doctor_with_login(site, *options):
    with site.mock("--auth", "--user", "anna:right:ADMIN") as mock:
        with site.runner(mock, "doctor", "--auth", "--login", "anna", *options) as runner:
            status = runner.wait()
    [line] = [line for line in runner.lines if line.split()[1:2] == ["backend"]]
    return line, status, runner.log


def test_a_wrong_login(any_site):
    line, status, log = doctor_with_login(any_site, "--password", "wrong-word")
    assert status == 0 and line.startswith("warn ") and "login of 'anna' with status 401" in line
    assert "wrong-word" not in log


@pytest.mark.parametrize("role, health, words", [
    ("ADMIN", "ok ", "the account may take tasks"), ("STUDENT", "warn ", "'anna' may not take tasks: it lacks the role ADMIN (HTTP 403")])
def test_an_account_and_its_role(any_site, role, health, words):
    with any_site.mock("--auth", "--user", f"anna:right:{role}") as mock:
        with any_site.runner(mock, "doctor", "--auth", "--login", "anna", "--password", "right") as runner:
            assert runner.wait() == 0
        state = mock.state()
    [line] = [line for line in runner.lines if line.split()[1:2] == ["backend"]]
    assert line.startswith(health) and words in line
    assert (state["claimed"], state["results"], state["violations"]) == (0, 0, 0)


def test_the_right_login(any_site):
    line, status, _ = doctor_with_login(any_site, "--password", "right")
    assert status == 0 and line.startswith("ok ") and "the login is right" in line


def test_a_suite_that_is_missing(any_site):
    url = any_site.dir / "no-such-suite"
    lines, status = any_site.doctor("--tests-url", url)
    assert status == 0 and lines["suite"].startswith("warn ") and str(url) in lines["suite"]


def test_a_suite_that_is_none(any_site):
    suite = any_site.repository(f"empty-suite-{next(any_site.numbers)}", {"README": "nothing"})
    lines, status = any_site.doctor(suite=suite)
    assert status == 0 and lines["suite"].startswith("warn ") and "run_tests.py" in lines["suite"]


def test_the_sandbox_left_out(any_site):
    lines, status = any_site.doctor("--sandbox", "none")
    assert status == 0 and lines["sandbox"].startswith("warn ") and "unconfined" in lines["sandbox"]


def test_words_that_are_not_doctor(any_site):
    with any_site.runner(None, "docter") as runner:
        assert runner.wait() == 2 and "docter" in runner.log


# ---- starting


def test_what_an_earlier_try_has_left_is_removed(any_site):
    state = any_site.new_dir("state")
    (state / "probe-999999").mkdir(mode=0o700)
    (state / "probe-999999" / "file").write_text("x")
    (state / "probe-999999.conf").write_text("x")
    any_site.give(state)
    assert works(any_site, state=state)
    assert not list(state.glob("probe*"))


def test_a_mock_runner_needs_no_sandbox(any_site, programs):
    with any_site.mock(tasks=[harness.task(1, "/nowhere")]) as mock, \
            any_site.runner(mock, "--mock", "--once", env=programs(without=["bwrap", "git"])) as runner:
        assert runner.wait() == 0, runner.log


def test_a_state_directory_of_another_group(sites):
    """New files in it belong to that group too, and cannot be used in an overlay."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to a foreign group")
    site = sites("user")
    state = site.new_dir("state")
    os.chown(state, -1, site.uid + 1000)
    state.chmod(0o2755)
    lines, status = site.doctor(state=state)
    assert lines["sandbox"].startswith("warn ") and "copied for each task, since there is no overlay" in lines["sandbox"]
    assert status == 0
