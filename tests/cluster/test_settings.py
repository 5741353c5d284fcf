"""Settings of a cluster, its users and its operators that a runner must cope with."""

import contextlib
import pathlib
import shutil
import tempfile

import harness
import site_of_cluster

USER = 65534


def test_jobs_in_a_hidden_partition_are_seen(start_cluster):
    """squeue hides such jobs even from their user unless asked; root sees all."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="ostest-user-"))
    cluster = start_cluster(extra="PartitionName=hidden Nodes=ALL Hidden=YES State=UP")
    with contextlib.closing(site_of_cluster.Site(cluster, directory)) as site:
        task = harness.task(1, site.gated())
        harness.give(directory, USER)
        site.start_mock([task])
        site.start("--slurm-args", "--partition=hidden", prefix=["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"])
        site.wait_arrivals(1)
        site.wait_past_grace()
        site.open_gate()
        assert site.finish([task])[1]["isPassed"]
        assert site.arrivals() == 1
    shutil.rmtree(directory)


def test_a_job_that_was_suspended_has_failed(site):
    """Time passes while it is stopped: a student's test that waits for something must not fail
    because of that."""
    task = harness.task(1, site.gated())
    site.start_mock([task])
    site.start()
    site.wait_arrivals(1)
    job = site.wait_job()[0]
    site.cluster.ask("scontrol", "suspend", job)
    site.wait_job("suspended")
    site.open_gate()
    site.cluster.ask("scontrol", "resume", job)
    assert site.finish([task])[1]["isPassed"]
    assert site.arrivals() == 2 and "The job had been suspended for a while" in site.log
