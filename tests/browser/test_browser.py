"""The browser helper: it sees what a page shows, and reports violations."""

import pytest

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>A page</title>
<style>body { color: #000; background: #fff } @media (prefers-color-scheme: dark) { body { color: #fff; background: #000 } }
@media print { p { display: none } }</style></head><body><main><h1>Hello</h1><p>world</p>%s</main></body></html>"""


@pytest.fixture
def page(browser, tmp_path):
    """page(more): opens a page with more contents."""
    def make(more=""):
        path = tmp_path / "page.html"
        path.write_text(PAGE % more)
        browser.open(path)
        return browser
    return make


def test_a_page_that_is_well(page):
    browser = page()
    assert browser.text == "Hello\nworld"
    browser.assert_well()
    browser.assert_accessible()
    browser.assert_fits()


@pytest.mark.parametrize("more", [
    "<script>console.error('oh')</script>",
    "<script>nothing.at.all()</script>",
    "<img alt='' src='missing.png'>",
    "<img alt='' src='http://example.org/x.png'>",
])
def test_a_page_that_is_not_well_is_noticed(page, more):
    with pytest.raises(AssertionError):
        page(more).assert_well()


def test_what_comes_from_elsewhere_is_noticed(page, start_mock):
    browser = page(f"<img alt='' src='{start_mock().url}/x.png'>")
    with pytest.raises(AssertionError):
        browser.assert_well()


@pytest.mark.parametrize("more", ["<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>", "<input>", "<b style='color: #777; background: #888'>some words</b>"])
def test_faults_of_accessibility_are_noticed(page, more):
    with pytest.raises(AssertionError):
        page(more).assert_accessible()


def test_what_is_too_wide_is_noticed(page):
    browser = page("<div style='width: 500px'>x</div>")
    browser.assert_fits()
    browser.size(390, 844)
    with pytest.raises(AssertionError):
        browser.assert_fits()


def test_themes_and_media(page):
    browser = page()
    background = "return getComputedStyle(document.body).backgroundColor"
    assert browser.run(background) == "rgb(255, 255, 255)"
    browser.emulate("dark")
    assert browser.run(background) == "rgb(0, 0, 0)"
    browser.emulate("light", "print")
    assert browser.text == "Hello"
    assert browser.pdf().startswith(b"%PDF-")


def test_scripts_off(browser, page):
    script = "<script>document.body.append('from a script')</script>"
    assert "from a script" in page(script).text
    browser.scripts(False)
    assert "from a script" not in page(script).text
