"""Two runners with one login at a backend without locks: each attempt gets one result, and keeps
it."""

import concurrent.futures
import json
import re
import socket
import time

import pytest

from harness import task

TASKS = 300
REFRESH_S = 0.5
VERDICTS = {"pass": (True, False), "fail": (False, False), "error": (False, True)}


@pytest.fixture
def start_two(start_mock, start_runner, small, tmp_path):
    """start_two(tasks, mock option…): starts a mock. Returns it, and a function that starts runner
    `number`."""
    def start(tasks, *options):
        mock = start_mock("--auth", *options, tasks=tasks)

        def runner(number):
            return start_runner(mock, "--auth", "--refresh-time", REFRESH_S, "--tests-url", small.suite,
                                "--concurrent", 2, state=tmp_path / f"state-{number}")
        return mock, runner
    return start


@pytest.mark.slow
def test_each_attempt_gets_one_result(start_two, small):
    kinds = list(VERDICTS)
    tasks = [task(f"{kinds[i % 3]} {i}", small.student(kinds[i % 3])) for i in range(TASKS)]
    started = time.monotonic()
    mock, start = start_two(tasks, "--claim-lag", 0.01)
    runners = [start(0), start(1)]
    mock.state(results=TASKS // 3)
    runners[0].signal()
    runners[0].wait_log("stopping")
    assert runners[0].stop() == 0  # in the middle of its tasks; the other continues
    mock.state(results=2 * TASKS // 3)
    runners[0] = start(0)
    mock.state(results=TASKS)
    assert [runner.stop() for runner in runners] == [0, 0]
    elapsed = time.monotonic() - started

    for result in mock.results():
        assert (result["isPassed"], result["isError"]) == VERDICTS[result["id"].split()[0]]
    state = mock.state()
    assert len({result["id"] for result in mock.results()}) == len(mock.results()) == TASKS
    assert state["violations"] == 0 and state["unanswerable"] == 0
    # The second runner finds the result stored, or, within the milliseconds between its query and
    # its POST, deletes the attempt.
    twins = sum(entry["claims"] - 1 for entry in state["tasks"])
    assert twins, "no task was handed out twice: the race did not occur"
    assert state["destroyed"] <= twins // 4
    print(f"{twins} attempts were handed out twice, {state['destroyed']} deleted")
    # Each revokes the other's token; after the second time in a row a runner logs in instead of
    # refreshing.
    assert 4 <= state["logins"] <= 2 * elapsed / REFRESH_S + 3
    assert state["requests"]["/api/v1/auth/refresh"].get("401", 0) <= state["logins"] / 2 + 3



def ask_together(mock, clients):
    """Sends claims of several clients at the same time. Returns the ids of their tasks."""
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        answers = pool.map(lambda _: mock.ask("GET", "/api/task/available"), range(clients))
        return [json.loads(body)["id"] for _, body in answers]


def test_the_mock_gives_one_task_to_all_who_ask_before_it_is_marked(start_mock):
    mock = start_mock("--rules", "lenient", "--claim-lag", 5, tasks=[task(1), task(2)])
    assert [ask_together(mock, 3), ask_together(mock, 1)] == [[1, 1, 1], [2]]
    empty = {"isPassed": False, "duration": 0, "testResults": [], "isError": True, "errorDetails": "none"}
    for number, duration in [(1, 0), (1, 1), (1, 0), (1, 2), (1, 3), (2, 0), (2, 1)]:
        assert mock.ask("POST", "/api/task/result", json.dumps(empty | {"id": number, "duration": duration}))[0] == 200
    state = mock.state()
    assert [state[name] for name in ("results", "twin_results", "duplicates")] == [2, 2, 1]
    assert state["violation_reasons"] == ["result 1: two different results", "result 2: two different results"]


def test_each_says_its_name(start_mock, start_runner, small, tmp_path):
    mock = start_mock(tasks=[])
    for name in ("north", "lab-7@example.org:2"):
        runner = start_runner(mock, "--name", name, state=tmp_path / name)
        runner.wait_log(f"INFO ostest-runner .* name={name} ")
    nameless = start_runner(mock, state=tmp_path / "state")
    nameless.wait_log(f" name={socket.gethostname()} ")
    seen = 0
    while len(mock.state()["agents"]) < 3 and seen < 1000:
        seen = mock.state(requests_total=seen + 1)["requests_total"]
    names = {re.fullmatch(r"ostest-runner/[0-9.]+ \((.*)\)", agent)[1] for agent in mock.state()["agents"]}
    assert names == {"north", "lab-7@example.org:2", socket.gethostname()}


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "(", "a\r\nX-Evil: 1"])
def test_a_name_that_no_header_could_hold(start_runner, name):
    runner = start_runner(None, "--name", name)
    assert runner.wait() == 2 and "--name" in runner.log
