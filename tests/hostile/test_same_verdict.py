"""`ostest-runner run` gives the same result as the agent posts, for the course's students and for
attacks."""

import concurrent.futures
import contextlib
import json
import re
import subprocess

import cgroup
import harness
import hostile
import pytest
import test_hostile_disk
import test_hostile_memory
import test_hostile_output
import test_hostile_processes
import test_hostile_reach
import test_hostile_reports
import test_hostile_suite
import test_hostile_time
import test_hostile_trees

TABLES = [test_hostile_time, test_hostile_disk, test_hostile_memory, test_hostile_output, test_hostile_processes,
          test_hostile_reach, test_hostile_reports, test_hostile_suite, test_hostile_trees]  # the longest first
ATTACKS = {attack.name: attack for table in TABLES for attack in table.ATTACKS}
STUDENTS = sorted(path.name for path in (harness.COURSE / "students").iterdir())

# One runner for all tables: a result may differ from that in the table, but must be the same twice.
LIMITS = ["--pids", 32, "--memory", "160M", "--disk", "64M", "--inodes", 5000, "--output", "1M"]
TIMEOUT = 8  # of a run, as a multiple of a bystander's duration

# These differ in each run: times and memory; in texts addresses, pids, times, and the number of
# killed processes.
VARYING = {"id", "duration", "memoryUsed"}
FLEETING = re.compile(r"0x[0-9a-f]+|==\d+==|\d+\.\d\ds =+|\d+ processes were killed")
# These print how far they got, and which processes existed at that moment.
RACES = {"exhaust", "make-secrets"}


def run(site, name, source, suite, options):
    """Returns the JSON of `ostest-runner run` for a student's directory."""
    path = site.dir / "told" / f"{name}.json"
    with cgroup.own_group(site.uid) as group, contextlib.ExitStack() as stack:
        runner = harness.Runner(
            "run", "--src", source, "--tests", suite, "--json", path, "--state-dir", site.dir / "runs", "--sandbox", "bwrap",
            *options, prefix=[*group, *site.prefix], cwd="/", env={"HOME": str(site.dir), "SECRET": site.secret})
        stack.callback(runner.kill)
        status = runner.wait()
    told = json.loads(path.read_text())
    assert status == (2 if told["isError"] else 0 if told["isPassed"] else 1), runner.log
    return told


def is_comparable(place, attack):
    """Returns false if the verdict depends on control groups, which are not available here: without
    them some limits are not enforced, and others only if a sample is taken at the right moment."""
    return place.has_groups or not (attack.needs_groups or "verdict" in attack.groupless)


def judge_twice(site, mock, sources, suite, labs, options, at_a_time):
    """Returns {name: (the agent's result, the result of `run`)}; both run at the same time."""
    with contextlib.ExitStack() as stack:
        mock.add(*(harness.task(name, source, laboratoryNumber=labs) for name, source in sources.items()))
        agent = site.start(stack, mock, "--tests-url", suite, "--concurrent", at_a_time, *options)
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(at_a_time))
        words = [word for lab in labs for word in ("--lab", lab)] + options
        told = {name: pool.submit(run, site, name, source, suite, words) for name, source in sources.items()}
        told = {name: future.result() for name, future in told.items()}
        hostile.wait_for_results(mock, len(sources))
        assert agent.stop() == 0, agent.log
        posted = {result["id"]: result for result in mock.results()}
        assert list(told) == list(sources) and posted.keys() == told.keys()
        return {name: (posted[name], told[name]) for name in sources}


@pytest.fixture(scope="module")
def place():
    """A site where agent and `run` are started without privileges, as students do."""
    with contextlib.closing(hostile.Site("user")) as site:
        site.repos.mkdir()
        site.suite()
        (site.dir / "told").mkdir()
        yield site


@pytest.fixture(scope="module")
def of_students(place):
    repos = place.dir / "course"
    subprocess.run([harness.COURSE / "make-repos", repos], check=True)
    with contextlib.ExitStack() as stack:
        mock = place.start_mock(stack)
        harness.give(place.dir, place.uid)
        sources = {name: repos / f"student-{name}" for name in STUDENTS}
        return judge_twice(place, mock, sources, repos / "suite", [1, 2], ["--proxy-timeout", 5], 2)


@pytest.fixture(scope="module")
def of_attacks(place):
    with contextlib.ExitStack() as stack:
        mock = place.start_mock(stack)
        host = place.host(mock)
        attacks = [hostile.BYSTANDER, *ATTACKS.values()]
        sources = {attack.name: place.student(attack, host) for attack in attacks if is_comparable(place, attack)}
        harness.give(place.dir, place.uid)
        bystander = run(place, "warm-up", sources["bystander"], place.suite(), LIMITS)
        limits = [*LIMITS, "--timeout", 6 + TIMEOUT * bystander["duration"] / 1000, "--proxy-timeout", 60]
        return judge_twice(place, mock, sources, place.suite(), [], limits, 3)


def lasting(value):
    """Returns the parts of a result in which two runs must agree."""
    if isinstance(value, dict):
        return {key: lasting(member) for key, member in value.items() if key not in VARYING}
    if isinstance(value, list):
        return [lasting(entry) for entry in value]
    return FLEETING.sub("…", value) if isinstance(value, str) else value


def check_same(posted, told):
    posted, told = lasting(posted), lasting(told)
    for mine, theirs in zip(posted["testResults"], told["testResults"]):
        assert mine == theirs
    assert posted == told


@pytest.mark.parametrize("name", STUDENTS)
def test_students(of_students, name):
    check_same(*of_students[name])


def settled(attack, result):
    """Returns the result without what varies by chance for this attack."""
    if attack.details and re.search(attack.details, ""):  # a limit that is reached only for a moment may go unnoticed
        result = result | {"errorDetails": ""}
    if attack.name in RACES:
        result = result | {"testResults": [test | {"description": ""} for test in result["testResults"]]}
    return result


@pytest.mark.parametrize("name", ["bystander", *ATTACKS])
def test_attacks(of_attacks, place, name):
    attack = ATTACKS.get(name, hostile.BYSTANDER)
    if not is_comparable(place, attack):
        pytest.skip("the verdict depends on control groups, which are not available")
    check_same(*(settled(attack, result) for result in of_attacks[name]))


def test_each_kind_of_verdict_is_among_them(of_students, of_attacks):
    found = {(posted["isPassed"], posted["isError"]) for posted, _ in [*of_students.values(), *of_attacks.values()]}
    assert found == {(True, False), (False, False), (False, True)}
