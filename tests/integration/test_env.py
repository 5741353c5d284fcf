"""The Python of a suite, the environments built for it, and the variables and descriptors that it
gets."""

import os
import pathlib
import re
import subprocess
import zipfile

import pytest

import harness
from jobs import entries, opening_of, printing

# docs/suites.md has the same list.
VARIABLES = {"PATH", "VIRTUAL_ENV", "HOME", "TMPDIR", "OSTEST_SRC", "LANG", "LC_ALL", "USER", "LOGNAME", "SHELL", "TERM", "PYTHONNOUSERSITE"}
WITHOUT_SANDBOX = {"OSTEST_CHANNEL"}  # pytest removes it


def make_wheel(directory, name="tinypkg", version="1.0", requires=()):
    """Writes a wheel with a module of that name and a script "<name>-tool"."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{name}.py": f"VERSION = {version!r}\ndef main(): print(VERSION)\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-tool = {name}:main\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in (files | {f"{info}/RECORD": record}).items():
            wheel.writestr(path, text)


@pytest.fixture
def wheels(tmp_path):
    path = tmp_path / "wheels"
    path.mkdir()
    return path


@pytest.fixture
def pip(wheels):
    """An environment in which pip finds only the wheels."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": "/dev/null"}


NEEDS = "requirements = requirements.txt\n"
SHOW = """
import tinypkg, shutil
tool = subprocess.run(["tinypkg-tool"], stdout=subprocess.PIPE, text=True)
print(json.dumps([tinypkg.VERSION, tool.stdout.strip(), sys.executable, os.environ["VIRTUAL_ENV"]]))
write()
"""


@pytest.fixture
def needing(make_suite):
    """needing(requirements, code): makes a suite with a manifest and this requirements file."""
    def make(requirements, code=SHOW, name="suite"):
        suite = make_suite(code, files={"requirements.txt": requirements}, name=name)
        suite.commit({"ostest-suite.conf": (suite.path / "ostest-suite.conf").read_text() + NEEDS})
        return suite
    return make


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory):
    """A Python with only the standard library: no pytest, no pip."""
    path = tmp_path_factory.mktemp("bare") / "env"
    subprocess.run(["/usr/bin/python3", "-I", "-m", "venv", "--without-pip", path], check=True, env=harness.CLEAN_ENV)
    return path / "bin" / "python3"


# A fake python: answers the check of requirements, and runs the commands of the test for the rest.
FAKE = """\
#!/bin/sh
case "$2 $3" in
"-c "*) echo question >> {log}; echo "missing tinypkg: not installed";;
"-m venv") [ "$5" = --without-pip ] || echo venv >> {log}
    mkdir -p "$4/bin" "$4/lib/python3.0/site-packages"; {create}
    printf '#!/bin/sh\\n[ "$3" = pip ] || exit 0\\n{install}\\n' > "$4/bin/python"; chmod +x "$4/bin/python"
    printf '#!/bin/sh\\nexec /usr/bin/python3 "$@"\\n' > "$4/bin/python3"; chmod +x "$4/bin/python3";;
*) {run};;
esac
"""


@pytest.fixture
def fake_python(tmp_path):
    """fake_python(create, install, run): makes a program for --python from shell commands."""
    def make(create=":", install=":", run=":"):
        path = tmp_path / "python"
        path.write_text(FAKE.format(log=tmp_path / "python.log", create=create, install=install, run=run))
        path.chmod(0o755)
        return path
    return make


# ---- the system's Python


def test_auto_uses_the_system_python_where_it_satisfies(run_job, student, needing):
    requirements = """
pytest>=3
# a comment

pytest-dependency ; python_version >= '3'
no-such ; python_version < '3'
"""
    job = run_job(student, needing(requirements, "import pytest_dependency\n" + printing("sys.executable")))
    assert job.printed.endswith("/bin/python3") and "venv=no" in job.log


@pytest.mark.parametrize("requirement", ["no-such-package-of-ours", "pytest<1", "pytest==0.0.1", "pytest>=999",
                                         "pytest @ file:///x", "-r other.txt", "./local"])
def test_system_with_an_unsatisfied_requirement(run_job, student, needing, requirement):
    job = run_job(student, needing(f"pytest\n{requirement}\n"), "--env", "system")
    assert requirement.split()[0] in job.error and "class=environment" in job.log


def test_system_says_which_version_is_there(run_job, student, needing):
    job = run_job(student, needing("pytest>=999\n"), "--env", "system")
    assert re.search(r"pytest>=999: version \d+\.\S+ is installed", job.error)


def test_a_requirements_file_with_a_byte_order_mark(run_job, student, needing):
    assert run_job(student, needing("\ufeffpytest\r\n", "write()"), "--env", "system").passed


def test_the_answer_is_kept_and_asked_again_when_packages_change(run_job, student, needing, fake_python, tmp_path):
    place = tmp_path / "site"
    place.mkdir()
    python = fake_python(run='exec python3 "$@"')
    python.write_text(python.read_text().replace(
        'echo "missing tinypkg: not installed"', f"echo path {place}; cat {tmp_path}/answer"))
    (tmp_path / "answer").write_text("")
    suite = needing("tinypkg\n", "write()")

    def questions():
        assert run_job(student, suite, "--python", python, "--env", "system").passed
        return (tmp_path / "python.log").read_text().count("question")
    assert [questions(), questions()] == [1, 1]
    (place / "new").touch()
    assert questions() == 2
    (place / "newer").touch()
    (tmp_path / "answer").write_text("missing tinypkg: removed\n")
    assert "tinypkg: removed" in run_job(student, suite, "--python", python, "--env", "system").error


def test_two_pythons_do_not_share_an_answer(run_job, student, needing, bare_python):
    """The second is a venv of the first, so its executable is a link to the same file."""
    suite = needing("pytest\n", "write()")
    assert run_job(student, suite, "--env", "system").passed
    assert "pytest" in run_job(student, suite, "--env", "system", "--python", bare_python).error


def test_no_requirements_file(run_job, student, make_repo):
    assert run_job(student, make_repo("suite", {"test_a.py": "def test_one(): pass\n"}), "--env", "system").passed


def test_no_pytest(run_job, student, make_repo, bare_python):
    suite = make_repo("suite", {"test_a.py": "def test_one(): pass\n"})
    job = run_job(student, suite, "--env", "system", "--python", bare_python)
    assert "pytest" in job.error or "packaging" in job.error
    assert str(bare_python) in job.error and "class=environment" in job.log


@pytest.mark.parametrize("python", ["/no/such/python", "no-such-python", "/bin/false", "/etc/passwd"])
def test_a_python_that_is_none(run_job, student, needing, python):
    assert python in run_job(student, needing("pytest\n", "write()"), "--python", python).error


def test_python_by_name_is_looked_up_in_the_path(run_job, student, needing, tmp_path):
    suite = needing("", printing("sys.executable"))
    manifest = (suite.path / "ostest-suite.conf").read_text()
    suite.commit({"ostest-suite.conf": manifest.replace("= python3", "= python-of-ours")})
    (tmp_path / "python-of-ours").symlink_to("/usr/bin/python3")
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert run_job(student, suite, "--python", "python-of-ours", env=env).printed.endswith("/bin/python-of-ours")


def test_a_python_that_cannot_compare_versions_will_do_where_nothing_is_required(run_job, student, needing, bare_python):
    assert run_job(student, needing("# nothing\n", "write()"), "--python", bare_python, "--env", "system").passed


# ---- a venv


def test_an_unmet_requirement_builds_a_venv_once(run_job, student, needing, wheels, pip, cache):
    make_wheel(wheels)
    suite = needing("tinypkg\n")
    version, tool, python, venv = run_job(student, suite, env=pip).printed
    # Its scripts work too: they name the Python at the path to which it was moved.
    assert version == tool == "1.0" and pathlib.Path(venv).parent == cache / "envs"
    assert python == venv + "/bin/python3"
    [entry] = [path for path in (cache / "envs").iterdir() if path.is_dir()]
    inode = entry.stat().st_ino
    (wheels / "tinypkg-1.0-py3-none-any.whl").unlink()  # pip is not called again
    job = run_job(student, suite, env=pip)
    assert job.passed and "venv=yes" in job.log and entry.stat().st_ino == inode
    assert not list(cache.rglob("*.new")) and not list(cache.rglob("*.lock"))
    for script in (entry / "bin").iterdir():
        if script.is_file() and not script.is_symlink():
            assert f"{entry}.new".encode() not in harness.content_of(script), f"{script} names the place where it was built"


def test_what_a_run_uses_is_not_evicted_under_it(run_job, student, needing, wheels, pip, cache):
    make_wheel(wheels)
    trim = [str(harness.JOB), "--trim", "--cache-dir", str(cache), "--cache-size", "0", str(cache)]
    job = run_job(student, needing("tinypkg\n", f"""
subprocess.run({trim!r}, check=True)
subprocess.run(["tinypkg-tool"], check=True)
write()
"""), env=pip)
    assert job.passed, job.log
    assert len(entries(cache / "envs")) == 1
    subprocess.run(trim, check=True, env=harness.CLEAN_ENV)
    assert not list(cache.glob("*/*"))


def test_venv_even_where_the_system_would_do(run_job, student, needing, fake_python, tmp_path):
    python = fake_python(run='exec python3 "$@"')
    python.write_text(python.read_text().replace('echo "missing tinypkg: not installed"', ":"))
    suite = needing("tinypkg\n", "write()")
    assert "venv=no" in run_job(student, suite, "--python", python).log
    assert "venv=yes" in run_job(student, suite, "--python", python, "--env", "venv").log
    assert (tmp_path / "python.log").read_text() == "question\nvenv\n"


def test_parallel_jobs_build_one_venv(start_job, student, needing, fake_python, make_gate, tmp_path, cache):
    here, go = make_gate("here"), make_gate("go")
    python = fake_python(create=f"echo here > {here.path}; read go < {go.path}", run='exec python3 "$@"')
    suite = needing("tinypkg\n", "write()")
    first = start_job(student, suite, "--python", python)
    here.wait()
    [lock] = cache.glob("envs/*.lock")
    with opening_of(lock) as wait_until_somebody_asks:
        second = start_job(student, suite, "--python", python)
        wait_until_somebody_asks()
    go.path.write_text("go\n")
    assert [first.wait(), second.wait()] == [0, 0] and first.passed and second.passed
    assert (tmp_path / "python.log").read_text().count("venv") == 1
    assert not list(cache.rglob("*.lock"))


def test_a_package_that_cannot_be_installed(run_job, student, needing, wheels, pip, cache):
    make_wheel(wheels, "other", requires=["missing-of-ours"])
    job = run_job(student, needing("other\n"), env=pip)
    assert "missing-of-ours" in job.error and "class=environment" in job.log
    assert not entries(cache / "envs")


def test_a_failed_build_is_tried_again(run_job, student, needing, fake_python, tmp_path):
    fails = 'echo "ERROR: No matching distribution found for tinypkg" >&2; exit 1'
    python = fake_python(run='exec python3 "$@"', install=f"test -e {tmp_path}/works || {{ {fails}; }}")
    suite = needing("tinypkg\n", "write()")
    assert "No matching distribution found for tinypkg" in run_job(student, suite, "--python", python).error
    (tmp_path / "works").touch()
    assert run_job(student, suite, "--python", python).passed


@pytest.mark.parametrize("create, words", [
    ("echo 'the disk is full' >&2; exit 1", "the disk is full"), ("kill -9 $$", "venv"), ("exit 1", "venv")])
def test_a_venv_that_cannot_be_created(run_job, student, needing, fake_python, create, words, cache, tmp_path):
    error = run_job(student, needing("tinypkg\n"), "--python", fake_python(create=create)).error
    assert words in error and str(tmp_path) in error
    assert not entries(cache / "envs")


def test_a_build_that_takes_too_long(run_job, student, needing, fake_python, cache):
    error = run_job(student, needing("tinypkg\n"), "--python", fake_python(create="sleep 1000"), "--timeout", 3).error
    assert "took longer than 3 s" in error
    assert not entries(cache / "envs")


def test_what_a_killed_build_left_is_built_anew(run_job, start_job, student, needing, fake_python, make_gate, cache):
    gate = make_gate()
    suite = needing("tinypkg\n", "write()")
    job = start_job(student, suite, "--python", fake_python(create=f"echo here > {gate.path}; sleep 1000"))
    gate.wait()
    job.kill()
    assert list(cache.glob("envs/*.new"))
    assert run_job(student, suite, "--python", fake_python(run='exec python3 "$@"')).passed
    assert not list(cache.glob("envs/*.new")) and not list(cache.glob("envs/*.lock"))


def test_a_venv_whose_python_is_gone_is_built_anew(run_job, student, needing, fake_python, cache, tmp_path):
    suite, python = needing("tinypkg\n", "write()"), fake_python(run='exec python3 "$@"')
    assert run_job(student, suite, "--python", python).passed
    [venv] = [path for path in (cache / "envs").iterdir() if path.is_dir()]
    (venv / "bin" / "python").unlink()
    assert run_job(student, suite, "--python", python).passed
    assert (tmp_path / "python.log").read_text().count("venv") == 2


def test_other_requirements_are_another_venv(run_job, student, needing, fake_python, cache):
    python = fake_python(run='exec python3 "$@"')
    suite = needing("tinypkg\n", "write()")
    for text in ["tinypkg\n", "tinypkg>=1\n"]:
        suite.commit({"requirements.txt": text})
        assert run_job(student, suite, "--python", python).passed
    assert len([path for path in (cache / "envs").iterdir() if path.is_dir()]) == 2


def test_a_requirements_file_that_another_one_names_counts(run_job, student, needing, fake_python, tmp_path):
    python = fake_python(run='exec python3 "$@"')
    suite = needing("-r more.txt\n", "write()")
    for text in ["tinypkg\n", "tinypkg>=1\n"]:
        suite.commit({"more.txt": text})
        assert run_job(student, suite, "--python", python).passed
    assert (tmp_path / "python.log").read_text().count("venv") == 2


def test_pip_sees_the_operators_settings_and_not_our_secrets(run_job, student, needing, fake_python, tmp_path):
    python = fake_python(run='exec python3 "$@"', install=f"env > {tmp_path}/env")
    env = {"PIP_INDEX_URL": "https://pypi.example/", "https_proxy": "http://proxy.example",
           "OSTEST_PASSWORD": "secret", "CREDENTIALS_DIRECTORY": "/run/x", "PYTHONPATH": "/x"}
    assert run_job(student, needing("tinypkg\n", "write()"), "--python", python, env=env).passed
    seen = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line)
    assert seen["PIP_INDEX_URL"] == "https://pypi.example/" and seen["https_proxy"] == "http://proxy.example"
    assert not {"OSTEST_PASSWORD", "CREDENTIALS_DIRECTORY", "PYTHONPATH"} & set(seen)


# ---- what the suite sees


PLANTED = {
    "SECRET": "s3cr3t", "OSTEST_PASSWORD": "s3cr3t", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "PYTHONPATH": "/s3cr3t",
    "LD_PRELOAD": "", "CREDENTIALS_DIRECTORY": "/s3cr3t", "https_proxy": "http://s3cr3t", "GIT_ASKPASS": "/s3cr3t",
    "LANG": "ru_RU.UTF-8", "PYTEST_ADDOPTS": "--s3cr3t",
}


def test_the_environment_is_exactly_the_documented_one(run_job, student, make_suite):
    job = run_job(student, make_suite(printing("dict(os.environ)")), env=PLANTED)
    seen = job.printed
    assert set(seen) == VARIABLES | WITHOUT_SANDBOX
    assert (seen["LANG"], seen["LC_ALL"], seen["TERM"]) == ("C.UTF-8", "C.UTF-8", "dumb")
    assert seen["OSTEST_SRC"] == f"{job.dir}/src"
    assert seen["PATH"] == seen["VIRTUAL_ENV"] + "/bin:/usr/local/bin:/usr/bin:/bin"


def test_the_environment_of_pytest(run_job, student, make_repo):
    of_pytest = {"PYTEST_CURRENT_TEST", "PYTEST_VERSION"}  # the latter since 8.2
    code = f"import os\ndef test_one(): assert set(os.environ) - {of_pytest} == {VARIABLES}\n"
    assert run_job(student, make_repo("suite", {"test_a.py": code}), env=PLANTED).passed


def test_the_environment_in_a_venv(run_job, student, needing, fake_python):
    suite = needing("tinypkg\n", printing("dict(os.environ)"))
    job = run_job(student, suite, "--python", fake_python(run='exec python3 "$@"'), env=PLANTED)
    assert set(job.printed) - {"PWD"} == VARIABLES | WITHOUT_SANDBOX  # its python3 is a shell script
    assert job.printed["PATH"] == job.printed["VIRTUAL_ENV"] + "/bin:/usr/local/bin:/usr/bin:/bin"


def test_home_and_tmpdir_are_the_tasks_own(run_job, student, make_suite):
    code = "import tempfile\n" + printing("[os.environ['HOME'], tempfile.gettempdir(), os.listdir(os.environ['TMPDIR'])]")
    first, second = [run_job(student, make_suite(code, name=name)) for name in ["a", "b"]]
    assert first.printed[0].startswith(str(first.dir)) and first.printed[0] != second.printed[0]
    assert first.printed[1].startswith(first.printed[0]) and first.printed[2] == []


def test_no_descriptor_but_the_standard_ones(run_job, student, make_suite):
    code = "print(json.dumps(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))))\nwrite()"
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        fds = run_job(student, make_suite(code)).printed
    finally:
        os.close(read)
        os.close(write)
    assert fds[:3] == [0, 1, 2] and len(fds) == 4  # and the directory that it lists


def test_signals_are_as_at_the_start(run_job, student, make_suite):
    status = run_job(student, make_suite(printing("open('/proc/self/status').read()"))).printed
    assert re.search(r"^SigBlk:\t0+$", status, re.MULTILINE)
    ignored = int(re.search(r"^SigIgn:\t(\w+)$", status, re.MULTILINE).group(1), 16)
    assert ignored == 1 << 12 | 1 << 24  # SIGPIPE and SIGXFSZ: python's own


def test_the_working_directory_is_the_suite(run_job, student, make_suite):
    job = run_job(student, make_suite(printing("[os.getcwd(), sorted(os.listdir())]")))
    assert job.printed == [f"{job.dir}/tests", ["ostest-suite.conf", "run.py"]]
