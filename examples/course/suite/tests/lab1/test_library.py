"""Lab 1: the library libwordstat.a."""

from pathlib import Path

import pytest

from program import run

pytestmark = pytest.mark.lab1

TOOL_TIMEOUT = 10


@pytest.mark.dependency(
    depends=["tests/common/test_build.py::test_build"], scope="session")
def test_library_symbols(src):
    """The library defines the functions declared in counts.h."""
    result = run("nm", "-g", "--defined-only", src / "build" / "libwordstat.a",
                 timeout=TOOL_TIMEOUT)
    rows = (line.split() for line in result.stdout.splitlines())
    functions = {row[2] for row in rows if len(row) == 3 and row[1] == "T"}
    assert {"counts_read", "counts_read_file", "counts_print"} <= functions


@pytest.mark.dependency(
    depends=["tests/lab1/test_library.py::test_library_symbols"], scope="session")
def test_library_counts(src, timeout, tmp_path):
    """A program other than wordstat can use the library."""
    check = tmp_path / "check_counts"
    result = run("cc", "-std=c17", "-I", src / "src", "-o", check,
                 Path(__file__).with_name("check_counts.c"),
                 src / "build" / "libwordstat.a", timeout=TOOL_TIMEOUT)
    assert result.status == 0, result.stderr
    result = run(check, timeout=timeout)
    assert result.status == 0, result.stderr
