"""The tasks of chaos: small students, two suites with the same verdicts, and tasks with known
results."""

import harness

# With the quick suite the student's run.sh does everything; the pytest suite gives the same
# verdict.
QUICK_SUITE = {"ostest-suite.conf": "command = sh {src}/run.sh {report}\n", "data.txt": "0\n"}
PYTEST_SUITE = {
    "pytest.ini": "[pytest]\ntestpaths = tests\n",
    "data.txt": "0\n",
    "tests/test_it.py": """\
import os, pathlib

def test_verdict():
    assert pathlib.Path(os.environ["OSTEST_SRC"], "verdict").read_text() == "pass"
""",
}
OWN_TEST = "def test_own():\n    assert {} == 1\n"
RUN_PYTEST = '/usr/bin/python3 -m pytest -q -p no:cacheprovider --junit-xml="$1" "$OSTEST_SRC/own.py"\n'
RIGHT = {"pass": (True, False), "fail": (False, False), "error": (False, True)}  # isPassed, isError

# Kind of a task: its verdict, the beginning of its run.sh, its percentage of the tasks.
KINDS = {
    "good": ("pass", "", 40),
    "bad": ("fail", "", 22),
    "slow": ("pass", "sleep 0.2", 10),
    "stubborn": ("pass", "trap '' TERM; sleep 0.4", 10),  # its job cannot exit at once when the runner is dead
    "own-good": ("pass", None, 4),
    "own-bad": ("fail", None, 4),
    "nowhere": ("error", None, 5),  # there is no such repository
    "malformed": ("error", None, 5),  # a task without a repository
    "deadly": ("pass", '[ -e "{mercy}" ] || kill -9 "$PPID"', 0),  # always kills its job; cannot from a sandbox
}
STUDENTS = ["good", "bad", "slow", "stubborn", "own-good", "own-bad", "deadly"]
MAX_ADDRESSES = 60


def run_script(verdict, script):
    if script is None:
        return RUN_PYTEST
    return f"{script}\ncat >\"$1\" <<'END'\n{harness.REPORTS[verdict]}\nEND\n"


class Course:
    """The repositories and their tasks."""

    def __init__(self, directory, chance):
        self.directory = directory
        self.chance = chance
        self.suites = {"quick": harness.Repository(directory / "suite-quick", QUICK_SUITE),
                       "pytest": harness.Repository(directory / "suite-pytest", PYTEST_SUITE)}
        self.mercy = directory / "mercy"  # once it exists, students no longer kill their job
        self.students = {kind: self.make_student(kind) for kind in STUDENTS}
        self.addresses = {kind: [student.path] for kind, student in self.students.items()}
        self.versions = 0
        self.kinds = {}  # id of a task -> its kind

    def make_student(self, kind):
        verdict, script, _ = KINDS[kind]
        script = script and script.replace("{mercy}", str(self.mercy))
        return harness.Repository(self.directory / f"student-{kind}", {
            "run.sh": run_script(verdict, script), "verdict": verdict, "own.py": OWN_TEST.format(int(verdict == "pass"))})

    def new_suite_commit(self):
        """Commits a change to both suites, so that the runner must make new trees in its cache."""
        self.versions += 1
        for suite in self.suites.values():
            suite.commit({"data.txt": f"{self.versions}\n"})

    def address(self, kind):
        """Returns the student's repository, sometimes under a new path, for which there is no
        mirror."""
        known = self.addresses[kind]
        if self.chance.random() < 0.05 and sum(map(len, self.addresses.values())) < MAX_ADDRESSES:
            known.append(self.directory / f"address-{kind}-{len(known)}")
            known[-1].symlink_to(self.students[kind].path)
            return known[-1]
        return self.chance.choice(known)

    def task(self, kind, address=None):
        number = len(self.kinds) + 1
        task_id = number if self.chance.random() < 0.3 else f"{kind}-{number}"
        self.kinds[task_id] = kind
        if kind == "malformed":
            return {"id": task_id, "status": "AVAILABLE", "repositoryUrl": ["no text"]}
        if kind == "nowhere":
            return harness.task(task_id, self.directory / "nowhere")
        return harness.task(task_id, address or self.address(kind), status="AVAILABLE")

    def batch(self, count):
        kinds = self.chance.choices(list(KINDS), [share for _, _, share in KINDS.values()], k=count)
        return [self.task(kind) for kind in kinds]

    def round_of_all(self):
        """Returns a task for each address used, so that every mirror is used once more."""
        return [self.task("good" if kind == "deadly" else kind, address) for kind, addresses in self.addresses.items()
                for address in addresses]

    def spare_jobs(self):
        self.mercy.touch()

    def is_right(self, result):
        return (result["isPassed"], result["isError"]) == RIGHT[KINDS[self.kinds[result["id"]]][0]]
