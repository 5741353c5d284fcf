"""The runner as a service, restarted after each exit, and its processes."""

import contextlib
import json
import os
import pathlib
import select
import time

import harness

GRACE_S = 15  # for the jobs of a killed runner to exit


def command_line(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    return []


class Life:
    """One run of the runner, from start to exit."""

    def __init__(self, number, runner, tries):
        self.number = number
        self.runner = runner
        self.tries = tries
        self.start = time.monotonic()
        self.end = None
        self.how = None  # reason of the exit: "random", "at <point>", "stopped", "by itself"

    @property
    def pid(self):
        return self.runner.process.pid

    def is_over(self, within_s=0.0):
        """Returns true if it has exited or exits within this time."""
        if self.runner.process.poll() is not None:
            return True
        with open(os.pidfd_open(self.pid)) as pidfd:
            return bool(select.select([pidfd], [], [], within_s)[0])


class Service:
    def __init__(self, directory, mock, course, sandbox, slots):
        self.state = directory / "state"
        self.temporary = directory / "temporary"
        self.temporary.mkdir()
        self.token = directory / "token"
        self.mock = mock
        self.course = course
        self.sandbox = sandbox
        self.slots = slots
        self.tries = None  # --task-tries; None: its default
        self.lives = []
        self.on_disk = set()  # ids of all tasks found in the state directory of a dead runner
        self.keys = set()

    # ---- the runner

    @property
    def life(self):
        return self.lives[-1]

    def start(self, suite="quick", point=None, keeps_cache=True):
        options = ["--auth", "--refresh-time", 1, "--backend-url", self.mock.url, "--state-dir", self.state,
                   "--tests-url", self.course.suites[suite], "--git-protocols", "file", "--check-interval", "0.05",
                   "--concurrent", self.slots, "--sandbox", self.sandbox]
        if self.tries is not None:
            options += ["--task-tries", self.tries]
        if not keeps_cache:
            options += ["--cache-size", "0"]
        env = {"TMPDIR": self.temporary, "OSTEST_SANDBOX": None}
        if point:
            env |= {"OSTEST_FAILPOINT": point, "OSTEST_FAILPOINT_TOKEN": self.token}
        self.lives.append(Life(len(self.lives), harness.Runner(*options, env=env), self.tries))

    def kill(self):
        """Kills the runner with SIGKILL."""
        self.life.runner.process.kill()
        self.ended("random")

    def ended(self, how):
        """Records an exit, and the claims and results that the runner left on disk."""
        life = self.life
        life.runner.process.wait(harness.TIMEOUT)
        life.end = time.monotonic()
        life.how = how
        life.runner.kill()  # has exited; reads its log to the end
        self.look_at_disk()

    def stop(self):
        """Stops the runner with SIGTERM. Returns the exit status."""
        status = self.life.runner.stop()
        self.ended("stopped")
        return status

    def ids_in(self, pattern):
        """Yields the ids in these files of the state directory."""
        for path in self.state.glob(pattern):
            with contextlib.suppress(OSError, ValueError):
                yield json.loads(path.read_text())["id"]

    def claims_on_disk(self):
        return set(self.ids_in("jobs/*/task.json"))

    def look_at_disk(self):
        self.on_disk |= self.claims_on_disk() | set(self.ids_in("spool/*.json"))
        self.keys |= {path.name for path in self.state.glob("jobs/*")}

    def is_idle(self):
        """Returns true if no task is running and no result waits for delivery."""
        return not any(any((self.state / name).iterdir()) for name in ("jobs", "spool"))

    # ---- processes

    def reap(self):
        """Reaps exited children except the mock and the runner. Returns the living ones."""
        known = {self.mock.process.pid, self.life.pid if self.lives and not self.life.end else 0}
        alive = []
        for pid in set(harness.children_of(os.getpid())) - known:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    alive.append(pid)
        return alive

    def wait_for_orphans(self):
        """Waits for the orphans of dead runners to exit. Returns those that did not."""
        deadline = time.monotonic() + GRACE_S
        while (alive := self.reap()) and time.monotonic() < deadline:
            time.sleep(0.002)
        return {pid: " ".join(command_line(pid)) for pid in alive}

    def jobs(self):
        """Returns {pid: key} of the running jobs, also of those whose runner is dead."""
        roots = [*([] if self.life.end else harness.children_of(self.life.pid)), *self.reap()]
        found = {}
        for pid in roots:
            words = command_line(pid)
            if words and words[0].endswith("/ostest-job") and words[-1].startswith(f"{self.state}/jobs/"):
                found[pid] = words[-1].rsplit("/", 1)[1]
        return found

    # ---- the log

    def log_lines(self):
        for life in self.lives:
            for line in life.runner.lines:
                if line:
                    yield f"{life.number} {line}"
