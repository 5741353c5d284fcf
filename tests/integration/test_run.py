"""`ostest-runner run`: verdicts and output, on a terminal and on a pipe."""

import hashlib
import json
import os
import re
import select
import signal
import subprocess
import unicodedata
import xml.etree.ElementTree

import pytest

import harness
from runs import STATE

ESCAPE = "\x1b"


def lines_left(text):
    """Returns the final contents of a terminal: each line as last drawn."""
    return [line.split("\r" + ESCAPE + "[K")[-1].replace("\r", "") for line in text.split("\n")]


def tree_of(directory):
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(directory.rglob("*")) if path.is_file()}


# ---- the verdict


@pytest.mark.parametrize("student", ["good", "wrong-output", "compile-error", "crash"])
def test_the_verdict_is_the_agents(run, course, start_mock, start_runner, tmp_path, student):
    mock = start_mock(tasks=[harness.task(1, course / f"student-{student}")])
    runner = start_runner(mock, "--tests-url", course / "suite", "--once")
    assert runner.wait() == 0
    [there] = mock.results()
    status, out, _ = run("--src", course / f"student-{student}", "--tests", course / "suite", "--json", tmp_path / "here.json")
    here = json.loads((tmp_path / "here.json").read_text())
    assert status == (0 if there["isPassed"] else 1)
    for member in ("isPassed", "isError", "errorDetails"):
        assert here[member] == there[member]
    assert [test["name"] for test in here["testResults"]] == [test["name"] for test in there["testResults"]]
    assert [test["isPassed"] for test in here["testResults"]] == [test["isPassed"] for test in there["testResults"]]
    assert ("PASSED" in out.splitlines()[-1]) and ("NOT PASSED" in out) == (not there["isPassed"])


def test_what_cannot_be_judged(run, small, tmp_path):
    status, out, _ = run("--src", f"file://{tmp_path}/nowhere", "--tests", small.suite)
    assert status == 2 and "COULD NOT BE JUDGED: " in out and "nowhere" in out


def test_a_branch_and_names_and_labs(run, make_suite, make_repo, tmp_path):
    student = make_repo("student", {"a": ""})
    harness.git("switch", "-q", "-c", "other", cwd=student.path)
    student.commit({"b": ""})
    suite = make_suite("""
print(json.dumps([sorted(os.listdir(src)), args]), file=sys.stderr)
write("<testsuite><testcase name='has_b'><failure>" + " ".join(sorted(os.listdir(src)) + args) + "</failure></testcase></testsuite>")
""", words="{lab} {tests}")
    _, out, _ = run("--src", f"file://{student.path}", "--branch", "other", "--tests", suite, "--lab", "3", "-k", "has_b")
    assert "    a b 3 has_b" in out and re.search(r"^commit [0-9a-f]{40}$", out, re.M)


def test_the_name_of_the_agent_selects_no_tests(run, make_suite, make_repo):
    student = make_repo("student", {"a": ""})
    suite = make_suite('write("<testsuite><testcase name=\'all_is_well\'/></testsuite>")', words="{lab} {tests}")
    status, out, err = run("--src", student.path, "--tests", suite, OSTEST_NAME="runner-1")
    assert status == 0, out + err


# ---- a directory as it is


def test_uncommitted_changes_count_and_nothing_is_changed(run, make_repo, listing):
    student = make_repo("student", {"kept": "1", "changed": "1", "removed": "1", ".gitignore": "*.o\n", "sub/deep": "1"})
    (student.path / "changed").write_text("2")
    (student.path / "new").write_text("2")
    (student.path / "main.o").write_text("built")
    (student.path / "removed").unlink()
    before = tree_of(student.path)
    status, out, _ = run("--src", student.path, "--tests", listing)
    assert status == 1 and " .gitignore=*.o changed=2 kept=1 new=2 sub/deep=1 " in " ".join(out.split()), out
    assert tree_of(student.path) == before


def test_a_directory_that_is_no_repository(run, listing, tmp_path):
    (tmp_path / "plain" / "sub").mkdir(parents=True)
    (tmp_path / "plain" / "sub" / "file").write_text("x")
    _, out, _ = run("--src", tmp_path / "plain", "--tests", listing)
    assert "    sub/file=x" in out


def test_the_current_directory_and_a_suite_in_a_directory(command, listing, make_repo):
    student = make_repo("student", {"file": "x"})
    words, env = command("--tests", listing.path)
    done = subprocess.run(words, env=env, cwd=student.path, capture_output=True, text=True)
    assert done.returncode == 1 and "    file=x" in done.stdout


# ---- output


@pytest.fixture
def pytest_suite(make_repo):
    return make_repo("pytest-suite", {"test_it.py": """
import os, pytest, sys
def pytest_generate_tests(metafunc): pass
def test_good(): pass
def test_bad(): assert 1 == 2, "\\x1b[2Jcleared \\u202e turned \\u200e\\u061c \\u2028\\u2029 ."
@pytest.mark.parametrize("x", ["\\x1b]0;title"])
def test_odd(x): pass
"""})


def test_plain_lines_on_a_pipe(run, pytest_suite, make_repo):
    status, out, err = run("--src", make_repo("s", {"a": ""}), "--tests", pytest_suite)
    assert status == 1 and ESCAPE not in out and "\r" not in out and err == ""
    assert re.search(r"^✓ test_it::test_good  \d+\.\d\d s", out, re.M) and re.search(r"^✗ test_it::test_bad  ", out, re.M)
    assert "\n2 of 3 tests passed in " in out and out.endswith("\nNOT PASSED\n")
    assert "[2Jcleared ? turned ?? ?? ." in out


def test_a_terminal_gets_colours_and_a_line_that_moves(on_terminal, pytest_suite, make_repo):
    status, text = on_terminal("--src", make_repo("s", {"a": ""}), "--tests", pytest_suite)
    assert status == 1 and f"{ESCAPE}[32m✓{ESCAPE}[0m" in text and f"{ESCAPE}[31m✗{ESCAPE}[0m" in text
    assert re.search(r"testing \d+\.\d s \[#+\.+\] \d/3 ", text)
    assert set(re.findall(r"\x1b(\[[0-9]*[a-zA-Z]|.)", text)) <= {"[K", "[0m", "[1m", "[2m", "[31m", "[32m"}
    shown = lines_left(text)
    assert len([line for line in shown if "testing" in line or "judging" in line]) == 0, shown


def cells(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@pytest.mark.parametrize("columns", [1, 20, 44, 45, 80])
def test_the_moving_line_is_narrower_than_the_terminal(on_terminal, make_repo, columns):
    names = "test_" + "漢字é" * 60, "test_" + "q\u0301" * 60
    suite = make_repo("wide", {"test_it.py": "".join(f"def {name}(): pass\n" for name in names)})
    _, text = on_terminal("--src", make_repo("s", {"a": ""}), "--tests", suite, columns=columns)
    moved = [line.split("\n")[0] for line in text.split("\r" + ESCAPE + "[K")[1:] if "\n" not in line]
    assert len(moved) > 3 and max(cells(line) for line in moved) < columns and "\ufffd" not in text
    assert any("#" in line for line in moved) == (columns >= 45)
    if columns == 80:
        assert any("漢" in line and re.search(r"\d\.\d s$", line) for line in moved)


@pytest.mark.parametrize("options, env, has_colors", [
    ([], {"NO_COLOR": "1"}, False), (["--color", "never"], {}, False), (["--color", "always"], {"NO_COLOR": "1"}, True),
    ([], {"TERM": "dumb"}, False)])
def test_colours_as_wanted(on_terminal, pytest_suite, make_repo, options, env, has_colors):
    _, text = on_terminal("--src", make_repo("s", {"a": ""}), "--tests", pytest_suite, *options, **env)
    assert (ESCAPE + "[3" in text) == has_colors


def test_without_utf_8(run, pytest_suite, make_repo):
    _, out, _ = run("--src", make_repo("s", {"a": ""}), "--tests", pytest_suite, LC_ALL="C")
    assert out.isascii() and "ok   test_it::test_good" in out and "FAIL test_it::test_bad" in out


def test_a_pipe_gets_a_line_when_it_is_there(command, small, barrier):
    words, env = command("--src", f"file://{small.student(script=barrier.script)}", "--tests", small.suite)
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE) as process:
        barrier.wait()
        line = process.stdout.readline() if select.select([process.stdout], [], [], 5)[0] else b""
        barrier.open()
        assert process.wait(harness.TIMEOUT) == 0 and line.startswith(b"commit ")


@pytest.mark.parametrize("charset, dots", [("C.UTF-8", "…"), ("C", "...")])
def test_long_texts_are_cut(run, make_suite, make_repo, charset, dots):
    suite = make_suite("""
text = "x" * 1000 + chr(10) + "y" * 500 + chr(10) * 50
write("<testsuite>" + "".join(f"<testcase name='t{i}'><failure>{text}</failure></testcase>" for i in range(60)) + "</testsuite>")
""")
    _, out, _ = run("--src", make_repo("s", {"a": ""}), "--tests", suite, LC_ALL=charset)
    assert out.count("    " + "x" * 500 + dots + "\n") == out.count("    " + "y" * 500 + "\n") == 50, out[:3000]
    assert f"    {dots} " in out and f"\n{dots} and 10 more that failed\n" in out
    assert charset != "C" or out.isascii()


def test_failed_tests_come_before_skipped_ones(run, make_repo):
    suite = make_repo("chain", {"test_it.py": """
import pytest
@pytest.mark.parametrize("x", range(12))
def test_after(x): pytest.skip("needs test_first" + chr(10) + "more" if x else "y" * 200)
def test_first(): assert 1 == 2
"""})
    status, out, _ = run("--src", make_repo("s", {"a": ""}), "--tests", suite)
    end = out[out.index("\n\n"):]
    assert status == 1 and end.startswith("\n\n✗ test_it::test_first\n    ") and end.index("assert 1 == 2") < end.index("\nSkipped:\n")
    skipped = end.partition("\nSkipped:\n")[2].splitlines()
    assert re.fullmatch(r"- test_it::test_after\[0\]  (Skipped: )?y{50,}…", skipped[0]) and len(skipped[0]) < 140
    assert re.fullmatch(r"- test_it::test_after\[1\]  (Skipped: )?needs test_first", skipped[1])
    assert skipped[9].startswith("- test_it::test_after[9]  ") and skipped[10:12] == ["… and 2 more", ""]
    assert skipped[12].startswith("0 of 13 tests passed, 12 were skipped, in ")


def test_json_alone_on_standard_output(run, pytest_suite, make_repo):
    status, out, err = run("--src", make_repo("s", {"a": ""}), "--tests", pytest_suite, "--json", "-")
    assert status == 1 and len(json.loads(out)["testResults"]) == 3 and "NOT PASSED" in err


def test_junit(run, pytest_suite, make_repo, tmp_path):
    run("--src", make_repo("s", {"a": ""}), "--tests", pytest_suite, "--junit", tmp_path / "out.xml")
    suite = xml.etree.ElementTree.parse(tmp_path / "out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "0")
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["test_bad"]


def test_a_result_of_an_error_as_junit(run, small, tmp_path):
    run("--src", f"file://{tmp_path}/nowhere", "--tests", small.suite, "--junit", tmp_path / "out.xml")
    [error] = xml.etree.ElementTree.parse(tmp_path / "out.xml").getroot().iter("error")
    assert "nowhere" in error.get("message")


@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_what_is_no_regular_file_is_written_into(run, small, tmp_path, option):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "target").write_text("old" * 10000)
    run("--src", small.student(), "--tests", small.suite, option, tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_text().endswith(("}\n", "</testsuite>\n"))
    os.mkfifo(tmp_path / "fifo")
    with open(os.open(tmp_path / "fifo", os.O_RDWR | os.O_NONBLOCK)) as fifo:
        assert run("--src", small.student(), "--tests", small.suite, option, tmp_path / "fifo")[0] == 0
        assert "works" in os.read(fifo.fileno(), 65536).decode()


def test_a_full_standard_output(command, small):
    words, env = command("--src", small.student(), "--tests", small.suite, "--json", "-")
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, env=env, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and "cannot write to standard output" in done.stderr


# ---- stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_it_and_leaves_nothing(on_terminal, small, barrier, home, number):
    student = small.student(script=barrier.script)

    def do(text, process):
        if "testing" in text and not do.sent:
            barrier.wait()
            process.send_signal(number)
            do.sent = True
    do.sent = False
    status, text = on_terminal("--src", student.path, "--tests", small.suite, do=do)
    assert status == 130 and "Stopping; press Ctrl-C again to kill the job." in text
    assert lines_left(text)[-2:] == ["Stopped", ""]
    assert set(os.listdir(home / STATE)) <= {"cache"}
    assert not harness.processes_with(str(home))


@pytest.fixture
def killed(on_terminal, small, barrier):
    """killed(): stops a run with two signals. Returns the exit status and the text."""
    def go():
        def do(text, process):
            if "testing" in text and not do.sent:
                barrier.wait()
                os.kill(int(subprocess.check_output(["pgrep", "-P", str(process.pid)])), signal.SIGSTOP)
                process.send_signal(signal.SIGINT)
                do.sent = 1
            elif "Stopping;" in text and do.sent == 1:
                process.send_signal(signal.SIGINT)
                do.sent = 2
        do.sent = 0
        return on_terminal("--src", small.student(script=barrier.script), "--tests", small.suite, do=do)
    return go


def test_a_second_ctrl_c_kills_it_and_leaves_nothing(killed, home):
    status, text = killed()
    assert status == 130 and lines_left(text)[-3:] == ["Killing the job.", "Stopped", ""]
    assert set(os.listdir(home / STATE)) <= {"cache"}
    assert not harness.processes_with(str(home))


def test_who_reads_no_more_leaves_nothing(command, small, barrier, home):
    words, env = command("--src", f"file://{small.student(script=barrier.script)}", "--tests", small.suite)
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        barrier.wait()
        process.stdout.close()
        barrier.open()
        assert process.wait(harness.TIMEOUT) == 2
        assert process.stderr.read() == "ostest-runner run: cannot write to standard output\n"
    assert set(os.listdir(home / STATE)) <= {"cache"}


def test_what_a_killed_run_left_goes_with_the_next(command, run, small, barrier, home):
    words, env = command("--src", small.student(script=barrier.script), "--tests", small.suite)
    with subprocess.Popen(words, env=env) as process:
        barrier.wait()
        status, _, _ = run("--src", small.student(), "--tests", small.suite, is_alone=False)
        process.kill()
    [left] = (home / STATE).glob("run-*")
    assert status == 0
    harness.wait_gone(str(left))
    assert left.exists()
    assert run("--src", small.student(), "--tests", small.suite)[0] == 0
    assert not left.exists()


# ---- options


@pytest.mark.parametrize("options, said", [
    (["--lab", "x"], "--lab: 'x' was given; accepted: a whole number"),
    (["--lab=-1"], "--lab: '-1' was given"), (["--lab", "1000001"], "--lab: '1000001' was given"),
    (["--lab", "9" * 30], "--lab: '999"), (["--src="], "--src: '' was given"), (["--tests="], "--tests: '' was given"),
    (["--src", "nowhere"], "--src: there is no directory nowhere"), (["--tests", "no/where"], "--tests: there is no directory no/where"),
    (["--src", "/tmp", "--branch", "b"], "--branch: 'b' was given, but --src is the directory /tmp"),
    (["--tests", "/tmp", "--tests-branch", "b"], "--tests-branch: 'b' was given, but --tests is the directory /tmp"),
    (["--branch", b"\xff"], "--branch: '"), (["-k", b"\xff"], "--name: '"), (["--src", b"file:///\xff"], "--src: '"), (["word"], "'word' was given"),
    (["--color", "blue"], "--color: 'blue' was given; accepted: auto, always, never"), (["-x"], "-x: unknown option")])
def test_mistakes(run, options, said):
    status, out, err = run(*options)
    assert status == 2 and out == "" and f"ostest-runner run: {said}" in err


def test_help(run):
    words = [harness.RUNNER, "run", "--help"]
    done = subprocess.run(words, env=harness.CLEAN_ENV, capture_output=True, text=True)
    assert done.returncode == 0 and "-k, --name NAME" in done.stdout and "Exit status: 0 passed" in done.stdout and "130 interrupted" in done.stdout
