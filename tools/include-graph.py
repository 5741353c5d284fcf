#!/usr/bin/env python3
"""Prints the include graph of src by folder, and the cycles between modules and between folders.

include-graph.py                     print the folders
include-graph.py --modules FOLDER    print the modules of FOLDER, each with those that it includes
A module is a .c file with its .h. Exit status 1 if there is a cycle.
"""

import argparse
import collections
import pathlib
import re
import sys

SRC = pathlib.Path(__file__).resolve().parents[1] / "src"


def read_modules():
    """Returns {module: modules that its .c or .h includes}. A module's name is its path below src
    without suffix."""
    graph = collections.defaultdict(set)
    for path in sorted([*SRC.rglob("*.c"), *SRC.rglob("*.h")]):
        name = str(path.relative_to(SRC).with_suffix(""))
        included = re.findall(r'^#include "([^"]+)\.h"', path.read_text(), re.MULTILINE)
        graph[name] |= {other for other in included if other != name and (SRC / (other + ".h")).exists()}
    return dict(graph)


def folder_of(module):
    return module.rpartition("/")[0] or "."


def by_folder(modules):
    """Returns {folder: {included folder: number of includes}}."""
    graph = collections.defaultdict(collections.Counter)
    for module, others in modules.items():
        graph[folder_of(module)].update(folder_of(other) for other in others if folder_of(other) != folder_of(module))
    return dict(graph)


def cycles(graph):
    """Returns the strongly connected components of more than one node (Tarjan's algorithm)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            at = stack.index(node)
            part = stack[at:]
            del stack[at:]
            if len(part) > 1:
                found.append(sorted(part))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--modules", metavar="FOLDER")
    folder = parser.parse_args().modules
    modules = read_modules()
    sizes = collections.Counter(map(folder_of, modules))
    if folder:
        for module in sorted(m for m in modules if folder_of(m) == folder):
            print(f"{module} -> {' '.join(sorted(modules[module]))}")
        return 0
    for name, others in sorted(by_folder(modules).items()):
        print(f"{name} ({sizes[name]} modules) -> {', '.join(f'{o} {n}' for o, n in sorted(others.items())) or 'nothing'}")
    bad = cycles(modules) + cycles(by_folder(modules))
    for part in bad:
        print(f"cycle: {' '.join(part)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
