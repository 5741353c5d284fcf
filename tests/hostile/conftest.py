"""Fixtures: runners as root and as an ordinary user, and the outcomes of tables of attacks."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

pytest.register_assert_rewrite("hostile", "checks")
import before  # noqa: E402
import harness  # noqa: E402
import hostile  # noqa: E402

harness.make_programs_reachable()

collect_ignore = ["suite"]


@pytest.fixture(scope="session", autouse=True)
def subreaper():
    harness.become_subreaper()


@pytest.fixture(scope="session", params=["root", "user"])
def site(request):
    """A site for a runner that is started as root or as an unprivileged user."""
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("the tests do not run as root, so the runner cannot either")
    site = hostile.Site(request.param)
    yield site
    site.close()


@pytest.fixture(scope="module")
def outcome(site, request):
    """The outcome of the module's ATTACKS, with its OPTIONS."""
    module = request.module
    return site.run(module.ATTACKS, *getattr(module, "OPTIONS", []), timeout=getattr(module, "TIMEOUT", None))


def pytest_generate_tests(metafunc):
    if "attack" in metafunc.fixturenames:
        metafunc.parametrize("attack", metafunc.module.ATTACKS, ids=str)
