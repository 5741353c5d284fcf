"""pytest plugin: tells the runner which test starts, and how each one ended.

Loaded by `-p ostest_pytest` in PYTEST_ADDOPTS; no suite needs to know of it. Each event is a JSON
object, one message on the socket named by OSTEST_EVENTS_FD. Without that variable the plugin does
nothing.

    {"event": "hello"}                                  pytest runs, nothing has been collected yet
    {"event": "plan", "id": NODE}                       once for each collected test
    {"event": "start", "id": NODE}                      answered by one byte when OSTEST_EVENTS_ACK is 1
    {"event": "end", "id": NODE, "outcome": O, "ms": N, "cpu_us": N, "text": TEXT}
    {"event": "lost"}                                   one that is longer than MESSAGE_MAX bytes
    {"event": "finish"}                                 the session is over, its report is written

With OSTEST_SELECT_0, OSTEST_SELECT_1 … (names, one a line) it also leaves out every test whose node id
contains none of them, in whatever spelling ("tests/test_a.py::test_b", "test_a::test_b").

O is passed, failed, error, skipped or xfailed; TEXT is cut to TEXT_MAX characters; cpu_us is the
time of this process and of those that it has waited for.

PYTEST_DONT_REWRITE: there is no assert in here, so python keeps it compiled as it is.
"""

import ctypes
import json
import os
import socket

TEXT_MAX = 8000
MESSAGE_MAX = 65536
LOST = b'{"event": "lost"}'
PR_SET_DUMPABLE = 4
# The worse of two outcomes of one test's phases is the later one here.
OUTCOMES = ["passed", "xfailed", "skipped", "failed", "error"]


def cpu_seconds():
    return sum(os.times()[:4])


class Events:
    def __init__(self, fd, is_answered):
        self.socket = socket.socket(fileno=fd)
        self.is_answered = is_answered
        self.current = {}
        self.cpu_start = 0.0

    def send(self, event, **more):
        message = json.dumps({"event": event, **more}, ensure_ascii=False).encode("utf-8", "replace")
        try:
            self.socket.send(message if len(message) <= MESSAGE_MAX else LOST)
        except OSError:
            pass  # nobody listens any more: the tests go on

    def wait_for_answer(self):
        try:
            self.socket.recv(1)
        except OSError:
            pass

    def pytest_collection_finish(self, session):
        for item in session.items:
            self.send("plan", id=item.nodeid)

    def pytest_runtest_logstart(self, nodeid):
        self.current[nodeid] = ("passed", 0.0, "")
        self.send("start", id=nodeid)
        if self.is_answered:
            self.wait_for_answer()
        self.cpu_start = cpu_seconds()

    def pytest_runtest_logreport(self, report):
        outcome, seconds, text = self.current.get(report.nodeid, ("passed", 0.0, ""))
        new = outcome_of(report)
        if OUTCOMES.index(new) > OUTCOMES.index(outcome):
            outcome, text = new, text_of(report)
        self.current[report.nodeid] = (outcome, seconds + report.duration, text)

    def pytest_runtest_logfinish(self, nodeid):
        outcome, seconds, text = self.current.pop(nodeid, ("passed", 0.0, ""))
        cpu_us = int(1e6 * (cpu_seconds() - self.cpu_start))
        self.send("end", id=nodeid, outcome=outcome, ms=int(1000 * seconds), cpu_us=cpu_us, text=text)

    def pytest_unconfigure(self):
        self.send("finish")


def open_events():
    """What stands in the environment is for this process alone, and for each of its sessions."""
    fd = os.environ.pop("OSTEST_EVENTS_FD", "")
    is_answered = os.environ.pop("OSTEST_EVENTS_ACK", "") == "1"
    if not fd.isdigit():
        return None
    try:
        os.set_inheritable(int(fd), False)
        events = Events(int(fd), is_answered)
    except OSError:  # a process in between has closed it
        return None
    # No other process of this user may look into this one, or take the socket out of it.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    events.send("hello")
    return events


EVENTS = open_events()


def outcome_of(report):
    if report.skipped:
        return "xfailed" if hasattr(report, "wasxfail") else "skipped"
    if report.failed:
        return "failed" if report.when == "call" else "error"
    return "passed"


def text_of(report):
    is_skip = report.skipped and isinstance(report.longrepr, tuple)
    text = str(report.longrepr[2]) if is_skip else report.longreprtext
    return text[:TEXT_MAX].replace("\0", "#x00")  # as pytest writes it into its report


def unified(node_id):
    """Both spellings of a test, as a path and as a class name, in one; parameters stay as they are."""
    address, bracket, parameters = node_id.lower().partition("[")
    address = address.replace("::", ".").replace("/", ".").replace(".py.", ".")
    if address.endswith(".py"):
        address = address.removesuffix("py")
    return address + bracket + parameters


class Selection:
    def __init__(self, names):
        self.names = {spelling for name in names for spelling in (name.lower(), unified(name))}

    def is_chosen(self, item):
        node_id = item.nodeid.lower() + "\n" + unified(item.nodeid)
        return any(name in node_id for name in self.names)

    def pytest_collection_modifyitems(self, config, items):
        chosen, others = [], []
        for item in items:
            (chosen if self.is_chosen(item) else others).append(item)
        config.hook.pytest_deselected(items=others)
        items[:] = chosen


def pytest_configure(config):
    names = [name for key in os.environ if key.startswith("OSTEST_SELECT_") for name in os.environ[key].split("\n") if name]
    if names:
        config.pluginmanager.register(Selection(names), "ostest-selection")
    if EVENTS:
        config.option.junitprefix = None  # what is told has no prefix, and is compared with the report
        config.pluginmanager.register(EVENTS, "ostest-events")
