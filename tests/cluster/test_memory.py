"""Memory in a job: measured as on one machine, and whose error it is if it does not suffice."""

import contextlib
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import cgroup
import harness
import site_of_cluster
import slurm

MIB = 1 << 20
USER = 65534
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]

SUITE = {"pytest.ini": "[pytest]\ntestpaths = tests\n", "tests/test_memory.py": """\
import os, pathlib, subprocess, sys
import pytest

def use(mib):
    subprocess.run([sys.executable, "-c", f"x = b'x' * ({mib} << 20); import time; time.sleep(0.5)"], check=True)
def fill(path, mib):
    with open(path, "wb", buffering=0) as file:
        for _ in range(mib):
            file.write(bytes(1 << 20))

def test_warm_up():
    use(1)
def test_start():
    use(0)
@pytest.mark.parametrize("mib", [50, 200, 16, 100])
def test_process(mib):
    use(mib)
def test_file():
    fill("/tmp/file", 60)
def test_after_file():
    pass
def test_last():
    exec(pathlib.Path(os.environ["OSTEST_SRC"], "last.py").read_text())
"""}
# Samples of processes do not show memory that none has mapped. The heap makes it the largest
# process, which the kernel kills first.
HUNGRY = """
code = '''
import os
heap, fd = b"x" * (60 << 20), os.memfd_create("x")
for _ in range(500):
    os.write(fd, bytes(1 << 20))
'''
done = subprocess.run([sys.executable, "-c", code])
assert done.returncode == 0, f"ended with {done.returncode}"
"""


class User(site_of_cluster.Site):
    """A site whose runner and jobs belong to an ordinary user."""

    def __init__(self, cluster, directory):
        super().__init__(cluster, directory)
        self.suite = harness.Repository(directory / "memory-suite", SUITE).path

    def student(self, last=""):
        return harness.Repository(self.dir / f"student-{len(list(self.dir.iterdir()))}", {"last.py": last}).path

    def run(self, student, *options, executor="slurm", tests=()):
        """Returns the result of one task, and the bytes of each test by its name in the suite."""
        task = harness.task(1, student, connectedTests=list(tests))
        self.start_mock([task])
        harness.give(self.dir, USER if executor == "slurm" else 0)
        with cgroup.own_group() if executor == "local" else contextlib.nullcontext(AS_USER) as prefix:
            self.start(*options, "--memory-unit", "B", executor=executor, sandbox="auto", suite=self.suite,
                       state=self.dir / f"state-{executor}", prefix=prefix)
            self.mock.state(results=1)
            assert self.runner.stop() == 0, self.runner.log
        result = self.answers([task])[1]
        self.mock.stop()
        self.mock.results_path.unlink()
        return result, {test["name"].split("::")[1]: test["memoryUsed"] for test in result["testResults"] if "::" in test["name"]}


    def doctor(self, *options, prefix=AS_USER):
        """Returns doctor's lines about the three nodes."""
        state = self.dir / "state-doctor"
        state.mkdir(exist_ok=True)
        harness.give(self.dir, USER if prefix else 0)
        words = [*prefix, harness.RUNNER, "doctor", "--executor", "slurm", "--state-dir", state, "--tests-url", self.suite,
                 "--git-protocols", "file", "--backend-url", "http://127.0.0.1:9", *options]
        done = subprocess.run(list(map(str, words)), env=harness.CLEAN_ENV | {"SLURM_CONF": str(self.cluster.conf)}, capture_output=True,
                              text=True, timeout=3 * harness.TIMEOUT, check=False)
        nodes = [line for line in done.stdout.splitlines() if line.split()[1] == "node"]
        assert len(nodes) == 3, done
        return nodes


@pytest.fixture
def start_user(start_cluster):
    with contextlib.ExitStack() as stack:
        def start(**options):
            directory = pathlib.Path(tempfile.mkdtemp(prefix="ostest-user-"))
            stack.callback(shutil.rmtree, directory)
            return stack.enter_context(contextlib.closing(User(start_cluster(**options), directory)))
        yield start


@pytest.fixture
def user(start_user):
    return start_user(cgroup=True)


def test_a_user_s_job_measures_as_root_does_on_one_machine(user):
    student = user.student()
    (here, wanted), (there, measured) = (user.run(student, executor=executor) for executor in ("local", "slurm"))
    assert here["isPassed"] and there["isPassed"], (here, there)
    assert wanted["test_process[200]"] > 190 * MIB  # otherwise root's was not measured at all
    for name, used in wanted.items():
        assert abs(measured[name] - used) <= 0.1 * used + 4 * MIB, (name, used / MIB, measured[name] / MIB)
    assert user.runner.hits("memory is measured in Slurm's group /.*/job_[0-9]+/")


def test_what_slurm_s_limit_ends_has_its_sentence(user):
    """The job continues, and its result counts, although Slurm calls it OUT_OF_MEMORY."""
    result, measured = user.run(user.student(HUNGRY), "--memory", "128M", tests=["test_last", "test_start"])
    assert result["errorDetails"] == "The limit of 384 MB of memory for all of the job was reached: 1 processes were killed"
    assert [test["name"].split("::")[-1] for test in result["testResults"] if not test["isPassed"]] == ["test_last", "(test run)"]
    assert not result["isError"] and "ended with -9" in result["testResults"][-2]["description"]
    assert 200 * MIB < measured["test_last"] <= 384 * MIB
    wait = slurm.Wait("the job's end")
    while user.job_ids("running,completing"):
        wait.more()
    assert [job[2] for job in user.cluster.jobs()] == ["OUT_OF_MEMORY"]


LOWER = "Slurm limits the job to 500 MB of memory, less than the 1024 MB of --memory: the operator should raise --mem in --slurm-args"


def test_a_lower_limit_of_slurm_s_is_no_student_s_failure(user):
    """A configuration error of the operator: no test runs, and the result is an error that says
    so."""
    result, tests = user.run(user.student(), "--slurm-args", "--mem=500M")
    assert result["isError"] and result["errorDetails"] == LOWER and not tests


def test_doctor_tells_of_memory_on_each_node(user):
    for line in user.doctor():
        assert line.startswith("ok") and "Slurm limits the job to 1280 MB of memory" in line
        assert "memory is measured there" in line and "control groups: Slurm's, v" in line
    assert all(line.startswith("warn") and line.endswith(LOWER) for line in user.doctor("--slurm-args", "--mem=500M"))


def test_doctor_tells_of_memory_where_root_makes_groups(user):
    how = "memory is measured there" if slurm.HAS_CGROUP_V2 else "all limits hold, memory is measured"
    for line in user.doctor(prefix=()):
        assert how in line and "Slurm limits the job to 1280 MB of memory" in line


def test_doctor_tells_where_nothing_is_measured(start_user):
    for line in start_user().doctor():
        assert line.startswith("ok") and "none of Slurm's (TaskPlugin=task/cgroup): memoryUsed is 0" in line and "limits the job" not in line


# The kernel kills ostest-job first, since the process that uses the memory has not mapped it.
OFFERS_THE_JOB = """
pid=$$
until [ "$(cat /proc/$pid/comm)" = ostest-job ]; do pid=$(awk '/^PPid:/ { print $2 }' /proc/$pid/status); done
echo 1000 >/proc/$pid/oom_score_adj
python3 -c 'import os; fd = os.memfd_create("x"); [os.write(fd, bytes(1 << 20)) for _ in range(600)]'
"""


def test_a_job_that_slurm_s_limit_kills_is_run_again_then_reported(start_cluster, tmp_path):
    with contextlib.closing(site_of_cluster.Site(start_cluster(cgroup=True), tmp_path)) as site:
        task = harness.task(1, site.small.student("pass", OFFERS_THE_JOB))
        site.start_mock([task])
        site.start("--memory", "64M")
        result = site.finish([task])[1]
    assert result["isError"] and not result["isPassed"], site.log
    assert "started 2 times" in result["errorDetails"] and "Slurm says OUT_OF_MEMORY of job" in result["errorDetails"], result
    assert site.log.count(" submitted job=") == 2
