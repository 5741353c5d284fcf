"""`ostest-runner run`: what it takes from a directory, and what it leaves there."""

import os
import subprocess

import pytest

import harness


def test_a_directory_and_a_suite_from_a_url(run, make_repo, listing):
    status, out, _ = run("--src", make_repo("student", {"file": "x"}), "--tests", f"file://{listing}")
    assert status == 1 and "    file=x" in out


@pytest.mark.parametrize("name", [b"with a blank", b"new\nline", b"\xe9t\xe9", b"-dash", b"x" * 200])
def test_a_directory_of_any_name(command, listing, tmp_path, name):
    directory = os.path.join(os.fsencode(tmp_path), b"d", name)
    os.makedirs(directory)
    with open(os.path.join(directory, b"file"), "w") as file:
        file.write("x")
    words, env = command("--tests", listing)
    done = subprocess.run(words, env=env, cwd=directory, capture_output=True)
    assert done.returncode == 1 and b"    file=x" in done.stdout, done


def test_as_a_hook_of_another_repository(run, make_repo, listing):
    other, student = make_repo("other", {"other": "1"}), make_repo("student", {"file": "x"})
    _, out, _ = run("--src", student, "--tests", listing, GIT_DIR=f"{other}/.git", GIT_WORK_TREE=str(other),
                    GIT_INDEX_FILE=f"{other}/.git/index")
    assert "    file=x" in out


def test_in_the_middle_of_a_merge(run, make_repo, listing):
    student = make_repo("student", {"file": "1"})
    harness.git("switch", "-q", "-c", "other", cwd=student.path)
    student.commit({"file": "2"})
    harness.git("switch", "-q", "main", cwd=student.path)
    student.commit({"file": "3"})
    subprocess.run(["git", "merge", "other"], cwd=student.path, env=harness.GIT_ENV, capture_output=True)
    assert len(harness.git("ls-files", cwd=student.path).splitlines()) == 3
    (student.path / "file").write_text("both")
    _, out, _ = run("--src", student, "--tests", listing)
    assert "    file=both" in out


def test_a_directory_that_the_repository_around_it_ignores(run, make_repo, listing):
    around = make_repo("around", {".gitignore": "work/\n"})
    (around.path / "work" / "sub").mkdir(parents=True)
    (around.path / "work" / "sub" / "file").write_text("x")
    _, out, _ = run("--src", around.path / "work", "--tests", listing)
    assert "    sub/file=x" in out


def test_a_repository_that_ignores_all(run, make_repo, listing):
    student = make_repo("student", {})
    (student.path / ".git" / "info").mkdir()
    (student.path / ".git" / "info" / "exclude").write_text("*\n")
    (student.path / "secret").write_text("x")
    _, out, _ = run("--src", student, "--tests", listing)
    assert "secret" not in out and "HEAD" not in out and "files" in out
