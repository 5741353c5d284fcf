"""Each option of ostest-runner has an effect: these tests fail if it has none.

test_option_sources.py tests the sources of values, test_signals.py --drain-timeout, test_journal.py
--task-tries, test_login.py login and password.
"""

import signal
import socket
import subprocess

import pytest

from harness import CLEAN_ENV, git, task, wait_until


def descriptions(result):
    return [test["description"] for test in result["testResults"]]


# ---- the backend ----

@pytest.mark.parametrize("end", ["", "/", "//"])
def test_backend_url(start_mock, start_runner, end):
    mock = start_mock("--get-api", "/ostest/api/task/available", "--post-api", "/ostest/api/task/result", tasks=[task(1)])
    runner = start_runner(None, "--backend-url", f"{mock.url}/ostest{end}", "--mock", "--once")
    assert runner.wait() == 0 and mock.state()["results"] == 1


def test_paths_of_the_backend(start_mock, start_runner):
    apis = ("--get-api", "/give", "--post-api", "/take", "--attempt-api", "/ask", "--login-api", "/hello", "--token-refresh-api", "/again")
    mock = start_mock("--auth", *apis, tasks=[])
    runner = start_runner(mock, "--auth", "--mock", "--once", "--refresh-time", "0.1", *apis)
    mock.state(logins=1, refreshes=1)
    mock.add(task(1))
    assert runner.wait() == 0
    assert set(mock.state()["requests"]) == {"/give", "/take", "/ask", "/hello", "/again"}


def test_no_login_without_auth(start_mock, start_runner):
    mock = start_mock(tasks=[task(1)])
    assert start_runner(mock, "--mock", "--once").wait() == 0
    assert mock.state()["logins"] == 0


def test_check_interval(start_mock, start_runner):
    mock = start_mock(tasks=[])
    first = mock.state()["now_ms"]
    start_runner(mock, "--check-interval", "0.3")
    last = mock.state(requests_total=5)["now_ms"]
    assert 4 * 270 - 50 <= last - first < 4 * 4500  # the default's jitter ends at 4500


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_concurrent(start_mock, start_runner, small, barrier, tmp_path, slots):
    book = tmp_path / "book"
    student = small.student(script=f"echo + >>'{book}'; {barrier.script}; echo - >>'{book}'")
    mock = start_mock(tasks=[task(i, student) for i in range(5)])
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", slots, "--max-tasks", 5)
    barrier.wait(slots)
    assert mock.state()["claimed"] == slots
    barrier.open(5)
    assert runner.wait() == 0 and mock.state()["results"] == 5
    depth, depths = 0, []
    for line in book.read_text().splitlines():
        depth += 1 if line == "+" else -1
        depths.append(depth)
    assert max(depths) == slots


@pytest.mark.parametrize("options, count", [(["--once"], 1), (["--max-tasks", 2], 2)])
def test_stops_after_so_many_tasks(start_mock, start_runner, options, count):
    mock = start_mock(tasks=[task(i) for i in range(4)])
    assert start_runner(mock, "--mock", "--concurrent", 4, *options).wait() == 0
    state = mock.state()
    assert (state["claimed"], state["results"], state["tasks_left"]) == (count, count, 4 - count)


def test_mock(run_tasks):
    tasks = [task(1, "https://example.org/proxy-anton.git"), task(2, "https://example.org/proxy-other.git")]
    results = run_tasks(tasks, "https://example.org/none.git", "--mock")
    assert not results[1]["isPassed"] and results[1]["errorDetails"] == ""
    assert {test["isPassed"] for test in results[1]["testResults"]} == {True, False}
    assert results[2]["isPassed"] and results[2]["testResults"]


# ---- tasks and their runs ----

def test_tests_branch(run_tasks, small, make_repo):
    suite = make_repo("two", {"ostest-suite.conf": "command = sh {src}/run.sh {report}\n"})
    git("checkout", "--quiet", "-b", "old/2024", cwd=suite.path)
    suite.commit({"ostest-suite.conf": "command = sh -c 'exit 7'\n"})
    git("checkout", "--quiet", "main", cwd=suite.path)
    student = small.student()
    assert run_tasks([task(1, student)], suite)[1]["isPassed"]
    assert "exit status 7" in run_tasks([task(2, student)], suite, "--tests-branch", "old/2024")[2]["errorDetails"]


def test_check_proc_interval(run_tasks, small):
    student = small.student(script="sleep 2")

    def samples(interval):
        run_tasks([task(1, student)], small.suite, "--check-proc-interval", interval)
        return int(run_tasks.log.split(" samples=")[1].split()[0])
    assert samples(0.01) >= 40  # the default gives 21 at most
    assert samples(60) == 1


def test_timeout_of_a_clone(run_tasks):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections, sends nothing
        url = f"git://127.0.0.1:{silent.getsockname()[1]}/student.git"
        result = run_tasks([task(1, url)], "/none", "--timeout", "2")[1]
    assert "Cloning" in result["errorDetails"] and "took longer than 2 s" in result["errorDetails"]


def test_timeout_of_a_test_run(run_tasks, small, barrier):
    student = small.student(script=barrier.script)
    result = run_tasks([task(1, student)], small.suite, "--timeout", "0.5")[1]
    assert result["isError"] and "took longer than 0.5 s" in result["errorDetails"]


def test_timeout_zero_is_no_limit(run_tasks, small):
    assert run_tasks([task(1, small.student())], small.suite, "--timeout", 0)[1]["isPassed"]


RUN_TESTS = """\
import os, sys
if "--help" in sys.argv:
    sys.exit(print("--src SRC  --junit-xml FILE  --proxy_timeout SECONDS"))
report = [word for word in sys.argv if word.startswith("--junit-xml=")][0].split("=")[1]
said = " ".join(sys.argv + [sys.prefix, os.environ.get("WRAPPED", "")])
open(report, "w").write(f"<testsuite><testcase name='said'><failure>{said}</failure></testcase></testsuite>")
"""


@pytest.mark.parametrize("options, said", [([], "--proxy_timeout=10"), (["--proxy-timeout", 7], "--proxy_timeout=7"),
                                           (["--proxy-timeout", 0], None)])
def test_proxy_timeout(run_tasks, make_repo, small, options, said):
    suite = make_repo("suite", {"run_tests.py": RUN_TESTS})
    text = descriptions(run_tasks([task(1, small.student())], suite, *options)[1])[0]
    assert said in text.split() if said else "--proxy_timeout" not in text


def test_python(run_tasks, make_repo, small, tmp_path):
    """The Python of a venv: its packages are used."""
    other = tmp_path / "other"
    subprocess.run(["/usr/bin/python3", "-I", "-m", "venv", "--without-pip", "--system-site-packages", other], check=True, env=CLEAN_ENV)
    [place] = other.glob("lib/python3*/site-packages")
    (place / "mark.pth").write_text("import os; os.environ['WRAPPED'] = 'by-other'\n")
    suite = make_repo("suite", {"run_tests.py": RUN_TESTS})
    result = run_tasks([task(1, small.student())], suite, "--python", other / "bin" / "python")[1]
    assert "by-other" in descriptions(result)[0]


@pytest.mark.parametrize("mode, calls", [("auto", "-c -m"), ("system", "-c"), ("venv", "-m")])
def test_env(run_tasks, make_repo, small, tmp_path, mode, calls):
    """-c checks whether the Python's packages suffice, -m venv starts a build."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$2" >>{tmp_path}/calls\n[ "$2" = -c ] && echo "missing it: not installed" || exit 3\n')
    python.chmod(0o755)
    suite = make_repo("suite", {"run_tests.py": RUN_TESTS})
    result = run_tasks([task(1, small.student())], suite, "--env", mode, "--python", python)[1]
    assert result["isError"] and (tmp_path / "calls").read_text().split() == calls.split()


def test_git_protocols(run_tasks, small):
    student = f"file://{small.student()}"
    result = run_tasks([task(1, student)], small.suite, "--git-protocols", "https,ssh")[1]
    assert result["isError"] and "https,ssh" in result["errorDetails"]
    assert run_tasks([task(2, student)], small.suite, "--git-protocols", "file")[2]["isPassed"]


def test_output(run_tasks, small):
    student = small.student(script="head -c 9000 /dev/zero | tr '\\0' x")
    assert run_tasks([task(1, student)], small.suite, "--output", "4K")[1]["isPassed"]
    assert " 4904 bytes were dropped" in run_tasks.log
    run_tasks([task(2, student)], small.suite, "--output", "9K")
    assert "dropped" not in run_tasks.log


def test_disk(run_tasks, small, make_repo):
    big = make_repo("big", {"run.sh": small.student().path.joinpath("run.sh").read_text(), "data": bytes(2 << 20)})
    result = run_tasks([task(1, big)], small.suite, "--disk", "1M")[1]
    assert result["isError"] and "at most 1 MB" in result["errorDetails"]
    assert run_tasks([task(2, big)], small.suite, "--disk", "4M")[2]["isPassed"]


def test_memory_unit_reaches_the_job(start_mock, start_runner, tmp_path):
    mock = start_mock(tasks=[task(1)])
    assert start_runner(mock, "--mock", "--once", "--memory-unit", "KB").wait() == 0
    assert "memory-unit = KB" in (tmp_path / "state" / "job.conf").read_text().splitlines()


# ---- the log ----

def test_logger_level(start_mock, start_runner):
    def words(level):
        mock = start_mock("--faults", "get:503,post:404", tasks=[task(1)])
        runner = start_runner(mock, "--mock", "--once", "--logger-level", level)
        assert runner.wait() == 0
        return {line.split()[1] for line in runner.lines if line}
    assert words("debug") >= {"INFO", "WARNING", "ERROR"}
    assert words("info") == {"INFO", "WARNING", "ERROR"}
    assert words("warning") == {"WARNING", "ERROR"}
    assert words("error") == {"ERROR"}
    assert words("critical") == set()


def test_logger_level_debug_shows_the_suite_s_command(run_tasks, small):
    run_tasks([task(1, small.student())], small.suite, "--logger-level", "debug")
    assert " DEBUG task=1 command line=sh " in run_tasks.log


def test_logger_output_is_appended_to(start_mock, start_runner, tmp_path):
    log = tmp_path / "runner.log"
    log.write_text("a line from yesterday\n")
    runner = start_runner(start_mock(tasks=[task(1)]), "--mock", "--once", "--logger-output", log)
    assert runner.wait() == 0
    lines = log.read_text().splitlines()
    assert lines[0] == "a line from yesterday" and any("task=1 claimed" in line for line in lines)
    assert runner.log == ""


def test_sighup_reopens_the_log(start_mock, start_runner, tmp_path):
    log, old = tmp_path / "runner.log", tmp_path / "runner.log.1"
    mock = start_mock(tasks=[task(1)])
    runner = start_runner(mock, "--mock", "--max-tasks", 2, "--logger-output", log)
    mock.state(results=1)
    wait_until(lambda: "task=1 delivered" in log.read_text(), "the last line of the first task does not come")
    log.rename(old)
    runner.signal(signal.SIGHUP)
    mock.add(task(2))
    assert runner.wait() == 0
    assert "task=1 claimed" in old.read_text() and "task=2 done" in log.read_text()
    assert "task=1" not in log.read_text() and "task=2 done" not in old.read_text()
