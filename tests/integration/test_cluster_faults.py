"""Faults that a real Slurm does not show on demand: its commands are scripts here, everything else
is real.

script/test-cluster tests a real Slurm, with faults of nodes, controllers and jobs.
"""

import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
import urllib.error
import urllib.request

import pytest

import harness

# "Nodes" are processes of this machine; squeue has a job for each file in queue/, with its state as
# text.
SBATCH = """#!/bin/sh
cd "$SLURM_FAKE" || exit 1
echo "$*" >>sbatch.calls
say() { echo "$1" >"$name.$$" && mv "$name.$$" "queue/$name"; }  # squeue must not see an empty file
for word; do
    case $word in
    --test-only) exit 0 ;;
    --job-name=*) name=${word#*=} ;;
    -*) ;;
    *) break ;;
    esac
    shift
done
[ ! -e sbatch.refuses ] || { echo "sbatch: error: Batch job submission failed: $(cat sbatch.refuses)" >&2; exit 1; }
echo x >>ids
id=$(wc -l <ids)
say PENDING
if [ -e hold ]; then :; else
    (say RUNNING; sh ./run "$@" </dev/null >/dev/null 2>&1; say COMPLETED) &
fi
[ ! -e sbatch.lies ] || { rm sbatch.lies; echo "sbatch: error: Socket timed out on send/recv operation" >&2; exit 1; }
echo "$id"
"""
SQUEUE = """#!/bin/sh
cd "$SLURM_FAKE" || exit 1
echo "$*" >>squeue.calls
[ ! -e squeue.refuses ] || { echo "slurm_load_jobs error: Unable to contact slurm controller (connect failure)" >&2; exit 1; }
[ ! -e squeue.warns ] || echo "squeue: warning: a|b|c"
for file in queue/*; do
    [ ! -e "$file" ] || echo "7|$(cat "$file")|n1|None|${file#queue/}"
done
"""
SCANCEL = """#!/bin/sh
cd "$SLURM_FAKE" || exit 1
echo "$*" >>scancel.calls
for word; do
    case $word in --name=*) echo CANCELLED >"queue/${word#*=}" ;; esac
done
"""
RUN = 'exec sh "$@"\n'  # the script given to sbatch, the directory of the attempt, and the other arguments

# Runs the job in a directory next to its own, to change its files before the runner sees them; then
# moves them.
ASIDE = """d=$2; aside=$2.aside; shift 2
mkdir "$aside" && cp "$d/task.json" "$aside/"
words=
for word; do [ "$word" != "$d" ] || word=$aside; words="$words $word"; done
$words >"$aside/job.log" 2>&1
"""
MOVE = 'for name in begun result.json end; do mv "$aside/$name" "$d/"; done; rm -r "$aside"'


class Slurm:
    def __init__(self, directory):
        self.dir = directory / "slurm"
        (self.dir / "queue").mkdir(parents=True)
        self.write("run", RUN)
        for name, text in {"sbatch": SBATCH, "squeue": SQUEUE, "scancel": SCANCEL}.items():
            self.write(f"bin/{name}", text)
        self.env = {"SLURM_FAKE": str(self.dir), "PATH": f"{self.dir}/bin:{os.environ['PATH']}"}

    def write(self, name, text=""):
        path = self.dir / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def remove(self, name):
        (self.dir / name).unlink()

    def calls(self, name):
        path = self.dir / f"{name}.calls"
        return path.read_text().splitlines() if path.exists() else []

    def wait_calls(self, name, count):
        """Waits until the command was called `count` times. Polls, since its script has no
        event."""
        harness.wait_until(lambda: len(self.calls(name)) >= count, f"{name} was called less than {count} times")

    def own_name(self):
        """Returns the prefix of the names of the runner's jobs."""
        return re.match(r"ostest-[0-9a-f]{16}", self.submissions()[0].split("--job-name=")[1])[0]

    def submissions(self):
        return [call for call in self.calls("sbatch") if "--test-only" not in call]


@pytest.fixture
def slurm(tmp_path):
    return Slurm(tmp_path)


@pytest.fixture
def start(slurm, small, start_mock, start_runner):
    """start(tasks, option…): starts a mock and a runner on this cluster. Returns both."""
    def go(tasks, *options, env=None, mock=None, **named):
        mock = mock or start_mock(tasks=tasks)
        runner = start_runner(mock, "--tests-url", small.suite, "--executor", "slurm", "--slurm-poll", "0.2", "--slurm-grace", "1",
                              *options, env=slurm.env | (env or {}), **named)
        return mock, runner
    return go


def test_an_sbatch_that_failed_may_have_been_heard(start, slurm, small):
    """The job is found by its name, so it is submitted only once."""
    slurm.write("sbatch.lies")
    mock, runner = start([harness.task(1, small.student())], "--once")
    assert runner.wait() == 0, runner.log
    assert mock.results()[0]["isPassed"]
    assert len(slurm.submissions()) == 1
    assert "Socket timed out" in runner.log


def test_claims_go_on_once_a_job_whose_sbatch_failed_is_found(start, slurm, small):
    """Even if it waits in the queue for a long time: the failure costs only a query."""
    slurm.write("sbatch.lies")
    slurm.write("hold")
    mock, runner = start([harness.task(1, small.student())], "--concurrent", 2, "--slurm-poll", 1)
    runner.wait_log("Socket timed out")
    slurm.wait_calls("squeue", len(slurm.calls("squeue")) + 2)
    mock.add(harness.task(2, small.student()))
    runner.wait_log("task=2 claimed")


def test_an_sbatch_that_failed_is_repeated_under_the_same_name(start, slurm, small):
    slurm.write("sbatch.refuses", "Invalid account")
    mock, runner = start([harness.task(1, small.student()), harness.task(2, small.student())], "--concurrent", 2)
    runner.wait_log("ERROR.*Slurm command failed: .*Invalid account")
    runner.wait_log("task=1 claimed")
    slurm.remove("sbatch.refuses")
    runner.wait_log("Slurm accepts jobs again")
    assert all(result["isPassed"] for result in mock.results(2))
    assert runner.stop() == 0, runner.log
    names = {word for call in slurm.submissions() for word in call.split() if word.startswith("--job-name=")}
    assert len(names) == 2 < len(slurm.submissions())


def test_no_task_is_claimed_before_slurm_has_answered(start, slurm, small):
    """/readyz reports the reason."""
    slurm.write("squeue.refuses")
    mock, runner = start([harness.task(1, small.student())], "--http", "127.0.0.1:0")
    page = runner.wait_log("status page url=").split("url=")[-1]
    runner.wait_log("Unable to contact slurm controller")
    assert mock.state()["claimed"] == 0
    with pytest.raises(urllib.error.HTTPError, match="503") as refused:
        urllib.request.urlopen(page + "readyz", timeout=harness.TIMEOUT)
    assert b"Unable to contact slurm controller" in refused.value.read()
    slurm.remove("squeue.refuses")
    assert mock.results(1)[0]["isPassed"]
    urllib.request.urlopen(page + "readyz", timeout=harness.TIMEOUT).close()
    assert runner.stop() == 0, runner.log


def test_a_result_that_comes_late_is_waited_for(start, slurm, small, tmp_path, barrier):
    """As over NFS: Slurm reports the end of the job before its files are visible."""
    slurm.write("run", f"{ASIDE}({barrier.script}; {MOVE}) >/dev/null 2>&1 &\n")
    mock, runner = start([harness.task(1, small.student())], "--once", "--slurm-grace", "60")
    barrier.wait()
    slurm.wait_calls("squeue", len(slurm.calls("squeue")) + 3)  # it keeps polling
    assert mock.state()["results"] == 0
    barrier.open()
    assert runner.wait() == 0, runner.log
    assert mock.results()[0]["isPassed"] and len(slurm.submissions()) == 1


@pytest.mark.parametrize("damage", ["printf x >>result.json", "truncate -s -1 result.json", "rm result.json",
                                    "sed -i s/true/TRUE/ result.json", "sed -i s/lease=./lease=g/ end", "truncate -s 20 end"])
def test_a_result_that_is_not_whole_is_none(start, slurm, small, damage):
    """The result of the first attempt is damaged before the runner sees it."""
    slurm.write("run", f'mkdir first 2>/dev/null || exec sh "$@"\n{ASIDE}(cd "$aside" && {damage})\n{MOVE}\n')
    mock, runner = start([harness.task(1, small.student())], "--once")
    assert runner.wait() == 0, runner.log
    assert mock.results()[0]["isPassed"]
    assert len(slurm.submissions()) == 2
    runner.wait_log("the job died .* without a result")


def test_a_job_that_vanishes_before_it_began_is_submitted_again(start, slurm, small):
    slurm.write("hold")
    mock, runner = start([harness.task(1, small.student())], "--once")
    runner.wait_log("submitted job=1 ")
    slurm.remove("hold")
    for path in (slurm.dir / "queue").iterdir():
        path.unlink()
    runner.wait_log("Slurm forgot the job before it began: it is submitted again")
    assert runner.wait() == 0, runner.log
    leases = {line.split("lease=")[1] for line in runner.hits(" submitted job=")}
    assert mock.results()[0]["isPassed"] and len(leases) == 1


@pytest.mark.parametrize("word", ["TIMEOUT", "OUT_OF_MEMORY", "PREEMPTED", "BOOT_FAIL"])
def test_what_became_of_a_job_stands_in_the_result(start, slurm, small, word):
    """Slurm ends each attempt. A real one would take a minute, or need memory constraints or
    priorities."""
    slurm.write("hold")
    slurm.write("bin/squeue", SQUEUE.replace("$(cat \"$file\")", word))
    mock, runner = start([harness.task(1, small.student())], "--once")
    assert runner.wait() == 0, runner.log
    result = mock.results()[0]
    assert result["isError"] and not result["isPassed"]
    assert result["errorDetails"] == ("The task was started 2 times, and each time the runner or its job died before the end; "
                                      f"the last time: Slurm says {word} of job 7 on n1")


def slots_on(page):
    with urllib.request.urlopen(page + "api/status.json", timeout=harness.TIMEOUT) as answer:
        return json.load(answer)["slots"]


def test_what_a_job_logs_comes_while_it_runs(start, slurm, small, barrier, tmp_path):
    """It appears in the runner's log and on the page; a runner that finds the job again starts with
    its first line."""
    mock, runner = start([harness.task(1, small.student("pass", barrier.script))], "--http", "127.0.0.1:0")
    barrier.wait()
    runner.wait_log("task=1 running the tests")
    page = runner.wait_log("status page url=").split("url=")[-1]
    harness.wait_until(lambda: [slot["stage"] for slot in slots_on(page)][:1] == ["test"], "the page shows no test")
    runner.kill()
    _, runner = start([], mock=mock)
    runner.wait_log("task=1 running the tests")
    barrier.open()
    assert mock.results(1)[0]["isPassed"]
    assert runner.stop() == 0, runner.log
    log = next(tmp_path.glob("state/kept/*/job.log")).read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in log if "running" in line] == ["info running the tests kind=manifest venv=no"]
    assert len(slurm.submissions()) == 1


def test_a_lease_that_cannot_be_read_now_costs_nothing(start, slurm, small, barrier, tmp_path):
    """As while a network file system is unavailable: the job that it names is neither cancelled nor
    started again."""
    (tmp_path / "other").mkdir()
    with contextlib.closing(harness.Barrier(tmp_path / "other")) as other:
        mock, runner = start([harness.task(number, small.student("pass", place.script)) for number, place in enumerate((barrier, other))])
        barrier.wait()
        other.wait()
        runner.kill()
        lease = tmp_path / "state" / "jobs" / "000000000002-1" / "lease"
        text = lease.read_text()
        lease.unlink()
        lease.symlink_to(lease.name)  # a loop
        _, runner = start([], "--concurrent", 1, mock=mock)
        runner.wait_log("may be in the cluster from an earlier run")
        slurm.wait_calls("squeue", len(slurm.calls("squeue")) + 4)
        barrier.open()
        runner.wait_log("cannot use the state directory: Cannot open .*/lease")
        whole = lease.with_name("whole")
        whole.write_text(text)
        whole.replace(lease)  # a missing lease counts as none
        other.open()
        assert all(result["isPassed"] for result in mock.results(2))
        assert runner.stop() == 0, runner.log
    assert len(slurm.submissions()) == 2 and not slurm.calls("scancel")


@pytest.mark.parametrize("told, said", [("debug command\tline=sh /secret/path", ""),
                                        ("error Cannot clone\ninfo ended", "; the job's last complaint: Cannot clone")])
def test_a_result_tells_of_the_jobs_last_complaint(start, slurm, small, told, said):
    """Not its last line, which may be meant for the operator."""
    slurm.write("told", f"{told}\n")
    slurm.write("run", 'cat told >>"$2/job.log"\n')
    mock, runner = start([harness.task(1, small.student())], "--once")
    assert runner.wait() == 0, runner.log
    assert mock.results()[0]["errorDetails"].endswith(f"the last time: Slurm says COMPLETED of job 7 on n1{said}")


def test_there_are_descriptors_for_all_slots(start, slurm, small):
    """Each slot has an open log, and 1024 slots would need all descriptors of the usual limit."""
    slurm.write("hold")
    mock, runner = start([harness.task(number, small.student()) for number in range(60)], "--concurrent", 60,
                         prefix=["prlimit", "--nofile=50:500"])
    runner.wait_log(" submitted job=", 60)
    assert "Too many open files" not in runner.log


def test_a_warning_of_squeue_is_no_job(start, slurm, small):
    slurm.write("squeue.warns")
    mock, runner = start([harness.task(1, small.student())], "--once")
    assert runner.wait() == 0, runner.log
    assert mock.results()[0]["isPassed"]


def test_half_an_answer_of_squeue_is_none(start, slurm):
    """Jobs after the part that is read would seem to be gone."""
    slurm.write("bin/squeue", "#!/bin/sh\nyes | head -c 17000000\n")
    _, runner = start([])
    runner.wait_log("ERROR squeue tells of more jobs than can be read")
    assert runner.stop() == 0


def test_jobs_of_others_are_never_cancelled(start, slurm, small, barrier):
    """Only jobs that this runner has submitted and no longer needs."""
    for name in ["wrap", "ostest-0123456789abcdef-000000000001-1-0123456789abcdef"]:
        slurm.write(f"queue/{name}", "RUNNING")
    mock, runner = start([harness.task(1, small.student("pass", barrier.script))])
    barrier.wait()
    own = slurm.own_name()
    stale = [f"{own}-000000000001-1-{number:016x}" for number in range(3)]
    slurm.write("squeue.refuses")
    runner.wait_log("Unable to contact slurm controller")
    for name in stale:  # every answer has all of them
        slurm.write(f"queue/{name}", "PENDING")
    slurm.remove("squeue.refuses")
    runner.wait_log("cancelling 3 orphaned jobs in the cluster")
    slurm.wait_calls("scancel", 3)
    barrier.open()
    mock.results(1)
    assert runner.stop() == 0
    calls = dict.fromkeys(slurm.calls("scancel"))  # cancelled twice if an answer was pending at the time
    assert list(calls) == [f"--user={os.geteuid()} --name={name}" for name in stale]


def test_a_copied_state_directory_is_another_runners(start, slurm, small, barrier, tmp_path):
    """As for a second runner with the first one's caches: neither cancels the other's jobs."""
    _, runner = start([])
    runner.wait_log("ostest-runner")
    runner.stop()
    shutil.copytree(tmp_path / "state", tmp_path / "copy")
    mock, runner = start([harness.task(1, small.student("pass", barrier.script))])
    barrier.wait()
    idle, other = start([], state=tmp_path / "copy")
    idle.state(requests_total=1)  # the other has received its first answer of squeue
    slurm.wait_calls("squeue", len(slurm.calls("squeue")) + 8)
    barrier.open()
    assert mock.results(1)[0]["isPassed"]
    assert not slurm.calls("scancel") and runner.stop() == other.stop() == 0


def test_doctor_and_a_runner_do_not_meet(start, slurm, small, barrier, tmp_path):
    """On one state directory: the runner does not touch the probes, nor doctor the files of the
    runner's jobs."""
    slurm.write("bin/sinfo", "#!/bin/sh\necho 'n1|idle'\n")
    slurm.write("run", f'case "$*" in *--probe=*) {barrier.script} ;; esac\n{RUN}')
    mock, runner = start([harness.task(1, small.student("pass", barrier.script))])
    barrier.wait()
    shared = {path: path.stat().st_ino for path in (tmp_path / "state").glob("cluster-*")}
    words = [harness.RUNNER, "doctor", "--executor", "slurm", "--state-dir", tmp_path / "state", "--tests-url", small.suite, "--git-protocols",
             "file", "--sandbox", "none", "--backend-url", mock.url]
    doctor = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, text=True, env=harness.GIT_ENV | slurm.env)
    barrier.wait()  # its probe
    slurm.wait_calls("squeue", len(slurm.calls("squeue")) + 4)
    assert not slurm.calls("scancel")
    barrier.open(2)
    words = doctor.communicate(timeout=harness.TIMEOUT)[0]
    assert doctor.returncode == 0 and "ok    node       n1: " in words, words
    assert shared == {path: path.stat().st_ino for path in (tmp_path / "state").glob("cluster-*")}
    assert mock.results(1)[0]["isPassed"]
    assert runner.stop() == 0


def test_settings_of_the_user_do_not_hide_jobs(start, slurm, small, tmp_path):
    """Settings for squeue, scancel and sinfo in the environment are removed; those for sbatch stay,
    such as an account."""
    for name in ("sbatch", "squeue"):
        slurm.write(f"bin/{name}", (slurm.dir / "bin" / name).read_text().replace("cd ", f"env >>'{tmp_path}/seen'; cd ", 1))
    settings = dict.fromkeys(("SQUEUE_PARTITION", "SQUEUE_STATES", "SCANCEL_STATE", "SBATCH_ARRAY_INX", "SBATCH_WAIT"), "seen-by-slurm")
    mock, runner = start([harness.task(1, small.student())], "--once", env=settings | {"SBATCH_ACCOUNT": "os"})
    assert runner.wait() == 0, runner.log
    seen = (tmp_path / "seen").read_text()
    assert "SBATCH_ACCOUNT=os" in seen and "seen-by-slurm" not in seen


def test_a_start_without_slurms_commands_says_what_to_install(start, small, tmp_path):
    (tmp_path / "empty").mkdir()
    _, runner = start([], env={"PATH": str(tmp_path / "empty")})
    assert runner.wait() == 1
    assert "sbatch is missing here; install it: apt-get install slurm-client" in runner.log


def test_a_start_is_refused_where_slurm_would_refuse_each_job(start, slurm):
    slurm.write("bin/sbatch", "#!/bin/sh\necho 'allocation failure: Invalid partition name specified' >&2; exit 1\n")
    _, runner = start([])
    assert runner.wait() == 1
    assert "Slurm would not take a task's job (--slurm-args, --memory, --cpus, --timeout): sbatch failed: allocation failure: " \
        "Invalid partition name specified" in runner.log


@pytest.mark.parametrize("words", ["sbatch: error: Unable to contact slurm controller (connect failure)", ""])
def test_a_start_is_not_refused_while_slurm_is_away(start, slurm, small, words):
    slurm.write("bin/sbatch", f"#!/bin/sh\n{f'echo {words!r} >&2; ' if words else ''}exit 1\n")
    mock, runner = start([harness.task(1, small.student())], "--once")
    runner.wait_log(f"WARNING sbatch failed: {re.escape(words) or 'it said nothing'}")
    slurm.write("bin/sbatch", SBATCH)
    assert runner.wait() == 0, runner.log
    assert mock.results()[0]["isPassed"]


def test_no_secret_reaches_the_cluster(start, slurm, small, tmp_path):
    """Neither command lines nor the environment of jobs have the password."""
    slurm.write("run", f"env >'{tmp_path}/seen'; tr '\\0' ' ' </proc/$PPID/cmdline >>'{tmp_path}/seen'; exec sh \"$@\"\n")
    mock, runner = start([harness.task(1, small.student())], "--once", env={"OSTEST_PASSWORD": "hunter2hunter2"})
    assert runner.wait() == 0, runner.log
    seen = (tmp_path / "seen").read_text() + "".join(slurm.calls("sbatch"))
    assert "SLURM_FAKE" in seen and "hunter2" not in seen


@pytest.mark.parametrize("args", ["--array=1-3", "--wait", "short"])
def test_arguments_that_would_make_something_else_of_a_job_are_refused(start, args):
    _, runner = start([], f"--slurm-args={args}")
    assert runner.wait() == 2
    assert "--slurm-args" in runner.log and "options of sbatch" in runner.log
