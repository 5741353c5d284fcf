"""The faults that ostest-mock-backend can inject, as seen from outside."""

import contextlib
import email.utils
import http.client
import json
import pathlib
import socket
import threading
import time

import pytest

from test_mock_backend import DORA, GET, LOGIN, POST, REFRESH, TIMEOUT, result, run, start, task  # noqa: F401


WRONG = ["get", "x:503", "get:99", "get:600", "get:503+x", "get:503+-1", "get:503+date=", "get:503+date=x", "get:slow",
         "get:slow=x", "get:drop=1", "get:503:0", "get:503:-1", "get:503:after=x", "get:huge=9999999999999999", ",".join(["get:503"] * 65)]


@pytest.mark.parametrize("spec", WRONG)
def test_wrong_faults(start, spec):
    assert run("--faults", spec).returncode == 2
    mock = start("--faults", "get:503")
    assert mock.ask("POST", "/mock/faults", spec).status == 400
    assert mock.get().status == 503  # the old plan is still in effect


def test_status_fault(start):
    mock = start("--faults", "get:503+2:2,post:429,login:500,refresh:502", tasks=[task(1)])
    answers = [mock.get() for _ in range(3)]
    assert [(a.status, a.headers["Retry-After"]) for a in answers] == [(503, "2"), (503, "2"), (200, None)]
    tokens = [mock.send(LOGIN, DORA), mock.send(LOGIN, DORA)]
    assert [a.status for a in tokens] == [500, 200]
    assert [mock.send(REFRESH, tokens[1].json).status for _ in range(2)] == [502, 200]
    answer = mock.post(result(1))
    assert answer.status == 429 and answer.headers["Retry-After"] is None and mock.state()["results"] == 0
    assert mock.post(result(1)).status == 200
    state = mock.state()
    assert state["faults"] == {"503": 2, "429": 1, "500": 1, "502": 1}
    assert state["requests"][GET] == {"503": 2, "200": 1} and (state["logins"], state["refreshes"]) == (1, 1)


@pytest.mark.parametrize("seconds", [3600, -3600, 0, 10**9])
def test_retry_after_as_a_date(start, seconds):
    mock = start("--faults", f"get:503+date={seconds}", tasks=[])
    when = email.utils.parsedate_to_datetime(mock.get().headers["Retry-After"]).timestamp()
    assert abs(when - time.time() - seconds) <= 60


def test_2xx_fault_on_a_result_stores_it(start):
    mock = start("--rules", "lenient", "--faults", "post:202,post:204,get:204:after=1", tasks=[task(1)])
    mock.get()
    assert mock.get().status == 204 and mock.state()["claimed"] == 1
    assert mock.post(result(1)).status == 202 and mock.state()["results"] == 1
    assert mock.post(result(1)).body == b"" and mock.state()["duplicates"] == 1


def test_counts_and_after(start):
    mock = start("--faults", "get:500:2:after=1,get:502:after=3,get:503:*:after=5")
    assert [mock.get().status for _ in range(8)] == [200, 500, 500, 502, 200, 503, 503, 503]
    mock = start("--faults", "all:503:3")
    assert [mock.get().status, mock.post("x").status, mock.send(LOGIN, DORA).status] == [503] * 3
    assert mock.state()["violations"] == 0 and mock.get().status == 200


def test_an_attempt_s_answer_is_spoilt(start):
    mock = start("--faults", "attempt:500,attempt:html,attempt:drop", tasks=[task(1)])
    mock.get()
    assert mock.ask("GET", "/api/session/attempt/1").status == 500
    assert b"sign in" in mock.ask("GET", "/api/session/attempt/1").body
    with pytest.raises(ConnectionError):
        mock.ask("GET", "/api/session/attempt/1")
    assert mock.ask("GET", "/api/session/attempt/1").status == 200


def test_drop_on_a_reused_connection(start):
    mock = start("--faults", "get:drop-reused:*,post:drop-reused:*", tasks=[task(i) for i in range(4)])
    mock.get(), mock.get()  # each on its own connection
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", mock.port, timeout=60)) as connection:
        connection.request("GET", GET)
        assert connection.getresponse().read()
        connection.request("GET", GET)
        with pytest.raises(ConnectionError):
            connection.getresponse()
    state = mock.state()
    assert (state["claimed"], state["unanswerable"], state["reused"]) == (4, 1, 1) and state["tasks"][3]["lost"]


def test_drop(start):
    mock = start("--rules", "lenient", "--faults", "get:drop,post:drop,post:drop-after", tasks=[task(1), task(2)])
    with pytest.raises(ConnectionError):
        mock.get()
    assert mock.state()["claimed"] == 0
    mock.get()
    for stored in (0, 1):
        with pytest.raises(ConnectionError):
            mock.post(result(1))
        assert mock.state()["results"] == stored
    assert mock.post(result(1)).status == 200 and mock.state()["duplicates"] == 1
    assert mock.ask("POST", "/mock/faults", "get:drop-after\n").status == 204
    with pytest.raises(ConnectionError):
        mock.get()
    state = mock.state()
    assert state["tasks"][1]["id"] == 2 and state["parallel"] == 0
    assert state["requests"] == {GET: {"drop": 1, "200": 1, "drop-after": 1},
                                 POST: {"drop": 1, "drop-after": 1, "200": 1}}


def test_slow_answers_block_nobody(start):
    mock = start("--faults", "get:slow=300,get:slow=3600000:2:after=1")
    began = time.monotonic()
    assert mock.get().json["id"] == 0 and time.monotonic() - began > 0.299
    with contextlib.ExitStack() as stack:
        for count in (2, 3):
            s = stack.enter_context(socket.create_connection(("127.0.0.1", mock.port)))
            s.sendall(f"GET {GET} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert mock.state(f"?claimed={count}")["claimed"] == count
        assert mock.get().json["id"] == 3 and mock.post(result(3)).status == 200
        state = mock.state()
        assert (state["parallel"], state["parallel_max"]) == (2, 3)


@pytest.mark.parametrize("kind", ["garbage", "html", "huge=1000"])
def test_foreign_bodies(start, kind):
    mock = start("--faults", f"get:{kind},post:{kind},login:{kind}", tasks=[task(1)])
    answer = mock.get()
    assert answer.status == 200 and mock.state()["claimed"] == 0
    assert answer.headers["Content-Type"].startswith("text/html" if kind == "html" else "application/json")
    if kind == "huge=1000":
        assert len(answer.body) == 1000 and set(answer.json) == {"padding"} and "Content-Length" not in answer.headers
    else:
        with pytest.raises(ValueError):
            json.loads(answer.body)
    mock.get()
    assert mock.post(result(1)).body == answer.body and mock.state()["results"] == 1
    assert mock.send(LOGIN, DORA).body == answer.body and mock.state()["logins"] == 0
    assert mock.ask("POST", "/mock/faults", f"post:{kind}").status == 204
    assert mock.post(result(2)).status == 400  # a rejection is not hidden


def test_huge_is_not_held_in_memory(start):
    mock = start("--faults", f"get:huge={1 << 28}")
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", mock.port, timeout=TIMEOUT)) as c:
        c.request("GET", GET)
        response, size = c.getresponse(), 0
        while piece := response.read(1 << 20):
            size += len(piece)
    assert size == 1 << 28
    status = pathlib.Path(f"/proc/{mock.process.pid}/status").read_text()
    assert int(status.split("VmHWM:")[1].split()[0]) < 150_000


def test_broken_answers(start):
    mock = start("--faults", "get:truncated,get:half,get:dup-keys,post:truncated", tasks=[task(1), task(2), task(3)])
    whole = json.dumps(task(1), separators=(",", ":")).encode()
    with pytest.raises(http.client.IncompleteRead) as cut:
        mock.get()
    assert cut.value.partial == whole[: len(whole) // 2]
    assert len(cut.value.partial) + cut.value.expected == len(whole)
    assert mock.get().body == whole.replace(b":1,", b":2,")[: len(whole) // 2]
    third = mock.get()
    assert third.body.count(b'"id":3') == 2 and third.json == task(3) and mock.state()["claimed"] == 3
    with pytest.raises(http.client.IncompleteRead):
        mock.post(result(1))
    assert mock.state()["results"] == 1


def test_replacing_the_plan(start):
    mock = start("--faults", "get:503:*", "--fault-rate", "1")
    assert mock.get().status == 503
    mock.ask("POST", "/mock/faults", "get:418:*, post:419")
    assert mock.get().status == 418
    assert mock.ask("DELETE", "/mock/faults").status == 204
    assert [mock.get().json["id"] for _ in range(20)] == list(range(20))


def try_many(mock):
    """Returns the outcomes of 40 exchanges, each repeated until it succeeds."""
    seen = []

    def insist(ask):
        while True:
            try:
                answer = ask()
                seen.append(answer.status if answer.body[:1] == b"{" else "garbage")
                if answer.status == 200 and seen[-1] == 200:
                    return answer
            except ConnectionError:
                seen.append("closed")

    for _ in range(40):
        number = insist(mock.get).json["id"]
        insist(lambda: mock.post(result(number)))
    return seen


def test_random_faults_lose_nothing_and_can_be_repeated(start):
    options = ("--fault-rate", "0.4", "--repeat", 40)
    mocks = [start("--fault-seed", seed, *options, tasks=[task(0)]) for seed in (1, 1, 2)]
    first, again, other = map(try_many, mocks)
    assert first == again != other
    assert {200, 429, 500, 503, "garbage", "closed"} == set(first + other)
    for mock in mocks:
        state = mock.state()
        assert (state["tasks_left"], state["claimed"], state["results"], state["violations"]) == (0, 40, 40, 0)
        assert not any(claim["lost"] for claim in state["tasks"])
    hit = {fault for mock in mocks for fault in mock.state()["faults"]}
    assert {"slow", "drop", "drop-after", "garbage", "revoke"} <= hit


def test_random_faults_may_cost_claims_where_that_is_asked_for(start):
    mock = start("--fault-rate", "0.4", "--fault-seed", 1, "--fault-claims", "--repeat", 200, tasks=[task(0)])
    got, dropped = set(), 0
    while mock.state()["tasks_left"]:
        try:
            answer = mock.get()
            got |= {answer.json["id"]} if answer.status == 200 and answer.body[:1] == b"{" else set()
        except ConnectionError:
            dropped += 1
    state = mock.state()
    lost = {claim["id"] for claim in state["tasks"] if claim["lost"]}
    assert lost and lost == set(range(200)) - got and dropped > len(lost)  # others were dropped before the claim
    assert state["claimed"] == 200 and state["faults"]["drop-after"] == len(lost)


def test_what_became_of_the_answer_to_a_claim(start):
    mock = start("--faults", "get:drop-after,get:truncated,get:half,get:slow=3600000", tasks=[task(i) for i in range(5)])
    for fault in (ConnectionError, http.client.IncompleteRead):
        with pytest.raises(fault):
            mock.get()
    mock.get()
    with socket.create_connection(("127.0.0.1", mock.port)) as s:
        s.sendall(f"GET {GET} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        mock.state("?claimed=4")
        mock.get()
        claims = mock.state()["tasks"]
    assert [claim["lost"] for claim in claims] == [True, True, True, False, False]
    assert [claim["answered_ms"] is None for claim in claims] == [False, False, False, True, False]
    assert claims[4]["claimed_ms"] <= claims[4]["answered_ms"]


def test_revoke_fault(start):
    mock = start("--auth", "--faults", "get:revoke:after=1,post:revoke", tasks=[task(1)])
    tokens = [mock.send(LOGIN, DORA).json["accessToken"] for _ in range(2)]
    assert [mock.get(tokens[0]).status, mock.get(tokens[0]).status, mock.get(tokens[1]).status] == [200, 401, 401]
    token = mock.send(LOGIN, DORA).json["accessToken"]
    assert mock.post(result(1), token).status == 401 and mock.state()["results"] == 0
    assert mock.state()["faults"] == {"revoke": 2}


@contextlib.contextmanager
def threads(*functions):
    running = [threading.Thread(target=function) for function in functions]
    for thread in running:
        thread.start()
    yield
    for thread in running:
        thread.join(TIMEOUT)


def test_end_while_somebody_waits(start):
    mock = start("--faults", "get:slow=3600000")

    def ask(path):
        with contextlib.suppress(ConnectionError, http.client.HTTPException):
            mock.ask("GET", path)

    with threads(lambda: ask("/mock/state?results=1&timeout_ms=600000"), lambda: ask(GET)):
        mock.state("?claimed=1")
        began = time.monotonic()
        assert mock.stop()[0] == 0 and time.monotonic() - began < 30


def test_many_clients_at_once(start, tmp_path):
    mock = start("--results", tmp_path / "results", "--faults", "all:slow=1:*", "--quiet")

    def client():  # on one connection
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", mock.port, timeout=TIMEOUT)) as c:
            for _ in range(20):
                c.request("GET", GET)
                body = json.dumps(result(json.loads(c.getresponse().read())["id"]))
                c.request("POST", POST, body, {"Content-Type": "application/json"})
                c.getresponse().read()

    with threads(*[client] * 8):
        pass
    state = mock.state()
    lines = [json.loads(line) for line in (tmp_path / "results").read_text().splitlines()]
    assert sorted(line["id"] for line in lines) == [t["id"] for t in state["tasks"]] == list(range(160))
    assert state["requests"] == {GET: {"200": 160}, POST: {"200": 160}} and state["faults"] == {"slow": 320}
    assert (state["results"], state["violations"], state["parallel"]) == (160, 0, 0)


def test_client_that_goes_away(start):
    mock = start()
    with socket.create_connection(("127.0.0.1", mock.port)) as s:
        s.sendall(f"POST {POST} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc".encode())
    state = mock.state("?requests_total=1")
    assert state["requests"] == {POST: {"aborted": 1}} and state["parallel"] == 0
