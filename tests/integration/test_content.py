"""The contents of a student's repository: none of it is executed by fetching, and it has limits."""

import hashlib
import os
import stat
import time
import zlib

import pytest

import harness
from harness import git
from jobs import printing

LOOK = "{name: open(os.path.join(src, name), 'rb').read().decode() for name in sorted(os.listdir(src))}"


@pytest.fixture
def suite(make_suite):
    return make_suite()


@pytest.fixture
def look(make_suite, run_job):
    """look(repository): returns the files that the suite sees, with their contents."""
    def look(repo, **named):
        look.job = run_job(repo, make_suite(printing(LOOK)), **named)
        return look.job.printed
    return look


def make_object(repo, kind, data):
    """Writes an object without checks. Returns its name."""
    data = f"{kind} {len(data)}".encode() + b"\0" + data
    name = hashlib.sha1(data).hexdigest()
    path = repo.path / ".git" / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(data, 1))
    return name


def make_tree(repo, *entries):
    lines = [f"{mode} {name}".encode() + b"\0" + bytes.fromhex(sha) for mode, sha, name in entries]
    return make_object(repo, "tree", b"".join(lines))


def make_blob(repo, data):
    return make_object(repo, "blob", data)


def commit_tree(repo, tree):
    git("update-ref", "refs/heads/main", git("commit-tree", "-m", "made", tree, cwd=repo.path), cwd=repo.path)


# ---- attributes, filters, hooks


def test_filters_are_not_run(make_repo, look, tmp_path):
    repo = make_repo("student", {".gitattributes": "* filter=evil\n*.h filter=lfs\n", "a.c": "as it is", "b.h": "as it is"})
    for name in ["smudge", "clean", "process"]:
        for kind in ["evil", "lfs"]:
            git("config", "--file", tmp_path / "gitconfig", f"filter.{kind}.{name}", f"touch {tmp_path}/ran")
        git("config", "--file", tmp_path / "gitconfig", f"filter.{kind}.required", "true")
    files = look(repo, env={"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")})
    assert files["a.c"] == files["b.h"] == "as it is"
    assert not (tmp_path / "ran").exists()


def test_an_lfs_pointer_stays_a_pointer(make_repo, look):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1000000\n"
    files = look(make_repo("student", {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "x.bin": pointer}))
    assert files["x.bin"] == pointer


def test_no_hook_is_run(make_repo, run_job, suite, cache, tmp_path):
    repo = make_repo("student", {"a": "1"})
    names = ["post-checkout", "post-index-change", "reference-transaction", "post-merge", "pre-auto-gc", "fsmonitor-watchman"]
    hooks = {name: f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n" for name in names}
    assert run_job(repo, suite).passed
    settings = tmp_path / "gitconfig"
    for directory in [*(mirror / "hooks" for mirror in cache.glob("repos/*.git")), tmp_path / "template" / "hooks"]:
        directory.mkdir(parents=True)
        for name, text in hooks.items():
            (directory / name).write_text(text)
            (directory / name).chmod(0o755)
    git("config", "--file", settings, "init.templateDir", tmp_path / "template")
    git("config", "--file", settings, "core.hooksPath", tmp_path / "template" / "hooks")
    git("config", "--file", settings, "core.fsmonitor", tmp_path / "template" / "hooks" / "fsmonitor-watchman")
    repo.commit({"a": "2"})
    assert run_job(repo, suite, env={"GIT_CONFIG_GLOBAL": str(settings)}).passed
    assert run_job(make_repo("new", {"a": "1"}), suite, env={"GIT_CONFIG_GLOBAL": str(settings)}).passed
    assert not list(tmp_path.glob("ran-*"))


def test_keywords_are_not_expanded(make_repo, look):
    files = look(make_repo("student", {".gitattributes": "* ident\n", "a.c": "/* $Id$ */"}))
    assert files["a.c"] == "/* $Id$ */"


def test_line_endings_that_the_repository_wants(make_repo, look):
    attributes = "*.bat text eol=crlf\n*.sh text eol=lf\n"
    repo = make_repo("student", {".gitattributes": attributes, "a.bat": "x\n", "a.sh": "x\n", "plain": "x\n"})
    files = look(repo)
    assert (files["a.bat"], files["a.sh"], files["plain"]) == ("x\r\n", "x\n", "x\n")


@pytest.mark.parametrize("key, value", [("core.autocrlf", "true"), ("core.eol", "crlf"), ("core.symlinks", "false"),
                                        ("core.sparseCheckout", "true"), ("core.fileMode", "false")])
def test_the_operators_own_taste_does_not_bend_the_files(make_repo, run_job, make_suite, tmp_path, key, value):
    repo = make_repo("student", {"unix": "a\nb\n", ".gitattributes": "auto text=auto\n", "auto": "a\nb\n", "script": "#!/bin/sh\n"})
    (repo.path / "link").symlink_to("unix")
    (repo.path / "script").chmod(0o755)
    repo.commit({})
    git("config", "--file", tmp_path / "gitconfig", key, value)
    suite = make_suite(printing("[open(src + '/unix', newline='').read(), open(src + '/auto', newline='').read(),"
                                "os.path.islink(src + '/link'), os.access(src + '/script', os.X_OK)]"))
    job = run_job(repo, suite, env={"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")})
    assert job.printed == ["a\nb\n", "a\nb\n", True, True]


# ---- links, names, modes, submodules


def test_symlinks_stay_links_and_nothing_behind_them_is_touched(make_repo, run_job, make_suite, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    repo = make_repo("student", {"a": "1"})
    (repo.path / "dir").symlink_to(outside)
    (repo.path / "file").symlink_to(outside / "precious")
    (repo.path / "dangling").symlink_to("/nonexistent/x")
    (repo.path / "loop").symlink_to("loop")
    (repo.path / "up").symlink_to("..")
    repo.commit({})
    job = run_job(repo, make_suite(printing("sorted(n for n in os.listdir(src) if os.path.islink(src + '/' + n))")))
    assert job.printed == ["dangling", "dir", "file", "loop", "up"]
    assert os.listdir(outside) == ["precious"] and (outside / "precious").read_text() == "precious"


def test_cleaning_does_not_follow_the_links_of_a_test(run_job, student, make_suite, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    code = f"""
import shutil
for place in [src, os.environ["HOME"], "."]:
    os.symlink({str(outside)!r}, place + "/link")
shutil.rmtree(src)
os.symlink({str(outside)!r}, src)
write()
"""
    assert run_job(student, make_suite(code)).passed
    assert (outside / "precious").read_text() == "precious" and outside.stat().st_mode & 0o777


def test_a_file_cannot_be_written_through_a_link(make_repo, run_job, suite, tmp_path):
    """A tree with a link and, below the same name, a file."""
    outside = tmp_path / "outside"
    outside.mkdir()
    repo = make_repo("student", {"a": "1"})
    link, evil = make_blob(repo, str(outside).encode()), make_blob(repo, b"evil")
    below = make_tree(repo, ("100644", evil, "evil"))
    commit_tree(repo, make_tree(repo, ("120000", link, "x"), ("40000", below, "x")))
    run_job(repo, suite)
    assert os.listdir(outside) == []


@pytest.mark.parametrize("name", ["..", ".", ".git", "a/../../../evil", "/evil", "", ".GIT", "git~1"])
def test_names_that_lead_out_of_the_tree(make_repo, run_job, suite, name, tmp_path):
    repo = make_repo("student", {"a": "1"})
    evil = make_blob(repo, b"evil")
    commit_tree(repo, make_tree(repo, ("40000", make_tree(repo, ("100644", evil, "evil")), name)))
    job = run_job(repo, suite)
    assert not list(tmp_path.rglob("evil"))
    if name not in {".GIT", "git~1"}:  # dangerous on other systems only
        assert job.error


def test_unusual_file_names(make_repo, run_job, make_suite):
    names = ["-rf", "--help", "a b", "line\nbreak", "tab\tand\\backslash", "имя", "\"quoted\"", "*", "$(id)",
             "x" * 255, "e\u0301", " "]
    repo = make_repo("student", {name: name for name in names})
    job = run_job(repo, make_suite(printing("sorted(os.listdir(src)) == sorted(%r)" % names)))
    assert job.printed is True


def test_a_name_that_is_no_utf8(make_repo, run_job, make_suite):
    repo = make_repo("student", {"a": "1"})
    with open(os.fsencode(repo.path) + b"/\xff\xfe", "wb") as file:
        file.write(b"1")
    repo.commit({})
    assert run_job(repo, make_suite(printing("len(os.listdir(src.encode()))"))).printed == 2


def test_executable_bits(make_repo, run_job, make_suite):
    repo = make_repo("student", {"run": "", "data": "", "sub/run": ""})
    for name in ["run", "sub/run"]:
        (repo.path / name).chmod(0o700)
    repo.commit({})
    names = ["run", "data", "sub", "sub/run"]
    job = run_job(repo, make_suite(printing(f"[os.stat(src + '/' + name).st_mode & 0o777 for name in {names}]")))
    assert job.printed == [0o755, 0o644, 0o755, 0o755]


def test_submodules_stay_empty_and_the_log_says_so(make_repo, run_job, make_suite, suite, tmp_path):
    inner = make_repo("inner", {"a": "1"})
    modules = f'[submodule "sub"]\n\tpath = sub\n\turl = {inner}\n\tupdate = !touch {tmp_path}/ran\n'
    repo = make_repo("student", {"a": "1", ".gitmodules": modules})
    git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'main', cwd=inner.path)},sub", cwd=repo.path)
    git("commit", "--quiet", "-m", "submodule", cwd=repo.path)
    git("config", "--file", tmp_path / "gitconfig", "submodule.recurse", "true")
    git("config", "--file", tmp_path / "gitconfig", "fetch.recurseSubmodules", "true")
    job = run_job(repo, make_suite(printing("os.listdir(src + '/sub')")),
                  env={"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")})
    assert job.passed and job.printed == []
    assert "warning" in job.log and "1 submodule" in job.log
    assert not (tmp_path / "ran").exists()


def test_the_tree_has_no_git_directory(student, run_job, make_suite):
    assert run_job(student, make_suite(printing("os.listdir(src)"))).printed == ["main.c"]


# ---- limits


def limit_error(job, began, *words):
    assert "class=limit" in job.log, job.log
    for word in words:
        assert word in job.error
    assert time.monotonic() - began < 30
    return True


def test_a_blob_that_unpacks_to_more_than_the_disk_limit(make_repo, run_job, suite):
    repo = make_repo("student")
    commit_tree(repo, make_tree(repo, ("100644", make_blob(repo, bytes(200 << 20)), "huge")))
    began = time.monotonic()
    job = run_job(repo, suite, "--disk", "50M")
    assert limit_error(job, began, "200 MB", "50 MB", "--disk")


@pytest.mark.parametrize("count", [1, 200], ids=["loose", "pack"])
def test_a_repository_that_is_larger_than_the_disk_limit(make_repo, run_job, suite, cache, count):
    """The limit also applies to the transfer: files deleted in the last commit are fetched too."""
    repo = make_repo("student", {f"f{i}": os.urandom((6 << 20) // count) for i in range(count)})
    repo.commit({f"f{i}": None for i in range(count)})
    began = time.monotonic()
    job = run_job(repo, suite, "--disk", "4M")
    assert limit_error(job, began, "4 MB")
    assert sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) < 1 << 20


def test_just_below_the_limit(make_repo, run_job, suite):
    assert run_job(make_repo("student", {"a": b"\0" * ((4 << 20) - 1)}), suite, "--disk", "4M").passed


def test_the_limit_is_for_each_repository(make_repo, run_job, make_suite):
    half = {"half": b"\0" * (3 << 20)}
    assert run_job(make_repo("student", half), make_suite(files=half), "--disk", "4M").passed


def bomb(repo, width, depth, leaf):
    """Commits a tree of width^depth files, made of a few objects."""
    mode, sha = "100644", make_blob(repo, leaf)
    for _ in range(depth):
        sha = make_tree(repo, *((mode, sha, f"f{i:04}") for i in range(width)))
        mode = "40000"
    commit_tree(repo, sha)


@pytest.mark.parametrize("width", [320, 640], ids=["100000", "400000"])
def test_many_files(make_repo, run_job, suite, width):
    """The list of 400,000 files is just below its limit."""
    repo = make_repo("student")
    bomb(repo, width, 2, b"")
    began = time.monotonic()
    assert limit_error(run_job(repo, suite), began, "files", "at most 100000")


@pytest.mark.parametrize("leaf", [b"", b"x" * 1000], ids=["empty", "large"])
def test_a_git_bomb(make_repo, run_job, suite, leaf):
    repo = make_repo("student")
    bomb(repo, 10, 10, leaf)
    began = time.monotonic()
    job = run_job(repo, suite, "--timeout", 15)
    assert limit_error(job, began) and "took longer" not in job.error


def test_a_repository_that_adds_up_to_more_than_the_limit(make_repo, run_job, suite):
    repo = make_repo("student")
    bomb(repo, 100, 2, b"\0" * 100_000)
    began = time.monotonic()
    assert limit_error(run_job(repo, suite), began, "953 MB", "512 MB")


def test_a_deep_tree(make_repo, run_job, make_suite):
    repo = make_repo("student")
    sha, mode = make_blob(repo, b"deep"), "100644"
    for _ in range(1500):  # longer than PATH_MAX
        sha, mode = make_tree(repo, (mode, sha, "ddd")), "40000"
    commit_tree(repo, sha)
    assert run_job(repo, make_suite()).error


def test_files_of_the_checkout_are_the_jobs_own(student, run_job, make_suite, cache):
    """A test that writes to its tree must not change the next task's."""
    code = """
path = src + "/main.c"
print(json.dumps([open(path).read(), os.stat(path).st_nlink]))
open(path, "a").write("x")
write()
"""
    suite = make_suite(code)
    first, second = run_job(student, suite).printed, run_job(student, suite).printed
    assert first == second and first[1] == 1


def test_a_suite_that_changes_itself_is_as_it_was_for_the_next_task(student, run_job, make_suite):
    code = """
print(json.dumps([sorted(os.listdir(".")), open("data").read(), os.stat("data").st_nlink,
                  os.access("tool", os.X_OK), os.readlink("link")]))
open("data", "a").write("x")
open("new", "w")
os.chmod("tool", 0)
write()
"""
    suite = make_suite(code, files={"data": "1", "tool": ""})
    (suite.path / "tool").chmod(0o755)
    (suite.path / "link").symlink_to("data")
    suite.commit({})
    expected = [["data", "link", "ostest-suite.conf", "run.py", "tool"], "1", 1, True, "data"]
    assert [run_job(student, suite).printed for _ in range(2)] == [expected] * 2


def test_the_mode_of_the_cache(student, run_job, suite, cache):
    run_job(student, suite)
    assert stat.S_IMODE((cache / "repos").stat().st_mode) == 0o700
    assert harness.processes_with(str(cache)) == []
