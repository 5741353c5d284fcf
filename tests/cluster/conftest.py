"""Fixtures: a cluster for each test, and runners beside it. Started by script/test-cluster, in name spaces of their own."""

import contextlib
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

pytest.register_assert_rewrite("slurm", "site_of_cluster", "harness")
import harness  # noqa: E402 (its place was set above)
import nfs  # noqa: E402
import slurm  # noqa: E402
import site_of_cluster  # noqa: E402

harness.make_programs_reachable()


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than half a minute (-m 'not slow' leaves it out)")


@pytest.fixture
def start_cluster():
    """start_cluster(nodes=3, …): where the runner is started afterwards, it finds this one."""
    with contextlib.ExitStack() as stack:
        def start(**options):
            return stack.enter_context(contextlib.closing(slurm.Cluster(**options)))
        yield start


@pytest.fixture
def site(start_cluster, tmp_path):
    """Three nodes, a small course, and the means to start a mock backend and runners; the state directory is on NFS where there is one."""
    with contextlib.closing(site_of_cluster.Site(start_cluster(has_nfs=nfs.is_possible()), tmp_path)) as site:
        yield site
