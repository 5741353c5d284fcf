"""A jump of the system clock causes no early, late or bursts of events.

A small library, preloaded into the runner and its children, shifts the time that they see by the
value in a file. Durations are taken from the mock backend, whose clock does not jump.
"""

import os
import shutil
import struct
import subprocess
import time

import pytest

from harness import Barrier, task

GET = "/api/task/available"
DAY = 86400
STEPS = {"a day ahead": DAY, "a day back": -DAY, "ten years ahead": 10 * 365 * DAY}
SLACK_MS = 4000  # for a busy machine

LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift; /* seconds: of the date, of the monotonic clock */

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("SHIFT_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    shift = map == MAP_FAILED ? NULL : map;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    int r = (int)syscall(SYS_clock_gettime, clock, ts);
    if (r == 0 && shift && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ts->tv_sec += shift[0];
    if (r == 0 && shift && clock == CLOCK_MONOTONIC)
        ts->tv_sec += shift[1];
    return r;
}

time_t time(time_t *ret)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (ret)
        *ret = ts.tv_sec;
    return ts.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}
"""


class Clock:
    """The clock of programs started with `env`."""

    def __init__(self, library, path):
        self.path = path
        self.step(0)
        self.env = {"LD_PRELOAD": library, "SHIFT_FILE": path}

    def step(self, date_s, monotonic_s=0):
        """Shifts both clocks at the same time: the programs have mapped the file."""
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(fd, struct.pack("qq", date_s, monotonic_s))
        os.close(fd)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("gcc") or shutil.which("cc")
    directory = tmp_path_factory.mktemp("shift")
    (directory / "shift.c").write_text(LIBRARY)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", directory / "shift.so", directory / "shift.c"], check=True)
    return directory / "shift.so"


@pytest.fixture
def make_clock(library, tmp_path):
    def make(name="clock"):
        return Clock(library, tmp_path / name)
    return make


@pytest.fixture
def start_all(make_clock, start_mock, start_runner, tmp_path):
    """start_all(make tasks, option…): starts a mock and a runner for each step of the clock."""
    def start(make_tasks, *options, mock_options=()):
        started = []
        for number, (name, step) in enumerate(STEPS.items()):
            clock, mock = make_clock(f"clock-{number}"), start_mock(*mock_options, tasks=make_tasks(number))
            runner = start_runner(mock, *options, state=tmp_path / f"state-{number}", env=clock.env)
            started.append((name, lambda clock=clock, step=step: clock.step(step), mock, runner))
        return started
    return start


def dates(runner):
    """Returns the dates of the log's lines."""
    return [line[:10] for line in runner.lines if line]


def between(mock, counter, first, last):
    """Returns the ms between these counts; if the first is already exceeded, waits for more."""
    begin = mock.state(**{counter: first})
    end = mock.state(**{counter: begin[counter] + last - first})
    return end["now_ms"] - begin["now_ms"]


def test_the_library_works(make_clock, start_mock, start_runner):
    clock, mock = make_clock(), start_mock(tasks=[])
    clock.step(STEPS["ten years ahead"])
    runner = start_runner(mock, env=clock.env)
    mock.state(requests_total=1)
    assert runner.stop() == 0
    years = {int(date[:4]) - time.gmtime().tm_year for date in dates(runner)}
    assert years <= {9, 10}, runner.log


def test_intervals(make_clock, start_mock, start_runner):
    clock, mock = make_clock(), start_mock(tasks=[])
    runner = start_runner(mock, "--mock", "--check-interval", "0.2", env=clock.env)
    count = 2
    for step in STEPS.values():
        for _ in range(10):
            mock.state(requests_total=count)
        clock.step(step)  # the answer arrived long ago, and the runner waits
        # of four intervals the first may have been nearly over
        assert 3 * 180 - 50 <= between(mock, "requests_total", count, count + 4) <= 4 * 220 + SLACK_MS
        count = mock.state()["requests_total"] + 1
    mock.add(task(1))
    mock.state(results=1)
    assert runner.stop() == 0


def test_token_refresh(make_clock, start_mock, start_runner):
    clock, mock = make_clock(), start_mock("--auth", tasks=[])
    runner = start_runner(mock, "--auth", "--mock", "--refresh-time", "0.3", env=clock.env)
    count = 1
    for step in STEPS.values():
        mock.state(refreshes=count)
        clock.step(step)
        assert 2 * 300 - 50 <= between(mock, "refreshes", count, count + 3) <= 3 * 350 + SLACK_MS
        count = mock.state()["refreshes"] + 1
    now = mock.state()
    assert now["logins"] == 1 and set(now["requests"][GET]) == {"200"}
    assert runner.stop() == 0


def test_pause_before_the_next_delivery(start_all):
    started = start_all(lambda _: [task(1)], "--mock", "--once", mock_options=["--faults", "post:503+4"])
    for _, step, _, runner in started:
        runner.wait_log("WARNING task=.* The backend fails")
        step()
    for name, _, mock, runner in started:
        assert runner.wait() == 0 and len(set(dates(runner))) > 1, name
        (claim,) = mock.state()["tasks"]
        assert 3950 <= claim["posted_ms"] - claim["claimed_ms"] <= 4000 + SLACK_MS, name


@pytest.fixture
def start_waiting(start_all, small, tmp_path):
    """As start_all(), each with one task whose tests wait; the clock steps after they started
    to."""
    barriers = []

    def start(*options):
        def make_tasks(number):
            (tmp_path / f"barrier-{number}").mkdir()
            barriers.append(Barrier(tmp_path / f"barrier-{number}"))
            return [task(1, small.student(script=barriers[number].script))]
        started = start_all(make_tasks, "--tests-url", small.suite, *options)
        for barrier, (_, step, _, _) in zip(barriers, started):
            barrier.wait()
            step()
        return started, barriers
    yield start
    for barrier in barriers:
        barrier.close()


def test_time_limit_of_a_task(start_waiting):
    started, _ = start_waiting("--once", "--timeout", 5)
    for name, _, mock, runner in started:
        assert runner.wait() == 0 and len(set(dates(runner))) > 1, name
        (result,), (claim,) = mock.results(), mock.state()["tasks"]
        assert result["isError"] and "5 s" in result["errorDetails"], (name, result)
        assert 5000 <= result["duration"] <= 5000 + SLACK_MS, name
        assert 5000 <= claim["posted_ms"] - claim["claimed_ms"] <= 5000 + 2 * SLACK_MS, name


def test_nothing_ends_early(start_waiting):
    started, barriers = start_waiting("--once", "--timeout", 60)
    for barrier in barriers:
        barrier.open()
    for name, _, mock, runner in started:
        assert runner.wait() == 0 and mock.results()[0]["isPassed"], (name, runner.log)
        assert mock.results()[0]["duration"] <= SLACK_MS, name


def test_time_limit_of_a_stop(start_waiting):
    started, _ = start_waiting("--drain-timeout", 1)
    begin = time.monotonic()
    for _, _, _, runner in started:
        runner.signal()
    for name, _, mock, runner in started:
        assert runner.wait() == 0, name
        assert 0.95 <= time.monotonic() - begin <= 1 + SLACK_MS / 1000, name
        assert mock.results() == [] and runner.hits("stop timed out; escalating"), name


# ---- Retry-After ----

DATES = {  # the fault, and the pause in ms
    "seconds": ("503+1", 1000), "a date": ("503+date=2", 1000), "a date that is over": ("503+date=-3600", 0),
    "a date long ago": ("503+date=-1000000000", 0),
}


@pytest.mark.parametrize("place, kind", [("get", "a date"), ("login", "a date"), *(("post", kind) for kind in DATES)])
def test_retry_after(start_mock, start_runner, place, kind):
    fault, pause_ms = DATES[kind]
    mock = start_mock("--auth", "--faults", f"{place}:{fault}", tasks=[task(1)])
    begin = mock.state()["now_ms"]
    assert start_runner(mock, "--auth", "--mock", "--once").wait() == 0
    (claim,) = mock.state()["tasks"]
    before = claim["claimed_ms"] if place == "post" else begin  # the fault occurred soon after
    assert pause_ms - 50 <= claim["posted_ms"] - before <= pause_ms + SLACK_MS


@pytest.mark.parametrize("fault", ["503+86400", "503+date=315360000"])
def test_retry_after_of_years_is_an_hour(make_clock, start_mock, start_runner, fault):
    clock, mock = make_clock(), start_mock("--faults", f"post:{fault}", tasks=[task(1)])
    runner = start_runner(mock, "--mock", env=clock.env)
    runner.wait_log("WARNING task=.* The backend fails")

    def asks():
        """Waits for further requests of the runner."""
        mock.state(requests_total=mock.state()["requests_total"] + 3)
    clock.step(0, 3600 - 60)
    asks()
    assert mock.state()["results"] == 0
    clock.step(0, 3600 + 5)
    mock.state(results=1)
    assert runner.stop() == 0
