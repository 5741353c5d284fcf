"""Attempts of the tests or a student's program to change the suite's files.

If the runner is root, another user owns the files and the attempt is refused. Otherwise the runner
notices the change.
"""

import contextlib
import os

import pytest

import sandboxed
from sandboxed import outcomes_of

ONE_GOOD = "def test_good():\n    pass\n"


@pytest.fixture
def users(sites):
    """A site for a runner that is not root."""
    return sites("user")


@pytest.fixture
def roots(sites):
    if os.geteuid() != 0:
        pytest.skip("the tests do not run as root, so the runner cannot either")
    return sites("root")


@pytest.fixture(scope="session")
def copying():
    """A site whose cache has a group that the runner does not have, so that it cannot be used in an
    overlay."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to a foreign group")
    with contextlib.closing(sandboxed.Site("user")) as site:
        os.chown(site.cache, -1, site.uid + 1000)
        site.cache.chmod(0o2755)
        yield site


def changed(path):
    return f"The suite's file {path} was changed while the tests ran"


def added(path):
    return f"The file {path} was added to the suite while the tests ran, and tools take it for one of the suite's own"


def was_copied(job):
    """Returns true if the kernel did not allow an overlay, as before Linux 6.6."""
    return "the suite's files are copied, since there is no overlay" in job.log


DIRECTORIES = sandboxed.PYTEST_SUITE | {"made/first": "1\n", "Makefile": "all:\n", "sub/x": "x\n"}


# ---- originals: the file in the message, and the code that changes it

MAPPED = """\
    import mmap
    with open('data.txt', 'r+b') as file, mmap.mmap(file.fileno(), 5) as memory:
        memory[0:5] = {!r}
"""
CHANGES = {
    "appended": ("data.txt", "open('data.txt', 'a').write('more')"),
    "code": ("tests/other.py", "open('tests/other.py', 'w').write('VALUE = 2')"),
    "put-back": ("data.txt", "(open('data.txt', 'w').write('other'), open('data.txt', 'w').write('data\\n'))"),
    "put-back-with-its-time": ("data.txt", "(lambda s: (open('data.txt', 'w').write('data\\n'), "
                                           "os.utime('data.txt', ns=(s.st_atime_ns, s.st_mtime_ns))))(os.stat('data.txt'))"),
    "opened-for-writing": ("data.txt", "os.open('data.txt', os.O_RDWR)"),
    "mapped": ("data.txt", "map_file(b'atad\\n')"),
    "mapped-and-put-back": ("data.txt", "(map_file(b'atad\\n'), map_file(b'data\\n'))"),
    "replaced": ("data.txt", "(open('new', 'w').write('data\\n'), os.rename('new', 'data.txt'))"),
    "replaced-by-a-link": ("data.txt", "(os.unlink('data.txt'), os.symlink('/box/src/checks.py', 'data.txt'))"),
    "replaced-by-a-directory": ("data.txt", "(os.unlink('data.txt'), os.mkdir('data.txt'))"),
    "removed": ("data.txt", "os.unlink('data.txt')"),
    "moved-away": ("data.txt", "os.rename('data.txt', 'tests/data.txt')"),
    "moved-away-and-back": ("data.txt", "(os.rename('data.txt', 'x'), os.rename('x', 'data.txt'))"),
    "exchanged": ("data.txt", "exchange('data.txt', 'tests/other.py')"),
    "mode": ("data.txt", "os.chmod('data.txt', 0o755)"),
    "time": ("data.txt", "os.utime('data.txt', (0, 0))"),
    "attribute": ("data.txt", "os.setxattr('data.txt', 'user.x', b'x')"),
    "linked": ("data.txt", "os.link('data.txt', 'data2.txt')"),
    "directory-removed-and-made-anew": ("made/first", "(shutil.rmtree('made'), os.mkdir('made'))"),
    "directory-removed": ("made/first", "shutil.rmtree('made')"),
    "directory-hidden": ("made", "os.chmod('made', 0)"),
}
TOOLS = """
import ctypes, mmap, shutil
def map_file(data):
    with open('data.txt', 'r+b') as file, mmap.mmap(file.fileno(), len(data)) as memory:
        memory[:] = data
def exchange(a, b):
    if ctypes.CDLL(None, use_errno=True).renameat2(-100, a.encode(), -100, b.encode(), 2) < 0:
        raise OSError(ctypes.get_errno(), 'renameat2')
"""


@pytest.fixture(scope="session")
def suite():
    """suite(site): returns a suite with a directory that has a file."""
    made = {}

    def on(site):
        if site.dir not in made:
            made[site.dir] = site.repository("suite-with-directories", DIRECTORIES)
        return made[site.dir]
    return on


@pytest.fixture(params=[*sandboxed.started_as(), "copying"])
def any_way(request, sites):
    """A site for each way in which a suite gets into the sandbox."""
    return request.getfixturevalue("copying") if request.param == "copying" else sites(request.param)


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_of_an_original_is_an_error(users, suite, kind):
    path, work = CHANGES[kind]
    job = users.pytest(f"{TOOLS}\n{ONE_GOOD}def test_changes():\n    {work}\n", suite=suite(users))
    if kind == "opened-for-writing" and was_copied(job):
        assert job.passed  # it leaves no trace
        return
    assert job.error == changed(path)
    assert outcomes_of(job) == {"test_good": (True, ""), "test_changes": (True, "")}


@pytest.mark.parametrize("kind", CHANGES)
def test_root_refuses_a_change_of_an_original(roots, suite, kind):
    work = CHANGES[kind][1]
    job = roots.pytest(f"{TOOLS}\n{ONE_GOOD}def test_changes():\n    with pytest.raises(OSError):\n        {work}\n",
                       suite=suite(roots))
    assert job.passed, job.log


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_of_a_copy_is_an_error(copying, suite, kind):
    path, work = CHANGES[kind]
    job = copying.pytest(f"{TOOLS}\n{ONE_GOOD}def test_changes():\n    {work}\n", suite=suite(copying))
    assert was_copied(job)
    if kind == "opened-for-writing":  # leaves no trace if the file is not copied up
        assert job.passed
    else:
        assert job.error == changed(path)
        assert outcomes_of(job) == {"test_good": (True, ""), "test_changes": (True, "")}


def test_root_refuses_a_change_of_an_original_of_a_copy(roots):
    """All changes in one run, since the cached tree has to be damaged first."""
    repository = roots.repository("spoiled-suite", DIRECTORIES | {"spoiled": ""})
    assert roots.pytest(ONE_GOOD, suite=repository).passed
    [tree] = [path for path in roots.cache.glob("suites/*") if (path / "spoiled").exists()]
    for path in [tree, *tree.rglob("*")]:
        os.chown(path, -1, 12345, follow_symlinks=False)
    tests = "".join(f"def test_{number}():\n    with pytest.raises(OSError):\n        {work}\n"
                    for number, (_, work) in enumerate(CHANGES.values()))
    own = "def test_own():\n    os.mkdir('a')\n    os.rename('a', 'sub/a')\n    os.rmdir('sub/a')\n"
    job = roots.pytest(f"{TOOLS}\n{tests}{own}", suite=repository)
    assert was_copied(job)
    assert job.passed and len(job.tests) == len(CHANGES) + 1, job.log


def test_a_directory_of_a_copy_that_was_away_for_a_while(copying, suite):
    work = "(os.rename('sub', 'away'), os.mkdir('sub'), os.rmdir('sub'), os.rename('away', 'sub'))"
    job = copying.pytest(f"{ONE_GOOD}def test_changes():\n    {work}\n", suite=suite(copying))
    assert job.error == changed("sub")


@pytest.mark.parametrize("work", [
    "os.rename('tests', 'gone')", "os.rename('/box/tests', '/box/gone')", "os.link('data.txt', '/box/home/data.txt')",
    "os.rmdir('tests')", "os.mknod('null', 0o020600, 0)", "os.open('/proc/1/root', 0)", "os.listdir('/proc/1/fd')",
    "os.listdir('/leaves/area/layers')"],
    ids=["moved", "suite-moved", "linked-out", "removed", "whiteout", "root-of-init", "descriptors-of-init", "layers"])
def test_what_nobody_can_do_to_a_suite(request, site, work):
    job = site.pytest(f"{ONE_GOOD}def test_changes():\n    with pytest.raises(OSError):\n        {work}\n")
    what = request.node.callspec.id.split("-", 1)[1]
    if was_copied(job) and what == "whiteout":
        assert not job.result["isError"]  # a device without meaning there, which cannot be opened
    elif was_copied(job) and what == "moved" and site.who != "root":
        assert job.error == changed("tests/other.py")
    else:
        assert job.passed, job.log


def test_the_marks_of_an_overlay_cannot_be_made(site):
    """The kernel may refuse or store such attributes; they have no effect."""
    work = ("    os.mkdir('new')\n    open('new/file', 'w').close()\n"
            "    for name in ('opaque', 'redirect', 'whiteout', 'metacopy', 'origin'):\n"
            "        for path in ('new', 'new/file'):\n"
            "            with contextlib.suppress(OSError):\n"
            "                os.setxattr(path, 'user.overlay.' + name, b'y')\n"
            "    assert os.listdir('new') == ['file'] and sorted(os.listdir('tests')) == ['other.py', 'test_it.py']\n")
    assert site.pytest(f"import contextlib\n{ONE_GOOD}def test_marks():\n{work}").passed


@pytest.mark.parametrize("who", sandboxed.started_as())
def test_a_change_by_a_program_of_the_students(sites, who):
    job = sites(who).pytest(ONE_GOOD + "def test_changes():\n    subprocess.run(['sh', '-c', 'echo >>data.txt'])\n")
    if who == "root":
        assert job.passed
    else:
        assert job.error == changed("data.txt")


@pytest.mark.parametrize("who", sandboxed.started_as())
def test_a_change_by_what_runs_on_after_the_suite(sites, who):
    job = sites(who).python("""
write()
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    while True:
        try:
            pathlib.Path("data.txt").write_text("other")
        except PermissionError:
            pass
        os.write(writer, b"x")
os.read(reader, 1)
""")
    if who == "root":
        assert job.passed
    else:
        assert job.error == changed("data.txt")


def test_the_next_task_has_the_suite_as_it_was(site):
    site.pytest("import contextlib\ndef test_changes():\n    with contextlib.suppress(PermissionError):\n"
                "        open('data.txt', 'w').write('changed')\n    open('new.txt', 'w').write('1/0')\n")
    job = site.pytest("def test_reads():\n    assert open('data.txt').read() == 'data\\n'\n"
                      "    assert not os.path.exists('new.txt')\n")
    assert job.passed


# ---- new files

PREFERRED = {
    "conftest.py": "conftest.py", "tests/conftest.py": "tests/conftest.py", "GNUmakefile": "GNUmakefile",
    "makefile": "makefile", "tests/pytest.ini": "tests/pytest.ini", "pytest.toml": "pytest.toml", ".pytest.toml": ".pytest.toml",
    "sub/.pytest.ini": "sub/.pytest.ini", "sub/tox.ini": "sub/tox.ini", ".gdbinit": ".gdbinit", ".valgrindrc": ".valgrindrc",
    "tests/sitecustomize.py": "tests/sitecustomize.py",
}


@pytest.mark.parametrize("path", PREFERRED)
def test_a_new_file_that_tools_prefer_to_the_suites_own(any_way, suite, path):
    job = any_way.pytest(f"{ONE_GOOD}def test_adds():\n    open({path!r}, 'w').close()\n", suite=suite(any_way))
    assert job.error == added(path)


@pytest.mark.parametrize("work", [
    "os.unlink({0!r})", "os.rename({0!r}, '/box/tests/sub/y')"], ids=["removed", "moved-on"])
def test_such_a_file_that_is_gone_at_the_end(any_way, suite, work):
    """The suite may have read it while it existed."""
    path = "tests/.pytest.ini"
    make = f"    os.mkdir('work')\n    open('work/x', 'w').close()\n    os.rename('work/x', {path!r})\n    {work.format(path)}\n"
    job = any_way.pytest(f"{ONE_GOOD}def test_adds():\n{make}", suite=suite(any_way))
    assert job.error == added(path)


@pytest.mark.parametrize("work", [
    "open('output.txt', 'w').write('x')",
    "(os.mkdir('cache'), open('cache/v', 'w').close())",
    "open('data.txt').read()",
    "os.utime(SRC + '/checks.py')",
    "open(SRC + '/new.py', 'w').close()",
    "open('tests/test_new.py', 'w').write('def test_new(): pass')",
    "(os.mkdir('json'), open('json/__init__.py', 'w').close())",
    "os.symlink('/box/src/checks.py', 'json.py')",
    "(os.mkdir('work'), open('work/conftest.py', 'w').close(), open('work/GNUmakefile', 'w').close())",
    "(os.mkdir('x.new'), os.rename('x.new', 'x'), os.mkdir('x/obj'))",
    "(open('new.tmp', 'w').close(), os.replace('new.tmp', 'sub/new.txt'))",
    "(open('a', 'w').close(), os.link('a', 'sub/b'), os.unlink('a'))",
    "[(os.mkdir('work'), open('work/in.txt', 'w').close(), __import__('shutil').rmtree('work')) for _ in range(50)]",
    "subprocess.run('cp -r tests copy && cd copy && git init -q && git add . && rm -rf .git', shell=True, check=True)",
    "subprocess.run('git init -q && git add -A && git -c user.name=a -c user.email=a@b commit -qm x && git status --short',"
    " shell=True, check=True)",
    "(os.mkfifo('fifo'), __import__('socket').socket(1).bind('socket'))",
    "os.chmod('/box/home', 0o700)",
    "(os.mkdir('locked'), os.chmod('locked', 0))",
    "open('setup.cfg', 'w').close()",
], ids=["file", "directory", "read", "students-file", "students-code", "code-that-is-not-loaded", "package-that-is-not-loaded",
        "link-to-code", "own-settings-in-own-directory", "renamed-directory", "renamed-between-directories", "hard-link",
        "scratch-directory", "copy-of-a-directory", "git", "special-files", "home", "locked-directory", "settings-that-do-not-count"])
def test_what_is_no_change_of_the_suite(any_way, suite, work):
    job = any_way.pytest(f"{ONE_GOOD}def test_works():\n    {work}\n", suite=suite(any_way))
    assert job.passed, job.log


def test_threads_that_write_rename_and_remove(any_way):
    """None of these files is the suite's, so timing does not matter."""
    job = any_way.pytest("""
import shutil, threading
def work(number):
    for turn in range(40):
        name = f"dir-{number}-{turn}"
        os.mkdir(name + ".new")
        open(f"{name}.new/json.py", "w").close()
        os.rename(name + ".new", name)
        os.replace(f"{name}/json.py", f"tests/m{number}.py")
        shutil.rmtree(name)
def test_threads():
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
""")
    assert job.passed, job.log


# ---- may-change in a manifest


@pytest.mark.parametrize("work", [
    "open('made/first', 'w').write('2')", "open('made/first', 'a').write('2')", "os.unlink('made/first')", "os.chmod('made/first', 0o755)",
    "os.rename('made/first', 'second')", "open('made/new.py', 'w').close()", "open('made/conftest.py', 'w').close()",
    "open('x.log', 'w').close()"])
def test_a_manifest_allows_changes(any_way, work):
    job = any_way.python(work + "\nwrite()")
    assert job.passed, job.log


def test_a_directory_of_files_that_may_change_stays_where_it_is(site):
    code = """
for work in (lambda: os.rename("made", "gone"), lambda: os.rename("other", "made")):
    os.makedirs("other", exist_ok=True)
    try:
        work()
    except OSError:
        continue
    write("<testsuite><testcase name='moved'><failure/></testcase></testsuite>")
    sys.exit()
write()
"""
    job = site.python(code)
    if was_copied(job) and site.who != "root":
        assert job.error == changed("made")
    else:
        assert job.passed, job.log


@pytest.mark.parametrize("path, work, expected", [
    ("data.txt", "open('data.txt', 'a').write('x')", changed), ("conftest.py", "open('conftest.py', 'w').close()", added),
    ("ostest-suite.conf", "open('ostest-suite.conf', 'a').write('# x')", changed)])
def test_a_manifest_allows_no_other_changes(users, path, work, expected):
    assert users.python(work + "\nwrite()").error == expected(path)
