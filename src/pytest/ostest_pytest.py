"""pytest plugin: tells the runner which test starts, and how each one ended.

Loaded by `-p ostest_pytest` in PYTEST_ADDOPTS; no suite needs to know of it. Each event is a line
of JSON on the descriptor named by OSTEST_EVENTS_FD. Without that variable the plugin does nothing.

    {"event": "plan", "id": NODE}                       once for each collected test
    {"event": "start", "id": NODE}
    {"event": "end", "id": NODE, "outcome": O, "ms": N, "text": TEXT}

With OSTEST_SELECT (names, one a line) it also leaves out every test whose node id contains none of
them, in whatever spelling ("tests/test_a.py::test_b", "test_a::test_b").

O is passed, failed, error, skipped or xfailed; TEXT is cut to TEXT_MAX characters.

PYTEST_DONT_REWRITE: there is no assert in here, so python keeps it compiled as it is.
"""

import json
import os

TEXT_MAX = 8000
# The worse of two outcomes of one test's phases is the later one here.
OUTCOMES = ["passed", "xfailed", "skipped", "failed", "error"]


class Events:
    def __init__(self, fd):
        self.fd = fd
        self.current = {}

    def send(self, event, nodeid, **more):
        line = json.dumps({"event": event, "id": nodeid, **more}).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self.fd, line):]
        except OSError:
            pass  # nobody listens any more: the tests go on

    def pytest_collection_finish(self, session):
        for item in session.items:
            self.send("plan", item.nodeid)

    def pytest_runtest_logstart(self, nodeid):
        self.current[nodeid] = ("passed", 0.0, "")
        self.send("start", nodeid)

    def pytest_runtest_logreport(self, report):
        outcome, seconds, text = self.current.get(report.nodeid, ("passed", 0.0, ""))
        new = outcome_of(report)
        if OUTCOMES.index(new) > OUTCOMES.index(outcome):
            outcome, text = new, text_of(report)
        self.current[report.nodeid] = (outcome, seconds + report.duration, text)

    def pytest_runtest_logfinish(self, nodeid):
        outcome, seconds, text = self.current.pop(nodeid, ("passed", 0.0, ""))
        self.send("end", nodeid, outcome=outcome, ms=int(1000 * seconds), text=text)


def outcome_of(report):
    if report.skipped:
        return "xfailed" if hasattr(report, "wasxfail") else "skipped"
    if report.failed:
        return "failed" if report.when == "call" else "error"
    return "passed"


def text_of(report):
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])[:TEXT_MAX]
    return report.longreprtext[:TEXT_MAX]


def unified(node_id):
    """Both spellings of a test, as a path and as a class name, in one; parameters stay as they are."""
    address, bracket, parameters = node_id.lower().partition("[")
    address = address.replace("::", ".").replace("/", ".").replace(".py.", ".")
    if address.endswith(".py"):
        address = address.removesuffix("py")
    return address + bracket + parameters


class Selection:
    def __init__(self, names):
        self.names = [unified(name) for name in names]

    def pytest_collection_modifyitems(self, config, items):
        chosen = [item for item in items if any(name in unified(item.nodeid) for name in self.names)]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


def pytest_configure(config):
    names = os.environ.pop("OSTEST_SELECT", "").splitlines()
    if names:
        config.pluginmanager.register(Selection(names), "ostest-selection")
    fd = os.environ.pop("OSTEST_EVENTS_FD", "")
    if fd.isdigit():
        os.set_inheritable(int(fd), False)
        config.pluginmanager.register(Events(int(fd)), "ostest-events")
