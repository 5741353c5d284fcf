"""The manual pages: complete, and without formatter warnings."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import CLEAN_ENV, MOCK, REPO, RUNNER, TIMEOUT

PAGES = pathlib.Path(os.environ.get("OSTEST_BUILD", REPO / "build")) / "man"
NAMES = ["ostest-runner.8", "ostest-runner-run.1", "ostest-runner.conf.5", "ostest-mock-backend.1"]

pytestmark = pytest.mark.skipif(not (PAGES / NAMES[0]).exists(), reason="this was built without scdoc")


def ask(*words):
    return subprocess.run(words, env=CLEAN_ENV, check=True, capture_output=True, text=True, timeout=TIMEOUT).stdout


def shown(name, *options):
    """Returns the formatted page, and the formatter's warnings."""
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    env = CLEAN_ENV | {"MANWIDTH": "1000", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8", "MANOPT": ""}
    done = subprocess.run(["man", "--no-hyphenation", "--no-justification", "--warnings", *options, "-l", PAGES / name],
                          env=env, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0
    return done.stdout, done.stderr


def explained(help_text):
    """Returns {option: its explanation} from the help, unwrapped."""
    text = re.sub(r"\n {20,}(?=\S)", " ", help_text)
    return {name: " ".join(said.split())
            for name, said in re.findall(r"^  (?:-\w, )?(--[a-z-]+)(?: [A-Z|:]+)? +(\S.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("name", NAMES)
def test_the_formatter_complains_of_nothing(name):
    text, complaints = shown(name)
    assert complaints == "" and len(text) > 1000
    assert re.search(r"^NAME\n +\S+ - \S", text, re.MULTILINE)
    assert "@" not in re.sub(r"\S+@\S+", "", text)


@pytest.mark.parametrize("name", NAMES)
def test_mandoc_complains_of_nothing(name):
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", PAGES / name], capture_output=True, text=True, timeout=TIMEOUT)
    # scdoc starts each paragraph with .PP, even after a heading
    assert [line for line in done.stdout.splitlines() if "skipping paragraph macro" not in line] == []


@pytest.mark.parametrize("name, words", [
    ("ostest-runner.8", [RUNNER, "help", "options"]), ("ostest-runner-run.1", [RUNNER, "run", "--help"]),
    ("ostest-mock-backend.1", [MOCK, "--help"])])
def test_every_option_with_its_explanation(name, words):
    text, _complaints = shown(name)
    options = explained(ask(*words))
    assert len(options) > 15
    entries = dict(reversed(re.findall(r"^ {7}(?:-\w, )?(--[a-z-]+)(?: \S+)?\n {11}(\S.*)$", text, re.MULTILINE)))
    assert {option: entries.get(option) for option in options} == options


def test_every_key_of_the_file():
    text, _complaints = shown("ostest-runner.conf.5")
    keys = re.findall(r"^#([a-z-]+) = ", ask(RUNNER, "config", "--example"), re.MULTILINE)
    entries = re.findall(r"^ {7}([a-z-]+) = \S+\n {11}\S", text, re.MULTILINE)
    assert len(keys) > 35 and entries == keys


def test_every_command_and_topic():
    text, _complaints = shown("ostest-runner.8")
    help_text = ask(RUNNER, "help")
    commands, topics = (re.findall(r"^  ([a-z-]+)  ", part, re.MULTILINE) for part in help_text.split("Topics of"))
    assert {"run", "doctor", "spool", "config", "completion", "help"} <= set(commands)
    for command in commands:
        assert re.search(rf"^ {{7}}{command}\n {{11}}\S", text, re.MULTILINE), command
    for topic in set(topics) - {"options", "run"}:
        words = ask(RUNNER, "help", topic).split("\n", 1)[1].split()
        assert all(word in text for word in words), topic


def test_the_version():
    version = ask(RUNNER, "--version").split()[1]
    for name in NAMES:
        assert f"ostest-runner {version}" in shown(name)[0]
