"""Records the state of a machine before attacks, and reports what differs afterwards."""

import contextlib
import glob
import hashlib
import os
import pathlib
import re
import stat

import cgroup

SHM_KEY = str(0x05735708)  # as in programs/files.c


def children():
    """Returns the states of this process's children by pid."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            if int(parent) == os.getpid():
                found[int(entry.name)] = state
    return found


def contents(path):
    """Returns a file's contents; for an interpreter without read permission its mode, size and
    times."""
    try:
        return pathlib.Path(path).read_bytes()
    except PermissionError:
        st = os.stat(path)
        return f"{st.st_mode} {st.st_size} {st.st_mtime_ns} {st.st_ctime_ns}".encode()


def tree_hash(path):
    """Returns a hash of all names, types, modes and contents below the path, without the .used
    files."""
    found = hashlib.sha256()
    for directory, names, files in os.walk(path):
        names.sort()
        for name in sorted(name for name in names + files if not name.endswith(".used")):
            full = os.path.join(directory, name)
            mode = os.lstat(full).st_mode
            found.update(f"{os.path.relpath(full, path)} {mode:o}\n".encode(errors="surrogateescape"))
            if stat.S_ISREG(mode):
                found.update(contents(full))
            elif stat.S_ISLNK(mode):
                found.update(os.fsencode(os.readlink(full)))
    return found.hexdigest()


def read_lines(path):
    return pathlib.Path(path).read_text().splitlines()


def control_groups(names):
    found = glob.glob("/sys/fs/cgroup/**/ostest-*", recursive=True)  # unrelated groups may disappear meanwhile
    return [path for path in found if os.path.basename(path) in names]


def difference(before, after):
    """Returns the entries that only one of two lists has; an empty string for hashes."""
    return sorted(set(before) ^ set(after)) if isinstance(before, list) else ""


class Before:
    """The state of the machine and of a runner's files; left() returns what has changed since."""

    def __init__(self, site):
        self.site = site
        self.children = children()
        self.values = self.look()

    def look(self):
        cache = self.site.state / "cache"
        return {
            "mounts": sorted(line.split(" ", 3)[3] for line in read_lines("/proc/self/mountinfo")),
            "suites in the cache": tree_hash(cache / "suites"),
            "environments in the cache": tree_hash(cache / "envs"),
            "the repositories": tree_hash(self.site.repos),
            "files of others": tree_hash(self.site.outside),
            "shared memory": sorted(name for name in os.listdir("/dev/shm") if "hostile" in name or "hog" in name),
            "System V segments": [line for line in read_lines("/proc/sysvipc/shm") if line.split()[0] == SHM_KEY],
        }

    def processes_left(self):
        """Reaps orphans that have exited. Kills and returns those that still run."""
        left = []
        for pid, state in children().items():
            if pid in self.children:
                continue
            if state not in "ZX":
                with contextlib.suppress(OSError):
                    left.append(f"process {pid}: {pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()!r}")
                    os.kill(pid, 9)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        return left

    def left(self, log):
        """Returns one line for each difference. The runner must have exited; `log` is its log."""
        now = self.look()
        found = [f"changed: {what}: {difference(value, now[what])}"
                 for what, value in self.values.items() if value != now[what]]
        for name in ("jobs", "spool", "rejected"):
            directory = self.site.state / name
            found += [f"left: {name}/{entry}" for entry in (os.listdir(directory) if directory.exists() else [])]
        found += self.processes_left()
        groups = {cgroup.group_name(self.site.state / "jobs" / key) for key in re.findall(r" claimed key=(\S+)", log)}
        return found + [f"left: {path}" for path in control_groups(groups)]
