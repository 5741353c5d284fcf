"""`ostest-runner spool`: how an operator handles results that the backend refused."""

import json
import os
import subprocess

import pytest

import harness
from harness import task

KEYS = ["000000000001-1", "000000000002-2"]


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def spool(state):
    """spool(word…): returns exit status, stdout, stderr."""
    def run(*words):
        done = subprocess.run([harness.RUNNER, "--state-dir", state, "spool", *words], env=harness.CLEAN_ENV,
                              capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr
    return run


@pytest.fixture
def refused(start_mock, start_runner):
    """Two refused results; returns the mock, which accepts them now."""
    mock = start_mock("--faults", "post:422:*", tasks=[task(1), task(2)])
    assert start_runner(mock, "--mock", "--max-tasks", 2).wait() == 0
    mock.faults("")
    return mock


def names(state):
    return {place: sorted(os.listdir(state / place)) for place in ("spool", "rejected")}


def test_list_of_nothing(spool):
    assert spool("list") == (0, "0 waiting, 0 refused\n", "")


def test_list(spool, refused, state):
    (state / "spool" / "000000000003-3.json").write_text("{}")
    status, out, _ = spool("list")
    lines = out.splitlines()
    assert status == 0 and [line.split()[:2] for line in lines[:3]] == [
        ["waiting", "000000000003-3"], ["refused", KEYS[0]], ["refused", KEYS[1]]]
    assert lines[3] == "1 waiting, 2 refused"


def test_an_answer_is_one_harmless_line(spool, refused, state):
    (state / "rejected" / f"{KEYS[0]}.answer").write_bytes(b"no\n\x1b[2J\xff good" + b"x" * 5000)
    line = spool("list")[1].splitlines()[0]
    assert "no  [2J  good" in line and len(line) < 300 and "\x1b" not in line


def test_retry_beside_a_running_runner_or_before_one(spool, refused, state, start_runner):
    assert spool("retry", KEYS[1])[0] == 0
    assert names(state) == {"spool": [f"{KEYS[1]}.json"], "rejected": [f"{KEYS[0]}.answer", f"{KEYS[0]}.json"]}
    runner = start_runner(refused, "--mock")
    assert refused.results(1)[0]["id"] == 2
    assert spool("retry", "all")[0] == 0
    assert [result["id"] for result in refused.results(2)] == [2, 1]  # found after ten seconds
    assert runner.stop() == 0 and names(state) == {"spool": [], "rejected": []}


def test_drop(spool, refused, state):
    assert spool("drop", KEYS[0]) == (0, "1 results deleted\n", "")
    assert names(state)["rejected"] == [f"{KEYS[1]}.answer", f"{KEYS[1]}.json"]
    assert spool("drop", "all")[0] == 0 and names(state)["rejected"] == []


def test_what_waits_cannot_be_dropped(spool, refused, state):
    spool("retry", "all")
    status, _, err = spool("drop", KEYS[0])
    assert status == 1 and f"there is no refused result {KEYS[0]}; see 'ostest-runner spool list'" in err
    assert len(names(state)["spool"]) == 2


@pytest.mark.parametrize("key", ["../jobs/x", "/etc/passwd", "", "000000000001-1.json"])
def test_unknown_keys_touch_nothing_and_do_not_stop_the_others(spool, refused, state, key):
    status, out, err = spool("drop", key, KEYS[1])
    assert status == 1 and out == "1 results deleted\n" and "there is no refused result" in err
    assert json.loads((state / "rejected" / f"{KEYS[0]}.json").read_text())["id"] == 1


@pytest.mark.parametrize("words, said", [
    ([], "one of list, retry and drop"), (["purge"], "one of list, retry and drop"),
    (["retry"], "keys as shown by"), (["list", "all"], "takes no more words")])
def test_wrong_words(spool, words, said):
    status, out, err = spool(*words)
    assert status == 2 and said in err and out == ""
