"""The tests for each table of attacks: every test file has a list ATTACKS, and imports these.

A file may also have OPTIONS of the runner, and TIMEOUT: the runner's --timeout, as a multiple of a
bystander's duration on this machine.
"""


def test_verdict(outcome, attack):
    outcome.check(attack)


def test_bystanders_do_not_notice(outcome):
    outcome.check_bystanders()


def test_everything_is_as_before(outcome):
    outcome.check_as_before()
