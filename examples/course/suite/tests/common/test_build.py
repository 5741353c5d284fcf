"""Every lab: the tree is complete and builds."""

import pytest

pytestmark = [pytest.mark.lab1, pytest.mark.lab2]

FILES = ["Makefile", "src/main.c"]


@pytest.mark.dependency
@pytest.mark.parametrize("name", FILES)
def test_file_exists(src, name):
    assert (src / name).is_file(), f"{name} is missing"


@pytest.mark.dependency(
    depends=[f"tests/common/test_build.py::test_file_exists[{name}]" for name in FILES],
    scope="session")
def test_build(src, make):
    """`make` builds the program and the library."""
    result = make(BUILD="build")
    assert result.status == 0, result.stderr
    assert (src / "build" / "wordstat").is_file()
    assert (src / "build" / "libwordstat.a").is_file()


@pytest.mark.dependency(
    depends=["tests/common/test_build.py::test_build"], scope="session")
@pytest.mark.parametrize("level", ["O0", "O2", "O3"])
def test_build_without_warnings(make, level):
    """The compiler finds different mistakes at each optimization level and with its analyzer."""
    result = make(BUILD="build-warnings", CFLAGS=f"-{level} -Wall -Wextra -fanalyzer")
    assert result.status == 0, result.stderr
    assert "warning:" not in result.stderr
