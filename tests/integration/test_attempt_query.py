"""Before each POST of a result the runner queries the attempt: the real backend deletes it on a
repeated result."""

import contextlib
import http.server
import json
import threading

import pytest

from harness import TIMEOUT, task

ATTEMPT = "/api/session/attempt"
QUERY, POST = "GET", "POST"
OPEN = {"status": "IN_PROGRESS", "attemptResult": None}
STORED = {"status": "SUCCESS", "attemptResult": {"testResults": [], "duration": 1, "errorDetails": ""}}


class Backend(http.server.ThreadingHTTPServer):
    """Hands out one task; answers queries and posts with the items of `queries` and `posts`,
    repeating the last: (status, body, headers), or None to close the connection after reading the
    request. `order`: the kinds of the requests."""
    daemon_threads = True

    def __init__(self, task_id, queries, posts):
        super().__init__(("127.0.0.1", 0), Handler)
        self.tasks, self.queries, self.posts = [task(task_id)], list(queries), list(posts)
        self.order, self.paths, self.changed = [], [], threading.Condition()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, kind, answers):
        with self.changed:
            self.order.append(kind)
            self.changed.notify_all()
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def wait_for(self, order):
        with self.changed:
            assert self.changed.wait_for(lambda: self.order[:len(order)] == order, TIMEOUT), self.order


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith(ATTEMPT):
            self.server.paths.append(self.path)
            self.say(self.server.take(QUERY, self.server.queries))
        else:
            self.say((200, json.dumps(self.server.tasks.pop() if self.server.tasks else {"status": "UNAVAILABLE"})))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.last = body
        self.say(self.server.take(POST, self.server.posts))

    def say(self, answer):
        if answer is None:
            self.close_connection = True
            return
        status, body, *headers = answer
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        data = body if isinstance(body, bytes) else body.encode()
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(OSError):  # the client may close the connection early
            self.wfile.write(data)

    def log_message(self, *_):
        pass


def about(task_id, what):
    return (200, json.dumps({"id": task_id, "repositoryUrl": None, "branch": None, "sequenceOrder": 1} | what))


TAKEN = (200, "{}")


@pytest.fixture
def start_backend():
    with contextlib.ExitStack() as stack:
        def start(queries, posts=(TAKEN,), task_id="a"):
            backend = stack.enter_context(Backend(task_id, queries, posts))
            thread = threading.Thread(target=backend.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(backend.shutdown)
            return backend
        yield start


def run(start_runner, backend, *options):
    runner = start_runner(None, "--backend-url", backend.url, "--mock", "--once", *options)
    assert runner.wait() == 0, runner.log
    return runner


# ---- answers to the query ----

def test_nothing_stored_is_posted_once(start_runner, start_backend):
    backend = start_backend([about("a", OPEN)])
    runner = run(start_runner, backend)
    assert backend.order == [QUERY, POST] and backend.paths == [f"{ATTEMPT}/a"]
    assert runner.hits("task=a delivered key=") and not runner.hits("WARNING (?!students' code)")


def test_stored_is_not_posted(start_runner, start_backend):
    backend = start_backend([about("a", STORED)])
    runner = run(start_runner, backend)
    assert backend.order == [QUERY]
    assert runner.hits("INFO task=a already stored, not posted again key=") and not runner.hits("delivered")


def test_another_verdict_is_told(start_runner, start_backend):
    backend = start_backend([about("a", STORED | {"status": "FAILURE"})])
    runner = run(start_runner, backend)
    assert backend.order == [QUERY]
    assert runner.hits("WARNING task=a not posted: .*another verdict.* stored=failed ours=passed")


@pytest.mark.parametrize("status", [400, 404, 405, 410, 501])
def test_a_backend_without_the_query_gets_the_result(start_runner, start_backend, status):
    backend = start_backend([(status, '{"message": "what?"}')])
    run(start_runner, backend)
    assert backend.order == [QUERY, POST]


def test_the_query_can_be_turned_off(start_runner, start_backend):
    backend = start_backend([about("a", STORED)])
    run(start_runner, backend, "--attempt-api", "")
    assert backend.order == [POST]


def test_the_query_has_its_path(start_runner, start_backend):
    backend = start_backend([about("a", OPEN)])
    run(start_runner, backend, "--attempt-api", ATTEMPT + "/of/course")
    assert backend.paths == [f"{ATTEMPT}/of/course/a"]


@pytest.mark.parametrize("task_id, path", [(12, "12"), ("ы/ ?#%", "%D1%8B%2F%20%3F%23%25"), ("..", ".."), (2**63 + 1, str(2**63 + 1))])
def test_the_id_is_encoded(start_runner, start_backend, task_id, path):
    backend = start_backend([about(task_id, OPEN)], task_id=task_id)
    run(start_runner, backend)
    assert backend.order == [QUERY, POST] and backend.paths == [f"{ATTEMPT}/{path}"]
    assert backend.last["id"] == task_id


def test_an_answer_without_attemptResult_has_none(start_runner, start_backend):
    backend = start_backend([about("a", {"status": "TIMEOUT"})])
    run(start_runner, backend)
    assert backend.order == [QUERY, POST]


# ---- unusable answers: query again, do not post ----

LARGE = '{"id": "a", "status": "SUCCESS", "attemptResult": {"testResults": ["' + "x" * 3000000 + '"]}}'


@pytest.mark.parametrize("nothing", [
    (500, ""), (502, ""), (503, ""), (408, ""), (425, ""), (429, ""), None, (200, "<html>sign in</html>"), (200, "[]"), (204, ""),
    (200, ""), (200, "{}"), about("b", OPEN), about("b", STORED), about("a", OPEN | {"attemptResult": []}),
    (200, '{"padding": "' + "x" * 3000000 + '"}'), (301, "", ("Location", "/elsewhere")), (403, "")])
def test_without_an_answer_nothing_is_posted(start_runner, start_backend, nothing):
    backend = start_backend([nothing, nothing, about("a", OPEN)])
    runner = run(start_runner, backend)
    assert backend.order == [QUERY, QUERY, QUERY, POST]
    assert runner.hits("WARNING task=a .*key=000000000001-a")


def test_a_stored_result_may_be_larger_than_any_answer(start_runner, start_backend):
    backend = start_backend([(200, LARGE)])
    run(start_runner, backend)
    assert backend.order == [QUERY]


def test_retry_after_of_a_query_is_obeyed(start_runner, start_backend):
    backend = start_backend([(429, "", ("Retry-After", "2")), about("a", OPEN)])
    runner = run(start_runner, backend)
    moments = [line.split()[0] for line in runner.hits("wants fewer requests|delivered key=")]
    assert backend.order == [QUERY, QUERY, POST] and len(moments) == 2
    seconds = [float(moment[17:-1]) for moment in moments]
    assert (seconds[1] - seconds[0]) % 60 >= 1.9


def test_401_of_a_query_logs_in_again(start_mock, start_runner):
    mock = start_mock("--auth", "--faults", "attempt:401", tasks=[task(1)])
    runner = start_runner(mock, "--auth", "--mock", "--once")
    assert runner.wait() == 0
    state = mock.state()
    assert (state["logins"], state["results"], state["destroyed"]) == (2, 1, 0)


# ---- a POST with an unknown outcome ----

def test_a_lost_answer_is_found_to_be_stored(start_mock, start_runner):
    mock = start_mock("--faults", "post:drop-after", tasks=[task("a")])
    runner = start_runner(mock, "--mock", "--once")
    assert runner.wait() == 0
    state = mock.state()
    assert (state["results"], state["destroyed"], state["requests"]["/api/task/result"]) == (1, 0, {"drop-after": 1})
    assert runner.hits("WARNING task=a The backend does not answer") and runner.hits("already stored, not posted again")


def test_a_runner_killed_while_it_posts(start_mock, start_runner):
    mock = start_mock("--faults", "post:slow=1000", tasks=[task("a")])
    runner = start_runner(mock, "--mock")
    mock.state(results=1)  # stored, but not answered yet
    runner.kill()
    runner = start_runner(mock)
    runner.wait_log("already stored, not posted again")
    assert runner.stop() == 0
    state = mock.state()
    assert (state["results"], state["destroyed"]) == (1, 0)


def test_an_attempt_that_is_handed_out_again_while_its_result_waits(start_mock, start_runner):
    """The real backend does so if the student submits again at that moment: both results are from
    one runner."""
    mock = start_mock("--faults", "attempt:503:*", tasks=[task("a"), task("a"), task("a")])
    runner = start_runner(mock, "--mock", "--concurrent", 1)
    runner.wait_log("done seconds", count=3)
    mock.faults("post:slow=500:*")
    runner.wait_log("already stored", count=2)
    assert runner.stop() == 0
    state = mock.state()
    assert (state["results"], state["destroyed"], state["requests"]["/api/task/result"]) == (1, 0, {"200": 1})


def test_two_runners_with_one_attempt(start_mock, start_runner, tmp_path):
    mock = start_mock("--claim-lag", 2, tasks=[task("a")])
    runners = [start_runner(mock, "--mock", "--check-interval", 0.2, state=tmp_path / f"state-{i}") for i in range(2)]
    for runner in runners:
        runner.wait_log("delivered key=|already stored")
        assert runner.stop() == 0
    state = mock.state()
    assert state["tasks"][0]["claims"] == 2 and state["results"] == 1
    assert state["destroyed"] + sum(len(runner.hits("already stored")) for runner in runners) == 1


# ---- one request is transmitted once ----

@pytest.mark.parametrize("where", ["get", "post"])
def test_no_request_is_repeated_by_the_library(start_mock, start_runner, where):
    """The connection breaks before the first byte of the answer: on a reused one libcurl would
    repeat the request."""
    mock = start_mock("--faults", f"{where}:drop-reused:*", tasks=[task(i) for i in range(5)])
    runner = start_runner(mock, "--mock", "--concurrent", 1, "--max-tasks", 5)
    assert runner.wait() == 0
    state = mock.state()
    assert (state["claimed"], state["results"], state["destroyed"], state["unanswerable"], state["reused"]) == (5, 5, 0, 0, 0)


def test_a_connection_that_breaks_carries_one_copy(start_runner, start_backend):
    backend = start_backend([about("a", OPEN), about("a", STORED)], [None])
    runner = run(start_runner, backend)
    assert backend.order == [QUERY, POST, QUERY]
    assert runner.hits("WARNING task=a The backend does not answer at .*/api/task/result: .* key=")
