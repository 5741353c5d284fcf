"""Checks after the kills: each task has a result or an explained loss, each result is correct,
nothing remains."""

import collections
import os
import re

import cgroup
import harness
import sandboxed

WINDOW_MS = 3000  # from a claim's answer to the end of its first fsync, on a busy machine
MANY_MISSES = 3
CLOCK_MS = 50  # between an exit and noticing it
TOO_OFTEN = re.compile(r"^The task was started (\d+) times, and each time the runner or its job died before the end$")
ASIDE_DIED = "A process of the job died"
LEFTOVERS = (".lock", ".tmp", ".new", ".index")


class Audit:
    def __init__(self, chaos):
        self.service = chaos.service
        self.course = chaos.course
        self.kills = chaos.kills
        self.state = chaos.mock.state()
        self.results = chaos.mock.results()
        self.faults = []
        self.figures = collections.Counter()
        self.claims = {claim["id"]: claim for claim in self.state["tasks"]}
        self.start_ms = self.state["started"]["monotonic_ms"]
        self.two_tries_until_ms = self.since_mock_ms(max(life.end for life in self.service.lives if life.tries is None))

    def expect(self, holds, text):
        if not holds:
            self.faults.append(text)
            print(f"FAULT: {text}", flush=True)

    def run(self):
        self.check_points()
        self.check_lives()
        self.check_answers()
        self.check_unanswered()
        self.check_verdicts()
        self.check_directories()
        self.check_mirrors()
        self.check_suites()
        return self.faults

    def since_mock_ms(self, moment):
        return moment * 1000 - self.start_ms

    # ---- claims and results

    def check_points(self):
        """Each crash point is reached."""
        for point in self.kills.points:
            missed = self.kills.not_reached[point]
            self.expect(missed < MANY_MISSES or self.kills.by_point[point], f"crash point {point} was never reached in {missed} attempts")

    def check_lives(self):
        """A runner may exit by itself only if its predecessor still locked the state directory."""
        for life in self.service.lives:
            if life.how == "by itself":
                self.figures["starts refused"] += 1
                log = life.runner.log
                self.expect("Another ostest-runner works in" in log, f"a runner exited by itself:\n{log[-2000:]}")

    def check_answers(self):
        answered = [claim for claim in self.claims.values() if claim["posts"]]
        self.figures |= {"handed out": len(self.claims), "answered": len(answered),
                         "repeated": sum(claim["posts"] - 1 for claim in answered)}
        self.expect(self.state["tasks_left"] == 0, f"{self.state['tasks_left']} tasks were not handed out")
        self.expect(self.state["violations"] == 0, f"violations of the contract: {self.state['violation_reasons']}")
        self.expect(self.state["destroyed"] == 0, f"{self.state['destroyed']} attempts deleted by a repeated result")
        self.expect(self.state["unstorable"] == 0, f"{self.state['unstorable']} results that the backend cannot store")
        self.expect(self.state["reused"] == 0, f"{self.state['reused']} claims and results on a connection used before")
        self.figures |= {"destroyed": self.state["destroyed"], "queries": self.state["queries"]}
        ids = [result["id"] for result in self.results]
        self.expect(len(ids) == len(set(ids)) == len(answered), "there is not exactly one result for each task with a result")
        self.expect(all(claim["claims"] == 1 for claim in self.claims.values()), "a task was handed out twice")
        self.expect(not [claim for claim in answered if claim["lost"]], "a result for a claim whose answer was dropped")

    def logged_claims(self):
        """Returns the ids, as strings, of all tasks that a runner has logged as claimed."""
        found = (re.search(r" task=(\S+) claimed key=", line) for line in self.service.log_lines())
        return {match[1] for match in found if match}

    def check_unanswered(self):
        """Each answer was dropped on the wire, or the runner was killed before the claim was on
        disk."""
        logged = self.logged_claims()
        kills = [life for life in self.service.lives if life.how not in ("stopped", "by itself")]
        for claim in sorted(self.claims.values(), key=lambda claim: claim["claimed_ms"]):
            if claim["posts"]:
                continue
            known = str(claim["id"]) in logged or claim["id"] in self.service.on_disk
            self.expect(not known, f"task {claim['id']} reached the runner but has no result")
            if claim["lost"]:
                self.figures["dropped on the wire"] += 1
            elif not known:
                self.explain(claim, kills)

    def explain(self, claim, kills):
        """Finds the kill that explains a lost claim; each explains at most one, as a runner sends
        one claim at a time."""
        answered_ms = claim["answered_ms"] or claim["claimed_ms"]
        for life in kills:
            end = self.since_mock_ms(life.end)
            if claim["claimed_ms"] - CLOCK_MS <= end <= answered_ms + WINDOW_MS:
                kills.remove(life)
                self.figures["killed before it was on disk"] += 1
                self.figures["longest"] = max(self.figures["longest"], round(end - answered_ms))
                self.figures[f"lost: {life.how}, " + ("answer not sent yet" if end <= answered_ms else "just answered")] += 1
                return
        self.expect(False, f"task {claim['id']} was handed out to a runner that was not killed, and got lost: {claim}")

    # ---- verdicts

    def check_verdicts(self):
        asides = 0
        for result in self.results:
            kind = self.course.kinds[result["id"]]
            if TOO_OFTEN.match(result["errorDetails"]):
                self.check_too_often(result, kind)
            elif self.course.is_right(result) and (kind != "deadly" or self.was_harmless(result["id"])):
                self.figures["right verdicts"] += 1
            elif result["isError"] and self.was_hit(result["id"]):
                self.figures["errors, part of the job killed"] += 1
            elif result["isError"] and result["errorDetails"] == ASIDE_DIED:
                asides += 1
            else:
                self.expect(False, f"task {result['id']} has a wrong result: {result}")
        self.figures["errors, part of the job killed"] += asides
        self.expect(asides <= self.kills.asides, f"{asides} errors for {self.kills.asides} processes killed at a crash point")

    def was_harmless(self, task_id):
        """Returns true if the task also ran in the pytest suite, which does not execute a deadly
        student's run.sh."""
        return any(f" task={task_id} running the tests kind=pytest " in line for line in self.service.log_lines())

    def was_hit(self, task_id):
        return any(key.split("-", 1)[1] == str(task_id) for key in self.kills.hit)

    def check_too_often(self, result, kind):
        """Giving up is correct if --task-tries was 2 and there were as many kills meanwhile."""
        claim = self.claims[result["id"]]
        tries = int(TOO_OFTEN.match(result["errorDetails"])[1])
        moments = (map(self.since_mock_ms, moment) for moment in self.kills.moments)
        kills = sum(claim["claimed_ms"] - CLOCK_MS <= last and first <= claim["posted_ms"] + CLOCK_MS for first, last in moments)
        in_time = tries == 2 and claim["claimed_ms"] <= self.two_tries_until_ms and kills >= 2
        is_right = result["isError"] and (in_time or kind == "deadly")
        self.expect(is_right, f"task {result['id']} was given up: {result}, {kills} kills")
        self.figures["errors, tries used up"] += 1

    # ---- leftovers

    def check_directories(self):
        state = self.service.state
        names = {path.name for path in state.iterdir()}
        self.expect(names == {"cache", "job.conf", "jobs", "kept", "rejected", "spool"}, f"unexpected files in the state directory: {sorted(names)}")
        left = [str(path.relative_to(state)) for name in ("jobs", "spool", "rejected") for path in (state / name).iterdir()]
        self.expect(not left, f"files remain: {left[:5]}")
        temporary = os.listdir(self.service.temporary)
        self.expect(not temporary, f"temporary files remain: {temporary[:5]}")
        left = [str(path.relative_to(state)) for path in state.rglob("*")
                if path.suffix in LEFTOVERS or path.name.startswith("tmp_")]
        self.expect(not left, f"{len(left)} files of killed jobs remain in the cache: {left[:8]}")

    def check_processes(self):
        left = harness.descendants(os.getpid())
        self.expect(not left, f"processes remain: {left}")
        left = harness.processes_with(str(self.service.state.parent))
        self.expect(not left, f"processes remain: {left}")
        names = {cgroup.group_name(self.service.state / "jobs" / key) for key in self.service.keys}
        left = [group for group in sandboxed.groups_called("ostest-*") if os.path.basename(group) in names]
        self.expect(not left, f"control groups remain: {left}")

    def check_mirrors(self):
        mirrors = list((self.service.state / "cache" / "repos").glob("*.git"))
        self.expect(mirrors, "there are no mirrors")
        for mirror in mirrors:
            try:
                harness.git("--git-dir", mirror, "fsck", "--full", "--no-dangling")
            except harness.subprocess.CalledProcessError as error:
                self.expect(False, f"{mirror.name} is damaged: {error.stderr}")
        self.figures["mirrors"] = len(mirrors)

    def check_suites(self):
        trees = [path for path in (self.service.state / "cache" / "suites").iterdir() if path.is_dir() and "." not in path.name]
        self.expect(trees, "there are no suite trees")
        for tree in trees:
            expected = [self.tree_of(suite, tree.name) for suite in self.course.suites.values()]
            found = {str(path.relative_to(tree)): path.read_text() for path in tree.rglob("*") if path.is_file()}
            self.expect(found in expected, f"the tree of suite {tree.name} is not its commit: {sorted(found)}")
        self.figures["trees of suites"] = len(trees)

    @staticmethod
    def tree_of(suite, commit):
        """Returns {name: text} of the commit's files; None if this suite does not have the
        commit."""
        try:
            names = harness.git("ls-tree", "-r", "--name-only", commit, cwd=suite.path).splitlines()
        except harness.subprocess.CalledProcessError:
            return None
        return {name: harness.subprocess.run(["git", "show", f"{commit}:{name}"], cwd=suite.path, env=harness.GIT_ENV, check=True,
                                             capture_output=True, text=True).stdout for name in names}
