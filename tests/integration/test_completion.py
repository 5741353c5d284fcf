"""Shell completion, in the real shells."""

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
import time

import pytest

from harness import CLEAN_ENV, RUNNER, TIMEOUT

SHELLS = ["bash", "zsh", "fish"]


def ask(*words):
    return subprocess.run([RUNNER, *words], env=CLEAN_ENV, capture_output=True, text=True, timeout=TIMEOUT)


def options_of(*words):
    return set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", ask(*words).stdout, re.MULTILINE))


def choices_of(*words):
    """Returns {option: its words} from the help."""
    text = re.sub(r"\n {20,}", " ", ask(*words).stdout)
    found = re.findall(r"^  (--[a-z-]+) [A-Z]+ .*\(([a-zA-Z]+(?:, [a-zA-Z]+)+)\) \[", text, re.MULTILINE)
    return {option: words.split(", ") for option, words in found}


COMMANDS = {"run", "doctor", "spool", "config", "completion", "help"}
AGENT = options_of("help", "options")
RUN = options_of("run", "--help")


class Terminal:
    """An interactive shell in a directory with a few files."""

    def __init__(self, command, env, cwd):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], command, env)
        self.pid = pid
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 400, 200, 0, 0))
        self.seen = ""

    def send(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, pattern):
        """Reads up to the pattern. Returns the text before it."""
        end = time.monotonic() + TIMEOUT
        while not (found := re.search(pattern, self.seen)):
            assert select.select([self.fd], [], [], max(0, end - time.monotonic()))[0], f"no {pattern!r} in {self.seen!r}"
            more = os.read(self.fd, 65536).decode(errors="replace")  # may end in the middle of an escape sequence
            self.seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]", "", self.seen + more)
        text, self.seen = self.seen[:found.start()], self.seen[found.end():]
        return text

    def close(self):
        os.close(self.fd)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


START = {
    "bash": (["bash", "--noprofile", "--norc", "-i"],
             "bind 'set completion-query-items 0'; bind 'set page-completions off'; bind 'set bell-style none'; "
             "PS1='ready> '; source completion\n"),
    "zsh": (["zsh", "-f", "-i"],
            "LISTMAX=10000; setopt no_beep; PS1='ready> '; autoload -Uz compinit; compinit -u -D; source ./completion\n"),
}


@pytest.fixture
def place(tmp_path):
    """A directory with the program, files, and the completion script of each shell."""
    directory = tmp_path / "place"
    (directory / "folder").mkdir(parents=True)
    (directory / "file.conf").write_text("")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ostest-runner").symlink_to(RUNNER)
    return directory


@pytest.fixture
def complete(place, tmp_path):
    """complete(shell, line): returns the words that the shell offers."""
    terminals = {}
    env = CLEAN_ENV | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "xterm", "LC_ALL": "C.UTF-8"}

    def terminal(shell):
        if shell not in terminals:
            terminals[shell] = Terminal(START[shell][0], env, place)
            terminals[shell].send(START[shell][1] + "echo well\\\ndone\n")
            terminals[shell].read_until("welldone")
            terminals[shell].read_until("ready> ")
        return terminals[shell]

    def words(shell, line):
        if not shutil.which(shell):
            pytest.skip(f"{shell} is not installed")
        (place / "completion").write_text(ask("completion", shell).stdout)
        if shell == "fish":
            done = subprocess.run(["fish", "-c", "source completion; complete -C $argv[1]", "--", line], env=env, cwd=place,
                                  capture_output=True, text=True, timeout=TIMEOUT)
            assert done.stderr == ""
            return {offer.split("\t")[0].rsplit("=", 1)[-1] for offer in done.stdout.splitlines()}
        t = terminal(shell)
        t.send(line + "\t\t")
        t.send("\x15echo end\\\nmark\n")  # discards the line
        text = t.read_until("endmark").split(line, 1)[-1]
        t.read_until("ready> ")
        return set(re.findall(r"(?:^|(?<=[\s=]))[\w./-]+", text.split("echo end")[0]))

    yield words
    for each in terminals.values():
        each.close()


def test_the_helps_are_read():
    assert len(AGENT) > 35 and len(RUN) > 25
    assert choices_of("help", "options")["--sandbox"] == ["auto", "bwrap", "none"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_option(complete, shell):
    assert complete(shell, "ostest-runner ") >= COMMANDS
    assert complete(shell, "ostest-runner --") >= AGENT
    assert complete(shell, "ostest-runner run --") >= RUN
    assert complete(shell, "ostest-runner doctor --") >= AGENT


@pytest.mark.parametrize("shell", SHELLS)
def test_every_choice(complete, shell):
    for words, start in ((["help", "options"], "ostest-runner"), (["run", "--help"], "ostest-runner run")):
        choices = choices_of(*words)
        assert {"--sandbox", "--network", "--env", "--memory-unit"} <= set(choices)
        for option, expected in choices.items():
            assert complete(shell, f"{start} {option} ") >= set(expected), option
            assert complete(shell, f"{start} {option}=") >= set(expected), option


@pytest.mark.parametrize("shell", SHELLS)
def test_words_behind_a_command(complete, shell):
    assert complete(shell, "ostest-runner spool ") >= {"list", "retry", "drop"}
    topics = re.findall(r"^  ([a-z-]+) ", ask("help").stdout.split("Topics of")[1], re.MULTILINE)
    assert len(topics) > 10 and complete(shell, "ostest-runner help ") >= set(topics)
    assert complete(shell, "ostest-runner completion ") >= {"bash", "zsh", "fish"}


@pytest.mark.parametrize("shell", SHELLS)
def test_files_and_directories(complete, shell):
    assert "fil" not in "".join(complete(shell, "ostest-runner --login f"))
    assert {word.rstrip("/") for word in complete(shell, "ostest-runner --config f")} >= {"file.conf", "folder"}
    offered = {word.rstrip("/") for word in complete(shell, "ostest-runner run --src fo")}
    assert offered & {"lder", "folder"} and "file.conf" not in offered


def test_no_value_is_taken_for_a_command_of_the_shell(complete):
    for option in sorted(AGENT):
        assert not complete("zsh", f"ostest-runner {option} ") & {"command", "found"}, option
    assert complete("bash", "ostest-runner --http ") == complete("fish", "ostest-runner --http ") == set()


def test_what_was_begun_is_finished(complete, place):
    assert "bwrap" in complete("fish", "ostest-runner --sandbox=b")
    assert complete("fish", "ostest-runner run --colo") == {"--color"}


def test_another_shell():
    done = ask("completion", "powershell")
    assert done.returncode == 2 and "bash, zsh, fish" in done.stderr and done.stdout == ""
    assert ask("completion").returncode == 2
