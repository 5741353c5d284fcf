#!/usr/bin/env python3
"""Runs the course's tests on a student's tree."""

import argparse
import importlib.util
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).resolve().parent
LABS = (1, 2)


def parse_arguments():
    """Returns the options of this script, and a list of those for pytest."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="All other options are passed on to pytest.",
        allow_abbrev=False,
    )
    parser.add_argument("--src", required=True, metavar="DIR",
                        help="the student's tree")
    parser.add_argument("--lab", required=True, type=int, choices=LABS,
                        help="the lab the student has reached: "
                             "tests of later labs do not run")
    parser.add_argument("--labs", nargs="+", metavar="MARKER",
                        choices=[f"lab{number}" for number in LABS],
                        help="run the tests of these labs only, e.g. lab1 lab2")
    parser.add_argument("--proxy_timeout", type=int, default=1, metavar="S",
                        help="whole seconds for one run of the student's program")
    return parser.parse_known_args()


def pytest_arguments(options, passed_on):
    """Returns the command line for pytest."""
    arguments = [
        str(SUITE / "tests"),
        f"--rootdir={SUITE}",
        f"--src={options.src}",
        f"--lab={options.lab}",
        f"--proxy_timeout={options.proxy_timeout}",
        "--tb=short",
        "-v",
    ]
    if importlib.util.find_spec("pytest_order"):
        arguments.append("--order-dependencies")
    if options.labs:
        arguments += ["-m", " or ".join(options.labs)]
    return arguments + passed_on


if __name__ == "__main__":
    sys.exit(pytest.main(pytest_arguments(*parse_arguments())))
