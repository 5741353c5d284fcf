"""Results are delivered or kept, whatever the backend answers, and are never changed into something
else."""

import contextlib
import http.server
import json
import threading

import pytest

from harness import task

POST = "/api/task/result"
RESULT = {"id": 1, "isPassed": False, "duration": 0, "testResults": [], "isError": True, "errorDetails": "kept from yesterday"}


def spooled(tmp_path):
    return sorted(path.name for path in (tmp_path / "state" / "spool").glob("*.json"))


def put_into_spool(tmp_path, key="000000000001-1", body=None):
    """Writes a result of an earlier run."""
    spool = tmp_path / "state" / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    (spool / f"{key}.json").write_text(json.dumps(RESULT) if body is None else body)


# ---- temporary errors ----

@pytest.mark.parametrize("fault", ["500", "503", "408", "425", "429", "301", "403"])
def test_delivered_later(start_mock, start_runner, tmp_path, fault):
    mock = start_mock("--faults", f"post:{fault}", tasks=[task(1)])
    runner = start_runner(mock, "--mock", "--once")
    assert runner.wait() == 0
    state = mock.state()
    assert (state["results"], state["duplicates"], state["violations"]) == (1, 0, 0)
    assert len(runner.hits("WARNING (?!students' code)")) == 1 and spooled(tmp_path) == []
    assert sum(state["requests"][POST].values()) == 2


def test_delivered_after_broken_connections(start_mock, start_runner, tmp_path):
    mock = start_mock("--faults", "post:drop:2", tasks=[task(1)])
    runner = start_runner(mock, "--mock", "--once")
    assert runner.wait() == 0 and mock.state()["results"] == 1
    assert sum(mock.state()["requests"][POST].values()) == 3
    assert runner.hits("WARNING task=1 The backend does not answer at .*result") and spooled(tmp_path) == []


def test_taken_but_not_answered(start_mock, start_runner):
    mock = start_mock("--faults", "post:drop-after", tasks=[task(1)])
    assert start_runner(mock, "--mock", "--once").wait() == 0
    state = mock.state()
    assert (state["results"], state["destroyed"], state["violations"]) == (1, 0, 0)
    assert sum(state["requests"][POST].values()) == 1


def test_without_the_query_a_result_may_arrive_twice(start_mock, start_runner):
    mock = start_mock("--rules", "lenient", "--faults", "post:drop-after", tasks=[task(1)])
    assert start_runner(mock, "--mock", "--once").wait() == 0
    state = mock.state()
    assert (state["results"], state["duplicates"], state["violations"]) == (1, 1, 0)


@pytest.mark.parametrize("fault", ["201", "202", "204", "garbage", "html", "half", "dup-keys", "slow=300", "huge=0", "truncated",
                                   "huge=3000000", f"huge={1 << 40}"])
def test_every_2xx_is_success(start_mock, start_runner, fault):
    mock = start_mock("--faults", f"post:{fault}", tasks=[task(1)])
    runner = start_runner(mock, "--mock", "--once")
    assert runner.wait() == 0
    assert mock.state()["results"] == 1 and sum(mock.state()["requests"][POST].values()) == 1
    assert runner.hits(" delivered key=") and not runner.hits("WARNING (?!students' code)")


def test_retry_after_is_obeyed_and_stops_no_task(start_mock, start_runner):
    mock = start_mock("--faults", "post:503+2", tasks=[task(i) for i in range(3)])
    assert start_runner(mock, "--mock", "--concurrent", 1, "--max-tasks", 3).wait() == 0
    claims = mock.state()["tasks"]
    assert claims[0]["posted_ms"] - claims[0]["claimed_ms"] >= 2000
    assert claims[0]["posted_ms"] > max(claim["claimed_ms"] for claim in claims)


def test_one_result_probes_while_the_backend_is_away(start_mock, start_runner, tmp_path):
    for number in range(1, 9):
        put_into_spool(tmp_path, f"{number:012}-{number}")
    mock = start_mock("--faults", "attempt:503+1:*", tasks=[])
    begin = mock.state()["now_ms"]
    start_runner(mock, "--check-interval", 3600)
    first = 1 + 4  # a claim, and queries for as many attempts as results are delivered at a time
    assert mock.state(requests_total=first + 2)["now_ms"] - begin >= 1950


def test_a_result_that_must_wait_does_not_keep_others(start_mock, start_runner):
    mock = start_mock("--faults", "post:500", tasks=[task(1)])
    runner = start_runner(mock, "--mock", "--max-tasks", 2)
    runner.wait_log("WARNING task=1 The backend fails")
    mock.faults("post:500:*:after=1")
    mock.add(task(2))
    runner.wait_log("delivered")  # one of them: the other gets only faults from now on
    mock.faults(None)
    assert runner.wait() == 0 and mock.state()["results"] == 2


# ---- permanent errors ----

@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refused_result_is_kept_with_the_answer(start_mock, start_runner, tmp_path, status):
    mock = start_mock("--faults", f"post:{status}", tasks=[task("first"), task("second")])
    runner = start_runner(mock, "--mock", "--concurrent", 1, "--max-tasks", 2)
    assert runner.wait() == 0
    (stored,) = (result["id"] for result in mock.results())
    rejected = tmp_path / "state" / "rejected"
    (body,) = rejected.glob("*.json")
    assert {json.loads(body.read_text())["id"], stored} == {"first", "second"}
    assert "an injected fault" in body.with_suffix(".answer").read_text()
    assert f"HTTP {status}" in runner.hits(" ERROR ")[0] and spooled(tmp_path) == []


def test_the_mock_s_own_refusal_stands_beside_the_result(start_mock, start_runner, tmp_path):
    put_into_spool(tmp_path)
    mock = start_mock(tasks=[task(2)])
    assert start_runner(mock, "--mock", "--once").wait() == 0
    rejected = tmp_path / "state" / "rejected"
    assert json.loads((rejected / "000000000001-1.json").read_text()) == RESULT
    assert "no task with this id was handed out" in (rejected / "000000000001-1.answer").read_text()


# ---- login errors ----

def test_401_logs_in_again_once_and_repeats(start_mock, start_runner):
    mock = start_mock("--auth", "--faults", "post:401", tasks=[task(1)])
    runner = start_runner(mock, "--auth", "--mock", "--once")
    assert runner.wait() == 0
    state = mock.state()
    assert (state["logins"], state["results"]) == (2, 1) and state["requests"][POST] == {"401": 1, "200": 1}


def test_401_without_auth_is_trouble(start_mock, start_runner):
    mock = start_mock("--faults", "post:401", tasks=[task(1)])
    runner = start_runner(mock, "--mock", "--once")
    assert runner.wait() == 0 and mock.state()["results"] == 1
    assert "--auth" in runner.hits("WARNING .*HTTP 401")[0]


def test_403_keeps_the_result_until_the_account_is_well(start_mock, start_runner, tmp_path):
    mock = start_mock("--faults", "post:403:*", tasks=[task(1)])
    runner = start_runner(mock, "--mock", "--once")
    assert "ADMIN" in runner.wait_log("HTTP 403|answers 403")
    assert spooled(tmp_path) == ["000000000001-1.json"]
    mock.faults(None)
    assert runner.wait() == 0 and mock.state()["results"] == 1


# ---- backend unreachable when the runner stops ----

def test_delivered_by_the_next_run(start_mock, start_runner, tmp_path):
    mock = start_mock("--faults", "post:drop:*", tasks=[task(i) for i in range(3)])
    runner = start_runner(mock, "--mock", "--max-tasks", 3)
    runner.wait_log("done", count=3)
    runner.wait_log("does not answer .*result")
    runner.kill()
    kept = list((tmp_path / "state").glob("spool/*.json")) + list((tmp_path / "state").glob("jobs/*/result.json"))
    assert len(kept) == 3 and mock.state()["results"] == 0
    mock.faults(None)
    runner = start_runner(mock)
    runner.wait_log("found from an earlier run")
    state = mock.state(results=3)
    assert runner.stop() == 0
    assert (state["duplicates"], state["violations"]) == (0, 0) and spooled(tmp_path) == []


# ---- redirects ----

@contextlib.contextmanager
def redirecting_to(url):
    """Starts a server that redirects everything with 307 to the same path at the URL. Yields its
    own URL."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(307)
            self.send_header("Location", url + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
        do_POST = do_GET

        def log_message(self, *_):
            pass
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("options, said", [([], "redirect.*available"), (["--auth"], "login failed: HTTP 307")])
def test_redirects_are_not_followed(start_mock, start_runner, options, said):
    mock = start_mock(tasks=[task(1)])
    with redirecting_to(mock.url) as url:
        runner = start_runner(None, "--backend-url", url, *options)
        runner.wait_log(f"WARNING .*{said}")
        runner.kill()
    assert mock.state()["requests_total"] == 0


def test_a_redirected_result_is_kept(start_mock, start_runner, tmp_path):
    put_into_spool(tmp_path)
    mock = start_mock(tasks=[task(1)])
    with redirecting_to(mock.url) as url:
        runner = start_runner(None, "--backend-url", url)
        runner.wait_log("WARNING .*redirect.*attempt")
        runner.kill()
    assert mock.state()["requests_total"] == 0 and spooled(tmp_path) == ["000000000001-1.json"]
