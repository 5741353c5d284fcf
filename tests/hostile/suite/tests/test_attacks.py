"""A test before the student's programs, one for each program, and a test after them."""

import os
import sys
from pathlib import Path

DATA = Path(__file__).parent / "data"

BUILD_LIMIT = 60


def is_text_of(output, path, tmp_path):
    """Compares with a file. Imports a module only when it is needed, as many suites do."""
    import filecmp
    (tmp_path / "output").write_text(output)
    return filecmp.cmp(tmp_path / "output", path, shallow=False)


def test_build(run, src):
    if (src / "Makefile").exists() or (src / "Makefile").is_symlink():
        status, output = run(["make"], limit=BUILD_LIMIT)
        assert status == 0, f"make ended with status {status}\n{output}"


def test_before(src):
    assert os.path.isdir(src)


def test_attack(run, attack, tmp_path):
    """A program may exit or reach its timeout, but must not print REACHED: its attack succeeded."""
    output = sys.__stdout__.fileno() if attack.get("output") == "run's" else None
    status, output = run(attack["argv"], limit=attack.get("limit"), output=output)
    assert "REACHED" not in output, output
    assert status == 0, f"{' '.join(attack['argv'])} ended with status {status}\n{output}"
    if attack.get("expected"):
        assert is_text_of(output, DATA / attack["expected"], tmp_path)


def test_after(tmp_path):
    """Shows that the run goes on. Needs no new process, since there may be no room for one."""
    (tmp_path / "file").write_text("after")
    assert (tmp_path / "file").read_text() == "after"
