"""`ostest-runner run`: which files it copies from a directory, and which it leaves there."""

import glob
import os
import signal
import socket
import subprocess

import pytest

import harness
from runs import STATE


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


def test_no_link_is_followed(run, make_repo, listing, tmp_path):
    student = make_repo("student", {"sub/file": "x", "kept": "1"})
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("secret")
    (student.path / "sub" / "file").unlink()
    (student.path / "sub").rmdir()
    (student.path / "sub").symlink_to(outside)
    status, out, _ = run("--src", student, "--tests", listing)
    assert status == 1 and "    kept=1\n" in out, out
    assert [path.name for path in outside.iterdir()] == ["file"]


def test_the_job_is_not_copied_into_itself(command, listing, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "file").write_text("x")
    words, env = command("--src", plain, "--tests", listing, "--state-dir", plain / "state")
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=harness.TIMEOUT)
    assert done.returncode == 1 and "file=x" in done.stdout and "run-" not in done.stdout, done


def test_the_job_is_not_copied_into_itself_in_a_repository(command, listing, make_repo):
    student = make_repo("student", {"file": "x"})
    words, env = command("--src", student, "--tests", listing, "--state-dir", student.path / "state")
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=harness.TIMEOUT)
    assert done.returncode == 1 and "file=x" in done.stdout and "run-" not in done.stdout, done


@pytest.mark.parametrize("is_repository", [True, False])
def test_all_files_together_keep_to_the_disk_limit(run, make_repo, listing, tmp_path, is_repository):
    student = make_repo("student", {}).path if is_repository else tmp_path
    for name in "abc":
        (student / name).write_bytes(bytes(400 << 10))
    status, out, _ = run("--src", student, "--tests", listing, "--disk", "1M")
    assert status == 2 and f"{student} is larger than the limit of 1 MB (--disk)" in out


def test_files_of_other_kinds_are_left_out(run, listing, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "file").write_text("x")
    os.mkfifo(plain / "fifo")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(plain / "socket"))
        status, out, _ = run("--src", plain, "--tests", listing)
    assert status == 1 and "    file=x\n" in out


def test_copying_can_be_stopped(command, listing, tmp_path):
    plain = tmp_path / "plain"
    for number in range(20000):
        directory = plain / str(number // 1000)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / str(number)).touch()
    words, env = command("--src", plain, "--tests", listing, "--verbose")
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) as process:
        while not glob.glob(f"{env['HOME']}/{STATE}/run-*/src/0"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(harness.TIMEOUT) == 130
        assert "Copying " in process.stdout.read()


@pytest.mark.parametrize("option", ["--json", "--junit", "--html"])
def test_a_file_that_cannot_be_written_is_a_fault_at_the_start(run, make_repo, listing, tmp_path, option):
    (tmp_path / "there").mkdir()
    student = make_repo("student", {"file": "x"})
    for path, why in {tmp_path / "nowhere" / "x": "its directory does not exist", tmp_path / "there": "it is a directory"}.items():
        status, out, err = run("--src", student, "--tests", listing, option, path)
        assert (status, out) == (2, "") and err == f"ostest-runner run: {option}: '{path}' cannot be written: {why}\n"
