"""Reports of all kinds: fail closed, give the reason, never use memory without limit."""

import pathlib
import re

import pytest

DATA = pathlib.Path(__file__).parents[1] / "unit" / "data" / "junit"


@pytest.fixture
def judged(run_job, student, make_suite):
    """judged(report, status): runs a suite that writes these bytes and exits with this status.
    Returns the job."""
    def run(report, status=0, *options, code="", **task):
        files = {"report": report} if report is not None else {}
        code = ("write(open('report', 'rb').read())\n" if report is not None else "") + code + f"\nsys.exit({status})"
        return run_job({"repositoryUrl": str(student)} | task, make_suite(code, files=files), *options)
    return run


def suite_of(*cases):
    return "<testsuites><testsuite name='s'>" + "".join(cases) + "</testsuite></testsuites>"


ONE = "<testcase classname='tests.lab1.test_a' name='test_one' time='0.29'/>"
FAILED = "<testcase classname='t' name='bad' time='1,234.5'><failure message='short'>the whole text</failure></testcase>"


# ---- no report, or a damaged one: an error, never a pass


BROKEN = {
    "none": (None, "wrote no report"),
    "empty": ("", "is empty"),
    "blank": (" \n\n", "ends too early"),
    "truncated": (suite_of(ONE, ONE)[:-20], "ends too early"),
    "truncated-in-a-tag": (suite_of(ONE)[:40], "ends too early"),
    "text": ("all tests passed\n", "is not XML"),
    "json": ('{"passed": true}', "is not XML"),
    "html": ("<html><body><testcase name='a'/></body></html>", "<html>"),
    "other-root": ("<testcase name='a'/>", "<testcase>"),
    "doctype": ("<!DOCTYPE testsuite>" + suite_of(ONE), "DOCTYPE"),
    "entities": ('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + suite_of("<testcase name='&b;'/>"), "DOCTYPE"),
    "external-entity": ('<!DOCTYPE x [<!ENTITY a SYSTEM "/etc/passwd">]>' + suite_of("<testcase name='&a;'/>"), "DOCTYPE"),
    "invalid-utf8": (suite_of("<testcase name='a'><failure>?</failure></testcase>").encode().replace(b"?", b"\xff\xfe"), "0xff"),
    "control-character": (suite_of(ONE.replace("test_one", "a\x01b")), "0x01"),
    "nul": (suite_of(ONE).replace("><", ">\0<", 1), "damaged"),
    "two-roots": (suite_of(ONE) * 2, "damaged"),
    "wrong-nesting": ("<testsuite><testcase name='a'></testsuite></testcase>", "damaged"),
    "case-in-a-case": (suite_of("<testcase name='a'>" + ONE + "</testcase>"), "inside a test case"),
    "undeclared-entity": (suite_of("<testcase name='&x;'/>"), "damaged"),
    "deep": ("<testsuite>" * 100 + ONE + "</testsuite>" * 100, "64"),
    "huge-tag": (suite_of(f"<testcase name='{'a' * (20 << 20)}'/>"), "tag"),
    "unknown-encoding": ("<?xml version='1.0' encoding='klingon'?>" + suite_of(ONE), "encoding"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_report_that_cannot_be_read_is_an_error(judged, kind):
    report, words = BROKEN[kind]
    job = judged(report)
    assert words in job.error and job.tests == {}


@pytest.mark.parametrize("report", [suite_of(), "<testsuites/>", "<testsuite tests='5' failures='0'/>"])
def test_no_cases(judged, report):
    assert "No test was run" in judged(report).error


def test_the_last_words_stand_in_the_error(judged):
    job = judged(None, 3, code="print('out')\nprint('Traceback\\nValueError: no such lab', file=sys.stderr)")
    assert "exit status 3" in job.error and "ValueError: no such lab" in job.error and "Traceback" not in job.error


def test_last_words_that_are_no_text(judged):
    job = judged(None, 1, code="sys.stderr.buffer.write(b'\\xff\\x1b[31mred' + b'x' * 1000)")
    assert "\ufffd" in job.error and "red" in job.error and len(job.error) < 1000


# ---- complete reports


def test_all_passed(judged):
    job = judged(suite_of(ONE))
    assert job.passed
    [test] = job.result["testResults"]
    assert test == {"name": "lab1.test_a::test_one", "isPassed": True, "description": "", "duration": 290, "memoryUsed": 0}


def test_a_failed_case(judged):
    job = judged(suite_of(ONE, FAILED), 1)
    assert not job.passed
    assert job.tests["t::bad"] == {
        "name": "t::bad", "isPassed": False, "description": "the whole text", "duration": 1234500, "memoryUsed": 0}
    assert job.tests["lab1.test_a::test_one"]["isPassed"]


def test_a_failed_case_and_exit_0_is_not_passed(judged):
    assert not judged(suite_of(ONE, FAILED), 0).passed


@pytest.mark.parametrize("status", [1, 2, 255])
def test_all_passed_and_a_bad_exit_status_disagree(judged, status):
    job = judged(suite_of(ONE), status)
    assert "disagree" in job.error and f"exit status {status}" in job.error
    assert job.tests["lab1.test_a::test_one"]["isPassed"]


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_report_and_then_a_signal(judged, signal):
    job = judged(suite_of(ONE), code=f"os.kill(os.getpid(), signal.{signal})")
    assert "signal" in job.error and list(job.tests) == ["lab1.test_a::test_one"]


def test_an_error_case_is_an_error(judged):
    broken = "<testcase classname='t' name='broken'><error message='fixture'>no such fixture</error></testcase>"
    job = judged(suite_of(ONE, broken), 1)
    assert "1 of 2" in job.error and "t::broken" in job.error
    assert job.tests["t::broken"]["description"] == "no such fixture"


@pytest.mark.parametrize("inner, passed, description", [
    ("<skipped type='pytest.skip' message='needs test_a'>t.py:1: needs test_a</skipped>", False, "t.py:1: needs test_a"),
    ("<skipped message='no reason'/>", False, "no reason"), ("<skipped/>", False, ""),
    ("<skipped type='pytest.xfail' message='known'/>", True, "expected failure: known"),
    ("<failure message='only a message'/>", False, "only a message"),
    ("<failure>a</failure><system-out>printed</system-out>", False, "a"),
    ("<system-out><![CDATA[<failure/>]]></system-out>", True, ""),
    ("<properties><property name='failure'/></properties>", True, ""),
    ("<failure><![CDATA[if (a < b) & c]]></failure>", False, "if (a < b) & c"),
    ("<failure>&#1087;&#x1F600; &lt;</failure>", False, "п😀 <"),
])
def test_one_case(judged, inner, passed, description):
    job = judged(suite_of(f"<testcase name='a'>{inner}</testcase>"), 0)
    assert (job.tests["a"]["isPassed"], job.tests["a"]["description"]) == (passed, description)
    assert job.passed == passed


@pytest.mark.parametrize("case, name", [
    ("<testcase classname='tests.tests.a' name='b'/>", "tests.a::b"),
    ("<testcase classname='' name='b'/>", "b"), ("<testcase name='b'/>", "b"),
    ("<testcase classname='a'/>", "a::"), ("<testcase classname='test' name='имя[x y]'/>", "test::имя[x y]"),
    ("<testcase classname='a' name='x&#10;y&quot;'/>", "a::x\ny\"")])
def test_names(judged, case, name):
    assert list(judged(suite_of(case)).tests) == [name]


def test_nested_suites(judged):
    job = judged("<testsuites><testsuite><testsuite>" + ONE + "</testsuite>" + FAILED + "</testsuite><testsuite/></testsuites>", 1)
    assert not job.passed and list(job.tests) == ["lab1.test_a::test_one", "t::bad"]


@pytest.mark.parametrize("report", [
    "\ufeff" + suite_of(ONE), ("\ufeff" + suite_of(ONE)).encode("utf-16-le"),
    "<?xml version='1.0' encoding='ISO-8859-1'?>" + suite_of(ONE),
    "<?xml version='1.0'?><!-- x --><testsuite>" + ONE + "</testsuite>\n\n",
], ids=["bom", "utf-16", "latin-1", "comment"])
def test_forms_of_xml(judged, report):
    assert judged(report).passed


def test_pytest_itself(run_job, student, make_repo):
    code = """
import pytest
def test_pass(): pass
def test_fail(): assert 1 == 2
def test_skip(): pytest.skip("why not")
@pytest.mark.xfail(reason="known")
def test_xfail(): assert 0
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True)
def test_xpass_strict(): pass
@pytest.fixture
def broken(): raise ValueError("in a fixture")
def test_error(broken): pass
@pytest.fixture
def late():
    yield
    assert 0, "afterwards"
def test_teardown(late): pass
"""
    job = run_job(student, make_repo("suite", {"test_a.py": code}))
    assert {name.removeprefix("test_a::test_"): test["isPassed"] for name, test in job.tests.items()} == {
        "pass": True, "fail": False, "skip": False, "xfail": True, "xpass": True, "xpass_strict": False,
        "error": False, "teardown": False}
    assert "2 of 8" in job.error and "test_error" in job.error
    assert "expected failure: known" in job.tests["test_a::test_xfail"]["description"]
    assert "assert 1 == 2" in job.tests["test_a::test_fail"]["description"]
    assert "afterwards" in job.tests["test_a::test_teardown"]["description"]


PRODUCERS = {  # (the number of cases, those that passed)
    "pytest-xunit1": (3, ["test_io::test_read"]),
    "pytest-xunit2": (10, ["lab1.test_build::test_make[src/main.c]", "lab1.test_build::test_later",
                           "lab1.test_build::test_later_silent"]),
    "surefire": (6, ["edu.example.StackTest::pushes", "edu.example.StackTest::flickers"]),
    "gtest": (5, ["Queue::StartsEmpty", "Queue/0::Typed"]),
    "ctest": (4, ["unit::unit"]),
    "nextest": (4, ["shell::parser::tests::quotes", "shell::parser::tests::timing"]),
    "go": (4, ["example.org/lab/list::TestInsert"]),
}


@pytest.mark.parametrize("producer", PRODUCERS)
def test_reports_of_other_producers(judged, producer):
    count, passed = PRODUCERS[producer]
    job = judged((DATA / f"{producer}.xml").read_bytes(), 1)
    assert len(job.tests) == count and not job.result["isPassed"]
    assert [name for name, test in job.tests.items() if test["isPassed"]] == passed
    assert all(type(test["duration"]) is int for test in job.tests.values())


@pytest.mark.parametrize("time, expected", [
    ("0.29", 290), ("1.0015", 1001), ("0", 0), ("", 0), ("abc", 0), ("-1", 0), ("1,234.5", 1234500), ("1e3", 1000000),
    ("nan", 0), ("inf", 0), ("1.5s", 1500), ("9" * 400, 10 ** 12)])
def test_durations_are_whole_milliseconds(judged, time, expected):
    job = judged(suite_of(f"<testcase name='a' time='{time}'/>"))
    assert job.tests["a"]["duration"] == expected and type(job.tests["a"]["duration"]) is int


def test_the_duration_of_the_run_is_its_wall_time(judged):
    job = judged(suite_of(ONE), code="time.sleep(0.3)")
    assert type(job.result["duration"]) is int and 300 <= job.result["duration"] < 30000


@pytest.mark.parametrize("unit", ["B", "KB", "MB"])
def test_memory_is_never_invented(judged, unit):
    job = judged(suite_of(ONE), 0, "--memory-unit", unit)
    memory = job.tests["lab1.test_a::test_one"]["memoryUsed"]
    assert memory == 0 and type(memory) is int


@pytest.mark.parametrize("task_id", [7, "a\"b/é", 2 ** 53 + 1, 2 ** 64])
def test_the_id_comes_back(judged, task_id):
    job = judged(suite_of(ONE), id=task_id)
    assert job.result["id"] == task_id


# ---- a report that is not a file


@pytest.mark.parametrize("make", [
    "os.symlink('report', report)", "os.symlink('/dev/zero', report)", "os.symlink(report, report)",
    "os.symlink('/nonexistent', report)",
    "os.mkfifo(report)", "os.mkdir(report)",
    "import socket; socket.socket(socket.AF_UNIX).bind(os.path.relpath(report))",
], ids=["link-to-a-report", "link-to-zero", "link-to-itself", "dangling", "fifo", "directory", "socket"])
def test_a_report_that_is_no_regular_file(run_job, student, make_suite, make):
    job = run_job(student, make_suite(make, files={"report": suite_of(ONE)}))
    assert "not a regular file" in job.error and job.tests == {}


def test_a_directory_of_the_report_that_is_gone(run_job, student, make_suite):
    job = run_job(student, make_suite("import shutil\nshutil.rmtree(os.path.dirname(report))"))
    assert "no report" in job.error


# ---- size


def test_long_descriptions_are_cut_in_the_middle(judged):
    text = "head " + "x" * 100_000 + " tail"
    description = judged(suite_of(f"<testcase name='a'><failure>{text}</failure></testcase>"), 1).tests["a"]["description"]
    assert description.startswith("head xxx") and description.endswith("xxx tail")
    assert len(description) < 20_000
    left_out = int(re.search(r"\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n", description).group(1))
    assert description.count("x") + left_out == 100_000


@pytest.mark.parametrize("shift", [0, 1])
def test_a_cut_does_not_split_a_letter(judged, shift):
    text = "a" * shift + "ы" * 50_000
    description = judged(suite_of(f"<testcase name='a'><failure>{text}</failure></testcase>"), 1).tests["a"]["description"]
    assert "\ufffd" not in description and "bytes left out" in description


def test_a_long_name_is_cut(judged):
    [name] = judged(suite_of(f"<testcase name='{'n' * 100_000}'/>")).tests
    assert name.startswith("nnn") and name.endswith("…") and len(name) < 2000


def peak_memory(run_job, student, suite, *options):
    """Runs a job. Returns it and the peak memory of its largest process in MB."""
    job = run_job(student, suite, *options, under=["/usr/bin/python3", "-c", MEASURE])
    return job, int((job.dir.parent / "peak").read_text()) / 1024


MEASURE = """
import os, pathlib, resource, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
pathlib.Path(sys.argv[-1]).parent.joinpath("peak").write_text(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def big(cases, text):
    """Returns a suite that writes this many failed cases, each with a description, in pieces."""
    return f"""
with open(report, "w") as file:
    file.write("<testsuite>")
    for i in range({cases}):
        file.write(f"<testcase classname='tests.t' name='test_{{i}}' time='0.001'><failure>{text}</failure></testcase>")
    file.write("</testsuite>")
sys.exit(1)
"""


@pytest.mark.memory
def test_50000_cases(run_job, student, make_suite):
    job, peak = peak_memory(run_job, student, make_suite(big(50_000, "no")))
    assert not job.passed and len(job.tests) == 50_000 and job.tests["t::test_49999"]["description"] == "no"
    assert peak < 64


@pytest.mark.slow
@pytest.mark.memory
def test_200000_cases_in_100_megabytes(run_job, student, make_suite):
    job, peak = peak_memory(run_job, student, make_suite(big(200_000, "x" * 420)))
    assert not job.passed and len(job.result["testResults"]) == 200_000
    assert peak < 160


@pytest.mark.slow
@pytest.mark.memory
def test_one_description_of_100_megabytes(run_job, student, make_suite):
    code = """
with open(report, "w") as file:
    file.write("<testsuite><testcase name='a'><failure>")
    for i in range(100):
        file.write("x" * 1_000_000 + chr(10))
    file.write("</failure></testcase></testsuite>")
"""
    job, peak = peak_memory(run_job, student, make_suite(code))
    assert len(job.tests["a"]["description"]) < 20_000
    assert peak < 32


@pytest.mark.parametrize("size, words", [(300 << 20, "larger than"), (1 << 40, "larger than")])
def test_a_report_that_is_too_large(run_job, student, make_suite, size, words):
    code = f"write('<testsuite>')\nos.truncate(report, {size})\n"
    error = run_job(student, make_suite(code)).error
    assert words in error or "damaged" in error or "not XML" in error


def test_too_many_cases(run_job, student, make_suite):
    code = "with open(report, 'w') as file:\n    file.write('<testsuite>' + '<testcase/>' * 500_001 + '</testsuite>')\n"
    assert "more than 500000 test cases" in run_job(student, make_suite(code)).error


def test_the_result_is_valid_utf8_whatever_was_printed(judged):
    job = judged(None, 1, code="sys.stderr.buffer.write(b'caf\\xe9 \\xed\\xa0\\x80 \\xf0\\x9f\\x98')")
    (job.dir / "result.json").read_text(encoding="utf-8")
    assert "caf\ufffd" in job.error


@pytest.mark.parametrize("report", [None, suite_of(ONE, FAILED)], ids=["error", "failed"])
def test_a_result_has_all_members(judged, report):
    result = judged(report, 1).result
    assert set(result) == {"id", "isPassed", "duration", "testResults", "isError", "errorDetails"}
    assert type(result["isPassed"]) is type(result["isError"]) is bool and type(result["errorDetails"]) is str
    for test in result["testResults"]:
        assert set(test) == {"isPassed", "description", "memoryUsed", "duration", "name"}
