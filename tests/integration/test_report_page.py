"""report.html: where it is written, and checks of its source; tests/browser tests it in a
browser."""

import re

import pytest

from harness import task

TWO = "write(\"<testsuite><testcase name='a'/><testcase name='b'><failure>why &lt;b&gt;</failure></testcase></testsuite>\")"


def page_of(job):
    return (job.dir / "report.html").read_text()


def test_only_where_it_is_asked_for(run_job, make_suite, student):
    assert not (run_job(student, make_suite()).dir / "report.html").exists()
    assert (run_job(student, make_suite(name="other"), "--report").dir / "report.html").exists()


def test_it_has_what_there_is_to_know(run_job, make_suite, student):
    suite = make_suite("print('on stdout')\n" + TWO)
    job = run_job({"id": "a-7", "repositoryUrl": str(student), "laboratoryNumber": [1, 3], "connectedTests": ["a", "b"]},
                  suite, "--report", "--timeout", "77")
    page = page_of(job)
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd><bdi>(.*?)</bdi>", page))
    assert facts["Task"] == "a-7" and facts["Repository"] == str(student) and facts["Commit"] == job.commit_of(student)
    assert facts["Lab"] == "1, 3" and facts["Connected tests"] == "a, b"
    assert facts["Suite"] == str(suite) and facts["Suite's commit"] == job.commit_of(suite)
    assert facts["Time"] == "77 s" and facts["Host"] and facts["Kernel"] and facts["CPU"]
    assert "<h1>Not passed</h1>" in page and "1 of 2 tests passed" in page
    assert "why &lt;b&gt;" in page and "<pre dir=\"auto\">on stdout\n</pre>" in page


def test_an_error_has_one_too_and_it_holds_no_secret(run_job, make_suite, tmp_path):
    job = run_job({"repositoryUrl": f"https://anton:secret@127.0.0.1:1{tmp_path}"}, make_suite(), "--report")
    page = page_of(job)
    assert "<h1>Could not be tested</h1>" in page and "127.0.0.1:1" in page and "secret" not in page


def test_long_output_keeps_head_and_tail(run_job, make_suite, student):
    code = "print('HEAD')\nfor i in range(100000): print('line', i)\nprint('TAIL')\nwrite()"
    page = page_of(run_job(student, make_suite(code), "--report"))
    output = page[page.index("What the tests printed"):]
    assert "HEAD" in output and "TAIL" in output and "line 50000" not in output
    left_out = int(re.search(r"(\d+) bytes are left out here", output)[1])
    size = sum(len(f"line {i}\n") for i in range(100000)) + 10
    assert size - 131072 <= left_out <= size - 131060
    assert len(page) < 250000


def test_one_that_cannot_be_written_changes_nothing(start_job, make_suite, student, tmp_path):
    (tmp_path / "job" / "report.html" / "in the way").mkdir(parents=True)
    job = start_job(student, make_suite(), "--report", directory=tmp_path / "job")
    assert job.wait() == 0 and job.passed and "warning Cannot write " in job.log


def test_run_writes_it_where_it_is_wanted(run, small, tmp_path):
    student = small.student()
    status, _, _ = run("--src", student.path, "--tests", small.suite.path, "--html", tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text()
    assert status == 0 and "<h1>Passed</h1>" in page and page.endswith("</html>\n")
    assert f"<bdi>{student.path}</bdi>" in page and f"<bdi>{small.suite.path}</bdi>" in page
    (tmp_path / "link").symlink_to(tmp_path / "out.html")
    (tmp_path / "out.html").write_text("old" * 100000)
    run("--src", student.path, "--tests", small.suite.path, "--html", tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "out.html").read_text().endswith("</html>\n")


def test_run_says_where_it_cannot_write_it(run, small):
    """/dev/full exists, but writing to it fails."""
    status, out, _ = run("--src", small.student(), "--tests", small.suite, "--html", "/dev/full")
    assert status == 2 and "/dev/full" in out


def test_run_has_one_for_an_error_too(run, small, tmp_path):
    status, _, _ = run("--src", f"file://{tmp_path}/nowhere", "--tests", small.suite, "--html", tmp_path / "out.html")
    assert status == 2 and "<h1>Could not be tested</h1>" in (tmp_path / "out.html").read_text()


@pytest.mark.parametrize("keep, count", [(2, 2), (0, 0)])
def test_the_agent_keeps_those_of_the_last_tasks(start_mock, start_runner, small, tmp_path, keep, count):
    mock = start_mock(tasks=[task(i, small.student()) for i in range(3)])
    runner = start_runner(mock, "--tests-url", small.suite, "--keep-jobs", keep, "--max-tasks", 3)
    assert runner.wait() == 0, runner.log
    pages = sorted((tmp_path / "state" / "kept").glob("*/report.html"))
    assert len(pages) == count
    for page in pages:
        assert "<h1>Passed</h1>" in page.read_text()
