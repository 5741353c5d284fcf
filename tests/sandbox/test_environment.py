"""The environment of the programs that a test starts, with old and new pytest."""

import pytest

import sandboxed
from test_inside import DOCUMENTED

VERSIONS = ["system", "7.4.4", "8.4.2", "9.0.3"]
# Variables that pytest and pytest-xdist add, as documented in docs/suites.md.
OF_PYTEST = {"PYTEST_CURRENT_TEST", "PYTEST_VERSION"}
OF_XDIST = {"PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"}

SUITE = {
    "pytest.ini": "[pytest]\naddopts = -p no:cacheprovider\n",
    "conftest.py": """\
import os, subprocess
import pytest
def names():
    "Those that a program sees, which may be more than os.environ has."
    lines = subprocess.run(["env", "-0"], stdout=subprocess.PIPE, check=True).stdout.decode().split("\\0")
    return {line.partition("=")[0] for line in lines if line}
AT_START = names()
@pytest.fixture(scope="session", autouse=True)
def at_session():
    return names()
""",
    "test_it.py": """\
import pytest, subprocess
import conftest
def test_seen(at_session):
    import readline
    pytest.fail("SEEN " + " ".join(sorted(conftest.AT_START | at_session)) + " END", pytrace=False)
def test_after_readline():
    pytest.fail("SEEN " + " ".join(sorted(conftest.names())) + " END", pytrace=False)
def test_own_size(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert subprocess.check_output(["sh", "-c", "echo $COLUMNS"]) == b"100\\n"
""",
}


def seen(job, name):
    _, description = sandboxed.outcomes_of(job)[name]
    return set(description.partition("SEEN ")[2].partition(" END")[0].split())


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_test_starts_sees(any_site, version):
    requirements = {} if version == "system" else {"requirements.txt": f"pytest=={version}\n"}
    suite = any_site.repository(f"environment-{version}", SUITE | requirements)
    job = any_site.job(any_site.student({"main.c": ""}), suite, "--timeout", 300)
    for name in ("test_seen", "test_after_readline"):
        assert DOCUMENTED <= seen(job, name) <= DOCUMENTED | OF_PYTEST, job.log
    assert "PYTEST_CURRENT_TEST" in seen(job, "test_after_readline")
    if version in ("8.4.2", "9.0.3"):
        assert "PYTEST_VERSION" in seen(job, "test_seen")
    assert sandboxed.outcomes_of(job)["test_own_size"][0]


def test_what_a_test_starts_sees_with_xdist(any_site):
    suite = any_site.repository("environment-xdist", SUITE | {
        "pytest.ini": "[pytest]\naddopts = -p no:cacheprovider -n 2\n", "requirements.txt": "pytest==9.0.3\npytest-xdist\n"})
    job = any_site.job(any_site.student({"main.c": ""}), suite, "--timeout", 300)
    for name in ("test_seen", "test_after_readline"):
        assert DOCUMENTED <= seen(job, name) <= DOCUMENTED | OF_PYTEST | OF_XDIST, job.log
