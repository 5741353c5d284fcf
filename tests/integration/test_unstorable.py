"""A result that a working backend cannot store: smaller forms in turn, then rejected/; other
results do not wait."""

import json
import subprocess

import pytest

import harness
from harness import TIMEOUT, task
from test_attempt_query import OPEN, POST, TAKEN, about, start_backend  # noqa: F401

FORMS = 4
EACH = 3  # number of times that each form is sent
FAILED = (500, '{"status": 500, "error": "Internal Server Error"}')


@pytest.fixture
def wordy(small):
    """A student whose test has a long description."""
    lines = "\\n".join(["the first line"] + ["x" * 99] * 30)
    report = f'<testsuite><testcase classname="lab" name="fails"><failure>{lines}</failure></testcase></testsuite>'
    return small.student("pass", f"printf '%b' '{report}' >\"$1\"; exit 0")


def descriptions(posted):
    """Returns the descriptions of the only test in each, without repetitions."""
    texts = [body["testResults"][0]["description"] for body in posted]
    return [text for i, text in enumerate(texts) if not i or text != texts[i - 1]]


def keep_bodies(backend, bodies):
    take = backend.take

    def keeping(kind, answers):
        if kind == POST:
            bodies.append(backend.last)
        return take(kind, answers)
    backend.take = keeping


@pytest.mark.parametrize("answer, each", [(FAILED, EACH), ((503, ""), EACH), ((413, ""), 1)])
def test_smaller_forms_in_turn(start_runner, start_backend, small, wordy, answer, each):
    bodies = []
    backend = start_backend([about("a", OPEN)], [answer] * (3 * each) + [TAKEN])
    backend.tasks = [task("a", wordy)]
    keep_bodies(backend, bodies)
    runner = start_runner(None, "--backend-url", backend.url, "--tests-url", small.suite, "--max-tasks", 2)
    runner.wait_log("delivered key=")
    texts = descriptions(bodies)
    assert len(bodies) == 3 * each + 1 and len(texts) == FORMS
    assert len(texts[0]) > 2900 and 1000 < len(texts[1]) < 1200 and texts[2:] == ["the first line", ""]
    assert {json.dumps({**body, "testResults": None}) for body in bodies} == {json.dumps({**bodies[0], "testResults": None})}
    assert len(runner.hits("WARNING task=a The backend .*next attempt: .*key=000000000001-a")) == 3


def test_after_the_smallest_form_it_is_rejected(start_mock, start_runner, tmp_path):
    mock = start_mock("--faults", "post:500:*", tasks=[task(1)])
    runner = start_runner(mock, "--mock")
    line = runner.wait_log("ERROR .*rejected")
    assert "task=1 " in line and "key=000000000001-1" in line and "status=500" in line and "HTTP 500" in line
    rejected = tmp_path / "state" / "rejected"
    assert "an injected fault" in (rejected / "000000000001-1.answer").read_text()
    assert json.loads((rejected / "000000000001-1.json").read_text())["id"] == 1
    assert mock.state()["requests"]["/api/task/result"] == {"500": FORMS * EACH}
    assert not list((tmp_path / "state" / "spool").iterdir()) and len(runner.hits("ERROR (?!students)")) == 1


def test_such_results_do_not_fill_max_unsent(start_mock, start_runner):
    mock = start_mock("--faults", "post:500:*", tasks=[task(i) for i in range(3)])
    runner = start_runner(mock, "--mock", "--max-unsent", 3)
    mock.state(claimed=3)
    mock.add(task(3))
    assert mock.state(claimed=4)["results"] == 0


def test_such_a_result_does_not_hold_up_a_stop(start_mock, start_runner, tmp_path):
    mock = start_mock("--faults", "post:500:*", tasks=[task(1)])
    runner = start_runner(mock, "--mock", "--once", "--drain-timeout", TIMEOUT * 10)
    assert runner.wait() == 0
    assert runner.hits("left on disk for the next start: 1 results") or list((tmp_path / "state" / "rejected").glob("*.json"))


def test_a_backend_that_fails_for_everything_is_waited_for(start_mock, start_runner, tmp_path):
    mock = start_mock("--faults", "post:500:*,attempt:500:*", tasks=[task(1)])
    runner = start_runner(mock, "--mock", "--once")
    mock.state(requests_total=1 + 5)
    assert not runner.hits("rejected|next attempt") and list((tmp_path / "state" / "spool").glob("*.json"))
    mock.faults(None)
    assert runner.wait() == 0 and mock.state()["results"] == 1


def test_without_a_query_another_result_shows_that_the_backend_works(start_backend, start_runner):
    backend = start_backend([], [FAILED] * 4 + [TAKEN])
    backend.tasks = [task("a")]
    runner = start_runner(None, "--backend-url", backend.url, "--mock", "--attempt-api", "")
    backend.wait_for([POST] * 5)
    runner.wait_log("delivered key=")
    assert not runner.hits("next attempt")


# ---- messages for the operator ----

def test_spool_list_shows_the_last_answer(start_mock, start_runner, tmp_path):
    mock = start_mock("--faults", "attempt:500:*", tasks=[task(1)])
    runner = start_runner(mock, "--mock")
    runner.wait_log("WARNING task=1")
    listed = subprocess.run([harness.RUNNER, "--state-dir", tmp_path / "state", "spool", "list"], env=harness.CLEAN_ENV,
                            capture_output=True, text=True)
    assert "waiting   000000000001-1" in listed.stdout and "HTTP 500 at" in listed.stdout


def test_claims_that_fail_again_and_again(start_mock, start_runner):
    mock = start_mock("--faults", "get:500:4", tasks=[task(1)])
    runner = start_runner(mock, "--mock", "--once")
    assert runner.wait() == 0
    (told,) = runner.hits("ERROR .*fails to hand out tasks")
    assert "HTTP 500" in told and "isSwitchedOn" in told
