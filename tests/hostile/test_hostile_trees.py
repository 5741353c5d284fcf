"""Contents of a student's repository: files of Python and pytest, makefiles, links, unusual
names."""

import hostile
from checks import test_bystanders_do_not_notice, test_everything_is_as_before, test_verdict  # noqa: F401
from hostile import NOT_RUN, Attack, Symlink

OPTIONS = ["--pids", 32]

# ---- what python or pytest might load

# Each file prints a line if it is loaded; a conftest.py would invert the verdict.
TELL = "import pathlib\npathlib.Path('/box/src/LOADED-' + __name__).touch()\n"
MODULES = ["conftest", "sitecustomize", "usercustomize", "pytest", "ostest_pytest", "json", "os", "_pytest", "xml",
           "tests/conftest", "build/conftest", "pytest_evil", "__init__", "__main__", "run_tests", "setup"]
CONFIGURATION = {
    "pytest.ini": "[pytest]\naddopts = -p conftest --collect-only\npython_files = none\n",
    "tox.ini": "[pytest]\naddopts = -p conftest --collect-only\n",
    "setup.cfg": "[tool:pytest]\naddopts = -p conftest --collect-only\n",
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-p conftest --collect-only'\n",
    ".pytest.ini": "[pytest]\naddopts = -p conftest\n",
    ".env": "PYTHONSTARTUP=/box/src/conftest.py\nPYTHONPATH=/box/src\nPYTEST_ADDOPTS=-p conftest\n",
    ".pth": "import conftest\n",
    "evil.pth": "import conftest\n",
    "pyvenv.cfg": "home = /box/src\n",
    "ostest-suite.conf": "command = true\n",
    "requirements.txt": "no-such-package-ostest\n",
    "pytest_evil.egg-info/entry_points.txt": "[pytest11]\nevil = pytest_evil\n",
    ".git-hooks/post-checkout": "#!/bin/sh\ntouch /box/src/LOADED-hook\n",
}
NOTHING_LOADED = ("sh", "-c", "ls -d LOADED* && echo REACHED; true")

# Planted during the run where the next Python might look. It runs with the variables of the run.
PLANT = """\
version=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
for dir in "$HOME/.local/lib/$version/site-packages" "$HOME" "$HOME/.config" "$TMPDIR" /dev/shm; do
    mkdir -p "$dir"
    for name in sitecustomize usercustomize json conftest; do cp conftest.py "$dir/$name.py"; done
    echo 'import conftest' > "$dir/evil.pth"
done
echo 'addopts = -p conftest' > "$HOME/.config/pytest.ini"
"""

# ---- makefiles: the build executes the student's code too

BUILD = "\tmkdir -p build\n\t$(CC) -std=gnu17 -O1 -o build/attack attack.c\n"


def making(name, makefile, **more):
    return Attack(name, "bystander", {"hello": "hello"}, {"Makefile": makefile}, **more)


def unbuilt(description):
    return {"verdict": "failed", "failing": {"test_build": description, "test_attack[hello]": "No such file"}}


# ---- links that the build or the runner might follow

# Each in its own tree: name to (link, target, the message of make).
LINKS = {
    "build-to-etc": ("build", "/etc", "Read-only file system"),
    "build-to-usr": ("build", "/usr/bin", "Read-only file system"),
    "build-to-root": ("build", "/proc/1/root", "Permission denied"),
    "source-to-secret": ("attack.c", "/etc/shadow", "No rule to make target"),
    "source-to-environ": ("attack.c", "/proc/1/environ", "Permission denied"),
    "header-to-null": ("hostile.h", "/dev/null", "implicit declaration"),
    "makefile-to-kernel": ("Makefile", "/proc/kcore", "No rule to make target"),
}


def links():
    program = hostile.BYSTANDER.tree({})
    files = {}
    for name, (link, target, _) in LINKS.items():
        files |= {f"{name}/{file}": program[file] for file in ("Makefile", "hostile.h", "attack.c")}
        files |= {f"{name}/{link}": Symlink(target)}
    return files


# Names that careless code takes for options, commands or several lines.
ODD = ["a\nb", "\x1b[2J", "-rf", "--", "$(touch x)", "`id`", 255 * "n", "\udcff", "*", "~", "a b", "\\", "'\"", "%s%n"]

# Names of mount points, and of the runner's own files in a task's directory.
NAMES = {"src": "/etc", "tests": "/proc/1/root", "home": "/root", "box": "/", "tmp": "/box/tests", "proc": "/proc",
         "usr": "/", "task.json": "/etc/passwd", "result.json": "/etc/passwd", "report.xml": "/dev/zero",
         "stdout.log": "/dev/full", "loop": "loop", "up": "../../../../../..", "dangling": "/nowhere/at/all"}

ATTACKS = [
    Attack("python-in-the-tree", "bystander", {"hello": "hello", "loaded": NOTHING_LOADED},
           {f"{module}.py": TELL for module in MODULES} | CONFIGURATION),
    Attack("python-planted", "bystander", {
        "plant": ("sh", "plant.sh"), "python": ("python3", "/box/tests/run_tests.py", "--help"), "loaded": NOTHING_LOADED},
        {"conftest.py": TELL, "plant.sh": PLANT}),
    # Each make waits for the next; 500 levels exceed every limit here.
    making("make-recursive", "all:\n\ttest $(MAKELEVEL) -lt 500 && $(MAKE) all\n", details="32 processes and threads",
           groupless={"details": ""}, **unbuilt("make ended with status")),
    # A makefile can run any command while it is read.
    making("make-while-read", "X := $(shell touch /etc/hostile /usr/hostile /hostile /sys/hostile; rm -rf /usr/bin /etc)\n"
                              "all:\n" + BUILD),
    making("make-secrets", "all:\n\tcat /proc/*/environ /etc/shadow /root/* $$(sed -n 's/^secret-file=//p' host) "
                           "| tr '\\0' '\\n'; true\n"
                           "\tfalse\n", **unbuilt("make ended with status 2")),
    making("make-killed", "all:\n\tkill -9 $$PPID\n", **unbuilt("make ended with status -9")),
    making("make-kills-pytest", "all:\n\tkill -9 $$(cut -d' ' -f4 /proc/$$PPID/stat)\n", verdict="error",
           details="ended by signal 9 .*test_build was running",
           failing={"test_build": "signal 9", "test_before": NOT_RUN, "test_attack[hello]": NOT_RUN, "test_after": NOT_RUN}),
    making("make-daemons", "all:\n\tfor i in 1 2 3; do setsid sleep 180 >/dev/null 2>&1 </dev/null & done\n" + BUILD),
    Attack("links", "bystander", {name: ("make", "-C", name) for name in LINKS}, links(), verdict="failed",
           failing={f"test_attack[{name}]": said for name, (_, _, said) in LINKS.items()}),
    Attack("odd-names", "bystander", {"hello": "hello"},
           {place + name: "" for name in ODD for place in ("", 100 * "d/")}),
    Attack("names-of-mounts", "bystander", {"hello": "hello"}, {name: Symlink(target) for name, target in NAMES.items()}),
]
