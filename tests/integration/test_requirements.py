"""Requirements files of every kind that pip accepts, installed by pip from wheels that the tests
build."""

import hashlib
import zipfile

import pytest

from test_env import make_wheel, needing, pip, wheels  # noqa: F401 (fixtures)

SHOW = """
import importlib.metadata
print(json.dumps({d.metadata["Name"].lower(): d.version for d in importlib.metadata.distributions()}))
write()
"""
# A suite that needs pytest; the version does not matter here.
RUN_TESTS = """
import argparse, importlib.metadata, json
parser = argparse.ArgumentParser()
parser.add_argument("--junit-xml")
args = parser.parse_args()
if args.junit_xml:
    print(json.dumps({d.metadata["Name"].lower(): d.version for d in importlib.metadata.distributions()}))
    open(args.junit_xml, "w").write("<testsuite><testcase name='one'/></testsuite>")
"""
# Builds wheels without packages that would have to be downloaded, and writes next to the sources as
# others do.
BACKEND = '''
import os, pathlib, zipfile
def make(directory, files):
    info = "localpkg-1.0.dist-info"
    files = dict(files)
    files[info + "/METADATA"] = "Metadata-Version: 2.1\\nName: localpkg\\nVersion: 1.0\\n"
    files[info + "/WHEEL"] = "Wheel-Version: 1.0\\nGenerator: hand\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[info + "/RECORD"] = "".join(name + ",,\\n" for name in files) + info + "/RECORD,,\\n"
    name = "localpkg-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    pathlib.Path("built.txt").write_text("built\\n")
    return name
def build_wheel(directory, config_settings=None, metadata_directory=None):
    return make(directory, {"localpkg.py": pathlib.Path("localpkg.py").read_text()})
def build_editable(directory, config_settings=None, metadata_directory=None):
    return make(directory, {"__editable__.localpkg-1.0.pth": os.getcwd() + "\\n"})
'''
LOCAL = {
    "pkg/pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
    "pkg/backend.py": BACKEND,
    "pkg/localpkg.py": "VALUE = 1\n",
}
USE_LOCAL = """
import localpkg
print(json.dumps([localpkg.VALUE, localpkg.__file__, sys.prefix, sorted(os.listdir("pkg"))]))
write()
"""


def wheel_hash(wheels, name, version="1.0"):
    return hashlib.sha256((wheels / f"{name}-{version}-py3-none-any.whl").read_bytes()).hexdigest()


def venvs(cache):
    return [path for path in (cache / "envs").iterdir() if path.is_dir()]


@pytest.fixture
def suite_with_pytest(make_repo):
    """suite_with_pytest(requirements, files): makes a suite that gets pytest in any case."""
    def make(requirements, files=None):
        return make_repo("suite", {"run_tests.py": RUN_TESTS, "requirements.txt": requirements} | (files or {}))
    return make


# ---- hashes


def hashed(wheels, *names):
    return "".join(f"{name}==1.0 \\\n    --hash=sha256:{wheel_hash(wheels, name)}\n" for name in names)


def test_hashes_with_pytest_among_them(run_job, student, suite_with_pytest, wheels, pip):
    for name, needs in [("pluggy", ()), ("pytest", ["pluggy"])]:
        make_wheel(wheels, name, requires=needs)
    job = run_job(student, suite_with_pytest(hashed(wheels, "pytest", "pluggy")), env=pip)
    assert job.passed and job.printed["pytest"] == job.printed["pluggy"] == "1.0"


def test_hashes_without_pytest(run_job, student, suite_with_pytest, wheels, pip):
    """pytest is installed too, although its hash is not listed."""
    for name, needs in [("tinypkg", ()), ("pluggy", ()), ("pytest", ["pluggy"])]:
        make_wheel(wheels, name, requires=needs)
    job = run_job(student, suite_with_pytest("--require-hashes\n" + hashed(wheels, "tinypkg")), env=pip)
    assert job.passed and job.printed["tinypkg"] == job.printed["pytest"] == "1.0"


def test_a_wrong_hash(run_job, student, needing, wheels, pip, cache):
    make_wheel(wheels)
    job = run_job(student, needing(f"tinypkg==1.0 --hash=sha256:{'0' * 64}\n"), env=pip)
    assert "Installing the suite's requirements failed" in job.error and "HASH" in job.error.upper()
    assert not venvs(cache)


# ---- pytest in addition to the requirements


def test_pytest_fits_what_the_requirements_have_brought(run_job, student, suite_with_pytest, wheels, pip):
    """The newest pytest would need a newer pluggy than the one that the suite pins."""
    for version in ("1.0", "2.0"):
        make_wheel(wheels, "pluggy", version)
        make_wheel(wheels, "pytest", version, requires=[f"pluggy=={version}"])
    make_wheel(wheels)
    job = run_job(student, suite_with_pytest("tinypkg\npluggy<2\n"), env=pip)
    assert (job.printed["pytest"], job.printed["pluggy"]) == ("1.0", "1.0")


def test_constraints_hold_for_pytest(run_job, student, suite_with_pytest, wheels, pip):
    for version in ("1.0", "2.0"):
        make_wheel(wheels, "pytest", version)
    make_wheel(wheels)
    suite = suite_with_pytest("-r more/base.txt\n", {"more/base.txt": "tinypkg\n-c 'limits.txt'\n", "more/limits.txt": "pytest<2\n"})
    assert run_job(student, suite, env=pip).printed["pytest"] == "1.0"


def test_pytest_comes_from_where_the_suites_packages_come_from(run_job, student, suite_with_pytest, wheels, tmp_path):
    make_wheel(wheels)
    make_wheel(wheels, "pytest")
    files = {f"wheels/{path.name}": path.read_bytes() for path in wheels.iterdir()}
    suite = suite_with_pytest("--no-index\n--find-links wheels\ntinypkg\n", files)
    assert run_job(student, suite, env={"PIP_CONFIG_FILE": "/dev/null"}).printed["pytest"] == "1.0"


def test_a_suite_whose_pytest_cannot_be_installed(run_job, student, suite_with_pytest, wheels, pip):
    make_wheel(wheels)
    assert "Installing pytest beside the suite's requirements failed" in run_job(student, suite_with_pytest("tinypkg\n"), env=pip).error


# ---- files that include others


def test_requirements_and_constraints_of_other_files(run_job, student, needing, wheels, pip, cache):
    for version in ("1.0", "2.0", "3.0"):
        make_wheel(wheels, "tinypkg", version)
    suite = needing("-r sub/base.txt  # more\n--constraint=limits.txt\n", SHOW)

    def version_with(limit):
        suite.commit({"sub/base.txt": "tinypkg\n-c ../limits.txt\n", "limits.txt": f"tinypkg<{limit}\n"})
        return run_job(student, suite, env=pip).printed["tinypkg"]
    assert [version_with(2), version_with(3), version_with(2)] == ["1.0", "2.0", "1.0"]
    assert len(venvs(cache)) == 2


def test_the_system_satisfies_what_other_files_name(run_job, student, needing):
    files = {"sub/base.txt": "pytest\n", "limits.txt": "pytest<999\nno-such-package<1\n"}
    suite = needing("--index-url https://pypi.example/\n-r sub/base.txt\n-c limits.txt\n", "write()")
    suite.commit(files)
    assert run_job(student, suite, "--env", "system").passed
    suite.commit({"limits.txt": "pytest>=999\n"})
    assert "pytest>=999: version" in run_job(student, suite, "--env", "system").error


def test_files_that_include_each_other(run_job, student, needing):
    suite = needing("-r other.txt\n", "write()")
    suite.commit({"other.txt": "-r requirements.txt\n"})
    assert "include each other too deeply" in run_job(student, suite).error


# ---- encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_encodings_of_the_file(run_job, student, needing, wheels, pip, encoding):
    """PowerShell writes UTF-16."""
    for version in ("1.0", "2.0"):
        make_wheel(wheels, "tinypkg", version)

    def encoded(text):
        return (b"\xfe\xff" if encoding == "utf-16-be" else b"") + text.encode(encoding)
    suite = needing(encoded("# Библиотеки 🐍\r\n-r more.txt\r\n"), SHOW)
    for version in ("1.0", "2.0"):
        suite.commit({"more.txt": encoded(f"tinypkg=={version}\r\n")})
        assert run_job(student, suite, env=pip).printed["tinypkg"] == version


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings_and_the_systems_packages(run_job, student, needing, encoding):
    suite = needing("# имя\r\npytest\r\n".encode(encoding), "write()")
    assert run_job(student, suite, "--env", "system").passed


# ---- packages of the suite itself


@pytest.mark.parametrize("line", ["./pkg", "-e ./pkg", "--editable=pkg", "pkg/", "./pkg ; python_version > '3'"])
def test_a_package_of_the_suite(run_job, student, needing, wheels, pip, cache, line):
    suite = needing(line + "\n", USE_LOCAL)
    suite.commit(LOCAL)
    value, path, prefix, names = run_job(student, suite, env=pip).printed
    assert value == 1 and path.startswith(prefix + "/")
    assert names == ["backend.py", "localpkg.py", "pyproject.toml"]  # no build files in the suite's tree
    suite.commit({"pkg/localpkg.py": "VALUE = 2\n"})
    assert run_job(student, suite, env=pip).printed[0] == 2
    assert len(venvs(cache)) == 2


def test_another_file_does_not_build_a_package_again(run_job, student, needing, pip, cache):
    suite = needing("./pkg\n", USE_LOCAL)
    suite.commit(LOCAL)
    assert run_job(student, suite, env=pip).passed
    suite.commit({"test_more.py": "x = 1\n"})
    assert run_job(student, suite, env=pip).passed
    assert len(venvs(cache)) == 1


def test_what_lies_beside_a_package_that_is_used_where_it_is(run_job, student, needing, pip, cache):
    code = "import localpkg, pathlib\n" + "print(json.dumps(localpkg.DATA))\nwrite()\n"
    suite = needing("-e ./pkg\n", code)
    suite.commit(LOCAL | {"data.txt": "one", "pkg/localpkg.py":
                          "import pathlib\nDATA = (pathlib.Path(__file__).parent.parent / 'data.txt').read_text()\n"})
    assert run_job(student, suite, env=pip).printed == "one"
    suite.commit({"data.txt": "two"})
    assert run_job(student, suite, env=pip).printed == "two"


def test_a_wheel_in_the_suite(run_job, student, needing, wheels, pip):
    make_wheel(wheels)
    [wheel] = wheels.iterdir()
    suite = needing(f"lib/{wheel.name}\n", SHOW + "\n")
    suite.commit({f"lib/{wheel.name}": wheel.read_bytes()})
    assert run_job(student, suite, env=pip).printed["tinypkg"] == "1.0"
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tinymore.py", "")
    suite.commit({f"lib/{wheel.name}": wheel.read_bytes(),
                  "run.py": (suite.path / "run.py").read_text() + "import tinymore\n"})
    assert run_job(student, suite, env=pip).passed


def test_wheels_that_are_found_in_the_suite(run_job, student, needing, wheels, tmp_path):
    make_wheel(wheels)
    suite = needing("--no-index\n-f wheels\ntinypkg\n", SHOW)
    env = {"PIP_CONFIG_FILE": "/dev/null"}
    for version in ("1.0", "2.0"):
        make_wheel(wheels, "tinypkg", version)
        suite.commit({f"wheels/{path.name}": path.read_bytes() for path in wheels.iterdir()})
        assert run_job(student, suite, env=env).printed["tinypkg"] == version
