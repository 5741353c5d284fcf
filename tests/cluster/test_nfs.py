"""Behaviour that only NFS has: each host has its own caches, and the server may be unreachable. If
NFS is available, most other tests use it too."""

import os
import pathlib
import subprocess
import sys
from signal import SIGKILL

import pytest

import harness
import nfs
from slurm import Wait

pytestmark = pytest.mark.skipif(not nfs.is_possible(), reason="no NFS here; script/test-cluster --guest has it")

# Creates the files 0 to 99 in $1 and prints those that did not exist. Starts at the same time as
# the others.
MAKE_FILES = """
import os, sys, time
os.chdir(sys.argv[1])
time.sleep(max(0, float(sys.argv[2]) - time.time()))
for number in range(100):
    try:
        os.close(os.open(str(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        print(number, flush=True)
    except FileExistsError:
        pass
"""


def write_on(node, path):
    """Writes a file as a job does: atomically."""
    subprocess.run(node.command("sh", "-c", 'echo x >"$0.tmp" && mv "$0.tmp" "$0"', path), check=True)


def look(directory, name):
    """Returns true if the file exists; opens it as the runner does."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.close(os.open(name, os.O_RDONLY, dir_fd=fd))
    except FileNotFoundError:
        return False
    finally:
        os.close(fd)
    return True


def test_what_a_node_wrote_is_seen_by_who_opens_the_directory(site):
    for number in range(20):
        directory = site.cluster.shared / f"try-{number}"
        directory.mkdir()
        assert not look(directory, "end")
        write_on(site.cluster.nodes["n1"], directory / "end")
        assert not (directory / "end").exists()  # the negative entry of the name is cached for half a minute
        assert look(directory, "end")


@pytest.mark.parametrize("restarts", [0, 3])
def test_of_the_copies_of_a_try_one_begins(site, restarts):
    """As for the first file of a job; a restarted server has forgotten its answers."""
    directory = site.cluster.shared / "begun"
    directory.mkdir()
    start = float(subprocess.check_output(["date", "+%s.%N", "--date=3 seconds"]))
    makers = [subprocess.Popen(node.command(sys.executable, "-c", MAKE_FILES, directory, start), stdout=subprocess.PIPE, text=True)
              for node in site.cluster.nodes.values()]
    for number in range(restarts):
        wait = Wait("files")
        while len(list((site.cluster.dir / "served" / "begun").iterdir())) < 25 * (number + 1):
            wait.more()
        site.cluster.server.stop()
        site.cluster.server.start()
    made = [int(word) for maker in makers for word in maker.communicate(timeout=harness.TIMEOUT)[0].split()]
    assert sorted(made) == list(range(100))


def test_one_runner_has_the_directory_whichever_host_it_is_on(site):
    site.start_mock([])
    site.start()
    site.mock.state(requests_total=1)
    other = site.start(prefix=site.cluster.nodes["n1"].command("env"))
    assert other.wait() != 0
    assert "Another ostest-runner works in" in other.log, other.log


def test_a_cold_cache_is_filled_by_many_nodes_at_once(site):
    tasks = [harness.task(number, site.small.student()) for number in range(12)]
    site.start_mock(tasks)
    site.start("--concurrent", 12)
    assert all(result["isPassed"] for result in site.finish(tasks).values())
    assert site.log.count(" submitted job=") == 12
    assert site.cluster.server.count_locks() < 6000  # 20000 if each lock were tried every 2 ms


def stand_still(site):
    """Disconnects the server and waits until the runner blocks on it."""
    site.cluster.cut_off_server()
    wait = Wait("the runner to stand still", harness.TIMEOUT)
    still = 0
    while still < 10:  # it also does so for a moment at each poll
        state = pathlib.Path(f"/proc/{site.runner.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        still = still + 1 if state == "D" else 0
        wait.more()


def test_a_server_that_is_away_for_a_while_costs_only_time(site):
    tasks = [harness.task(number, site.gated()) for number in range(3)]
    site.start_mock(tasks)
    site.start("--concurrent", 3)
    site.wait_arrivals(3)
    stand_still(site)
    site.open_gate()
    site.cluster.cut_off_server(False)
    assert all(result["isPassed"] for result in site.finish(tasks).values())
    assert site.log.count(" submitted job=") == 3


def test_a_runner_that_is_killed_while_the_server_is_away_goes_on_later(site):
    """As systemd's watchdog does. The runner exits, and its lock is free, only after the server is
    back."""
    tasks = [harness.task(number, site.gated()) for number in range(3)]
    site.start_mock(tasks)
    site.start("--concurrent", 3)
    site.wait_arrivals(3)
    stand_still(site)
    site.runner.signal(SIGKILL)
    site.open_gate()
    site.cluster.cut_off_server(False)
    assert site.runner.wait() == -SIGKILL
    site.start("--concurrent", 3)
    assert all(result["isPassed"] for result in site.finish(tasks).values())
    assert site.arrivals() == 3 and site.log.count(" submitted job=") == 3
