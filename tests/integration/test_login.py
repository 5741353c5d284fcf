"""The login: tokens are fetched, refreshed and replaced; secrets do not leak."""

import os
import pathlib
import re
import socket
import subprocess

import pytest

import harness
from harness import GIT_ENV, RUNNER, TIMEOUT, UNPRIVILEGED, processes_with, task

GET, LOGIN, REFRESH = "/api/task/available", "/api/v1/login", "/api/v1/auth/refresh"
TOKEN = re.compile(r"(?<![0-9a-f])[0-9a-f]{48}(?![0-9a-f])")  # a token of the mock; a git hash has 40 digits


@pytest.fixture
def start(start_mock, start_runner):
    """start(mock option…, runner=[…]): starts a mock that requires a login, without tasks, and a
    runner."""
    def go(*mock_options, runner=(), tasks=(), **named):
        mock = start_mock("--auth", *mock_options, tasks=list(tasks))
        return mock, start_runner(mock, "--auth", "--mock", *runner, **named)
    return go


def test_one_login_serves_all(start):
    mock, runner = start(tasks=[task(i) for i in range(5)], runner=["--max-tasks", 5])
    assert runner.wait() == 0
    state = mock.state()
    assert (state["logins"], state["refreshes"], state["results"]) == (1, 0, 5)
    assert set(state["requests"][GET]) == {"200"} and len(runner.hits("INFO Logged in")) == 1


def test_login_and_password(start):
    mock, runner = start("--user", "anna:se:cret=\u00e4 :ADMIN", tasks=[task(1)],
                         runner=["--login", "anna", "--password", "se:cret=\u00e4 ", "--once"])
    assert runner.wait() == 0 and mock.state()["results"] == 1


# ---- a rejected login ----

@pytest.mark.parametrize("options", [["--password", "WrongWord"], ["--login", "nobody"]])
def test_a_refused_login_is_said_once_and_does_not_hammer(start, options):
    mock, runner = start(tasks=[task(1)], runner=options)
    assert mock.state(requests_total=3)["now_ms"] >= 2 * 1000  # since before the first attempt
    runner.wait_log(" ERROR ")
    errors = runner.hits(" ERROR ")
    assert len(errors) == 1 and "refuses the login" in errors[0] and "--password-file" in errors[0]
    state = mock.state()
    assert set(state["requests"]) == {LOGIN} and "WrongWord" not in runner.log


def test_the_account_is_mended(start):
    mock, runner = start("--faults", "login:401", tasks=[task(1)], runner=["--once"])
    assert runner.wait() == 0
    assert mock.state()["results"] == 1 and mock.state()["requests"][LOGIN] == {"401": 1, "200": 1}


def test_stops_although_the_login_is_refused(start):
    mock, runner = start(runner=["--password", "wrong"])
    runner.wait_log("refuses the login")
    assert runner.stop() == 0


def test_a_token_that_is_never_taken(start):
    mock, runner = start("--faults", "get:401:*")
    assert mock.state(logins=3)["now_ms"] >= 2 * 1000  # since before the first attempt
    assert "401" in runner.wait_log(" (WARNING|ERROR) (?!students' code)")


# ---- the login fails temporarily ----

@pytest.mark.parametrize("fault", ["503", "429", "408", "301", "drop", "garbage", "truncated", "204", "huge=3000000"])
def test_login_with_trouble(start, fault):
    mock, runner = start("--faults", f"login:{fault}", tasks=[task(1)], runner=["--once"])
    assert "The login failed: " in runner.wait_log(" WARNING (?!students' code)")
    assert runner.wait() == 0 and mock.state()["results"] == 1


def test_retry_after_of_the_login(start):
    mock, runner = start("--faults", "login:503+2", tasks=[task(1)], runner=["--once"])
    assert mock.state(logins=1)["now_ms"] >= 2 * 1000  # since before the first attempt
    assert runner.wait() == 0


# ---- expired tokens ----

def test_refresh(start):
    mock, runner = start(runner=["--refresh-time", "0.2"])
    assert mock.state(refreshes=4)["now_ms"] >= 4 * 200  # since before the login
    mock.add(task(1))
    state = mock.state(results=1)
    assert state["logins"] == 1 and set(state["requests"][GET]) == {"200"}


def test_expired_token(start):
    mock, runner = start("--token-ttl", "2")  # a token that expires before its first use is an error
    mock.state(logins=2)
    mock.add(task(1))
    assert mock.state(results=1)["requests"][GET]["401"] >= 1
    assert not runner.hits(" (WARNING|ERROR) (?!students' code)")


def test_refreshing_in_time_keeps_the_token_fresh(start):
    mock, runner = start("--token-ttl", "3", runner=["--refresh-time", "0.2"])
    state = mock.state(refreshes=16)
    assert state["logins"] == 1 and "401" not in state["requests"][GET]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_refresh_logs_in_again(start, status):
    mock, runner = start("--faults", f"refresh:{status}", runner=["--refresh-time", "0.2"])
    mock.state(logins=2)
    assert "logging in again" in runner.wait_log("refresh token")
    mock.add(task(1))
    mock.state(results=1)


def test_two_restarts_of_the_backend_are_no_other_user(start):
    mock, runner = start("--faults", "refresh:401:2", runner=["--refresh-time", "0.2"])
    mock.state(refreshes=2)
    assert len(runner.hits("refresh token any more")) == 2 and not runner.hits("another runner")


def test_a_refresh_token_that_is_never_taken_is_not_used(start):
    mock, runner = start("--faults", "refresh:401:*", runner=["--refresh-time", "0.2"])
    told = runner.wait_log("WARNING .*refused the refresh token several times in a row")
    assert "restarts" in told and "another runner" in told
    mock.state(logins=6)
    assert mock.state()["requests"][REFRESH] == {"401": 3}


def test_a_401_without_a_reason_is_not_about_the_password(start_runner):
    """As the real backend answers a login while its database is unavailable."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        runner = start_runner(None, "--backend-url", f"http://127.0.0.1:{server.getsockname()[1]}", "--auth", "--mock")
        connection, _ = server.accept()
        with connection:
            request = b""
            while b"}" not in request:
                request += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 401 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        told = runner.wait_log("login failed: HTTP 401")
        assert " WARNING " in told and "database" in told and not runner.hits("password-file")
        runner.kill()


@pytest.mark.parametrize("fault, interval", [("503", 0.2), ("drop:2", 0.2), ("garbage", 0.2), ("half", 3)])
def test_refresh_with_trouble_goes_on_with_the_old_token(start, fault, interval):
    """Until the next refresh, which must fail because the truncated answer had the new refresh
    token."""
    mock, runner = start("--faults", f"refresh:{fault}", runner=["--refresh-time", interval])
    assert "Refreshing the token failed" in runner.wait_log(" WARNING (?!students' code)")
    mock.add(task(1))
    state = mock.state(results=1)
    assert state["logins"] == 1 and set(state["requests"][GET]) == {"200"}


def test_revoked_while_idle(start):
    mock, runner = start()
    mock.state(logins=1, requests_total=3)
    assert mock.ask("POST", "/mock/revoke")[0] == 204
    mock.add(task(1))
    state = mock.state(results=1)
    assert state["logins"] == 2 and state["requests"][GET]["401"] == 1


def test_revoked_while_a_task_runs(start_mock, start_runner, small, barrier):
    mock = start_mock("--auth", tasks=[task(1, small.student(script=barrier.script))])
    runner = start_runner(mock, "--auth", "--tests-url", small.suite, "--once")
    barrier.wait()
    mock.ask("POST", "/mock/revoke")
    barrier.open()
    assert runner.wait() == 0
    state = mock.state()
    assert (state["logins"], state["results"]) == (2, 1)


def test_another_runner_on_the_same_account(start, start_runner, tmp_path):
    mock, one = start(runner=["--refresh-time", "0.2"])
    two = start_runner(mock, "--auth", "--mock", "--refresh-time", "0.2", state=tmp_path / "state-2")
    for runner in (one, two):  # each refresh revokes the other's token
        runner.wait_log("refresh token any more: logging in again")
    mock.add(*[task(i) for i in range(4)])
    assert mock.state(results=4)["violations"] == 0


# ---- secrets ----

SPY = """\
env; tr '\\0' '\\n' </proc/self/environ; pid=$PPID
while [ "$pid" -gt 1 ]; do
    tr '\\0' ' ' </proc/$pid/cmdline; echo
    [ "$pid" = {stop} ] || tr '\\0' '\\n' </proc/$pid/environ
    pid=$(sed 's/.*) . //; s/ .*//' /proc/$pid/stat)
    [ "$pid" != {stop} ] || break
done"""


@pytest.mark.parametrize("source", ["flag", "environment", "config", "file", "credential", "url", "url in the environment"])
def test_secrets_are_nowhere_to_be_seen(start_mock, start_runner, small, barrier, tmp_path, source):
    secret, seen = "Sesame-4711", tmp_path / "seen"
    student = small.student(script=f"{{ {SPY.format(stop=os.getpid())}; }} >'{seen}' 2>&1; {barrier.script}")
    (tmp_path / "cred").mkdir()
    (tmp_path / "cred" / "password").write_text(secret)
    (tmp_path / "cred" / "config").write_text(f"password = {secret}")
    options, env = {
        "flag": (["--password", secret], {}), "environment": ([], {"OSTEST_PASSWORD": secret}),
        "config": (["--config", tmp_path / "cred" / "config"], {}),
        "file": (["--password-file", tmp_path / "cred" / "password"], {}),
        "credential": ([], {"CREDENTIALS_DIRECTORY": tmp_path / "cred"})}.get(source, ([], {}))
    mock = start_mock("--auth", *("--user", f"dora_explorer:{secret}:ADMIN") * ("url" not in source),
                      "--faults", "login:403,get:503,post:401", tasks=[task(1, student)])
    url = mock.url.replace("://", f"://me:{secret}@")
    options, env = {"url": (["--backend-url", url], {}),
                    "url in the environment": ([], {"OSTEST_BACKEND_URL": url})}.get(source, (options, env))
    runner = start_runner(mock, "--auth", "--tests-url", small.suite, "--logger-level", "debug",
                          "--refresh-time", "0.2", *options, env=env)
    barrier.wait()
    mock.state(refreshes=1)
    texts = {str(path): harness.content_of(path).decode(errors="replace") for path in (tmp_path / "state").rglob("*") if path.is_file()}
    for pid in processes_with(str(tmp_path / "state")):
        texts[f"command line of {pid}"] = pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    if os.access(f"/proc/{runner.process.pid}/environ", os.R_OK):
        texts["environment of the runner"] = pathlib.Path(f"/proc/{runner.process.pid}/environ").read_text()
    barrier.open()
    mock.state(results=1)
    assert runner.stop() == 0
    texts |= {"log": runner.log, "seen by the student": seen.read_text()}
    assert "(HTTP 403 at http://127" in runner.log and "(HTTP 503 at http://127" in runner.log
    assert "OSTEST_SRC=" in texts["seen by the student"] and "ostest-job" in texts["seen by the student"]
    assert "refreshed" in texts["log"] and any(path.endswith("task.json") for path in texts)
    for place, text in texts.items():
        assert secret not in text, place
        assert not TOKEN.search(text) and "Bearer" not in text, place


@pytest.mark.parametrize("fault", [(), ("--faults", "login:403")])
def test_doctor_hides_the_password_in_a_url(start_mock, tmp_path, fault):
    url = start_mock("--auth", *fault).url
    for place in [url, "http://127.0.0.1:9"]:
        words = [RUNNER, "doctor", "--auth", "--state-dir", tmp_path / "state", "--backend-url", place.replace("://", "://me:Sesame@")]
        said = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=TIMEOUT, env=GIT_ENV)
        assert f"{place} " in said.stdout and "Sesame" not in said.stdout + said.stderr


def test_the_runner_leaves_no_core_dump(start):
    mock, runner = start()
    mock.state(logins=1)
    limits = pathlib.Path(f"/proc/{runner.process.pid}/limits").read_text()
    assert re.search(r"^Max core file size +1 +1 ", limits, re.MULTILINE)  # 1 byte: less than any dump


def test_the_runner_s_memory_is_closed_to_others_of_its_user(start):
    def may_look_at(pid):
        return subprocess.run([*UNPRIVILEGED, "cat", f"/proc/{pid}/environ"], capture_output=True).returncode == 0
    mock, runner = start(prefix=UNPRIVILEGED)
    mock.state(logins=1)
    with subprocess.Popen([*UNPRIVILEGED, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdin.write(b"here\n")
        other.stdin.flush()
        other.stdout.readline()
        assert may_look_at(other.pid) and not may_look_at(runner.process.pid)
