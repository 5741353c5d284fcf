"""The kills: of the runner at any moment, of a job or what it has started, and at named places of the code."""

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

JOB_WAIT_S = 2.0  # for a job to be there
POINT_WAIT_S = 6.0  # for a named place to be reached
RUNNER_MOMENT_S = 0.35  # a runner killed at random has lived at most so long since the kill before
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
        self.chance_of_starts = random.Random(f"{seed} starts")  # their number is not ours to decide
        self.by_kind = collections.Counter()
        self.by_point = collections.Counter()
        self.not_reached = collections.Counter()
        self.points = failpoints()
        self.next_point = 0
        self.point = None  # the last one that a runner was started with
        self.hit = collections.defaultdict(list)  # key of a task -> what of its job was killed, but not the job
        self.armed = None  # when the last named place was set
        self.asides = 0  # kills at a named place that the runner survived
        self.moments = []  # (not before, not after) of each kill

    @property
    def count(self):
        return sum(self.by_kind.values())

    def note(self, kind, since):
        self.by_kind[kind] += 1
        self.moments.append((since, time.monotonic()))

    # ---- the runner comes back

    def start(self, point=None):
        """As a service manager does it: at once, soon, or when nothing of the old one is left."""
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
        """A runner that ended by itself (the state directory was still locked, say) is started again."""
        if self.service.life.is_over():
            self.take_end()
            self.start()

    def take_end(self):
        """Of a runner that we have not killed; or it has come to its named place, and was slow to die there."""
        is_late = self.service.life.runner.process.wait(harness.TIMEOUT) == -signal.SIGKILL
        self.asides -= is_late
        self.service.ended(f"at {self.point}" if is_late else "by itself")

    # ---- the kinds

    def kill_runner(self):
        """It stays dead."""
        time.sleep(self.chance.uniform(0, RUNNER_MOMENT_S))
        if self.service.life.is_over():
            self.take_end()
        else:
            since = time.monotonic()
            self.service.kill()
            self.note("runner, at random", since)

    def kill_job(self):
        """A job, or a process that it has started."""
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
                return False  # it has ended, or become another program
            if not whole:
                self.hit[key].append(name)
            since = time.monotonic()
            signal.pidfd_send_signal(pidfd.fileno(), signal.SIGKILL)
            self.note("job" if whole else f"of a job: {re.sub('[0-9.]+$', '', name)}", since)
            return True
        return False

    def kill_at_point(self):
        """The runner comes back with the next named place set; so it, or a job, dies there."""
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
        """From now on who comes there dies. Some places are only reached where there is a reason."""
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
            since, looked = looked, time.monotonic()  # the next look is later than this
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
