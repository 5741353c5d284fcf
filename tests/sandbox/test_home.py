"""Before each test, files that debuggers and clients read automatically are removed from HOME,
unless the suite put them there."""

import pytest

import suites_shapes

PLANT = "os.makedirs(os.path.dirname({0!r}), exist_ok=True); open({0!r}, 'w').write('x')"
FILES = ["/box/home/.gdbinit", "/box/home/.valgrindrc", "/box/home/.config/gdb/gdbinit", "/box/home/.curlrc",
         "/box/home/.netrc"]


@pytest.mark.parametrize("path", FILES)
def test_what_a_program_leaves_is_gone_before_the_next_test(site, path):
    code = "import os; " + PLANT.format(path)
    job = site.pytest(f"""
def test_plants():
    subprocess.run([sys.executable, "-c", {code!r}], check=True)
    assert os.path.exists({path!r})
def test_next():
    assert not os.path.exists({path!r})
""")
    assert job.passed, job.log


def test_what_is_no_debuggers_stays(site):
    job = site.pytest("""
def test_plants():
    subprocess.run(["sh", "-c", "mkdir -p ~/.config/own; touch ~/.config/own/x ~/.gitconfig ~/state"], check=True)
def test_next():
    assert os.path.exists("/box/home/.config/own/x") and os.path.exists("/box/home/.gitconfig") and os.path.exists("/box/home/state")
""")
    assert job.passed, job.log


@pytest.mark.parametrize("how", [
    "open('/box/home/.gdbinit', 'w').close()", "pathlib.Path('/box/home/.gdbinit').write_text('x')",
    "(open('/box/home/x', 'w').close(), os.rename('/box/home/x', '/box/home/.gdbinit'))"], ids=["open", "pathlib", "rename"])
def test_what_the_suite_writes_stays(site, how):
    job = site.pytest(f"""
@pytest.fixture(scope="session")
def settings():
    {how}
def test_writes(settings):
    pass
def test_next():
    assert os.path.exists("/box/home/.gdbinit")
""")
    assert job.passed, job.log


@pytest.mark.parametrize("home", [None, "/box/tests", "own"])
def test_files_elsewhere_stay(site, home):
    """HOME may be unset, or a directory of the suite with such files."""
    environment = "-u HOME" if home is None else f"HOME={home}"
    suite = site.repository(f"suite-{next(site.numbers)}-with-home", suites_shapes.manifest(
        f"env {environment} python3 -m pytest -p no:cacheprovider tests --junit-xml={{report}}",
        **{"tests/test_it.py": "def test_it(): pass\n", ".valgrindrc": "", "own/.gdbinit": "", ".config/gdb/gdbinit": ""}))
    job = site.job(site.student({"main.c": ""}), suite)
    assert job.passed, job.log


def test_what_a_wrapper_writes_stays(site):
    """If pytest gets the environment; also in workers of xdist."""
    code = """
import argparse, os, pathlib, subprocess, sys
parser = argparse.ArgumentParser()
parser.add_argument("--src")
parser.add_argument("--junit-xml")
args, rest = parser.parse_known_args()
pathlib.Path(os.environ["HOME"], ".gdbinit").write_text("")
subprocess.run(["sh", "-c", "touch ~/.curlrc"])
sys.exit(subprocess.run([sys.executable, "-m", "pytest", f"--junit-xml={args.junit_xml}", *rest, *%s]).returncode)
"""
    test = """
import os
def test_one():
    assert os.path.exists("/box/home/.gdbinit") and not os.path.exists("/box/home/.curlrc")
    assert not [name for name in os.environ if "KEPT" in name]
test_two = test_one
"""
    for words in ([], ["-n", "2"]):
        suite = site.repository(f"suite-{next(site.numbers)}-with-wrapper", {
            "pytest.ini": "[pytest]\naddopts = -p no:cacheprovider\n", "run_tests.py": code % words, "test_it.py": test})
        job = site.job(site.student({"main.c": ""}), suite)
        assert job.passed, job.log
