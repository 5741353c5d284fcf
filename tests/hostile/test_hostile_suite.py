"""The suite's own files: a change is refused or leads to an error result, even if it was undone."""

from checks import test_bystanders_do_not_notice, test_everything_is_as_before, test_verdict  # noqa: F401
from hostile import Attack

CHANGED = "The suite's file .* was changed while the tests ran"
ADDED = "The file tests/.pytest.ini was added to the suite while the tests ran"
LOADED = "The file tests/filecmp.* was loaded from the suite's directory, but is not the suite's"
WRONG = {"verdict": "failed", "details": "", "failing": {"test_attack[wrong]": "is_text_of"}}


def put_back(how, **expected):
    """A wrong answer passes while the suite's own file is away."""
    return Attack(f"swap-{how}", "files", {"swap": f"suite swap-{how}", "wrong": "print", "back": f"suite swap-{how}"},
                  expected={"wrong": "answer"}, at_root=WRONG, **expected)


ATTACKS = [
    *(Attack(how, "files", {"change": f"suite {how}"}, verdict="error", details=CHANGED,
             at_root={"verdict": "passed", "details": ""}) for how in ("append", "replace", "remove")),
    put_back("file", verdict="error", details=CHANGED),
    put_back("bytes", verdict="error", details=CHANGED),
    # A directory cannot be moved away at all.
    put_back("directory", verdict="failed", failing={"test_attack[wrong]": "is_text_of"}),
    # Code that exists only until it is loaded, so that a check at the end cannot find it.
    *(Attack(f"plant-{kind}", "files", {"plant": f"suite {kind}", "wrong": "print"}, expected={"wrong": "answer"},
             verdict="error", details=LOADED) for kind in ("module", "package", "unseen-package")),
    # Exists only for a moment.
    Attack("settings", "files", {"change": "suite settings"}, verdict="error", details=ADDED),
    # A control without the attack.
    Attack("wrong", "files", {"wrong": "print"}, expected={"wrong": "answer"}, **WRONG),
]
