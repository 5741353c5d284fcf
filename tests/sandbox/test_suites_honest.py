"""Suites that write, rename, build and cache in their own directory, with old and new pytest: never
an error."""

import pytest

import sandboxed

SUITE = {
    "conftest.py": """\
import os, pathlib
import pytest
@pytest.fixture(scope="session", autouse=True)
def scratch():
    "A directory of the suite's own, made under another name."
    os.mkdir("scratch.new")
    pathlib.Path("scratch.new/conftest.py").write_text("")
    os.rename("scratch.new", "scratch")
""",
    "data/template/Makefile": "all:\n\tcc -o main main.c\n",
    "data/.keep": "",
    "test_files.py": """\
import os, pathlib, shutil, subprocess, threading
SRC = os.environ["OSTEST_SRC"]
def test_builds_in_a_copy_of_the_students_files():
    shutil.copytree(SRC, "build")
    shutil.copy("data/template/Makefile", "build/makefile")
    subprocess.run(["make", "-C", "build"], check=True)
def test_builds_in_a_copy_of_its_own_directory():
    shutil.copytree("data/template", "template")
    shutil.copy(SRC + "/main.c", "template")
    subprocess.run(["make", "-C", "template"], check=True)
    shutil.rmtree("template")
def test_writes_beside_itself():
    for name in ("output.txt", "data/output.txt", "generated.py"):
        pathlib.Path(name).write_text("x = 1\\n")
    os.replace("output.txt", "data/result.txt")
    os.link("data/result.txt", "again.txt")
    os.symlink("data/result.txt", "link.txt")
    assert sorted(p.name for p in pathlib.Path("data").iterdir()) == [".keep", "output.txt", "result.txt", "template"]
def test_repository():
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"], ["checkout", "-qb", "other"], ["status", "--short"],
                  ["stash", "-q"], ["gc", "-q"]):
        subprocess.run(git + words, check=True)
    shutil.rmtree(".git")
def test_threads():
    def work(number):
        for turn in range(30):
            name = f"t{number}-{turn}"
            os.mkdir(name)
            pathlib.Path(name, "in.py").write_text("x")
            os.rename(name, name + "-renamed")
            shutil.rmtree(name + "-renamed")
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
def test_python_without_an_environment():
    pathlib.Path("scratch/helper.py").write_text("x = 1\\n")
    subprocess.run(["/usr/bin/python3", "-c", "import helper"], cwd="scratch", env={}, check=True)
""",
}
STUDENT = {"main.c": "int main(void) { return 0; }\n", "scripts/gen.py": "print(1)\n", "conftest.py": "1 / 0\n", "tox.ini": "[pytest]\n"}


@pytest.mark.parametrize("version", [*sandboxed.PYTESTS, "8.1.2"])
def test_many_ways_to_write(site, version):
    suite = site.repository(f"honest-{version.rstrip('.*')}", SUITE | sandboxed.pytest_requirement(version))
    student = site.student(STUDENT)
    for _ in range(3):
        job = site.job(student, suite, "--timeout", 300)
        assert job.passed, job.log
        assert len(job.tests) == 6


def test_a_cache_that_was_committed(site):
    """Some suites do this although they should not: pytest writes into it."""
    suite = site.repository("with-cache", {
        "test_it.py": "def test_ok():\n    pass\n", ".pytest_cache/README.md": "x\n", ".pytest_cache/v/cache/nodeids": "[]"})
    job = site.job(site.student({"main.c": ""}), suite)
    assert job.passed and "could not create cache path" not in (job.dir / "stdout.log").read_text()
