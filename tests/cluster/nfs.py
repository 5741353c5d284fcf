"""A file server for the cluster: the kernel's NFS 4.2 server, on its own host.

Each node and the runner mount it at the same path, with default options. Each is a separate client
with its own caches, as real machines are: Linux has an NFS client for each network namespace.
"""

import contextlib
import pathlib
import subprocess
import time

THREADS = 8
LOCK = 12  # the number of the operation in the protocol
PIPES = "/var/lib/nfs/rpc_pipefs"

# On the server; exports the directory $0 to the clients $1. nfsdcld records the clients with open
# files, which they can reclaim after a restart of the server.
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
    """Returns true if this machine's kernel and packages have an NFS client and server."""
    with contextlib.suppress(OSError):
        subprocess.run(["modprobe", "--quiet", "--all", "nfsd", "nfsv4"], check=False)
    kinds = pathlib.Path("/proc/filesystems").read_text().split()
    return "nfsd" in kinds and "nfs4" in kinds and pathlib.Path("/usr/sbin/rpc.nfsd").exists()


class Server:
    """Serves the directory; start_daemon(name, command) starts its daemons."""

    def __init__(self, host, directory, clients, start_daemon):
        self.host = host
        directory.mkdir()
        directory.chmod(0o1777)
        self.run("sh", "-c", PREPARE, directory, clients)
        self.daemon = start_daemon("nfsdcld", host.command("nfsdcld", "--foreground", f"--pipefsdir={PIPES}", "--storagedir=/var/lib/nfs/nfsdcld"))
        start_daemon("mountd", host.command("rpc.mountd", "--foreground", "--no-nfs-version=3"))
        end = time.monotonic() + 60
        while not self.is_heard():  # else the server would refuse to open files for some time
            assert time.monotonic() < end, "still waiting for nfsdcld"
            time.sleep(0.05)
        self.start()

    def run(self, *words):
        subprocess.run(self.host.command(*words), check=True)

    def is_heard(self):
        """Returns true if nfsdcld is waiting for the kernel's pipe."""
        pid = str(self.daemon.pid)
        assert self.daemon.poll() is None, "nfsdcld has exited"
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        with contextlib.suppress(FileNotFoundError):
            return any("inotify" in str(fd.readlink()) for child in children for fd in pathlib.Path(f"/proc/{child}/fd").iterdir())
        return False

    def count_locks(self):
        """Returns the number of lock requests served."""
        counts = subprocess.check_output(self.host.command("cat", "/proc/net/rpc/nfsd"), text=True)
        return int(next(line for line in counts.splitlines() if line.startswith("proc4ops")).split()[2 + LOCK])

    def start(self):
        self.run("rpc.nfsd", "--no-nfs-version=3", THREADS)

    def stop(self):
        """Stops the server, which closes all connections and forgets its answers."""
        self.run("rpc.nfsd", 0)

    def mount_words(self, path):
        return ["mount", "-t", "nfs4", "-o", "vers=4.2", f"{self.host.address}:/", path]
