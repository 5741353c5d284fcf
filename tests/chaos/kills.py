"""The kills: of the runner at any moment, of a job or its processes, and at crash points in the
code."""

import collections
import contextlib
import os
import pathlib
import random
import re
import signal
import subprocess
import time

import harness
from service import command_line

JOB_WAIT_S = 2.0  # for a job to appear
POINT_WAIT_S = 6.0  # for a crash point to be reached
RUNNER_MOMENT_S = 0.35  # the longest random wait before a kill of the runner
JOB_MOMENT_S = 0.12


def failpoints():
    """All named places of the source, but for those that only a cluster has: script/test-cluster goes through them."""
    found = subprocess.run(["grep", "-rhoE", r'failpoint\("[a-z-]+"\)', harness.REPO / "src"], check=True,
                           capture_output=True, text=True).stdout
    return sorted({name for name in re.findall(r'"([a-z-]+)"', found) if not name.startswith("cluster-")})


def pick(items, choice):
    return items[int(choice * len(items))]


class Kills:
    def __init__(self, service, course, seed):
        self.service = service
        self.course = course
        self.chance = random.Random(f"{seed} kills")
        self.chance_of_starts = random.Random(f"{seed} starts")  # the number of starts depends on timing
        self.by_kind = collections.Counter()
        self.by_point = collections.Counter()
        self.not_reached = collections.Counter()
        self.points = failpoints()
        self.next_point = 0
        self.point = None  # the crash point of the last start
        self.hit = collections.defaultdict(list)  # key of a task -> killed processes of its job, without the job
        self.armed = None  # when the last crash point was set
        self.asides = 0  # kills at a crash point that the runner survived
        self.moments = []  # (earliest, latest) time of each kill

    @property
    def count(self):
        return sum(self.by_kind.values())

    def note(self, kind, since):
        self.by_kind[kind] += 1
        self.moments.append((since, time.monotonic()))

    # ---- restarts of the runner

    def start(self, point=None):
        """Restarts the runner as a service manager would: at once, soon, or after its last orphan
        has exited."""
        chance = self.chance_of_starts
        pause = chance.choice(["none", "none", "short", "until all is over"])
        if pause == "short":
            time.sleep(chance.uniform(0, 0.08))
        elif pause == "until all is over":
            self.service.wait_for_orphans()
        self.service.reap()
        suite = "pytest" if chance.random() < 0.06 else "quick"
        self.service.start(suite, point, keeps_cache=point != "entry-evicted" and len(self.service.lives) % 7 != 3)

    def keep_up(self):
        """Restarts a runner that has exited by itself, for instance because the state directory was
        locked."""
        if self.service.life.is_over():
            self.take_end()
            self.start()

    def take_end(self):
        """Records the end of a runner that was not killed, or that reached its crash point late."""
        is_late = self.service.life.runner.process.wait(harness.TIMEOUT) == -signal.SIGKILL
        self.asides -= is_late
        self.service.ended(f"at {self.point}" if is_late else "by itself")

    # ---- kinds of kills

    def kill_runner(self):
        """Kills the runner; does not restart it."""
        time.sleep(self.chance.uniform(0, RUNNER_MOMENT_S))
        if self.service.life.is_over():
            self.take_end()
        else:
            since = time.monotonic()
            self.service.kill()
            self.note("runner, at random", since)

    def kill_job(self):
        """Kills a job or one of its processes."""
        time.sleep(self.chance.uniform(0, JOB_MOMENT_S))
        whole, choice = self.chance.random() < 0.5, self.chance.random()
        deadline = time.monotonic() + JOB_WAIT_S
        while time.monotonic() < deadline:
            jobs = sorted(self.service.jobs().items())
            if jobs and self.kill_in_job(*pick(jobs, choice), whole, choice):
                return
            self.keep_up()
            time.sleep(0.002)

    def kill_in_job(self, pid, key, whole, choice):
        names = {victim: words[0] for victim in ([pid] if whole else harness.descendants(pid)) if (words := command_line(victim))}
        if not names:
            return False
        victim = pick(sorted(names), choice)
        name = pathlib.PurePath(names[victim]).name
        with contextlib.suppress(ProcessLookupError), open(os.pidfd_open(victim)) as pidfd:
            if command_line(victim)[:1] != [names[victim]]:
                return False  # it has exited or executed another program
            if not whole:
                self.hit[key].append(name)
            since = time.monotonic()
            signal.pidfd_send_signal(pidfd.fileno(), signal.SIGKILL)
            self.note("job" if whole else f"of a job: {re.sub('[0-9.]+$', '', name)}", since)
            return True
        return False

    def kill_at_point(self):
        """Restarts the runner with the next crash point set, where it or a job dies."""
        point = self.point = self.points[self.next_point % len(self.points)]
        self.next_point += 1
        self.service.token.unlink(missing_ok=True)
        at_start = self.chance.random() < 0.5
        if at_start:
            self.arm(point)
        self.start(point)
        if not at_start:
            time.sleep(self.chance.uniform(0, RUNNER_MOMENT_S))
            self.arm(point)
        self.await_point(point)

    def arm(self, point):
        """Arms the crash point: the next process that reaches it dies. Provides the occasion that
        some need."""
        self.armed = time.monotonic()
        self.service.token.touch()
        if point == "suite-checked-out":
            self.course.new_suite_commit()
        if point == "answer-kept":
            self.service.mock.faults("post:422")

    def await_point(self, point):
        since, looked = self.armed, time.monotonic()
        deadline = looked + POINT_WAIT_S
        while self.service.token.exists():
            since, looked = looked, time.monotonic()  # before the next check
            if time.monotonic() > deadline:
                self.not_reached[point] += 1
                self.service.token.unlink(missing_ok=True)
                return
            if self.service.life.is_over(0.002) and self.service.token.exists():
                self.not_reached[point] += 1
                self.keep_up()
                return
        self.note("at a named place", since)
        self.by_point[point] += 1
        if self.service.life.is_over(0.1):
            self.service.ended(f"at {point}")
            self.start()
        else:
            self.asides += 1
