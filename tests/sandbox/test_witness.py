"""The plugin connects first, and no other process can report in its place: attacks in suites of
every shape."""

import pytest

import suites_shapes
from suites_shapes import NAMES, SHAPES, outcomes, was_told

DISAGREE = "Report and run disagree: "
ALL_PASSED = dict.fromkeys(NAMES, True)
ONE_FAILED = ALL_PASSED | {"test_it::test_program": False}


@pytest.fixture(scope="module")
def suites(site):
    return suites_shapes.Suites(site)


def check_failed(job):
    """Asserts that the program's own failure is the verdict, so that the attack had no effect."""
    assert not job.passed and job.result["errorDetails"] == ""
    assert outcomes(job) == ONE_FAILED


# ---- every shape reports its tests


@pytest.mark.parametrize("shape", SHAPES)
def test_a_good_program_passes(suites, shape):
    job = suites.job(shape)
    assert job.passed and was_told(job)
    assert outcomes(job) == ALL_PASSED


@pytest.mark.parametrize("shape", SHAPES)
def test_a_program_that_fails_does_not(suites, shape):
    check_failed(suites.job(shape, attack="fail"))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_connected_test_is_selected(suites, shape):
    for name in ("test_last", "test_it.py::test_last"):
        job = suites.job(shape, task={"connectedTests": [name]})
        assert job.passed and outcomes(job) == {"test_it::test_last": True}


# ---- attacks


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape not in ("tee", "clean-after")])
def test_pytest_is_not_patched(suites, shape):
    """The attack tries to show exit status 0 to the process that runs the tests, pytest or an xdist
    worker."""
    check_failed(suites.job(shape, attack="patch-parent"))


def test_the_wrapper_is_not_patched_before_pytest_starts(suites):
    check_failed(suites.job("build-before", attack="fail", before="patch-wrapper"))


def test_nobody_speaks_as_the_shell_that_waits_for_pytest(suites):
    check_failed(suites.job("system", attack="speak-as-shell"))


@pytest.mark.parametrize("tests", [suites_shapes.TESTS, suites_shapes.TESTS_WITH_FIXTURE], ids=["test", "fixture"])
def test_an_interrupt_does_not_hide_the_rest(suites, tests):
    """The suite drops pytest's exit status and keeps only the report, with the tests before the
    interrupt."""
    suite = suites.own(SHAPES["tee"] | {"tests/test_it.py": tests})
    job = suites.job(None, suite=suite, attack="interrupt")
    assert job.error == DISAGREE + "test_it::test_program started, but did not end (and 1 more)"
    assert outcomes(job) == {NAMES[0]: True, NAMES[1]: True, NAMES[2]: False, NAMES[3]: False}


def test_a_report_that_is_replaced_after_pytest(suites):
    job = suites.job("clean-after", attack="fail", clean="replace-report")
    assert job.error == DISAGREE + "test_it::test_program did not pass, but the report says so"
    assert outcomes(job) == ONE_FAILED


LONG = """\
import os, subprocess, pytest
SRC = os.environ["OSTEST_SRC"]
def test_first(): pass
def test_build(): subprocess.run(["make", "-C", SRC], check=True, stdout=subprocess.DEVNULL)
@pytest.mark.parametrize("line", open(SRC + "/lines").read().split())
def test_line(line): assert len(line) < 10
def test_program(): assert subprocess.run([SRC + "/program"]).returncode == 0
def test_last(): pass
"""


def test_an_event_that_is_too_long(suites):
    """For a test whose name the student chooses."""
    suite = suites.own(SHAPES["clean-after"] | {"tests/test_it.py": LONG})
    job = suites.job(None, suite=suite, attack="fail", clean="replace-report", files={"lines": "x" * 70000})
    assert job.error.startswith(DISAGREE) and not job.result["isPassed"]
    assert not job.tests["test_it::test_program"]["isPassed"]


def test_a_long_event_is_no_error(suites):
    suite = suites.own(SHAPES["pytest"] | {"tests/test_it.py": LONG.replace("< 10", "> 10")})
    job = suites.job(None, suite=suite, files={"lines": " ".join(str(i) + "я" * 70000 for i in range(2))})
    assert job.passed and len(job.tests) == 6 and was_told(job)


# ---- forged sessions

SPEAK = """\
import json, os, socket
def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect("/channel/events")
    return s
def say(s, event, **more):
    s.send(json.dumps({"event": event, **more}).encode())
def whole_session():
    s = connect()
    say(s, "hello")
    answer = s.recv(1)
    for name in ("test_first", "test_build", "test_program", "test_last"):
        node = "tests/test_it.py::" + name
        say(s, "start", id=node)
        say(s, "end", id=node, outcome="passed", ms=1, cpu_us=1, text="")
    say(s, "finish")
    return answer
"""


def speaking(code):
    """Returns a Makefile of the student that runs this code with a Python outside of the
    environment."""
    makefile = suites_shapes.MAKEFILE.replace("all: program", "all: program\n\t/usr/bin/python3 -S speak.py").replace(
        "before: program", "before: program\n\t/usr/bin/python3 -S speak.py")
    return {"Makefile": makefile, "speak.py": SPEAK + code}


def test_what_a_test_starts_has_no_session(suites):
    files = speaking("assert whole_session() == b'n'")
    job = suites.job("tee", attack="fail", files=files)
    assert job.error == DISAGREE + "a process other than pytest reported tests"
    assert outcomes(job) == ONE_FAILED


def test_a_session_before_pytest_does_not_replace_its_own(suites):
    """Its reports count too, but pytest's own tests decide."""
    suite = suites.own(SHAPES["clean-after"] | {"run_tests.py": SHAPES["build-before"]["run_tests.py"]})
    job = suites.job(None, suite=suite, attack="fail", files=speaking("whole_session()"))
    assert not job.result["isPassed"] and not job.tests["test_it::test_program"]["isPassed"]


@pytest.mark.parametrize("code", [
    "s = connect(); s.send(b'nonsense')", "s = connect(); say(s, 'start', id='x')", "s = connect(); say(s, 'hello'); s.recv(1); say(s, 'hello')",
    "s = connect(); say(s, 'hello'); s.recv(1); say(s, 'lost')",
    "s = connect(); say(s, 'hello'); s.recv(1); pid = os.fork(); pid or say(s, 'finish'); pid and os.wait()",
    "all_of_them = [connect() for _ in range(300)]",
], ids=["nonsense", "no-hello", "two-hellos", "lost", "another-process", "many"])
def test_what_is_not_pytests_is_an_error(suites, code):
    """During the build before pytest, when a session would be accepted."""
    job = suites.job("build-before", files=speaking(code))
    assert job.error.startswith(DISAGREE)


def test_without_pytest_there_is_no_pass(suites):
    """The suite runs pytest; a report of a build that replaces pytest does not count."""
    code = "subprocess.run([*make, 'before'])\nif not os.path.exists(args.src + '/skip'):\n    subprocess.run([sys.executable, *pytest])"
    suite = suites.own(SHAPES["main"] | {"run_tests.py": suites_shapes.WRAPPER + code + "\n"})
    assert suites.job(None, suite=suite).passed
    job = suites.job(None, suite=suite, before="replace-report", files={"skip": ""})
    assert job.error == DISAGREE + "pytest reported no tests"


SKIPPING = "if not os.path.exists(args.src + '/skip'):\n    sys.exit(subprocess.run([sys.executable, *pytest]).returncode)"


@pytest.mark.parametrize("before_pytest", ["", "if not os.listdir(args.src):\n    sys.exit('no files')\n"], ids=["tried", "not-tried"])
def test_without_pytest_there_is_no_pass_without_a_help(suites, before_pytest):
    """Whether or not the trial run without a student's files reaches pytest."""
    suite = suites.own(suites_shapes.without_help(before_pytest + "subprocess.run([*make, 'before'])\n" + SKIPPING))
    job = suites.job(None, suite=suite)
    assert job.passed and was_told(job) and "help cannot be used" in job.log
    job = suites.job(None, suite=suite, before="replace-report", files={"skip": ""})
    assert job.error == DISAGREE + "pytest reported no tests"


ORPHAN = """
import signal, sys, time
if os.fork():
    os.wait()
    while not os.path.exists("/tmp/said"):
        time.sleep(0.01)
    sys.exit(1)
if os.fork():
    os._exit(0)
os.setsid()
pytest, report, node = int(sys.argv[1]), "/box/home/report.xml", "tests/test_it.py::test_program_too"
while os.getppid() != 1:
    time.sleep(0.01)
s = connect()
say(s, "hello")
if s.recv(1) == b"o":
    say(s, "start", id=node)
    say(s, "end", id=node, outcome="passed", ms=1, cpu_us=1, text="")
    say(s, "finish")
open("/tmp/said", "w").close()
while not (os.path.exists(report) and os.path.getsize(report)):
    pass
os.kill(pytest, signal.SIGSTOP)
open(report, "w").write('<testsuite><testcase classname="tests.test_it" name="test_program_too"/>'
                        '<testcase classname="x" name="x"><failure/></testcase></testsuite>')
os.kill(pytest, signal.SIGCONT)
"""


def test_an_orphan_has_no_session(suites):
    """It does not descend from pytest; its test in its report is not the connected one."""
    tests = "import os, subprocess\ndef test_program():\n    assert subprocess.run([{}, str(os.getpid())]).returncode == 0\n".format(
        "'/usr/bin/python3', '-S', os.environ['OSTEST_SRC'] + '/speak.py'")
    suite = suites.own(SHAPES["pytest"] | {"tests/test_it.py": tests})
    job = suites.job(None, suite=suite, files={"speak.py": SPEAK + ORPHAN}, task={"connectedTests": ["test_it.py::test_program"]})
    assert not job.result["isPassed"]
    if not job.result["isError"]:  # the attack was too late
        assert outcomes(job) == {"test_it::test_program": False}


# ---- code that was loaded

TELL = "import os\nopen('/box/home/loaded', 'w').close()\n"
VANISH = TELL + "os.unlink(__file__)\n"
LOADS = {"tests/test_it.py": suites_shapes.TESTS + "import filecmp, helpers\n", "tests/helpers.py": "V = 1\n"}


def planting(code):
    """Returns a Makefile that runs this Python code in the suite's directory before pytest."""
    makefile = suites_shapes.MAKEFILE.replace("before: program", "before: program\n\tcd /box/tests && /usr/bin/python3 -S /box/src/plant.py")
    return {"Makefile": makefile, "plant.py": f"import os, pathlib\nVANISH = {VANISH!r}\nTELL = {TELL!r}\n{code}\n"}


COMPILE = "import py_compile, importlib.util as u\npathlib.Path('/tmp/evil.py').write_text(VANISH)\n"
PLANTED = {
    "in-place-of-pytest": ("pytest.py", "pathlib.Path('pytest.py').write_text(VANISH)"),
    "doctest": ("tests/test_aaa.txt", "pathlib.Path('tests/test_aaa.txt').write_text('>>> 1\\n1\\n')"),
    "module": ("tests/filecmp.py", "pathlib.Path('tests/filecmp.py').write_text(VANISH)"),
    "package": ("tests/filecmp/__init__.py", "os.mkdir('tests/filecmp'); pathlib.Path('tests/filecmp/__init__.py').write_text(VANISH)"),
    "conftest": ("tests/conftest.py", "pathlib.Path('tests/conftest.py').write_text(VANISH)"),
    "link": ("tests/filecmp.py", "pathlib.Path('/tmp/evil.py').write_text(TELL); os.symlink('/tmp/evil.py', 'tests/filecmp.py')"),
    "linked-directory": ("tests/filecmp/__init__.py", "os.mkdir('/tmp/d'); pathlib.Path('/tmp/d/__init__.py').write_text(TELL); "
                                                   "os.symlink('/tmp/d', 'tests/filecmp')"),
    "test": ("tests/test_more.py", "pathlib.Path('tests/test_more.py').write_text(VANISH)"),
    "without-source": ("tests/filecmp.pyc", COMPILE + "py_compile.compile('/tmp/evil.py', 'tests/filecmp.pyc', dfile='<frozen filecmp>')"),
    "locked-directory": ("tests/sub/conftest.py", "os.mkdir('tests/sub'); pathlib.Path('tests/sub/conftest.py').write_text(VANISH); "
                         "pathlib.Path('tests/sub/test_sub.py').write_text('')"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_code_that_is_not_the_suites(suites, what):
    """The student's build plants it before pytest starts; it deletes itself when loaded."""
    path, code = PLANTED[what]
    suite = suites.own(SHAPES["build-before"] | LOADS)
    job = suites.job(None, suite=suite, files=planting(code))
    assert job.error in (f"The file {path} was loaded from the suite's directory, but is not the suite's",
                         f"The file {path} was added to the suite while the tests ran, and tools take it for one of the suite's own")


def test_code_that_an_xdist_worker_imports_before_pytest(suites):
    code = "\nsubprocess.run([*make, 'before'])\nsys.exit(subprocess.run([sys.executable, '-c', 'import sys;sys.path.pop(0);import pytest;" \
           "sys.exit(pytest.main(sys.argv[1:]))', *pytest[2:], '-n', '1']).returncode)\n"
    suite = suites.own(SHAPES["xdist"] | {"run_tests.py": suites_shapes.WRAPPER + code})
    assert suites.job(None, suite=suite).passed
    job = suites.job(None, suite=suite, files=planting("pathlib.Path('contextlib.py').write_text(VANISH)"))
    assert job.error == "The file contextlib.py was loaded from the suite's directory, but is not the suite's"


@pytest.mark.parametrize("how", ["'-E', *pytest]", "*pytest], env={'PATH': os.environ['PATH'], 'OSTEST_SRC': args.src}"])
def test_packages_in_the_home_directory_are_not_read(suites, how):
    """With -E or the suite's own environment, PYTHONNOUSERSITE is not set."""
    code = f"subprocess.run([*make, 'before'])\nsys.exit(subprocess.run([sys.executable, {how}).returncode)\n"
    check = "import os\ndef test_nothing_was_loaded(): assert not os.path.exists('/box/home/loaded')\n"
    suite = suites.own(SHAPES["main"] | {"run_tests.py": suites_shapes.WRAPPER + code, "tests/test_loaded.py": check})
    plant = """
import sys
packages = pathlib.Path('/box/home/.local/lib/python%d.%d/site-packages' % sys.version_info[:2])
packages.mkdir(parents=True)
(packages / 'evil.pth').write_text(TELL.replace('\\n', ';'))
"""
    job = suites.job(None, suite=suite, files=planting(plant))
    assert job.passed and len(job.tests) == 5


def test_modules_above_a_suite_that_is_a_package(suites):
    """pytest puts its parent directory first into sys.path."""
    code = "subprocess.run([*make, 'before'])\nsys.exit(subprocess.run([sys.executable, *pytest]).returncode)\n"
    files = {"run_tests.py": suites_shapes.WRAPPER + code, "__init__.py": "", "tests/__init__.py": "",
             "tests/test_loaded.py": "import filecmp\ndef test_loaded(): pass\n"}
    suite = suites.own(SHAPES["main"] | files)
    assert suites.job(None, suite=suite, files=planting("pathlib.Path('/box/other.py').touch()")).passed
    assert "/box/filecmp.py" in suites.job(None, suite=suite, files=planting("pathlib.Path('/box/filecmp.py').write_text(TELL)")).error


@pytest.mark.parametrize("work", ["", "\nos.unlink('/box/{0}')"], ids=["stays", "is-gone-again"])
@pytest.mark.parametrize("name", ["pytest.ini", "pytest.toml", "tox.ini", "conftest.py"])
def test_settings_above_a_suite_that_has_none(suites, name, work):
    plant = f"pathlib.Path('/box/{name}').write_text('')" + work.format(name)
    assert f"../{name} was added to the suite" in suites.job("build-before", attack="fail", files=planting(plant)).error


@pytest.mark.parametrize("place", ["/box/tests", "/box/tests/tests", "/box"])
def test_entry_points_in_the_place_of_a_plugins(suites, place):
    """pytest searches each directory of sys.path and uses the first plugin of a name."""
    slow = suites_shapes.TESTS + "import time\ndef test_slow(): time.sleep(3)\n"
    files = SHAPES["build-before"] | {"pytest.ini": "[pytest]\ntimeout = 1\n", "requirements.txt": "pytest<9\npytest-timeout\n",
                                      "tests/test_it.py": slow}
    suite = suites.own(files | ({"__init__.py": "", "tests/__init__.py": ""} if place == "/box" else {}))
    assert not suites.job(None, suite=suite).result["isPassed"]
    plant = (f"d = pathlib.Path('{place}/x-1.dist-info')\nd.mkdir()\n(d / 'METADATA').write_text('Metadata-Version: 2.1\\nName: x\\nVersion: 1\\n')\n"
             "(d / 'entry_points.txt').write_text('[pytest11]\\ntimeout = json\\n')\n")
    assert not suites.job(None, suite=suite, files=planting(plant)).result["isPassed"]


def test_modules_beside_a_suite_of_unittest(suites):
    """python is the suite's command, and its main script is not a file of the suite."""
    tests = """
import os, subprocess, unittest
class Tests(unittest.TestCase):
    def test_1(self): subprocess.run(["make", "-C", os.environ["OSTEST_SRC"], "before"], check=True, stdout=subprocess.DEVNULL)
    def test_2(self):
        import filecmp
def tearDownModule(): open("/box/home/report.xml", "w").write("<testsuite><testcase name='own'/></testsuite>")
"""
    suite = suites.own({"ostest-suite.conf": "command = python3 -m unittest own\nrequirements = requirements.txt\n",
                        "requirements.txt": "", "own.py": tests})
    assert suites.job(None, suite=suite, files=planting("pathlib.Path('other.py').touch()")).passed
    assert "filecmp.py was loaded" in suites.job(None, suite=suite, files=planting("pathlib.Path('filecmp.py').write_text(TELL)")).error


@pytest.mark.parametrize("module", ["json", "json/__init__"])
def test_modules_beside_the_suites_that_shadow_pythons_own(suites, module):
    """In a helper that a test runs; other modules there may be the student's."""
    test = """
import os, pathlib, subprocess, sys
def test_make(): subprocess.run(["make", "-C", os.environ["OSTEST_SRC"], "before"], check=True, stdout=subprocess.DEVNULL)
def test_helper(): subprocess.run([sys.executable, "-m", "json.tool"], input=b"{}", check=True)
def test_module(): subprocess.run([sys.executable, "-c", "import other"], check=True)
"""
    suite = suites.own(SHAPES["subprocess"] | {"tests/test_it.py": test})
    plant = "pathlib.Path('other.py').touch()\n"
    assert suites.job(None, suite=suite, files=planting(plant)).passed
    evil = f"path = pathlib.Path('{module}.py')\npath.parent.mkdir(exist_ok=True)\npath.write_text('import os; os._exit(0)')\n"
    assert f"{module}.py was loaded" in suites.job(None, suite=suite, files=planting(plant + evil)).error


LABS = {"pytest.ini": "[pytest]\naddopts = -p no:cacheprovider\n", "tests/test_it.py": suites_shapes.TESTS,
        "tests/lab2/test_two.py": "import os, subprocess\ndef test_two(): assert subprocess.run([os.environ['OSTEST_SRC'] + '/program']).returncode == 0\n"}


@pytest.mark.parametrize("version", ["7.4.4", "8.4.2", "9.0.1"])
@pytest.mark.parametrize("mark", ["pyvenv.cfg", "bin/activate", "conda-meta/history"])
def test_a_directory_that_looks_like_a_virtual_environment(suites, version, mark):
    """pytest does not collect tests there. A directory that the suite itself creates may look
    so."""
    suite = suites.own(SHAPES["build-before"] | LABS | {"requirements.txt": f"pytest=={version}\n"})
    make = f"path = pathlib.Path('tests/lab2/{mark}')\npath.parent.mkdir(exist_ok=True)\npath.touch()\n"
    job = suites.job(None, suite=suite, files=planting(make))
    assert job.result["isError"] or len(job.tests) == 5
    own = planting(make.replace("tests/lab2", "tests/made").replace("mkdir(", "mkdir(parents=True, "))
    assert suites.job(None, suite=suite, files=own).passed


@pytest.mark.parametrize("version", ["7.4.4", "8.4.2", "9.0.1"])
def test_a_root_directory_by_setup(suites, version):
    """With a setup.py there, pytest does not read a conftest.py above it."""
    check = "import pytest\n@pytest.fixture(autouse=True)\ndef check():\n    yield\n    assert 0, 'style'\n"
    files = SHAPES["build-before"] | {"conftest.py": check, "requirements.txt": f"pytest=={version}\n"}
    suite = suites.own(files)
    assert not suites.job(None, suite=suite).result["isPassed"]
    assert not suites.job(None, suite=suite, files=planting("pathlib.Path('tests/setup.py').touch()")).result["isPassed"]


SETTINGS = {"pytest.ini": "[pytest]\naddopts = -k 'not program'\n"}
OPTION = {"conftest.py": "def pytest_addoption(parser): parser.addoption('--src')\n"}


@pytest.mark.parametrize("version", ["7.4.4", "8.4.2", "9.0.1"])
def test_settings_of_the_student_are_not_the_suites(suites, version):
    """pytest takes a directory after an unknown option for a test path, and reads settings
    there."""
    files = suites_shapes.manifest("python3 -m pytest -p no:cacheprovider tests --src {src} --junit-xml={report}") | OPTION
    suite = suites.own(files | {"requirements.txt": f"pytest=={version}\n"})
    without = suites.job(None, suite=suite)
    job = suites.job(None, suite=suite, files=SETTINGS)
    assert without.passed and job.passed and outcomes(job) == outcomes(without)
    job = suites.job(None, suite=suite, attack="fail", files=SETTINGS)
    assert not job.result["isError"] and not outcomes(job)["tests.test_it::test_program"]


def test_settings_of_the_student_are_read_by_the_students_own_pytest(suites):
    run = "subprocess.run([sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', *words], cwd=place, stdout=subprocess.PIPE, text=True)"
    nested = suites_shapes.TESTS + f"""
import sys
@pytest.mark.parametrize("place, words", [(SRC, []), ("/", [SRC])])
def test_nested(place, words):
    assert "1 deselected" in {run}.stdout
"""
    student = {"pytest.ini": "[pytest]\naddopts = -k one\n", "test_own.py": "def test_one(): pass\ndef test_two(): pass\n"}
    assert suites.job(None, suite=suites.own(SHAPES["subprocess"] | {"tests/test_it.py": nested}), files=student).passed


def test_settings_that_the_suite_names(suites):
    files = suites_shapes.manifest("sh run.sh {report}", **{
        "run.sh": "printf '[pytest]\\naddopts = -p no:cacheprovider\\n' >/tmp/own.ini\npytest -c /tmp/own.ini --rootdir . --junit-xml=$1\n"})
    assert suites.job(None, suite=suites.own(files)).passed


# The timeout runs in pytest, or in a worker of xdist.
SLOW = """import os, subprocess
def test_first(): pass
def test_fast(): subprocess.run(["sh", os.environ["OSTEST_SRC"] + "/slow.sh"], timeout=1, check=True)
"""
STOP = """kill -STOP $PPID
( while ! grep -q '^State:.Z' /proc/$$/status; do sleep 0.1; done; kill -CONT $PPID ) >/dev/null 2>&1 &
sleep 2
"""


@pytest.mark.parametrize("shape", ["subprocess", "main", "xdist"])
def test_a_pytest_that_was_stopped(suites, shape):
    suite = suites.own(SHAPES[shape] | {"tests/test_it.py": SLOW})
    job = suites.job(None, suite=suite, files={"slow.sh": "sleep 2\n"})
    assert outcomes(job) == {"test_it::test_first": True, "test_it::test_fast": False}
    job = suites.job(None, suite=suite, files={"slow.sh": STOP})
    assert not job.result["isPassed"]  # pytest may check its clock after it continues
    suite = suites.own(SHAPES[shape] | {"tests/test_it.py": SLOW.replace("timeout=1", "timeout=100")})
    assert "pytest was stopped for some time" in suites.job(None, suite=suite, files={"slow.sh": STOP}).error


def test_a_suite_without_pytest_that_was_stopped(suites):
    """Its timeout runs in a Python of the suite too."""
    code = """
args_src = os.environ["OSTEST_SRC"]
subprocess.run(["sh", args_src + "/slow.sh"], timeout=100, check=True)
open(args.junit_xml, "w").write("<testsuite><testcase name='own'/></testsuite>")
"""
    suite = suites.own({"run_tests.py": suites_shapes.WRAPPER.replace("pytest = ", "words = ").replace('"pytest"', '"x"') + code})
    assert suites.job(None, suite=suite, files={"slow.sh": "true\n"}).passed
    assert "pytest was stopped for some time" in suites.job(None, suite=suite, files={"slow.sh": STOP}).error


def test_a_program_of_the_suites_that_is_stopped_and_continued(suites):
    """As in a course on job control: no timeout runs in this program."""
    test = """
import os, signal, subprocess, sys
def test_job():
    job = subprocess.Popen([sys.executable, "tests/job.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert job.stdout.read(1) == b"x"
    job.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, job.pid, os.WSTOPPED | os.WNOWAIT)
    job.send_signal(signal.SIGCONT)
    assert job.communicate(b"z")[0] == b"z" and job.returncode == 0
"""
    own = "import os\nos.write(1, b'x')\nos.write(1, os.read(0, 1))\n"
    suite = suites.own(SHAPES["subprocess"] | {"tests/test_it.py": test, "tests/job.py": own})
    assert suites.job(None, suite=suite).passed


def test_programs_that_are_stopped_and_continued(suites):
    """By the tests, by each other, or with their process group."""
    stop = "sh -c 'kill -STOP $$; :' & p=$!; while ! grep -q '^State:.T' /proc/$p/status; do sleep 0.1; done; kill -CONT $p; wait $p\n"
    suite = suites.own(SHAPES["subprocess"] | {"tests/test_it.py": SLOW.replace("timeout=1", "timeout=100")})
    assert suites.job(None, suite=suite, files={"slow.sh": stop}).passed


@pytest.mark.parametrize("run", ["cp -r . /tmp/copy && cd /tmp/copy && pytest --junit-xml=$1",
                                 "cp tests/* $2 && cd $2 && pytest --junit-xml=$1"])
def test_settings_beside_the_tests_that_a_suite_has_copied(suites, run):
    files = suites_shapes.manifest("sh run.sh {report} {src}", **{"run.sh": run + "\n", "pytest.ini": "[pytest]\n"})
    assert suites.job(None, suite=suites.own(files), files={"pytest.ini": "[pytest]\n"}).passed


@pytest.mark.parametrize("name", ["ostest_start", "ostest_pytest", "_socket", "json", "sitecustomize", "ctypes"])
def test_modules_in_the_place_of_ours(suites, name):
    """In a directory of the suite's own PYTHONPATH, and in the working directory."""
    suite = suites.own(SHAPES["build-before"] | LOADS | {"lib/own.py": "", "run_tests.py": suites_shapes.WRAPPER + (
        "subprocess.run([*make, 'before'])\n"
        "sys.exit(subprocess.run([sys.executable, *pytest], env={**os.environ, 'PYTHONPATH': '/box/tests/lib'}).returncode)\n")})
    for place in ("lib", "."):
        job = suites.job(None, suite=suite, files=planting(f"pathlib.Path('{place}/{name}.py').write_text(VANISH)"))
        if job.result["isError"]:
            assert f"{name}.py" in job.error
        else:  # it was not loaded
            assert job.passed and was_told(job)


@pytest.mark.parametrize("pattern", ["helpers.cpython-*.pyc", "test_it.cpython-*-pytest-*.pyc"])
def test_bytecode_beside_the_suites_files_is_not_read(suites, pattern):
    """Its header matches the source, so Python and pytest would use it."""
    code = COMPILE + f"""
import glob, shutil, subprocess, sys
shutil.copytree('/box/tests', '/tmp/copy')
env = {{k: v for k, v in os.environ.items() if k not in ('PYTHONDONTWRITEBYTECODE', 'PYTEST_CURRENT_TEST')}}
subprocess.run(['/usr/bin/python3', '-m', 'pytest', '-q', '--collect-only', 'tests'], cwd='/tmp/copy', env=env)
[made] = pathlib.Path('/tmp/copy/tests/__pycache__').glob({pattern!r})
evil = py_compile.compile('/tmp/evil.py', '/tmp/evil.pyc')
source = os.stat('/box/tests/tests/' + made.name.split('.')[0] + '.py')
header = bytearray(open(evil, 'rb').read()[:16])
header[8:16] = (int(source.st_mtime) & 0xffffffff).to_bytes(4, 'little') + source.st_size.to_bytes(4, 'little')
os.makedirs('tests/__pycache__', exist_ok=True)
pathlib.Path('tests/__pycache__', made.name).write_bytes(bytes(header) + open(evil, 'rb').read()[16:])
"""
    check = "import os\ndef test_nothing_was_loaded(): assert not os.path.exists('/box/home/loaded')\n"
    suite = suites.own(SHAPES["build-before"] | LOADS | {"tests/test_loaded.py": check})
    job = suites.job(None, suite=suite, files=planting(code))
    assert job.passed and len(job.tests) == 5


def test_a_helper_of_the_suite_that_a_test_starts(suites):
    """Imports of a Python that runs a script of the suite are checked too."""
    tests = suites_shapes.TESTS + """
def test_helper():
    open("helper_data.py", "w").write("ANSWER = 42")
    subprocess.run(["python3", "helper.py"], check=True)
"""
    suite = suites.own(SHAPES["main"] | {"tests/test_it.py": tests, "helper.py": "import helper_data\n"})
    job = suites.job(None, suite=suite)
    assert job.error == "The file helper_data.py was loaded from the suite's directory, but is not the suite's"


HONEST = {
    "own": "import helpers\n    assert helpers.V == 1",
    "elsewhere": "open(SRC + '/other.py', 'w').write('V = 2')\n    sys.path.insert(0, SRC)\n    import other\n    assert other.V == 2",
    "in-tmp": "(tmp_path / 'made.py').write_text('V = 3')\n    sys.path.insert(0, str(tmp_path))\n    import made\n    assert made.V == 3",
    "students-script": "import shutil\n    shutil.copytree(SRC, 'build')\n    open('build/gen.py', 'w').write('import other_gen')\n"
                       "    open('build/other_gen.py', 'w').close()\n    subprocess.run(['python3', 'build/gen.py'], check=True)",
    "archive": "sys.path.insert(0, 'lib.zip')\n    import zipped\n    assert zipped.V == 4",
    "namespace": "import space.inner\n    assert space.inner.V == 5",
    "link-of-the-suite": "import linked\n    assert linked.V == 1",
    "executed": "exec(compile('V = 6', 'made-up.py', 'exec'), {})",
    "fork": "import multiprocessing\n    p = multiprocessing.get_context('fork').Process(target=print)\n    p.start()\n    p.join()\n"
            "    assert p.exitcode == 0",
    "spawn": "import multiprocessing\n    p = multiprocessing.get_context('spawn').Process(target=print)\n    p.start()\n    p.join()\n"
             "    assert p.exitcode == 0",
    "own-proc": "assert len(os.listdir('/proc/self/fd')) > 3 and 'VmRSS' in open('/proc/self/status').read()\n"
                "    assert 'python' in os.readlink('/proc/self/exe') and open('/proc/self/maps').read()\n"
                "    assert open('/proc/self/cmdline').read() and open('/proc/self/stat').read()",
}


@pytest.mark.parametrize("what", HONEST)
def test_what_honest_suites_load(suites, what):
    import io
    import zipfile
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped.py", "V = 4\n")
    tests = suites_shapes.TESTS.replace("import os,", "import sys, os,") + f"def test_it(tmp_path):\n    {HONEST[what]}\n"
    suite = suites.own(SHAPES["pytest"] | {"tests/test_it.py": tests, "tests/helpers.py": "V = 1\n", "lib.zip": archive.getvalue(),
                                         "tests/space/inner.py": "V = 5\n"}, links={"tests/linked.py": "helpers.py"})
    assert suites.job(None, suite=suite).passed


def test_a_manifest_allows_code_that_is_made(suites):
    tests = suites_shapes.TESTS + "def test_made():\n    open('made_here.py', 'w').close()\n    import sys\n    sys.path.insert(0, '.')\n    import made_here\n"
    files = suites_shapes.manifest("python3 -m pytest -p no:cacheprovider tests --junit-xml={report}", **{"tests/test_it.py": tests})
    job = suites.job(None, suite=suites.own(files))
    assert job.error == "The file made_here.py was loaded from the suite's directory, but is not the suite's"
    files["ostest-suite.conf"] += "may-change = made_*\n"
    assert suites.job(None, suite=suites.own(files)).passed
