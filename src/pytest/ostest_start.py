"""Runs at the start of every python of a suite's environment (ostest.pth imports it).

In the sandbox, where /channel exists, it tells the runner which files of the suite's tree are loaded
as code, before that code runs: an audit hook (PEP 578) cannot be taken out again. The runner knows
which of these files are the suite's own. Outside of a sandbox it does nothing.

What a student's own python program loads is left alone: a load counts in the suite's outermost
pytest and its xdist workers, in a python whose main script is a file of the suite, and in one that is
the suite's command.

Bytecode beside the suite's files is neither read nor written: it would hide what is loaded.
"""

import os
import sys

CHANNEL = "/channel"
SOCKET = CHANNEL + "/events"
SUITE = "/box/tests/"
AREA = "/box/"  # what lies above the suite is looked at as well, but for these
OF_OTHERS = ("/box/src/", "/box/home/", "/box/tmp/", "/box/shm/")
MESSAGE_MAX = 65536
PATH_MAX = 4096
PR_SET_DUMPABLE = 4
SUITE_PID = 2  # of the suite's command
WORKER = "import sys;exec(eval(sys.stdin.readline()))"  # of execnet

# What debuggers and clients read in HOME by themselves.
HOME = "/box/home"
HOME_FILES = (".gdbinit", ".gdbearlyinit", ".config/gdb", ".lldbinit", ".valgrindrc",
              ".curlrc", ".config/curlrc", ".wgetrc", ".wget2rc", ".config/wget", ".netrc")

KEPT = "OSTEST_KEPT"  # in the environment of what a program of the suite starts

is_nested = False  # set by the plugin: a pytest that a test has started
told = set()
kept = {name for name in os.environ.pop(KEPT, "").split(":") if name}  # of HOME_FILES: what the suite has written


def import_socket():
    """Python's own, whatever lies in PYTHONPATH; and no more of it than is needed in each python."""
    paths = sys.path[:]
    sys.path[:] = [path for path in paths if path.startswith((sys.base_prefix + "/", sys.base_exec_prefix + "/"))]
    try:
        import _socket
    finally:
        sys.path[:] = paths
    return _socket


def connect(path):
    """A socket connected to the runner. Nothing that a test starts inherits it."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.connect(path)
    return channel


def quoted(text):
    """As JSON, whose module may be the one that is being loaded."""
    text = text.encode("utf-8", "replace").decode()
    return '"' + "".join(c if c >= " " and c not in '"\\' else "\\u{:04x}".format(ord(c)) for c in text) + '"'


def has_suites_main():
    """unittest writes words of its own into sys.argv."""
    main = sys.argv[0] if getattr(sys, "argv", None) else ""
    return main not in ("", "-c", "-m") and os.path.abspath(main).startswith(SUITE) and os.path.isfile(main)


def is_suites_program():
    """Also if the suite's command is a module of python's own or of the environment, such as unittest."""
    return has_suites_main() or os.getpid() == SUITE_PID


def command_line():
    """sys.orig_argv is of 3.10."""
    if hasattr(sys, "orig_argv"):
        return sys.orig_argv
    with open("/proc/self/cmdline", "rb") as file:
        return os.fsdecode(file.read()).split("\0")[:-1]


def is_worker():
    return command_line()[-1:] == [WORKER]


def becomes_pytest():
    """Also an xdist worker: with -m and -c, what is in the working directory is imported before pytest is."""
    words = command_line()
    return ("-m", "pytest") in zip(words, words[1:]) or is_worker()


def tell_loaded(path):
    path = os.path.abspath(path)
    if not path.startswith(AREA) or path.startswith(OF_OTHERS) or path in told or len(path) > PATH_MAX:
        return
    if not is_suites_program() and (is_nested or not ("_pytest" in sys.modules or becomes_pytest())):
        tell_shadow(path)
        return
    told.add(path)
    is_scripts = has_suites_main() and not becomes_pytest()
    name = path[len(SUITE):] if path.startswith(SUITE) else path
    tell_file(name, main_script() if is_scripts else "")


def tell_shadow(path):
    """`python -m json.tool` in a directory of the suite's takes a json.py there for python's own."""
    place = os.path.abspath(sys.path[0]) + "/" if sys.path else AREA
    first = path[len(place):].partition("/")[0].partition(".")[0]
    if path.startswith(place) and place.startswith(SUITE) and first in getattr(sys, "stdlib_module_names", ()):  # of 3.10
        told.add(path)
        tell_file(path[len(SUITE):], beside=place[len(SUITE):-1])


def main_script():
    return os.path.abspath(sys.argv[0])[len(SUITE):]


def tell_file(name, main="", beside=""):
    tell('{{"event": "loaded", "file": {}, "main": {}, "beside": {}}}'.format(quoted(name), quoted(main), quoted(beside)))


def watch_for_stops(main):
    """A program that stops this process stops the time limits that run in it as well."""
    import _signal
    pid = os.getpid()

    def say(*args):
        if os.getpid() == pid:
            tell('{{"event": "stopped", "main": {}}}'.format(quoted(main)))
    try:
        if _signal.getsignal(_signal.SIGCONT) == _signal.SIG_DFL:
            _signal.signal(_signal.SIGCONT, say)
    except ValueError:
        pass  # not in the main thread


def tell(message):
    channel = connect(SOCKET)
    channel.send(message.encode("utf-8", "replace"))
    channel.close()


def is_relative(path):
    """Since 3.9 every module has an absolute path; any other name is what the suite's own exec() made up."""
    return sys.version_info < (3, 9) and path[:1] not in ("", "<")


def keep(path):
    """The suite's own code writes a file: it may stay."""
    path = os.path.abspath(os.fsdecode(path))
    for name in HOME_FILES:
        file = os.path.join(HOME, name)
        if path == file or path.startswith(file + "/"):
            kept.add(name)
            if has_suites_main() and "_pytest" not in sys.modules:  # it may start pytest
                os.environ[KEPT] = ":".join(sorted(kept))


def clean_home():
    """Removes what the last test's programs may have left for the next test's debugger or client.

    In the sandbox's HOME alone: the variable may be unset, or name a directory of the suite's.
    """
    for name in HOME_FILES:
        path = os.path.join(HOME, name)
        if name in kept or not os.path.lexists(path):
            continue
        try:
            os.unlink(path)
        except IsADirectoryError:
            import shutil
            shutil.rmtree(path, ignore_errors=True)
        except OSError:
            pass


def watch(event, args):
    """The audit hook: it sees each event of the interpreter, so it must be quick."""
    if event == "exec":
        path = getattr(args[0], "co_filename", "")
        if path[:1] == "/" or is_relative(path):
            tell_loaded(path)
            if path.endswith("/_pytest/main.py"):
                leave_settings_of_others_alone()
    elif event in ("cpython.run_file", "cpython.run_module", "cpython.run_command"):
        if is_suites_program():
            watch_for_stops(main_script() if has_suites_main() else "")
    elif event == "import":
        if args[1]:  # an extension module
            tell_loaded(args[1])
    elif event in ("os.rename", "os.link", "os.symlink"):
        if isinstance(args[1], (str, bytes)):
            keep(args[1])
    elif event == "open":
        path = args[0]
        if (args[2] or 0) & (os.O_WRONLY | os.O_RDWR) and isinstance(path, (str, bytes)):
            keep(path)
        elif type(path) is str and path[-4:] == ".pyc" and "__pycache__" not in path:  # no import reads those
            tell_loaded(path)
        elif type(path) is str and path[-17:] == "/entry_points.txt" and path.startswith(AREA):
            tell_entry_points(path)


def tell_entry_points(path):
    """A package beside the suite's files may take the place of an installed plugin of pytest's."""
    if path not in told and not path.startswith(OF_OTHERS) and (has_suites_main() or is_suites_pytest()):
        tell_loaded(path)


def leave_bytecode_alone():
    from importlib import _bootstrap_external as external
    original = external.cache_from_source

    def cache_from_source(path, *args, **named):
        # For imports alone: a test may compile what it likes (py_compile).
        if sys._getframe(1).f_code.co_name == "get_code" and os.path.abspath(path).startswith(SUITE):
            raise NotImplementedError("no bytecode beside the suite's files")
        return original(path, *args, **named)
    external.cache_from_source = cache_from_source
    sys.dont_write_bytecode = True


def is_settings_of_another(path):
    """An option's value that is a directory counts for pytest as one with tests, and as a place of settings."""
    places = [os.path.dirname(os.path.abspath(path)) + "/", os.getcwd() + "/"]
    return not any(place.startswith(other) for place, other in (places, places[::-1]))


def is_suites_pytest():
    """Also in a worker of xdist, if the pytest that started it is the suite's."""
    channel = connect(SOCKET)
    try:
        channel.send(b'{"event": "who"}')
        answer = channel.recv(1)
        return answer == b"o" or (answer == b"c" and is_worker())
    finally:
        channel.close()


def leave_settings_of_others_alone():
    """The student's pytest.ini is for the student's own tests. A file that is named with -c is read all the same."""
    findpaths = sys.modules.get("_pytest.config.findpaths")
    original = getattr(findpaths, "load_config_dict_from_file", None)
    if not original:
        return

    def load(path, *args, **named):
        is_found = sys._getframe(1).f_code.co_name == "locate_config"
        is_left = is_found and os.path.exists(path) and is_settings_of_another(str(path)) and is_suites_pytest()
        return None if is_left else original(path, *args, **named)
    findpaths.load_config_dict_from_file = load


def become_undumpable():
    """Only where the interpreter's file is readable; else the kernel has done it at exec."""
    import ctypes
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def leave_user_site_alone():
    """PYTHONNOUSERSITE is lost with -E and with an environment of the suite's own."""
    site = sys.modules.get("site")
    if site and hasattr(site, "ENABLE_USER_SITE"):
        site.ENABLE_USER_SITE = False


socket = import_socket()
if os.path.exists(SOCKET):
    leave_user_site_alone()
    if os.access(sys.executable or "/", os.R_OK):
        become_undumpable()
    leave_bytecode_alone()
    sys.addaudithook(watch)
