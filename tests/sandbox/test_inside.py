"""What a run sees and may do inside: everything that courses need, nothing of the host."""

import os
import shutil

import pytest

import sandboxed

PROBE = """
import grp, pwd, resource, socket, stat
def may(work, *args):
    try:
        work(*args)
    except OSError as e:
        return e.strerror
    return "yes"
def create(directory):
    def work():
        path = pathlib.Path(directory, "created-by-a-test")
        path.write_text("x")
        path.unlink()
    return may(work)
def status(pid):
    return dict(line.split(":\\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\\t" in line)
def limits(name):
    return list(resource.getrlimit(getattr(resource, name)))
mine = pwd.getpwuid(os.getuid())
print(json.dumps({
    "ids": [os.getuid(), os.geteuid(), os.getgid(), os.getegid()],
    "user": [mine.pw_name, mine.pw_dir, mine.pw_shell, grp.getgrgid(os.getgid()).gr_name],
    "hostname": socket.gethostname(),
    "localhost": socket.gethostbyname("localhost"),
    "environment": dict(e.split("=", 1) for e in subprocess.check_output(["cat", "/proc/self/environ"], text=True).split("\\0") if e),
    "cwd": os.getcwd(),
    "arguments": [src, report],
    "root": sorted(os.listdir("/")),
    "home": sorted(os.listdir("/box/home")),
    "tmp": sorted(os.listdir("/tmp") + os.listdir("/dev/shm")),
    "box": sorted(os.listdir("/box")),
    "src": sorted(os.listdir(src)),
    "dev": sorted(os.listdir("/dev")),
    "create": {d: create(d) for d in ["/", "/usr", "/usr/bin", "/etc", "/dev", "/box", "/box/src", "/box/tests", "/box/home",
                                      "/tmp", "/dev/shm", "/dev/pts", "/proc/sys/kernel"]},
    "modes": {d: oct(os.stat(d).st_mode & 0o7777) for d in ["/tmp", "/dev/shm", "/box/home", "/box/src", "/box/tests"]},
    "owner": os.stat(src).st_uid,
    "outside": [pathlib.Path(f"/proc/self/{kind}_map").read_text().split() for kind in ["uid", "gid"]],
    "mountinfo": pathlib.Path("/proc/self/mountinfo").read_text().splitlines(),
    "hidden": {name: pathlib.Path("/proc", name).read_bytes().decode("latin1") for name in
               ["cmdline", "bootconfig", "config.gz", "keys", "key-users", "modules"] if os.path.exists("/proc/" + name)},
    "mounts": [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()],
    "umask": os.umask(0o22),
    "limits": {name: limits(name) for name in ["RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_FSIZE",
                                                 "RLIMIT_SIGPENDING"]},
    "processes": {pid: (pathlib.Path("/proc") / pid / "comm").read_text() for pid in os.listdir("/proc") if pid.isdigit()},
    "parent": os.getppid(),
    "session": os.getsid(0) == os.getpid(),
    "status": status("self"),
    "init": status(1),
    "interfaces": socket.if_nameindex(),
    "open files": {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                   if os.path.exists(f"/proc/self/fd/{fd}")},
    "input": os.read(0, 10).decode(),
    "signal 1": may(os.kill, 1, signal.SIGTERM),
    "files of pid 1": may(os.listdir, "/proc/1/fd"),
    "terminal": may(os.open, "/dev/tty", os.O_RDWR),
    "as root": may(os.setuid, 0),
    "ignored": status("self")["SigIgn"], "blocked": status("self")["SigBlk"],
}))
write()
"""

DOCUMENTED = {"PATH", "VIRTUAL_ENV", "HOME", "TMPDIR", "OSTEST_SRC", "LANG", "LC_ALL", "USER", "LOGNAME", "SHELL", "TERM", "PYTHONNOUSERSITE",
              "PYTHONDONTWRITEBYTECODE", "PWD"}


@pytest.fixture(scope="module")
def seen(site):
    """The output of the probe."""
    job = site.python(PROBE, files={"main.c": "", "sub/file": ""}, env={"SECRET": "of the runner", "LD_DEBUG_OUTPUT": "x"})
    assert job.passed, job.log
    return job.printed


def test_a_user_of_its_own(seen):
    assert seen["ids"] == [1000] * 4
    assert seen["user"] == ["student", "/box/home", "/bin/sh", "student"]
    assert seen["owner"] == 1000
    assert seen["status"]["Groups"].split() in ([], ["1000"], ["65534"])


def test_outside_it_is_the_slots_user_or_who_started_it(site, seen):
    """If the runner is root, there is also the user that owns the suite's files."""
    outside = str(site.inner_uid or os.geteuid())
    suite = ["1001", "1899999999", "1"] if site.who == "root" else []
    users, groups = seen["outside"]
    assert users == ["1000", outside, "1", *suite]
    assert groups[0] == "1000" and groups[1] != "0" and groups[2:] == ["1", *suite]


def test_the_hostname(seen):
    assert seen["hostname"] == "ostest" and seen["localhost"] == "127.0.0.1"


def test_the_environment_is_what_is_documented_and_no_more(seen):
    environment = seen["environment"]
    assert set(environment) == DOCUMENTED
    assert (environment["HOME"], environment["TMPDIR"], environment["OSTEST_SRC"]) == ("/box/home", "/tmp", "/box/src")
    assert (environment["USER"], environment["LOGNAME"], environment["SHELL"]) == ("student", "student", "/bin/sh")
    assert environment["PWD"] == seen["cwd"] == "/box/tests"
    assert (environment["LANG"], environment["LC_ALL"], environment["TERM"]) == ("C.UTF-8", "C.UTF-8", "dumb")


def test_nothing_of_ours_is_in_the_environment_of_a_test(site):
    job = site.pytest("""
def test_fail():
    pytest.fail("SEEN " + " ".join(sorted(os.environ)) + " END", pytrace=False)
""")
    _, description = sandboxed.outcomes_of(job)["test_fail"]
    names = set(description.partition("SEEN ")[2].partition(" END")[0].split())
    assert names - DOCUMENTED - {"PYTEST_VERSION"} == {"PYTEST_CURRENT_TEST"}  # the former from pytest 8.2 on
    assert DOCUMENTED <= names


def test_the_places(seen):
    assert seen["cwd"] == "/box/tests"
    assert seen["arguments"] == ["/box/src", "/box/home/report.xml"]
    assert set(seen["root"]) - {"bin", "sbin", "lib", "lib32", "lib64", "libx32"} == \
        {"usr", "etc", "proc", "dev", "box", "tmp", "init", "leaves", "channel", "env"}
    assert seen["box"] == ["home", "shm", "src", "tests", "tmp"]
    assert seen["src"] == ["main.c", "run.py", "sub"]
    assert seen["home"] == seen["tmp"] == []


def test_the_devices(seen):
    assert set(seen["dev"]) == {"null", "zero", "full", "random", "urandom", "tty", "fd", "stdin", "stdout", "stderr", "ptmx",
                                "pts", "shm"}


@pytest.mark.parametrize("directory", ["/", "/usr", "/usr/bin", "/etc", "/dev"])
def test_read_only(seen, directory):
    assert seen["create"][directory] == "Read-only file system"


@pytest.mark.parametrize("directory", ["/dev/pts", "/proc/sys/kernel"])
def test_nothing_can_be_made_in(seen, directory):
    assert seen["create"][directory] in ("Permission denied", "Read-only file system", "No such file or directory")


@pytest.mark.parametrize("directory", ["/box", "/box/src", "/box/tests", "/box/home", "/tmp", "/dev/shm"])
def test_writable(seen, directory):
    assert seen["create"][directory] == "yes"


def test_modes(seen):
    assert seen["modes"]["/tmp"] == seen["modes"]["/dev/shm"] == "0o1777"
    assert seen["umask"] == 0o22


def test_every_mount_is_without_set_user_id(seen):
    for _, point, _, options, *_ in seen["mounts"]:
        assert "nosuid" in options.split(","), point


def test_what_can_be_written_is_the_work_area_alone(seen):
    writable = {point for _, point, _, options, *_ in seen["mounts"] if "rw" in options.split(",")
                if not point.startswith("/box/tests")}
    devices = {f"/dev/{name}" for name in ["null", "zero", "full", "random", "urandom", "tty", "pts"]}
    hidden = {f"/proc/{name}" for name in seen["hidden"]}
    writable.discard("/proc")  # with Yama, see test_ptrace.py
    assert writable == {"/box", "/tmp", "/dev/shm"} | hidden | devices


def test_what_tells_of_the_host_is_empty(seen):
    assert "cmdline" in seen["hidden"] and not any(seen["hidden"].values())


def test_no_path_of_the_runner_is_to_be_seen(site, seen):
    """/proc/self/mountinfo shows the sources of mounts: only those from the cache and the channel
    remain."""
    shown = [line for line in seen["mountinfo"] if str(site.dir) in line]
    assert {line.split()[4] for line in shown} == {"/env", "/etc", "/channel"}


def test_the_leaves_are_gone(seen):
    assert not [point for _, point, *_ in seen["mounts"] if point.startswith(("/leaves", "/places"))]


def test_only_its_own_processes(seen):
    assert seen["processes"].pop("1") == "init\n"
    assert list(seen["processes"].values()) == ["python3\n"]
    assert seen["parent"] == 1 and seen["session"]


def test_no_privileges(seen):
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(seen["status"][name], 16) == int(seen["init"][name], 16) == 0, name
    assert seen["status"]["NoNewPrivs"] == "1" and seen["status"]["Seccomp"] == "2"
    assert seen["as root"] != "yes"


def test_pid_1_is_out_of_reach(seen):
    assert seen["files of pid 1"] == "Permission denied"


def test_only_the_loopback_interface(seen):
    assert [name for _, name in seen["interfaces"]] == ["lo"]


def test_no_open_files_but_the_three(seen):
    files = seen["open files"]
    assert set(files) == {"0", "1", "2"}
    assert files["0"] == "/dev/null" and seen["input"] == ""


def test_terminals_have_a_limit(any_site):
    """64 for each task; the whole machine has a few thousand."""
    job = any_site.python("""
import errno
opened = []
try:
    while len(opened) < 200:
        opened.append(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
except OSError as e:
    print(json.dumps([len(opened), errno.errorcode[e.errno]]))
write()
""")
    assert job.printed == [64, "ENOSPC"]


def test_no_terminal(seen):
    assert seen["terminal"] == "No such device or address"


def test_limits(seen):
    assert seen["limits"]["RLIMIT_CORE"] == [1, 1]
    assert seen["limits"]["RLIMIT_NOFILE"][0] == 1024 and seen["limits"]["RLIMIT_NOFILE"][1] <= 65536
    assert seen["limits"]["RLIMIT_NPROC"][0] == seen["limits"]["RLIMIT_NPROC"][1] >= 256
    assert seen["limits"]["RLIMIT_SIGPENDING"] == [1024, 1024]
    assert seen["limits"]["RLIMIT_FSIZE"] == [-1, -1]


def test_signals_are_as_at_a_login(seen):
    assert int(seen["blocked"], 16) == 0
    ignored = int(seen["ignored"], 16)
    pipe_and_file_size = 1 << 12 | 1 << 24  # Python ignores these two itself
    assert ignored & ~pipe_and_file_size == 0


# ---- what works

PROGRAM = """\
#include <stdio.h>
#include <stdlib.h>
static int twice(int x) { return 2 * x; }
int main(int argc, char **argv)
{
    printf("%d\\n", twice(argc + 20));
    return argc > 1 ? abs(atoi(argv[1])) : 0;
}
"""
LEAK = "#include <stdlib.h>\nint main(void) { volatile char *p = malloc(77); p = NULL; return p != NULL; }\n"
OVERFLOW = "#include <stdlib.h>\nint main(int c, char **v) { char *p = malloc(8); p[7 + c] = 1; int r = p[0]; free(p); return r; }\n"
MAKEFILE = "all: program leak overflow\nprogram: program.c\n\tgcc -g -O0 -o $@ program.c\n" \
    "leak overflow: %: %.c\n\tgcc -g -fsanitize=address -o $@ $@.c\n"

WORK = """
import multiprocessing, pty, shutil, socket, threading
os.chdir(src)
def run(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    return [done.returncode, done.stdout.decode(errors="replace")]
def if_there(*words):
    return run(*words) if shutil.which(words[0]) else None
def terminal():
    pid, fd = pty.fork()
    if pid == 0:
        os.execlp("sh", "sh", "-c", "test -t 0 && test -t 1 && tty && ps_file=/dev/ptmx && test -c $ps_file && echo hello")
    text = b""
    while True:
        try:
            part = os.read(fd, 1000)
        except OSError:
            break
        text += part
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()]
def loopback():
    server = socket.create_server(("127.0.0.1", 0))
    def serve():
        peer, _ = server.accept()
        peer.sendall(peer.recv(100).upper())
        peer.close()
    thread = threading.Thread(target=serve)
    thread.start()
    with socket.create_connection(server.getsockname()) as client:
        client.sendall(b"hello")
        answer = client.recv(100).decode()
    thread.join()
    six = socket.create_server(("::1", 0), family=socket.AF_INET6)
    socket.create_connection(six.getsockname()[:2]).close()
    return answer
def double(x):
    return 2 * x
def pool(method):
    with multiprocessing.get_context(method).Pool(3) as pool:
        return pool.map(double, [1, 2, 3])
if __name__ == "__main__":  # else imported by spawn and forkserver, the default of Python 3.14
    print(json.dumps({
    "make": run("make"),
    "program": run("./program", "7"),
    "gdb": if_there("gdb", "-nx", "-batch", "-ex", "break twice", "-ex", "run", "-ex", "backtrace", "-ex", "print x", "./program"),
    "strace": if_there("strace", "-f", "-e", "trace=write", "./program"),
    "valgrind": if_there("valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "./program"),
    "leak": run("./leak"),
    "overflow": run("./overflow"),
    "terminal": terminal(),
    "loopback": loopback(),
    "pools": [pool(method) for method in ("fork", "spawn", "forkserver")],
    "git": run("sh", "-c", "git init -q /tmp/repo && cd /tmp/repo && echo 1 >a && git add a && "
               "git -c user.name=s -c user.email=s@example.org commit -qm one && git log --format=%s"),
    "shared memory": run("python3", "-c", "from multiprocessing import shared_memory as s; m = s.SharedMemory(create=True, size=10); "
                         "m.buf[0] = 7; print(m.buf[0]); m.close(); m.unlink()"),
    "interrupt": run("sh", "-c", "trap 'echo got; exit 5' INT; kill -INT $$; exit 6"),
    "threads": run("python3", "-c", "import threading as t; a = [t.Thread(target=print, args=('x',)) for _ in range(50)]; "
                   "[x.start() for x in a]; [x.join() for x in a]"),
    "shell": run("sh", "-c", "echo hello | sed s/h/j/ | tee /tmp/file; cat <<END\\nhere\\nEND\\nmktemp -d; id -un; hostname"),
}))
    write()
"""


@pytest.fixture(scope="module")
def work(site):
    files = {"program.c": PROGRAM, "leak.c": LEAK, "overflow.c": OVERFLOW, "Makefile": MAKEFILE}
    job = site.python(WORK, files=files)
    assert job.passed, job.stderr
    return job.printed


def output(work, what):
    if work[what] is None:
        assert not shutil.which(what), f"{what} is installed but missing inside"
        pytest.skip(f"{what} is not installed")
    return work[what]


def test_make_and_gcc(work):
    assert output(work, "make")[0] == 0, work["make"]
    assert output(work, "program") == [7, "44\n"]


def test_gdb(work):
    status, text = output(work, "gdb")
    assert status == 0 and "Breakpoint 1, twice (x=21)" in text and "#1 " in text and "$1 = 21" in text, text


def test_strace(work):
    status, text = output(work, "strace")
    assert status == 0 and 'write(1, "42\\n", 3' in text, text


def test_valgrind(work):
    assert output(work, "valgrind") == [0, "42\n"]


def test_address_sanitizer(work):
    status, text = output(work, "overflow")
    assert status == 1 and "heap-buffer-overflow" in text and "overflow.c:2" in text, text


def test_leak_sanitizer(work):
    status, text = output(work, "leak")
    assert status != 0 and "77 byte(s) leaked" in text and "leak.c:2" in text, text


def test_terminals(work):
    status, text = output(work, "terminal")
    assert status == 0 and text.split() == ["/dev/pts/0", "hello"]


def test_a_server_on_the_loopback_interface(work):
    assert output(work, "loopback") == "HELLO"


def test_multiprocessing(work):
    assert output(work, "pools") == [[2, 4, 6]] * 3
    assert output(work, "shared memory") == [0, "7\n"]


def test_threads(work):
    assert output(work, "threads") == [0, "x\n" * 50]


def test_git(work):
    assert output(work, "git") == [0, "one\n"]


def test_signals(work):
    assert output(work, "interrupt") == [5, "got\n"]


def test_shell(work):
    status, text = output(work, "shell")
    assert status == 0
    lines = text.split()
    assert lines[:2] == ["jello", "here"] and lines[2].startswith("/tmp/tmp.") and lines[3:] == ["student", "ostest"]


def test_a_venv_works_inside(any_site):
    """Its path is not in /usr, and may be used for something else inside. Nothing is installed into
    it."""
    suite = any_site.repository("venv-suite", {
        "ostest-suite.conf": "command = python3 run.py {report}\nrequirements = requirements.txt\n",
        "requirements.txt": "",
        "run.py": """\
import os, sys
assert sys.prefix == os.environ["VIRTUAL_ENV"] and sys.prefix != sys.base_prefix
assert os.environ["PATH"].startswith(sys.prefix + "/bin:")
def may_write():
    try:
        open(sys.prefix + "/made", "w")
    except OSError:
        return False
    return True
assert not may_write()
open(sys.argv[1], "w").write("<testsuite><testcase name='one'/></testsuite>")
"""})
    job = any_site.job(any_site.student({"file": ""}), suite, "--env", "venv")
    assert job.passed and "venv=yes" in job.log
