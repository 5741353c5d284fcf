"""Reports that are forged, early, swapped, or not files: never a pass."""

from checks import test_bystanders_do_not_notice, test_everything_is_as_before, test_verdict  # noqa: F401
from hostile import Attack

FAILED = {"test_attack[forge]": "status 1"}


def forged(name, words, verdict="error", details="", failing=FAILED, tests=None):
    """The program's own test always fails: a pass would be forged."""
    return Attack(name, "reports", {"forge": words}, verdict=verdict, details=details, failing=failing, posted=tests)


def no_report(name, words, details):
    """Only the tests that were reported before count."""
    return forged(name, words, details=details)


SYMLINK = "The tests' report was replaced by a symbolic link"
IRREGULAR = "The tests' report is not a regular file"

ATTACKS = [
    # Attacks after which pytest writes the report have no effect.
    forged("early", "early", "failed"),
    forged("hard-link", "hard-link", "failed"),
    forged("move-directory", "move-directory", "failed"),
    forged("events", "events", "failed"),
    forged("hijack", "hijack", "failed"),
    forged("early-and-kill", "early-and-kill", details="signal 9",
           failing={"test_attack[forge]": "signal 9", "test_after": "not run"}),
    no_report("symlink", "symlink /box/src/elsewhere.xml", SYMLINK),
    no_report("symlink-to-file", "symlink /etc/passwd", SYMLINK),
    no_report("symlink-to-device", "symlink /dev/zero", SYMLINK),
    no_report("directory", "directory", IRREGULAR),
    no_report("fifo", "fifo", IRREGULAR),
    no_report("swap-symlink", "swap symlink", SYMLINK),
    no_report("swap-huge", "swap huge", "report"),
    forged("swap-forged", "swap forged", details="did not pass, but the report says so"),
]
