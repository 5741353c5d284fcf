#!/usr/bin/env python3
"""Takes pictures of the status page, for script/page-pictures: status-picture.py COURSE DIRECTORY
NAME WIDTH HEIGHT.

The runner tests the students of COURSE (made by make-repos) with its state in DIRECTORY; the
history of the last hours is made up. Writes NAME-light.png and NAME-dark.png. Needs the packages of
the browser tests.
"""

import json
import pathlib
import random
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS / "browser"), str(TESTS / "integration")]
import browser  # noqa: E402 (sys.path is set above)
import harness  # noqa: E402

STUDENTS = ["anton", "grisha", "lena", "masha", "oleg"]
EARLIER = 95


def make_up(kept, number, chance):
    """Writes a made-up task of the last hours; tasks become more frequent towards now."""
    directory = kept / f"{number:012d}-{number}"
    directory.mkdir(parents=True)
    is_passed, ms = chance.random() < 0.4 + number / 250, int(1500 + chance.expovariate(1 / 3000))
    summary = {
        "id": number, "repository": f"https://github.com/os-nsu/proxy-{chance.choice(STUDENTS)}.git", "branch": "main",
        "commit": f"{chance.getrandbits(160):040x}", "lab": chance.randint(1, 4), "passed": is_passed, "error": False,
        "details": "", "tests": 20, "testsPassed": 20 if is_passed else chance.randint(3, 19), "durationMs": ms,
        "stagesMs": {"fetch": 180, "prepare": 20, "test": ms, "judge": 5}, "limits": [], "cpuMs": ms // 2,
        "finished": int(time.time()) - (EARLIER - number) ** 2 * 2 - chance.randint(60, 300),
        "memoryBytes": chance.randint(8, 240) << 20}
    (directory / "summary.json").write_text(json.dumps(summary))


def main():
    course, directory, name = map(pathlib.Path, sys.argv[1:4])
    chance = random.Random(5)
    for number in range(1, EARLIER):
        make_up(directory / "kept", number, chance)
    harness.SANDBOX = "auto"
    students = [course / f"student-{kind}" for kind in ("good", "wrong-output", "memory-hungry", "hang")] * 10
    mock = harness.Mock(directory, tasks=[harness.task(100 + n, s, laboratoryNumber=2, branch="main") for n, s in enumerate(students)])
    runner = harness.Runner("--backend-url", mock.url, "--state-dir", directory, "--git-protocols", "file", "--name", "lab-7",
                            "--tests-url", course / "suite", "--concurrent", 2, "--http", 0)
    one = browser.Browser(directory)
    try:
        one.reset()
        one.size(int(sys.argv[4]), int(sys.argv[5]))
        one.open(runner.wait_log("status page url=").split("url=")[-1])
        mock.results(4)
        for theme in ("light", "dark"):
            one.emulate(theme)
            one.wait(lambda: one.run("return [...document.querySelectorAll('#slots .test')].filter(t => t.textContent.startsWith('running')).length") == 2)
            one.screenshot(f"{name}-{theme}.png")
    finally:
        one.close()
        runner.signal()
        runner.stop()
        mock.stop()


if __name__ == "__main__":
    main()
