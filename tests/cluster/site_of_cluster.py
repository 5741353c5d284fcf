"""A cluster, a course, a backend, and runners that are started one after the other on one state
directory."""

import collections
import contextlib
import json

import harness
from slurm import Wait

# Short, to keep the tests fast; an operator would use 5 and 60 seconds.
POLL = 1
GRACE = 3

# Makes a student's run.sh wait until the test creates the file "go"; "arrived-…" reports a waiting
# run.
GATE = "mktemp '{dir}/arrived-XXXXXX' >/dev/null; until [ -e '{dir}/go' ]; do sleep 0.05; done"


class Site:
    def __init__(self, cluster, directory):
        self.cluster = cluster
        directory.chmod(0o755)
        self.dir = directory
        self.state = cluster.shared / "state"
        self.small = harness.SmallCourse(directory)
        self.gate_script = GATE.format(dir=directory)
        self.runners = []
        self.stack = contextlib.ExitStack()
        self.mock = None

    def close(self):
        self.open_gate()
        if self.cluster.server:
            self.cluster.cut_off_server(False)  # processes that wait for it cannot be killed
        for runner in self.runners:
            runner.kill()
        self.stack.close()
        print(self.log)  # pytest shows it if a test fails

    # ---- tasks

    def start_mock(self, tasks, *options):
        self.mock = harness.Mock(self.dir, *options, tasks=tasks)
        self.stack.callback(self.mock.stop)
        return self.mock

    def gated(self, verdict="pass"):
        """Returns a student whose run waits at the gate."""
        return self.small.student(verdict, self.gate_script)

    def arrivals(self):
        return len(list(self.dir.glob("arrived-*")))

    def wait_arrivals(self, count):
        wait = Wait(f"{count} runs at the gate", harness.TIMEOUT)
        while self.arrivals() < count:
            wait.more()

    def wait_past_grace(self):
        """Waits until the runner has polled often enough to consider a missing job failed."""
        def asked():
            rpcs = self.cluster.rpcs()
            return rpcs.get("REQUEST_JOB_INFO", 0) + rpcs.get("REQUEST_JOB_USER_INFO", 0)  # the latter for users other than root

        wait = Wait("the runner's polls", harness.TIMEOUT)
        before = asked()
        while asked() < before + 2 * GRACE / POLL:
            wait.more()

    def open_gate(self):
        (self.dir / "go").touch()

    # ---- runners

    @property
    def runner(self):
        return self.runners[-1]

    def start(self, *options, env=None, executor="slurm", suite=None, sandbox="none", state=None, prefix=()):
        runner = harness.Runner(
            "--backend-url", self.mock.url, "--state-dir", state or self.state, "--git-protocols", "file",
            "--tests-url", suite or self.small.suite, "--check-interval", "0.05", "--sandbox", sandbox,
            "--executor", executor, "--slurm-poll", POLL, "--slurm-grace", GRACE, "--logger-level", "debug", *options,
            prefix=prefix, env={"SLURM_CONF": str(self.cluster.conf)} | (env or {}))
        self.runners.append(runner)
        return runner

    def finish(self, tasks):
        """Waits for the results of the tasks and stops the runner. Asserts that no files remain.
        Returns the results by id."""
        self.mock.state(results=len(tasks))
        assert self.runner.stop() == 0, self.runner.log
        self.check_nothing_is_left()
        return self.answers(tasks)

    def answers(self, tasks):
        """Returns the results by id. Asserts that each task has one, or several identical ones."""
        by_id = collections.defaultdict(set)
        for result in self.mock.results():
            by_id[result["id"]].add(json.dumps(result, sort_keys=True))
        assert by_id.keys() == {task["id"] for task in tasks}
        assert all(len(results) == 1 for results in by_id.values()), by_id
        return {key: json.loads(results.pop()) for key, results in by_id.items()}

    def check_nothing_is_left(self):
        left = [*self.state.glob("jobs/*"), *self.state.glob("spool/*"), *self.state.glob("rejected/*")]
        assert not left, (left, self.runner.log)

    @property
    def log(self):
        return "\n".join(runner.log for runner in self.runners)

    # ---- jobs in the cluster

    def job_ids(self, states="pending,running"):
        return [job[0] for job in self.cluster.jobs(states)]

    def wait_job(self, states="running"):
        """Waits until a job is in one of these states. Returns its (id, name, state, node)."""
        wait = Wait(f"a job that is {states}", harness.TIMEOUT)
        while not (jobs := self.cluster.jobs(states)):
            wait.more()
        return jobs[0]
