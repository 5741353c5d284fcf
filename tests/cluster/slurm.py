"""A real Slurm on one machine: each node has its own network, PID, mount and UTS namespaces.

This process is the host "ctl". script/test-cluster starts it in such namespaces, so that the kernel
kills and removes everything with it. As a program: starts a cluster, runs a command, stops the
cluster.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import nfs

TIMEOUT = float(os.environ.get("OSTEST_TEST_TIMEOUT", 60))
NETWORK = "10.99.0"
NODE_CPUS = 4
HAS_CGROUP_V2 = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
NODE_MEMORY_MB = 16000  # as declared to Slurm; the tests use little of it

# Pid 1 of a host; prints "up" when it runs. It is killed with this process, and the host with it.
HOST = "hostname $0 && echo up && exec sleep infinity"

# With cgroup v2 each node sees only its own part of the tree. $0 is a file cgroup.procs.
SEE_OWN_GROUPS = "umount --lazy /sys/fs/cgroup && mount -t cgroup2 cgroup /sys/fs/cgroup && "
ENTER_GROUP = 'echo $$ >"$0" && exec "$@"'


class Wait:
    """Polls for what has no event, such as the output of a daemon: `while …: wait.more()`."""

    def __init__(self, what, timeout=TIMEOUT):
        self.what = what
        self.end = time.monotonic() + timeout

    def more(self):
        assert time.monotonic() < self.end, f"still waiting for {self.what}"
        time.sleep(0.05)
        return True


def hand_on(*groups):
    """Enables all controllers for the children of these control groups."""
    for group in groups:
        (group / "cgroup.subtree_control").write_text("+cpuset +cpu +memory +pids")


class Node:
    """Another host; cgroup: its directory, if it has its own control groups (v2)."""

    def __init__(self, name, number, cgroup=None):
        self.name = name
        self.address = f"{NETWORK}.{10 + number}"
        self.link = f"v{number}"
        self.cgroup = cgroup
        start = ["unshare", "--net", "--uts", "--ipc", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]
        start += [SEE_OWN_GROUPS + HOST if cgroup else HOST, name]
        if cgroup:
            (cgroup / "init").mkdir(parents=True)
            (cgroup / "system.slice").mkdir()  # slurmd makes its groups there
            hand_on(cgroup.parent.parent, cgroup.parent)
            into = ["sh", "-c", ENTER_GROUP]
            start = [*into, cgroup / "cgroup.procs", "unshare", "--cgroup", *into, cgroup / "init" / "cgroup.procs", *start]
        self.host = subprocess.Popen(start, stdout=subprocess.PIPE, text=True)
        assert self.host.stdout.readline() == "up\n"
        if cgroup:
            hand_on(cgroup, cgroup / "system.slice")  # not before: a group with controllers for its children cannot have processes
        self.init = pathlib.Path(f"/proc/{self.host.pid}/task/{self.host.pid}/children").read_text().split()[0]
        self.slurmd = None

    def command(self, *words):
        enter = ["nsenter", "--target", self.init, "--net", "--uts", "--ipc", "--pid", "--mount", "--wd=/"]
        if self.cgroup:
            enter = ["sh", "-c", ENTER_GROUP, str(self.cgroup / "init" / "cgroup.procs"), *enter, "--cgroup"]
        return [*enter, *map(str, words)]

    def end(self):
        self.host.send_signal(signal.SIGKILL)
        self.host.wait()
        self.host.stdout.close()


class Cluster:
    """A running cluster, until close(). shared: a directory of all nodes, on NFS if has_nfs."""

    def __init__(self, nodes=3, cgroup=False, has_nfs=False, extra=""):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ostest-slurm-"))
        self.dir.chmod(0o755)
        self.shared = self.dir / "shared"
        self.shared.mkdir()
        self.shared.chmod(0o1777)
        self.server = None
        self.cgroup = cgroup
        self.groups = None  # the parent of the nodes' control groups, if they are v2
        if cgroup and HAS_CGROUP_V2:
            self.groups = pathlib.Path(os.environ.get("OSTEST_TEST_CGROUP", "/sys/fs/cgroup")) / self.dir.name
        self.daemons = []
        self.controller = None
        self.conf = self.dir / "slurm.conf"
        self.env = dict(os.environ) | {"SLURM_CONF": str(self.conf)}
        self.nodes = {}
        try:
            self._up(nodes, has_nfs, extra)
        except BaseException:
            self.close()
            raise

    def _up(self, count, has_nfs, extra):
        for name in ("state", "log", "spool", "munge"):
            (self.dir / name).mkdir()
        subprocess.run(["hostname", "ctl"], check=True)
        self.ip("link set lo up")
        self.ip("link add br0 type bridge")
        self.ip(f"addr add {NETWORK}.1/24 dev br0")
        self.ip("link set br0 up")
        self._start_munge()
        for number in range(1, count + 1):
            self.nodes[f"n{number}"] = self._make_node(f"n{number}", number, self.groups and self.groups / f"n{number}")
        if has_nfs:
            self._serve_files()
        self._write_conf(extra)
        self.start_controller()
        for name in self.nodes:
            self.start_node(name)
        self.wait_idle()

    def _start_munge(self):
        key = self.dir / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        socket = self.dir / "munge" / "socket"
        self._daemon("munged", ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={socket}",
                                f"--pid-file={self.dir}/munge/pid", f"--seed-file={self.dir}/munge/seed",
                                f"--log-file={self.dir}/log/munged"])
        wait = Wait("munged")
        while not socket.exists():
            wait.more()

    def _make_node(self, name, number, groups=None):
        node = Node(name, number, groups)
        self.ip(f"link add {node.link} type veth peer name eth0 netns {node.init}")
        self.ip(f"link set {node.link} master br0 up")
        for command in ("link set lo up", f"addr add {node.address}/24 dev eth0", "link set eth0 up"):
            subprocess.run(node.command("ip", *command.split()), check=True)
        return node

    def _serve_files(self):
        self.server = nfs.Server(self._make_node("nfs", 100), self.dir / "served", f"{NETWORK}.0/24", self._daemon)
        mount = self.server.mount_words(self.shared)
        for command in (mount, *(node.command(*mount) for node in self.nodes.values())):
            subprocess.run(command, check=True)

    def _write_conf(self, extra):
        kind = "cgroup" if self.cgroup else "linuxproc"
        lines = ["ClusterName=test", f"SlurmctldHost=ctl({NETWORK}.1)", "SlurmUser=root", "SlurmdUser=root",
                 "AuthType=auth/munge", f"AuthInfo=socket={self.dir}/munge/socket", "CryptoType=crypto/munge",
                 f"StateSaveLocation={self.dir}/state", f"SlurmdSpoolDir={self.dir}/spool/%n",
                 f"SlurmctldPidFile={self.dir}/slurmctld.pid", f"SlurmdPidFile={self.dir}/slurmd.%n.pid",
                 f"SlurmctldLogFile={self.dir}/log/slurmctld", f"SlurmdLogFile={self.dir}/log/slurmd.%n",
                 "MpiDefault=none", "SwitchType=switch/none", f"ProctrackType=proctrack/{kind}",
                 f"TaskPlugin=task/{'cgroup' if self.cgroup else 'none'}", "JobAcctGatherType=jobacct_gather/none",
                 "AccountingStorageType=accounting_storage/none",
                 "SelectType=select/cons_tres", "SelectTypeParameters=CR_CPU_Memory", "DefMemPerCPU=100",
                 "SchedulerType=sched/backfill", "SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0",
                 "ReturnToService=2", "SlurmctldTimeout=10", "SlurmdTimeout=10", "MessageTimeout=5", "KillWait=5",
                 "MinJobAge=300", "InactiveLimit=0", "Waittime=0", "SlurmdParameters=config_overrides", extra]
        lines += [f"NodeName={node.name} NodeAddr={node.address} CPUs={NODE_CPUS} RealMemory={NODE_MEMORY_MB}"
                  for node in self.nodes.values()]
        lines += ["PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP"]
        self.conf.write_text("\n".join(lines) + "\n")
        # Nodes have no systemd that could create groups.
        plugin = "CgroupPlugin=cgroup/v2\nIgnoreSystemd=yes\n" if self.groups else "CgroupPlugin=cgroup/v1\n"
        (self.dir / "cgroup.conf").write_text(f"{plugin}ConstrainRAMSpace=yes\nConstrainSwapSpace=no\nConstrainCores=no\n")

    def ip(self, command):
        subprocess.run(["ip", *command.split()], check=True)

    def _daemon(self, name, command):
        with open(self.dir / "log" / f"{name}.out", "a") as out:
            daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.env)
        self.daemons.append(daemon)
        return daemon

    # ---- daemons

    def start_controller(self):
        self.controller = self._daemon("slurmctld", ["slurmctld", "-D"])

    def kill_controller(self):
        self.controller.kill()
        self.controller.wait()

    def start_node(self, name):
        node = self.nodes[name]
        node.slurmd = self._daemon(f"slurmd.{name}", node.command("slurmd", "-D", "-N", name))

    def kill_slurmd(self, name):
        """Kills only the daemon; its jobs keep running."""
        entered = self.nodes[name].slurmd  # nsenter, the parent of slurmd; slurmd's pid file may be outdated
        wait = Wait(f"slurmd of {name}")
        while not (children := pathlib.Path(f"/proc/{entered.pid}/task/{entered.pid}/children").read_text().split()):
            wait.more()
        os.kill(int(children[0]), signal.SIGKILL)
        entered.wait()

    def kill_jobs(self, name):
        """Kills all processes of the node except its pid 1."""
        subprocess.run(self.nodes[name].command("kill", "-9", "-1"), check=False)
        self.nodes[name].slurmd.wait()

    def cut_off(self, name, is_cut=True):
        self.ip(f"link set {self.nodes[name].link} {'down' if is_cut else 'up'}")

    def cut_off_server(self, is_cut=True):
        """Disconnects the file server."""
        self.ip(f"link set {self.server.host.link} {'down' if is_cut else 'up'}")

    def forget_everything(self):
        """Deletes the controller's state on disk, so that it knows nothing after a restart."""
        shutil.rmtree(self.dir / "state")
        (self.dir / "state").mkdir()

    # ---- queries

    def ask(self, *words, check=True):
        done = subprocess.run(list(map(str, words)), env=self.env, capture_output=True, text=True, timeout=TIMEOUT)
        assert not check or done.returncode == 0, done
        return done.stdout

    def jobs(self, states="all"):
        """Returns (id, name, state, node) of the jobs that the controller knows."""
        lines = self.ask("squeue", "--noheader", f"--states={states}", "--format=%i|%j|%T|%N").splitlines()
        return [tuple(line.split("|")) for line in lines]

    def submit_other(self):
        """Submits a job that is not the runner's, as soon as the controller accepts one. Returns
        its id."""
        wait = Wait("the controller")
        while not (number := self.ask("sbatch", "--parsable", "--output=/dev/null", "--wrap=true", check=False).strip()):
            wait.more()
        return number

    def states(self):
        """Returns the number of jobs in each state, and the states of the nodes."""
        words = self.ask("squeue", "--noheader", "--states=all", "--format=%T", check=False).split()
        nodes = self.ask("sinfo", "--noheader", "--Node", "--format=%N=%T", check=False).split()
        return " ".join([*(f"{word}:{words.count(word)}" for word in sorted(set(words))), *nodes])

    def wait_idle(self):
        wait = Wait("idle nodes")
        while self.ask("sinfo", "--noheader", "--format=%D", "--states=idle", check=False).strip() != str(len(self.nodes)):
            wait.more()

    def rpcs(self):
        """Returns the number of requests of each kind that the controller has served."""
        lines = self.ask("sdiag").split("Remote Procedure Call statistics by message type")[1].splitlines()
        counts = {}
        for line in lines[1:]:
            if not line.strip() or "by user" in line:
                break
            counts[line.split()[0]] = int(line.split("count:")[1].split()[0])
        return counts

    def close(self):
        hosts = [*self.nodes.values()]
        if self.server:  # it must be reachable until the last client has unmounted it
            self.cut_off_server(False)
            subprocess.run(["umount", "--lazy", self.shared], check=False)
        for node in hosts:
            self.cut_off(node.name, False)
            node.end()
        for daemon in self.daemons:
            with contextlib.suppress(ProcessLookupError):
                daemon.kill()
            daemon.wait()
        if self.server:
            self.server.stop()
            self.server.host.end()
            hosts.append(self.server.host)
        for node in hosts:
            with contextlib.suppress(subprocess.CalledProcessError):
                self.ip(f"link del {node.link}")  # otherwise it disappears some time after its namespace
        self._remove_groups()
        with contextlib.suppress(subprocess.CalledProcessError):
            self.ip("link del br0")
        shutil.rmtree(self.dir, ignore_errors=True)

    def _remove_groups(self):
        trees = [tree for name in self.nodes for tree in pathlib.Path("/sys/fs/cgroup").glob(f"*/slurm_{name}")]
        for tree in [*trees, self.groups] if self.groups else trees:
            for directory, _, _ in os.walk(tree, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)


def main():
    start = time.monotonic()
    with contextlib.closing(Cluster(cgroup=bool(os.environ.get("CGROUP")), has_nfs=bool(os.environ.get("NFS")))) as cluster:
        print(f"{len(cluster.nodes)} nodes are idle after {time.monotonic() - start:.1f} s", flush=True)
        return subprocess.run(sys.argv[1:] or ["sinfo"], env=cluster.env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
