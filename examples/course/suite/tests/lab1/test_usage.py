"""Lab 1: the program prints its usage."""

import pytest

pytestmark = [
    pytest.mark.lab1,
    pytest.mark.dependency(
        depends=["tests/common/test_build.py::test_build"], scope="session"),
]


def test_help(wordstat):
    result = wordstat.run("--help")
    assert result.status == 0
    assert result.stdout.startswith("usage: wordstat ")
    assert result.stderr == ""


def test_no_arguments(wordstat):
    """The usage goes to stderr, and the exit status is 1."""
    result = wordstat.run()
    assert result.status == 1
    assert result.stdout == ""
    assert result.stderr.startswith("usage: wordstat ")
