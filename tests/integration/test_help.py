"""The help of ostest-runner: --help, help TOPIC, and suggestions after mistakes."""

import re
import subprocess

import pytest

from harness import CLEAN_ENV, RUNNER, TIMEOUT


def run(*words):
    done = subprocess.run([RUNNER, *words], env=CLEAN_ENV, capture_output=True, text=True, timeout=TIMEOUT)
    return done.returncode, done.stdout, done.stderr


def named_in(text, heading):
    """Returns the words that are explained below the heading."""
    lines = text[text.index(heading):].splitlines()[1:]
    block = "\n".join(lines).strip("\n").split("\n\n")[0]
    return re.findall(r"^  ([a-z-]+) ", block, re.MULTILINE)


COMMANDS = named_in(run("help")[1], "Commands:")
TOPICS = named_in(run("help")[1], "Topics of")


def test_there_are_commands_and_topics():
    assert set(COMMANDS) >= {"run", "doctor", "spool", "config", "help"}
    assert set(TOPICS) >= {"options", "run", "doctor", "spool", "config", "log", "sandbox", "files", "environment",
                           "signals", "exit-status"}


@pytest.mark.parametrize("topic", TOPICS)
def test_each_topic_has_a_text(topic):
    status, out, err = run("help", topic)
    assert (status, err) == (0, "") and len(out) > 300


@pytest.mark.parametrize("words", [["--help"], ["help"], ["run", "--help"], *(["help", topic] for topic in TOPICS)],
                         ids=" ".join)
def test_lines_fit_a_terminal(words):
    lines = run(*words)[1].splitlines()
    assert [line for line in lines if len(line) > 80 and ">~/" not in line] == []
    assert [line for line in lines if line != line.rstrip() or "\t" in line] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_help(command):
    assert run(command, "--help") == run("help", *([command] if command != "help" else []))


def test_an_unknown_command_has_the_help_of_all():
    assert run("--help", "weather") == run("--help")


def test_the_help_has_commands_options_and_topics():
    status, out, _err = run("--help")
    assert status == 0
    assert all(re.search(rf"^  {word} ", out, re.MULTILINE) for word in [*COMMANDS, *TOPICS])
    headings = re.findall(r"^([A-Z][a-z ]+):$", out, re.MULTILINE)
    assert {"Backend", "Tasks", "Test suite", "Sandbox and limits of one task", "This machine", "Log"} <= set(headings)


def test_the_helps_options_are_those_of_the_topic():
    assert run("help", "options")[1] in run("--help")[1]


def test_an_unknown_topic():
    status, out, err = run("help", "signal")
    assert status == 2 and out == "" and "unknown topic 'signal'; did you mean signals?" in err
    assert named_in(err, "Topics of") == TOPICS
    assert "did you mean" not in run("help", "weather")[2]


@pytest.mark.parametrize("words, meant", [
    (["dcotor"], "doctor"), (["--pasword=x"], "--password"), (["--backend_url=x"], "--backend-url"),
    (["--sandbox=bwarp"], "bwrap"), (["--logger-level=warn1ng"], "warning"), (["run", "--colour=always"], "--color")])
def test_the_nearest_is_named(words, meant):
    status, out, err = run(*words)
    assert status == 2 and out == "" and f"did you mean {meant}?" in err
