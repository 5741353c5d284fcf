#!/usr/bin/env python3
"""Compares the output of script/demo with the table in the course's README: the students and their
passed tests.

check-demo.py OUTPUT
"""

import pathlib
import re
import sys

COURSE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "course" / "README.md"
TESTS = 20

wanted = {}
for name, passed in re.findall(r"^\| `([\w-]+)` \| (\d+) \|", COURSE.read_text(encoding="utf-8"), re.MULTILINE):
    wanted[name] = ("passed" if int(passed) == TESTS else "failed", f"{passed}/{TESTS}")
output = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
rows = re.findall(r"^([\w-]+) +(passed|failed|error) +(\d+/\d+) ", output, re.MULTILINE)
found = {name: (verdict, passed) for name, verdict, passed in rows}
right = [name for name in wanted if found.get(name) == wanted[name]]
for name in sorted(wanted.keys() | found.keys()):
    if name not in right:
        print(f"WRONG: {name}: {found.get(name, 'missing')}, not {wanted.get(name, 'in the README')}")
print(f"demo: {len(right)} of {len(wanted)} students as documented")
sys.exit(0 if wanted and len(right) == len(wanted) == len(found) else 1)
