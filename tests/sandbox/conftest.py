"""Fixtures: a site for each user that a runner can be started as. Uses the integration tests'
helpers."""

import contextlib
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

pytest.register_assert_rewrite("sandboxed", "harness", "jobs")
import harness  # noqa: E402 (sys.path is set above)
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
    """A site for root and one for a user, for tests where this may matter."""
    return sites(request.param)


@pytest.fixture(scope="session")
def any_site(sites):
    """A site for tests to which the user does not matter."""
    return sites(sandboxed.started_as()[0])
