"""The server of the status page: every route, its limits, and no effect on the runner's tasks."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

import harness
from harness import PYTEST_SUITE, TIMEOUT, open_files, task

ROUTES = {
    "/": "text/html; charset=utf-8", "/page.css": "text/css; charset=utf-8",
    "/page.js": "text/javascript; charset=utf-8", "/icon.svg": "image/svg+xml", "/api/status.json": "application/json",
    "/metrics": "text/plain; version=0.0.4; charset=utf-8", "/healthz": "text/plain; charset=utf-8",
    "/readyz": "text/plain; charset=utf-8",
}
BASE_KIB, MORE_KIB = 8192, 2048  # memory of the runner, and what the page may add


class Page:
    """The status page server of a runner."""

    def __init__(self, runner):
        self.runner = runner
        self.url = runner.wait_log("status page url=").split("url=")[-1]
        self.host, port = re.fullmatch(r"http://(.*):(\d+)/", self.url).groups()
        self.port = int(port)

    def ask(self, path, method="GET", body=None, headers={}):
        with contextlib.closing(http.client.HTTPConnection(self.host.strip("[]"), self.port, timeout=TIMEOUT)) as c:
            c.request(method, path, body, headers)
            answer = c.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def text(self, path):
        return self.ask(path)[2].decode()

    def status(self):
        return json.loads(self.text("/api/status.json"))

    def raw(self, data=b""):
        """Opens a connection and sends the data. Returns the connection."""
        connection = socket.create_connection((self.host.strip("[]"), self.port), TIMEOUT)
        connection.sendall(data)
        return connection

    def answer_to(self, data):
        """Sends the data. Returns everything received; b"" if the connection is reset."""
        with self.raw(data) as connection, contextlib.suppress(ConnectionResetError):
            return connection.makefile("rb").read()
        return b""

    @contextlib.contextmanager
    def events(self):
        """Yields an iterator over the events."""
        with contextlib.closing(http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)) as c:
            c.request("GET", "/api/events")
            answer = c.getresponse()
            assert answer.status == 200 and answer.getheader("Content-Type") == "text/event-stream"
            yield (json.loads(line[6:]) for line in answer if line.startswith(b"data: "))


def until(events, condition):
    """Returns the first event for which the condition is true."""
    return next(event for event in events if condition(event))


@pytest.fixture
def open_page(start_mock, start_runner, small):
    """open_page(tasks, option…): starts a runner with a page. Returns the Page, with its mock as
    page.mock."""
    def start(tasks=(), *options, http=0, suite=None, mock_options=(), **named):
        mock = start_mock(*mock_options, tasks=list(tasks))
        page = Page(start_runner(mock, "--tests-url", suite or small.suite, "--http", http, *options, **named))
        page.mock = mock
        return page
    return start


# ---- routes

@pytest.mark.parametrize("path", ROUTES)
def test_each_route(open_page, path):
    page = open_page()
    status, headers, body = page.ask(path)
    assert status == 200 and body
    assert headers["Content-Type"] == ROUTES[path]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert headers["Cache-Control"] == "no-store"
    status, headers, nothing = page.ask(path, "HEAD")
    assert (status, headers["Content-Type"], nothing) == (200, ROUTES[path], b"")


def test_without_the_option_nothing_listens(start_mock, start_runner, small):
    mock = start_mock(tasks=[task(1, small.student())])
    runner = start_runner(mock, "--tests-url", small.suite)
    mock.results(1)
    links = open_files(runner.process.pid)
    if links is None:
        pytest.skip("only root sees the sockets of a process that is not dumpable")
    own = {link[8:-1] for link in links if link.startswith("socket:")}
    listening = [line.split()[9] for line in pathlib.Path("/proc/net/tcp").read_text().splitlines() if " 0A " in line]
    assert not own & set(listening)
    assert not runner.hits("status page")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_other_methods_are_refused(open_page, method):
    page = open_page()
    status, headers, _ = page.ask("/healthz", method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert page.ask("/healthz")[0] == 200


def test_nobody_reads_a_body(open_page):
    page = open_page()
    head = b"%s /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"
    assert b" 405 " in page.answer_to(head % b"POST" + b"x" * 1000).splitlines()[0]
    with page.raw(head % b"GET") as connection, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(1000):
            connection.sendall(b"x" * 100_000)
        pytest.fail("it accepted 100 MB")
    assert page.ask("/healthz")[0] == 200


@pytest.mark.parametrize("path", [
    "/..", "/../", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/reports/..", "/reports/../../etc/passwd",
    "/reports/000000000001-1/../../lock", "/reports/000000000001-1/..%2f..%2flock", "/reports/%2e%2e/lock",
    "/reports/000000000001-1", "/reports/000000000001-1/", "/reports/000000000001-1/task.json",
    "/reports/000000000001-1/summary.json", "/reports//job.log", "//", "/x", "/index.html", "/healthz/", "/api/",
    "/api/status.json%00", "/reports/000000000001-1%00/job.log", "/\\..\\lock", "/%ff%fe", "x", "http:/healthz",
])
def test_there_is_nothing_elsewhere(open_page, small, path):
    page = open_page([task(1, small.student())])
    page.mock.results(1)
    answer = page.answer_to(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert re.match(rb"HTTP/1.1 40[04] ", answer) or not answer or path == "/api/status.json%00", answer


@pytest.mark.parametrize("host, status", [
    ("localhost", 200), ("LOCALHOST:1", 200), ("127.0.0.1", 200), ("[::1]:8080", 200), ("", 421),
    ("evil.example", 421), ("localhost.evil.example", 421), ("localhost@evil.example", 421), ("[::1", 421),
    ("127.0.0.1.evil.example:80", 421), ("[::1].evil.example", 421), ("192.0.2.1", 421), (":80", 421),
])
def test_the_host_must_be_this_machine(open_page, host, status):
    page = open_page()
    answer = page.answer_to(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer


def test_the_host_may_be_any_where_others_may_ask(open_page):
    page = open_page(http="0.0.0.0:0")
    answer = page.answer_to(b"GET /healthz HTTP/1.1\r\nHost: runner.example.org\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_the_address_may_be_of_ipv6(open_page):
    if not pathlib.Path("/proc/net/if_inet6").exists() or "00000001 01" not in pathlib.Path("/proc/net/if_inet6").read_text():
        pytest.skip("::1 is not available")
    page = open_page(http="[::1]:0")
    assert page.url.startswith("http://[::1]:") and page.text("/healthz") == "alive\n"


# ---- contents

def test_a_running_task_and_its_result(open_page, make_repo, tmp_path):
    os.mkfifo(tmp_path / "go")
    suite = make_repo("suite", PYTEST_SUITE | {
        "tests/test_it.py": f"def test_quick(): pass\ndef test_slow(): open({str(tmp_path / 'go')!r}).read()\n"})
    student = make_repo("proxy-anton", {"README": "x"})
    page = open_page([task("an-id", student, branch="main", laboratoryNumber=[1, 3])], suite=suite)
    with page.events() as events:
        shown = until(events, lambda e: e["slots"] and e["slots"][0]["test"] and "slow" in e["slots"][0]["test"])
        slot = shown["slots"][0]
        assert (slot["id"], slot["lab"], slot["branch"], slot["stage"]) == ("an-id", 3, "main", "test")
        assert slot["repository"] == str(student) and len(slot["commit"]) == 40
        assert (slot["planned"], slot["ended"], slot["passed"]) == (2, 1, 1)
        assert shown["now"] - 60000 < slot["startedMs"] <= slot["stageStartedMs"] <= slot["testStartedMs"] <= shown["now"]
        until(events, lambda e: e["slots"][0]["memoryBytes"] > 1_000_000)
        (tmp_path / "go").write_text("")
        done = until(events, lambda e: e["results"])
    result = done["results"][0]
    assert (result["id"], result["outcome"], result["tests"], result["lab"]) == ("an-id", "passed", 2, 3)
    assert done["tasks"]["passed"] == 1 and not done["slots"]
    for name in result["files"]:
        assert page.ask(f"/reports/{result['key']}/{name}")[0] == 200, name
    assert set(result["files"]) == {"report.html", "job.log", "stdout.log", "stderr.log"}


def test_files_of_a_task_are_text_and_only_those_that_are_kept(open_page, small, tmp_path):
    page = open_page([task(1, small.student("pass", "echo '<script>alert(1)</script>'"))])
    page.mock.results(1)
    key = page.status()["results"][0]["key"]
    status, headers, body = page.ask(f"/reports/{key}/stdout.log")
    assert (status, headers["Content-Type"], headers["X-Content-Type-Options"]) == (200, "text/plain; charset=utf-8", "nosniff")
    assert headers["Content-Security-Policy"].startswith("sandbox allow-scripts; default-src 'none';")
    assert body == b"<script>alert(1)</script>\n"
    log = tmp_path / "state" / "kept" / key / "stdout.log"
    log.unlink()
    log.symlink_to("/etc/passwd")
    assert page.ask(f"/reports/{key}/stdout.log")[0] == 404
    assert page.ask("/reports/999999999999-x/stdout.log")[0] == 404


def test_what_was_finished_before_the_start_is_shown(open_page, start_mock, start_runner, small):
    mock = start_mock(tasks=[task(1, small.student()), task(2, "/nowhere/at/all")])
    first = start_runner(mock, "--tests-url", small.suite, "--max-tasks", 2)
    assert first.wait() == 0, first.log
    status = open_page().status()
    assert {r["id"]: r["outcome"] for r in status["results"]} == {1: "passed", 2: "error"}
    assert sum(sum(row[1:5]) for row in status["history"]["rows"]) == 2
    assert status["tasks"] == {"passed": 0, "failed": 0, "error": 0, "fault": 0}


def test_hostile_names_are_plain_data(open_page, small):
    names = ["<script>alert(1)</script>", "\u202e\"'&", "x"]
    page = open_page([task(name, name, branch=name) for name in names] + [task(3, "https://user:secret@127.0.0.1:9/x.git")])
    page.mock.results(4)
    body = page.text("/api/status.json")
    assert {result["id"] for result in json.loads(body)["results"]} == {*names, 3}
    assert "https://127.0.0.1:9/x.git" in body and "secret" not in body


def test_waiting_results_tell_why(open_page, small):
    page = open_page()
    page.mock.faults("post:503:*")
    page.mock.add(task(1, small.student()))
    with page.events() as events:
        shown = until(events, lambda e: e["deliveries"]["waiting"] and e["troubles"]["deliveries"])
    first = shown["deliveries"]["first"][0]
    assert "503" in shown["troubles"]["deliveries"] and first["key"].endswith("-1")
    assert shown["now"] - 60000 < first["sinceMs"] <= shown["now"]
    assert 'ostest_runner_deliveries_total{answer="5xx"} 0' not in page.text("/metrics")
    page.mock.faults(None)


# ---- health

def test_ready_and_why_not(open_page, tmp_path):
    page = open_page()
    assert page.ask("/readyz")[::2] == (200, b"ready\n") and page.text("/healthz") == "alive\n"
    closed = open_page([], "--min-free-disk", "900T", state=tmp_path / "other-state")
    status, _, body = closed.ask("/readyz")
    assert status == 503 and b"--min-free-disk" in body
    assert "--min-free-disk" in closed.status()["closed"]
    assert closed.ask("/healthz")[0] == 200
    assert "\nostest_runner_claiming 0\n" in closed.text("/metrics")


def claiming(page):
    return float(re.search(r"^ostest_runner_claiming (\S+)$", page.text("/metrics"), re.MULTILINE)[1])


@pytest.mark.parametrize("fault, words", [("login:403:*", "The backend refuses the login of 'dora_explorer' (HTTP 403 at "),
                                          ("login:503:*", "The login failed: HTTP 503"),
                                          ("get:403:*", "The account 'dora_explorer' may not take tasks: the backend answers 403 at "),
                                          ("get:503:*", "The backend fails (HTTP 503 at "),
                                          ("get:drop:*", "The backend does not answer at ")])
def test_claims_that_come_to_nothing_are_not_ready(open_page, small, fault, words):
    """The runner keeps polling and notices the recovery, with or without a task."""
    page = open_page([], "--auth", "--logger-level", "debug", mock_options=["--auth", "--faults", fault])
    page.runner.wait_log(re.escape(words), count=2)
    status, _, body = page.ask("/readyz")
    assert status == 503 and body.decode().startswith(words)
    assert page.status()["closed"] == body.decode().strip() and claiming(page) == 0
    assert page.ask("/healthz")[0] == 200
    page.mock.faults(None)
    with page.events() as events:
        until(events, lambda e: not e["closed"])
    assert page.ask("/readyz")[::2] == (200, b"ready\n") and claiming(page) == 1
    page.mock.add(task(1, small.student()))
    assert page.mock.results(1)[0]["isPassed"]


def test_ready_as_long_as_the_token_holds(open_page):
    page = open_page([], "--auth", "--refresh-time", "0.1", mock_options=["--auth", "--faults", "refresh:503:*"])
    page.runner.wait_log("Refreshing the token failed")
    assert page.status()["troubles"]["login"] and page.ask("/readyz")[::2] == (200, b"ready\n")


def test_a_runner_that_stops_is_not_ready(open_page, small, barrier):
    page = open_page([task(1, small.student("pass", barrier.script))])
    barrier.wait()
    page.runner.signal()
    page.runner.wait_log("stopping: finishing 1 running")
    assert page.ask("/readyz")[::2] == (503, b"the runner is stopping\n")
    barrier.open()
    assert page.runner.wait() == 0


# ---- metrics

def samples(text):
    return {name: float(value) for name, value in re.findall(r"^([^#].*) (\S+)$", text, re.MULTILINE)}


def test_metrics_count_what_happens(open_page, small, promtool):
    page = open_page([task(1, small.student()), task(2, small.student("fail")), task(3, "/nowhere/at/all"), task(4, small.student())])
    page.mock.results(4)
    with page.events() as events:
        until(events, lambda e: not e["deliveries"]["waiting"])
        text = page.text("/metrics")
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    values = samples(text)
    prefix = "ostest_runner_"
    assert [values[f'{prefix}tasks_total{{outcome="{o}"}}'] for o in ("passed", "failed", "error", "fault")] == [2, 1, 1, 0]
    assert values[prefix + 'claims_total{answer="task"}'] == 4 and values[prefix + 'deliveries_total{answer="2xx"}'] == 4
    assert values[prefix + "start_wait_seconds_count"] == values[prefix + "delivery_wait_seconds_count"] == 4
    stages = [values[prefix + f'stage_duration_seconds_count{{stage="{s}"}}'] for s in ("fetch", "prepare", "test", "judge")]
    assert stages == [4, 3, 3, 3]
    assert values[prefix + "slots"] == 2 and values[prefix + "slots_busy"] == 0 and values[prefix + "claiming"] == 1
    assert values[prefix + "pages_open"] == 1
    assert abs(values["process_resident_memory_bytes"] / 1024 - page.runner.memory_kib()) < 4096
    assert abs(values["process_start_time_seconds"] - time.time()) < 600


def test_each_metric_is_described(open_page):
    families = set(re.findall(r"^# TYPE (\S+)", open_page().text("/metrics"), re.MULTILINE))
    described = set(re.findall(r"^\| `(\w+)[`{]", (harness.REPO / "docs" / "monitoring.md").read_text(), re.MULTILINE))
    assert families == described


# ---- limits

def test_large_requests_are_refused(open_page):
    page = open_page()
    for data in (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
                 b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
                 b"\0" * 100_000):
        with page.raw() as connection, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
            answer = connection.recv(1000)
            assert not answer or re.match(rb"HTTP/1.1 4", answer), answer
    assert page.ask("/healthz")[0] == 200


def test_pages_have_a_limit_and_are_let_go(open_page):
    page = open_page()
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(page.events()) for _ in range(32)]
        for events in pages:
            assert next(events)["version"]
        status, headers, body = page.ask("/api/events")
        assert status == 503 and headers["Retry-After"] == "10" and b"Too many" in body
        assert page.ask("/healthz")[0] == 200
    deadline = time.monotonic() + TIMEOUT
    while samples(page.text("/metrics"))["ostest_runner_pages_open"]:  # poll, as there is no event for this
        assert time.monotonic() < deadline


@pytest.mark.memory
def test_a_slow_page_costs_little_and_gets_the_newest(open_page, small):
    page = open_page([], "--check-interval", 0.05)
    with page.raw(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n") as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with page.events() as quick:
            for number in range(30):
                page.mock.add(task(number, small.student()))
                page.mock.results(number + 1)
            assert until(quick, lambda e: len(e["results"]) == 30 and not e["deliveries"]["waiting"])
        assert page.runner.memory_kib("VmHWM") < BASE_KIB + MORE_KIB + 6000, "includes shared libraries"


def test_slow_pages_keep_no_other_from_what_is_new(open_page, small):
    number = 100  # so that a status is larger than the kernel's socket buffers
    page = open_page([task(n, "/" + "x" * 280, branch="b" * 250) for n in range(number)], "--pause-after", 0, "--concurrent", 8)
    page.mock.results(number)
    with contextlib.ExitStack() as stack, page.events() as quick:
        until(quick, lambda e: len(e["results"]) == number and not e["deliveries"]["waiting"])
        for path in ["/api/events", "/api/status.json"] * 5:
            slow = stack.enter_context(socket.socket())
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect((page.host, page.port))
            slow.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert slow.recv(1)
            page.mock.add(task(number, small.student()))
            number += 1
            page.mock.results(number)
            start = time.monotonic()
            shown = until(quick, lambda e: sum(e["tasks"].values()) >= number)
            assert time.monotonic() - start < 12, "an idle connection is closed after 15 seconds"
        assert shown and sum(page.status()["tasks"].values()) == number


@pytest.mark.memory
def test_many_connections_disturb_nobody(open_page, small):
    page = open_page()
    page.mock.state(requests_total=2)  # the runner is polling, so the memory does not include its start
    before = page.runner.memory_kib("VmRSS")
    sockets = []
    try:
        for number in range(1000):
            connection = socket.socket()
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                connection.connect((page.host, page.port))
            sockets.append(connection)
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.send(b"GET /api/status.json HTTP/1.1\r\nX: " + b"y" * 8000)
        page.mock.add(*[task(number, small.student()) for number in range(10)])
        assert all(result["isPassed"] for result in page.mock.results(10))
        files = open_files(page.runner.process.pid)
        assert files is None or len(files) < 128 + 64
        assert page.runner.memory_kib("VmRSS") - before < MORE_KIB
    finally:
        for connection in sockets:
            connection.close()
    assert page.text("/healthz") == "alive\n"


def test_those_who_do_not_ask_keep_nobody_out(open_page):
    """With more than the maximum number of connections, the page answers at once, not after they
    time out."""
    page = open_page()
    with contextlib.ExitStack() as stack:
        for _ in range(256):
            stack.enter_context(socket.create_connection((page.host, page.port)))
        start = time.monotonic()
        assert page.text("/healthz") == "alive\n"
        assert time.monotonic() - start < 10, "none may time out meanwhile, which takes 15 s"


def test_when_all_connections_end_at_once_the_next_is_heard(open_page):
    page = open_page()
    held = [page.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(128)]  # the maximum
    assert all(connection.recv(1) for connection in held)
    page.runner.process.send_signal(signal.SIGSTOP)
    for connection in held:
        connection.close()
    page.runner.process.send_signal(signal.SIGCONT)
    assert page.text("/healthz") == "alive\n"


@pytest.mark.slow
def test_who_sends_a_request_for_ever_is_let_go(open_page):
    page = open_page()
    with page.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n") as slow:
        slow.settimeout(1)
        start = time.monotonic()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while time.monotonic() - start < TIMEOUT:
                slow.sendall(b"X: y\r\n")
                with contextlib.suppress(TimeoutError):
                    if slow.recv(1) == b"":
                        break
    assert 15 < time.monotonic() - start < 45


@pytest.mark.slow
def test_a_port_that_is_taken_is_no_reason_not_to_work(start_mock, start_runner, small):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        mock = start_mock(tasks=[task(1, small.student())])
        runner = start_runner(mock, "--tests-url", small.suite, "--http", port)
        runner.wait_log(rf"ERROR Cannot listen on 127.0.0.1:{port} \(--http\): Address already in use")
        assert mock.results(1)[0]["isPassed"]
    assert Page(runner).port == port  # it retries


def test_too_few_descriptors_are_not_for_the_page(start_mock, start_runner, small):
    mock = start_mock(tasks=[task(1, small.student())])
    runner = start_runner(mock, "--tests-url", small.suite, "--http", 0, prefix=["prlimit", "--nofile=70:70"])
    runner.wait_log("ERROR Too few file descriptors for the status page")
    assert mock.results(1)[0]["isPassed"]


def test_reports_leave_descriptors_for_the_work(open_page, small):
    page = open_page([task(1, small.student("pass", "head -c 8000000 /dev/zero"))], prefix=["prlimit", "--nofile=200:200"])
    page.mock.results(1)
    key = page.status()["results"][0]["key"]
    with contextlib.ExitStack() as stack:
        for _ in range(128):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.connect((page.host, page.port))
            connection.sendall(f"GET /reports/{key}/stdout.log HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        page.mock.add(*[task(number, small.student()) for number in range(2, 10)])
        assert len(page.mock.results(9)) == 9
        files = open_files(page.runner.process.pid)
        assert files is None or len(files) >= 128, "64 readers have two each, and none was closed early"


def test_odd_addresses_are_refused_at_the_start(start_runner, tmp_path):
    runner = start_runner(None, "--http", "example.org:80")
    assert runner.wait() == 2 and "--http" in runner.log and "ADDRESS:PORT" in runner.log


@pytest.fixture
def epoll(tmp_path):
    """epoll.full: a file; while it exists, epoll refuses new watches. epoll.env: the environment
    for a runner."""
    class Epoll:
        full = tmp_path / "epoll-is-full"
        library = tmp_path / "epoll_full.so"
        env = {"LD_PRELOAD": library, "EPOLL_FULL": full}
    source = pathlib.Path(__file__).with_name("epoll_full.c")
    subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", Epoll.library, source, "-ldl"], check=True)
    return Epoll


def test_where_epoll_is_used_up_only_the_page_fails(open_page, small, epoll):
    page = open_page(env=epoll.env)
    with page.events() as events:
        assert next(events)["version"]
        epoll.full.touch()
        with pytest.raises((OSError, http.client.HTTPException)):
            page.ask("/healthz")
        page.mock.add(task(1, small.student()))
        assert page.mock.results(1)[0]["isPassed"], page.runner.log
    epoll.full.unlink()
    assert page.text("/healthz") == "alive\n"


def test_where_epoll_is_used_up_at_the_start_the_page_comes_later(start_mock, start_runner, small, epoll):
    epoll.full.touch()
    mock = start_mock(tasks=[task(1, small.student())])
    runner = start_runner(mock, "--tests-url", small.suite, "--http", 0, env=epoll.env)
    runner.wait_log("ERROR Cannot start the HTTP server of the status page: the limit of epoll may be reached")
    assert mock.results(1)[0]["isPassed"], runner.log
    epoll.full.unlink()
    assert Page(runner).text("/healthz") == "alive\n"
