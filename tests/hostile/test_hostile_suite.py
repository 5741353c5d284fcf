"""The suite's own files: whoever changes one gets an error result, even if it was put back."""

from checks import test_bystanders_do_not_notice, test_everything_is_as_before, test_verdict  # noqa: F401
from hostile import Attack

CHANGED = "The suite's file .* was changed while the tests ran"


def put_back(how, **expected):
    """A wrong answer is right, as long as the suite's own is away."""
    return Attack(f"swap-{how}", "files", {"swap": f"suite swap-{how}", "wrong": "print", "back": f"suite swap-{how}"},
                  expected={"wrong": "answer"}, **expected)


ATTACKS = [
    *(Attack(how, "files", {"change": f"suite {how}"}, verdict="error", details=CHANGED)
      for how in ("append", "add", "replace", "remove")),
    put_back("file", verdict="error", details=CHANGED),
    put_back("bytes", verdict="error", details=CHANGED),
    # Code that nobody finds at the end, since it was there only until it was loaded.
    *(Attack(f"plant-{kind}", "files", {"plant": f"suite {kind}", "wrong": "print"}, expected={"wrong": "answer"},
             verdict="error", details=CHANGED) for kind in ("module", "package", "unseen-package")),
    # A directory cannot be put away at all.
    put_back("directory", verdict="failed", failing={"test_attack[wrong]": "is_text_of"}),
]
