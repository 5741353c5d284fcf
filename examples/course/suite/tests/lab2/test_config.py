"""Lab 2: the configuration file."""

import pytest

pytestmark = [
    pytest.mark.lab2,
    pytest.mark.dependency(
        depends=["tests/common/test_build.py::test_build"], scope="session"),
]


def test_config_selects_counts(wordstat, write):
    text = write("text", "one two\n")
    config = write("config", "# no lines\n\ncounts = words bytes\n")
    result = wordstat.run("--config", config, text)
    assert result.status == 0
    assert result.stdout == f"2 8 {text}\n"
    assert result.stderr == ""


@pytest.mark.parametrize("line", ["[counts]", "colour = red"])
def test_config_rejects(wordstat, write, line):
    """The message names the file and the line; the exit status is 1."""
    text = write("text", "one two\n")
    config = write("config", f"counts = words\n{line}\n")
    result = wordstat.run("--config", config, text)
    assert result.status == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"wordstat: {config}:2: ")
