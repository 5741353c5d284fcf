"""Memory of every kind that counts: it is charged to the task, and free afterwards."""

from checks import test_bystanders_do_not_notice, test_everything_is_as_before, test_verdict  # noqa: F401
from hostile import NOT_RUN, Attack

OPTIONS = ["--memory", "160M", "--disk", "64M"]

REACHED = "The limit of 160 MB of memory was reached: . processes were killed"
# Without control groups, sampling notices the memory and stops the run.
SEEN = {"verdict": "error", "details": "The tests used more than 160 MB of memory and were stopped",
        "failing": {"test_attack[hog]": "limit of 160 MB of memory", "test_after": NOT_RUN}}
LOST = {"test_attack[hog]": "signal 9", "test_after": NOT_RUN}


def hog(kind, **more):
    """Returns an attack that allocates four times the limit and holds it."""
    return Attack(kind, "memory", {"hog": f"{kind} 640"}, limits={"hog": 8}, groupless=SEEN, details=REACHED, **more)


ATTACKS = [
    *(hog(kind, verdict="failed", failing={"test_attack[hog]": "status -9"}) for kind in ("heap", "shared")),
    # Memory that no process, or not one alone, holds: the kernel kills the largest process, pytest.
    hog("crowd", verdict="error", failing=LOST),
    *(hog(kind, verdict="error", failing=LOST, needs_groups=True) for kind in ("memfd", "sysv", "pipes")),
    # File systems in memory have their own limit.
    Attack("in-files", "memory", {"shm": "file 640 /dev/shm", "tmp": "file 640 /tmp", "home": "file 640 /box/home",
                                  "huge-pages": "huge-pages 640"},
           details="^(The limit of 64 MB for all files was reached)?$"),
    # The compiler reads what the student's source includes.
    Attack("include-zero", "bystander", {"hello": "hello"}, {"attack.c": '#include "/dev/zero"\n'}, verdict="failed",
           details=REACHED, failing={"test_build": "Killed signal terminated program", "test_attack[hello]": "No such file"},
           groupless=SEEN | {"failing": {"test_build": "limit of 160 MB of memory", "test_before": NOT_RUN,
                                         "test_attack[hello]": NOT_RUN, "test_after": NOT_RUN}}),
]
