"""The report of a task in a browser: for the bundled course, and for a student who tries to break
it."""

import json
import subprocess

import pytest
from selenium.webdriver.common.keys import Keys

import harness
from browser import PHONE
from harness import task

# The student's program writes this into its output and into the names and texts of its tests.
HOSTILE = "</pre></td></table><script>window.broken = 1; document.title = 'broken'</script><img src=x onerror='window.broken = 1'>"
RTL = "\u202egnp.exe \u2066\u05e9\u05dc\u05d5\u05dd"
STUDENT = f"""\
import sys
out = sys.stdout.buffer
out.write({HOSTILE!r}.encode() + b"\\n" + {RTL!r}.encode() + b"\\n")
out.write(b"\\x1b[31mred\\x1b[0m \\x1b[2J \\x1b]0;title\\x07 nul:\\0 bad:\\xff\\n")
out.write(b"x" * 5_000_000 + b"\\nthe last line\\n")
sys.stderr.write("y" * 5_000_000)
"""
SUITE = """
import subprocess
from xml.sax.saxutils import escape, quoteattr
subprocess.run([sys.executable, src + "/hostile.py"], check=True)
names = [%r, %r, "a'\\"&<b>", "n" * 5000]
cases = "".join(f"<testcase name={quoteattr(name)}><failure>{escape(name)}\\n{'z' * 5000000 if i == 3 else escape(name)}</failure></testcase>"
                for i, name in enumerate(names))
write(f"<testsuite>{cases}<testcase name='fine'/></testsuite>")
""" % (HOSTILE, RTL)


@pytest.fixture(scope="session")
def course_report(course, tmp_path_factory):
    """course_report(student): returns the page that `run --html` writes, and the result."""
    home = tmp_path_factory.mktemp("home")
    done = {}

    def report(student):
        if student not in done:
            page, result = home / f"{student}.html", home / f"{student}.json"
            subprocess.run([harness.RUNNER, "run", "--sandbox", harness.SANDBOX, "--git-protocols", "file",
                            "--src", f"file://{course}/student-{student}", "--tests", f"file://{course}/suite",
                            "--lab", "1", "--lab", "2", "--html", page, "--json", result],
                           env=harness.CLEAN_ENV | {"HOME": str(home)}, stdout=subprocess.DEVNULL, check=False)
            done[student] = page, json.loads(result.read_text())
        return done[student]
    return report


@pytest.fixture
def failed(browser, course_report):
    """Opens the page of a program that does not compile; most of its tests are skipped."""
    page, browser.result = course_report("compile-error")
    browser.open(page)
    return browser


@pytest.fixture(scope="session")
def hostile_reports():
    """Cache of the report, which the first test that needs it makes."""
    return []


@pytest.fixture
def hostile(browser, hostile_reports, request):
    if not hostile_reports:
        make_repo, make_suite, run_job = map(request.getfixturevalue, ("make_repo", "make_suite", "run_job"))
        job = run_job(make_repo("hostile", {"hostile.py": STUDENT}), make_suite(SUITE), "--report", "--output", "16M")
        hostile_reports.append(job.dir / "report.html")
    browser.open(hostile_reports[0])
    return browser


def names(browser):
    """Returns the names of the visible tests."""
    return browser.texts(".test th")


def button(browser, words):
    found, = [each for each in browser.all(".tools button") if each.text.startswith(words)]
    return found


# ---- contents

@pytest.mark.parametrize("student, verdict", [("good", "Passed"), ("compile-error", "Not passed")])
def test_it_says_what_the_result_says(browser, course_report, course, student, verdict):
    page, result = course_report(student)
    browser.open(page)
    tests = result["testResults"]
    assert browser.find("h1").text == verdict
    assert browser.find(".lead").text.startswith(f"{sum(t['isPassed'] for t in tests)} of {len(tests)} tests passed")
    assert sorted(names(browser)) == sorted(t["name"] for t in tests)
    passed = [row.find_element("css selector", "th").text for row in browser.all(".test.passed")]
    assert sorted(passed) == sorted(t["name"] for t in tests if t["isPassed"])
    commit = harness.git("rev-parse", "HEAD", cwd=course / f"student-{student}")
    assert commit.strip() in browser.text and "bubblewrap" in browser.text or harness.SANDBOX == "none"
    browser.assert_well()


def test_failures_come_first_and_are_open(failed):
    first = failed.all(".test")[0]
    assert "failed" in first.text and "undeclared" in first.text
    reason = [t["description"] for t in failed.result["testResults"] if "undeclared" in t["description"]]
    assert first.find_element("css selector", "pre").text == reason[0].rstrip()
    assert not any(pre.is_displayed() for pre in failed.all(".test.skipped pre"))


def test_the_agents_report_is_kept(browser, course, start_mock, start_runner, tmp_path):
    mock = start_mock(tasks=[task("u-1", course / "student-good", laboratoryNumber=1)])
    assert start_runner(mock, "--tests-url", course / "suite", "--once").wait() == 0
    page, = (tmp_path / "state" / "kept").glob("*/report.html")
    browser.open(page)
    assert browser.find("h1").text == "Passed" and "u-1" in browser.text
    assert browser.run("return document.title") == "Passed · task u-1"
    browser.assert_well()
    browser.assert_accessible()


# ---- the script

def test_tests_are_filtered_by_status(failed):
    all_names = names(failed)
    button(failed, "skipped").click()
    assert names(failed) == [t["name"] for t in failed.result["testResults"] if "depends on" in t["description"]]
    assert failed.find("#count").text == f"{len(names(failed))} of {len(all_names)} tests are shown"
    assert button(failed, "skipped").get_attribute("aria-pressed") == "true"
    assert button(failed, "all").get_attribute("aria-pressed") == "false"
    button(failed, "all").click()
    assert names(failed) == all_names and failed.find("#count").text == ""


def test_names_and_texts_are_searched(failed):
    search = failed.find("#search")
    search.send_keys("LIBRARY")
    assert names(failed) and all("library" in name for name in names(failed))
    search.clear()
    search.send_keys("did you mean")  # found in a description
    assert names(failed) == ["common.test_build::test_build"]
    search.send_keys(" nothing of the kind")
    assert names(failed) == [] and failed.find("#count").text.startswith("0 of ")


def test_with_the_keyboard_alone(failed):
    all_names = names(failed)
    failed.find("body").send_keys("/")
    assert failed.focused().get_attribute("id") == "search"
    failed.focused().send_keys("library")
    assert 0 < len(names(failed)) < len(all_names)
    failed.focused().send_keys(Keys.ESCAPE)
    assert names(failed) == all_names
    failed.focused().send_keys(Keys.SHIFT, Keys.TAB)
    assert failed.focused().text == "unfold all"
    failed.focused().send_keys(Keys.ENTER)
    assert all(pre.is_displayed() for pre in failed.all(".test pre"))
    failed.focused().send_keys(Keys.SPACE)
    assert not any(pre.is_displayed() for pre in failed.all(".test pre"))
    failed.find("#search").send_keys(Keys.TAB)
    assert failed.focused().tag_name == "summary"
    failed.focused().send_keys(Keys.ENTER)
    assert failed.all(".test pre")[0].is_displayed()


def test_without_scripts_it_can_be_read(browser, course_report):
    browser.scripts(False)
    page, result = course_report("compile-error")
    browser.open(page)
    assert len(browser.all(".test")) == len(result["testResults"]) and not browser.find("#tools").is_displayed()
    folded = browser.find(".test.skipped details")
    folded.find_element("css selector", "summary").click()
    assert folded.find_element("css selector", "pre").is_displayed()


# ---- a student who tries to break it

def test_hostile_texts_are_texts(hostile):
    assert hostile.run("return window.broken") is None
    assert hostile.run("return document.title").startswith("Not passed")
    assert hostile.run("return document.scripts.length") == 1 and not hostile.all("img")
    assert len(hostile.all(".test")) == 5 and hostile.find("footer").is_displayed()
    shown = hostile.run("return document.body.textContent")
    assert shown.count(HOSTILE) >= 3  # a name, a text, the output
    assert "\u202e" not in shown and "\u2066" not in shown and "‹202E›gnp.exe ‹2066›\u05e9\u05dc\u05d5\u05dd" in shown
    hostile.assert_well()


def test_hostile_output_is_seen_for_what_it_is(hostile):
    for details in hostile.all(".output"):
        details.find_element("css selector", "summary").click()
    shown = hostile.text
    assert "red ␛[2J ␛]0;title␇ nul:␀ bad:\ufffd" in shown
    assert "more bytes of this line]" in shown and "the last line" in shown and "bytes are left out here." in shown
    assert len(shown) < 300_000


def test_a_name_that_turns_around_turns_nothing_else_around(hostile):
    """Each cell keeps its place: the status is left of the name."""
    for row in hostile.all(".test"):
        status, name = row.find_element("css selector", ".status"), row.find_element("css selector", "th")
        assert status.rect["x"] < name.rect["x"]


# ---- appearance

@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", ["failed", "hostile"])
def test_it_is_accessible_and_fits(request, page, theme):
    browser = request.getfixturevalue(page)
    browser.emulate(theme)
    assert browser.run("return matchMedia('(prefers-color-scheme: dark)').matches") == (theme == "dark")
    bright = browser.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] > 128")
    assert bright == (theme == "light")
    button(browser, "unfold all").click()
    browser.assert_accessible()
    browser.assert_fits()
    browser.size(*PHONE)
    browser.assert_fits()
    browser.assert_accessible()
    assert all(cell.rect["width"] > 90 for cell in browser.all(".test th"))
    browser.assert_well()


def test_it_is_printed_without_what_cannot_be_used_on_paper(failed):
    shown = names(failed)
    assert failed.pdf().startswith(b"%PDF-")
    failed.emulate("dark", "print")
    assert names(failed) == shown and not failed.find(".tools").is_displayed()
    assert failed.run("return getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
