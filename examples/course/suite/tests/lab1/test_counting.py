"""Lab 1: the program counts the lines, words and bytes of a file."""

import pytest

pytestmark = [
    pytest.mark.lab1,
    pytest.mark.dependency(
        depends=["tests/common/test_build.py::test_build"], scope="session"),
]


@pytest.mark.parametrize("text, counts", [
    pytest.param("", "0 0 0", id="empty"),
    pytest.param("one two\n\n  three\tfour\n", "3 4 22", id="three-lines"),
    pytest.param("the end", "1 2 7", id="no-final-newline"),
])
def test_counts(wordstat, write, text, counts):
    path = write("text", text)
    result = wordstat.run(path)
    assert result.status == 0
    assert result.stdout == f"{counts} {path}\n"
    assert result.stderr == ""


def test_missing_file(wordstat, tmp_path):
    """The reason goes to stderr, and the exit status is 1."""
    path = tmp_path / "missing"
    result = wordstat.run(path)
    assert result.status == 1
    assert result.stdout == ""
    assert result.stderr == f"wordstat: {path}: No such file or directory\n"
