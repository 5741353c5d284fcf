#!/usr/bin/python3
"""Kills the runner, its jobs and their processes many times while the backend misbehaves; then
checks that each task has a correct result and that nothing remains.

usage: script/chaos [--kills N] [--seed S] [--sandbox none|auto] [--slots N] [--fault-rate P]
                    [--keep]
The seed, which is printed first, determines all decisions of this program, but not their timing.
"""

import argparse
import json
import pathlib
import random
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True
for beside in ("integration", "sandbox"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / beside))

import harness  # noqa: E402 (sys.path is set above)
from audit import Audit  # noqa: E402
from course import Course  # noqa: E402
from kills import Kills  # noqa: E402
from service import Service  # noqa: E402

DEFAULT_TRIES_SHARE = 0.2  # the share of the kills, at the start, with the default of --task-tries
MANY_TRIES = 100
DEADLY_TASKS = 5
LOW_TASKS, BATCH = 8, (10, 20)  # below LOW_TASKS, a batch of this size is added
TOKEN_TTL_S = 2
START_S, KILL_S = 30, 1.5  # limits for the start and for each kill, on a busy machine
GIVE_UP_S = 60
SETTLE_S = 120


class Chaos:
    def __init__(self, args, directory):
        self.args = args
        self.chance = random.Random(f"{args.seed} tasks")
        self.course = Course(directory, self.chance)
        self.mock = harness.Mock(directory, "--auth", "--token-ttl", TOKEN_TTL_S, "--fault-rate", args.fault_rate,
                                 "--fault-seed", args.seed, "--fault-claims", tasks=[])
        self.service = Service(directory, self.mock, self.course, args.sandbox, args.slots)
        self.kills = Kills(self.service, self.course, args.seed)
        self.faults = []

    def expect(self, holds, text):
        if not holds:
            self.faults.append(text)
            print(f"FAULT: {text}", flush=True)

    def add(self, tasks):
        """Adds tasks. Returns the number of tasks that wait now."""
        status, body = self.mock.ask("POST", "/mock/tasks", json.dumps(tasks))
        assert status < 300, body
        return json.loads(body)["tasks_left"]

    def feed(self):
        if self.add([]) < LOW_TASKS:
            self.add(self.course.batch(self.chance.randint(*BATCH)))

    # ---- the parts of a run

    def storm(self):
        self.feed()
        if self.args.sandbox == "none":
            self.add([self.course.task("deadly") for _ in range(DEADLY_TASKS)])
        self.service.start()
        deadline = time.monotonic() + START_S + self.args.kills * KILL_S
        while self.kills.count < self.args.kills:
            if time.monotonic() > deadline:
                self.expect(False, "no progress: there is not enough to kill")
                break
            if self.service.tries is None and self.kills.count >= self.args.kills * DEFAULT_TRIES_SHARE:
                self.await_deadly()
                self.service.tries = MANY_TRIES  # from the next start on
            self.feed()
            self.kills.kill_job()
            self.kills.kill_runner()
            self.kills.kill_at_point()
            self.tell()

    def await_deadly(self):
        """Waits until the runner has given up the tasks that kill their job."""
        deadly = {task for task, kind in self.course.kinds.items() if kind == "deadly"}
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            handed_out = {claim["id"] for claim in self.mock.state()["tasks"]}
            if deadly <= handed_out and not deadly & self.service.claims_on_disk():
                return
            self.kills.keep_up()
            time.sleep(0.05)
        self.expect(False, "tasks that always kill their job are not given up")

    def tell(self):
        if sys.stderr.isatty():
            print(f"\r{self.kills.count} kills ", end="", file=sys.stderr, flush=True)

    def give_back_rejected(self):
        """Moves rejected results to the spool, as an operator does when the backend accepts them
        again."""
        rejected = self.service.state / "rejected"
        for path in rejected.glob("*.json"):
            path.rename(self.service.state / "spool" / path.name)
            path.with_suffix(".answer").unlink()

    def settle(self):
        """Stops the backend's faults and waits until all tasks are finished."""
        self.mock.faults(None)
        self.service.kill()
        self.expect(not (left := self.service.wait_for_orphans()), f"jobs of a killed runner do not exit: {left}")
        self.give_back_rejected()
        self.course.spare_jobs()
        self.add(self.course.round_of_all())
        self.service.start()
        deadline = time.monotonic() + SETTLE_S
        while (self.add([]) or not self.service.is_idle()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.expect(time.monotonic() < deadline, "the runner did not finish all tasks after the last kill")
        self.expect(self.service.stop() == 0, "the runner did not exit with status 0")

    def start_once_more(self):
        """Starts the runner without tasks: it must find none, and clean up."""
        self.service.start()
        self.mock.state(requests_total=self.mock.state()["requests_total"] + 3)
        self.expect(self.service.stop() == 0, "the runner did not exit with status 0")
        self.expect(not self.service.wait_for_orphans(), "jobs run although there are no tasks")

    def run(self):
        start = time.monotonic()
        self.storm()
        storm_s = time.monotonic() - start
        self.settle()
        self.start_once_more()
        audit = Audit(self)
        self.faults += audit.run()
        self.mock.stop()
        audit.check_processes()
        self.faults += audit.faults[len(self.faults):]
        self.print_table(audit, storm_s, time.monotonic() - start)

    def end(self):
        """Stops everything that is still running, in any case."""
        if self.service.lives and not self.service.life.end:
            self.service.life.runner.kill()
            self.service.life.end = time.monotonic()
        self.service.wait_for_orphans()
        self.mock.stop()

    # ---- output

    def print_table(self, audit, storm_s, seconds):
        figures, kills = audit.figures, self.kills
        print("\n| what | |\n| --- | --- |")
        rows = [("kills", kills.count), *sorted(kills.by_kind.items()),
                *((f"at {point}", self.point_text(point)) for point in kills.points),
                ("starts of the runner", len(self.service.lives)),
                ("of them refused, the state directory was in use", figures["starts refused"]),
                ("tasks handed out", figures["handed out"]),
                ("their answer dropped on the wire", figures["dropped on the wire"]),
                ("runner killed before the claim was on disk", figures["killed before it was on disk"]),
                *((f"— {name[6:]}", figures[name]) for name in sorted(figures) if name.startswith("lost")),
                ("— from the answer to the kill, at most", f"{figures['longest']} ms"),
                ("results delivered", figures["answered"]), ("deliveries repeated", figures["repeated"]),
                ("attempts destroyed", figures["destroyed"]), ("queries for attempts", figures["queries"]),
                *((name, figures[name]) for name in sorted(figures) if name.startswith(("right", "errors", "mirrors", "trees"))),
                ("faults of the backend", sum(audit.state["faults"].values())),
                ("kills a second", f"{kills.count / storm_s:.1f}"), ("seconds", f"{seconds:.0f}")]
        for name, value in rows:
            print(f"| {name} | {value} |")
        print(f"{len(self.faults)} faults", flush=True)

    def point_text(self, point):
        missed = self.kills.not_reached[point]
        return f"{self.kills.by_point[point]}" + (f" (not reached: {missed})" if missed else "")

    def write_log(self, path):
        path.write_text("".join(f"{line}\n" for line in self.service.log_lines()))


def read_arguments():
    parser = argparse.ArgumentParser(prog="script/chaos", description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=1000, help="minimum number of kills (default: 1000)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9), help="seed, to repeat an earlier run (default: random)")
    parser.add_argument("--sandbox", choices=["none", "auto"], default="none", help="sandbox of the jobs (default: none)")
    parser.add_argument("--slots", type=int, default=3, help="tasks at a time (default: 3)")
    parser.add_argument("--fault-rate", type=float, default=0.1, help="share of faulty answers of the backend (default: 0.1)")
    parser.add_argument("--keep", action="store_true", help="keep the directory even without a fault")
    return parser.parse_args()


def main():
    args = read_arguments()
    print(f"seed {args.seed}", flush=True)
    harness.become_subreaper()
    harness.make_programs_reachable()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="ostest-chaos-"))
    directory.chmod(0o755)
    chaos = Chaos(args, directory)
    is_whole = False
    try:
        chaos.run()
        is_whole = not chaos.faults
    finally:
        chaos.end()
        chaos.write_log(directory / "log")
        if is_whole and not args.keep:
            shutil.rmtree(directory, ignore_errors=True)
        else:
            print(f"kept: {directory} (log: the lines of all runners, each after the number of its start)")
    return 1 if chaos.faults else 0


if __name__ == "__main__":
    sys.exit(main())
