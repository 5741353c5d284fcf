"""Helpers for tests of the installed packages: dpkg, systemctl, a mock backend, and students that
wait."""

import contextlib
import json
import os
import pathlib
import pwd
import re
import signal
import subprocess
import time

import harness

JOB = pathlib.Path(__file__).resolve().parents[2]  # where the host's tar file was unpacked
PACKAGES = JOB / "build-system" / "packages"
CONFIGURATION = pathlib.Path("/etc/ostest-runner")
STATE = pathlib.Path("/var/lib/ostest-runner")
DROP_IN = pathlib.Path("/run/systemd/system/ostest-runner.service.d/test.conf")
PASSWORD = "correct-horse"
PATIENCE = harness.TIMEOUT


def call(*command, **named):
    """Runs a command, which must succeed. Returns its output."""
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=PATIENCE, **named)
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout


def wait_for(what, condition):
    """Polls until the condition is true; systemd and the kernel have no event for it. Returns its
    value."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}\n{journal()}"
        time.sleep(0.1)
    return value


def journal():
    return call("journalctl", "--unit=ostest-runner*", "--output=cat", "--no-pager", "--lines=60")


def package(name, directory=PACKAGES):
    [path] = directory.glob(f"{name}_*.deb")
    return path


# Keeps a changed configuration without asking, as unattended upgrades do.
INSTALL = ["dpkg", "--force-confold", "--install"]


def install(*paths):
    call(*INSTALL, *paths)


def installed_version():
    return call("dpkg-query", "--show", "--showformat=${Version}", "ostest-runner")


class Service:
    """ostest-runner.service, or an instance of it."""

    def __init__(self, unit="ostest-runner.service", configuration="ostest-runner.conf", password="password"):
        self.unit = unit
        self.configuration = CONFIGURATION / configuration
        self.password = CONFIGURATION / password

    def configure(self, mock, suite, *lines):
        """Writes the configuration: backend, login, the suite of the test, and more lines. Removes
        drop-ins."""
        self.configuration.write_text("\n".join([
            f"backend-url = {mock.url}", "auth = yes", "login = runner", f"tests-url = {suite}", "git-protocols = file",
            "check-interval = 0.2", *lines, ""]))
        self.password.write_text(PASSWORD + "\n")
        self.password.chmod(0o600)
        self.drop_in()

    def drop_in(self, *lines):
        """Writes a drop-in with settings of the unit."""
        DROP_IN.parent.mkdir(parents=True, exist_ok=True)
        DROP_IN.write_text("\n".join(["[Service]", *lines, ""]))
        call("systemctl", "daemon-reload")

    def do(self, verb, *options):
        call("systemctl", *options, verb, self.unit)

    def signal(self, number):
        call("systemctl", "kill", "--kill-who=main", f"--signal={signal.Signals(number).name}", self.unit)

    def get(self, name):
        return call("systemctl", "show", "--value", f"--property={name}", self.unit).strip()

    def wait(self, name, pattern):
        return wait_for(f"{name} =~ {pattern!r}, but {self.get(name)!r}", lambda: re.search(pattern, self.get(name)))

    def pids(self):
        """Returns the pids of all processes in its control groups."""
        group = pathlib.Path(f"/sys/fs/cgroup{self.get('ControlGroup')}")
        return [int(pid) for path in group.rglob("cgroup.procs") for pid in path.read_text().split()]


class Waiting:
    """A student whose test run sleeps until the test ends that sleep."""

    def __init__(self, number, small=None):
        """small: a SmallCourse, to create the student's repository."""
        self.seconds = f"100{number}"
        self.repository = small and small.student(script=f"sleep {self.seconds} || true")

    def pids(self):
        found = []
        for directory in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (directory / "cmdline").read_bytes() == f"sleep\0{self.seconds}\0".encode():
                    found.append(int(directory.name))
        return found

    def wait(self):
        return wait_for("the student's program runs", self.pids)

    def let_go(self):
        for pid in self.wait():
            os.kill(pid, signal.SIGTERM)


def own(directory):
    """Gives the directory to the service's user, since git serves repositories only to their
    owner."""
    user = pwd.getpwnam("ostest-runner")
    harness.give(directory, user.pw_uid)
    for parent in pathlib.Path(directory).parents:
        parent.chmod(parent.stat().st_mode | 0o111)


def start_mock(directory, tasks, port=0):
    """Starts a mock backend that requires a login; the account is an ADMIN."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    return harness.Mock(directory, "--auth", "--user", f"runner:{PASSWORD}:ADMIN", tasks=tasks, port=port)


def answers(mock):
    """Returns the results by id. Asserts that none has two different ones."""
    found = {}
    for result in mock.results():
        assert found.setdefault(json.dumps(result["id"]), result) == result
    return {json.loads(number): result for number, result in found.items()}
