"""The backend's answers to a claim: errors of every kind, and tasks of every kind."""

import json
import socket
import time

import pytest

from harness import task

GET = "/api/task/available"


# ---- no answer, or an unusable one ----

def test_backend_that_comes_later(start_mock, start_runner):
    with socket.socket() as place:  # a port that is in use, but without a listener
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        runner = start_runner(None, "--backend-url", f"http://127.0.0.1:{port}", "--mock", "--once")
        assert f"does not answer at http://127.0.0.1:{port}{GET}" in runner.wait_log("WARNING The backend")
        mock = start_mock(tasks=[task(1)], port=port)
    assert runner.wait() == 0 and mock.state()["results"] == 1


def test_slow_answer_is_waited_for(start_mock, start_runner):
    mock = start_mock("--faults", "get:slow=700", tasks=[task(1)])
    assert start_runner(mock, "--mock", "--once").wait() == 0
    state = mock.state()
    assert state["results"] == 1 and state["requests_total"] == 3  # including the query


TROUBLE = ["500", "502", "503", "429", "400", "418", "408", "301", "drop", "garbage", "html", "huge=3000000", "huge=0", "half",
           "truncated", "dup-keys"]
TAKES_THE_TASK = ["half", "truncated", "dup-keys"]


@pytest.mark.parametrize("fault", TROUBLE)
def test_trouble_does_not_stop_the_questions(start_mock, start_runner, fault):
    tasks = [task("lost")] if fault in TAKES_THE_TASK else []
    mock = start_mock("--faults", f"get:{fault}", tasks=[*tasks, task("next")])
    runner = start_runner(mock, "--mock", "--once")
    assert runner.wait() == 0
    assert [result["id"] for result in mock.results()] == ["next"]
    assert len(runner.hits(" (WARNING|ERROR) (?!students' code)")) == 1, runner.log


@pytest.mark.parametrize("status", [200, 204, 404])
def test_no_task_is_no_trouble(start_mock, start_runner, status):
    mock = start_mock("--no-task-status", status, tasks=[])
    runner = start_runner(mock, "--mock", "--once")
    mock.state(requests_total=3)
    mock.add(task(1))
    assert runner.wait() == 0 and mock.state()["results"] == 1
    assert mock.state()["requests"][GET][str(status)] >= 3
    assert not runner.hits(" (WARNING|ERROR) (?!students' code)")


@pytest.mark.parametrize("fault, pattern", [("503", r"fails .HTTP 503 at \S+$"), ("drop", "does not answer"), ("garbage", "JSON")])
def test_lasting_trouble_is_said_once(start_mock, start_runner, fault, pattern):
    mock = start_mock("--faults", f"get:{fault}:4", tasks=[])
    runner = start_runner(mock)
    mock.state(requests_total=6)
    runner.wait_log(f" (WARNING|ERROR) .*{pattern}")
    assert len(runner.hits(f" (WARNING|ERROR) .*{pattern}")) == 1
    mock.faults(f"get:{fault}:3")  # it worked in between, so this is logged again
    runner.wait_log(f" (WARNING|ERROR) .*{pattern}", count=2)


@pytest.mark.parametrize("fault", ["503", "drop", "garbage", "401"])
def test_trouble_is_no_reason_to_hurry(start_mock, start_runner, fault):
    mock = start_mock("--faults", f"get:{fault}:*", tasks=[])
    begin = mock.state()["now_ms"]
    runner = start_runner(mock, "--check-interval", "0.2")
    assert mock.state(requests_total=4)["now_ms"] - begin >= 3 * 180 - 30
    runner.wait_log(" (WARNING|ERROR) (?!students' code)")


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(start_mock, start_runner, status):
    mock = start_mock("--faults", f"get:{status}+1", tasks=[task(1)])
    assert start_runner(mock, "--mock", "--once").wait() == 0
    assert mock.state()["tasks"][0]["claimed_ms"] >= 1000


def test_huge_answer_takes_no_memory(start_mock, start_runner):
    mock = start_mock("--faults", "get:huge=200000000", tasks=[])
    runner = start_runner(mock)
    mock.state(requests_total=1)
    before = runner.memory_kib("VmHWM")
    assert "larger than" in runner.wait_log("WARNING The backend")
    mock.state(requests_total=2)
    assert runner.memory_kib("VmHWM") - before < 8 << 10


# ---- a login is required, or does not suffice ----

def test_a_backend_that_wants_a_login(start_mock, start_runner):
    mock = start_mock("--auth", tasks=[task(1)])
    runner = start_runner(mock)
    assert "--auth" in runner.wait_log(" (WARNING|ERROR) .*login")


def test_an_account_without_the_role(start_mock, start_runner):
    mock = start_mock("--auth", "--user", "dora_explorer:dora_explorer:STUDENT", tasks=[task(1)])
    runner = start_runner(mock, "--auth")
    line = runner.wait_log("ERROR")
    assert "'dora_explorer'" in line and "403" in line and "ADMIN" in line
    state = mock.state(requests_total=5)
    assert state["logins"] == 1 and len(runner.hits("ADMIN")) == 1


# ---- invalid and unusual tasks ----

GOOD = {"repositoryUrl": "https://example.org/proxy-grisha.git", "branch": "main"}
FINE = {
    "no status": {}, "status null": {"status": None}, "available": {"status": "AVAILABLE"}, "branch null": {"branch": None},
    "branch empty": {"branch": ""}, "lab null": {"laboratoryNumber": None}, "labs": {"laboratoryNumber": [1, 2]},
    "no labs": {"laboratoryNumber": []}, "tests null": {"connectedTests": None}, "no tests": {"connectedTests": []},
    "unknown members": {"x": 1, "nested": {"id": 5}, "list": [{}]},
}


def test_usable_tasks(run_tasks):
    tasks = [{"id": name} | GOOD | members for name, members in FINE.items()]
    results = run_tasks(tasks, "/none", "--mock")
    assert [name for name in FINE if not results[name]["isPassed"]] == []


def test_a_task_after_a_byte_order_mark(start_mock, start_runner):
    """As written by .NET's Encoding.UTF8."""
    mock = start_mock(tasks=["\ufeff" + json.dumps({"id": 7} | GOOD)])
    runner = start_runner(mock, "--mock", "--once")
    assert runner.wait() == 0, runner.log
    assert [(result["id"], result["isPassed"]) for result in mock.results()] == [(7, True)]


MALFORMED = {
    "no url": ({"repositoryUrl": None}, "repositoryUrl"), "url empty": ({"repositoryUrl": ""}, "repositoryUrl"),
    "url number": ({"repositoryUrl": 5}, "repositoryUrl"), "url list": ({"repositoryUrl": ["x"]}, "repositoryUrl"),
    "url option": ({"repositoryUrl": "--upload-pack=x"}, "repositoryUrl"),
    "url space": ({"repositoryUrl": "a b"}, "repositoryUrl"),
    "url line": ({"repositoryUrl": "https://a\nb"}, "repositoryUrl"),
    "url long": ({"repositoryUrl": "x" * 3000}, "repositoryUrl"), "branch number": ({"branch": 1}, "branch"),
    "branch list": ({"branch": ["main"]}, "branch"), "branch option": ({"branch": "--force"}, "branch"),
    "branch range": ({"branch": "a..b"}, "branch"), "lab text": ({"laboratoryNumber": "one"}, "laboratoryNumber"),
    "lab fraction": ({"laboratoryNumber": 1.5}, "laboratoryNumber"),
    "lab negative": ({"laboratoryNumber": -1}, "laboratoryNumber"),
    "lab object": ({"laboratoryNumber": {}}, "laboratoryNumber"),
    "lab in list": ({"laboratoryNumber": [1, "x"]}, "laboratoryNumber"),
    "tests text": ({"connectedTests": "test_a"}, "connectedTests"),
    "tests number": ({"connectedTests": [1]}, "connectedTests"),
    "tests number": ({"connectedTests": [1]}, "connectedTests"),
    "tests object": ({"connectedTests": {"a": 1}}, "connectedTests"), "status": ({"status": "MAYBE"}, "status"),
    "status number": ({"status": 1}, "status"), "status true": ({"status": True}, "status"),
}


def test_malformed_tasks_get_an_error_result(run_tasks):
    tasks = [{"id": name} | GOOD | members for name, (members, _) in MALFORMED.items()]
    results = run_tasks(tasks, "/none", "--mock")
    for name, (_, said) in MALFORMED.items():
        assert results[name]["isError"] and not results[name]["isPassed"], name
        assert said in results[name]["errorDetails"], name


REFUSED = {
    "branch with a NUL": r'"branch": "a\u0000b"', "half a character": r'"connectedTests": ["\ud800"]',
    "too large a number": '"extra": 1e999', "no number": '"extra": NaN', "twice": '"branch": "a", "branch": "b"',
}


def test_tasks_that_the_parser_refuses_get_an_error_result(run_tasks):
    texts = [f'{{"repositoryUrl": "/none", {members}, "id": "{name}"}}' for name, members in REFUSED.items()]
    results = run_tasks(texts, "/none", "--mock")
    for name in REFUSED:
        assert results[name]["isError"] and not results[name]["isPassed"], name
        assert results[name]["errorDetails"].startswith("The task cannot be read: Not valid JSON"), name


@pytest.mark.parametrize("body", [
    '{"status": "AVAILABLE"}', '{"id": 1.5, "repositoryUrl": "x"}', '{"id": true}', '{"id": ["1"]}', '{"id": {}}', '{"id": ""}',
    '{"id": 1, "id": 2}', '[]', '"text"', 'null', '', ' ', '{"id": 1', '{"extra": 1e999, "id": 1', '{"id": 1}x', '{"id": "\\ud800"}'])
def test_a_task_without_an_id_is_logged(start_mock, start_runner, body):
    mock = start_mock(tasks=[body, task(2)])
    runner = start_runner(mock, "--mock", "--once")
    assert runner.wait() == 0
    assert [result["id"] for result in mock.results()] == [2]
    assert runner.hits(" ERROR ") and mock.state()["violations"] == 0


@pytest.mark.parametrize("body", ['{"status": "UNAVAILABLE", "id": 1}', '{}', '{"id": null}'])
def test_no_task_in_other_words(start_mock, start_runner, body):
    mock = start_mock(tasks=[body, task(2)])
    runner = start_runner(mock, "--mock", "--once")
    assert runner.wait() == 0
    assert [result["id"] for result in mock.results()] == [2] and not runner.hits(" ERROR ")


# ---- ids ----

IDS = [0, 1, -1, -(1 << 63), (1 << 53) + 1, (1 << 63) - 1, "0042", "9007199254740993",
       "../../etc/passwd", "..", "/", "a/b c", "-rf", "%s%n", "~", ".hidden", "x" * 4096,
       "\u20ac\U0001f600 \u0437\u0430\u0434\u0430\u0447\u0430", '"quoted" \\ and\nlines\t',
       "3fa85f64-5717-4562-b3fc-2c963f66afa6"]


def test_ids_come_back_as_they_came(start_mock, start_runner, tmp_path):
    mock = start_mock(tasks=[task(i) for i in IDS])
    runner = start_runner(mock, "--mock", "--concurrent", 4, "--max-tasks", len(IDS))
    assert runner.wait() == 0
    results = mock.results()
    assert sorted(map(repr, (result["id"] for result in results))) == sorted(map(repr, IDS))
    assert all(result["isPassed"] for result in results) and mock.state()["violations"] == 0
    assert not list((tmp_path / "state" / "jobs").iterdir()) and not list((tmp_path / "state" / "spool").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mock-1", "state"]


@pytest.mark.parametrize("number", [1 << 63, (1 << 64) - 1, -(1 << 63) - 1, 10**30])
def test_ids_beyond_63_bits(start_mock, start_runner, tmp_path, number):
    mock = start_mock(tasks=[json.dumps({"list": [{"id": 5}], "id": number} | GOOD)])
    assert start_runner(mock, "--mock", "--once").wait() == 0
    (path,) = (tmp_path / "state" / "rejected").glob("*.json")  # the mock has no number of this size
    result = json.loads(path.read_text())
    assert result["id"] == number and result["isPassed"]


def test_same_task_again_while_it_runs(start_mock, start_runner, small, barrier):
    again = task(7, small.student(script=barrier.script))
    mock = start_mock(tasks=[again, again])
    runner = start_runner(mock, "--tests-url", small.suite, "--max-tasks", 2)
    runner.wait_log("task=7 handed out again")
    barrier.open(2)
    assert runner.wait() == 0
    state = mock.state()
    assert (state["claimed"], state["results"], state["duplicates"], state["violations"]) == (2, 1, 0, 0)


def test_same_task_again_and_again_is_no_reason_to_hurry(start_mock, start_runner, small, barrier):
    mock = start_mock(tasks=[task(7, small.student(script=barrier.script))] * 5000)
    runner = start_runner(mock, "--tests-url", small.suite, "--check-interval", 1)
    begin = time.monotonic()
    runner.wait_log("handed out again", count=2)
    assert len(runner.hits("handed out again")) <= 2 + time.monotonic() - begin
    barrier.open(5000)  # from now on each finished task causes a claim at once


def test_same_task_again_after_its_delivery(start_mock, start_runner):
    mock = start_mock(tasks=[task(7)])
    runner = start_runner(mock, "--mock", "--max-tasks", 2)
    mock.state(results=1)
    mock.add(task(7))
    assert runner.wait() == 0
    state = mock.state()
    assert (state["claimed"], state["results"], state["violations"]) == (2, 2, 0)
