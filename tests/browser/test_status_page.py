"""The status page in a browser: its contents, live updates, and access."""


import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

import browser as module
from harness import PYTEST_SUITE, task

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>\u202egnp.exe\x1b[31m"


class Page:
    """The page of a runner, opened in the browser."""

    def __init__(self, browser, runner, mock):
        self.browser, self.runner, self.mock = browser, runner, mock
        self.url = runner.wait_log("status page url=").split("url=")[-1]

    def open(self):
        self.browser.open(self.url)
        self.browser.wait(lambda: self.browser.find("#link").text == "live")
        return self.browser


@pytest.fixture
def page(browser, start_mock, start_runner, small):
    """page(tasks, option…): starts a runner and opens its page."""
    def make(tasks=(), *options, suite=None):
        mock = start_mock(tasks=list(tasks))
        runner = start_runner(mock, "--tests-url", suite or small.suite, "--http", 0, *options)
        page = Page(browser, runner, mock)
        page.open()
        return page
    return make


def wait_rows(browser, count):
    browser.wait(lambda: len(browser.all("#rows tr")) == count)


def test_a_runner_without_work(page):
    browser = page().browser
    assert "0 of 2 slots busy" in browser.text and "2 free slots" in browser.text
    assert "No task has been finished yet." in browser.text and not browser.find("#tools").is_displayed()
    browser.assert_well()


def test_tasks_appear_run_and_end_while_one_looks(page, make_repo, tmp_path):
    admission = [tmp_path / "gate-1", tmp_path / "gate-2"]
    suite = make_repo("suite", PYTEST_SUITE | {"tests/test_it.py": "import pathlib, time, pytest\n"
        "@pytest.mark.parametrize('n', [0, 1])\n"
        "def test_waits(n):\n"
        f"    while not pathlib.Path({str(tmp_path)!r}, f'gate-{{n + 1}}').exists(): time.sleep(0.02)\n"
        "    assert n == 0\n"})
    shown = page(suite=suite)
    browser = shown.browser
    shown.mock.add(task("t-1", make_repo("proxy-anton", {"README": "x"}), branch="main", laboratoryNumber=2))
    browser.wait(lambda: "test_waits[0]" in browser.find("#slots").text)
    card = browser.find("#slots li").text
    assert "proxy-anton · task t-1" in card and "lab 2, branch main, commit " in card and "0 of 2" in card
    admission[0].touch()
    browser.wait(lambda: "test_waits[1]" in browser.find("#slots").text)
    assert "1 of 2" in browser.find("#slots li").text
    browser.assert_accessible()
    admission[1].touch()
    wait_rows(browser, 1)
    row = browser.find("#rows tr").text
    assert "✗ failed" in row and "proxy-anton" in row and "1/2" in row
    browser.wait(lambda: "2 free slots" in browser.find("#slots").text)
    assert "1 failed" in browser.find("#about").text and len(browser.all("#plots svg rect.failed")) == 1
    browser.assert_well()


def test_files_of_a_result_can_be_read(page, small):
    shown = page([task(1, small.student("pass", "echo '<b>hello</b>'"))])
    wait_rows(shown.browser, 1)
    shown.browser.find("a[href$='stdout.log']").click()
    assert shown.browser.text == "<b>hello</b>"
    shown.browser.assert_well(shown.url)


def test_the_report_of_a_result_can_be_read(page, small):
    shown = page([task("t-7", small.student("fail"))])
    wait_rows(shown.browser, 1)
    shown.browser.find("a[href$='report.html']").click()
    assert "t-7" in shown.browser.text and "wrong answer" in shown.browser.text
    shown.browser.assert_well(shown.url)
    shown.browser.assert_accessible()


def test_hostile_names_are_shown_as_text(page, make_repo, tmp_path):
    (tmp_path / "hostile").mkdir()
    suite = make_repo("suite", PYTEST_SUITE | {"tests/test_it.py": "import pathlib, time, pytest\n"
        f"@pytest.mark.parametrize('n', [0], ids=[{HOSTILE!r}])\n"
        "def test_named(n):\n"
        f"    while not pathlib.Path({str(tmp_path)!r}, 'go').exists(): time.sleep(0.02)\n"})
    student = make_repo("student", {"README": "x"})
    shown = page([task(HOSTILE, student), task("x", "https://127.0.0.1:9/" + HOSTILE, branch=HOSTILE)], suite=suite)
    browser = shown.browser
    browser.wait(lambda: "test_named" in browser.find("#slots").text)
    assert "<script>document.title" in browser.find("#slots").text
    (tmp_path / "go").touch()
    wait_rows(browser, 2)
    text = browser.text
    assert "<img src=x onerror" in text and "\\u202e" in text and "\u202e" not in text and "\x1b" not in text
    assert browser.run("return document.title") != "owned" and not browser.all("main img, main script")
    browser.assert_well()


@pytest.fixture
def busy_page(page, small):
    """Opens a page with six results: four passed, one failed, one error."""
    tasks = [task(number, small.student("fail" if number == 2 else "pass")) for number in range(5)]
    shown = page([*tasks, task("lost", "/nowhere/at/all", branch="main")])
    wait_rows(shown.browser, 6)
    return shown


def test_results_are_found_by_outcome_and_by_words(busy_page):
    browser = busy_page.browser
    seen = lambda: [row for row in browser.all("#rows tr") if row.is_displayed()]  # noqa: E731
    Select(browser.find("#outcome")).select_by_value("failed")
    assert len(seen()) == 1 and browser.find("#matches").text == "1 of 6 shown"
    Select(browser.find("#outcome")).select_by_value("")
    assert len(seen()) == 6 and browser.find("#matches").text == ""
    browser.find("#search").send_keys("NOWHERE")
    assert len(seen()) == 1 and "! error" in seen()[0].text
    browser.size(*module.PHONE)
    assert len(seen()) == 1
    browser.find("#search").send_keys(Keys.BACKSPACE * 7)
    assert len(seen()) == 6


def test_the_keyboard_is_enough(busy_page):
    browser = busy_page.browser
    reached = []
    for _ in range(40):
        browser.focused().send_keys(Keys.TAB)
        reached.append(browser.focused().get_attribute("id") or browser.focused().get_attribute("href") or browser.focused().get_attribute("class"))
    assert reached[0].endswith("#results") and "outcome" in reached and "search" in reached and "scroll" in reached
    assert any(place.endswith("job.log") for place in reached if place)
    browser.open(busy_page.url)
    browser.wait(lambda: browser.find("#link").text == "live")
    browser.focused().send_keys(Keys.TAB)
    assert browser.focused().text == "Skip to the results"
    browser.focused().send_keys(Keys.ENTER)
    assert browser.focused().get_attribute("id") == "results"


def test_an_update_leaves_focus_and_choice_alone(busy_page, small):
    browser = busy_page.browser
    Select(browser.find("#outcome")).select_by_value("passed")
    link = browser.find("#rows tr:not([hidden]) a[href$='job.log']")
    browser.run("arguments[0].focus()", link)
    busy_page.mock.add(task(77, small.student("fail")))
    wait_rows(browser, 7)
    assert browser.focused() == link
    assert not [row for row in browser.all("#rows tr") if row.is_displayed() and "failed" in row.text]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [module.DESKTOP, module.PHONE], ids=["desktop", "phone"])
def test_it_can_be_read_by_all(busy_page, theme, size):
    browser = busy_page.browser
    browser.emulate(theme)
    browser.size(*size)
    dark = browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 22)"
    assert dark == (theme == "dark")
    browser.assert_accessible()
    browser.assert_fits()
    browser.assert_well()


def test_why_nothing_is_claimed(page):
    browser = page([], "--min-free-disk", "900T").browser
    browser.wait(lambda: "--min-free-disk" in browser.find("#state").text)
    assert browser.find("#state").text.startswith("No task is claimed: ")
    browser.assert_accessible()


def test_results_that_wait(page, small):
    shown = page()
    shown.mock.faults("post:503:*")
    shown.mock.add(task(1, small.student()))
    browser = shown.browser
    browser.wait(lambda: "1 result waits for the backend" in browser.text and "503" in browser.text)
    browser.assert_accessible()
    shown.mock.faults(None)
    browser.wait(lambda: not browser.find("#deliveries").text)


def test_a_runner_that_is_gone_is_said_to_be_gone(page):
    shown = page()
    shown.runner.kill()
    shown.browser.wait(lambda: "no connection to the runner" in shown.browser.find("#link").text)


def test_without_scripts_there_is_a_way(page):
    shown = page()
    browser = shown.browser
    browser.scripts(False)
    browser.open(shown.url)
    assert "This page needs a script" in browser.text
    assert browser.find("noscript a").get_attribute("href") == shown.url + "api/status.json"
