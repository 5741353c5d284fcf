"""Processes, threads, signals and tracing."""

from checks import test_bystanders_do_not_notice, test_everything_is_as_before, test_verdict  # noqa: F401
from hostile import NOT_RUN, Attack

OPTIONS = ["--pids", 32]

REFUSED = "The limit of 32 processes and threads was reached"
# Only control groups count how often a fork was refused.
PIDS = {"details": REFUSED, "groupless": {"details": ""}}
KILLED = {"verdict": "error", "details": "ended by signal 9 .*test_attack.kill. was running",
          "failing": {"test_attack[kill]": "signal 9", "test_after": NOT_RUN}}


def unending(*names):
    """Only the suite's timeout ends the program; the tests after it need no process."""
    return {"limits": dict.fromkeys(names, 1), "verdict": "failed",
            "failing": {f"test_attack[{name}]": "did not end within 1 s" for name in names}}


ATTACKS = [
    Attack("signals", "processes", {
        "kill-init": "kill init", "stop-init": "stop init", "signal-init": "signal-init", "kill-parent": "kill parent",
        "orphans": "orphans", "trace-own": "trace-own", "core": "core", "trace-pytest": "trace pytest",
        "trace-init": "trace init", "daemon": "daemon", "daemon-holding": "daemon-holding"},
        details=f"^({REFUSED})?$"),  # orphans may arrive faster than pid 1 reaps them
    Attack("thread-bomb", "processes", {"threads": "thread-bomb"}, **PIDS),
    Attack("fork-bomb", "processes", {"bomb": "fork-bomb"}, **unending("bomb") | PIDS),
    Attack("session-bomb", "processes", {"bomb": "session-bomb"}, **unending("bomb") | PIDS),
    Attack("endless", "processes", {"busy": "busy", "ignore-all": "ignore-all", "daemon": "daemon"},
           **unending("busy", "ignore-all")),
    Attack("exhaust", "exhaust", {"all": "all"}, **unending("all")),
    Attack("kill-pytest", "processes", {"kill": "kill pytest"}, **KILLED),
    Attack("kill-all", "processes", {"kill": "kill all"}, **KILLED),
    Attack("limits", "processes", {"limit-pytest": "limit pytest", "limit-init": "limit init"}),
]
