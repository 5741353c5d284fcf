"""The sandbox in a job: as root and as a user, with and without control groups of Slurm."""

import contextlib
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import harness
import site_of_cluster
import slurm

USER = 65534
# With cgroup v2 only Slurm controls the groups of a job, and sampling enforces the runner's limit.
REACHED = "used more than 300 MB of memory" if slurm.HAS_CGROUP_V2 else "The limit of 300 MB of memory was reached"
HUNGRY = "python3 -c 'x = bytearray(600 << 20); print(len(x))' || exit 1"


@pytest.fixture
def constrained(start_cluster, tmp_path):
    """A site whose Slurm limits the memory of each job."""
    site = site_of_cluster.Site(start_cluster(cgroup=True), tmp_path)
    yield site
    site.close()


def run_one(site, student, *options, prefix=()):
    task = harness.task(1, student)
    site.start_mock([task])
    site.start(*options, sandbox="auto", prefix=prefix)
    return site.finish([task])[1]


@pytest.mark.parametrize("memory, passes", [("900M", True), ("300M", False)])
def test_the_limit_holds_inside_of_slurms_own(constrained, memory, passes):
    result = run_one(constrained, constrained.small.student("pass", HUNGRY), "--memory", memory)
    assert result["isPassed"] == passes
    if not passes:
        assert REACHED in result["errorDetails"]


@pytest.mark.parametrize("cgroup", [False, True])
def test_a_user_needs_no_rights(start_cluster, cgroup):
    """The runner and its jobs belong to an ordinary user."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="ostest-user-"))
    with contextlib.closing(site_of_cluster.Site(start_cluster(cgroup=cgroup), directory)) as site:
        student = site.small.student("pass", "test $(id -u) = 1000")
        harness.give(directory, USER)
        result = run_one(site, student, prefix=["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"])
        assert result["isPassed"], result
        assert {path.lstat().st_uid for path in site.state.rglob("*")} == {USER}
    shutil.rmtree(directory)


def test_doctor_tells_what_each_node_can_do(site):
    site.cluster.ask("scontrol", "update", "NodeName=n3", "State=DRAIN", "Reason=test")  # stays drained
    words = [harness.RUNNER, "doctor", "--executor", "slurm", "--state-dir", site.state, "--tests-url", site.small.suite, "--git-protocols",
             "file", "--backend-url", "http://127.0.0.1:9"]
    done = subprocess.run(list(map(str, words)), env=harness.CLEAN_ENV | {"SLURM_CONF": str(site.cluster.conf)}, capture_output=True,
                          text=True, timeout=3 * harness.TIMEOUT)
    lines = {" ".join(line.split()[:3]): line for line in done.stdout.splitlines()}
    assert done.returncode == 0, done
    assert "control groups: " in lines["ok node n1:"] and "suite commit=" in lines["ok node n2:"]
    assert lines["warn node n3:"].split()[3].startswith("drain")
    assert "ok slurm it" in lines
    assert not list(site.state.glob("probe-*"))


def test_doctor_names_what_a_node_lacks(site):
    words = [harness.RUNNER, "doctor", "--executor", "slurm", "--state-dir", site.state, "--tests-url", site.dir / "no-such-suite",
             "--git-protocols", "file", "--backend-url", "http://127.0.0.1:9"]
    done = subprocess.run(list(map(str, words)), env=harness.CLEAN_ENV | {"SLURM_CONF": str(site.cluster.conf)}, capture_output=True,
                          text=True, timeout=3 * harness.TIMEOUT)
    nodes = [line for line in done.stdout.splitlines() if line.split()[1] == "node"]
    assert len(nodes) == 3 and all(line.startswith("warn") and "no-such-suite" in line for line in nodes), done.stdout
