"""Normal behaviour of pytest and its users that must not be taken for a forgery, with old and new
pytest."""

import re

import pytest

import sandboxed
import suites_shapes
from suites_shapes import SHAPES, was_told

INI = "[pytest]\naddopts = -p no:cacheprovider\n"


@pytest.fixture(scope="module")
def suites(any_site):
    return suites_shapes.Suites(any_site)


@pytest.fixture(params=sandboxed.PYTESTS)
def run(request, suites):
    """run(files, options): runs a suite with this version of pytest. Returns the job. `needs`: more
    packages."""
    def with_version(files, *options, needs=(), student=None, **named):
        suite = suites.own({"pytest.ini": INI} | files | sandboxed.pytest_requirement(request.param, *needs))
        return suites.job(None, *options, suite=suite, files=student, **named)
    return with_version


def outcomes(job):
    return {name: test["isPassed"] for name, test in job.tests.items()}


NAMED = """\
import os, pytest, subprocess, sys
def test_name(record_xml_attribute):
    record_xml_attribute("name", "first test")
    record_xml_attribute("classname", "lab one")
@pytest.mark.parametrize("x", ["a b", "[x/y]", "a::b"])
def test_x(x): pass
class TestRenamed:
    def test_y(self, record_property): record_property("k", "v")
@pytest.mark.xfail
def test_expected(): assert 0
def test_fail(): assert not FAILS
"""
RENAMING = """\
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        if "TestRenamed" in item.nodeid:
            item._nodeid = item.nodeid + " (renamed)"
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if "test_x" in item.name:
        report.nodeid += " - described"
"""


@pytest.mark.parametrize("fails", [False, True])
def test_names_that_the_suite_gives(run, fails):
    job = run({"test_a.py": NAMED.replace("FAILS", str(fails)), "conftest.py": RENAMING})
    assert job.result["errorDetails"] == "" and was_told(job)
    assert len(job.tests) == 7 and "lab one::first test" in job.tests
    assert [name for name, is_passed in outcomes(job).items() if not is_passed] == (["test_a::test_fail"] if fails else [])


THREE = "import os, time, pytest\ndef test_one(): pass\ndef test_two(): HOW\ndef test_three(): pass\n"


def check_ended(job, how):
    assert job.error.startswith(how) and "test_a::test_two was running" in job.error
    assert outcomes(job) == {"test_a::test_one": True, "test_a::test_two": False, "test_a::test_three": False}
    assert job.tests["test_a::test_three"]["description"] == "not run"


def test_a_test_that_ends_pytest(run):
    check_ended(run({"test_a.py": THREE.replace("HOW", "os._exit(1)")}),
                "The tests wrote no report (the test run ended with exit status 1)")


def test_a_timeout_that_ends_pytest(run):
    """The thread method of pytest-timeout terminates the process."""
    job = run({"test_a.py": THREE.replace("HOW", "time.sleep(1000)"),
               "pytest.ini": INI + "timeout = 1\ntimeout_method = thread\n"}, needs=["pytest-timeout"])
    check_ended(job, "The tests wrote no report (the test run ended with exit status 1)")


def test_an_interrupted_pytest_keeps_what_was_told(run):
    job = run({"test_a.py": THREE.replace("HOW", "raise KeyboardInterrupt")})
    assert job.error == "Report and run disagree: test_a::test_two started, but did not end (and 1 more)"
    assert outcomes(job) == {"test_a::test_one": True, "test_a::test_two": False, "test_a::test_three": False}


@pytest.mark.parametrize("options", ["-x", "--maxfail=1"])
def test_a_run_that_stops_at_the_first_failure(run, options):
    job = run({"test_a.py": THREE.replace("HOW", "assert 0"), "pytest.ini": INI.rstrip() + f" {options}\n"})
    assert not job.passed and outcomes(job) == {"test_a::test_one": True, "test_a::test_two": False}


NESTED = """\
import subprocess, sys
def test_inner(tmp_path):
    (tmp_path / "test_x.py").write_text("def test_y(): pass\\ndef test_z(): assert 0\\n")
    for words in ([sys.executable, "-m", "pytest"], ["pytest"]):
        done = subprocess.run([*words, "-p", "no:cacheprovider", "."], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert done.returncode == 1 and "1 failed, 1 passed" in done.stdout, done.stdout
def test_in_process(tmp_path):
    import pytest
    (tmp_path / "test_p.py").write_text("def test_y(): pass\\n")
    assert pytest.main(["-p", "no:cacheprovider", str(tmp_path)]) == 0
def test_other(): pass
"""


@pytest.mark.parametrize("name", ["test_inner", "test_a.py::test_inner", "in_process"])
def test_a_test_that_runs_pytest(run, name):
    job = run({"test_a.py": NESTED}, task={"connectedTests": [name]})
    assert job.passed and len(job.tests) == 1 and was_told(job)


def test_with_xdist_as_well(run):
    job = run({"test_a.py": NESTED, "pytest.ini": INI.rstrip() + " -n 2\n"}, needs=["pytest-xdist"],
              task={"connectedTests": ["test_a.py::test_inner", "test_a.py::test_other"]})
    assert job.passed and len(job.tests) == 2 and was_told(job)


def test_a_worker_that_dies(run):
    job = run({"test_a.py": THREE.replace("HOW", "os._exit(3)"), "pytest.ini": INI.rstrip() + " -n 1\n"}, needs=["pytest-xdist"])
    assert not job.result["isPassed"] and not job.result["errorDetails"].startswith("Report and run")
    assert outcomes(job)["test_a::test_one"] and not outcomes(job)["test_a::test_two"]


RERUNS = """\
import os, pytest
def is_again(name):
    was_there = os.path.exists("/tmp/" + name)
    open("/tmp/" + name, "w").close()
    return was_there
def test_call(): assert is_again("call")
@pytest.fixture
def setup(): assert is_again("setup")
def test_setup(setup): pass
@pytest.fixture
def teardown():
    yield
    assert is_again("teardown")
def test_teardown(teardown): pass
def test_never(): assert 0, "never"
def test_good(): pass
"""
CRASH = RERUNS + "def test_crash(): is_again('crash') or os._exit(3)\n"


@pytest.mark.parametrize("code, options", [(RERUNS, ""), (RERUNS, "-n 2"), (CRASH, "-n 2")], ids=["alone", "xdist", "crash"])
@pytest.mark.parametrize("version", ["7.4.4", "8.4.2", "9.0.3"])
def test_a_test_that_is_run_again_is_one(suites, version, code, options):
    """Its last run counts, both in the plugin's events and in the report."""
    requirements = f"pytest=={version}\npytest-rerunfailures\npytest-xdist\n"
    suite = suites.own({"pytest.ini": INI.rstrip() + f" --reruns 2 {options}\n", "test_a.py": code, "requirements.txt": requirements})
    job = suites.job(None, suite=suite)
    names = [test["name"] for test in job.result["testResults"]]
    assert job.result["errorDetails"] == "" and not job.result["isPassed"] and was_told(job)
    assert sorted(names) == sorted(f"test_a::{name}" for name in re.findall(r"def (test_\w+)", code))
    assert [name for name, is_passed in outcomes(job).items() if not is_passed] == ["test_a::test_never"]
    assert job.tests["test_a::test_never"]["description"].count("AssertionError: never") == 1


def test_a_rerun_that_did_not_end(suites):
    """The test crashed its worker, and pytest is killed during the rerun: it has not passed."""
    code = RERUNS + "def test_crash():\n    is_again('crash') or os._exit(3)\n    os.kill(os.getppid(), 9)\n    import time; time.sleep(60)\n"
    suite = suites.own({"pytest.ini": INI.rstrip() + " --reruns 2 -n 1\n", "test_a.py": code,
                        "requirements.txt": "pytest==9.0.3\npytest-rerunfailures\npytest-xdist\n"})
    job = suites.job(None, suite=suite)
    assert "test_a::test_crash was running" in job.error and not outcomes(job)["test_a::test_crash"]


SUBTESTS = """\
import pytest, unittest
def test_good(subtests):
    for i in range(3):
        with subtests.test(i=i): pass
def test_bad(subtests):
    with subtests.test("one"): pass
    with subtests.test("two"): assert 0, "second"
    with subtests.test("three"): assert 0, "third"
def test_skipped(subtests):
    with subtests.test("one"): pytest.skip("not here")
def test_expected(subtests):
    with subtests.test("one"): pytest.xfail("known")
class TestUnit(unittest.TestCase):
    def test_unit(self):
        for i in range(3):
            with self.subTest(i=i): self.assertNotEqual(i, 1)
"""


@pytest.mark.parametrize("options, end", [("", ""), ("-n 2", ""), ("", "def test_z_last():\n    import os; os._exit(1)\n")],
                         ids=["alone", "xdist", "told"])
@pytest.mark.parametrize("version", ["7.4.4", "8.4.2", "9.0.3"])
def test_subtests(suites, version, options, end):
    """As in the report of a run by hand, one case each with its worst outcome; also if only the
    plugin reports."""
    requirements = f"pytest=={version}\npytest-xdist\n" + ("" if version[0] == "9" else "pytest-subtests\n")
    suite = suites.own({"pytest.ini": INI.rstrip() + f" {options}\n", "test_a.py": SUBTESTS + end, "requirements.txt": requirements})
    job = suites.job(None, suite=suite)
    assert was_told(job) and job.result["isError"] == bool(end)
    found = {name.split("::")[1]: is_passed for name, is_passed in outcomes(job).items()}
    assert found == {"test_good": True, "test_bad": False, "test_skipped": False, "test_expected": True, "test_unit": False} | \
        ({"test_z_last": False} if end else {})
    text = job.tests["test_a::test_bad"]["description"]
    assert "AssertionError: second" in text and "AssertionError: third" in text
    assert "not here" in job.tests["test_a::test_skipped"]["description"]


def test_a_fork_that_goes_on_as_pytest(run):
    """A child that the test forgot does not report in the session."""
    code = "import os\ndef test_fork():\n    pid = os.fork()\n    if pid == 0:\n        raise SystemExit(0)\n    os.waitpid(pid, 0)\ndef test_after(): pass\n"
    job = run({"test_a.py": code})
    assert not job.result["errorDetails"].startswith("Report and run disagree: another process")


# ---- other suites


def test_compiled_python(run):
    """Imports leave no bytecode next to the suite's files, but a test may create it."""
    code = """
import compileall, os, py_compile, subprocess, sys
os.makedirs("build", exist_ok=True)
def source(name):
    path = "build/" + name
    open(path, "w").write("print(7)\\n")
    return path
def test_in_process(): assert os.path.exists(py_compile.compile(source("a.py"), doraise=True))
def test_all(): source("b.py"); assert compileall.compile_dir("build", quiet=1)
def test_in_another(): assert subprocess.run([sys.executable, "-m", "py_compile", source("c.py")]).returncode == 0
"""
    job = run({"test_a.py": code})
    assert job.passed, job.result


def test_another_python(suites):
    """It does not have the plugin: then only its report counts, and the log says so."""
    command = "sys.exit(subprocess.run(['/usr/bin/python3', *pytest]).returncode)"
    suite = suites.own(suites_shapes.wrapper(command))
    for attack, is_passed in [("nothing", True), ("fail", False)]:
        job = suites.job(None, suite=suite, attack=attack)
        assert job.passed == is_passed and not was_told(job)


def test_a_suite_without_pytest(suites):
    write = "open(args.junit_xml, 'w').write(\"<testsuite><testcase classname='t' name='one'/></testsuite>\")"
    suite = suites.own({"run_tests.py": suites_shapes.WRAPPER.replace("pytest", "other") + f"# not pytest\n{write}\n"})
    job = suites.job(None, suite=suite)
    assert job.passed and not was_told(job)


NEEDS_FILES = "if not os.listdir(args.src):\n    sys.exit('no files')\n"
OWN_REPORT = "open(args.junit_xml, 'w').write(\"<testsuite><testcase classname='t' name='one'/></testsuite>\")\n"


@pytest.mark.parametrize("code", [
    NEEDS_FILES + "sys.exit(subprocess.run(['/usr/bin/python3', *pytest]).returncode)",
    NEEDS_FILES + "os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'\nimport pytest as p\nsys.exit(p.main(pytest[2:]))",
    NEEDS_FILES + "sys.exit(subprocess.run([sys.executable, *pytest, '-p', 'no:ostest']).returncode)",
    "print('no pytest here')\n" + OWN_REPORT,
], ids=["another-python", "no-plugins", "not-ours", "own-report"])
@pytest.mark.parametrize("make", [suites_shapes.wrapper, suites_shapes.without_help], ids=["help", "no-help"])
def test_suites_without_the_plugin_that_need_files(suites, make, code):
    """Without a student's files the trial run does not show whether pytest runs, but the suite's
    files show that it does not run with the plugin."""
    job = suites.job(None, suite=suites.own(make(code)))
    assert job.passed and not was_told(job)


@pytest.mark.parametrize("files", [
    {"README.md": "not pytest\n"}, {"check.c": "/* as in\n * pytest\n */\n// pytest\n"}, {"helper.py": '"""As in pytest."""\n'},
    {"run.sh": "#!/bin/sh\n# pytest\n"}], ids=["docs", "c", "docstring", "shell"])
def test_suites_that_only_speak_of_pytest(suites, files):
    program = suites_shapes.WRAPPER.replace("pytest", "other") + NEEDS_FILES + OWN_REPORT
    job = suites.job(None, suite=suites.own({"run_tests.py": program} | files))
    assert job.passed and not was_told(job)


def test_a_run_without_files_that_has_no_end(suites):
    """The timeout ends it; the suite then counts as one that runs pytest, which is correct."""
    code = "if not os.listdir(args.src):\n    import time; time.sleep(1000)\nsys.exit(subprocess.run([sys.executable, *pytest]).returncode)"
    job = suites.job(None, "--timeout", 15, suite=suites.own(suites_shapes.wrapper(code)))
    assert job.passed and was_told(job)


def test_whether_pytest_runs_is_found_out_once(suites):
    """Without a student's files, so the build before pytest lacks what it needs."""
    code = "open('/box/home/count', 'a').close()\nassert os.listdir(args.src) or '--help' in sys.argv\n"
    suite = suites.own(SHAPES["main"] | {"run_tests.py": suites_shapes.WRAPPER + code + SHAPES["main"]["run_tests.py"].split("\n", 7)[7]})
    assert suites.job(None, suite=suite).passed
    assert suites.job(None, suite=suite).passed


def test_plugins_that_are_not_loaded_by_themselves(suites):
    suite = suites.own(suites_shapes.wrapper("os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'\nimport pytest as p\nsys.exit(p.main(pytest[2:]))"))
    job = suites.job(None, suite=suite)
    assert job.passed and not was_told(job)


@pytest.mark.parametrize("words", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_a_students_own_tests_in_a_copy(run, words):
    """Their conftest.py is theirs, not code of the suite."""
    code = f"""
import os, shutil, subprocess, sys
def test_students_tests():
    shutil.copytree(os.environ["OSTEST_SRC"], "work")
    subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider"], cwd="work", check=True)
"""
    ini = INI.replace("cacheprovider", " ".join(["cacheprovider", *words]))
    student = {"conftest.py": "import pytest\n", "test_own.py": "def test_own(): pass\n"}
    job = run({"pytest.ini": ini, "test_it.py": code}, needs=["pytest-xdist"], student=student)
    assert job.passed, job.log


def test_a_test_that_crashes_its_worker_has_failed(run):
    """The student's library caused it, so it is not an error of the machine."""
    code = "import os\ndef test_ok(): pass\ndef test_crash(): os.abort()\ndef test_more(): pass\n"
    job = run({"test_it.py": code, "pytest.ini": INI.replace("cacheprovider", "cacheprovider -n 1")}, needs=["pytest-xdist"])
    assert not job.result["isError"], job.log
    assert outcomes(job) == {"test_it::test_ok": True, "test_it::test_crash": False, "test_it::test_more": True}
