"""The backend is unreachable while many results wait: all arrive once, in order, and not all at the
same time."""

import contextlib
import http.client
import http.server
import json
import socket
import threading

import pytest

from harness import TIMEOUT, task, wait_gone

GET, POST = "/api/task/available", "/api/task/result"
LOGIN, REFRESH = "/api/v1/login", "/api/v1/auth/refresh"
MANY, SOME = 200, 60
LIMIT = 4  # results being delivered at a time
PROBES = 60  # more than possible in a test, as the pauses grow; fewer than the results
SLOW = "post:slow=30:*"
SLACK_MS = 2000  # for a busy machine


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def start(start_runner):
    """start(mock, option…): starts a runner that delivers results and claims no further task."""
    def go(mock, *options, **named):
        return start_runner(mock, "--mock", "--check-interval", 3600, *options, **named)
    return go


def result(number):
    return {"id": number, "isPassed": False, "duration": 0, "testResults": [], "isError": True, "errorDetails": "of yesterday"}


def fill_spool(state, count):
    """Writes results of an earlier run."""
    (state / "spool").mkdir(parents=True)
    for number in range(count):
        (state / "spool" / f"{number:012}-{number}.json").write_text(json.dumps(result(number)))


def bearer(mock, who="dora_explorer"):
    """Logs in. Returns the Authorization header of an earlier run."""
    body = json.dumps({"username": who, "password": who})
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", mock.port, timeout=TIMEOUT)) as connection:
        connection.request("POST", LOGIN, body, {"Content-Type": "application/json"})
        tokens = json.loads(connection.getresponse().read())
    return {"Authorization": f"{tokens['type']} {tokens['accessToken']}"}


def claim(mock, count, headers=None):
    """Claims tasks as an earlier run."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", mock.port, timeout=TIMEOUT)) as connection:
        for _ in range(count):
            connection.request("GET", GET, headers=headers or {})
            answer = connection.getresponse()
            assert b'"id"' in answer.read() and answer.status == 200


def check(mock, state, count, order=True):
    """Asserts that all arrived once, never too many at a time, that none was refused, and that only
    results delivered at the same time arrived out of order.

    A few exceptions are allowed, as connections take different times.
    """
    now = mock.state(results=count)
    assert (now["results"], now["duplicates"], now["violations"]) == (count, 0, 0)
    assert now["posts_parallel_max"] <= LIMIT
    arrived = [result["id"] for result in mock.results()]
    assert sorted(arrived) == list(range(count))
    if order:
        assert sum(abs(place - number) > 2 * LIMIT for place, number in enumerate(arrived)) <= LIMIT, arrived
    assert not list((state / "rejected").iterdir())
    return now


# ---- unreachable ----

def test_away_while_many_tasks_are_done(start_mock, start_runner, state):
    mock = start_mock("--faults", "post:503:*", tasks=[task(i) for i in range(MANY)])
    runner = start_runner(mock, "--mock", "--concurrent", 1)
    runner.wait_log("done seconds", count=MANY)
    before = mock.state()
    assert (before["claimed"], before["results"]) == (MANY, 0)
    assert before["requests"][POST]["503"] <= PROBES
    runner.kill()  # its next attempt may be many seconds away by now
    wait_gone(str(state))
    mock.faults(SLOW)
    runner = start_runner(mock)
    check(mock, state, MANY)
    assert runner.stop() == 0 and not list((state / "spool").iterdir())


def test_dead_and_back_on_the_same_port(start_mock, start, state):
    fill_spool(state, MANY)
    with socket.socket() as place:  # a port that is in use, but without a listener
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        runner = start(None, "--backend-url", f"http://127.0.0.1:{port}")
        runner.wait_log("The backend does not answer at .*attempt")
        mock = start_mock("--faults", "post:503:*", tasks=[task(i) for i in range(MANY)], port=port)
    claim(mock, MANY)
    mock.faults(SLOW)
    now = check(mock, state, MANY)
    assert now["claimed"] == MANY and now["requests"][POST].get("503", 0) <= PROBES
    assert runner.stop() == 0 and not list((state / "spool").iterdir())


@pytest.fixture
def waiting(start_mock, state):
    """A mock whose tasks an earlier run has claimed, with their results in the spool."""
    def make(faults, *options, count=SOME):
        fill_spool(state, count)
        mock = start_mock(*options, tasks=[task(i) for i in range(count)])
        claim(mock, count, bearer(mock) if "--auth" in options else None)
        mock.faults(faults)
        return mock
    return make


@pytest.mark.parametrize("fault", ["429", "502", "503", "503+1", "504", "drop"])
def test_one_at_a_time_asks_whether_it_is_back(waiting, start, state, fault):
    mock = waiting(f"post:{fault}:{LIMIT},{SLOW}")
    runner = start(mock)
    away = mock.state(requests_total=SOME + 1 + LIMIT)  # the claims, the runner's own claim, and the first results
    back = mock.state(results=1)
    assert back["now_ms"] - away["now_ms"] <= 1000 + SLACK_MS  # simultaneous failures count as one
    now = check(mock, state, SOME)
    assert sum(now["requests"][POST].values()) - SOME <= 2 * LIMIT
    assert runner.stop() == 0


class Deadly(http.server.BaseHTTPRequestHandler):
    """A backend that is unreachable at first; then its connections break whenever the oldest result
    arrives."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        number = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["id"]
        self.server.posts += 1
        if number == 0 or self.server.posts <= LIMIT:
            self.close_connection = True
            return
        self.server.arrived.append(number)
        self.send_response(204)
        self.end_headers()

    def do_GET(self):
        self.send_response(404 if "attempt" in self.path else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_result_that_breaks_each_connection_keeps_no_other(start, state):
    fill_spool(state, 20)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Deadly) as server:
        server.daemon_threads = True
        server.arrived, server.posts = [], 0
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        runner = start(None, "--backend-url", f"http://127.0.0.1:{server.server_address[1]}")
        runner.wait_log(" delivered key=", count=19)
        runner.kill()
        server.shutdown()
        thread.join()
    assert sorted(server.arrived) == list(range(1, 20))
    assert [path.name for path in (state / "spool").glob("*.json")] == ["000000000000-0.json"]


# ---- the login ----

def test_token_revoked_between_results(waiting, start, state):
    mock = waiting(f"post:revoke:after={MANY // 2},{SLOW}", "--auth", count=MANY)
    before = mock.state()["logins"]
    runner = start(mock, "--auth")
    now = check(mock, state, MANY)
    assert now["logins"] - before == 2 and 1 <= now["requests"][POST]["401"] <= LIMIT
    assert runner.stop() == 0 and not runner.hits(" (WARNING|ERROR) (?!students' code)")


def test_login_slow_while_results_wait(waiting, start, state):
    mock = waiting("login:slow=500," + SLOW, "--auth")
    before = mock.state()["logins"]
    runner = start(mock, "--auth")
    now = check(mock, state, SOME)
    assert now["logins"] - before == 1 and "401" not in now["requests"][POST]
    assert runner.stop() == 0


def test_refresh_refused_between_results(waiting, start, state):
    mock = waiting("refresh:401," + SLOW, "--auth")
    before = mock.state()["logins"]
    runner = start(mock, "--auth", "--refresh-time", "0.1")
    mock.state(logins=before + 2)
    now = check(mock, state, SOME)
    assert now["logins"] - before == 2 and now["requests"][REFRESH]["401"] == 1 and "401" not in now["requests"][POST]
    assert runner.stop() == 0


@pytest.mark.parametrize("how", ["403", "login refused"])
def test_account_demoted_and_restored(waiting, start, state, how):
    if how == "403":
        mock = waiting(f"post:403:*:after={SOME // 3},{SLOW}", "--auth")
        runner = start(mock, "--auth")
        assert "ADMIN" in runner.wait_log(" answers 403 ")
    else:
        mock = waiting(f"post:revoke:after={SOME // 3},login:403:*:after=1,{SLOW}", "--auth")
        runner = start(mock, "--auth")
        runner.wait_log("refuses the login")
    kept = len(list((state / "spool").iterdir()))  # first, as one may still arrive
    before = mock.state()
    assert before["results"] < SOME and kept >= SOME - before["results"]
    mock.faults(SLOW)
    now = check(mock, state, SOME)
    assert now["requests"][POST].get("403", 0) + now["requests"][LOGIN].get("403", 0) <= PROBES / 2
    # once, or twice if a result that was being delivered was still accepted
    assert 1 <= len(runner.hits(" answers 403 |refuses the login")) <= 2 and runner.stop() == 0 and not list((state / "spool").iterdir())
