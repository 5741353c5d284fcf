"""The suite's options and fixtures."""

from pathlib import Path

import pytest

from program import Program, run

BUILD_TIMEOUT = 60


def pytest_addoption(parser):
    parser.addoption("--src", help="the student's tree")
    parser.addoption("--lab", type=int, default=2,
                     help="the lab the student has reached")
    parser.addoption("--proxy_timeout", type=int, default=1,
                     help="whole seconds for one run of the student's program")


def pytest_collection_modifyitems(config, items):
    """Deselects the tests that belong only to later labs."""
    reached = {f"lab{number}" for number in range(1, config.getoption("--lab") + 1)}
    due, later = [], []
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        (due if marks & reached else later).append(item)
    config.hook.pytest_deselected(items=later)
    items[:] = due


@pytest.fixture(scope="session")
def src(request):
    """Returns the path of the student's tree."""
    option = request.config.getoption("--src")
    if not option:
        raise pytest.UsageError("name the student's tree with --src DIR")
    return Path(option).resolve()


@pytest.fixture(scope="session")
def make(src):
    """Returns a function that builds the student's tree from scratch, into its directory BUILD."""
    def build(**variables):
        return run("make", "-C", src, "clean", "all",
                   *(f"{name}={value}" for name, value in variables.items()),
                   timeout=BUILD_TIMEOUT)
    return build


@pytest.fixture(scope="session")
def timeout(request):
    """Returns the seconds allowed for one run of the student's program."""
    return request.config.getoption("--proxy_timeout")


@pytest.fixture(scope="session")
def wordstat(src, timeout):
    """Returns the student's program."""
    return Program(src / "build" / "wordstat", timeout)


@pytest.fixture
def write(tmp_path):
    """Returns a function that writes a file and returns its path."""
    def write_file(name, content):
        path = tmp_path / name
        path.write_text(content)
        return path
    return write_file
