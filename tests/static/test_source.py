"""The rules of docs/architecture.md that a program can check."""

import ast
import pathlib
import re
import subprocess
import os

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("OSTEST_BUILD", REPO / "build"))
SRC = REPO / "src"

# Each folder of src, and the folders whose headers it may include besides its own: only ones further up in this list.
LAYERS = {
    "base": [],
    "base/opt": ["base"],
    "model": ["base", "base/opt"],
    "sandbox": ["base"],
    "sandbox/init": ["base", "sandbox"],
    "job/git": ["base", "model"],
    "job": ["base", "base/opt", "job/git", "model", "sandbox"],
    "mock": ["base", "base/opt", "model"],
    "runner/config": ["base", "base/opt", "model"],
    "runner/backend": ["base", "model", "runner/config"],
    "runner/executor": ["base", "model", "runner/config"],
    "runner/executor/slurm": ["base", "model", "runner/config", "runner/executor"],
    "runner/check": ["base", "model", "sandbox", "runner/config", "runner/executor/slurm"],
    "runner/queue": ["base", "model", "runner/config", "runner/backend", "runner/executor"],
    "runner/status": ["base", "model", "runner/config", "runner/queue"],
    "runner/service": ["base", "runner/config"],
    "runner/cli/run": ["base", "base/opt", "model", "sandbox", "runner/config"],
    "runner/cli": ["base", "base/opt", "model", "runner/config", "runner/backend", "runner/executor", "runner/check", "runner/queue", "runner/cli/run"],
    "runner": ["base", "model", "runner/config", "runner/executor", "runner/executor/slurm", "runner/check", "runner/queue",
               "runner/status", "runner/service", "runner/cli"],
}
# Libraries that a program must not be linked with.
FORBIDDEN_LIBRARIES = {
    "ostest-job": ["libcurl", "libmicrohttpd"],
    "ostest-runner": ["libexpat"],
    "ostest-mock-backend": ["libcurl", "libexpat"],
}
MAX_LINES = 700
MAX_FUNCTION_LINES = 100
MAX_MODULES = 25

SOURCES = sorted([*SRC.rglob("*.c"), *SRC.rglob("*.h")])


def includes(path):
    return re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(SRC)))
def test_includes_keep_to_the_layers(path):
    folder = str(path.relative_to(SRC).parent)
    allowed = {folder, *LAYERS[folder]}
    for name in includes(path):
        assert "/" not in name or name.rpartition("/")[0] in allowed, f"{path} includes {name}"


def test_modules_have_no_cycle():
    printed = subprocess.run([REPO / "tools" / "include-graph.py"], capture_output=True, text=True)
    assert printed.returncode == 0, printed.stdout


@pytest.mark.parametrize("folder", LAYERS)
def test_folders_are_small(folder):
    assert len({path.stem for path in SOURCES if path.parent == SRC / folder}) <= MAX_MODULES


def test_layers_have_no_cycle():
    order = list(LAYERS)
    for folder, below in LAYERS.items():
        assert all(order.index(other) < order.index(folder) for other in below), folder


@pytest.mark.parametrize("path", [p for p in SOURCES if p.suffix == ".c" and p.name != "main.c"],
                         ids=lambda path: str(path.relative_to(SRC)))
def test_own_header_comes_first(path):
    first = re.search(r'^#include ["<]([^">]+)', path.read_text(), re.MULTILINE).group(1)
    assert first == str(path.relative_to(SRC).with_suffix(".h"))


def test_headers_are_included_once():
    for path in SOURCES:
        if path.suffix == ".h":
            assert path.read_text().startswith("#pragma once"), path


def test_files_are_short():
    for path in SOURCES:
        assert len(path.read_text().splitlines()) <= MAX_LINES, path


def test_functions_are_short():
    for path in SOURCES:
        start = None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line == "{":
                start = number
            elif line == "}" and start:
                assert number - start <= MAX_FUNCTION_LINES, f"{path}:{start}"
                start = None


def test_every_module_below_the_programs_has_a_unit_test():
    tested = {path.stem.removeprefix("test-") for path in (REPO / "tests" / "unit").glob("test-*.c")}
    modules = {path.stem for layer in ("base", "model") for path in (SRC / layer).rglob("*.[ch]")
               if path.suffix == ".c" or "static inline" in path.read_text()}
    assert not modules - tested


@pytest.mark.parametrize("program", FORBIDDEN_LIBRARIES)
def test_programs_link_only_what_they_need(program):
    linked = subprocess.run(["ldd", BUILD / "src" / program], check=True, capture_output=True, text=True).stdout
    assert "libc.so" in linked or "libc.musl" in linked
    for library in FORBIDDEN_LIBRARIES[program]:
        assert library not in linked


@pytest.mark.parametrize("path", [*sorted((SRC / "pytest").glob("*.py")), SRC / "job" / "requirements.py"], ids=lambda path: path.name)
def test_what_runs_in_a_suites_python_keeps_to_3_8(path):
    """A suite may bring a python that is older than any system's."""
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    newer = {"removeprefix", "removesuffix", "is_relative_to", "with_stem", "unparse", "bit_count"}
    for node in ast.walk(tree):
        assert not (isinstance(node, ast.Attribute) and node.attr in newer), ast.dump(node)
        assert not (isinstance(node, ast.Subscript) and getattr(node.value, "id", "") in ("dict", "list", "set", "tuple"))
