"""Lab 2: the program does not leak memory."""

import pytest

from program import Program

pytestmark = pytest.mark.lab2


@pytest.mark.dependency(
    depends=["tests/lab2/test_config.py::test_config_selects_counts"], scope="session")
def test_no_leaks(src, make, timeout, write):
    """AddressSanitizer reports no error."""
    build = make(BUILD="build-asan", CFLAGS="-g -O1 -fsanitize=address")
    assert build.status == 0, build.stderr
    text = write("text", "one two\n")
    config = write("config", "ready = hello\ncounts = words\nready = welcome\n")
    wordstat = Program(src / "build-asan" / "wordstat", timeout)
    result = wordstat.run("--config", config, text, ASAN_OPTIONS="detect_leaks=1")
    assert result.status == 0, result.stderr
    assert "Sanitizer" not in result.stderr, result.stderr
