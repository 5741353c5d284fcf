"""An attempt in a Slurm job: what it measures in the control group that Slurm has created.

Root takes the role of Slurm: creates a group for job 7 with a limit, as Slurm does on this kind of
control groups, and starts an ordinary user's ostest-job in it. tests/cluster tests the real one.
"""

import contextlib
import os
import pathlib
import re

import pytest

import cgroup
import harness
import jobs
import sandboxed

MIB = 1 << 20
LEASE = "0123456789abcdef"
ROOT = pathlib.Path("/sys/fs/cgroup")
HAS_V2 = (ROOT / "cgroup.controllers").exists()
# The group of the processes, its tree, the file with the limit.
LEAF, TREE, LIMIT = ("job_7/step_batch/user/task_0", ROOT, "memory.max") if HAS_V2 else \
    ("job_7/step_batch/task_0", ROOT / "memory", "memory.limit_in_bytes")

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.access(TREE / "cgroup.procs", os.W_OK),
                                reason="needs root and memory control groups, to create groups as Slurm does")

CHECKS = r"""
def use(mib):
    subprocess.run([sys.executable, "-c", f"x = b'x' * ({mib} << 20); import time; time.sleep(0.5)"], check=True)
def test_warm_up():
    use(1)
def test_start():
    use(0)
@pytest.mark.parametrize("mib", [50, 200, 16, 100])
def test_process(mib):
    use(mib)
def test_file():
    with open("/tmp/file", "wb", buffering=0) as file:
        for _ in range(60):
            file.write(bytes(1 << 20))
def test_after_file():
    pass
"""
# Samples of processes do not show the second part; because of the first, the kernel kills this one.
HUNGRY = r"""
def test_before():
    pass
def test_hungry():
    code = "import os; x = b'x' * (60 << 20); f = os.memfd_create('x'); [os.write(f, bytes(1 << 20)) for _ in range(500)]"
    done = subprocess.run([sys.executable, "-c", code])
    assert done.returncode == 0, f"ended with {done.returncode}"
"""


@contextlib.contextmanager
def slurms_group(mib):
    """Creates the group of job 7 with a limit. Yields the group of its processes."""
    top = TREE / f"test-{os.getpid()}-slurmstepd.scope"
    group = top / LEAF
    if HAS_V2:
        (TREE / "cgroup.subtree_control").write_text("+memory")
    for path in [*reversed(group.relative_to(TREE).parents), group.relative_to(TREE)][1:]:
        (TREE / path).mkdir()
        if HAS_V2 and TREE / path != group:
            (TREE / path / "cgroup.subtree_control").write_text("+memory")
    (top / "job_7" / LIMIT).write_text(str(mib * MIB))
    try:
        yield group
    finally:
        cgroup.remove(top)


@pytest.fixture
def user(sites):
    return sites("user")


def run(site, code, *options, mib=1024 + 256, job_id="7"):
    """Executes one task in that group. Returns the finished job."""
    student = site.student({"checks.py": sandboxed.CHECKS_PRELUDE + code})
    directory = site.new_dir("job")
    with slurms_group(mib) as group:
        job = jobs.Job(directory, {"repositoryUrl": str(student)}, site.pytest_suite, "--sandbox", "auto", "--lease", LEASE, *options,
                       cache=site.cache, env={"SLURM_JOB_ID": job_id}, under=["sh", "-c", cgroup.ENTER, str(group), *site.user])
        try:
            status = job.wait()
        finally:
            job.kill()
    jobs.check_status(job, status)
    site.check_nothing_is_left(directory)
    return job


def test_memory_is_measured_there(user):
    job = run(user, CHECKS)
    assert job.passed, job.log
    assert re.search(f"^debug memory is measured in Slurm's group .*/{LEAF}$", job.log, re.MULTILINE)
    used = {name: memory / MIB for name, (memory, _) in sandboxed.measured(job).items()}
    for name, mib in {"test_process[50]": 50, "test_process[200]": 200, "test_process[16]": 16, "test_process[100]": 100}.items():
        assert abs(used[name] - used["test_start"] - mib) <= 0.1 * mib + 4, (name, used)
    assert 58 <= used["test_file"] <= 70 and used["test_after_file"] <= 4, used


def test_what_its_limit_ends_has_a_sentence(user):
    job = run(user, HUNGRY, "--memory", "128M", mib=384)
    assert job.result["errorDetails"] == "The limit of 384 MB of memory for all of the job was reached: 1 processes were killed"
    tests = sandboxed.outcomes_of(job)
    assert tests["test_before"][0] and "ended with -9" in tests["test_hungry"][1] and not job.result["isError"]


def test_a_lower_limit_than_ours_is_a_fault_of_the_machine(user):
    job = run(user, CHECKS, mib=500)
    assert job.error == "Slurm limits the job to 500 MB of memory, less than the 1024 MB of --memory: the operator should raise " \
        "--mem in --slurm-args"


def test_another_job_s_group_is_not_ours(user):
    """As if the job had left its Slurm group for another job's."""
    job = run(user, CHECKS, mib=500, job_id="8")
    assert job.passed and {test["memoryUsed"] for test in job.tests.values()} == {0}
    assert "and none of Slurm's: memoryUsed is 0" in job.log
