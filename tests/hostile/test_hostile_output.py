"""Floods of output, and output that imitates something else."""

from checks import test_bystanders_do_not_notice, test_everything_is_as_before, test_verdict  # noqa: F401
from hostile import Attack

OPTIONS = ["--output", "1M"]

KINDS = ["lines", "one-line", "binary"]

# One line of source with very many errors.
ERRORS = ("#define A(x) x x x x x x x x x x\n#define B(x) A(A(x))\n"
          "int main(void) { A(B(B(undeclared_" + 100 * "x" + "_;))) }\n")


def unbuilt(name, description, files):
    return Attack(name, "bystander", {"hello": "hello"}, files, verdict="failed",
                  failing={"test_build": description, "test_attack[hello]": "No such file"})


ATTACKS = [
    Attack("own-outputs", "output", {kind: f"{kind} 16" for kind in KINDS}),
    Attack("runs-outputs", "output", {kind: f"{kind} 64" for kind in KINDS}, outputs=dict.fromkeys(KINDS, "run's"),
           details="^The test run printed more than 1024 KB; the rest was dropped$"),
    Attack("markup", "output", {"markup": "markup"}, verdict="failed",
           failing={"test_attack[markup]": r"\]\]></failure></testcase><testcase classname='forged'.*END"}),
    unbuilt("compiler-errors", "undeclared_x", {"attack.c": ERRORS}),
    unbuilt("zeros", "make ended with status 2", {"Makefile": "all:\n\thead -c 30000000 /dev/zero\n\texit 3\n"}),
]
