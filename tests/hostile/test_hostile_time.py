"""Runs that never end: the timeout of the run ends them, and the result says so."""

from checks import test_bystanders_do_not_notice, test_everything_is_as_before, test_verdict  # noqa: F401
from hostile import NOT_RUN, Attack

TIMEOUT = 4

STOPPED = {"verdict": "error", "details": "took longer than .* and were stopped; .*test_attack.stop. was running",
           "failing": {"test_attack[stop]": "time limit", "test_after": NOT_RUN}}

ATTACKS = [
    Attack("stop-pytest", "processes", {"stop": "stop pytest"}, **STOPPED),
    Attack("stop-all", "processes", {"stop": "stop all"}, **STOPPED),
]
