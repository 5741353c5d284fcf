"""script/release-check, on small made-up repositories with a script in place of the program."""

import os
import pathlib
import re
import subprocess

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
VERSION = re.search(r"version: '([^']+)'", (REPO / "meson.build").read_text())[1]
GIT = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]


class Release:
    """A small repository that could be released as 1.2.3."""

    def __init__(self, directory):
        self.directory = directory
        self.write("meson.build", "project('ostest-runner', 'c',\n  version: '1.2.3',\n  license: 'x')\n")
        self.write("NEWS.md", "# News\n\n## 1.2.3, 24 November 2026\n\n- News.\n")
        self.write("packaging/debian/changelog", "ostest-runner (1.2.3) unstable; urgency=medium\n")
        self.write("script/release-check", (REPO / "script" / "release-check").read_text(), 0o755)
        self.write("script/build", "#!/bin/sh\n", 0o755)
        self.write("build/src/ostest-runner", "#!/bin/sh\necho ostest-runner 1.2.3\n", 0o755)
        self.git("init", "--quiet", "--template=")
        self.commit()

    def write(self, name, text, mode=0o644):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def git(self, *arguments):
        subprocess.run([*GIT, *arguments], cwd=self.directory, check=True, capture_output=True)

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "work")

    def change(self, name, old, new):
        path = self.directory / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        self.commit()

    def faults(self):
        """Returns the names of the failed checks, and asserts that the exit status agrees."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        done = subprocess.run(["script/release-check"], cwd=self.directory, capture_output=True, text=True, env=environment)
        faults = re.findall(r"^FAIL  (.*)", done.stdout, re.MULTILINE)
        assert done.returncode == (1 if faults else 0), done
        return faults


@pytest.fixture
def release(tmp_path):
    return Release(tmp_path)


def test_what_fits_can_be_released(release):
    assert release.faults() == []


def test_a_candidate_comes_before_the_version_in_debian_too(release):
    release.change("meson.build", "1.2.3", "1.2.3-rc.1")
    release.change("NEWS.md", "1.2.3", "1.2.3-rc.1")
    release.change("packaging/debian/changelog", "1.2.3", "1.2.3~rc.1")
    release.change("build/src/ostest-runner", "1.2.3", "1.2.3-rc.1")
    assert release.faults() == []


@pytest.mark.parametrize("name, old, new, fault", [
    ("NEWS.md", ", 24 November 2026", ", not released yet", "NEWS.md begins with this version and a date: '1.2.3, not released yet'"),
    ("NEWS.md", "1.2.3,", "1.2.2,", "NEWS.md begins with this version and a date: '1.2.2, 24 November 2026'"),
    ("packaging/debian/changelog", "1.2.3", "1.2.4", "packaging/debian/changelog begins with this version: '1.2.4'"),
    ("packaging/debian/changelog", "unstable", "UNRELEASED", "packaging/debian/changelog begins with this version: '1.2.3'"),
    ("build/src/ostest-runner", "1.2.3", "1.2.2", "ostest-runner --version prints this version"),
])
def test_what_does_not_fit_is_told(release, name, old, new, fault):
    release.change(name, old, new)
    assert release.faults() == [fault]


def test_a_version_is_a_semantic_one(release):
    for name in ["meson.build", "NEWS.md", "packaging/debian/changelog", "build/src/ostest-runner"]:
        release.change(name, "1.2.3", "1.2")
    assert release.faults() == ["version '1.2' in meson.build is a semantic version"]


def test_what_was_released_is_not_released_again(release):
    release.git("tag", "v1.2.3")
    assert release.faults() == ["tag v1.2.3 does not exist"]


def test_versions_grow(release):
    release.git("tag", "v1.10.0")
    assert release.faults() == ["no later version was released"]


def test_what_is_not_committed_is_not_released(release):
    release.write("new", "")
    assert release.faults() == ["no uncommitted changes"]


def test_this_repository_agrees_on_its_version():
    assert (REPO / "NEWS.md").read_text().split("## ")[1].startswith(f"{VERSION},")
    assert (REPO / "packaging" / "debian" / "changelog").read_text().startswith(f"ostest-runner ({VERSION.replace('-', '~')})")
