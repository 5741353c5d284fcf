#!/usr/bin/env python3
"""Prints reports of `gcovr --csv` side by side: line and branch coverage for each file and in
total.

coverage-table.py TITLE=REPORT.csv …
"""

import csv
import os
import sys

KINDS = ("line", "branch")


def read(path):
    """Returns {file: {kind: (covered, total)}}. The paths start with src/."""
    with open(path, newline="") as report:
        return {row["filename"]: {kind: (int(row[f"{kind}_covered"]), int(row[f"{kind}_total"])) for kind in KINDS}
                for row in csv.DictReader(report)}


def total(counts):
    return {kind: tuple(map(sum, zip((0, 0), *(count[kind] for count in counts)))) for kind in KINDS}


def percent(covered, of):
    """Formats a percentage, rounded down, so that 100 % means all."""
    return f"{covered * 1000 // of / 10:.1f} %" if of else "-"


def cells(counts):
    return "".join(f"{percent(*counts[kind]):>9} {counts[kind][0]:>5}/{counts[kind][1]:<5}" for kind in KINDS)


def main(words):
    titles, paths = zip(*(word.split("=", 1) for word in words))
    reports = [read(path) for path in paths]
    files = sorted(set().union(*reports), key=lambda name: (os.path.dirname(name), name))
    width = max(map(len, [*files, "in total"]))
    rows = [(name, [report.get(name, total([])) for report in reports]) for name in files]
    rows.append(("in total", [total(report.values()) for report in reports]))
    print(" " * width + "".join(f"  {title:<42}" for title in titles).rstrip())
    print(" " * width + f"  {'lines':>9} {'':>11}{'branches':>9} {'':>11}".rstrip() * len(reports))
    for name, columns in rows:
        print((f"{name:<{width}}" + "".join("  " + cells(counts) for counts in columns)).rstrip())


main(sys.argv[1:])
