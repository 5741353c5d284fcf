"""Suites that run the same tests with pytest in different ways, and the student's program that they
test."""

import pathlib

import harness


PROGRAM = (pathlib.Path(__file__).parent / "programs" / "witness.c").read_text()
MAKEFILE = """\
.PHONY: all before clean
all: program
program: witness.c
\tgcc -DATTACK='"$(shell cat attack)"' -o program witness.c
before: program
\t./program $(shell cat before)
clean:
\t./program $(shell cat clean)
"""
TESTS = """\
import os, subprocess, pytest
SRC = os.environ["OSTEST_SRC"]
def test_first(): pass
def test_build(): subprocess.run(["make", "-C", SRC], check=True, stdout=subprocess.DEVNULL)
def test_program(): assert subprocess.run([SRC + "/program"]).returncode == 0
def test_last(): pass
"""
# The program runs before its test begins.
TESTS_WITH_FIXTURE = TESTS.replace("def test_program(): assert subprocess.run([SRC + \"/program\"]).returncode == 0", """\
@pytest.fixture
def status(): return subprocess.run([SRC + "/program"]).returncode
def test_program(status): assert status == 0""")
NAMES = ["test_it::test_first", "test_it::test_build", "test_it::test_program", "test_it::test_last"]
WRAPPER = """\
import argparse, os, subprocess, sys
parser = argparse.ArgumentParser()
parser.add_argument("--src")
parser.add_argument("--junit-xml")
args, rest = parser.parse_known_args()
pytest = ["-m", "pytest", "-p", "no:cacheprovider", "tests", f"--junit-xml={args.junit_xml}", *rest]
make = ["make", "-C", args.src]
"""


def wrapper(code, **more):
    return {"run_tests.py": WRAPPER + code + "\n", "tests/test_it.py": TESTS} | more


NO_HELP = "import sys\nif '--help' in sys.argv:\n    sys.exit('no help')\n"
WITHOUT_TIMEOUT = "pytest = [word for word in pytest if word not in ('--proxy_timeout', '10')]\n"


def without_help(code, **more):
    """A wrapper with the command line of 2024."""
    files = wrapper(WITHOUT_TIMEOUT + code, **more)
    return files | {"run_tests.py": NO_HELP + files["run_tests.py"]}


def manifest(command, **more):
    return {"ostest-suite.conf": f"command = {command}\n", "tests/test_it.py": TESTS} | more


SHAPES = {
    "pytest": {"pytest.ini": "[pytest]\naddopts = -p no:cacheprovider\n", "tests/test_it.py": TESTS},
    "main": wrapper("import pytest as p\nsys.exit(p.main(pytest[2:]))"),
    "subprocess": wrapper("sys.exit(subprocess.run([sys.executable, *pytest]).returncode)"),
    "exec": wrapper("os.execv(sys.executable, [sys.executable, *pytest])"),
    "system": wrapper("sys.exit(os.system(' '.join(['python3', *pytest]) + '; exit $?') >> 8)"),
    "script": wrapper("sys.exit(subprocess.run(['pytest', *pytest[2:]]).returncode)"),
    "no-environment": wrapper("sys.exit(subprocess.run([sys.executable, *pytest], env={'OSTEST_SRC': os.environ['OSTEST_SRC'], "
                              "'PATH': '/usr/bin:/bin'}).returncode)"),
    "isolated": wrapper("sys.exit(subprocess.run([sys.executable, '-I', *pytest]).returncode)"),
    "ignoring": wrapper("sys.exit(subprocess.run([sys.executable, '-E', *pytest]).returncode)"),
    "own-path": wrapper("sys.exit(subprocess.run([sys.executable, *pytest], env={**os.environ, 'PYTHONPATH': '/box/tests/lib'})"
                        ".returncode)"),
    "tee": wrapper("os.system(' '.join(['python3', *pytest]) + ' | tee log')"),
    "build-before": wrapper("subprocess.run([*make, 'before'])\nsys.exit(subprocess.run([sys.executable, *pytest]).returncode)"),
    "clean-after": wrapper("os.system(' '.join(['python3', *pytest]) + ' | tee log')\nsubprocess.run([*make, 'clean'])"),
    "xdist": wrapper("sys.exit(subprocess.run([sys.executable, *pytest, '-n', '2', '--dist', 'loadfile']).returncode)"),
    "twice": wrapper("import pytest as p\np.main(['-p', 'no:cacheprovider', 'first'])\nsys.exit(p.main(pytest[2:]))",
                     **{"first/test_first.py": "def test_smoke(): pass\n"}),
    "no-help": without_help("import pytest as p\nsys.exit(p.main(pytest[2:]))"),
    "manifest": manifest("python3 -m pytest -p no:cacheprovider tests --junit-xml={report}"),
    "manifest-script": manifest("pytest -p no:cacheprovider tests --junit-xml={report}"),
    "manifest-shell": manifest("sh run.sh {report}", **{"run.sh": "python3 -m pytest -p no:cacheprovider tests --junit-xml=$1\n"}),
}


class Suites:
    """One repository for each shape, in a site's directory."""

    def __init__(self, site):
        self.site = site
        self.made = {}
        self.numbers = site.numbers  # other modules make suites in the same directory

    def get(self, shape):
        if shape not in self.made:
            self.made[shape] = self.site.repository(f"shape-{shape}", SHAPES[shape])
        return self.made[shape]

    def own(self, files, links=None):
        """Creates a suite for one test; `links`: path to target."""
        repository = harness.Repository(self.site.dir / f"suite-{next(self.numbers)}-of-its-own")
        for path, target in (links or {}).items():
            (repository.path / path).parent.mkdir(parents=True, exist_ok=True)
            (repository.path / path).symlink_to(target)
        repository.commit(files)
        self.site.give(repository.path)
        return repository

    def student(self, attack="nothing", before="nothing", clean="nothing", files=None):
        return self.site.student({"witness.c": PROGRAM, "Makefile": MAKEFILE, "attack": attack, "before": before,
                                  "clean": clean} | (files or {}))

    def job(self, shape, *options, suite=None, task=None, **student):
        return self.site.job(self.student(**student), suite or self.get(shape), *options, task=task)


def outcomes(job):
    return {name: test["isPassed"] for name, test in job.tests.items()}


def was_told(job):
    """Whether the plugin told of the tests."""
    return "no pytest reported its tests" not in job.log


