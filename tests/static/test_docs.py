"""The documentation: links resolve, and the tests, files, options and messages that it names exist."""

import os
import pathlib
import re
import subprocess

import pytest

import test_language

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("OSTEST_BUILD", REPO / "build"))
PAGES = sorted([*REPO.glob("*.md"), *(REPO / "docs").glob("*.md"), *(REPO / "examples").rglob("*.md")])
MAX_COLUMNS = 80
# Tables, pictures and headings cannot be wrapped.
ONE_LINE = ("|", "<", "![", "#")
# Of the words that src must not use, those that have no other meaning in the docs.
UNPLAIN = re.compile(r"\b(" + "|".join(pattern for word, pattern in test_language.WORDS.items()
                                      if word not in ("account", "door", "thing", "try")) + r")\b", re.IGNORECASE)
# Options that the table in protocol.md does not list.
ELSEWHERE = {"--executor", "--slurm-args", "--slurm-poll", "--slurm-grace", "--example", "--help", "--version"}


def each(pages):
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(REPO)))


def prose(page):
    """Yields (number, line) for the lines outside of code blocks."""
    is_code = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code:
            yield number, line


def anchor(heading):
    """Returns the anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip("# ").lower()).replace(" ", "-")


def anchors(page):
    return {anchor(line) for _, line in prose(page) if line.startswith("#")}


@each(PAGES)
def test_links_lead_somewhere(page):
    text = "\n".join(line for _, line in prose(page))
    for target in re.findall(r'(?:\]\(|src="|srcset=")((?!https?:)[^)"]+)', text):
        name, _, fragment = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        assert other.exists(), target
        assert not fragment or fragment in anchors(other), target


@each(PAGES)
def test_lines_are_wrapped(page):
    long = [number for number, line in prose(page) if len(line) > MAX_COLUMNS and not line.startswith(ONE_LINE)]
    assert not long


@each(PAGES)
def test_words_are_plain(page):
    for number, line in prose(page):
        assert not UNPLAIN.search(re.sub(r"`[^`]*`", "", line)), number


def test_the_index_names_every_page():
    index = (REPO / "docs" / "README.md").read_text()
    for page in (REPO / "docs").glob("*.md"):
        assert page.name == "README.md" or f"]({page.name}" in index, page.name


# suites.md names tests of a suite, not of this project.
@each([page for page in PAGES if page.parent.name == "docs" and page.name != "suites.md"])
def test_tests_that_are_named_exist(page):
    text = page.read_text()
    files = {path.name for path in (REPO / "tests").rglob("test_*.py")}
    functions = set(re.findall(r"^def (test_\w+)", "\n".join(
        path.read_text() for path in (REPO / "tests").rglob("test_*.py")), re.MULTILINE))
    for name in re.findall(r"`(?:tests/\w+/)?(test_\w+\.py)`", text):
        assert name in files, name
    for name, more in re.findall(r"`(test_\w+)(…?)`", text):
        assert name in functions or more and any(known.startswith(name) for known in functions), name


@each(PAGES)
def test_files_that_are_named_exist(page):
    for name in re.findall(r"`((?:src|tests|script|tools|docs)/[\w./-]*\w)`", page.read_text()):
        assert (REPO / name).exists(), name


def test_the_options_are_the_programs():
    text = subprocess.run([BUILD / "src" / "ostest-runner", "--help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^  (--[\w-]+)", text, re.MULTILINE))
    table = re.search(r"^\| option \| default \|(.|\n)*?\n\n", (REPO / "docs" / "protocol.md").read_text(), re.MULTILINE)
    first_columns = " ".join(line.split(" | ")[0] for line in table.group().splitlines())
    documented = set(re.findall(r"--[\w-]+", first_columns)) - {"---"}
    assert documented == known - ELSEWHERE


def literals():
    """Returns the sources with adjacent string literals joined and %s removed."""
    text = "\n".join(path.read_text() for path in (REPO / "src").rglob("*.[ch]"))
    return re.sub(r'"\s*(?:PRI\w+)?\s*"', "", text).replace("%s", "")


@pytest.mark.parametrize("name", ["docs/operations.md", "README.ru.md"])
def test_messages_that_are_quoted_exist(name):
    known = literals()
    rows = re.findall(r"^\| ([^|]*`[^|]*) \| ", (REPO / name).read_text(), re.MULTILINE)
    quoted = [text for row in rows for text in re.findall(r"`([^`]+)`", row) if " " in text]
    assert quoted
    for text in quoted:
        for part in re.split(r"…|: |; |\bN\b", text):
            assert part.strip(" '") in known or text == "Watchdog timeout", (text, part)
