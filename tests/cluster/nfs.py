"""A file server for the cluster: the kernel's own NFS, version 4.2, on a host of its own.

Each node and the runner mount it under the same path, with the options that a mount has by default. Each of them is a
client of its own, with caches of its own, as real machines are: Linux has an NFS client for each network name space.
"""

import contextlib
import pathlib
import subprocess
import time

THREADS = 8
LOCK = 12  # its number in the protocol
PIPES = "/var/lib/nfs/rpc_pipefs"

# On the server; $0 is the directory that is served, $1 who may mount it. nfsdcld keeps who has files open, so that a
# server that is started again hands them back.
PREPARE = """set -e
mount -t tmpfs nfs /var/lib/nfs
mkdir /var/lib/nfs/rpc_pipefs /var/lib/nfs/nfsdcld
touch /var/lib/nfs/etab /var/lib/nfs/rmtab
mount -t rpc_pipefs rpc_pipefs /var/lib/nfs/rpc_pipefs
mount -t nfsd nfsd /proc/fs/nfsd
echo 10 >/proc/fs/nfsd/nfsv4gracetime
exportfs -o rw,sync,no_root_squash,no_subtree_check,fsid=0 "$1:$0"
"""


def is_possible():
    """Whether this machine's kernel and packages have both sides of NFS."""
    with contextlib.suppress(OSError):
        subprocess.run(["modprobe", "--quiet", "--all", "nfsd", "nfsv4"], check=False)
    kinds = pathlib.Path("/proc/filesystems").read_text().split()
    return "nfsd" in kinds and "nfs4" in kinds and pathlib.Path("/usr/sbin/rpc.nfsd").exists()


class Server:
    """Serves the directory; start_daemon(name, command) starts what has to stay."""

    def __init__(self, host, directory, clients, start_daemon):
        self.host = host
        directory.mkdir()
        directory.chmod(0o1777)
        self.run("sh", "-c", PREPARE, directory, clients)
        self.daemon = start_daemon("nfsdcld", host.command("nfsdcld", "--foreground", f"--pipefsdir={PIPES}", "--storagedir=/var/lib/nfs/nfsdcld"))
        start_daemon("mountd", host.command("rpc.mountd", "--foreground", "--no-nfs-version=3"))
        end = time.monotonic() + 60
        while not self.is_heard():  # else the server would let nobody open a file for some time
            assert time.monotonic() < end, "still waiting for nfsdcld"
            time.sleep(0.05)
        self.start()

    def run(self, *words):
        subprocess.run(self.host.command(*words), check=True)

    def is_heard(self):
        """Whether nfsdcld waits for the kernel's pipe."""
        pid = str(self.daemon.pid)
        assert self.daemon.poll() is None, "nfsdcld has ended"
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        with contextlib.suppress(FileNotFoundError):
            return any("inotify" in str(fd.readlink()) for child in children for fd in pathlib.Path(f"/proc/{child}/fd").iterdir())
        return False

    def count_locks(self):
        """How many requests for a lock it has had."""
        counts = subprocess.check_output(self.host.command("cat", "/proc/net/rpc/nfsd"), text=True)
        return int(next(line for line in counts.splitlines() if line.startswith("proc4ops")).split()[2 + LOCK])

    def start(self):
        self.run("rpc.nfsd", "--no-nfs-version=3", THREADS)

    def stop(self):
        """All its connections are closed, and its answers forgotten."""
        self.run("rpc.nfsd", 0)

    def mount_words(self, path):
        return ["mount", "-t", "nfs4", "-o", "vers=4.2", f"{self.host.address}:/", path]
