"""`ostest-runner run`: what it takes from a directory, and what it leaves there."""


def test_a_directory_and_a_suite_from_a_url(run, make_repo, listing):
    status, out, _ = run("--src", make_repo("student", {"file": "x"}), "--tests", f"file://{listing}")
    assert status == 1 and "    file=x" in out
