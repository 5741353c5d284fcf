"""One, two and three signals in each state of the runner: it exits in time, and nothing is lost.

test_signals.py has other states, such as a running task and a pending claim.
"""

import time

import pytest

from harness import TIMEOUT, UNPRIVILEGED, processes_with, task, wait_gone
from test_backend_away import bearer, claim, fill_spool

SLACK_S = 5  # for a busy machine
SHORT_S, LONG_S = 1, 60


class Bench:
    """The parts of a state. `release` lets it continue after the signals."""

    def __init__(self, state, start_mock, start_runner, small, barrier):
        self.state, self.start_mock, self.start_runner = state, start_mock, start_runner
        self.small, self.barrier = small, barrier
        self.options, self.prefix = ["--tests-url", small.suite, "--concurrent", 1], []
        self.pause_s = SHORT_S  # the backend's delay
        self.release = lambda: None

    def start(self, *options, prefix=()):
        self.options += options
        self.runner = self.start_runner(self.mock, *self.options, prefix=prefix)
        return self.runner

    def left(self):
        """Returns the number of claims and results on disk."""
        return len(list(self.state.glob("jobs/*/task.json"))) + len(list(self.state.glob("spool/*.json")))


@pytest.fixture
def bench(tmp_path, start_mock, start_runner, small, barrier):
    return Bench(tmp_path / "state", start_mock, start_runner, small, barrier)


# ---- the states ----

def idle(b):
    b.mock = b.start_mock(tasks=[])
    b.start("--check-interval", 3600)
    b.mock.state(requests_total=1)


def question_on_its_way(b):
    b.mock = b.start_mock("--faults", f"get:slow={b.pause_s * 1000}:*", tasks=[])
    b.start()
    b.mock.state(parallel_max=1)


def question_told_to_wait(b):
    b.mock = b.start_mock("--faults", "get:503+60", tasks=[])
    b.start()
    b.runner.wait_log("WARNING The backend fails")


def claims_wait_for_a_slot(b):
    tasks = [task(number, b.small.student(script=f"trap '' TERM; {b.barrier.script}")) for number in range(3)]
    b.mock = b.start_mock(tasks=tasks)
    for number in range(3):
        directory = b.state / "jobs" / f"{number:012}-{number}"
        directory.mkdir(parents=True)
        (directory / "task.json").write_bytes(b.mock.ask("GET", "/api/task/available")[1])
    b.release = lambda: b.barrier.open(9)
    b.start()
    b.barrier.wait()


def result_waits(b, faults, *options, mock_options=()):
    """Starts a runner with the result of an earlier run, and a backend with its task."""
    fill_spool(b.state, 1)
    b.mock = b.start_mock(*mock_options, tasks=[task(0)])
    claim(b.mock, 1, bearer(b.mock) if "--auth" in mock_options else None)
    b.mock.faults(faults)
    b.start("--check-interval", 3600, *options)


def backend_is_away(b):
    result_waits(b, "post:drop:*")
    b.runner.wait_log("does not answer at .*result")
    b.release = lambda: b.mock.faults(None)


def result_on_its_way(b):
    result_waits(b, f"post:slow={b.pause_s * 1000}")
    b.mock.state(results=1)


def result_told_to_wait(b):
    result_waits(b, f"post:503+{b.pause_s}")
    b.runner.wait_log("WARNING task=.* The backend fails")


def login_on_its_way(b):
    result_waits(b, f"login:slow={b.pause_s * 1000}", "--auth", mock_options=["--auth"])
    b.mock.state(logins=2)


def login_told_to_wait(b):
    result_waits(b, f"login:503+{b.pause_s}", "--auth", mock_options=["--auth"])
    b.runner.wait_log("WARNING The login failed")


def disk_takes_no_claim(b):
    b.mock = b.start_mock(tasks=[])
    b.start(prefix=UNPRIVILEGED)
    b.mock.state(requests_total=1)
    (b.state / "jobs").chmod(0o500)
    b.release = lambda: (b.state / "jobs").chmod(0o700)
    b.mock.add(task(1, b.small.student()))
    b.runner.wait_log("CRITICAL cannot use the state directory")


TABLE = [  # state, number of signals, exit status, number of claims and results left on disk
    (idle, 3, 0, 0),
    (question_on_its_way, 1, 0, 0), (question_on_its_way, 2, 0, 0), (question_on_its_way, 3, 1, 0),
    (question_told_to_wait, 1, 0, 0),
    (claims_wait_for_a_slot, 1, 0, 2), (claims_wait_for_a_slot, 2, 0, 3), (claims_wait_for_a_slot, 3, 1, 3),
    (backend_is_away, 1, 0, 0), (backend_is_away, 2, 0, 0),
    (result_on_its_way, 1, 0, 0), (result_on_its_way, 2, 0, 0), (result_on_its_way, 3, 1, 1),
    (result_told_to_wait, 1, 0, 0), (result_told_to_wait, 2, 0, 0), (result_told_to_wait, 3, 1, 1),
    (login_on_its_way, 1, 0, 0), (login_on_its_way, 2, 0, 0), (login_on_its_way, 3, 1, 1),
    (login_told_to_wait, 1, 0, 0), (login_told_to_wait, 2, 0, 0), (login_told_to_wait, 3, 1, 1),
    (disk_takes_no_claim, 1, 0, 1), (disk_takes_no_claim, 2, 0, 1),
]


def send(runner, count):
    """Sends this many signals, each after the runner has logged the previous one, while it runs."""
    for said in ("INFO stopping: ", "WARNING stopping ", None)[:count]:
        if runner.process.poll() is None:
            runner.signal()
        if said and count > 1 and runner.process.poll() is None:
            with runner.changed:
                assert runner.changed.wait_for(lambda: runner.hits(f"{said}|^$"), TIMEOUT), runner.log  # noqa: B023


@pytest.mark.parametrize("reach, signals, status, left", TABLE, ids=lambda value: getattr(value, "__name__", str(value)))
def test_stop(bench, reach, signals, status, left):
    bench.pause_s = LONG_S if signals == 3 else SHORT_S
    reach(bench)
    send(bench.runner, signals)
    is_let_go = signals < (2 if reach is claims_wait_for_a_slot else 3)  # not a job that is being stopped, as it might finish
    if is_let_go:
        bench.release()
    begin = time.monotonic()
    assert bench.runner.wait() in ([0, 1] if reach is idle else [status]), bench.runner.log  # depends on how many it received
    assert time.monotonic() - begin <= SLACK_S + (0 if signals == 3 else 5)
    wait_gone(str(bench.state))
    assert bench.left() == left and not (bench.state / "lock").exists()
    if not is_let_go:
        bench.release()

    bench.mock.faults(None)  # the next start
    claimed = bench.mock.state()["claimed"]
    runner = bench.start_runner(bench.mock, *bench.options, "--check-interval", "0.05")
    bench.mock.add(task("new", bench.small.student()))
    now = bench.mock.state(results=claimed + 1)
    assert runner.stop() == 0 and bench.left() == 0 and not processes_with(str(bench.state))
    assert now["results"] == now["claimed"] == len(bench.mock.results()) and now["violations"] == 0
    assert now["duplicates"] <= (reach is result_on_its_way and signals == 3)
    assert all(result["isPassed"] for result in bench.mock.results() if result["errorDetails"] != "of yesterday")


# ---- a claim whose answer is only in memory ----

def test_third_signal_tells_of_a_claim_that_the_disk_never_took(bench):
    disk_takes_no_claim(bench)
    send(bench.runner, 3)
    assert bench.runner.wait() == 1 and bench.left() == 0
    assert "task=1 " in bench.runner.wait_log("CRITICAL .*never took it")


def test_third_signal_tells_of_a_claim_on_its_way(bench):
    bench.mock = bench.start_mock("--faults", f"get:slow={LONG_S * 1000}:*", tasks=[task(1)])
    bench.start()
    bench.mock.state(claimed=1)
    send(bench.runner, 3)
    begin = time.monotonic()
    assert bench.runner.wait() == 1 and time.monotonic() - begin <= SLACK_S
    assert bench.runner.hits("WARNING .*a claim was in flight")
