"""ostest-mock-backend over real HTTP: each option and fault has a test that fails if it has no
effect."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("OSTEST_BUILD", REPO / "build")) / "src" / "ostest-mock-backend"

GET, POST = "/api/task/available", "/api/task/result"
LOGIN, REFRESH = "/api/v1/login", "/api/v1/auth/refresh"
TIMEOUT = 60
UNAVAILABLE = {"status": "UNAVAILABLE"}


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Mock:
    """The running program, and a client with one connection for each request."""

    def __init__(self, *options, port=0):
        command = [PROGRAM, "--port", str(port), *map(str, options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), line + self.process.stderr.read()
        self.port = int(line.rsplit(":", 1)[1])

    def ask(self, method, path, body=None, headers=None):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)) as c:
            c.request(method, path, body, headers or {})
            return Answer(c.getresponse())

    def send(self, path, value, token=None):
        body = value if isinstance(value, (bytes, str)) else json.dumps(value, ensure_ascii=False)
        body = body if isinstance(body, bytes) else body.encode()
        return self.ask("POST", path, body, {"Content-Type": "application/json", **bearer(token)})

    def get(self, token=None):
        return self.ask("GET", GET, headers=bearer(token))

    def post(self, value, token=None):
        return self.send(POST, value, token)

    def state(self, query=""):
        return self.ask("GET", "/mock/state" + query).json

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, out, err


@pytest.fixture
def start(tmp_path):
    with contextlib.ExitStack() as stack:

        def begin(*options, tasks=None, **named):
            if tasks is not None:
                (tmp_path / "tasks.json").write_text(json.dumps(tasks))
                options += ("--tasks", tmp_path / "tasks.json")
            mock = Mock(*options, **named)
            stack.callback(end, mock)
            return mock

        yield begin


def end(mock):
    if mock.process.poll() is None:
        mock.stop()
    for stream in (mock.process.stdout, mock.process.stderr):
        stream.close()
    assert mock.process.returncode == 0


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token else {}


def task(number, **more):
    return {"id": number, "status": "AVAILABLE", "repositoryUrl": "https://example.org/x.git", **more}


def case(**changes):
    return {"isPassed": True, "description": "", "memoryUsed": 3, "duration": 5, "name": "a::b", **changes}


def result(number, **changes):
    good = {"id": number, "isPassed": True, "duration": 7, "testResults": [case()], "isError": False, "errorDetails": ""}
    return {**good, **changes}


def without(value, name):
    return {key: value[key] for key in value if key != name}


def run(*options):
    return subprocess.run([PROGRAM, *map(str, options)], capture_output=True, text=True, timeout=TIMEOUT)


# ---- start and stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(start, number):
    assert start().stop(number) == (0, "", "")


def test_port_file_and_given_port(start, tmp_path):
    first = start("--port-file", tmp_path / "port")
    assert (tmp_path / "port").read_text() == f"{first.port}\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "port"]
    with socket.create_connection(("127.0.0.1", first.port)):
        first.get()
        first.stop()
    assert start(port=first.port).port == first.port  # a restart does not have to wait


def test_listens_on_loopback_alone(start):
    mock = start()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", mock.port), timeout=TIMEOUT)


def test_port_in_use(start):
    done = run("--port", start().port)
    assert done.returncode == 1 and "in use" in done.stderr and done.stdout == ""


def test_results_file_that_cannot_be_opened(tmp_path):
    done = run("--port", 0, "--results", tmp_path / "no" / "file")
    assert done.returncode == 1 and str(tmp_path / "no" / "file") in done.stderr


def test_wrong_options_are_all_told_at_once(tmp_path):
    (tmp_path / "bad.json").write_text("[1]")
    wrong = [("--port", "70000"), ("--repeat", "-1"), ("--no-task-status", "201"), ("--get-api", "x"),
             ("--user", "name:password"), ("--token-ttl", "x"), ("--max-body", "0"), ("--fault-rate", "1.5"),
             ("--fault-seed", "x"), ("--tasks", tmp_path / "bad.json"), ("--faults", "get:503,post:nothing")]
    done = run("operand", "--no-such", *[word for pair in wrong for word in pair])
    assert done.returncode == 2 and done.stdout == ""
    for word in ["operand", "--no-such", "post:nothing", *[pair[0] for pair in wrong]]:
        assert word in done.stderr
    assert "get:503" not in done.stderr


def test_tasks_file_problems(tmp_path):
    for text, word in [("[{]", "line 1"), ("{}", "array"), ('[{"a":1,"a":2}]', "duplicate"), (None, "does not exist")]:
        path = tmp_path / ("file" if text else "missing")
        if text:
            path.write_text(text)
        done = run("--tasks", path)
        assert done.returncode == 2 and word in done.stderr, text


def test_a_tasks_file_with_a_byte_order_mark(start, tmp_path):
    (tmp_path / "marked.json").write_text("\ufeff" + json.dumps([{"id": 7}]))
    assert start("--tasks", tmp_path / "marked.json").ask("GET", "/api/task/available").json["id"] == 7


def test_help_and_version():
    text = run("--help").stdout
    for word in ["--port-file", "--faults", "drop-after", "dup-keys", "/mock/state", "dora_explorer"]:
        assert word in text
    assert run("--version").stdout.startswith("ostest-mock-backend ")


# ---- tasks


def test_tasks_are_handed_out_verbatim_and_in_order(start):
    tasks = [task(2**63 - 1), task(-(2**63)), task("3fa8-é"), {"id": 1, "z": None, "a": [1.5, {"": "\0"}]}, {}]
    mock = start(tasks=tasks)
    answers = [mock.get() for _ in tasks]
    assert [json.dumps(a.json) for a in answers] == [json.dumps(t) for t in tasks]
    assert all(a.headers["Content-Type"] == "application/json" for a in answers)
    assert mock.get().json == UNAVAILABLE
    state = mock.state()
    assert [t["id"] for t in state["tasks"]] == [2**63 - 1, -(2**63), "3fa8-é", 1]
    assert (state["claimed"], state["tasks_left"]) == (5, 0)


def test_strings_are_sent_raw(start):
    texts = ['{"id": 123456789012345678901234567890}', "no json", '{"id": 9, "id": 9, "branch": 5}', ""]
    mock = start(tasks=texts)
    assert [mock.get().body.decode() for _ in texts] == texts
    assert [t["id"] for t in mock.state()["tasks"]] == [9]
    assert mock.post(result(9)).status == 200


@pytest.mark.parametrize("status,body", [(200, b'{"status":"UNAVAILABLE"}'), (204, b""), (404, None)])
def test_no_task_status(start, status, body):
    answer = start("--no-task-status", status, tasks=[]).get()
    assert answer.status == status and body in (None, answer.body)


def test_repeat_gives_fresh_ids(start):
    mock = start("--repeat", 3, tasks=[task(1), task(9), task("a"), {"branch": "b"}, '{"id": 1000}'])
    ids = [mock.get().json.get("id") for _ in range(15)]
    assert ids == [1, 9, "a", None, 1000, 10, 18, "a-2", None, 1000, 19, 27, "a-3", None, 1000]
    assert mock.get().json == UNAVAILABLE


def test_repeat_for_ever(start):
    mock = start("--repeat", 0, tasks=[task(0)])
    assert [mock.get().json["id"] for _ in range(20)] == list(range(20))
    assert mock.state()["tasks_left"] is None


def test_same_id_again_takes_a_result_again(start):
    mock = start("--repeat", 2, tasks=['{"id": 1}'])
    for passed in (True, False):
        mock.get()
        assert mock.post(result(1, isPassed=passed)).status == 200
    state = mock.state()
    assert (state["results"], state["violations"], state["tasks"][0]["claims"]) == (2, 0, 2)


def test_built_in_tasks(start):
    mock = start()
    tasks = [mock.get().json for _ in range(14)]
    assert [t["id"] for t in tasks] == list(range(14))
    assert [without(t, "id") for t in tasks[:7]] == [without(t, "id") for t in tasks[7:]]
    assert [t.get("laboratoryNumber") for t in tasks[:7]] == [1, 2, 1, 1, [1], [1, 2], None]
    assert [len(t.get("connectedTests", "missing")) for t in tasks[:7]] == [0, 6, 2, 2, 7, 6, 5]
    assert {t["repositoryUrl"].rsplit("/", 1)[1] for t in tasks} == {"proxy-grisha.git", "proxy-anton.git"}
    once = start("--repeat", 1)
    assert [once.get().json.get("id") for _ in range(8)] == [*range(7), None]


def test_tasks_added_while_running(start):
    mock = start(tasks=[task(1)])
    assert mock.ask("POST", "/mock/tasks", json.dumps(task(2))).json == {"tasks_left": 2}
    assert mock.ask("POST", "/mock/tasks", json.dumps([task(3), "raw"])).json == {"tasks_left": 4}
    assert mock.ask("POST", "/mock/tasks", "[7]").status == 400
    assert mock.ask("POST", "/mock/tasks", "nothing").status == 400
    assert [mock.get().json["id"] for _ in range(3)] == [1, 2, 3]
    assert mock.get().body == b"raw" and mock.get().json == UNAVAILABLE
    first, second, _ = mock.state()["tasks"]
    assert first["queued_ms"] == 0 and 0 <= second["queued_ms"] <= second["claimed_ms"]
    endless = start()
    endless.ask("POST", "/mock/tasks", json.dumps(task("new")))
    assert [endless.get().json["id"] for _ in range(2)] == ["new", 0]


def test_other_paths(start):
    mock = start("--get-api", "/g", "--post-api", "/p", "--login-api", "/l", "--token-refresh-api", "/r", "--auth")
    token = mock.send("/l", {"username": "dora_explorer", "password": "dora_explorer"}).json
    token = mock.send("/r", {"refreshToken": token["refreshToken"]}).json["accessToken"]
    assert mock.ask("GET", "/g", headers=bearer(token)).json["id"] == 0
    assert mock.send("/p", result(0), token).status == 200
    assert mock.get().status == 404
    assert set(mock.state()["requests"]) == {"/g", "/p", "/l", "/r", "other"}


def test_wrong_methods(start):
    mock = start()
    assert mock.ask("POST", GET).headers["Allow"] == "GET"
    assert mock.ask("PUT", "/mock/faults").headers["Allow"] == "POST, DELETE"
    assert mock.state()["requests"] == {GET: {"405": 1}}


# ---- results


def test_good_result(start, tmp_path):
    mock = start("--results", tmp_path / "results", tasks=[task(5), task("u")])
    mock.get(), mock.get()
    sent = [result(5, testResults=[case(), case(name="ы")]),
            result("u", isPassed=False, isError=True, errorDetails="line\none", testResults=[])]
    assert [mock.post(r).json for r in sent] == [{"id": 5}, {"id": "u"}]
    assert [json.loads(line) for line in (tmp_path / "results").read_text().splitlines()] == sent
    state = mock.state()
    assert (state["results"], state["violations"], state["duplicates"]) == (2, 0, 0)
    for entry in state["tasks"]:
        assert entry["claimed_ms"] <= entry["posted_ms"] <= state["now_ms"] and entry["posts"] == 1
    _, out, err = mock.stop()
    assert out.splitlines() == ["result 5: passed, 2 of 2 tests passed, 7 ms",
                                'result "u": error, 0 of 0 tests passed, 7 ms: line one'] and err == ""


def test_results_file_is_appended_to(start, tmp_path):
    (tmp_path / "results").write_text("before\n")
    mock = start("--results", tmp_path / "results")
    mock.post(result(mock.get().json["id"]))
    assert (tmp_path / "results").read_text().startswith("before\n{")


def test_result_that_cannot_be_stored(start):
    mock = start("--results", "/dev/full", tasks=[task(1)])
    mock.get()
    assert mock.post(result(1)).status == 500
    state = mock.state()
    assert state["results"] == 0 and state["tasks"][0]["posted_ms"] is None


def test_quiet_but_not_about_violations(start):
    mock = start("--quiet", tasks=[task(1)])
    mock.get(), mock.post(result(1)), mock.post(result(2))
    _, out, err = mock.stop()
    assert out == "" and err.startswith("violation: result 2: ")


def test_output_that_nobody_reads_stops_nothing(start):
    mock = start("--quiet")
    for _ in range(700):  # more than a pipe holds
        assert mock.post(result(1, **{"x" * 80: 1})).status == 400
    assert mock.state()["violations"] == 700


BAD_TEST = [({"memoryUsed": 1.0}, "testResults[0].memoryUsed"), ({"duration": None}, "testResults[0].duration"),
            ({"name": None}, "testResults[0].name"), ({"description": 1}, "testResults[0].description"),
            ({"isPassed": "yes"}, "testResults[0].isPassed"), ({"extra": 1}, "testResults[0].extra")]
BAD = [
    *[(without(result(1), name), name) for name in result(1)],
    *[(result(1, testResults=[without(case(), name)]), name) for name in case()],
    *[(result(1, testResults=[case(**change)]), word) for change, word in BAD_TEST],
    *[(result(1, **{name: None}), name) for name in result(1)],
    (result(1, duration=-1), "duration"), (result(1, duration=1.5), "duration"), (result(1, isPassed=1), "isPassed"),
    (result(1, isError="false"), "isError"), (result(1, testResults={}), "testResults"),
    (result(1, testResults=[[]]), "testResults[0]"), (result(True), "id"), (result(1.0), "id"),
    (result(1, extra=1), "extra"), (result(1, errorDetails=["x"]), "errorDetails"),
    (result(1, isError=True, errorDetails="x"), "both true"), (result(1, testResults=[]), "not every test"),
    (result(1, testResults=[case(isPassed=False)]), "not every test"),
    (result(1, isPassed=False, isError=True), "errorDetails"),
    (result(2), "handed out"), (result("1"), "handed out"), ([], "object"), ("{", "JSON"), ("", "JSON"),
    (json.dumps(result(1)).encode().replace(b"a::b", b"\xff"), "JSON"),
    (json.dumps(result(1)).replace('"isError"', '"id": 1, "isError"'), "uplicate"),
    (json.dumps(result(1)) + "x", "JSON"),
    (json.dumps(result(1)).replace("7", "99999999999999999999"), "JSON"),
]


def test_violations(start, tmp_path):
    mock = start("--results", tmp_path / "results", tasks=[task(1)])
    mock.get()
    for body, word in BAD:
        answer = mock.post(body)
        assert answer.status == 400 and word in answer.body.decode(), (body, answer.body)
    state = mock.state()
    assert (state["violations"], state["results"], state["tasks"][0]["posts"]) == (len(BAD), 0, 0)
    assert len(state["violation_reasons"]) == min(50, len(BAD)) and (tmp_path / "results").read_text() == ""
    assert mock.post(result(1)).status == 200
    _, _, err = mock.stop()
    assert err.count("violation: ") == len(err.splitlines()) == len(BAD)


def test_content_type_must_be_json(start):
    mock = start(tasks=[task(1)])
    mock.get()
    for kind in [None, "text/plain", "application/jsonx"]:
        headers = {"Content-Type": kind} if kind else {}
        assert mock.ask("POST", POST, json.dumps(result(1)), headers).status == 415
    good = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert mock.ask("POST", POST, json.dumps(result(1)), good).status == 200
    assert mock.state()["violations"] == 3


def test_same_and_different_results(start, tmp_path):
    mock = start("--rules", "lenient", "--results", tmp_path / "results", tasks=[task(1)])
    mock.get()
    reordered = dict(reversed(result(1).items()))
    for body in [result(1), result(1), reordered, result(1, duration=8)]:
        assert mock.post(body).json == {"id": 1}
    state = mock.state()
    assert (state["results"], state["duplicates"], state["violations"], state["tasks"][0]["posts"]) == (1, 2, 1, 4)
    assert state["violation_reasons"] == ["result 1: two different results"]
    assert len((tmp_path / "results").read_text().splitlines()) == 1


def test_max_body(start):
    mock = start("--rules", "lenient", "--max-body", "1K", tasks=[task(1)])
    mock.get()
    size = len(json.dumps(result(1, errorDetails="")))
    assert mock.post(result(1, errorDetails="x" * (1025 - size))).status == 413
    assert mock.send(POST, b"x" * (8 << 20)).status == 413
    assert mock.ask("POST", "/mock/tasks", "x" * 1025).status == 413
    pieces = (b"x" * 300 for _ in range(4))  # without a Content-Length
    assert mock.ask("POST", POST, pieces, {"Content-Type": "application/json"}).status == 413
    assert mock.post(result(1, errorDetails="x" * (1024 - size))).status == 200


def test_large_result(start):
    mock = start("--rules", "lenient")
    assert mock.post(result(mock.get().json["id"], errorDetails="ы" * (12 << 20))).status == 200


# ---- behaviour of the real backend (docs/backend.md)

ATTEMPT = "/api/session/attempt"


def test_a_repeated_result_deletes_the_attempt(start):
    mock = start(tasks=[task("a/b")])
    mock.get()
    assert [mock.post(result("a/b")).status for _ in range(4)] == [200, 200, 400, 400]
    state = mock.state()
    assert (state["results"], state["destroyed"], state["tasks"][0]["destroyed"]) == (1, 1, True)
    assert mock.ask("GET", f"{ATTEMPT}/a%2Fb").status == 400


def test_an_attempt_tells_whether_its_result_is_stored(start):
    mock = start(tasks=[task(7), task("7")])
    mock.get(), mock.get()
    assert mock.ask("GET", f"{ATTEMPT}/8").status == mock.ask("GET", f"{ATTEMPT}/").status == 400
    for number in (7, "7"):
        answer = mock.ask("GET", f"{ATTEMPT}/{number}").json
        assert (answer["status"], answer["attemptResult"]) == ("IN_PROGRESS", None)
    for change, status in [({}, "SUCCESS"), ({"isPassed": False}, "FAILURE"), ({"isPassed": False, "isError": True, "errorDetails": "x"}, "ERROR")]:
        mock.ask("POST", "/mock/tasks", json.dumps(task(status)))
        mock.get(), mock.post(result(status, **change))
        answer = mock.ask("GET", f"{ATTEMPT}/{status}").json
        assert (answer["id"], answer["status"]) == (status, status)
        assert answer["attemptResult"]["testResults"] == result(1)["testResults"]
    assert mock.state()["queries"] == 7


@pytest.mark.parametrize("change, status", [
    ({"errorDetails": "😀" * 255}, 200), ({"errorDetails": "😀" * 256}, 500), ({"errorDetails": "\0"}, 500),
    ({"testResults": [case(name="a\0b")]}, 500), ({"testResults": [case(description="x" * 1000000, name="y" * 1000000)]}, 200),
    ({"testResults": [case(description="x" * 20000001)]}, 400)])
def test_what_cannot_be_stored(start, change, status):
    mock = start(tasks=[task(1)])
    mock.get()
    assert mock.post(result(1, **change)).status == status
    state = mock.state()
    assert (state["unstorable"], state["results"], state["violations"]) == (status != 200, status == 200, 0)
    assert mock.post(result(1, errorDetails="short")).status == 200


def test_any_account_may_ask_for_an_attempt(start):
    mock = start("--auth", "--user", "s:s:STUDENT", tasks=[task(1)])
    token = mock.send("/api/v1/login", {"username": "s", "password": "s"}).json["accessToken"]
    assert mock.ask("GET", f"{ATTEMPT}/1").status == 401
    assert mock.ask("GET", f"{ATTEMPT}/1", headers={"Authorization": f"Bearer {token}"}).status == 400
    for body, status in [("{}", 403), (json.dumps(result(1)), 403)]:
        assert mock.ask("POST", POST, body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}).status == status
    assert mock.state()["violations"] == 0


def test_a_probe_is_no_violation(start):
    mock = start(tasks=[task(1)])
    assert mock.post("{}").status == 400 and mock.state()["violations"] == 0


def test_lenient_rules_have_no_attempts(start):
    mock = start("--rules", "lenient", tasks=[task(1)])
    mock.get()
    assert mock.ask("GET", f"{ATTEMPT}/1").status == 404
    assert mock.post(result(1, errorDetails="x" * 300)).status == 200 and mock.state()["queries"] == 0


# ---- state


def test_state(start):
    before = time.time_ns() // 10**6, time.monotonic_ns() // 10**6
    mock = start(tasks=[task(1)])
    assert mock.state()["first_claim"] is None
    mock.get(), mock.get(), mock.ask("GET", "/elsewhere")
    after = time.time_ns() // 10**6, time.monotonic_ns() // 10**6
    state = mock.state()
    first = state["first_claim"]
    assert state["requests"] == {GET: {"200": 2}, "other": {"404": 1}} and state["requests_total"] == 3
    assert (state["parallel"], state["parallel_max"]) == (0, 1)
    for i, name in enumerate(["wall_ms", "monotonic_ms"]):
        assert before[i] - 5 <= state["started"][name] <= first[name] <= after[i] + 5
    assert state["tasks"][0]["claimed_ms"] <= first["ms"] + 5
    assert state["faults"] == {} and state["logins"] == state["refreshes"] == 0


def test_waiting_for_a_state(start):
    mock = start()
    began = time.monotonic()
    assert mock.state("?claimed=1&timeout_ms=200")["claimed"] == 0
    assert time.monotonic() - began > 0.199
    seen = []
    waiter = threading.Thread(target=lambda: seen.append(mock.state("?claimed=1&results=1&timeout_ms=50000")))
    waiter.start()
    mock.get(), mock.post(result(0))
    waiter.join(TIMEOUT)
    assert seen[0]["results"] == 1
    for query in ["?claims=1", "?claimed", "?claimed=x", "?claimed=-1", "?timeout_ms=x"]:
        assert mock.ask("GET", "/mock/state" + query).status == 400


# ---- accounts and tokens

DORA = {"username": "dora_explorer", "password": "dora_explorer"}


def test_tokens(start):
    mock = start("--auth", tasks=[task(1)])
    for headers in [{}, bearer("x"), {"Authorization": "Bearer "}, {"Authorization": "Basic ZDpk"}]:
        answer = mock.ask("GET", GET, headers=headers)
        assert answer.status == 401 and "WWW-Authenticate" in answer.headers
    tokens = mock.send(LOGIN, DORA).json
    assert set(tokens) == {"type", "accessToken", "refreshToken"} and tokens["type"] == "Bearer"
    token = tokens["accessToken"]
    assert mock.ask("GET", GET, headers={"Authorization": f"bearer {token}"}).status == 401
    assert mock.get(token).json["id"] == 1
    assert mock.post(result(1)).status == 401 and mock.post(result(1), token).status == 200
    newer = mock.send(REFRESH, tokens).json
    assert newer["accessToken"] != token and newer["refreshToken"] != tokens["refreshToken"]
    assert mock.get(newer["accessToken"]).status == mock.get(token).status == 200
    state = mock.state()
    assert (state["logins"], state["refreshes"], state["violations"], state["claimed"]) == (1, 1, 0, 1)


def test_one_refresh_token_an_account(start):
    mock = start("--auth")
    first, second = mock.send(LOGIN, DORA).json, mock.send(LOGIN, DORA).json
    assert mock.send(REFRESH, first).status == 401
    third = mock.send(REFRESH, second).json
    assert mock.send(REFRESH, second).status == 401 and mock.send(REFRESH, third).status == 200
    assert mock.send(REFRESH, {"refreshToken": ""}).status == 401


def test_wrong_logins(start):
    mock = start("--auth")
    assert mock.send(LOGIN, {**DORA, "password": "x"}).status == 401
    assert mock.send(LOGIN, {**DORA, "username": "x"}).status == 400
    assert mock.send(LOGIN, {**DORA, "password": 1}).status == 400
    assert mock.send(LOGIN, "x").status == mock.send(REFRESH, {}).status == 400
    assert mock.ask("POST", LOGIN, json.dumps(DORA)).status == 415
    assert "message" in mock.send(LOGIN, {**DORA, "password": "x"}).json and mock.state()["logins"] == 0


def test_accounts_and_roles(start):
    mock = start("--auth", "--user", "a:p:q:ADMIN,b:x:STUDENT")
    admin = mock.send(LOGIN, {"username": "a", "password": "p:q"}).json["accessToken"]
    student = mock.send(LOGIN, {"username": "b", "password": "x"}).json["accessToken"]
    assert mock.send(LOGIN, DORA).status == 400
    assert mock.get(admin).status == 200 and mock.get(student).status == 403
    assert mock.post(result(0), student).status == 403 and mock.state()["claimed"] == 1


def test_tokens_expire(start):
    mock = start("--auth", "--token-ttl", "0.3")
    began = time.monotonic()
    tokens = mock.send(LOGIN, DORA).json
    while mock.get(tokens["accessToken"]).status == 200:
        assert time.monotonic() - began < TIMEOUT
    assert time.monotonic() - began >= 0.29
    assert mock.send(REFRESH, tokens).status == 200


def test_revoke_forgets_all_tokens(start):
    mock = start("--auth")
    tokens = mock.send(LOGIN, DORA).json
    assert mock.ask("POST", "/mock/revoke").status == 204
    assert mock.get(tokens["accessToken"]).status == mock.send(REFRESH, tokens).status == 401
    assert mock.get(mock.send(LOGIN, DORA).json["accessToken"]).status == 200
