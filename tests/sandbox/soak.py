#!/usr/bin/python3
"""Many tasks in a row, hostile ones among them: each is judged rightly, nothing is left and nothing grows.

usage: tests/sandbox/soak.py [--tasks N] [--started-as root|user] [--concurrent N]

Not part of script/test: 200 tasks take some minutes.
"""

import argparse
import collections
import os
import pathlib
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import harness  # noqa: E402 (its place was set above)
import sandboxed  # noqa: E402
from test_many_tasks import open_files  # noqa: E402

MAX_GROWTH_KIB = 512
GOOD = "def test_good():\n    subprocess.run(['true'], check=True)\n"

# Name to (whether it passes, is an error, what errorDetails says, the student's tests). None, None: does not pass.
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
    "suite": (False, True, "data.txt was changed", GOOD + "def test_suite():\n    open('data.txt', 'w').close()\n"),
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
    """Kinds of tasks: each hostile one at least once, most are harmless; the same each time."""
    chance = random.Random(1)
    hostile = [kind for kind in KINDS if kind not in ("good", "bad")]
    kinds = hostile + [chance.choice(hostile) if chance.random() < HOSTILE_SHARE else chance.choice(["good", "bad"])
                       for _ in range(count)]
    kinds = kinds[:count]
    chance.shuffle(kinds)
    return kinds


def wrong(result, kind, is_measured):
    """What is not as expected of a result, or nothing."""
    passed, error, words, _ = KINDS[kind]
    if passed is None:
        passed, error = False, result["isError"]
    if kind == "forks":  # it may keep pytest from its work; who counts is the control group
        passed, error = (False, True) if "were stopped" in result["errorDetails"] else (True, False)
        words = words if is_measured else ""
    found = (result["isPassed"], result["isError"], words in result["errorDetails"])
    return "" if found == (passed, error, True) else f"{result['id']}: {found}, {result['errorDetails']!r}"


def children():
    """Our children that are alive, by their command lines; the dead are reaped."""
    found = {}
    for pid in sandboxed.descendants(os.getpid()):
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            pass
        line = pathlib.Path(f"/proc/{pid}/cmdline")
        if line.exists() and (words := line.read_bytes().replace(b"\0", b" ")):
            found[pid] = words
    return found


class Soak:
    def __init__(self, site, count, concurrent):
        self.site = site
        self.count = count
        self.concurrent = concurrent
        self.faults = []
        self.state = site.new_dir("state")
        self.temporary = site.new_dir("temporary")

    def expect(self, holds, text):
        if not holds:
            self.faults.append(text)
            print(f"FAULT: {text}", flush=True)

    def tasks(self):
        students = {kind: self.site.student({"checks.py": sandboxed.CHECKS_PRELUDE + code})
                    for kind, (_, _, _, code) in KINDS.items() if code is not None}
        kinds = plan(self.count)
        print("tasks: " + ", ".join(f"{count} {kind}" for kind, count in collections.Counter(kinds).most_common()), flush=True)
        return [harness.task(f"{kind}/{i}", students.get(kind, "/nowhere")) for i, kind in enumerate(kinds)]

    def run(self):
        timeout = max(self.site.timeout, 5)
        tasks = self.tasks()
        warm = max(len(tasks) // 4, 1)
        mounts, groups = sandboxed.mounts(), set(sandboxed.groups_called("ostest-*"))
        shared = set(os.listdir("/dev/shm"))
        with self.site.mock(tasks=tasks[:warm]) as mock:
            others = set(children())
            with self.site.runner(mock, "--concurrent", self.concurrent, "--timeout", timeout, "--memory", "400M", "--pids", 64,
                                  "--disk", "50M", "--inodes", 3000, "--output", "100K", suite=self.site.pytest_suite,
                                  state=self.state, env={"TMPDIR": self.temporary}) as runner:
                self.work(mock, runner, tasks, warm)
                self.expect(runner.stop() == 0, "the runner did not end with status 0")
                self.expect(not runner.hits(" (CRITICAL|ERROR) "), f"errors in the log: {runner.hits(' (CRITICAL|ERROR) ')[:3]}")
            left = {pid: line for pid, line in children().items() if pid not in others}
            self.expect(not left, f"processes are left: {left}")
        self.expect(sandboxed.mounts() == mounts, "mounts are left")
        sandboxed.wait_until(lambda: not set(sandboxed.groups_called("ostest-*")) - groups, "control groups are left")
        self.expect(not set(os.listdir("/dev/shm")) - shared, "files in /dev/shm are left")
        self.expect(not os.listdir(self.temporary), f"temporary files are left: {os.listdir(self.temporary)[:5]}")
        left = [str(path) for name in ("jobs", "spool", "rejected") for path in (self.state / name).iterdir()]
        self.expect(not left, f"files are left: {left[:5]}")
        names = {path.name for path in self.state.iterdir()}
        self.expect(names <= {"cache", "job.conf", "jobs", "rejected", "spool"}, f"files are left: {sorted(names)}")

    def work(self, mock, runner, tasks, warm):
        start = time.monotonic()
        self.wait(mock, runner, warm)
        memory, files = runner.memory_kib(), open_files(runner)
        mock.add(*tasks[warm:])
        self.wait(mock, runner, len(tasks))
        grown = runner.memory_kib() - memory
        print(f"{len(tasks)} tasks in {time.monotonic() - start:.0f} s; the runner's memory: {memory} KiB, then {grown} more; "
              f"open files: {files}, then {open_files(runner)}", flush=True)
        self.expect(grown <= MAX_GROWTH_KIB, f"the runner's memory has grown by {grown} KiB")
        self.expect(files is None or open_files(runner)[1] == files[1], "open files are left")
        results = mock.results()
        self.expect(len({result["id"] for result in results}) == len(results) == len(tasks), "not one result for each task")
        self.expect(mock.state()["violations"] == 0, f"violations: {mock.state()}")
        for result in results:
            fault = wrong(result, result["id"].split("/")[0], self.site.is_measured)
            self.expect(not fault, fault)

    def wait(self, mock, runner, count):
        done = len(mock.results())
        while done < count:  # each step has the harness's own limit of time
            mock.state(results=done + 1)
            done = len(mock.results())
        runner.wait_log("INFO delivered", count=count)
        mock.state(requests_total=mock.state()["requests_total"] + 2)  # it asks for more: there is nothing else to do


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", type=int, default=200, help="how many (200)")
    parser.add_argument("--concurrent", type=int, default=2, help="how many at a time (2)")
    parser.add_argument("--started-as", choices=sandboxed.started_as(), default=sandboxed.started_as()[0])
    args = parser.parse_args()
    harness.become_subreaper()
    site = sandboxed.Site(args.started_as)
    try:
        print(f"started as {args.started_as}, cgroups={site.cgroups}", flush=True)
        soak = Soak(site, args.tasks, args.concurrent)
        soak.run()
    finally:
        site.close()
    print(f"{len(soak.faults)} faults")
    return 1 if soak.faults else 0


if __name__ == "__main__":
    sys.exit(main())
