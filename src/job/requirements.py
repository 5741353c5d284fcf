"""Lists the requirements of a suite that this python does not satisfy.

Called as: python3 -I -c <this text> REQUIREMENTS...; each argument is the path of a requirements
file, or a plain requirement if it starts with "=". Prints a line "path <directory>" for each
directory that is searched for packages, then a line "missing <requirement>: <why>" for each
requirement that is not satisfied. A line that only pip understands counts as not satisfied.
"""

import codecs
import os
import re
import sys
from importlib import metadata

try:
    from packaging.requirements import InvalidRequirement, Requirement
except ImportError:
    try:
        from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        Requirement = None


BOMS = [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
CODING = re.compile(rb"#.*?coding[:=]\s*([-\w.]+)")
COMMENT = re.compile(r"(^|\s+)#.*$")
INCLUDE = re.compile(r"(-r|-c|--requirement|--constraint)\s*=?\s*(.+)")
# Options about where to find packages, which do not matter for installed ones.
WHERE = re.compile(r"(-i|-f|--(index-url|extra-index-url|no-index|find-links|pre|prefer-binary|trusted-host|"
                   r"no-binary|only-binary|use-feature))\b")
MAX_DEPTH = 8


def decoded(data):
    """Decodes like pip, except that invalid bytes are not an error."""
    for bom, encoding in BOMS:
        if data.startswith(bom):
            return data[len(bom):].decode(encoding, "replace")
    for line in data.split(b"\n")[:2]:
        coding = CODING.match(line)
        if coding:
            try:
                return data.decode(coding.group(1).decode(), "replace")
            except LookupError:
                break
    return data.decode("utf-8", "replace")


def lines(path):
    """Yields the lines as pip joins them, without comments."""
    with open(path, "rb") as file:
        text = decoded(file.read())
    joined = ""
    for line in text.splitlines():
        if line.endswith("\\") and not COMMENT.match(line):
            joined += line.rstrip("\\")
            continue
        line, joined = joined + (" " + line if joined and COMMENT.match(line) else line), ""
        line = COMMENT.sub("", line).strip()
        if line:
            yield line
    if joined.strip():
        yield joined.strip()


def why_missing(text, is_constraint=False):
    if Requirement is None:
        return "this python has no package 'packaging' to compare versions with"
    if " --hash" in text:
        return "the hash of an installed package is not known"
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
        return None if is_constraint else "not installed"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"version {version} is installed"
    return None


def check(path, is_constraint=False, depth=0):
    """Yields each requirement that is not satisfied, with the reason."""
    for text in lines(path):
        include = INCLUDE.match(text)
        if include and depth < MAX_DEPTH:
            name = os.path.join(os.path.dirname(path), include.group(2).strip("'\""))
            try:
                yield from check(name, is_constraint or include.group(1) in ("-c", "--constraint"), depth + 1)
            except OSError as error:
                yield text, error.strerror
        elif not WHERE.match(text):
            why = why_missing(text, is_constraint)
            if why:
                yield text, why


for directory in sys.path:
    if os.path.isdir(directory):
        print("path", directory)
for argument in sys.argv[1:]:
    found = check(argument) if not argument.startswith("=") else [(argument[1:], why_missing(argument[1:]))]
    for text, why in found:
        if why:
            print(f"missing {text}: {why}")
