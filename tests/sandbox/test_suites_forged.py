"""Programs that would pass by changing the meaning of the suite's files; each also without the
attack, as a control."""

import pytest

import sandboxed

CHANGED = "The suite's file {} was changed while the tests ran"
ADDED = "The file {} was added to the suite while the tests ran, and tools take it for one of the suite's own"

RUN_TESTS = """\
import argparse, os, subprocess, sys
import pytest
parser = argparse.ArgumentParser()
parser.add_argument("--src")
options, rest = parser.parse_known_args()
os.environ["STUDENT"] = options.src or ""
if options.src:
    subprocess.run(["make", "-s", "-C", options.src], check=True)
sys.exit(pytest.main(["tests", *rest]))
"""
# The suite's program is built with the student's function after the student's program has run.
SUITE = {
    "run_tests.py": RUN_TESTS,
    "tests/unit/check.c": "int answer(void);\nint main(void) { return answer() == 42 ? 0 : 1; }\n",
    "tests/unit/Makefile": "all:\n\tcc -o $(OUT) check.c $(STUDENT)/answer.c\n\t$(OUT)\n",
    "tests/test_answer.py": """\
import os, subprocess
SRC = os.environ["STUDENT"]
HERE = os.path.dirname(__file__)
def test_program():
    subprocess.run([SRC + "/program"], check=True)
def test_answer(tmp_path):
    subprocess.run(["make", "-C", HERE + "/unit", f"OUT={tmp_path}/check"], check=True)
""",
}
# The decisive line of the suite, replaced by another one of the same length.
REWRITE = """\
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
int main(void)
{
    int fd = open("/box/tests/tests/unit/check.c", O_RDWR);
    char *text = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (text != MAP_FAILED)
        memcpy(strstr(text, "? 0 : 1"), "? 0 : 0", 7);
    return 0;
}
"""
WRITE = """\
#include <stdio.h>
int main(void)
{{
    FILE *file = fopen("/box/tests/tests/{name}", "w");
    if (file) {{
        fputs({text}, file);
        fclose(file);
    }}
    return 0;
}}
"""
INNOCENT = "int main(void) { return 0; }\n"


def student(program, makefile="all:\n\tcc -o program program.c\n"):
    return {"answer.c": "int answer(void) { return 41; }\n", "program.c": program, "Makefile": makefile}


def verdict(site, files):
    suite = site.repository(f"forged-suite-{next(site.numbers)}", SUITE)
    job = site.job(site.student(files), suite)
    return job.result["isPassed"], job.result["errorDetails"], {n.split("::")[1]: t["isPassed"] for n, t in job.tests.items()}


def test_control(any_site):
    assert verdict(any_site, student(INNOCENT)) == (False, "", {"test_program": True, "test_answer": False})


@pytest.mark.parametrize("who", sandboxed.started_as())
def test_a_program_of_the_suites_rewritten_in_memory(sites, who):
    """If the runner is root, the file cannot be opened for writing."""
    is_passed, error, tests = verdict(sites(who), student(REWRITE))
    assert not is_passed and error == ("" if who == "root" else CHANGED.format("tests/unit/check.c"))
    assert tests == {"test_program": True, "test_answer": who != "root"}


def test_a_makefile_that_make_prefers(site):
    forged = WRITE.format(name="unit/GNUmakefile", text='"all:\\n\\trm $(MAKEFILE_LIST)\\n"')
    is_passed, error, tests = verdict(site, student(forged))
    assert not is_passed and error == ADDED.format("tests/unit/GNUmakefile")
    assert tests == {"test_program": True, "test_answer": True}, "the attack must work, so that only the error prevents a pass"


def test_settings_that_leave_a_test_out(site):
    """The build writes them before pytest starts, and removes them after pytest has read them."""
    write = "printf '[pytest]\\naddopts = --deselect=test_answer.py::test_answer\\n' > /box/tests/tests/.pytest.ini"
    remove = "(until ls /box/home/report.xml; do sleep 0.1; done; rm /box/tests/tests/.pytest.ini) >/dev/null 2>&1 &"
    makefile = f"all:\n\tcc -o program program.c\n\t{write}\n\tsetsid sh -c \"{remove}\" </dev/null\n"
    is_passed, error, tests = verdict(site, student(INNOCENT, makefile))
    assert not is_passed and error == ADDED.format("tests/.pytest.ini")
    assert tests == {"test_program": True}, "the attack must work, so that only the error prevents a pass"


LOCKED = r"""
all:
	cc -o program program.c
	mkdir -m 0 /box/tests/tests/more
	setsid sh -c 'cd /box/tests/tests; chmod 755 more; cp /box/src/evil.py more/conftest.py; cp /box/src/one.py more/test_more.py; \
	    chmod 0 more; until [ -e /box/tests/begun ]; do sleep 0.05; done; chmod 755 more; touch opened' </dev/null >/dev/null 2>&1 &
"""
# Delays pytest's collection: a directory that becomes readable meanwhile is collected too.
SLOW = """\
import os, pathlib, time
def pytest_sessionstart():
    pathlib.Path("/box/tests/begun").touch()
    for _ in range(100):
        if os.environ["STUDENT"] and os.path.exists("/box/src/evil.py") and not os.path.exists("/box/tests/tests/opened"):
            time.sleep(0.05)
"""
EVIL = """\
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    (yield).get_result().outcome = "passed"
def pytest_collection_modifyitems(items):
    for item in items:
        item.runtest = lambda: None
"""


def test_code_in_a_directory_that_is_opened_up_while_pytest_collects(site):
    suite = site.repository(f"forged-suite-{next(site.numbers)}", SUITE | {"tests/conftest.py": SLOW})
    files = student(INNOCENT, LOCKED) | {"evil.py": EVIL, "one.py": "def test_one():\n    pass\n"}
    job = site.job(site.student(files), suite)
    assert job.error == "The file tests/more/conftest.py was loaded from the suite's directory, but is not the suite's"
    assert {name.split("::")[-1]: test["isPassed"] for name, test in job.tests.items()}["test_answer"], "the attack must work, so that only the error prevents a pass"


def test_the_control_of_that(site):
    suite = site.repository(f"forged-suite-{next(site.numbers)}", SUITE | {"tests/conftest.py": SLOW})
    job = site.job(site.student(student(INNOCENT)), suite)
    assert not job.result["isPassed"] and not job.result["isError"]
