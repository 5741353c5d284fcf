"""Suites with a manifest: ostest-suite.conf, its placeholders, and errors in it."""

import pytest

from jobs import PRELUDE, printing


@pytest.fixture
def arguments(run_job, student, make_suite):
    """arguments(words, **task): returns the arguments of the suite's command after {src}
    {report}."""
    def run(words, *options, **task):
        run.job = run_job({"repositoryUrl": str(student)} | task, make_suite(printing("args"), words), *options)
        return run.job.printed
    return run


@pytest.fixture
def manifest(run_job, student, make_repo):
    """manifest(text): runs a suite with this manifest. Returns the job."""
    def run(text, *options, files=None, **task):
        code = PRELUDE + "write()\n"
        suite = make_repo("suite", {"ostest-suite.conf": text, "run.py": code} | (files or {}))
        return run_job({"repositoryUrl": str(student)} | task, suite, *options)
    return run


GOOD = "command = python3 run.py {src} {report}\n"


# ---- placeholders


def test_src_and_report_are_absolute_paths(student, run_job, make_suite):
    job = run_job(student, make_suite(printing("[src, report, os.listdir(src), os.path.exists(report)]")))
    assert job.printed == [f"{job.dir}/src", f"{job.dir}/home/report.xml", ["main.c"], False]


@pytest.mark.parametrize("labs, lab, words", [
    (None, "1", []), ([], "1", []), (2, "2", ["2"]), ([3], "3", ["3"]), ([1, 3, 2], "3", ["1", "3", "2"]), (0, "1", ["0"])])
def test_lab_is_the_highest_and_labs_are_all(arguments, labs, lab, words):
    assert arguments("{lab} - {labs}", laboratoryNumber=labs) == [lab, "-", *words]


def test_without_a_lab_number(arguments):
    assert arguments("{lab} {labs}") == ["1"]


def test_connected_tests_are_words_of_their_own(arguments):
    names = ["a b", "$(id)", "é", "line\nbreak", "{src}", "'", '"', "*"]
    run = arguments("{tests} end", connectedTests=names)
    assert run == names + ["end"]


def test_with_connected_tests_the_labs_are_not_handed_over(arguments):
    assert arguments("{lab} {labs} {tests}", laboratoryNumber=[1, 2], connectedTests=["one"]) == ["2", "one"]


def test_no_connected_tests_are_no_words(arguments):
    assert arguments("{tests} end", connectedTests=[]) == ["end"]


@pytest.mark.parametrize("seconds, expected", [("3", "3"), ("0", "0"), (None, "10")])
def test_proxy_timeout(arguments, seconds, expected):
    assert arguments("{proxy_timeout}", *(["--proxy-timeout", seconds] if seconds else [])) == [expected]


def test_placeholders_inside_a_word(arguments):
    assert arguments("--lab={lab} --tests={tests} x{labs}y{labs}", laboratoryNumber=[1, 2]) == ["--lab=2", "--tests=", "x1,2y1,2"]


def test_connected_tests_inside_a_word(arguments):
    assert arguments("--tests={tests}", connectedTests=["one", "test[1]"]) == ["--tests=one,test[1]"]


def test_names_with_a_comma_do_not_become_two(run_job, student, make_suite):
    job = run_job({"repositoryUrl": str(student), "connectedTests": ["one,two"]}, make_suite(words="--tests={tests}"))
    assert "one,two" in job.error and job.tests == {}


def test_names_that_are_too_long_for_one_word(run_job, student, make_suite):
    task = {"repositoryUrl": str(student), "connectedTests": [f"{i:0>1000}" for i in range(131)]}
    suite = make_suite("print('ran')\nwrite()", "--tests={tests}")
    assert "too long for one word" in run_job(task, suite).error
    task["connectedTests"].pop()
    assert "ran" in run_job(task, suite).stdout


def test_what_is_no_placeholder_stays(arguments):
    assert arguments("{} {SRC} {labs {nothing} $HOME ~ *") == ["{}", "{SRC}", "{labs", "{nothing}", "$HOME", "~", "*"]


def test_a_name_that_begins_with_a_dash_is_an_error(run_job, student, make_suite):
    job = run_job({"repositoryUrl": str(student), "connectedTests": ["--all"]}, make_suite("print('ran')\nwrite()", "{tests}"))
    assert "'--all'" in job.error and not (job.dir / "stdout.log").exists()


# ---- which cases count


REPORT = "<testsuite><testcase classname='t' name='one'/><testcase classname='t' name='two'><failure/></testcase></testsuite>"


def test_a_suite_that_takes_no_names_runs_all_and_the_connected_ones_count(run_job, student, make_suite):
    suite = make_suite(f"write({REPORT!r})\nsys.exit(1)")
    job = run_job({"repositoryUrl": str(student), "connectedTests": ["one"]}, suite)
    assert job.passed and list(job.tests) == ["t::one"]
    job = run_job({"repositoryUrl": str(student), "connectedTests": ["two", "one"]}, suite)
    assert not job.passed and list(job.tests) == ["t::one", "t::two"]


def test_an_error_of_a_test_that_was_not_asked_for_does_not_count(run_job, student, make_suite):
    suite = make_suite(f"write({REPORT.replace('failure', 'error')!r})\nsys.exit(1)")
    assert run_job({"repositoryUrl": str(student), "connectedTests": ["one"]}, suite).passed


def test_an_unmatched_name_is_an_error(run_job, student, make_suite):
    job = run_job({"repositoryUrl": str(student), "connectedTests": ["one", "three", "four"]}, make_suite())
    assert "2 of 3 connected tests" in job.error and "three, four" in job.error
    assert list(job.tests) == ["one", "three", "four"] and "no test of the suite" in job.tests["four"]["description"]


# ---- quoting


@pytest.mark.parametrize("words, expected", [
    ("a  b\tc", ["a", "b", "c"]), ("'a b' \"c d\"", ["a b", "c d"]), (r"a\ b", ["a b"]), ("''", [""]), ('""', [""]),
    ("a'b c'd", ["ab cd"]), (r"'a\b'", [r"a\b"]), (r'"a\"b"', ['a"b']), (r"\'", ["'"]), ("a=b", ["a=b"]), ("#x", ["#x"]),
    (r'"a\b"', [r"a\b"]), ("имя", ["имя"])])
def test_words_are_split_as_a_shell_does(arguments, words, expected):
    assert arguments(words) == expected


def test_no_shell_is_involved(arguments):
    words = ["$HOME", "`id`", "a;b", ">x", "|", "&&"]
    assert arguments(" ".join(words)) == words


# ---- the file


@pytest.mark.parametrize("text", [
    "# comment\n\n" + GOOD, "  command  =  python3 run.py {src} {report}  \n", GOOD.replace("\n", "\r\n"), GOOD.rstrip("\n"),
    "command=python3 run.py {src} {report}", "\ufeff" + GOOD, "\ufeff# comment\r\n" + GOOD])
def test_forms_of_the_file(manifest, text):
    assert manifest(text).passed


@pytest.mark.parametrize("text, words", [
    ("", ["no 'command"]), ("# nothing\n", ["no 'command"]), ("command =\n", ["command", "line 1"]),
    ("comand = x\n", ["line 1"]), (GOOD + "\n\ncolour = red\n", ["line 4"]), (GOOD + "words\n", ["line 2"]),
    ("= x\n", ["line 1"]),
    ("command = 'x\n", ["quote", "line 1"]), ("\n\ncommand = \"x\n", ["quote", "line 3"]),
    (GOOD + GOOD, ["line 2"]),
    (GOOD + "requirements = /etc/passwd\n", ["requirements", "line 2"]),
    (GOOD + "requirements = ../r.txt\n", ["requirements", "line 2"]),
    (GOOD + "requirements = a/../../r.txt\n", ["requirements", "line 2"]),
    (GOOD + "requirements = missing.txt\n", ["requirements", "line 2"]),
    (GOOD + "requirements =\n", ["requirements", "line 2"]), (GOOD + "requirements = .\n", ["requirements"]),
    ("command = " + "x " * 1001 + "\n", ["command"]), (GOOD + "#" * 70000, ["ostest-suite.conf"])],
    ids=lambda value: repr(value[-40:]) if isinstance(value, str) else "")
def test_wrong_manifests(manifest, text, words):
    error = manifest(text).error
    for word in ["suite", *words]:
        assert word in error


def test_a_command_that_cannot_be_started(manifest):
    error = manifest("command = no-such-program {src}\n").error
    assert "no-such-program" in error


def test_a_command_in_the_suite(run_job, student, make_repo):
    code = "#!/bin/sh\necho '<testsuite><testcase name=\"a\"/></testsuite>' > $1\n"
    suite = make_repo("suite", {"ostest-suite.conf": "command = ./go {report}\n", "go": code})
    (suite.path / "go").chmod(0o755)
    suite.commit({})
    assert run_job(student, suite).passed


GO = "#!/bin/sh\necho '<testsuite><testcase name=\"a\"/></testsuite>' > $1\n"


@pytest.mark.parametrize("code, mode, words", [
    (GO, 0o644, "the file is not executable"),
    (GO.replace("\n", "\r\n"), 0o755, "its first line ends with CR LF"),
    ("#!/usr/bin/env -S sh -e\r\n", 0o755, "its first line ends with CR LF")], ids=["mode", "crlf", "env"])
@pytest.mark.parametrize("is_students", [False, True])
def test_a_program_that_cannot_be_started_says_why(run_job, make_repo, code, mode, words, is_students):
    repos = [make_repo("suite", {"ostest-suite.conf": f"command = {'{src}' if is_students else '.'}/go {{report}}\n"}), make_repo("student", {})]
    owner = repos[is_students]
    (owner.path / "go").write_bytes(code.encode())
    (owner.path / "go").chmod(mode)
    owner.commit({})
    error = run_job(repos[1], repos[0]).error
    whose, name = ("student's", "go") if is_students else ("suite's", "./go")
    assert f"The {whose} program '{name}' cannot be started: {words}" in error


@pytest.mark.parametrize("code", [GO.replace("\n", "\r\n").replace("#!/bin/sh\r", "#!/bin/sh"), GO.removeprefix("#!/bin/sh\n")])
def test_a_program_that_can_be_started_is_let_alone(run_job, student, make_repo, code):
    suite = make_repo("suite", {"ostest-suite.conf": "command = ./go {report}\n", "go": code})
    (suite.path / "go").chmod(0o755)
    suite.commit({})
    job = run_job(student, suite)
    assert "cannot be started" not in job.log


def test_a_manifest_wins_over_the_other_kinds(manifest):
    job = manifest(GOOD, files={"run_tests.py": "raise SystemExit(1)", "conftest.py": "raise SystemExit(1)"})
    assert job.passed and "kind=manifest" in job.log


def test_requirements_of_a_manifest_count(manifest):
    files = {"needs/list.txt": "no-such-package-of-ours\n"}
    job = manifest(GOOD + "requirements = needs/list.txt\n", "--env", "system", files=files)
    assert "no-such-package-of-ours" in job.error


def test_a_suite_that_is_none(run_job, student, make_repo):
    error = run_job(student, make_repo("suite", {"README": "nothing here"})).error
    assert error.startswith("The test suite") and "run_tests.py" in error


def test_the_command_in_the_log_is_one_line(run_job, student, make_suite):
    job = run_job({"repositoryUrl": str(student), "connectedTests": ["one\nerror forged"]}, make_suite(words="{tests}"))
    assert not [line for line in job.log.splitlines() if line.startswith("error")]
