"""pytest plugin: reports to the job which test starts, and how each one ended.

It is an entry point in the suite's environment, so that suites need not know about it. It connects
to the job's socket: /channel/events in the sandbox, $OSTEST_CHANNEL/events without one. If there is
neither, it does nothing. Each event is a JSON object in one message:

    {"event": "who"}                    answered with one byte, see below
    {"event": "hello"}                  begins a session; answered likewise
    {"event": "plan", "id": NODE}       once for each collected test
    {"event": "start", "id": NODE}      answered with one byte
    {"event": "end", "id": NODE, "outcome": O, "ms": N, "cpu_us": N, "text": TEXT}
                                        also "classname" and "name", as in the report
    {"event": "finish"}                 the session is over and its report is written
    {"event": "stopped"}                in a separate connection: this process was stopped and continued

The answer to "who" and "hello" is "o" for an outermost pytest, whose tests are the suite's, "c" for
a child of one that has a session, such as an xdist worker, and "n" for any other pytest, which a
test has started: it selects nothing and reports nothing. The variables of xdist do not tell them
apart, since a test's children inherit them.

The file /channel/select contains names, one per line. A test is deselected if its node id contains
none of them in either spelling ("tests/test_a.py::test_b", "test_a::test_b").

O is passed, failed, error, skipped or xfailed. TEXT is truncated. cpu_us is the CPU time of this
process and of the children that it has waited for.

PYTEST_DONT_REWRITE: there are no asserts here, so the file that python has compiled can be used.
"""

import ctypes
import hashlib
import json
import os
import sys

import ostest_start
import pytest

TEXT_MAX = 8000
ID_MAX = 4000  # characters; the runner refuses ids of more than 16384 bytes
NAME_MAX = 2000  # the runner compares the first 1024 bytes
# From best to worst: a test has the worst outcome of its phases.
OUTCOMES = ["passed", "xfailed", "skipped", "failed", "error"]


def cpu_seconds():
    return sum(os.times()[:4])


def channel_dir():
    if os.path.exists(ostest_start.SOCKET):
        return ostest_start.CHANNEL
    return os.environ.get("OSTEST_CHANNEL")


def connect(directory):
    """Connects through a descriptor of the directory, whose path may be too long for an address."""
    fd = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        return ostest_start.connect("/proc/self/fd/{}/events".format(fd))
    finally:
        os.close(fd)


def encoded(event, more):
    return json.dumps(dict(more, event=event), ensure_ascii=False).encode("utf-8", "replace")


def shortened(node_id):
    """Shortens a node id, so that ids that differ only past the limit stay different."""
    if len(node_id) <= ID_MAX:
        return node_id
    return node_id[:ID_MAX] + " " + hashlib.sha256(node_id.encode("utf-8", "replace")).hexdigest()


class Events:
    """One session, from its configuration to its end."""

    def __init__(self, channel, config):
        self.channel = channel
        self.config = config
        self.pid = os.getpid()
        self.planned = {}  # id() of an item to its node id, which the suite may change later
        self.running = None
        self.current = {}
        self.names = {}
        self.cpu_start = 0.0

    def send(self, event, **more):
        if os.getpid() != self.pid:
            return  # in a fork that a test has made
        message = encoded(event, more)
        if len(message) > ostest_start.MESSAGE_MAX:
            message = encoded(event, dict(more, text=more.get("text", "")[:TEXT_MAX // 4]))
        try:
            self.channel.send(message)
        except OSError:
            pass  # the job has recorded why it closed the connection

    def pytest_collection_finish(self, session):
        if self.config.option.collectonly:
            return
        for item in session.items:
            self.planned[id(item)] = shortened(item.nodeid)
            self.send("plan", id=self.planned[id(item)])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids):
        """Reports the plan with xdist, whose workers all collect the same tests."""
        if not self.planned:
            self.planned = {node_id: shortened(node_id) for node_id in ids}
            for node_id in self.planned.values():
                self.send("plan", id=node_id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node):
        node.workerinput["ostest_names"] = selected_names()
        node.workerinput["ostest_kept"] = sorted(ostest_start.kept)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        outer, self.running = self.running, self.planned.get(id(item))
        yield
        self.running = outer

    def id_of(self, node_id):
        return self.running or shortened(node_id)

    def pytest_runtest_logstart(self, nodeid):
        node_id = self.id_of(nodeid)
        self.current[node_id] = ("passed", 0.0, "")
        self.send("start", id=node_id)
        if os.getpid() == self.pid:
            self.channel.recv(1)
        self.cpu_start = cpu_seconds()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        node_id = self.id_of(report.nodeid)
        if node_id not in self.current:
            self.pytest_runtest_logstart(report.nodeid)
        outcome, seconds, text = self.current[node_id]
        new = outcome_of(report)
        if OUTCOMES.index(new) > OUTCOMES.index(outcome):
            outcome, text = new, text_of(report)
        elif new == outcome != "passed":  # several subtests
            text = "\n\n".join((text, text_of(report)))[:TEXT_MAX]
        self.current[node_id] = (outcome, seconds + report.duration, text)
        self.names[node_id] = names_in_report(self.config, report)
        # Without a phase, the xdist worker has crashed; with pytest-rerunfailures, another reruns it.
        is_of_phase = report.when in ("setup", "call", "teardown")
        if not is_of_phase and report.outcome != "rerun":
            self.end(node_id)

    def pytest_runtest_logfinish(self, nodeid):
        node_id = self.id_of(nodeid)
        if node_id in self.current:
            self.end(node_id)

    def end(self, node_id):
        outcome, seconds, text = self.current.pop(node_id)
        names = self.names.pop(node_id, {})
        cpu_us = int(1e6 * (cpu_seconds() - self.cpu_start))
        self.send("end", id=node_id, outcome=outcome, ms=int(1000 * seconds), cpu_us=cpu_us, text=text, **names)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self):
        global session
        self.send("finish")
        self.channel.close()
        session = None


def report_writer(config):
    """Returns pytest's own report writer, or None."""
    try:
        from _pytest.junitxml import xml_key
        return config.stash.get(xml_key, None) if hasattr(config, "stash") else config._store.get(xml_key, None)
    except (ImportError, AttributeError):
        return None


def names_in_report(config, report):
    """Returns the test's names in the report, which the suite may set (record_xml_attribute)."""
    writer = report_writer(config)
    if report.when != "teardown" or not hasattr(writer, "node_reporter"):
        return {}
    attributes = writer.node_reporter(report).attrs
    names = {key: attributes.get(key) for key in ("classname", "name")}
    return {key: str(name)[:NAME_MAX] for key, name in names.items() if name is not None}


def outcome_of(report):
    if report.skipped:
        return "xfailed" if hasattr(report, "wasxfail") else "skipped"
    if report.failed:
        # `when` is "???" if the test's process crashed (pytest-xdist, pytest-forked).
        return "error" if report.when in ("setup", "teardown") else "failed"
    return "passed"


def text_of(report):
    is_skip = report.skipped and isinstance(report.longrepr, tuple)
    text = str(report.longrepr[2]) if is_skip else report.longreprtext
    return text[:TEXT_MAX].replace("\0", "#x00")  # as pytest writes it into its report


def unified(node_id):
    """Converts both spellings, as a path and as a class name, to one; parameters stay unchanged."""
    address, bracket, parameters = node_id.lower().partition("[")
    address = address.replace("::", ".").replace("/", ".").replace(".py.", ".")
    if address.endswith(".py"):  # "test_a.py" is not the beginning of "test_abc"
        address = address[:-len("py")]
    return address + bracket + parameters


class Selection:
    def __init__(self, names):
        self.names = {spelling for name in names for spelling in (name.lower(), unified(name))}

    def is_chosen(self, item):
        node_id = item.nodeid.lower() + "\n" + unified(item.nodeid)
        return any(name in node_id for name in self.names)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        """Selects last, so that the suite's own hooks have seen all tests, as with -k."""
        chosen, others = [], []
        for item in items:
            (chosen if self.is_chosen(item) else others).append(item)
        config.hook.pytest_deselected(items=others)
        items[:] = chosen


def selected_names():
    try:
        with open(os.path.join(directory, "select"), encoding="utf-8") as file:
            return [name for name in file.read().split("\n") if name]
    except OSError:
        return []


def leave_bytecode_alone():
    """Keeps pytest from loading the files that it has compiled itself."""
    rewrite = sys.modules.get("_pytest.assertion.rewrite")
    original = getattr(rewrite, "_read_pyc", None)
    if original:
        def read(source, *args, **named):
            return None if str(source).startswith(ostest_start.SUITE) else original(source, *args, **named)
        rewrite._read_pyc = read


def find_place():
    """Asks whether this pytest is the suite's own, before it loads any code of the suite."""
    if directory != ostest_start.CHANNEL:
        return
    # No other process of this user may inspect this one; an unreadable interpreter starts so.
    ctypes.CDLL(None).prctl(ostest_start.PR_SET_DUMPABLE, 0, 0, 0, 0)
    leave_bytecode_alone()
    ostest_start.is_nested = not ostest_start.is_suites_pytest()


directory = channel_dir()
session = None
if directory:
    find_place()


def begin(config):
    """Begins a session. Returns the names to select; None if this pytest reports nothing.

    The channel's variable is removed from the environment, so that children do not inherit it.
    """
    global session
    if not directory or session:  # a session within a session belongs to a test
        return
    channel = connect(directory)
    os.environ.pop("OSTEST_CHANNEL", None)
    channel.send(encoded("hello", {}))
    if channel.recv(1) != b"o":
        channel.close()
        return
    session = Events(channel, config)
    config.option.junitprefix = None  # events have no prefix, and are compared with the report
    config.pluginmanager.register(session, "ostest-events")
    return selected_names()


def check_settings(config):
    """Reports the settings file, also one of another place, which a newer pytest might find."""
    path = str(getattr(config, "inipath", None) or getattr(config, "inifile", None) or "")
    ostest_start.tell_loaded(path or "/")
    if path and not config.option.inifilename and ostest_start.is_settings_of_another(path):
        ostest_start.tell_file(path)


# pytest takes a directory with one of these for a virtual environment, and collects nothing there.
VENV_MARKS = ("pyvenv.cfg", "bin/activate", "conda-meta/history")


def tell_what_hides(path):
    """Reports files that make pytest skip a directory of the suite: they must be the suite's."""
    if directory != ostest_start.CHANNEL or ostest_start.is_nested or not (path + "/").startswith(ostest_start.SUITE):
        return
    for mark in VENV_MARKS:
        if os.path.lexists(os.path.join(path, mark)):
            within = path[len(ostest_start.SUITE):]
            ostest_start.tell_file(os.path.join(within, mark), beside=within)


if getattr(pytest, "version_tuple", (0,)) >= (7,):
    @pytest.hookimpl(hookwrapper=True)
    def pytest_ignore_collect(collection_path):
        outcome = yield
        if outcome.get_result():
            tell_what_hides(str(collection_path))
else:
    @pytest.hookimpl(hookwrapper=True)
    def pytest_ignore_collect(path):
        outcome = yield
        if outcome.get_result():
            tell_what_hides(str(path))


def pytest_collection_finish(session):
    """Reports the files of all tests: a text file with doctests is not a module."""
    if directory == ostest_start.CHANNEL:
        for path in {str(getattr(item, "path", None) or item.fspath) for item in session.items}:
            ostest_start.tell_loaded(path)


def hide_terminal_size():
    """Removes what readline, which pytest imports, adds to the environment, but not to os.environ."""
    for name in ("LINES", "COLUMNS"):
        if name not in os.environ:
            os.unsetenv(name)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests():
    if directory:
        hide_terminal_size()


def take_from_controller(workerinput):
    ostest_start.kept.update(workerinput.get("ostest_kept", ()))
    return workerinput.get("ostest_names")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if directory == ostest_start.CHANNEL and not ostest_start.is_nested:
        check_settings(config)
        ostest_start.watch_for_stops("")
    names = take_from_controller(config.workerinput) if hasattr(config, "workerinput") else begin(config)
    if names:
        config.pluginmanager.register(Selection(names), "ostest-selection")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart():
    """Cleans up before each test, in every process that runs tests, including xdist workers."""
    if directory:
        hide_terminal_size()
    if directory == ostest_start.CHANNEL and not ostest_start.is_nested:
        ostest_start.clean_home()
