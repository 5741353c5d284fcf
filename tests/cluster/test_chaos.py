"""Every fault of a cluster, again and again, while tasks run: no task may be lost or get two
different results."""

import collections
import os
import random
import time
from signal import SIGINT, SIGTERM

import pytest

import harness
from slurm import Wait

PAUSE_S = float(os.environ.get("OSTEST_CHAOS_PAUSE", 1.5))  # between faults, on average
LONGEST_CUT_S = 14  # longer than SlurmdTimeout, so that Slurm gives up some nodes
RIGHT = {"pass": (True, False), "fail": (False, False), "error": (False, True)}


class Chaos:
    def __init__(self, site, seed):
        self.site = site
        self.cluster = site.cluster
        self.chance = random.Random(seed)
        self.mends = []  # (when, function that repairs the fault)
        self.done = collections.Counter()

    def node(self):
        return self.chance.choice(list(self.cluster.nodes))

    def start_runner(self):
        self.site.start("--concurrent", 12, "--task-tries", 100, "--pause-after", 0)

    def kill_runner(self):
        self.site.runner.kill()
        self.start_runner()

    def stop_runner(self):
        for number in (SIGTERM, SIGINT):  # two signals of one kind might be merged
            self.site.runner.signal(number)
        self.site.runner.wait()
        self.start_runner()

    def cancel_a_job(self):
        jobs = self.cluster.ask("squeue", "--noheader", "--format=%i", check=False).split()
        if jobs:
            self.cluster.ask("scancel", self.chance.choice(jobs), check=False)

    def kill_controller(self):
        self.cluster.kill_controller()
        time.sleep(self.chance.random())
        self.cluster.start_controller()

    def lose_controller(self):
        self.cluster.kill_controller()
        self.cluster.forget_everything()
        self.cluster.start_controller()

    def kill_slurmd(self):
        name = self.node()
        if self.cluster.nodes[name].slurmd.poll() is None:
            self.cluster.kill_slurmd(name)
            self.later(self.chance.uniform(0, 3), self.cluster.start_node, name)

    def kill_node(self):
        name = self.node()
        if self.cluster.nodes[name].slurmd.poll() is None:
            self.cluster.kill_jobs(name)
            self.later(self.chance.uniform(0, 3), self.cluster.start_node, name)

    def cut_off(self):
        name = self.node()
        self.cluster.cut_off(name)
        self.later(self.chance.uniform(1, LONGEST_CUT_S), self.cluster.cut_off, name, False)

    def later(self, seconds, what, *args):
        self.mends.append((time.monotonic() + seconds, what, args))

    def mend(self, now):
        due = [mend for mend in self.mends if mend[0] <= now]
        self.mends = [mend for mend in self.mends if mend[0] > now]
        for _, what, args in due:
            what(*args)

    def step(self):
        # The rarest ones last.
        faults = [self.kill_runner, self.cancel_a_job, self.kill_slurmd, self.kill_node, self.kill_controller, self.cut_off,
                  self.stop_runner, self.lose_controller]
        fault = self.chance.choices(faults, [6, 6, 3, 3, 3, 2, 2, 1])[0]
        self.done[fault.__name__] += 1
        self.last = fault.__name__
        fault()
        end = time.monotonic() + self.chance.expovariate(1 / PAUSE_S)
        while (now := time.monotonic()) < end:
            self.mend(now)
            time.sleep(0.05)


@pytest.mark.parametrize("count", [30, pytest.param(200, marks=pytest.mark.slow)])
def test_each_task_is_answered_once(site, count):
    seed = int(os.environ.get("OSTEST_CHAOS_SEED", time.time()))
    print(f"OSTEST_CHAOS_SEED={seed}")
    chaos = Chaos(site, seed)
    verdicts = [chaos.chance.choice(list(RIGHT)) for _ in range(count)]
    scripts = ["sleep 0.2", "sleep 1", "sleep 3"]
    tasks = [harness.task(number, site.small.student(verdict, chaos.chance.choice(scripts)))
             for number, verdict in enumerate(verdicts)]
    limit = time.monotonic() + 60 + 8 * count
    site.start_mock(tasks)
    chaos.start_runner()
    while site.mock.state()["results"] < count:
        chaos.step()
        print(f"{time.monotonic():.0f} {chaos.last} results={site.mock.state()['results']} {site.cluster.states()}", flush=True)
        assert time.monotonic() < limit, site.log[-8000:]
    chaos.mend(float("inf"))
    print(dict(chaos.done))
    if site.runner.process.poll() is not None:
        chaos.start_runner()
    answers = site.finish(tasks)
    for number, verdict in enumerate(verdicts):
        assert (answers[number]["isPassed"], answers[number]["isError"]) == RIGHT[verdict], answers[number]
    assert all((site.state / name).exists() for name in ("jobs", "spool"))
