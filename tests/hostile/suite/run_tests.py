#!/usr/bin/env python3
"""Runs the tests on a student's tree: builds it and runs the programs in its file "attacks"."""

import argparse
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).resolve().parent

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--src", required=True, help="the student's tree")
    parser.add_argument("--proxy_timeout", type=int, default=5, metavar="S", help="timeout of one run of the student's program")
    options, rest = parser.parse_known_args()
    # -s: a program that may use the run's own outputs gets the real ones.
    sys.exit(pytest.main([str(SUITE / "tests"), f"--rootdir={SUITE}", f"--src={options.src}", "-s",
                          f"--proxy_timeout={options.proxy_timeout}", "--tb=short", *rest]))
