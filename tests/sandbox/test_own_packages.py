"""Requirements that are packages of the suite itself, built by setuptools."""

import pytest

PACKAGE = {
    "pkg/pyproject.toml": "[build-system]\nrequires = ['setuptools>=64']\nbuild-backend = 'setuptools.build_meta'\n"
                          "[project]\nname = 'coursepkg'\nversion = '1.0'\n[project.scripts]\ncourse-tool = 'coursepkg:main'\n",
    "test_it.py": "import coursepkg, os, subprocess\n"
                  "def test_import(): assert coursepkg.VALUE == 1 and coursepkg.__file__.startswith('/env/')\n"
                  "def test_tool(): assert subprocess.check_output(['course-tool'], text=True) == '1\\n'\n"
                  "def test_nothing_was_built(): assert not [n for n in os.listdir('pkg') if 'egg' in n or n == 'build']\n",
}
CODE = "VALUE = 1\ndef main(): print(VALUE)\n"


@pytest.mark.parametrize("line", ["./pkg", "-e ./pkg"])
@pytest.mark.parametrize("place", ["pkg/src/coursepkg/__init__.py", "pkg/coursepkg/__init__.py"])
def test_a_package_of_the_suite(any_site, line, place):
    """setuptools writes a path for the first layout, and Python code for the second."""
    suite = any_site.repository(f"package-{next(any_site.numbers)}", PACKAGE | {place: CODE, "pkg/doc/x.txt": "x", "requirements.txt": f"{line}\n"})
    job = any_site.job(any_site.student({"main.c": ""}), suite, "--timeout", 300)
    assert job.passed, job.log
