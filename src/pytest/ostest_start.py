"""Runs at the start of every python in a suite's environment (ostest.pth imports it).

In the sandbox, where /channel exists, it reports to the job which files of the suite's tree are
loaded as code, before that code runs. It uses an audit hook (PEP 578), which cannot be removed. The
job knows which of these files are the suite's own. Outside of a sandbox it does nothing.

Files that a student's own python program loads do not count. A load counts in the suite's outermost
pytest and its xdist workers, in a python whose main script is a file of the suite, and in one that
is the suite's command.

Bytecode next to the suite's files is neither read nor written, since it would hide what is loaded.
"""

import os
import sys

CHANNEL = "/channel"
SOCKET = CHANNEL + "/events"
SUITE = "/box/tests/"
AREA = "/box/"  # watched as well, since it is above the suite, except for OF_OTHERS
OF_OTHERS = ("/box/src/", "/box/home/", "/box/tmp/", "/box/shm/")
MESSAGE_MAX = 65536
PATH_MAX = 4096
PR_SET_DUMPABLE = 4
SUITE_PID = 2  # the suite's command
WORKER = "import sys;exec(eval(sys.stdin.readline()))"  # execnet's command for a worker

# Files that debuggers and clients read from HOME by themselves.
HOME = "/box/home"
HOME_FILES = (".gdbinit", ".gdbearlyinit", ".config/gdb", ".lldbinit", ".valgrindrc",
              ".curlrc", ".config/curlrc", ".wgetrc", ".wget2rc", ".config/wget", ".netrc")

KEPT = "OSTEST_KEPT"  # variable for the children of the suite's programs

is_nested = False  # set by the plugin: this is a pytest that a test has started
told = set()
kept = {name for name in os.environ.pop(KEPT, "").split(":") if name}  # HOME_FILES of the suite's own


def import_socket():
    """Imports python's own module despite PYTHONPATH, and only the part that every python needs."""
    paths = sys.path[:]
    sys.path[:] = [path for path in paths if path.startswith((sys.base_prefix + "/", sys.base_exec_prefix + "/"))]
    try:
        import _socket
    finally:
        sys.path[:] = paths
    return _socket


def connect(path):
    """Returns a socket connected to the job. Children do not inherit it."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.connect(path)
    return channel


def quoted(text):
    """Quotes for JSON without its module, which may be the one that is being loaded."""
    text = text.encode("utf-8", "replace").decode()
    return '"' + "".join(c if c >= " " and c not in '"\\' else "\\u{:04x}".format(ord(c)) for c in text) + '"'


def has_suites_main():
    """Returns true if the main script is a file of the suite; unittest changes sys.argv[0]."""
    main = sys.argv[0] if getattr(sys, "argv", None) else ""
    return main not in ("", "-c", "-m") and os.path.abspath(main).startswith(SUITE) and os.path.isfile(main)


def is_suites_program():
    """Returns true also if the suite's command is an installed module, such as unittest."""
    return has_suites_main() or os.getpid() == SUITE_PID


def command_line():
    """Returns the arguments; sys.orig_argv is new in 3.10."""
    if hasattr(sys, "orig_argv"):
        return sys.orig_argv
    with open("/proc/self/cmdline", "rb") as file:
        return os.fsdecode(file.read()).split("\0")[:-1]


def is_worker():
    return command_line()[-1:] == [WORKER]


def becomes_pytest():
    """Returns true for `-m pytest` and xdist workers, which import from the working directory."""
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
    """Reports a file that replaces a module of python's own, such as json.py for `-m json.tool`."""
    place = os.path.abspath(sys.path[0]) + "/" if sys.path else AREA
    first = path[len(place):].partition("/")[0].partition(".")[0]
    # sys.stdlib_module_names is new in 3.10.
    if path.startswith(place) and place.startswith(SUITE) and first in getattr(sys, "stdlib_module_names", ()):
        told.add(path)
        tell_file(path[len(SUITE):], beside=place[len(SUITE):-1])


def main_script():
    return os.path.abspath(sys.argv[0])[len(SUITE):]


def tell_file(name, main="", beside=""):
    tell('{{"event": "loaded", "file": {}, "main": {}, "beside": {}}}'.format(quoted(name), quoted(main), quoted(beside)))


def watch_for_stops(main):
    """Reports each SIGCONT: while this process was stopped, so were the time limits in it."""
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
    """Returns true for a module's relative path. Since 3.9, such a name only comes from exec()."""
    return sys.version_info < (3, 9) and path[:1] not in ("", "<")


def keep(path):
    """Remembers a file that the suite's own code writes: clean_home() keeps it."""
    path = os.path.abspath(os.fsdecode(path))
    for name in HOME_FILES:
        file = os.path.join(HOME, name)
        if path == file or path.startswith(file + "/"):
            kept.add(name)
            if has_suites_main() and "_pytest" not in sys.modules:  # it may start pytest
                os.environ[KEPT] = ":".join(sorted(kept))


def clean_home():
    """Removes files that a test's programs may have left for the next test's debugger or client.

    Only in the sandbox's HOME: the variable may be unset, or name a directory of the suite.
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
    """The audit hook: it is called for every event of the interpreter, so it must be fast."""
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
        # No import reads a file in __pycache__ (leave_bytecode_alone).
        elif type(path) is str and path[-4:] == ".pyc" and "__pycache__" not in path:
            tell_loaded(path)
        elif type(path) is str and path[-17:] == "/entry_points.txt" and path.startswith(AREA):
            tell_entry_points(path)


def tell_entry_points(path):
    """Reports a package next to the suite's files, which may replace an installed pytest plugin."""
    if path not in told and not path.startswith(OF_OTHERS) and (has_suites_main() or is_suites_pytest()):
        tell_loaded(path)


def leave_bytecode_alone():
    from importlib import _bootstrap_external as external
    original = external.cache_from_source

    def cache_from_source(path, *args, **named):
        # Only for imports: a test may compile any file (py_compile).
        if sys._getframe(1).f_code.co_name == "get_code" and os.path.abspath(path).startswith(SUITE):
            raise NotImplementedError("no bytecode beside the suite's files")
        return original(path, *args, **named)
    external.cache_from_source = cache_from_source
    sys.dont_write_bytecode = True


def is_settings_of_another(path):
    """Returns true if a settings file is neither above nor below the working directory.

    pytest takes the value of any option that is a directory for one with tests and settings.
    """
    places = [os.path.dirname(os.path.abspath(path)) + "/", os.getcwd() + "/"]
    return not any(place.startswith(other) for place, other in (places, places[::-1]))


def is_suites_pytest():
    """Asks the job. An xdist worker is the suite's if the pytest that started it is."""
    channel = connect(SOCKET)
    try:
        channel.send(b'{"event": "who"}')
        answer = channel.recv(1)
        return answer == b"o" or (answer == b"c" and is_worker())
    finally:
        channel.close()


def leave_settings_of_others_alone():
    """Keeps the suite's pytest from finding a student's pytest.ini; -c may name any file."""
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
    """Makes this process undumpable, as the kernel does if the interpreter is unreadable."""
    import ctypes
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def leave_user_site_alone():
    """Disables user site-packages: PYTHONNOUSERSITE is lost with -E or in a new environment."""
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
