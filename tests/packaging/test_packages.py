"""The Debian packages that script/package builds (reproducible, lintian clean, complete) and the
units.

tests/system/test_package.py tests the installed packages in a guest with systemd.
"""

import pathlib
import re
import shutil
import subprocess

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
VERSION = re.search(r"version: '([^']+)'", (REPO / "meson.build").read_text())[1]
MAX_EXPOSURE = 3.5  # of systemd-analyze security


def output(*command, **named):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **named)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """Builds the packages twice, compares them and runs lintian. Returns their directory."""
    directory = tmp_path_factory.mktemp("packages")
    output(REPO / "script" / "package", "--check", directory)
    return directory


@pytest.fixture(scope="session")
def runner(packages):
    [package] = packages.glob(f"ostest-runner_{VERSION}_*.deb")
    return package


@pytest.fixture(scope="session")
def tree(runner, tmp_path_factory):
    """Returns a directory with the extracted package of the runner."""
    directory = tmp_path_factory.mktemp("tree")
    output("dpkg-deb", "--extract", runner, directory)
    return directory


@pytest.fixture(scope="session")
def units(tree):
    return {path.name: path for path in tree.glob("**/systemd/system/ostest-runner*")}


def test_both_packages_are_built_with_the_projects_version(packages):
    names = {path.name.rsplit("_", 1)[0] for path in packages.glob("*.deb")}
    assert {f"ostest-runner_{VERSION}", f"ostest-mock-backend_{VERSION}"} <= names


def test_the_package_holds_programs_units_configuration_pages_and_completions(tree, units):
    for name in ["usr/bin/ostest-runner", "usr/libexec/ostest-runner/ostest-job", "usr/libexec/ostest-runner/ostest-init",
                 "etc/ostest-runner/ostest-runner.conf", "usr/lib/sysusers.d/ostest-runner.conf",
                 "usr/lib/tmpfiles.d/ostest-runner.conf", "usr/share/doc/ostest-runner/docs/operations.md",
                 "usr/share/ostest-runner/apparmor/ostest-runner", "usr/share/man/man8/ostest-runner.8.gz",
                 "usr/share/man/man1/ostest-runner-run.1.gz", "usr/share/man/man5/ostest-runner.conf.5.gz",
                 "usr/share/bash-completion/completions/ostest-runner", "usr/share/fish/vendor_completions.d/ostest-runner.fish",
                 "usr/share/zsh/vendor-completions/_ostest-runner"]:
        assert (tree / name).is_file(), name
    assert set(units) == {"ostest-runner.service", "ostest-runner@.service"}


def test_the_documents_find_each_other(tree):
    docs = tree / "usr/share/doc/ostest-runner"
    for page in [docs / "README.md", *docs.glob("docs/*.md")]:
        for target in re.findall(r"\]\(((?!https?:)[^)#]+\.md)", page.read_text()):
            installed = (page.parent / target).resolve()
            assert installed.exists() or "examples" in target or "CONTRIBUTING" in target or ".ru." in target, (page, target)


def test_only_the_configuration_is_a_conffile(runner):
    assert output("dpkg-deb", "--info", runner, "conffiles").split() == ["/etc/ostest-runner/ostest-runner.conf"]


def test_the_configuration_that_is_installed_sets_nothing(tree):
    text = (tree / "etc/ostest-runner/ostest-runner.conf").read_text()
    assert "#backend-url = " in text
    assert all(not line or line.startswith("#") for line in text.splitlines())


def test_what_it_needs_at_run_time_is_a_dependency(runner):
    depends = output("dpkg-deb", "--field", runner, "Depends")
    for name in ["git", "bubblewrap", "python3", "libcurl4", "libjansson4", "libexpat1", "libseccomp2", "systemd"]:
        assert re.search(rf"(^|[ ,]){name}", depends), (name, depends)


def test_maintainer_scripts_are_posix_shell(tmp_path):
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    for name in ["postinst", "prerm", "postrm"]:
        output("shellcheck", "--shell=sh", REPO / "packaging" / "debian" / f"ostest-runner.{name}")


def test_the_dockerfile_is_clean():
    if not shutil.which("hadolint"):
        pytest.skip("hadolint is not installed")
    output("hadolint", REPO / "Dockerfile")


# ---- the units ----

@pytest.fixture
def checked(units, tmp_path):
    """Returns a directory with the units, with a program that this machine has."""
    for name, unit in units.items():
        (tmp_path / name).write_text(unit.read_text().replace("/usr/bin/ostest-runner", "/bin/true"))
    return tmp_path


needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@needs_systemd
@pytest.mark.parametrize("name", ["ostest-runner.service", "ostest-runner@.service"])
def test_systemd_takes_the_unit_as_it_is(checked, name):
    assert output("systemd-analyze", "--man=no", "verify", checked / name).strip() == ""


@needs_systemd
@pytest.mark.parametrize("name", ["ostest-runner.service", "ostest-runner@.service"])
def test_the_unit_is_as_closed_as_the_sandbox_allows(checked, name):
    text = output("systemd-analyze", "security", "--offline=yes", "--no-pager", checked / name)
    assert float(re.search(r"Overall exposure level.*?: ([0-9.]+)", text)[1]) <= MAX_EXPOSURE, text


@needs_systemd
def test_each_exception_is_explained_in_the_unit(checked):
    """Each setting that systemd-analyze recommends is set, or explained in a comment."""
    unit = (checked / "ostest-runner.service").read_text()
    text = output("systemd-analyze", "security", "--offline=yes", "--no-pager", checked / "ostest-runner.service")
    for name, value in re.findall(r"^✗ (\w+)=(?:~(\S+))?", text, re.MULTILINE):
        if name not in ("RootDirectory", "Delegate", "DeviceAllow", "RestrictAddressFamilies"):
            assert name in unit and (value or "").split("(")[0] in unit, (name, value)


def test_the_instance_differs_in_its_names_only(units):
    one = units["ostest-runner.service"].read_text().splitlines()
    each = units["ostest-runner@.service"].read_text().splitlines()
    different = [line for line, other in zip(each, one) if line != other]
    assert len(one) == len(each) and all("%i" in line or line.startswith("#") for line in different)
    assert [line for line in different if line.startswith(("StateDirectory", "ExecStart", "LoadCredential"))] == [
        "ExecStart=/usr/bin/ostest-runner --config /etc/ostest-runner/%i.conf",
        "StateDirectory=ostest-runner@%i",
        "LoadCredential=password:/etc/ostest-runner/%i.password"]


# ---- meson install and meson dist ----

def test_meson_install_goes_below_its_prefix(tmp_path):
    """Everything, including the units, if the prefix is not /usr."""
    output("meson", "setup", tmp_path / "build", REPO, "--prefix", "/opt/ostest", "-Dtests=false",
           "-Dsystemdsystemunitdir=/opt/ostest/lib/systemd/system")
    output("meson", "install", "-C", tmp_path / "build", "--destdir", tmp_path / "root")
    files = [path.relative_to(tmp_path / "root") for path in (tmp_path / "root").rglob("*") if path.is_file()]
    assert files and all(path.parts[:2] == ("opt", "ostest") for path in files)
    unit = (tmp_path / "root/opt/ostest/lib/systemd/system/ostest-runner.service").read_text()
    assert "ExecStart=/opt/ostest/bin/ostest-runner --config /opt/ostest/etc/ostest-runner/ostest-runner.conf" in unit


def test_meson_dist_makes_an_archive_of_all_sources(tmp_path):
    if not (REPO / ".git").exists():
        pytest.skip("meson dist needs a git repository")
    output("meson", "setup", tmp_path / "build", REPO, "-Dtests=false")
    output("meson", "dist", "-C", tmp_path / "build", "--no-tests", "--allow-dirty", "--formats", "gztar")
    names = output("tar", "--list", "--file", tmp_path / "build" / "meson-dist" / f"ostest-runner-{VERSION}.tar.gz").split()
    for name in ["meson.build", "packaging/debian/rules", "script/package", "docs/architecture.md"]:
        assert f"ostest-runner-{VERSION}/{name}" in names
