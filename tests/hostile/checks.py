"""The tests of every table of attacks: each file of tests has a list ATTACKS, and imports these.

Besides, a file may have OPTIONS of the runner, and TIMEOUT: the runner's --timeout, as a multiple of
what a bystander takes on this machine.
"""


def test_verdict(outcome, attack):
    outcome.check(attack)


def test_bystanders_do_not_notice(outcome):
    outcome.check_bystanders()


def test_everything_is_as_before(outcome):
    outcome.check_as_before()
