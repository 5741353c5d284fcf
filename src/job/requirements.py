"""Tells which of a suite's requirements this python does not satisfy.

Called as: python3 -I -c <this text> REQUIREMENTS...; each argument is the path of a requirements
file, or a plain requirement where it starts with "=". Prints one line "path <directory>" for each
directory that packages are looked for in, then one line "missing <requirement>: <why>" for each
requirement that is not satisfied. A line that only pip understands counts as not satisfied.
"""

import os
import sys
from importlib import metadata

try:
    from packaging.requirements import InvalidRequirement, Requirement
except ImportError:
    try:
        from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        Requirement = None


def lines(path):
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            line = line.split(" #")[0].strip()
            if line and not line.startswith("#"):
                yield line


def why_missing(text):
    if Requirement is None:
        return "this python has no package 'packaging' to compare versions with"
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return "not a plain requirement"
    if requirement.marker and not requirement.marker.evaluate():
        return None
    if requirement.url:
        return "not from the package index"
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return "not installed"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"version {version} is installed"
    return None


for directory in sys.path:
    if os.path.isdir(directory):
        print("path", directory)
for argument in sys.argv[1:]:
    for text in [argument[1:]] if argument.startswith("=") else lines(argument):
        why = why_missing(text)
        if why:
            print(f"missing {text}: {why}")
