"""Fixtures: a cluster for each test, and runners that use it. script/test-cluster runs the tests in
their own namespaces."""

import contextlib
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

pytest.register_assert_rewrite("slurm", "site_of_cluster", "harness")
import harness  # noqa: E402 (sys.path is set above)
import nfs  # noqa: E402
import slurm  # noqa: E402
import site_of_cluster  # noqa: E402

harness.make_programs_reachable()


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than half a minute (deselect with -m 'not slow')")


@pytest.fixture
def start_cluster():
    """start_cluster(nodes=3, …): starts a cluster, which runners started afterwards use."""
    with contextlib.ExitStack() as stack:
        def start(**options):
            return stack.enter_context(contextlib.closing(slurm.Cluster(**options)))
        yield start


@pytest.fixture
def site(start_cluster, tmp_path):
    """Three nodes, a small course, and functions to start a mock backend and runners. The state
    directory is on NFS if available."""
    with contextlib.closing(site_of_cluster.Site(start_cluster(has_nfs=nfs.is_possible()), tmp_path)) as site:
        yield site
