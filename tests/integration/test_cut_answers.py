"""Answers that are truncated, do not end, or are too large: the received part counts."""

import contextlib
import http.server
import json
import socket
import threading

import pytest

from harness import TIMEOUT, task

LIMIT = 1 << 20  # of an answer
TASK = json.dumps(task(1)).encode()


class Backend(http.server.ThreadingHTTPServer):
    """Answers one claim with `get`, the others with 204; posts with the items of `post`, then with
    200. These are raw bytes, after which the connection is closed unless they end with HOLD. Those
    that start with EARLY are sent instead of reading the result."""
    HOLD, EARLY = b"<hold>", b"<early>"

    def __init__(self, get=b"", post=()):
        super().__init__(("127.0.0.1", 0), Handler)
        self.gets, self.posts, self.posted, self.held = [get] if get else [], list(post), [], threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if "attempt" in self.path:
            self.say(head(404, "Content-Length: 0"))  # this backend does not support the query
            return
        self.say(self.server.gets.pop() if self.server.gets else head(204))

    def do_POST(self):
        answer = self.server.posts.pop(0) if self.server.posts else head(200, "Content-Length: 0")
        early = answer.startswith(Backend.EARLY)
        if not early:
            self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["id"])
        self.say(answer.removeprefix(Backend.EARLY))
        if early:
            self.connection.shutdown(socket.SHUT_WR)
            self.server.held.wait(TIMEOUT)

    def say(self, answer):
        with contextlib.suppress(OSError):  # the client may close the connection early
            self.wfile.write(answer.removesuffix(Backend.HOLD))
        if answer.endswith(Backend.HOLD):
            self.server.held.wait(TIMEOUT)

    def log_message(self, *_):
        pass


def head(status, *headers):
    return "\r\n".join([f"HTTP/1.1 {status} Whatever", *headers, "", ""]).encode()


@pytest.fixture
def start_backend():
    with contextlib.ExitStack() as stack:
        def start(**answers):
            backend = stack.enter_context(Backend(**answers))
            thread = threading.Thread(target=backend.serve_forever, args=(0.01,))
            thread.start()
            for end in (thread.join, backend.shutdown, backend.held.set):
                stack.callback(end)
            return backend
        yield start


def claim_of(body, *, missing=0):
    return head(200, f"Content-Length: {len(body) + missing}") + body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


# ---- answers to a result ----

CHUNKED = "Transfer-Encoding: chunked"
CUT = {
    "too large": lambda status: claim_of(b"x" * (2 * LIMIT)).replace(b"200", b"%d" % status, 1),
    "too short": lambda status: head(status, "Content-Length: 100") + b"too short",
    "not one byte": lambda status: head(status, "Content-Length: 100"),
    "no last chunk": lambda status: head(status, CHUNKED) + chunk(b"too short"),
    "no chunk at all": lambda status: head(status, CHUNKED) + b"too short",
    "after a 100": lambda status: head(100) + head(status, "Content-Length: 100") + b"too short",
}


@pytest.mark.parametrize("cut", CUT)
def test_a_result_is_delivered_whatever_the_body(start_backend, start_runner, cut):
    backend = start_backend(get=claim_of(TASK), post=[CUT[cut](200)])
    runner = start_runner(backend, "--mock", "--once")
    assert runner.wait() == 0 and backend.posted == [1]
    assert runner.hits(" delivered key=") and not runner.hits("WARNING (?!students' code)")


@pytest.mark.parametrize("cut", CUT)
def test_a_result_is_refused_whatever_the_body(start_backend, start_runner, tmp_path, cut):
    backend = start_backend(get=claim_of(TASK), post=[CUT[cut](422)])
    runner = start_runner(backend, "--mock", "--once")
    assert runner.wait() == 0 and backend.posted == [1]
    assert "HTTP 422" in runner.hits(" ERROR ")[0]
    (answer,) = (tmp_path / "state" / "rejected").glob("*.answer")
    text = answer.read_bytes()
    assert text.count(b"x") == LIMIT if cut == "too large" else b"too short".startswith(text)


@pytest.mark.parametrize("cut", CUT)
def test_trouble_stays_trouble_whatever_the_body(start_backend, start_runner, cut):
    backend = start_backend(get=claim_of(TASK), post=[CUT[cut](500)])
    runner = start_runner(backend, "--mock", "--once")
    assert runner.wait() == 0 and backend.posted == [1, 1]
    assert "HTTP 500" in runner.hits("WARNING (?!students' code)")[0]


def test_a_body_that_does_not_come_is_not_waited_for(start_backend, start_runner):
    backend = start_backend(get=claim_of(TASK), post=[head(200, "Content-Length: 100") + Backend.HOLD])
    runner = start_runner(backend, "--mock", "--once")
    assert runner.wait() == 0 and backend.posted == [1]  # far below the limit of a request


@pytest.mark.parametrize("answer", [head(100), b"", b"HTTP/1.1 2", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2"])
def test_a_result_without_a_status_is_sent_again(start_backend, start_runner, answer):
    backend = start_backend(get=claim_of(TASK), post=[answer, answer])
    runner = start_runner(backend, "--mock", "--once")
    assert runner.wait() == 0 and len(backend.posted) == 3


def test_what_was_not_sent_was_not_taken(start_backend, start_runner, tmp_path):
    spool = tmp_path / "state" / "spool"
    spool.mkdir(parents=True)
    (spool / "000000000001-1.json").write_text(json.dumps({"id": "kept", "errorDetails": "x" * (20 << 20)}))
    backend = start_backend(post=[Backend.EARLY + head(200, "Content-Length: 100") + b"too short"])
    runner = start_runner(backend)
    runner.wait_log("WARNING task=.* The backend does not answer at .*result")
    runner.wait_log(" delivered key=")
    assert runner.stop() == 0 and backend.posted == ["kept"]


# ---- answers to a claim ----

@pytest.mark.parametrize("answer", [claim_of(TASK, missing=3), head(200, CHUNKED) + chunk(TASK)])
def test_a_task_that_came_whole_is_taken(start_backend, start_runner, answer):
    backend = start_backend(get=answer)
    runner = start_runner(backend, "--mock", "--once")
    assert runner.wait() == 0 and backend.posted == [1]
    assert not runner.hits("WARNING (?!students' code)")


@pytest.mark.parametrize("answer, said", [
    (claim_of(TASK[:-1], missing=3), "does not answer"),
    (claim_of(b'{"id": 1}', missing=3), "does not answer"),
    (claim_of(TASK, missing=3).replace(b"200", b"500", 1), "does not answer"),
    (claim_of(TASK + b" " * LIMIT), "larger than"),
])
def test_a_claim_that_broke_off_elsewhere_is_trouble(start_backend, start_runner, answer, said):
    backend = start_backend(get=answer)
    runner = start_runner(backend, "--mock", "--once")
    runner.wait_log(f"WARNING The backend .*{said}")
    assert runner.stop() == 0 and backend.posted == []
