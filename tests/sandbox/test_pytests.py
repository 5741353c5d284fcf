"""Verdicts with each pytest that suites use: a correct program, a failing one, and attacks on the
reporting of tests."""

import pytest

import sandboxed
import suites_shapes
from suites_shapes import NAMES, SHAPES, outcomes, was_told


@pytest.fixture(scope="module")
def suites(any_site):
    return suites_shapes.Suites(any_site)


@pytest.fixture(scope="module", params=sandboxed.PYTESTS)
def run(request, suites):
    """run(attack, options): runs a program in a suite that requires this pytest. Returns the
    job."""
    suite = suites.own(SHAPES["pytest"] | sandboxed.pytest_requirement(request.param))
    return lambda attack="nothing", *options, **named: suites.job(None, *options, suite=suite, attack=attack, **named)


def test_a_good_program_passes(run):
    job = run()
    assert job.passed and was_told(job)
    assert outcomes(job) == dict.fromkeys(NAMES, True)


@pytest.mark.parametrize("attack", ["fail", "patch-parent"])
def test_a_program_that_fails_does_not(run, attack):
    job = run(attack)
    assert not job.passed and job.result["errorDetails"] == "" and was_told(job)
    assert outcomes(job) == {name: name != "test_it::test_program" for name in NAMES}


def test_a_connected_test_is_selected(run):
    job = run(task={"connectedTests": ["test_it.py::test_last"]})
    assert job.passed and outcomes(job) == {"test_it::test_last": True}
