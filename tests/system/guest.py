#!/usr/bin/env python3
"""Runs a job in the guest: shows its console; the last line is "N passed, N failed", with a
matching exit status.

The guest boots once; its state is saved next to the image, and every job resumes it. Changes by a
job are not kept. There are two virtio ports: "output" for the output of the tests, and "control",
where guest-agent and in-guest send "ready", "count USER PASSED FAILED SKIPPED", "reboot" (and wait
for an answer) and "end", and the host sends "go SECONDS". The serial port is only for kernel
panics, since qemu's sometimes stops in the middle of a line. The job is a tar file, the guest's
second disk.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

MEMORY_MIB = 2048
PROCESSORS = 2
JOB_SIZE = 64 << 20  # of the second disk, whose size cannot change while the guest is suspended
BOOT_TIMEOUT = 300

# Without kvm, which many machines lack and on some does not work. Without cx16, since qemu 7.2
# emulates the flags of cmpxchg16b wrongly, so that Linux 6.12 crashes.
QEMU = [
    "qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "Nehalem,-cx16",
    "-m", str(MEMORY_MIB), "-smp", str(PROCESSORS), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
    "-append", "console=ttyS0 root=/dev/vda rw quiet loglevel=3 panic=-1 mitigations=off audit=0 systemd.show_status=0",
    "-device", "virtio-rng-pci", "-device", "virtio-blk-pci,drive=root", "-device", "virtio-blk-pci,drive=job",
    "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=control,name=ostest.control",
    "-device", "virtserialport,chardev=output,name=ostest.output",
]


class GuestError(Exception):
    """The guest crashed or timed out."""


class Line:
    """A socket to qemu for lines, with one deadline for all reads."""

    def __init__(self, deadline):
        self.deadline = deadline
        self.ours, self.theirs = socket.socketpair()
        self.file = self.ours.makefile("rb")

    def read(self):
        left = self.deadline - time.monotonic()
        try:
            self.ours.settimeout(max(left, 0.001))
            line = self.file.readline()
        except TimeoutError:
            raise GuestError("timed out") from None
        if not line:
            raise GuestError("the guest crashed")
        return line.decode(errors="replace").strip()

    def write(self, text):
        self.ours.sendall(text.encode() + b"\n")


class Guest:
    """A running guest; calls console(bytes) with its output."""

    def __init__(self, image, disk, job, console, timeout, *options):
        deadline = time.monotonic() + timeout
        self.control, self.monitor = Line(deadline), Line(deadline)
        fds = [line.theirs.fileno() for line in (self.control, self.monitor)]
        self.process = subprocess.Popen(
            [*QEMU, "-kernel", image / "vmlinuz", "-initrd", image / "initrd.img",
             "-drive", f"if=none,id=root,{disk},cache=unsafe",
             "-drive", f"if=none,id=job,file={job},format=raw,readonly=on",
             "-serial", "stdio", "-chardev", "file,id=output,path=/dev/fd/1", "-chardev", f"socket,id=control,fd={fds[0]}",
             "-chardev", f"socket,id=monitor,fd={fds[1]}", "-mon", "chardev=monitor,mode=control", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, pass_fds=fds)
        self.control.theirs.close()
        self.monitor.theirs.close()
        self.reader = threading.Thread(target=self._read, args=(console,), daemon=True)
        self.reader.start()

    def _read(self, console):
        while data := self.process.stdout.read1():
            console(data.replace(b"\r", b""))

    def command(self, name, **arguments):
        """Executes a QMP command. Returns its result."""
        self.monitor.write(json.dumps({"execute": name, "arguments": arguments}))
        while True:
            answer = json.loads(self.monitor.read())
            if "error" in answer:
                raise GuestError(f"{name}: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def save(self, path):
        """Stops the guest and saves its state."""
        self.command("qmp_capabilities")
        self.command("migrate", uri=f"exec:zstd -q -1 -o {path}")
        while (status := self.command("query-migrate")["status"]) != "completed":
            if status in ("failed", "cancelled"):
                raise GuestError("cannot save the state of the guest")
            time.sleep(0.1)

    def reboot(self):
        """Allows a reboot that the guest has requested; at other times a reboot is a crash."""
        self.command("qmp_capabilities")
        self.command("set-action", reboot="reset")
        self.control.write("reboot")
        while self.control.read() != "ready":
            pass
        self.command("set-action", reboot="shutdown")
        self.control.write(f"go {int(time.time())}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join()


def boot_and_save(image, state):
    """Boots the image until it waits for a job. Creates state/memory.zst and state/disk.qcow2, or
    neither."""
    print("== booting the guest (once)", flush=True)
    new = image / "state.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    disk = new / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", "../root.ext4", disk], check=True)
    empty = new / "empty"
    empty.touch()
    os.truncate(empty, JOB_SIZE)
    seen = bytearray()
    try:
        with Guest(image, f"file={disk},format=qcow2", empty, seen.extend, BOOT_TIMEOUT) as guest:
            while guest.control.read() != "ready":
                pass
            guest.save(new / "memory.zst")
    except GuestError:
        sys.stdout.write(seen.decode(errors="replace"))
        raise
    empty.unlink()
    for old in image.glob("state-*"):
        shutil.rmtree(old)
    new.rename(state)


def show(data):
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


def run(image, state, job, timeout):
    """Runs the job. Returns its counts: lists of passed, failed, skipped."""
    counts = []
    with Guest(image, f"file={state / 'disk.qcow2'},format=qcow2,snapshot=on", job, show, timeout,
               "-incoming", f"exec:zstd -q -d -c {state / 'memory.zst'}") as guest:
        guest.control.write(f"go {int(time.time())}")
        try:
            while (line := guest.control.read()) != "end":
                if line == "reboot":
                    guest.reboot()
                else:
                    counts.append([int(number) for number in line.split()[2:]])
        except GuestError as error:
            print(f"\nFAILED: {error}")
            counts.append([0, 1, 0])
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--timeout", type=int, default=1200, help="timeout of the job in seconds (default: 1200)")
    parser.add_argument("image", type=pathlib.Path, help="directory made by build-image")
    parser.add_argument("job", type=pathlib.Path, help="tar file; is extended to the size of the disk")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # stops qemu too

    # A saved state works only with the same qemu and machine.
    version = subprocess.run([QEMU[0], "--version"], check=True, capture_output=True).stdout
    key = hashlib.sha256(version + repr((QEMU, JOB_SIZE)).encode()).hexdigest()[:16]
    state = options.image / f"state-{key}"
    assert options.job.stat().st_size <= JOB_SIZE, "the job is too large"
    os.truncate(options.job, JOB_SIZE)
    try:
        if not state.exists():
            boot_and_save(options.image, state)
        counts = run(options.image, state, options.job, options.timeout)
    except GuestError as error:
        print(f"\nFAILED: the guest did not start: {error}")
        counts = [[0, 1, 0]]
    passed, failed, skipped = map(sum, zip(*counts)) if counts else (0, 1, 0)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
