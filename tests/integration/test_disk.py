"""A state directory that is full, read-only or not the runner's: nothing is lost, and no student
fails because of it.

The directory is a separate file system (tmpfs), whose size the test changes while the runner works,
so that each write in turn can fail. It is mounted in a separate mount namespace, for which an
ordinary user needs a user namespace.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import CLEAN_ENV, TIMEOUT, UNPRIVILEGED, Barrier, task

ROOT = os.geteuid() == 0
NAMESPACE = ["unshare", "--mount"] if ROOT else ["unshare", "--user", "--map-root-user", "--mount"]
ENTER = ["--mount"] if ROOT else ["--mount", "--user", "--preserve-credentials"]
PAGE = os.sysconf("SC_PAGESIZE")
PLENTY = {"size": 16 << 30, "nr_inodes": 100000}  # not allocated before it is written
GET = "/api/task/available"
KEY = "000000000001-1"
RESULT = {"id": 1, "isPassed": False, "duration": 0, "testResults": [], "isError": True, "errorDetails": "from yesterday"}
TEMPORARY = re.compile(r"\.(tmp|new|lock|index)$|/tmp_|(^|/)(lock|probe-)")
TROUBLE = "cannot use the state directory"

# Executes each line that it reads, and prints the exit status.
SERVANT = 'while read -r line; do eval "$line" </dev/null >&2; echo $?; done'


class Disks:
    """File systems in a separate mount namespace, which lives as long as this object."""

    def __init__(self):
        self.servant = subprocess.Popen([*NAMESPACE, "sh", "-c", SERVANT], env=CLEAN_ENV, text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.enter = ["nsenter", "--target", str(self.servant.pid), *ENTER]

    def try_to(self, command):
        """Runs the command in the namespace. Returns true if it succeeded."""
        with contextlib.suppress(BrokenPipeError):
            self.servant.stdin.write(f"{command}\n")
        return self.servant.stdout.readline() == "0\n"

    def do(self, command):
        assert self.try_to(command), command

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.servant.stdin.close()
        self.servant.wait(TIMEOUT)
        self.servant.stdout.close()
        self.servant.stderr.close()


class Disk:
    """A file system at `path`, visible only to processes started with `enter`."""

    def __init__(self, disks, path):
        path.mkdir()
        self.disks, self.path, self.enter = disks, path, disks.enter
        self.disks.do(f"mount -t tmpfs -o mode=700,{self._words(PLENTY)} tmpfs '{path}'")
        self.seen = pathlib.Path(f"/proc/{disks.servant.pid}/root{path}")
        (self.seen / "filler").write_text("x")  # a size of 0 would mean no limit

    @staticmethod
    def _words(limits):
        return ",".join(f"{name}={value}" for name, value in limits.items())

    def _remount(self, pages, inodes):
        now = os.statvfs(self.seen)
        limits = dict(PLENTY)
        if pages is not None:
            limits["size"] = (now.f_blocks - now.f_bfree + pages) * PAGE
        if inodes is not None:
            limits["nr_inodes"] = now.f_files - now.f_ffree + inodes
        # Given type and source, mount(8) does not add options from /proc: ids that are meaningless
        # in a namespace.
        return self.disks.try_to(f"mount -n -i -t tmpfs -o remount,{self._words(limits)} tmpfs '{self.path}'")

    def leave(self, pages=None, inodes=None):
        """Leaves room for this many more pages and files."""
        for _ in range(100):  # fails if more was used since statvfs()
            if self._remount(pages, inodes):
                return
        raise AssertionError(f"{self.path} cannot be made smaller")

    def make_read_only(self):
        """Makes it read-only as the kernel does after a disk error, even if files are open for
        writing."""
        copy = f"{self.path}-read-only"  # atomically, else a file opened meanwhile keeps it writable
        # -n: a minimal system has no /etc/mtab, which the mount of Debian 12 would then write.
        self.disks.do(f"mkdir -p '{copy}' && mount -n --bind '{self.path}' '{copy}' && "
                      f"mount -n -o remount,bind,ro '{copy}' && mount -n --move '{copy}' '{self.path}'")

    def make_writable(self):
        self.disks.do(f"umount -l '{self.path}'")

    def files(self):
        return sorted(str(path.relative_to(self.seen)) for path in self.seen.rglob("*") if not path.is_dir() and path.name != "filler")


@pytest.fixture(scope="module")
def disks():
    with contextlib.closing(Disks()) as disks:
        if not disks.try_to("mount -t tmpfs tmpfs /mnt"):
            pytest.skip("cannot mount a file system here, neither as root nor in a user namespace")
        yield disks


@pytest.fixture
def make_disk(disks, tmp_path):
    made = []

    def make(name="state"):
        made.append(Disk(disks, tmp_path / name))
        return made[-1]
    yield make
    for disk in made:
        disks.try_to(f"umount -l '{disk.path}'")


class GitGate:
    """A git, first in PATH, that waits before it fetches a task until the test releases it."""

    def __init__(self, path):
        path.mkdir()
        self.path, self.passed = path, path / "passed"
        self.barrier = Barrier(path)
        (path / "git").write_text(f"""#!/bin/sh
[ "$1" != -c ] || [ -e '{self.passed}' ] || {{ {self.barrier.script}; }}
exec {shutil.which("git")} "$@"
""")
        (path / "git").chmod(0o755)
        self.wait, self.close = self.barrier.wait, self.barrier.close

    def open(self):
        self.passed.touch()
        self.barrier.open(9)


class Case:
    """A runner on its own disk, which becomes full while it works."""

    def __init__(self, name, limits, disk, mock, runner):
        self.name, self.limits, self.disk, self.mock, self.runner = name, limits, disk, mock, runner

    def squeeze(self):
        self.disk.leave(**self.limits)

    def wait_full(self):
        """Waits until a write fails for lack of space or all is done. Asserts that files on the
        disk are complete."""
        self.runner.wait_log(f"{TROUBLE}|no task is claimed|delivered key=\\d+-bad ")
        for part in ("jobs", "spool", "rejected"):
            for directory, _, names in os.walk(self.disk.seen / part):
                for name in names:
                    with contextlib.suppress(FileNotFoundError):  # the runner may continue meanwhile
                        if name.endswith(".json"):
                            json.loads(pathlib.Path(directory, name).read_bytes())

    def check(self):
        """Asserts that the results are correct, none is lost, and no files remain."""
        assert self.runner.wait() == 0, self.runner.log
        verdicts = {result["id"]: result["errorDetails"] or result["isPassed"] for result in self.mock.results()}
        assert verdicts == {"good": True, "bad": False}, self.runner.log
        state = self.mock.state()
        assert (state["claimed"], state["results"], state["duplicates"], state["violations"]) == (2, 2, 0, 0)
        left = [name for name in self.disk.files() if re.match("(jobs|spool|rejected)/", name) or TEMPORARY.search(name)]
        assert not left, self.runner.log


@pytest.fixture
def make_case(make_disk, start_mock, start_runner, small, tmp_path):
    """make_case({"pages" or "inodes": remaining}, option…): starts a runner with two tasks, one at
    a time."""
    def make(limits, *options, script="", faults="", **named):
        name = "-".join(f"{count}-{what}" for what, count in limits.items())
        disk = make_disk(f"state-{name}")
        good, bad = small.student(script=script), small.student("fail")
        if "--mock" in options:
            good, bad = "https://example.org/proxy-grisha", "https://example.org/proxy-anton"
        mock = start_mock("--faults", faults, tasks=[task("good", good), task("bad", bad)])
        runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 1, "--max-tasks", 2, *options,
                              state=disk.path, prefix=disk.enter, **named)
        return Case(name, limits, disk, mock, runner)
    return make


def check_all(cases):
    """Checks all cases. Returns the lines of their logs about lack of space."""
    for case in cases:
        case.wait_full()
    for case in cases:
        case.disk.leave()
    wrong = {}
    for case in cases:
        try:
            case.check()
        except AssertionError as error:
            wrong[case.name] = str(error)
    assert not wrong, "\n\n".join(f"with {name} left: {what}" for name, what in wrong.items())
    return "\n".join(line for case in cases for line in case.runner.hits("No space left|the disk is full"))


def limits(pages, inodes):
    return [*({"pages": count} for count in pages), *({"inodes": count} for count in inodes)]


# ---- full ----

def test_full_when_the_claim_comes(make_case):
    cases = []
    for left in limits(range(5), range(8)):
        cases.append(make_case(left, "--mock", faults="get:slow=500"))
        cases[-1].mock.state(claimed=1)
        cases[-1].squeeze()
    said = check_all(cases)
    for words in ("task.json.tmp", "the disk is full"):
        assert words in said


def test_full_while_the_repositories_are_fetched(make_case, tmp_path):
    cases = []
    with contextlib.ExitStack() as stack:
        for left in limits(range(0, 36, 3), range(0, 90, 8)):
            gate = stack.enter_context(contextlib.closing(GitGate(tmp_path / f"git-{len(cases)}")))
            cases.append(make_case(left, env={"PATH": f"{gate.path}:{os.environ['PATH']}"}))
            gate.wait()
            cases[-1].squeeze()
            gate.open()
        check_all(cases)


def test_full_while_the_tests_run(make_case, tmp_path):
    cases = []
    with contextlib.ExitStack() as stack:
        for left in limits(range(4), range(4)):
            (directory := tmp_path / f"barrier-{len(cases)}").mkdir()
            barrier = stack.enter_context(contextlib.closing(Barrier(directory)))
            cases.append(make_case(left, script=barrier.script))
            barrier.wait()
            cases[-1].squeeze()
            barrier.open(9)
        assert "result.json.tmp" in check_all(cases)


def test_full_while_the_tests_run_but_not_any_more_at_their_end(make_case, barrier):
    script = f"{barrier.script}; trap 'rm \"$HOME/x\"' EXIT; echo x >\"$HOME/x\""
    case = make_case({"pages": 1}, script=script)
    barrier.wait()
    case.squeeze()
    barrier.open(9)
    check_all([case])


@pytest.mark.parametrize("left", [{"pages": 0}, {"inodes": 900}], ids=["bytes", "files"])
def test_no_task_is_claimed_while_there_is_no_room(make_disk, start_mock, start_runner, left):
    disk, mock = make_disk(), start_mock(tasks=[])
    runner = start_runner(mock, "--mock", "--logger-level", "debug", state=disk.path, prefix=disk.enter)
    mock.state(requests_total=1)
    disk.leave(**left)
    runner.wait_log("no task is claimed")  # and no claim is pending
    mock.add(task(1))
    runner.wait_log("no task is claimed", count=len(runner.hits("no task is claimed")) + 1)
    assert mock.state()["claimed"] == 0
    disk.leave()
    assert mock.results(1)[0]["isPassed"] and runner.stop() == 0


def test_no_other_task_is_claimed_while_one_finds_no_room(make_disk, start_mock, start_runner):
    started = []
    for left in limits([0, 1], [0]):
        disk = make_disk(f"state-{len(started)}")
        mock = start_mock("--faults", "get:slow=3000", tasks=[task(i) for i in range(3)])
        runner = start_runner(mock, "--mock", "--concurrent", 3, "--logger-level", "debug", state=disk.path, prefix=disk.enter)
        mock.state(claimed=1)
        disk.leave(**left)
        started.append((disk, mock, runner))
    for disk, mock, runner in started:
        runner.wait_log(TROUBLE, count=2)  # it has tried again
        assert mock.state()["requests"] == {GET: {"200": 1}}
        disk.leave()
    for _, mock, runner in started:
        now = mock.state(results=3)
        assert (now["duplicates"], now["violations"]) == (0, 0) and runner.stop() == 0
        assert all(result["isPassed"] for result in mock.results())


@pytest.mark.slow
def test_a_cache_makes_room_for_a_claim_that_found_none(make_disk, start_mock, start_runner, small, barrier):
    disk = make_disk()
    mock = start_mock(tasks=[task(1, small.student(script=barrier.script))])
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 1, "--min-free-disk", "10M",
                          state=disk.path, prefix=disk.enter)
    barrier.wait()
    old = disk.seen / "cache" / "repos" / "old-0123456789abcdef.git"
    old.mkdir(parents=True)
    (old / "pack").write_bytes(bytes(50 << 20))
    disk.leave(pages=0)
    barrier.open(2)
    runner.wait_log("cannot use the state directory")
    assert mock.results(1)[0]["isPassed"] and not old.exists()


@pytest.mark.parametrize("left", [100, 2000, 4000], ids=["at-once", "halfway", "checkout"])
def test_no_room_for_a_repository_that_git_gives_up(make_disk, start_mock, start_runner, small, make_repo, left, tmp_path):
    """git removes incomplete files, so there is space again when the runner checks."""
    disk = make_disk()
    student = make_repo("large", {"run.sh": (small.student().path / "run.sh").read_text(), "data": os.urandom(12 << 20)})
    mock = start_mock(tasks=[task(1, student), task(2, student)])
    disk.leave(pages=left)
    (tmp_path / "gitconfig").write_text("[core]\nbigFileThreshold = 1m\n")  # such files are removed
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 1, "--min-free-disk", "0", "--max-tasks", 2,
                          state=disk.path, prefix=disk.enter, env={"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")})
    assert "disk is full" in runner.wait_log("[Dd]isk is full")
    assert mock.state()["results"] == 0
    disk.leave()
    assert runner.wait() == 0 and [result["isPassed"] for result in mock.results()] == [True, True], runner.log


def test_a_refused_result_stays_in_the_spool_until_there_is_room_for_the_answer(make_disk, start_mock, start_runner):
    disk, mock = make_disk(), start_mock(tasks=[])
    (disk.seen / "spool").mkdir()
    (disk.seen / "spool" / f"{KEY}.json").write_text(json.dumps(RESULT))
    disk.leave(pages=1)  # for job.conf
    runner = start_runner(mock, "--mock", state=disk.path, prefix=disk.enter)
    assert "No space left" in runner.wait_log(f"ERROR task=\\S+ .*/rejected/{KEY}.answer")
    assert set(disk.files()) - {"cache/lock"} == {"job.conf", "lock", f"spool/{KEY}.json"}
    disk.leave()
    runner.wait_log(f"ERROR task=\\S+ refused, .* key={KEY}")
    assert runner.stop() == 0
    assert set(disk.files()) == {"job.conf", f"rejected/{KEY}.answer", f"rejected/{KEY}.json"}
    assert json.loads((disk.seen / "rejected" / f"{KEY}.json").read_text()) == RESULT
    assert "no task with this id was handed out" in (disk.seen / "rejected" / f"{KEY}.answer").read_text()


# ---- read-only ----

def test_read_only_while_the_tests_run(make_disk, start_mock, start_runner, small, barrier):
    disk, mock = make_disk(), start_mock(tasks=[task(1, small.student(script=barrier.script)), task(2, small.student("fail"))])
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 1, state=disk.path, prefix=disk.enter)
    barrier.wait()
    disk.make_read_only()
    barrier.open(2)
    runner.wait_log(TROUBLE)
    assert runner.hits("Read-only file system") and mock.state()["claimed"] == 1
    disk.make_writable()
    first, second = mock.results(2)
    assert first["isPassed"] and not second["isPassed"] and not second["isError"], (first, second)
    assert runner.stop() == 0 and not list((disk.seen / "jobs").iterdir())


def test_read_only_while_a_result_is_on_its_way(make_disk, start_mock, start_runner):
    disk, mock = make_disk(), start_mock("--faults", "post:slow=2000", tasks=[task(1)])
    runner = start_runner(mock, "--mock", "--concurrent", 1, state=disk.path, prefix=disk.enter)
    mock.state(results=1)
    disk.make_read_only()
    assert "Read-only file system" in runner.wait_log("Cannot remove")
    disk.make_writable()
    mock.add(task(2))  # only now, so that it is not delivered together with the other
    mock.state(results=2)
    assert runner.stop() == 0
    runner = start_runner(mock, state=disk.path, prefix=disk.enter)
    runner.wait_log("already stored")  # the result that could not be removed
    assert runner.stop() == 0
    now = mock.state()
    assert (now["results"], now["destroyed"], now["violations"]) == (2, 0, 0)
    assert not list((disk.seen / "jobs").iterdir()) and not list((disk.seen / "spool").iterdir())


# ---- at the start ----

def refused(start_runner, said, **named):
    """Starts a runner that must refuse. Returns the line with the reason."""
    runner = start_runner(None, "--mock", **named)
    assert runner.wait() == 1
    (line,) = runner.hits(" CRITICAL ")
    assert said in line
    return line


@pytest.mark.parametrize("left, said", [("read-only", "mount it writable"), ({"pages": 0}, "make room there"),
                                        ({"inodes": 0}, "make room there"), ({"inodes": 3}, "make room there")])
def test_start_without_a_disk_to_write_to(make_disk, start_runner, left, said):
    disk = make_disk()
    if left == "read-only":
        disk.make_read_only()
    else:
        disk.leave(**left)
    assert str(disk.path) in refused(start_runner, said, state=disk.path, prefix=disk.enter)
    assert not [name for name in disk.files() if TEMPORARY.search(name)]


def test_start_where_another_user_s_files_are(start_runner, tmp_path):
    state = tmp_path / "state" if ROOT else pathlib.Path("/usr/share")
    if ROOT:
        state.mkdir(mode=0o755)
        os.chown(state, 12345, 12345)
    refused(start_runner, "chown", state=state, prefix=UNPRIVILEGED)


def test_start_without_a_parent_that_may_be_written(start_runner, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    line = refused(start_runner, "--state-dir", state=tmp_path / "closed" / "deep" / "state", prefix=UNPRIVILEGED)
    assert f"Cannot create the directory {tmp_path}/closed/deep:" in line


def test_start_creates_what_is_missing(start_runner, start_mock, tmp_path):
    state = tmp_path / "deep" / "deeper" / "state"
    assert start_runner(start_mock(tasks=[task(1)]), "--mock", "--once", state=state).wait() == 0
    assert (state / "jobs").is_dir()
