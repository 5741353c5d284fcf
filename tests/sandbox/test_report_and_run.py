"""A report that does not match the run, or a suite that was changed: an error, never a pass."""

import pytest

import harness
import sandboxed
from sandboxed import outcomes_of

DISAGREE = "Report and run disagree: "

TWO = """
def test_good():
    pass
def test_bad():
    assert not "good"
"""
ONE_GOOD = "def test_good():\n    pass\n"
CASE = "<testcase classname='tests.test_it' name='{}' time='0.1'/>"
FORGED = "<testsuites><testsuite>" + CASE.format("test_good") + CASE.format("test_bad") + "</testsuite></testsuites>"


def at_the_end(work, tests=TWO):
    """Returns code with tests that runs `work` after pytest has written its report."""
    return f"{tests}\nat_the_end(lambda: {work})\n"


def in_the_report(old, new):
    return f"pathlib.Path(REPORT).write_text(pathlib.Path(REPORT).read_text().replace({old!r}, {new!r}))"


REPLACE_WITH = f"(pathlib.Path(REPORT).write_text({FORGED!r}), os._exit(0))"


# ---- contents of the report


def test_a_report_as_pytest_wrote_it_is_no_fault(site):
    job = site.pytest(at_the_end("None"))
    assert not job.passed and job.result["errorDetails"] == ""


def test_a_fail_that_became_a_pass(site):
    job = site.pytest(at_the_end(REPLACE_WITH))
    assert job.error == DISAGREE + "test_it::test_bad did not pass, but the report says so"
    assert [is_passed for is_passed, _ in outcomes_of(job).values()] == [True, False]


def test_a_case_that_is_missing(any_site):
    forged = FORGED.replace(CASE.format("test_bad"), "")
    job = any_site.pytest(at_the_end(f"(pathlib.Path(REPORT).write_text({forged!r}), os._exit(0))"))
    assert job.error == DISAGREE + "test_it::test_bad ran, but is not in the report"
    assert list(outcomes_of(job)) == ["test_good", "test_bad"]


def test_a_case_that_never_ran(any_site):
    job = any_site.pytest(at_the_end(in_the_report("test_good", "test_other"), ONE_GOOD))
    assert job.error == DISAGREE + "test_it::test_other is in the report, but did not run to its end"
    assert list(outcomes_of(job)) == ["test_good"]


def test_a_case_more(any_site):
    new = CASE.format("test_more") + "</testsuite>"
    job = any_site.pytest(at_the_end(in_the_report("</testsuite>", new), ONE_GOOD))
    assert job.error == DISAGREE + "test_it::test_more is in the report, but did not run to its end"


def test_a_test_that_ends_pytest_with_status_0_after_a_report_of_its_own(site):
    job = site.pytest(ONE_GOOD + f"def test_bad():\n    {REPLACE_WITH}\n")
    assert job.error.startswith(DISAGREE) and not job.result["isPassed"]
    assert outcomes_of(job)["test_good"] == (True, "") and not outcomes_of(job)["test_bad"][0]


def test_a_report_before_the_first_test(any_site):
    job = any_site.pytest(REPLACE_WITH)
    assert job.error and not job.result["isPassed"]


def test_a_report_written_early_and_pytest_killed(site):
    job = site.pytest(ONE_GOOD + f"def test_bad():\n    pathlib.Path(REPORT).write_text({FORGED!r})\n    os.kill(os.getpid(), 9)\n")
    assert "ended by signal 9" in job.error and "test_it::test_bad was running" in job.error
    tests = outcomes_of(job)
    assert tests["test_good"] == (True, "") and not tests["test_bad"][0] and "signal 9" in tests["test_bad"][1]


def test_a_program_that_kills_pytest(site):
    code = f"pathlib.Path({sandboxed.PYTEST_REPORT!r}).write_text({FORGED!r})\nos.kill(os.getppid(), 9)\n"
    job = site.pytest(ONE_GOOD + f"""
def test_bad():
    code = "import os, pathlib\\n" + {code!r}
    subprocess.run([sys.executable, "-c", code])
    time.sleep(1000)
""")
    assert "ended by signal 9" in job.error and not job.result["isPassed"]


def test_a_program_that_writes_the_report_in_between(any_site):
    """pytest overwrites it at the end: it has no effect."""
    job = any_site.pytest(TWO + f"def test_writes():\n    pathlib.Path(REPORT).write_text({FORGED!r})\n")
    assert not job.passed and [p for p, _ in outcomes_of(job).values()] == [True, False, True]


def test_all_fails_taken_out_and_a_status_of_1_left(any_site):
    job = any_site.pytest(at_the_end(f"(pathlib.Path(REPORT).write_text({FORGED!r}), os._exit(1))"))
    assert job.error.startswith(DISAGREE)


# ---- type of the report


@pytest.mark.parametrize("work, words", [
    ("os.unlink(REPORT)", "The tests wrote no report"),
    ("(os.rename(REPORT, REPORT + '2'), os.symlink(REPORT + '2', REPORT))", "The tests' report was replaced by a symbolic link"),
    ("(os.unlink(REPORT), os.symlink('/etc/passwd', REPORT))", "The tests' report was replaced by a symbolic link"),
    ("(os.unlink(REPORT), os.mkfifo(REPORT))", "The tests' report is not a regular file"),
    ("(os.unlink(REPORT), os.mkdir(REPORT))", "The tests' report is not a regular file"),
    ("os.chmod(REPORT, 0)", "The tests' report cannot be read"),
    ("(os.rename('/box/home', '/box/away'), os.symlink('/box/away', '/box/home'))", ""),
    ("os.truncate(REPORT, 40)", "ends too early"),
    ("os.truncate(REPORT, 0)", "is empty"),
    ("pathlib.Path(REPORT).write_text('all passed')", "is not XML"),
], ids=["none", "symlink", "symlink-out", "fifo", "directory", "unreadable", "home-replaced", "truncated", "empty", "text"])
def test_what_is_no_report(any_site, work, words):
    job = any_site.pytest(at_the_end(work, ONE_GOOD))
    if words:
        assert words in job.error and not job.result["isPassed"]
    else:
        assert job.passed  # the same report under another name


def test_a_socket_instead_of_the_report(any_site):
    work = "(os.unlink(REPORT), __import__('socket').socket(1).bind(REPORT))"
    job = any_site.pytest(at_the_end(work, ONE_GOOD))
    assert "report" in job.error


# ---- processes left behind


DAEMON = """
write()
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if os.fork() == 0:
        for _ in range(5):
            os.fork()
        os.write(writer, b"x" * 1)
        time.sleep(1000)
    os._exit(0)
for _ in range(32):
    os.read(reader, 1)
os.wait()
"""


def test_daemons_are_ended_before_there_is_a_result(site):
    """Site.job() asserts that none remains; the log mentions them."""
    job = site.python(DAEMON)
    assert job.passed and "warning 32 processes outlived the tests and were killed" in job.log


def test_daemons_are_ended_before_the_result_is_posted(site):
    """When the backend has the result, the runner has no child processes."""
    student = site.student({"run.py": sandboxed.jobs.PRELUDE + DAEMON})
    with site.mock(tasks=[]) as mock, site.runner(mock) as runner:
        mock.state(requests_total=1)
        harness.wait_until(lambda: not harness.descendants(runner.process.pid), "the cleanup of the cache has not finished")  # which runs at the start
        mock.add(harness.task(1, student))
        [result] = mock.results(1)
        assert result["isPassed"] and harness.descendants(runner.process.pid) == []
        assert runner.stop() == 0


def test_a_run_that_leaves_pytest_behind(any_site):
    """The suite exits while its child still writes: later output does not count."""
    job = any_site.python("""
if os.fork() == 0:
    while True:
        write("<testsuite><testcase name='forged'/></testsuite>")
write("<testsuite><testcase name='mine'/></testsuite>")
sys.exit(1)
""")
    assert not job.result["isPassed"]
