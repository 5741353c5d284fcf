"""The suite's own files: changing one is refused, or gives an error result, even if it was put back."""

from checks import test_bystanders_do_not_notice, test_everything_is_as_before, test_verdict  # noqa: F401
from hostile import Attack

CHANGED = "The suite's file .* was changed while the tests ran"
ADDED = "The file tests/.pytest.ini was added to the suite while the tests ran"
LOADED = "The file tests/filecmp.* was loaded from the suite's directory, but is not the suite's"
WRONG = {"verdict": "failed", "details": "", "failing": {"test_attack[wrong]": "is_text_of"}}


def put_back(how, **expected):
    """A wrong answer is right, as long as the suite's own is away."""
    return Attack(f"swap-{how}", "files", {"swap": f"suite swap-{how}", "wrong": "print", "back": f"suite swap-{how}"},
                  expected={"wrong": "answer"}, at_root=WRONG, **expected)


ATTACKS = [
    *(Attack(how, "files", {"change": f"suite {how}"}, verdict="error", details=CHANGED,
             at_root={"verdict": "passed", "details": ""}) for how in ("append", "replace", "remove")),
    put_back("file", verdict="error", details=CHANGED),
    put_back("bytes", verdict="error", details=CHANGED),
    # A directory cannot be put away at all.
    put_back("directory", verdict="failed", failing={"test_attack[wrong]": "is_text_of"}),
    # Code that nobody finds at the end, since it was there only until it was loaded.
    *(Attack(f"plant-{kind}", "files", {"plant": f"suite {kind}", "wrong": "print"}, expected={"wrong": "answer"},
             verdict="error", details=LOADED) for kind in ("module", "package", "unseen-package")),
    # There for a moment only.
    Attack("settings", "files", {"change": "suite settings"}, verdict="error", details=ADDED),
    # Without the attack, as a control.
    Attack("wrong", "files", {"wrong": "print"}, expected={"wrong": "answer"}, **WRONG),
]
