"""Lab 2: the server."""

import signal

import pytest

pytestmark = pytest.mark.lab2


@pytest.mark.dependency(
    depends=["tests/common/test_build.py::test_build"], scope="session")
def test_serve_answers(wordstat, write, tmp_path):
    """Each input line is a file name and gets one output line; the server exits at end of input."""
    text = write("text", "one two\n")
    missing = tmp_path / "missing"
    with wordstat.started("--serve") as server:
        assert server.stdout.readline() == "ready\n"
        print(text, file=server.stdin)
        assert server.stdout.readline() == f"1 2 8 {text}\n"
        print(missing, file=server.stdin)
        assert server.stdout.readline() == f"error: {missing}: No such file or directory\n"
        server.stdin.close()
        assert server.stdout.read() == ""
        assert server.wait() == 0


@pytest.mark.dependency(
    depends=["tests/lab2/test_serve.py::test_serve_answers"], scope="session")
def test_serve_ends_on_sigterm(wordstat):
    """On SIGTERM the server exits with status 0."""
    with wordstat.started("--serve") as server:
        assert server.stdout.readline() == "ready\n"
        server.send_signal(signal.SIGTERM)
        assert server.stdout.read() == ""
        assert server.wait() == 0
