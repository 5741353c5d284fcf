"""`ostest-runner run` of a git work tree tests what git would commit, and only reads the git
repository."""

import ast
import os
import shutil
import subprocess

import pytest

import harness
from harness import git

LF = "tested with the line endings that git commits (LF), unlike here"


@pytest.fixture
def tested(run, make_suite):
    """tested(directory, variable=…): returns {file: (mode, content)} as the suite sees them;
    tested.out: the output."""
    suite = make_suite("""
root = pathlib.Path(src)
files = {str(p.relative_to(root)): (oct(p.lstat().st_mode & 0o111), p.read_bytes().decode("latin-1") if p.is_file() else None)
         for p in root.rglob("*")}
write("<testsuite><testcase name='files'><failure>" + ascii(files).replace("&", "&amp;").replace("<", "&lt;") + "</failure></testcase></testsuite>")
""", name="modes")

    def go(directory, **env):
        status, tested.out, err = run("--src", directory, "--tests", f"file://{suite}", "--color", "never", **env)
        assert status == 1, tested.out + err
        [line] = [line for line in tested.out.splitlines() if line.startswith("    {")]
        return ast.literal_eval(line.strip())
    tested = go
    return go


def contents(files):
    return {name: content for name, (_, content) in files.items() if content is not None}


def warnings(tested):
    """Returns {warning: names}."""
    found = [line.split(": ", 2)[2] for line in tested.out.splitlines() if line.startswith("Warning: ")]
    return {words: sorted(names.split(", ")) for words, _, names in (text.rpartition(": ") for text in found)}


def state_of(directory):
    """Returns the contents of .git with their times."""
    return {str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else None) for path in directory.rglob("*")}


# ---- errors ----

def test_a_directory_that_git_refuses(run, make_repo, listing):
    student = make_repo("student", {"file": "x", ".gitignore": "*.o\n"})
    (student.path / "stale.o").touch()
    status, out, _ = run("--src", student, "--tests", f"file://{listing}", GIT_TEST_ASSUME_DIFFERENT_OWNER="1", GIT_CONFIG_NOSYSTEM="1")
    assert status == 2 and "stale.o" not in out
    assert f"git refuses {student}, since it belongs to another user" in out
    assert f"git config --global --add safe.directory '{student}'" in out


def test_the_top_of_a_refused_work_tree_is_what_to_trust(run, make_repo, listing):
    student = make_repo("student", {"lab/file": "x"})
    _, out, _ = run("--src", student.path / "lab", "--tests", f"file://{listing}", GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert f"safe.directory '{student}'" in out


@pytest.fixture
def path_without_git(tmp_path):
    """A PATH with the programs that a run needs, except git."""
    directory = tmp_path / "programs"
    directory.mkdir()
    for name in ("python3", "sh", "env", "cat"):
        (directory / name).symlink_to(shutil.which(name))
    return str(directory)


def test_without_git(run, make_repo, make_suite, tmp_path, path_without_git):
    suite = tmp_path / "plain-suite"
    shutil.copytree(make_suite().path, suite, ignore=shutil.ignore_patterns(".git"))
    student = make_repo("student", {"lab/file": "x"})
    for directory in (student.path, student.path / "lab"):
        status, out, _ = run("--src", directory, "--tests", suite, PATH=path_without_git)
        assert status == 2 and f"{student} is a git work tree, but git cannot be started" in out, out
    plain = tmp_path / "plain"
    plain.mkdir()
    status, out, err = run("--src", plain, "--tests", suite, PATH=path_without_git)
    assert status == 0, out + err


def test_a_repository_that_is_broken(run, make_repo, listing, tmp_path):
    student = make_repo("student", {"file": "x"})
    (student.path / ".git" / "HEAD").write_text("nonsense\n")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / ".git").write_text("gitdir: /nowhere\n")
    (linked / "sub").mkdir()
    for directory in (student.path, linked, linked / "sub"):
        status, out, _ = run("--src", directory, "--tests", f"file://{listing}")
        assert status == 2 and f"git refuses {directory}: " in out, out


def test_a_bare_repository(run, make_repo, listing, tmp_path):
    git("clone", "-q", "--bare", make_repo("student", {"file": "x"}), tmp_path / "bare.git")
    status, out, _ = run("--src", tmp_path / "bare.git", "--tests", f"file://{listing}")
    assert status == 2 and f"is a git repository without a work tree: clone it, or give its URL: file://{tmp_path}/bare.git" in out


# ---- modes and line endings ----

def test_the_executable_bit_is_the_index_s_if_the_file_system_has_none(tested, make_repo):
    student = make_repo("student", {"run.sh": "x", "data": "x"})
    git("update-index", "--chmod=+x", "run.sh", cwd=student.path)
    git("commit", "-qm", "modes", cwd=student.path)
    git("config", "core.fileMode", "false", cwd=student.path)
    for name in ("data", "new"):
        (student.path / name).write_text("changed")
        (student.path / name).chmod(0o755)
    (student.path / "run.sh").chmod(0o644)
    assert tested(student) == {"run.sh": ("0o111", "x"), "data": ("0o0", "changed"), "new": ("0o0", "changed")}
    assert warnings(tested) == {"tested without the executable bit, which git does not have (git add --chmod=+x)": ["data", "new"],
                                "tested with the executable bit, which git has (git add --chmod=-x)": ["run.sh"]}


def test_modes_are_those_of_a_checkout(tested, make_repo):
    student = make_repo("student", {"run.sh": "x", "data": "x"})
    (student.path / "run.sh").chmod(0o700)
    (student.path / "data").chmod(0o600)
    assert tested(student) == {"run.sh": ("0o111", "x"), "data": ("0o0", "x")}
    assert warnings(tested) == {"the executable bit is not committed yet as it is tested": ["run.sh"]}
    git("commit", "-qam", "mode", cwd=student.path)
    assert tested(student)["run.sh"] == ("0o111", "x") and warnings(tested) == {}


def test_line_endings_by_autocrlf(tested, make_repo):
    student = make_repo("student", {"kept": "a\n"})
    git("config", "core.autocrlf", "true", cwd=student.path)
    (student.path / "new").write_bytes(b"a\r\nb\r\n")
    (student.path / "kept").write_bytes(b"a\r\nc\r\n")
    (student.path / "binary").write_bytes(b"a\r\n\0")
    assert contents(tested(student)) == {"new": "a\nb\n", "kept": "a\nc\n", "binary": "a\r\n\0"}
    assert warnings(tested) == {LF: ["kept", "new"]}


def test_line_endings_by_the_user_s_configuration(tested, make_repo, home):
    (home / ".gitconfig").write_text("[core]\n\tautocrlf = input\n\tattributesFile = ~/attributes\n")
    (home / "attributes").write_text("*.raw -text\n")
    student = make_repo("student", {})
    for name in ("new", "new.raw"):
        (student.path / name).write_bytes(b"a\r\n")
    assert contents(tested(student)) == {"new": "a\n", "new.raw": "a\r\n"}


def test_line_endings_by_attributes(tested, make_repo):
    student = make_repo("student", {".gitattributes": "*.sh text eol=lf\n*.bat text eol=crlf\n*.txt text\n", "info.raw": "a\r\n"})
    (student.path / ".git" / "info").mkdir(exist_ok=True)
    (student.path / ".git" / "info" / "attributes").write_text("*.mine text")
    for name in ("a.sh", "a.bat", "a.txt", "a.mine", "a.raw"):
        (student.path / name).write_bytes(b"a\r\n")
    (student.path / "b.bat").write_bytes(b"b\n")
    files = contents(tested(student))
    assert {name: files[name] for name in files if name != ".gitattributes"} == {
        "a.sh": "a\n", "a.bat": "a\r\n", "b.bat": "b\r\n", "a.txt": "a\n", "a.mine": "a\n", "a.raw": "a\r\n", "info.raw": "a\r\n"}
    assert warnings(tested) == {LF: ["a.mine", "a.sh", "a.txt"], "tested with the line endings that git checks out (CRLF), unlike here": ["b.bat"]}


def test_many_names_are_counted(tested, make_repo):
    student = make_repo("student", {})
    git("config", "core.autocrlf", "input", cwd=student.path)
    for number in range(8):
        (student.path / str(number)).write_bytes(b"a\r\n")
    tested(student)
    assert warnings(tested) == {LF: ["0", "1", "2", "3", "4 and 3 more"]}


# ---- kinds of repositories ----

def test_the_repository_is_only_read(tested, make_repo):
    student = make_repo("student", {"file": "x", "gone": "x"})
    (student.path / "file").write_text("changed")
    (student.path / "new").write_text("y")
    (student.path / "gone").unlink()
    (student.path / ".git" / "index.lock").touch()
    before = state_of(student.path / ".git")
    assert contents(tested(student)) == {"file": "changed", "new": "y"}
    assert state_of(student.path / ".git") == before


def test_no_program_of_the_repository_is_run(tested, make_repo, tmp_path):
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\ncat\n")
    trap.chmod(0o755)
    module = make_repo("module", {"file": "x", ".gitattributes": "* filter=trap\n"})
    student = make_repo("student", {"kept": "x", ".gitattributes": "* filter=trap\n"})
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", module, "module", cwd=student.path)
    git("commit", "-qm", "module", cwd=student.path)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(trap, hooks / "post-index-change")
    for directory in (student.path, student.path / "module"):
        for setting in ("filter.trap.clean", "filter.trap.process", "core.fsmonitor"):
            git("config", setting, trap, cwd=directory)
        git("config", "core.hooksPath", hooks, cwd=directory)
    for name in ("kept", "new", "module/file"):
        (student.path / name).write_text("changed")
    files = contents(tested(student))
    assert files["kept"] == files["new"] == "changed" and not (tmp_path / "ran").exists()


def test_filters_of_the_user_s_configuration_count(tested, make_repo, home):
    (home / ".gitconfig").write_text("[filter \"upper\"]\n\tclean = tr a-z A-Z\n\tsmudge = tr A-Z a-z\n")
    student = make_repo("student", {".gitattributes": "*.up filter=upper\n"})
    (student.path / "new.up").write_text("abc")
    assert contents(tested(student))["new.up"] == "ABC"


def test_without_a_commit(tested, make_repo):
    student = make_repo("student")
    (student.path / "file").write_text("x")
    assert contents(tested(student)) == {"file": "x"} and warnings(tested) == {}
    git("add", ".", cwd=student.path)
    assert contents(tested(student)) == {"file": "x"}


def test_a_linked_work_tree(tested, make_repo, tmp_path):
    student = make_repo("student", {"file": "x"})
    git("worktree", "add", "-q", tmp_path / "linked", "-b", "other", cwd=student.path)
    (tmp_path / "linked" / "new").write_text("y")
    assert contents(tested(tmp_path / "linked")) == {"file": "x", "new": "y"}


def test_a_part_of_a_work_tree(tested, make_repo):
    student = make_repo("student", {"lab/file": "x", "lab/run.sh": "x", "other": "1", ".gitignore": "*.o\n", ".gitattributes": "* text\n"})
    for name in ("lab/a.o", "lab/new"):
        (student.path / name).write_bytes(b"a\r\n")
    (student.path / "lab" / "run.sh").chmod(0o755)
    assert contents(tested(student.path / "lab")) == {"file": "x", "new": "a\n", "run.sh": "x"}
    assert warnings(tested) == {LF: ["new"], "the executable bit is not committed yet as it is tested": ["run.sh"]}


def test_a_conflict_elsewhere_in_the_work_tree(tested, make_repo):
    student = make_repo("student", {"lab/file": "x", "other": "1"})
    git("switch", "-qc", "branch", cwd=student.path)
    student.commit({"other": "2"})
    git("switch", "-q", "main", cwd=student.path)
    student.commit({"other": "3"})
    assert subprocess.run(["git", "merge", "branch"], cwd=student.path, env=harness.GIT_ENV, capture_output=True).returncode == 1
    assert contents(tested(student.path / "lab")) == {"file": "x"}


@pytest.mark.parametrize("options", [[], ["--filter=blob:none"]], ids=["whole", "partial"])
@pytest.mark.parametrize("is_sparse_index", [False, True])
def test_a_sparse_checkout_is_tested_in_full(tested, make_repo, tmp_path, options, is_sparse_index):
    """As on the server, even if objects have to be fetched."""
    origin = make_repo("origin", {"lab/file": "x", "other/file": "y", "top": "z"})
    git("config", "uploadpack.allowFilter", "true", cwd=origin.path)
    git("clone", "-q", "--sparse", *options, f"file://{origin}", tmp_path / "student")
    git("sparse-checkout", "set", "--cone", *["--sparse-index"] * is_sparse_index, "lab", cwd=tmp_path / "student")
    (tmp_path / "student" / "new").write_text("new")
    assert not (tmp_path / "student" / "other").exists()
    assert contents(tested(tmp_path / "student")) == {"lab/file": "x", "other/file": "y", "top": "z", "new": "new"}


def test_forms_of_the_index(tested, make_repo):
    student = make_repo("student", {"file": "x", "same": "1"})
    git("update-index", "--split-index", cwd=student.path)
    (student.path / "file").write_text("changed")
    git("add", ".", cwd=student.path)
    assert list((student.path / ".git").glob("sharedindex.*"))
    assert contents(tested(student)) == {"file": "changed", "same": "1"}
    git("update-index", "--no-split-index", "--index-version", "4", "--untracked-cache", cwd=student.path)
    assert contents(tested(student)) == {"file": "changed", "same": "1"}


def test_objects_of_sha_256(tested, tmp_path):
    git("init", "-q", "--object-format=sha256", tmp_path / "student")
    (tmp_path / "student" / "file").write_text("x")
    git("add", ".", cwd=tmp_path / "student")
    git("commit", "-qm", "1", cwd=tmp_path / "student")
    (tmp_path / "student" / "new").write_text("y")
    assert contents(tested(tmp_path / "student")) == {"file": "x", "new": "y"}


def test_nested_repositories_are_empty(tested, make_repo):
    module = make_repo("module", {"file": "x"})
    student = make_repo("student", {"kept": "x"})
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", module, "module", cwd=student.path)
    harness.Repository(student.path / "with-commit", {"file": "x"})
    harness.Repository(student.path / "without-commit")
    files = tested(student)
    assert set(files) == {".gitmodules", "kept", "module", "with-commit", "without-commit"}


def test_files_become_directories_and_links(tested, make_repo):
    student = make_repo("student", {"file": "x", "dir/file": "x", "link": "x"})
    (student.path / "file").unlink()
    (student.path / "file").mkdir()
    (student.path / "file" / "inner").write_text("y")
    shutil.rmtree(student.path / "dir")
    (student.path / "dir").write_text("z")
    (student.path / "link").unlink()
    (student.path / "link").symlink_to("dir")
    assert contents(tested(student)) == {"file/inner": "y", "dir": "z", "link": "z"}


def test_a_name_that_git_does_not_take(tested, make_repo):
    student = make_repo("student", {"file": "x"})
    (student.path / "a" / ".GIT").mkdir(parents=True)
    (student.path / "a" / ".GIT" / "file").write_text("y")
    git("config", "core.ignoreCase", "true", cwd=student.path)
    assert contents(tested(student)) == {"file": "x"}


def test_a_file_that_cannot_be_read(command, make_repo, listing):
    student = make_repo("student", {"file": "x"})
    (student.path / "secret").touch(0)
    words, env = command("--src", student, "--tests", listing)
    done = subprocess.run([*harness.UNPRIVILEGED, *words], env=env, capture_output=True, text=True, timeout=harness.TIMEOUT)
    assert done.returncode == 2 and 'open("secret"): Permission denied' in done.stdout, done


def test_a_suite_in_a_work_tree(run, make_suite, make_repo, tmp_path):
    suite = make_suite("write()", files={".gitignore": "*.pyc\n", "check.sh": "exit 0\n"})
    (suite.path / "ostest-suite.conf").write_bytes(b"command = ./check.sh {report}\r\n")
    (suite.path / "check.sh").write_bytes(b"#!/bin/sh\r\necho '<testsuite><testcase name=\"a\"/></testsuite>' >\"$1\"\r\n")
    (suite.path / "check.sh").chmod(0o755)
    (suite.path / ".gitattributes").write_text("*.sh text eol=lf\n")
    status, out, _ = run("--src", make_repo("student", {"file": "x"}), "--tests", suite.path)
    assert status == 0 and f"Warning: {suite}: tested with the line endings that git commits (LF)" in out, out
