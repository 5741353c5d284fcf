"""A failure of git is an error of the task, unless it is shown to be the machine's.

Each repository is broken by hand, as real git would meet it. A task with one gets an error that
says what is wrong, and the runner continues; an error of the machine makes it pause and blames no
student.
"""

import os
import re
import shutil
import subprocess

import pytest

import harness
from gitserver import breaks_off, drops, fails
from harness import UNPRIVILEGED, Repository, git, task
from jobs import MACHINE, TASK

CLOSED = "WARNING no task is claimed: "
RUN = "cat >\"$1\" <<'END'\n" + harness.REPORTS["pass"] + "\nEND\n"
NOWHERE = "12345678" * 5
FORGED = "x\nfatal: x: No space left on device\nfatal: x: Cannot allocate memory\nerror: x died of signal 9"


class Student(Repository):
    """A repository with a run.sh that passes, and functions to break it."""

    def __init__(self, path):
        super().__init__(path, {"run.sh": RUN, "sub/text": "hello"})
        self.objects = self.path / ".git/objects"
        self.good = self.path.with_suffix(".good")
        shutil.copytree(self.path, self.good)

    def restore(self):
        shutil.rmtree(self.path)
        shutil.copytree(self.good, self.path)

    def name(self, what):
        return git("rev-parse", what, cwd=self.path)

    def write(self, kind, content):
        """Writes an object without checks. Returns its name."""
        done = subprocess.run(["git", "hash-object", "-w", "-t", kind, "--literally", "--stdin"], cwd=self.path, check=True,
                              env=harness.GIT_ENV, input=content, capture_output=True)
        return done.stdout.decode().strip()

    def point(self, name):
        (self.path / ".git/refs/heads/main").write_text(f"{name}\n")

    def commit_tree(self, tree, more=""):
        self.point(self.write("commit", f"tree {tree}\n{more}author x <x> 1 +0000\ncommitter x <x> 1 +0000\n\nx\n".encode()))

    def add(self, *entries):
        """Commits a tree with run.sh and these entries: (mode, name, content or name of an
        object)."""
        raw = [("100644", b"run.sh", RUN.encode()), *entries]
        tree = b""
        for mode, name, content in raw:
            name = name if isinstance(name, bytes) else name.encode()
            object_name = self.write("blob", content) if isinstance(content, bytes) else content
            tree += mode.encode() + b" " + name + b"\0" + bytes.fromhex(object_name)
        self.commit_tree(self.write("tree", tree))

    def renew(self):
        """Commits objects that no mirror has."""
        self.commit({"run.sh": RUN + "#\n", "sub/text": "another"})

    def loose(self, what):
        name = self.name(what)
        path = self.objects / name[:2] / name[2:]
        path.chmod(0o644)
        return path

    def pack(self):
        self.renew()
        git("gc", "--quiet", cwd=self.path)
        [pack] = (self.objects / "pack").glob("*.pack")
        pack.chmod(0o644)
        return pack


def adding(*entries):
    return lambda student: student.add(*entries)


def renewed(damage):
    return lambda student: (student.renew(), damage(student))


def remove(what):
    return renewed(lambda student: student.loose(what).unlink())


def spoil(what):
    return renewed(lambda student: student.loose(what).write_bytes(b"nonsense"))


def swap(student):
    student.renew()
    student.loose("main:sub/text").write_bytes(student.loose("main:run.sh").read_bytes())


def cut_pack(student):
    pack = student.pack()
    os.truncate(pack, pack.stat().st_size - 30)


def spoil_pack(student):
    pack = student.pack()
    content = bytearray(pack.read_bytes())
    content[20:60] = bytes(40)
    pack.write_bytes(content)


def to_tree(student):
    student.point(student.name("main^{tree}"))


def to_blob(student):
    student.point(student.name("main:run.sh"))


def set_config(*words):
    return lambda student: git("config", *words, cwd=student.path)


def unknown_extension(student):
    git("config", "core.repositoryformatversion", "1", cwd=student.path)
    git("config", "extensions.nonsense", "1", cwd=student.path)


def append_to(name, text):
    def do(student):
        with open(student.path / ".git" / name, "a") as file:
            file.write(text)
    return do


def write_to(name, text):
    return lambda student: (student.path / ".git" / name).write_text(text)


DAMAGED = "is damaged: objects are missing or broken|git cannot read"
HOST = "does not speak git's protocol|answers with an error"  # git's own server exits in the middle
LINK = "symbolic link whose target is empty or too long"
NAME = "name git does not allow"
NO_REPOSITORY = f"{HOST}|settings that git does not understand|not a git repository|git cannot read|does not exist"

# (function that breaks the repository, pattern of the student's message)
BROKEN = {
    "empty-link": (adding(("120000", "link", b"")), LINK),
    "long-link": (adding(("120000", "link", b"n" * 5000)), LINK),
    "long-name": (adding(("100644", "n" * 300, b"")), "name is too long"),
    "long-forging-name": (adding(("100644", FORGED + "n" * 300, b"")), "name is too long"),
    "forging-link": (adding(("120000", FORGED, b"")), LINK),
    "dot-git": (adding(("100644", ".git", b"")), NAME),
    "dot-git-forging": (adding(("100644", ".git/" + FORGED, b"")), NAME),
    "dot-git-directory": (lambda s: s.add(("40000", ".git", s.name("main:sub"))), NAME),
    "dot-dot": (adding(("100644", "..", b"")), NAME),
    "upwards": (adding(("100644", "../../x", b"")), NAME),
    "gitmodules-link": (adding(("120000", ".gitmodules", b"/etc/passwd")), NAME),
    "no-name": (adding(("100644", "", b"")), DAMAGED),
    "cut-tree": (lambda s: s.commit_tree(s.write("tree", b"100644 a\0abc")), DAMAGED),
    "tree-without-nul": (lambda s: s.commit_tree(s.write("tree", b"100644 a")), DAMAGED),
    "blob-as-tree": (lambda s: s.add(("40000", "a", s.name("main:run.sh"))), DAMAGED),
    "tree-as-blob": (lambda s: s.add(("100644", "a", s.name("main:sub"))), DAMAGED),
    "commit-as-blob": (lambda s: s.add(("100644", "a", s.name("main"))), DAMAGED),
    "missing-object": (adding(("100644", "a", NOWHERE)), DAMAGED),
    "null-object": (adding(("100644", "a", "0" * 40)), DAMAGED),
    "missing-tree": (adding(("40000", "a", NOWHERE)), DAMAGED),
    "no-blob": (remove("main:run.sh"), DAMAGED),
    "no-tree": (remove("main:sub"), DAMAGED),
    "no-root": (remove("main^{tree}"), DAMAGED),
    "no-commit": (remove("main"), f"{DAMAGED}|is empty"),
    "bad-blob": (spoil("main:run.sh"), DAMAGED),
    "bad-tree": (spoil("main:sub"), DAMAGED),
    "bad-commit": (spoil("main"), f"{DAMAGED}|{HOST}|is empty"),
    "swapped-blob": (swap, DAMAGED),
    "cut-pack": (cut_pack, f"{DAMAGED}|is empty"),
    "bad-pack": (spoil_pack, f"{DAMAGED}|is empty"),
    "branch-of-tree": (to_tree, "does not lead to a commit"),
    "branch-of-blob": (to_blob, "does not lead to a commit"),
    "branch-of-nothing": (lambda s: s.point(NOWHERE), f"{DAMAGED}|is empty"),
    "branch-of-nonsense": (lambda s: s.point("nonsense"), "is empty"),
    "commit-of-blob": (lambda s: s.commit_tree(s.name("main:run.sh")), DAMAGED),
    "commit-cut": (lambda s: s.point(s.write("commit", f"tree {s.name('main^{tree}')}\n".encode())), DAMAGED),
    "no-parent": (lambda s: s.commit_tree(s.name("main^{tree}"), f"parent {NOWHERE}\n"), DAMAGED),
    "bad-head": (write_to("HEAD", "nonsense\n"), NO_REPOSITORY),
    "bad-config": (append_to("config", "[core\n"), NO_REPOSITORY),
    "format-of-the-future": (set_config("core.repositoryformatversion", "99"), NO_REPOSITORY),
    "unknown-extension": (unknown_extension, NO_REPOSITORY),
    "no-objects": (renewed(lambda s: shutil.rmtree(s.objects)), NO_REPOSITORY),
}

# Repositories that git clone accepts too.
ODD = {
    "newline": adding(("100644", FORGED, b"")),
    "slash": adding(("100644", "a/b", b"")),
    "unsorted": adding(("100644", "b", b""), ("100644", "a", b"")),
    "mode": adding(("777777", "a", b"")),
    "submodule": adding(("160000", "sub", NOWHERE)),
    "gitmodules": adding(("100644", ".gitmodules", b"nonsense[")),
    "gitattributes-link": adding(("120000", ".gitattributes", b"/etc/passwd")),
    "encoding": adding(("100644", ".gitattributes", b"a text working-tree-encoding=UTF-16\n"), ("100644", "a", b"\xff\xfe\xff")),
    "dangling-link": adding(("120000", "link", b"/nowhere/at/all")),
}


# Those that git's own server handles differently.
OVER_HTTP = ["empty-link", "no-name", "tree-as-blob", "missing-object", "no-tree", "bad-blob", "bad-commit", "swapped-blob",
             "cut-pack", "branch-of-blob", "branch-of-nothing", "no-parent", "bad-head", "bad-config", "no-objects", "newline"]


def check(mock, tasks, wanted):
    """Hands out a task for each {name: URL}. Compares the results with {name: pattern, or None if
    passed}."""
    wrong = {}
    for some in [dict(list(tasks.items())[i:i + 10]) for i in range(0, len(tasks), 10)]:
        before = len(mock.results())
        mock.add(*[task(f"{before}-{name}", url) for name, url in some.items()])
        posted = {r["id"].split("-", 1)[1]: r["errorDetails"] for r in mock.results(before + len(some))[before:]}
        wrong |= {name: said for name, said in posted.items() if not re.search(wanted[name] or "^$", said)}
    assert wrong == {}


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["file", "http"])
def test_a_broken_repository_is_the_students_matter(start_mock, start_runner, small, git_server, transport):
    mock = start_mock(tasks=[])
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 4, "--pause-after", 1, "--pause-time", 600)
    root = {"file": f"file://{git_server.root}", "http": git_server.url}[transport]
    students = {name: Student(f"{git_server.root}/{name}") for name in (BROKEN | ODD if transport == "file" else OVER_HTTP)}
    urls = {name: f"{root}/{name}" for name in students}
    wanted = {name: BROKEN[name][1] if name in BROKEN else None for name in students}
    passes = dict.fromkeys(students)
    check(mock, urls, passes)
    for name, student in students.items():
        (BROKEN[name][0] if name in BROKEN else ODD[name])(student)
    check(mock, urls, wanted)
    check(mock, {name: f"{url}/.git" for name, url in urls.items()}, wanted)  # without an existing mirror
    for student in students.values():
        student.restore()
    check(mock, urls, passes)
    assert not runner.hits(CLOSED) and runner.stop() == 0


# ---- a host with invalid answers

ADVERTISEMENT = {"Content_Type": "application/x-git-upload-pack-advertisement"}
RESULT = {"Content_Type": "application/x-git-upload-pack-result"}


def line(content):
    content = content if isinstance(content, bytes) else content.encode()
    return b"%04x" % (len(content) + 4) + content


def says(content, **headers):
    return lambda handler: handler.status(200, content, **headers)


def in_the_end(content):
    """Returns an answer with the real references, then this content instead of a pack."""
    def answer(handler):
        if handler.command == "POST" and b"command=fetch" in handler.body:
            handler.status(200, content, **RESULT)
        else:
            handler.git()
    return answer


def redirects(handler):
    handler.status(302, Location=handler.path + "x")


FORGING = f"\n{FORGED}".encode()
NONSENSE = {
    "page": says(b"<html>\n<p>Hello</p>\n</html>\n", Content_Type="text/html"),
    "nothing": says(b""),
    "junk": says(b"junk" * 100, **ADVERTISEMENT),
    "no-references": says(line("# service=git-upload-pack\n") + b"0000", **ADVERTISEMENT),
    "wrong-version": says(line("# service=git-upload-pack\n") + b"0000" + line("version 99\n") + b"0000", **ADVERTISEMENT),
    "wrong-format": says(line("# service=git-upload-pack\n") + b"0000" + line("version 2\n") + line("object-format=md5\n") + b"0000",
                         **ADVERTISEMENT),
    "error": says(line(b"ERR no" + FORGING), **ADVERTISEMENT),
    "old-references": says(f"{NOWHERE}\trefs/heads/main\n".encode(), Content_Type="text/plain"),
    "junk-for-a-pack": in_the_end(line("packfile\n") + line(b"\1junk" * 20) + b"0000"),
    "empty-pack": in_the_end(line("packfile\n") + line(b"\1PACK\0\0\0\2\0\0\0\0" + bytes.fromhex("029d08823bd8a8eab510ad6ac75c823cfd3ed31e"))
                             + b"0000"),
    "error-for-a-pack": in_the_end(line(b"ERR no" + FORGING)),
    "words-for-a-pack": in_the_end(line("packfile\n") + line(b"\2" + FORGING[1:] + b"\n") + line(b"\3no" + FORGING) + b"0000"),
    "redirects": redirects, "500": fails(500), "drops": drops, "breaks": breaks_off,
}
SAYS_WHY = "git cannot read|is damaged|is not a git repository|does not speak|answers with an error|broke off|does not work|is empty|no such branch|object format"


@pytest.mark.slow
def test_a_host_that_answers_nonsense_is_no_fault_of_the_machine(start_mock, start_runner, small, make_git_server):
    urls = {}
    for name, answer in NONSENSE.items():
        server = make_git_server()
        Repository(f"{server.root}/{name}", {"run.sh": RUN})
        server.usual = answer
        urls[name] = f"{server.url}/{name}"
    mock = start_mock(tasks=[])
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 4, "--pause-after", 1, "--pause-time", 600)
    check(mock, urls, dict.fromkeys(urls, SAYS_WHY))
    check(mock, {"honest": str(small.student())}, {"honest": None})
    assert not runner.hits(CLOSED) and runner.stop() == 0


# ---- errors of the machine

GIT = shutil.which("git")


@pytest.fixture
def git_that(tmp_path):
    """git_that(shell commands, pattern): returns an environment in which git runs these commands
    first if its arguments match."""
    def make(commands, pattern="*"):
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/git").write_text(f'#!/bin/sh\ncase "$*" in {pattern}) {commands};; esac\nexec {GIT} "$@"\n')
        (tmp_path / "bin/git").chmod(0o755)
        return {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    return make


@pytest.fixture
def suite(make_suite):
    return make_suite()


def ends_as_the_machines(job, words):
    assert job.wait() == MACHINE, job.log
    assert re.search(words, job.error) and re.search("class=(environment|internal)", job.log), job.log


@pytest.mark.parametrize("what", ["fetch", "ls-tree", "read-tree"])
@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_git_is_killed(start_job, student, suite, git_that, what, signal):
    pattern = f"*/student-*{what}*"
    ends_as_the_machines(start_job(student, suite, env=git_that(f"kill -{signal} $$", pattern)), "signal (9|15)")


def test_what_git_has_started_is_killed(start_job, student, suite, tmp_path):
    """git finds index-pack in its exec path."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for path in os.scandir(git("--exec-path")):
        (programs / path.name).symlink_to(path.path)
    (programs / "git").unlink()
    (programs / "git").write_text(f'#!/bin/sh\ncase "$*" in *index-pack*) kill -9 $$;; esac\nexec {GIT} "$@"\n')
    (programs / "git").chmod(0o755)
    ends_as_the_machines(start_job(student, suite, env={"GIT_EXEC_PATH": str(programs)}), "killed on this machine")


@pytest.mark.parametrize("what", ["fetch", "read-tree"])
def test_too_little_memory(start_job, student, suite, git_that, git_server, what):
    student.commit({"large": b"x" * (64 << 20)})
    job = start_job(f"{git_server.url}/student", suite, env=git_that("ulimit -v 60000", f"*/student-*{what}*"))
    ends_as_the_machines(job, "this machine: Cannot allocate memory")


@pytest.mark.parametrize("what", ["fetch", "read-tree"])
def test_too_few_descriptors(start_job, student, suite, git_that, what):
    student.commit({"large": b"x" * (1 << 20)})
    ends_as_the_machines(start_job(student, suite, env=git_that("ulimit -n 4", f"*/student-*{what}*")), "Too many open files")


@pytest.mark.parametrize("part", ["objects/pack", "refs/ostest"])
def test_a_mirror_that_cannot_be_written(start_job, run_job, student, suite, cache, part):
    assert run_job(student, suite, under=UNPRIVILEGED).passed
    student.commit({"more": "x"})
    [mirror] = cache.glob("repos/student-*.git")
    (mirror / part).chmod(0o500)
    ends_as_the_machines(start_job(student, suite, under=UNPRIVILEGED), "Permission denied|may not write")
    (mirror / part).chmod(0o700)
    assert run_job(student, suite, under=UNPRIVILEGED).passed


def test_a_damaged_mirror_that_cannot_be_removed(start_job, run_job, student, suite, cache):
    assert run_job(student, suite, under=UNPRIVILEGED).passed
    [mirror] = cache.glob("repos/student-*.git")
    (mirror / "HEAD").write_text("nonsense")
    mirror.parent.chmod(0o500)
    ends_as_the_machines(start_job(student, suite, under=UNPRIVILEGED), "Permission denied|Cannot")
    mirror.parent.chmod(0o700)
    assert run_job(student, suite, under=UNPRIVILEGED).passed


def test_no_git(start_job, student, suite, tmp_path):
    (tmp_path / "empty").mkdir()
    ends_as_the_machines(start_job(student, suite, env={"PATH": str(tmp_path / "empty")}), "Cannot start git")


@pytest.mark.parametrize("pattern", ["*", "*fetch*"])
def test_a_git_that_does_not_work(start_job, student, suite, git_that, pattern):
    job = start_job(student, suite, env=git_that("echo 'git: symbol lookup error' >&2; exit 127", pattern))
    ends_as_the_machines(job, "symbol lookup error")


def test_a_setting_of_the_operators_that_git_does_not_understand(start_job, student, suite, tmp_path):
    (tmp_path / "gitconfig").write_text("[core\n")
    ends_as_the_machines(start_job(student, suite, env={"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")}), "bad config")


@pytest.mark.parametrize("damage", ["empty-link", "dot-git", "no-blob", "branch-of-blob", "cut-pack", "no-objects"])
def test_a_broken_repository_of_the_suite(start_job, student, tmp_path, damage):
    broken = Student(tmp_path / "repos" / "suite")
    BROKEN[damage][0](broken)
    job = start_job(student, broken)
    ends_as_the_machines(job, "^The test suite: ")
    assert f"{student} " not in job.error


def test_where_both_are_broken_it_is_the_suites(start_job, tmp_path):
    broken = Student(tmp_path / "repos" / "both")
    BROKEN["no-blob"][0](broken)
    ends_as_the_machines(start_job(f"file://{broken}", broken), "^The test suite: ")


def test_a_git_that_is_killed_makes_the_runner_pause(start_mock, start_runner, small, git_that):
    mock = start_mock(tasks=[task(i, small.student()) for i in range(9)])
    runner = start_runner(mock, "--tests-url", small.suite, "--concurrent", 1, "--pause-after", 2, "--pause-time", 600,
                          env=git_that("kill -9 $$", "*read-tree*"))
    runner.wait_log(CLOSED)
    assert 2 <= mock.state(results=2)["claimed"] <= 3 and runner.stop() == 0


def test_an_object_larger_than_a_repository_may_be_is_no_fault_of_the_machine(start_job, student, suite, git_that, git_server):
    student.commit({"large": b"x" * (64 << 20)})
    job = start_job(f"{git_server.url}/student", suite, "--disk", "16M", env=git_that("ulimit -v 60000", "*/student-*fetch*"))
    assert job.wait() == TASK and "larger than the limit" in job.error
