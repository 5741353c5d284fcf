"""run_tests.py of both generations, and plain pytest: the selection of tests."""

import json
import os

import pytest

from harness import Repository

# A run_tests.py that prints its arguments; its --help prints HELP. Each call adds a line to the
# file CALLS.
PROGRAM = """\
import json, pathlib, sys
with open({calls!r}, "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if "--help" in sys.argv:
    print({help!r})
    sys.exit()
options = dict(a.split("=", 1) for a in sys.argv[1:] if a.startswith("--") and "=" in a)
pathlib.Path(options["--junit-xml"]).write_text(
    "<testsuite><testcase classname='t' name='one'/><testcase classname='t' name='two'/></testsuite>")
print(json.dumps(sys.argv[1:]))
"""

FORM_2024 = """usage: run_tests.py [-h] [--lab-num LAB_NUM [LAB_NUM ...]] [--src SRC]

  --lab-num LAB_NUM [LAB_NUM ...]
  --src SRC
"""
FORM_2025 = """usage: run_tests.py [-h] --src SRC --lab LAB [--labs LABS [LABS ...]] [--proxy_timeout S]
  --src SRC
  --lab LAB   the project's stage
  --labs LABS [LABS ...]
  --proxy_timeout S
"""


@pytest.fixture
def program(make_repo, run_job, student, tmp_path):
    """program(help, **task): runs a suite. Returns the options of run_tests.py without that of the
    report."""
    def run(text, *options, **task):
        if not run.suite:
            run.suite = make_repo("suite", {"run_tests.py": PROGRAM.format(calls=str(tmp_path / "calls"), help=text)})
        run.job = run_job({"repositoryUrl": str(student)} | task, run.suite, *options)
        run.calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
        return [word for word in run.job.printed if not word.startswith("--junit-xml=")]
    run.suite = None
    return run


@pytest.fixture
def pytest_suite(make_repo, run_job, student):
    """pytest_suite(files, **task): runs a suite for plain pytest. Returns the job."""
    def run(files, *options, **task):
        suite = make_repo(f"suite{run.count}", files)
        run.count += 1
        return run_job({"repositoryUrl": str(student)} | task, suite, *options)
    run.count = 0
    return run


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Suites that many tests share, and a cache, so that the help of each is read once."""
    path = tmp_path_factory.mktemp("shared")
    files = {"names": NAMES, "two-labs": TWO_LABS, "bend": BEND}
    return {name: Repository(path / name, content) for name, content in files.items()} | {"cache": path / "cache"}


@pytest.fixture
def names_job(run_job, student, shared):
    """names_job(names): runs the suite NAMES. Returns the job."""
    def run(names, suite="names", **task):
        task = {"repositoryUrl": str(student), "connectedTests": names} | task
        return run_job(task, shared[suite], cache=shared["cache"])
    return run


def without_src(words):
    return [word for word in words if not word.startswith("--src=")]


# ---- run_tests.py: its options


def test_2024_form(program):
    assert without_src(program(FORM_2024, laboratoryNumber=[1, 3])) == ["--lab-num", "1", "3"]


def test_2024_form_without_a_lab(program):
    assert without_src(program(FORM_2024)) == []


def test_2025_form(program):
    words = program(FORM_2025, "--proxy-timeout", 7, laboratoryNumber=[1, 3])
    assert without_src(words) == ["--proxy_timeout=7", "--lab=3", "--labs", "lab1", "lab3"]


def test_2025_form_without_a_lab(program):
    assert without_src(program(FORM_2025, "--proxy-timeout", 0)) == ["--lab=1"]


@pytest.mark.parametrize("labs", [2, [1, 2]])
def test_with_names_the_labs_do_not_select(program, labs):
    words = program(FORM_2025, "--proxy-timeout", 0, laboratoryNumber=labs, connectedTests=["one", "two"])
    assert without_src(words) == ["-k", "one or two", "--lab=2"]


def test_with_names_the_2024_form_gets_no_labs(program):
    assert without_src(program(FORM_2024, laboratoryNumber=2, connectedTests=["one"])) == ["-k", "one"]


def test_src_is_the_students_tree(program, student):
    program(FORM_2025)
    [src] = [word for word in program.job.printed if word.startswith("--src=")]
    assert src.startswith("--src=/") and src.endswith("/src")


def test_options_that_the_help_does_not_show_are_not_handed_over(program):
    assert program("usage: run_tests.py", laboratoryNumber=2) == []


def test_lab_is_not_taken_for_labs_or_lab_num(program):
    assert without_src(program("  --labs NAME...\n  --lab-num N\n  --laboratory X\n", laboratoryNumber=2)) == ["--labs", "lab2"]


@pytest.mark.parametrize("text", ["  --lab LAB\n", "  --lab=LAB\n", "[--lab {1,2}]", "  -l N, --lab N"])
def test_ways_to_show_an_option(program, text):
    assert program(text, laboratoryNumber=2) == ["--lab=2"]


# ---- the help is read once


def test_the_help_is_read_once_per_commit(program):
    for _ in range(2):
        program(FORM_2024)
    assert [call for call in program.calls if call == ["--help"]] == [["--help"]]
    newer = (program.suite.path / "run_tests.py").read_text().replace("--lab-num", "--lab").replace("LAB_NUM", "N")
    program.suite.commit({"run_tests.py": newer})
    assert without_src(program(None, laboratoryNumber=2)) == ["--lab=2"]
    assert program.calls.count(["--help"]) == 2


def test_the_help_is_read_once_by_jobs_at_the_same_time(program, start_job, student, tmp_path):
    program(FORM_2024)
    program.suite.commit({"new": ""})
    jobs = [start_job(student, program.suite) for _ in range(4)]
    assert [job.wait() for job in jobs] == [0] * 4 and all(job.passed for job in jobs)
    assert (tmp_path / "calls").read_text().count('["--help"]') == 2


# ---- an unusable help

# The arguments with which the reference runner of 2024 called every suite.
CALL_2024 = ["--src", "SRC", "--proxy_timeout", "10", "--lab-num", "1", "3"]
NO_HELP = {
    "fails": "raise SystemExit('wrong option')",
    "nothing": "raise SystemExit(0)",
    "too-much": "print('--lab ' * 400000); raise SystemExit(0)",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "too-long": "import time; time.sleep(1000)",
    "runs-tests": "raise SystemExit(1)  # as if it had taken no notice of --help",
}
NO_HELP_WORDS = {"fails": "failed: wrong option (exit status 1)", "nothing": "printed nothing", "too-much": "printed more than 1024 KB",
                 "killed": "failed: it printed nothing (signal 9 (Killed))", "too-long": "took longer than 2 s",
                 "runs-tests": "failed: it printed nothing (exit status 1)"}


@pytest.fixture
def mute(make_repo, run_job, student, tmp_path):
    """mute(code, **task): returns the options of a run_tests.py that runs this code for --help."""
    def run(code, *options, **task):
        calls = str(tmp_path / "calls")
        program = f"import sys\nif '--help' in sys.argv:\n    {code}\n" + PROGRAM.format(calls=calls, help="")
        if not run.suite:
            run.suite = make_repo("suite", {"run_tests.py": program})
        run.job = run_job({"repositoryUrl": str(student)} | task, run.suite, *options)
        words = [word for word in run.job.printed if not word.startswith("--junit-xml=")]
        return ["SRC" if before == "--src" else word for before, word in zip(["", *words], words)]
    run.suite = None
    return run


@pytest.mark.parametrize("how", NO_HELP)
def test_without_a_usable_help_the_call_is_that_of_2024(mute, how):
    options = ["--timeout", 2] if how == "too-long" else []
    words = mute(NO_HELP[how], *options, laboratoryNumber=[1, 3])
    assert words == CALL_2024 and mute.job.passed
    [line] = [line for line in mute.job.log.splitlines() if "help cannot be used" in line]
    assert line.startswith("warning ") and NO_HELP_WORDS[how] in line


def test_the_call_of_2024_with_names(mute):
    assert mute(NO_HELP["fails"], "--proxy-timeout", 0, connectedTests=["one", "two"], laboratoryNumber=2) == ["--src", "SRC", "-k", "one or two"]


def test_a_help_among_the_messages(mute):
    assert "--lab=2" in mute("print('  --lab LAB', file=sys.stderr); sys.exit()", laboratoryNumber=2)


@pytest.mark.parametrize("code, words", [
    ("def (", ["SyntaxError"]), ("raise SystemExit('no such module: abc')", ["no such module: abc", "exit status 1"]),
    ("import os; os.kill(os.getpid(), 9)", ["signal 9"]), ("import no_such_module", ["no_such_module"])])
def test_a_broken_run_tests(make_repo, run_job, student, code, words):
    """The run itself reports the error."""
    job = run_job(student, make_repo("suite", {"run_tests.py": code}))
    for word in words:
        assert word in job.error
    assert "run_tests.py --help" in job.log and job.tests == {}


def test_a_failure_to_read_the_help_is_not_kept(make_repo, run_job, student, tmp_path):
    flag = tmp_path / "works"
    code = f"import os\nif not os.path.exists({str(flag)!r}): raise SystemExit('not yet')\n"
    suite = make_repo("suite", {"run_tests.py": code + PROGRAM.format(calls=os.devnull, help=FORM_2025)})
    task = {"repositoryUrl": str(student), "laboratoryNumber": 2}
    assert "not yet" in run_job(task, suite).error
    flag.touch()
    job = run_job(task, suite)
    assert job.passed and "--lab=2" in job.printed


NEEDS_SRC = """
import pytest
def pytest_addoption(parser):
    parser.addoption('--src')
def pytest_configure(config):
    if not config.getoption('--src'):
        raise pytest.UsageError('--src is needed')
@pytest.fixture
def src(request):
    return request.config.getoption('--src')
"""


def test_plain_pytest_that_insists_on_src(pytest_suite):
    """pytest loads conftest.py first, even for --help."""
    assert pytest_suite({"conftest.py": NEEDS_SRC, "test_a.py": "def test_one(src): assert src\n"}).passed


# ---- plain pytest


def cases(job):
    return sorted(job.tests)


TWO_LABS = {
    "pytest.ini": "[pytest]\nmarkers =\n    lab1: first\n    lab2: second\n",
    "test_a.py": """
import pytest
@pytest.mark.lab1
def test_one(): pass
@pytest.mark.lab2
def test_two(): pass
def test_three(): pass
""",
}
NAMES = {
    "pytest.ini": "[pytest]\ndisable_test_id_escaping_and_forfeit_all_rights_to_community_support = True\n",
    "test_a.py": """
import pytest
@pytest.mark.parametrize("x", ["src/main.c", "a:b", "1.5", "имя", "x-y", "c++"])
def test_file(x): pass
class TestGroup:
    def test_one(self): pass
    def test_oneself(self): pass
def test_one(): pass
""",
    "sub/test_b.py": "def test_one(): pass\n",
}
BEND = {
    "test_a.py": "def test_one(): print('executed')\ndef test_two(): print('executed')\n",
    "pytest.ini": "[pytest]\naddopts = -s\n",
}
SRC_OPTION = """
import pytest
def pytest_addoption(parser):
    parser.addoption('--src')
@pytest.fixture
def src(request):
    return request.config.getoption('--src')
"""


def test_plain_pytest(pytest_suite):
    job = pytest_suite({"test_a.py": "def test_one(): pass\ndef test_two(): assert 0\n"})
    assert not job.passed and cases(job) == ["test_a::test_one", "test_a::test_two"]
    assert "kind=pytest" in job.log and "assert 0" in job.tests["test_a::test_two"]["description"]


ONE = "def test_one(): pass\n"


@pytest.mark.parametrize("files", [
    {"sum_test.py": ONE},
    {"lab1/sum_test.py": ONE},
    {"lab1/unit/test_sum.py": ONE},
    {"tox.ini": "[tox]\nenvlist = py3\n[pytest]\npython_files = check_*.py\n", "check_sum.py": ONE},
    {"setup.cfg": "[metadata]\nname = x\n[tool:pytest]\npython_files = check_*.py\n", "check_sum.py": ONE},
], ids=["suffix", "suffix-below", "prefix-below", "tox", "setup.cfg"])
def test_what_makes_a_suite_one_for_pytest(pytest_suite, files):
    job = pytest_suite(files)
    assert job.passed and len(job.tests) == 1 and "kind=pytest" in job.log


@pytest.mark.parametrize("files", [
    {"tox.ini": "[tox]\nenvlist = py3\n"}, {"setup.cfg": "[metadata]\nname = pytest\n"}, {".old/test_a.py": ONE}, {"my_tests.py": ONE},
], ids=["tox", "setup.cfg", "hidden", "other-name"])
def test_what_makes_none(pytest_suite, files):
    assert "no tests for pytest" in pytest_suite(files).error


def test_plain_pytest_with_a_src_option(pytest_suite):
    test = "import os\ndef test_one(src): assert os.listdir(src) == ['main.c']\n"
    job = pytest_suite({"conftest.py": SRC_OPTION, "tests/test_a.py": test})
    assert job.passed and cases(job) == ["test_a::test_one"]


def test_plain_pytest_finds_the_tree_in_the_environment(pytest_suite):
    test = "import os\ndef test_one(): assert os.listdir(os.environ['OSTEST_SRC']) == ['main.c']\n"
    assert pytest_suite({"test_a.py": test}).passed


@pytest.mark.parametrize("labs, expected", [(1, ["one"]), ([1, 2], ["one", "two"]), (None, ["one", "three", "two"])])
def test_lab_markers(names_job, labs, expected):
    job = names_job(None, "two-labs", laboratoryNumber=labs)
    assert job.passed and cases(job) == [f"test_a::test_{name}" for name in expected]


def test_without_lab_markers_the_lab_selects_nothing(pytest_suite):
    job = pytest_suite({"test_a.py": "def test_one(): pass\n"}, laboratoryNumber=2)
    assert job.passed and len(job.tests) == 1


def test_with_names_the_lab_markers_do_not_select(names_job):
    job = names_job(["test_two"], "two-labs", laboratoryNumber=1)
    assert job.passed and cases(job) == ["test_a::test_two"]


def test_a_lab_without_tests_is_an_error(names_job):
    assert "No test was run" in names_job(None, "two-labs", laboratoryNumber=7).error


# ---- names


@pytest.mark.parametrize("name, expected", [
    ("test_file[src/main.c]", ["test_a::test_file[src/main.c]"]),
    ("test_file[a:b]", ["test_a::test_file[a:b]"]),
    ("[1.5]", ["test_a::test_file[1.5]"]),
    ("[x-y]", ["test_a::test_file[x-y]"]),
    ("c++", ["test_a::test_file[c++]"]),
    ("[имя]", ["test_a::test_file[имя]"]),
    ("main", ["test_a::test_file[src/main.c]"]),
    ("TESTGROUP", ["test_a.TestGroup::test_one", "test_a.TestGroup::test_oneself"]),
    ("test_b.py", ["sub.test_b::test_one"]),
    ("test_oneself", ["test_a.TestGroup::test_oneself"]),
    ("sub/test_b.py", ["sub.test_b::test_one"]),
])
def test_a_name_selects_what_contains_it(names_job, name, expected):
    job = names_job([name])
    assert job.passed and cases(job) == expected


@pytest.mark.parametrize("name, expected", [
    ("test_a.py::test_one", ["test_a::test_one"]),
    ("sub/test_b.py::test_one", ["sub.test_b::test_one"]),
    ("TestGroup::test_one", ["test_a.TestGroup::test_one", "test_a.TestGroup::test_oneself"]),
    ("sub.test_b::test_one", ["sub.test_b::test_one"]),
])
def test_a_name_of_several_parts(names_job, name, expected):
    """A node id, or a name as in a result."""
    job = names_job([name])
    assert job.passed and cases(job) == expected


@pytest.mark.parametrize("name, expected", [
    ("sub/", ["sub.test_b::test_one"]),
    ("sub/test_b", ["sub.test_b::test_one"]),
    ("src/main.c", ["test_a::test_file[src/main.c]"]),
    ("c/main", ["test_a::test_file[src/main.c]"]),
    ("SUB/TEST_B", ["sub.test_b::test_one"]),
])
def test_a_name_with_a_path(names_job, name, expected):
    """Since pytest 8, -k matches each directory separately."""
    job = names_job([name])
    assert job.passed and cases(job) == expected


def test_a_name_with_a_path_is_not_left_to_pytest(program):
    assert without_src(program(FORM_2024, connectedTests=["one", "t/one"])) == []


def test_names_of_one_and_of_several_parts(names_job):
    job = names_job(["TestGroup::test_oneself", "test_b.py", "[a:b]"])
    assert job.passed
    assert cases(job) == ["sub.test_b::test_one", "test_a.TestGroup::test_oneself", "test_a::test_file[a:b]"]


def test_a_suite_that_does_not_hear_of_the_selection(program):
    """Whatever it ran, only the requested tests count."""
    program(FORM_2025, connectedTests=["t::one"])
    assert program.job.passed and cases(program.job) == ["t::one"]


def test_names_are_an_or(names_job):
    job = names_job(["test_b", "x-y", "test_b"])
    assert job.passed and cases(job) == ["sub.test_b::test_one", "test_a::test_file[x-y]"]


BENDING = ["and", "or", "not", "a b", "(", ")", "a and b", "not one", "-x", "--co", '"', "'", "a\nb", "*", "test_one or two", "a,b",
           "one==two", "a\tb", "test_one\x7f", "{", "$one", "a!b", "one;two"]


@pytest.mark.parametrize("name", BENDING)
def test_a_name_that_would_bend_the_selection_of_pytest(program, name):
    """Without the plugin, -k would select: an error names it, and nothing runs."""
    with pytest.raises(FileNotFoundError):
        program(FORM_2024, connectedTests=["one", name])
    assert "cannot be selected" in program.job.error and name.split()[0] in program.job.error and program.job.tests == {}


def test_no_name_bends_the_selection_of_the_plugin(names_job):
    names = [*BENDING, "\u00a0", "a\u2028b", "🎉", "e\u0301"]
    job = names_job(["test_one", *names], "bend")
    assert f"{len(names)} of {len(names) + 1} connected tests" in job.error
    assert job.tests["test_a::test_one"]["isPassed"] and "test_a::test_two" not in job.tests


@pytest.mark.parametrize("name", ["test_x[a b]", "test_a.py::test_x[a b]", "(c)", "not", "[x or y]"])
def test_names_that_only_the_plugin_can_select(pytest_suite, name):
    test = "import pytest\n@pytest.mark.parametrize('x', ['a b (c) not x or y', '1'])\ndef test_x(x): pass\n"
    test = test.replace("a b (c) not x or y", {"test_x[a b]": "a b", "test_a.py::test_x[a b]": "a b", "[x or y]": "x or y"}.get(name, "(c) not"))
    job = pytest_suite({"test_a.py": test}, connectedTests=[name])
    assert job.passed and len(job.tests) == 1


KEYWORDS = {
    "pytest.ini": "[pytest]\nmarkers =\n    lab1: first\n",
    "conftest.py": "def pytest_itemcollected(item):\n    item.extra_keyword_matches.add('special')\n",
    "test_a.py": """
import pytest
@pytest.mark.lab1
def test_marked(): pass
def test_lab1(): pass
def test_attribute(): pass
test_attribute.special = 1
""",
    "test_b.py": "import pytest\npytestmark = pytest.mark.lab1\ndef test_module(): pass\n"}


def test_markers_and_keywords_select_nothing(pytest_suite):
    """-k would match them like names."""
    job = pytest_suite(KEYWORDS, connectedTests=["lab1"])
    assert job.passed and cases(job) == ["test_a::test_lab1"]
    job = pytest_suite(KEYWORDS, connectedTests=["special"])
    assert "connected tests match no test" in job.error and job.tests == {}


def test_tests_that_a_suite_puts_in_another_order(pytest_suite):
    """The suite's hook gets all tests, and the selection uses its outcome."""
    conftest = "def pytest_collection_modifyitems(items):\n    assert len(items) == 3\n    items.reverse()\n    del items[0]\n"
    job = pytest_suite({"conftest.py": conftest, "test_a.py": "".join(f"def test_{n}(): pass\n" for n in "abc")},
                       connectedTests=["test_a::test_a", "test_b"])
    assert job.passed and [test["name"] for test in job.result["testResults"]] == ["test_a::test_b", "test_a::test_a"]


def test_an_unmatched_name_is_never_a_pass(names_job):
    job = names_job(["test_b", "no_such", "neither"])
    assert "2 of 3 connected tests" in job.error and "no_such, neither" in job.error
    assert cases(job) == ["neither", "no_such", "sub.test_b::test_one"]
    assert not job.tests["no_such"]["isPassed"]


def test_names_that_match_nothing_at_all(names_job):
    job = names_job(["no_such"])
    assert "no_such" in job.error and job.tests == {}


def test_a_markers_name_is_not_a_tests_name(names_job):
    """-k matches markers too; a test without the name must not make it pass."""
    job = names_job(["lab1"], "two-labs")
    assert "lab1" in job.error


@pytest.mark.parametrize("count", [100, 101])
def test_many_names_are_not_left_to_pytest(program, count):
    names = [f"{i:0>1024}" for i in range(count)]
    words = without_src(program(FORM_2024, connectedTests=names))
    assert words == (["-k", " or ".join(names)] if count == 100 else [])


def test_more_names_than_one_argument_can_hold(pytest_suite):
    files = {"test_a.py": "import pytest\n@pytest.mark.parametrize('x', [f'{i:0>500}' for i in range(400)])\ndef test_number(x): pass\n"}
    job = pytest_suite(files, connectedTests=[f"[{i:0>500}]" for i in range(300)])
    assert job.passed and len(job.tests) == 300


def test_500_names(pytest_suite):
    files = {"test_a.py": "import pytest\n@pytest.mark.parametrize('x', range(600))\ndef test_number(x): pass\n"}
    job = pytest_suite(files, connectedTests=[f"number[{i}]" for i in range(500)])
    assert job.passed and len(job.tests) == 500


# ---- names in the report


def test_long_names_of_tests(pytest_suite):
    """Names in the report are truncated; two may differ only after that point."""
    test = "import pytest\n@pytest.mark.parametrize('x', ['short', 'я' * 900 + '1', 'я' * 900 + '2'])\ndef test_x(x): pass\n"
    job = pytest_suite({"test_a.py": test, "pytest.ini": NAMES["pytest.ini"]})
    assert job.passed and [test["name"][:18] for test in job.result["testResults"]] == ["test_a::test_x[sho", *["test_a::test_x[яяя"] * 2]


def test_a_prefix_in_the_report_is_left_out(pytest_suite):
    job = pytest_suite({"pytest.ini": "[pytest]\naddopts = --junit-prefix=pre\n", "test_a.py": "def test_one(): pass\n"})
    assert job.passed and cases(job) == ["test_a::test_one"]


# ---- broken suites


@pytest.mark.parametrize("files, words", [
    ({"conftest.py": "def (", "test_a.py": "def test_one(): pass\n"}, ["SyntaxError"]),
    ({"conftest.py": "import no_such_module", "test_a.py": "def test_one(): pass\n"}, ["no_such_module"]),
    ({"pytest.ini": "[pytest]\naddopts = --no-such-option\n", "test_a.py": "def test_one(): pass\n"}, ["--no-such-option"]),
    ({"pytest.ini": "no section\n", "test_a.py": "def test_one(): pass\n"}, ["pytest.ini"]),
], ids=["syntax", "import", "option", "ini"])
def test_broken_pytest_settings(pytest_suite, files, words):
    job = pytest_suite(files)
    for word in words:
        assert word in job.error
    assert job.tests == {}


def test_a_syntax_error_in_one_test_file(pytest_suite):
    job = pytest_suite({"test_a.py": "def (", "test_b.py": "def test_one(): pass\n"})
    assert "could not be run" in job.error and "test_a" in job.error
    assert "SyntaxError" in "".join(test["description"] for test in job.tests.values())


def test_a_suite_without_tests(pytest_suite):
    job = pytest_suite({"conftest.py": ""})
    assert "No test was run" in job.error and job.tests == {}


def test_knowledge_of_a_broken_conftest_is_not_kept(run_job, student, make_repo, tmp_path):
    """Its dependencies may be installed later; the suite's options must then be found."""
    flag = tmp_path / "works"
    conftest = f"import os\nif not os.path.exists({str(flag)!r}): import no_such_module\n" + SRC_OPTION
    suite = make_repo("suite", {"conftest.py": conftest, "test_a.py": "def test_one(src): assert src\n"})
    assert run_job(student, suite).error
    flag.touch()
    assert run_job(student, suite).passed


def test_a_suite_that_leaves_files_in_its_own_tree(pytest_suite):
    assert pytest_suite({"test_a.py": "def test_one(): open('new', 'w')\n", ".gitignore": "*.pyc\n"}).passed


def test_temporary_files_while_the_help_is_asked_for(make_repo, run_job, student):
    code = "import os\nassert os.path.isdir(os.environ['TMPDIR']), 'TMPDIR is not there'\n"
    suite = make_repo("suite", {"run_tests.py": code + PROGRAM.format(calls=os.devnull, help=FORM_2024)})
    assert run_job(student, suite).passed
