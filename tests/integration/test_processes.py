"""Processes, output and files of a test run: stopped in time, limited, cleaned up; and stopping a
job."""

import contextlib
import os
import signal
import time

import pytest

import harness
from jobs import STOPPED, entries, opening_of, printing

# Started by a suite; each reports through the gate that it runs, and then only SIGKILL ends it.
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"


def told(gate):
    return f"open({str(gate.path)!r}, 'w').write(f'{{os.getpid()}}\\n')\n"


def forever():
    return "while True: time.sleep(1000)\n"


def is_alive(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "XZ"
    return False


DAEMON = """
def daemon(work):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            work()
            os._exit(0)
        os._exit(0)
    os.wait()
"""


# ---- the timeout


def test_a_run_that_hangs_is_ended(run_job, student, make_suite, make_gate):
    gate = make_gate()
    job = run_job(student, make_suite("write()\n" + told(gate) + forever()), "--timeout", 5)
    assert "took longer than 5 s" in job.error and list(job.tests) == ["one"] and job.cause == job.error
    assert 5000 <= job.result["duration"] < 20_000
    assert not is_alive(int(gate.wait()))


def test_a_run_that_ignores_sigterm_is_killed(run_job, student, make_suite, make_gate):
    gate = make_gate()
    job = run_job(student, make_suite(STUBBORN + told(gate) + forever()), "--timeout", 5)
    assert "took longer than" in job.error
    assert not is_alive(int(gate.wait()))


def test_a_run_has_a_moment_to_end_itself(run_job, student, make_suite):
    """pytest writes its report when it is stopped; the run is still an error."""
    code = "signal.signal(signal.SIGTERM, lambda *_: (write(), sys.exit(0)))\n" + forever()
    job = run_job(student, make_suite(code), "--timeout", 5)
    assert "took longer than" in job.error and list(job.tests) == ["one"]


@pytest.mark.parametrize("ends", ["by-itself", "by-the-limit"])
def test_a_grandchild_in_a_session_of_its_own_goes_too(run_job, student, make_suite, make_gate, ends):
    gate = make_gate()
    work = "def work():\n" + "".join(f"    {line}\n" for line in (STUBBORN + told(gate) + "open('there', 'w')\n" + forever()).splitlines())
    wait_for_it = "while not os.path.exists('there'): time.sleep(0.01)\n"
    code = DAEMON + work + "daemon(work)\nwrite()\n" + (forever() if ends == "by-the-limit" else wait_for_it)
    job = run_job(student, make_suite(code), "--timeout", 5 if ends == "by-the-limit" else 60)
    assert not is_alive(int(gate.wait()))
    if ends == "by-itself":
        assert job.passed and "1 processes outlived the tests" in job.log


def test_a_crowd_of_processes_goes_too(run_job, student, make_suite):
    code = """
for _ in range(50):
    if os.fork() == 0:
        os.setsid()
        time.sleep(1000)
        os._exit(0)
write()
"""
    job = run_job(student, make_suite(code))  # asserts that nothing remains
    assert job.passed and "50 processes" in job.log


def test_processes_that_keep_forking_go_too(run_job, student, make_suite):
    """Each lives only for a moment, and starts the next in its own session."""
    code = """
if os.fork() == 0:
    while True:
        if os.fork() == 0:
            os.setsid()
            continue
        os._exit(0)
write()
"""
    assert run_job(student, make_suite(code)).passed


def test_a_stopped_process_goes_too(run_job, student, make_suite):
    code = "pid = os.fork()\nif pid == 0:\n    os.kill(os.getpid(), signal.SIGSTOP)\nos.waitpid(pid, os.WUNTRACED)\nwrite()\n"
    assert run_job(student, make_suite(code)).passed


def test_zombies_are_reaped(run_job, student, make_suite):
    code = "for _ in range(100):\n    if os.fork() == 0: os._exit(0)\nwrite()\n"
    assert run_job(student, make_suite(code)).passed


def test_no_limit(run_job, student, make_suite):
    assert run_job(student, make_suite("time.sleep(0.3)\nwrite()"), "--timeout", 0).passed


# ---- pytest with the plugin


HANGS = """
import os, pytest, signal, time
def test_first(): pass
def test_failed(): assert 1 == 2
@pytest.mark.parametrize("x", ["a b"])
def test_hangs(x):
    HOW
def test_never(): pass
"""


@pytest.mark.parametrize("how, words", [("time.sleep(1000)", "took longer than 8 s"),
                                        ("os.kill(os.getpid(), signal.SIGSEGV)", "signal 11")])
def test_what_had_finished_before_the_end_is_reported(run_job, student, make_repo, how, words):
    job = run_job(student, make_repo("suite", {"test_a.py": HANGS.replace("HOW", how)}), "--timeout", 8)
    assert words in job.error and "test_hangs[a b]" in job.error
    assert {name: test["isPassed"] for name, test in job.tests.items()} == {
        "test_a::test_first": True, "test_a::test_failed": False, "test_a::test_hangs[a b]": False,
        "test_a::test_never": False}
    assert "assert 1 == 2" in job.tests["test_a::test_failed"]["description"]
    assert "not run" in job.tests["test_a::test_never"]["description"]


def test_a_test_that_ends_pytest_is_no_pass(run_job, student, make_repo):
    assert run_job(student, make_repo("suite", {"test_a.py": HANGS.replace("HOW", "os._exit(0)")})).error


def test_the_plugin_keeps_out_of_what_tests_start(run_job, student, make_repo):
    """A pytest in a test, and what a program inherits."""
    code = """
import os, subprocess, sys
def test_inner_pytest(tmp_path):
    (tmp_path / "test_b.py").write_text("def test_inner(): pass")
    subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)], check=True)
def test_descriptors():
    done = subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, stdout=subprocess.PIPE, text=True, check=True)
    assert "pipe:" in done.stdout and "socket:" not in done.stdout, done.stdout
"""
    job = run_job(student, make_repo("suite", {"test_a.py": code}))
    assert job.passed and sorted(job.tests) == ["test_a::test_descriptors", "test_a::test_inner_pytest"]


# ---- output


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_output_is_capped(run_job, student, make_suite, stream):
    code = f"chunk = b'x' * (1 << 20)\nfor _ in range(200): sys.{stream}.buffer.write(chunk)\nsys.{stream}.flush()\nwrite()"
    job = run_job(student, make_suite(code), "--output", "1M")
    assert job.passed
    assert (job.dir / f"{stream}.log").stat().st_size == 1 << 20
    assert f"{199 << 20} bytes were dropped" in job.log


def test_output_up_to_the_limit_is_kept_whole(run_job, student, make_suite):
    job = run_job(student, make_suite("print('x' * 2047)\nwrite()"), "--output", "2048")
    assert job.stdout == "x" * 2047 + "\n" and "dropped" not in job.log


def test_output_is_kept_as_it_is(run_job, student, make_suite):
    job = run_job(student, make_suite("sys.stdout.buffer.write(bytes(range(256)))\nprint('err', file=sys.stderr)\nwrite()"))
    assert (job.dir / "stdout.log").read_bytes() == bytes(range(256)) and job.stderr == "err\n"


def test_what_a_suite_prints_is_not_in_the_jobs_log(run_job, student, make_suite):
    job = run_job(student, make_suite("print('error forged', flush=True)\nprint('error forged', file=sys.stderr)\nwrite()"))
    assert "forged" not in job.log


def test_a_process_that_holds_the_output_open_does_not_hang_the_job(run_job, student, make_suite):
    began = time.monotonic()
    code = "subprocess.Popen(['sleep', '1000'], start_new_session=True)\nprint('done')\nwrite()"
    assert run_job(student, make_suite(code)).passed
    assert time.monotonic() - began < 20


def test_closed_streams(run_job, student, make_suite):
    assert run_job(student, make_suite("os.close(1)\nos.close(2)\ntime.sleep(0.1)\nwrite()")).passed


def test_stdin_is_at_its_end(run_job, student, make_suite):
    assert run_job(student, make_suite(printing("sys.stdin.read()"))).printed == ""


def test_there_is_no_terminal(run_job, student, make_suite):
    code = "try: os.open('/dev/tty', os.O_RDWR)\nexcept OSError: write()"
    assert run_job(student, make_suite(code)).passed


# ---- the directory


def test_the_directory_is_clean_after_the_run(run_job, student, make_suite):
    code = """
for place in [src, os.environ["HOME"], os.environ["TMPDIR"], "."]:
    os.makedirs(place + "/a/b/c")
    open(place + "/a/b/file", "w")
    os.chmod(place + "/a/b", 0)
    os.chmod(place, 0o500)
write()
"""
    job = run_job(student, make_suite(code))
    assert sorted(os.listdir(job.dir)) == ["result.json", "stderr.log", "stdout.log", "summary.json", "task.json"]


def test_a_deep_and_a_wide_tree_are_removed(run_job, student, make_suite):
    code = """
os.chdir(src)
for i in range(5000): open(str(i), "w")
for _ in range(1000):
    os.mkdir("d" * 50)
    os.chdir("d" * 50)
write()
"""
    assert run_job(student, make_suite(code)).passed


def test_a_suite_that_removes_its_own_tree(run_job, student, make_suite):
    assert run_job(student, make_suite("import shutil\nwrite()\nshutil.rmtree(os.getcwd())\nshutil.rmtree(src)")).passed


# ---- stopping a job: exit 75, no result, nothing left


def stopped(job, number=signal.SIGTERM):
    began = time.monotonic()
    assert job.stop(number) == STOPPED, job.log
    assert job.result is None
    assert time.monotonic() - began < 15
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_stopped_while_the_tests_run(start_job, student, make_suite, make_gate, number):
    gate = make_gate()
    job = start_job(student, make_suite("write()\n" + told(gate) + forever()))
    pid = int(gate.wait())
    assert stopped(job, number) and not is_alive(pid)


def test_stopped_while_stubborn_tests_run(start_job, student, make_suite, make_gate):
    gate = make_gate()
    job = start_job(student, make_suite(STUBBORN + told(gate) + forever()))
    pid = int(gate.wait())
    job.process.send_signal(signal.SIGTERM)
    assert stopped(job) and not is_alive(pid)  # stopped a second time


@pytest.mark.parametrize("whose", ["student", "suite", "both"])
def test_stopped_while_a_server_hangs(start_job, student, make_suite, git_server, whose):
    git_server.usual = git_server.hangs
    suite = make_suite()
    urls = [f"{git_server.url}/{repo.path.name}" if whose in (repo.path.name, "both") else str(repo)
            for repo in [student, suite]]
    job = start_job(*urls)
    git_server.wait_requests(2 if whose == "both" else 1)
    if whose == "suite":
        job.wait_log(f"fetched url={student} ")
    assert stopped(job)
    assert not [pid for pid in harness.processes_with(git_server.url) if is_alive(pid)]


def test_stopped_between_two_tries(start_job, student, make_suite, git_server):
    git_server.usual = lambda handler: handler.status(503)
    job = start_job(f"{git_server.url}/student", make_suite())
    git_server.wait_requests(1)
    assert stopped(job)


def test_stopped_while_the_help_is_asked_for(start_job, student, make_repo, make_gate):
    gate = make_gate()
    job = start_job(student, make_repo("suite", {"run_tests.py": "import os, time\n" + told(gate) + forever()}))
    pid = int(gate.wait())
    assert stopped(job) and not is_alive(pid)


@pytest.mark.parametrize("stage", ["question", "create", "install"])
def test_stopped_while_the_environment_is_made(start_job, student, make_suite, make_gate, tmp_path, cache, stage):
    gate = make_gate()
    hang = f"echo $$ > {gate.path}; exec sleep 1000"
    python = tmp_path / "python"
    python.write_text(f"""#!/bin/sh
case "$2 $3" in
"-c "*) {hang if stage == "question" else 'echo "missing x: not installed"'};;
"-m venv") {hang if stage == "create" else ""}
    mkdir -p "$4/bin"; printf '#!/bin/sh\\n{hang}\\n' > "$4/bin/python"; chmod +x "$4/bin/python";;
esac
""")
    python.chmod(0o755)
    suite = make_suite(files={"r.txt": "x\n"})
    suite.commit({"ostest-suite.conf": "command = true\nrequirements = r.txt\n"})
    job = start_job(student, suite, "--python", python)
    pid = int(gate.wait())
    assert stopped(job) and not is_alive(pid)
    assert not entries(cache / "envs")


def test_stopped_while_another_job_has_the_lock(start_job, student, make_suite, git_server, cache):
    """The second waits for the mirror that the first one creates."""
    git_server.faults = [git_server.hangs]
    suite = make_suite()
    first = start_job(f"{git_server.url}/student", suite)
    git_server.wait_requests(1)
    [lock] = cache.glob("repos/student-*.lock")
    with opening_of(lock) as wait_until_somebody_asks:
        second = start_job(f"{git_server.url}/student", suite)
        wait_until_somebody_asks()
    assert stopped(second) and len(git_server.requests) == 1
    assert stopped(first)


def test_a_stopped_job_can_be_started_again(start_job, student, make_suite, make_gate, tmp_path):
    gate = make_gate()
    suite = make_suite(f"if not os.path.exists({str(tmp_path / 'go')!r}):\n    " + told(gate) + "    " + forever() + "write()")
    job = start_job(student, suite, directory=tmp_path / "job")
    gate.wait()
    assert stopped(job)
    (tmp_path / "go").touch()
    job = start_job(student, suite, directory=tmp_path / "job")
    assert job.wait() == 0 and job.passed


def test_nothing_survives_a_killed_job_for_long(start_job, student, make_suite, make_gate):
    """The test run dies with the job even after SIGKILL, which leaves the job no time to act."""
    gate = make_gate()
    job = start_job(student, make_suite(STUBBORN + told(gate) + forever()))
    pid = int(gate.wait())
    job.kill()
    harness.wait_until(lambda: not is_alive(pid), "the test run has outlived its job")


def test_a_task_that_is_none(start_job, student, make_suite, tmp_path):
    (tmp_path / "job").mkdir()
    job = start_job({"repositoryUrl": "-x"}, make_suite(), directory=tmp_path / "job")
    assert job.wait() == 70 and job.result is None and "task.json" in job.log
