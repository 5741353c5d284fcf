"""Fixtures: a site for each that a runner can be started as. These tests use the integration tests' parts."""

import contextlib
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

pytest.register_assert_rewrite("sandboxed", "harness", "jobs")
import harness  # noqa: E402 (its place was set above)
import sandboxed  # noqa: E402

harness.make_programs_reachable()


@pytest.fixture(scope="session")
def sites():
    with contextlib.ExitStack() as stack:
        found = {}

        def site(who):
            if who not in found:
                found[who] = stack.enter_context(contextlib.closing(sandboxed.Site(who)))
            return found[who]
        yield site


@pytest.fixture(scope="session", params=sandboxed.started_as())
def site(request, sites):
    """Started as root and as a user, where it may matter."""
    return sites(request.param)


@pytest.fixture(scope="session")
def any_site(sites):
    """Where it does not matter who starts it."""
    return sites(sandboxed.started_as()[0])
