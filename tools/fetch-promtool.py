#!/usr/bin/env python3
"""Fetches promtool, unless PATH exists: fetch-promtool.py PATH.

It is part of Debian's package prometheus, since Debian 13 of promtool. The file is extracted from
the package: installing prometheus would start a server.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

target = pathlib.Path(sys.argv[1])


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"cannot fetch promtool ({' '.join(map(str, command))}): {done.stderr.strip()}")


def fetch(directory):
    names = subprocess.run(["apt-cache", "search", "--names-only", "^promtool$"], capture_output=True, text=True).stdout
    run("apt-get", "download", "promtool" if names else "prometheus", cwd=directory)
    package = next(directory.glob("prom*.deb"))
    run("dpkg-deb", "--extract", package, directory / "files", cwd=directory)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    shutil.copy(directory / "files" / "usr" / "bin" / "promtool", part)
    part.rename(target)


installed = shutil.which("promtool")
if installed and not target.exists():
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(installed)
if not target.exists():
    with tempfile.TemporaryDirectory() as directory:
        fetch(pathlib.Path(directory))
