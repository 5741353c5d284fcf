#!/usr/bin/python3
"""Runs many tasks in a row: each verdict must be correct, nothing may remain, nothing may grow.

usage: tests/sandbox/soak.py [--load hostile|short] [--tasks N] [--started-as root|user]
                             [--concurrent N] [--sandbox auto|none] [--fault-rate P] [--seed S]

hostile: real pytest, two thirds of the tasks attack. short: no python, while the backend
misbehaves. Not part of script/test: 200 hostile tasks take some minutes, as do 2000 short ones.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import random
import re
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import harness  # noqa: E402 (sys.path is set above)
import sandboxed  # noqa: E402
from test_many_tasks import open_files  # noqa: E402

MAX_GROWTH_KIB = 512
MAX_MORE_FILES = 8  # the number of sockets varies, as the backend drops connections
SAMPLE_S = 0.2
STEP = 20  # results to wait for at a time
GOOD = "def test_good():\n    subprocess.run(['true'], check=True)\n"

# {name: (is passed, is error, text in errorDetails, the student's tests)}. None, None: does not
# pass.
KINDS = {
    "good": (True, False, "", GOOD),
    "bad": (False, False, "", GOOD + "def test_bad():\n    assert 1 == 2\n"),
    "broken": (False, True, "could not be run", "@pytest.fixture\ndef broken():\n    1 / 0\ndef test_broken(broken):\n    pass\n"),
    "daemons": (True, False, "", GOOD + """
def test_daemons():
    for _ in range(10):
        subprocess.Popen(["sh", "-c", "trap '' TERM HUP; sleep 1000 & sleep 1000"], start_new_session=True)
"""),
    "forks": (True, False, "limit of 64 processes", GOOD + """
def test_forks():
    code = "import os\\nwhile True:\\n    try:\\n        os.fork()\\n    except OSError:\\n        pass"
    started = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    with pytest.raises(subprocess.TimeoutExpired):
        started.wait(1)
"""),
    "memory": (None, None, "MB of memory", GOOD + """
def test_memory():
    subprocess.run([sys.executable, "-c", "x = b'x' * (900 << 20)\\nimport time\\ntime.sleep(2)"], check=True)
"""),
    "disk": (None, None, "MB for all files", GOOD + """
def test_disk():
    with open("/tmp/file", "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
"""),
    "inodes": (None, None, "limit of 3000 files was reached", GOOD + "def test_inodes():\n    for i in range(100000):\n        open(f'/dev/shm/{i}', 'w').close()\n"),
    "output": (True, False, "printed more than", GOOD + "def test_output():\n    os.write(os.open('/proc/self/fd/1', 1), b'x' * 100)\n"
               "at_the_end(lambda: os.write(1, b'y' * (1 << 20)))\n"),
    "forged": (False, True, "Report and run disagree", "def test_bad():\n    assert 1 == 2\n"
               "at_the_end(lambda: (pathlib.Path(REPORT).write_text(pathlib.Path(REPORT).read_text()"
               ".replace('<failure', '<!--').replace('</failure>', '-->')), os._exit(0)))\n"),
    "killed": (False, True, "ended by signal 9", GOOD + "def test_kill():\n    os.kill(os.getpid(), 9)\n"),
    "link": (False, True, "symbolic link", GOOD + "at_the_end(lambda: (os.unlink(REPORT), os.symlink('/etc/passwd', REPORT)))\n"),
    "suite": (False, True, "conftest.py was added to the suite", GOOD + "def test_suite():\n    open('conftest.py', 'w').close()\n"),
    "hang": (False, True, "were stopped; test_it::test_hang was running", GOOD + """
def test_hang():
    subprocess.Popen(["sh", "-c", "kill -STOP $$"], start_new_session=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(1000)
"""),
    "deep": (True, False, "", GOOD + """
def test_deep():
    os.chdir("/tmp")
    for _ in range(500):
        os.mkdir("d" * 200)
        os.chmod(".", 0o311)
        os.chdir("d" * 200)
    os.chdir("/box/tests")
"""),
    "no repository": (False, True, "nowhere", None),
}
HOSTILE_SHARE = 0.4


def plan(count):
    """Returns the kinds of the tasks: each hostile one at least once; the same in each run."""
    chance = random.Random(1)
    hostile = [kind for kind in KINDS if kind not in ("good", "bad")]
    kinds = hostile + [chance.choice(hostile) if chance.random() < HOSTILE_SHARE else chance.choice(["good", "bad"])
                       for _ in range(count)]
    kinds = kinds[:count]
    chance.shuffle(kinds)
    return kinds


def wrong(result, kind, is_measured):
    """Returns the difference between a result and the expected one, or an empty string."""
    passed, error, words, _ = KINDS[kind]
    if passed is None:
        passed, error = False, result["isError"]
    if kind == "forks":  # may stop pytest too; only a control group counts refused forks
        passed, error = (False, True) if "were stopped" in result["errorDetails"] else (True, False)
        words = words if is_measured else ""
    found = (result["isPassed"], result["isError"], words in result["errorDetails"])
    return "" if found == (passed, error, True) else f"{result['id']}: {found}, {result['errorDetails']!r}"


def children():
    """Reaps exited descendants of this process. Returns the command lines of the living by pid."""
    found = {}
    for pid in harness.descendants(os.getpid()):
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            pass
        line = pathlib.Path(f"/proc/{pid}/cmdline")
        if line.exists() and (words := line.read_bytes().replace(b"\0", b" ")):
            found[pid] = words
    return found


class Hostile:
    """Real pytest, and programs that attack."""

    tasks, concurrent, warm_share = 200, 2, 1 / 4
    mock_options = ()
    known_errors = "^$"

    def __init__(self, site, args):
        self.site = site
        self.suite = site.pytest_suite
        self.options = ("--timeout", max(site.timeout, 5), "--memory", "400M", "--pids", 64, "--disk", "50M", "--inodes", 3000,
                        "--output", "100K")

    def make_tasks(self, count):
        students = {kind: self.site.student({"checks.py": sandboxed.CHECKS_PRELUDE + code})
                    for kind, (_, _, _, code) in KINDS.items() if code is not None}
        return [harness.task(f"{kind}/{i}", students.get(kind, "/nowhere")) for i, kind in enumerate(plan(count))]

    def wrong(self, result, kind):
        return wrong(result, kind, self.site.is_measured)


class Short:
    """Very short tasks, and a backend that drops connections, revokes tokens, is slow or fails."""

    tasks, concurrent, warm_share = 2000, 8, 1 / 10
    known_errors = "Not valid JSON|wants another login"  # garbage instead of a task; a token that was revoked at once
    verdicts = {"pass": (True, False), "fail": (False, False), "error": (False, True)}

    def __init__(self, site, args):
        self.seed = args.seed
        self.course = harness.SmallCourse(site.make_dir("course"))
        self.students = {verdict: self.course.student(verdict) for verdict in self.verdicts}
        site.give(self.course.directory)
        self.suite = self.course.suite
        self.mock_options = ("--auth", "--token-ttl", 5, "--fault-rate", args.fault_rate, "--fault-seed", args.seed)
        self.options = ("--auth", "--refresh-time", 2)

    def make_tasks(self, count):
        kinds = random.Random(self.seed).choices(list(self.verdicts), [70, 20, 10], k=count)
        return [harness.task(f"{kind}/{i}", self.students[kind]) for i, kind in enumerate(kinds)]

    def wrong(self, result, kind):
        found = (result["isPassed"], result["isError"])
        return "" if found == self.verdicts[kind] else f"{result['id']}: {found}, {result['errorDetails']!r}"


LOADS = {"hostile": Hostile, "short": Short}


class Watch:
    """Samples a runner's memory (KiB), open files and children. Only root may read some of them."""

    WHAT = ("VmRSS", "Private_Dirty", "files", "children")

    def __init__(self, pid):
        self.process = pathlib.Path(f"/proc/{pid}")
        self.samples = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def kib(self, file, what):
        with contextlib.suppress(OSError):
            return int(re.search(rf"^{what}:\s+(\d+) kB", (self.process / file).read_text(), re.MULTILINE)[1])
        return None

    def sample(self):
        files = None
        with contextlib.suppress(OSError):
            files = len(os.listdir(self.process / "fd"))
        children = (self.process / "task" / self.process.name / "children").read_text().split()
        return {"VmRSS": self.kib("status", "VmRSS"), "Private_Dirty": self.kib("smaps_rollup", "Private_Dirty"), "files": files,
                "children": len(children)}

    def watch(self):
        while not self.over.wait(SAMPLE_S):
            self.samples.append(self.sample())

    def mark(self):
        """Takes another sample. Returns the number of samples."""
        self.samples.append(self.sample())
        return len(self.samples)

    def stop(self):
        self.over.set()
        self.thread.join()

    def peak(self, what, first, last):
        return max((sample[what] for sample in self.samples[first:last] if sample[what] is not None), default=None)


class Soak:
    def __init__(self, site, load, args):
        self.site = site
        self.load = load
        self.count = args.tasks or load.tasks
        self.concurrent = args.concurrent or load.concurrent
        self.sandbox = args.sandbox
        self.faults = []
        self.state = site.new_dir("state")
        self.temporary = site.new_dir("temporary")

    def expect(self, holds, text):
        if not holds:
            self.faults.append(text)
            print(f"FAULT: {text}", flush=True)

    def tasks(self):
        tasks = self.load.make_tasks(self.count)
        kinds = collections.Counter(task["id"].split("/")[0] for task in tasks)
        print("tasks: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()), flush=True)
        return tasks

    def run(self):
        tasks = self.tasks()
        warm = max(int(len(tasks) * self.load.warm_share), 1)
        mounts, groups = sandboxed.mounts(), set(sandboxed.groups_called("ostest-*"))
        shared = set(os.listdir("/dev/shm"))
        with self.site.mock(*self.load.mock_options, tasks=tasks[:warm]) as mock:
            others = set(children())
            with self.site.runner(mock, "--concurrent", self.concurrent, *self.load.options, suite=self.load.suite,
                                  state=self.state, env={"TMPDIR": self.temporary, "OSTEST_SANDBOX": self.sandbox}) as runner:
                self.work(mock, runner, tasks, warm)
                self.expect(runner.stop() == 0, "the runner did not exit with status 0")
                errors = [line for line in runner.hits(" (CRITICAL|ERROR) ") if not re.search(self.load.known_errors, line)]
                self.expect(not errors, f"errors in the log: {errors[:3]}")
            left = {pid: line for pid, line in children().items() if pid not in others}
            self.expect(not left, f"processes remain: {left}")
        self.expect(sandboxed.mounts() == mounts, "mounts remain")
        harness.wait_until(lambda: not set(sandboxed.groups_called("ostest-*")) - groups, "control groups are left")
        self.expect(not set(os.listdir("/dev/shm")) - shared, "files remain in /dev/shm")
        self.expect(not os.listdir(self.temporary), f"temporary files remain: {os.listdir(self.temporary)[:5]}")
        left = [str(path) for name in ("jobs", "spool", "rejected") for path in (self.state / name).iterdir()]
        self.expect(not left, f"files remain: {left[:5]}")
        names = {path.name for path in self.state.iterdir()}
        self.expect(names <= {"cache", "job.conf", "jobs", "kept", "rejected", "spool"}, f"unexpected files in the state directory: {sorted(names)}")

    def work(self, mock, runner, tasks, warm):
        start = time.monotonic()
        watch = Watch(runner.process.pid)
        try:
            self.wait(mock, runner, warm)
            files, warm_mark = open_files(runner), watch.mark()
            mock.add(*tasks[warm:])
            self.wait(mock, runner, len(tasks))
            last_mark = watch.mark()
        finally:
            watch.stop()
        print(f"{len(tasks)} tasks in {time.monotonic() - start:.0f} s; faults of the backend: {mock.state()['faults']}")
        self.expect(files is None or open_files(runner)[1] == files[1], "files remain open")
        self.check_growth(watch, warm_mark, last_mark, warm)
        self.check_results(mock, tasks)

    def check_growth(self, watch, warm_mark, last_mark, warm):
        first, last = watch.samples[warm_mark - 1], watch.samples[last_mark - 1]
        print(f"| the runner's | after {warm} tasks | after all | highest so far | highest since |\n| --- | --- | --- | --- | --- |")
        for what in Watch.WHAT:
            peaks = watch.peak(what, 0, warm_mark), watch.peak(what, warm_mark, last_mark)
            print(f"| {what} | {first[what]} | {last[what]} | {peaks[0]} | {peaks[1]} |", flush=True)
        for what in ("VmRSS", "Private_Dirty"):
            grown = (last[what] or 0) - (first[what] or 0)
            self.expect(grown <= MAX_GROWTH_KIB, f"the runner's memory ({what}) grew by {grown} KiB")
        before, since = watch.peak("files", 0, warm_mark), watch.peak("files", warm_mark, last_mark)
        self.expect((since or 0) <= (before or 0) + MAX_MORE_FILES, f"the number of open files grew from {before} to {since}")
        self.expect(last["children"] == 0, "children remain")
        self.expect(watch.peak("children", 0, last_mark) <= self.concurrent, "more children than slots")

    def check_results(self, mock, tasks):
        results, state = mock.results(), mock.state()
        self.expect(len({result["id"] for result in results}) == len(results) == len(tasks), "not one result for each task")
        self.expect(state["violations"] == 0, f"violations: {state['violation_reasons']}")
        self.expect(state["claimed"] == len(tasks), f"{state['claimed']} claims of {len(tasks)} tasks")
        for result in results:
            fault = self.load.wrong(result, result["id"].split("/")[0])
            self.expect(not fault, fault)

    def wait(self, mock, runner, count):
        done = mock.state()["results"]
        while done < count:  # each step has the harness's timeout
            done = mock.state(results=min(done + STEP, count))["results"]
        runner.wait_log(" delivered key=", count=count)
        mock.state(requests_total=mock.state()["requests_total"] + 2)  # it polls for more, so it is idle


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--load", choices=LOADS, default="hostile", help="kind of tasks (default: hostile)")
    parser.add_argument("--tasks", type=int, help="number of tasks (default: hostile 200, short 2000)")
    parser.add_argument("--concurrent", type=int, help="tasks at a time (default: hostile 2, short 8)")
    parser.add_argument("--sandbox", choices=["auto", "none"], default="auto", help="sandbox of short tasks (default: auto)")
    parser.add_argument("--fault-rate", type=float, default=0.1, help="share of faulty answers of the backend to short tasks (default: 0.1)")
    parser.add_argument("--seed", type=int, default=1, help="seed of these faults and tasks (default: 1)")
    parser.add_argument("--started-as", choices=sandboxed.started_as(), default=sandboxed.started_as()[0])
    return parser.parse_args()


def main():
    args = read_arguments()
    harness.become_subreaper()
    harness.make_programs_reachable()
    site = sandboxed.Site(args.started_as)
    try:
        print(f"started as {args.started_as}, cgroups={site.cgroups}", flush=True)
        soak = Soak(site, LOADS[args.load](site, args), args)
        soak.run()
    finally:
        site.close()
    print(f"{len(soak.faults)} faults")
    return 1 if soak.faults else 0


if __name__ == "__main__":
    sys.exit(main())
