"""The rules for the words of comments and messages that a program can check."""

import io
import pathlib
import re
import tokenize

import pytest

SRC = pathlib.Path(__file__).resolve().parents[2] / "src"
MAX_COLUMNS = 100

# Words that have a plainer or an established name: attempt, orphan, problem, fix and so on. "Work" and "item", which
# are not to stand for a task either, have other meanings and are not checked.
WORDS = {
    "stranger": r"strangers?",
    "neighbour": r"neighbou?rs?",
    "door": r"doors?",
    "birthplace": r"birthplaces?",
    "aside": r"asides?",
    "leased": r"leased",
    "mend": r"mend(s|ed|ing)?",
    "trouble": r"troubles?",
    "gate": r"gates?",
    "account": r"accounts?",
    "thing": r"things?",
    # As nouns: an attempt.
    "try": r"(a|the|this|that|one|each|every|last|first|next|another|of|per) (try|tries)",
}
# Accounts to log in with; the values of a metric's label and of a member, which are an interface.
ALLOWED = {"account": ["mock", "runner/backend", "runner/cli", "runner/config", "runner/help", "runner/status"],
           "trouble": ["runner/status/metrics.c", "runner/status/snapshot.c"]}

C_TOKEN = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)
IDENTIFIER = re.compile(r"`[^`]*`")


def texts_of_c(source):
    """The comments and strings as (position, text), but not the paths of headers."""
    for match in C_TOKEN.finditer(source):
        line = source[source.rfind("\n", 0, match.start()) + 1:match.start()]
        if match[0][0] in "/\"" and not line.startswith("#include"):
            yield match.start(), match[0]


def texts_of_python(source):
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield starts[token.start[0] - 1] + token.start[1], token.string


def texts_of(path):
    source = path.read_text()
    if path.suffix == ".txt":
        return source, [(0, source)]
    return source, list(texts_of_python(source) if path.suffix == ".py" else texts_of_c(source))


def wrong_words(path):
    """Each word that should be another one, as "file:line: word"."""
    source, texts = texts_of(path)
    for start, text in texts:
        prose = IDENTIFIER.sub(lambda match: " " * len(match[0]), text)
        for word, pattern in WORDS.items():
            if is_within(path, ALLOWED.get(word, [])):
                continue
            for match in re.finditer(rf"\b(?:{pattern})\b", prose, re.IGNORECASE):
                line = source.count("\n", 0, start + match.start()) + 1
                yield f"{path.relative_to(SRC)}:{line}: {match[0]}"


def long_comment_lines(path):
    """Each line with a comment that is too long, as "file:line: columns"."""
    source = path.read_text()
    lines = source.splitlines()
    for start, text in texts_of_c(source):
        if text.startswith("/"):
            first = source.count("\n", 0, start)
            for number in range(first, first + text.count("\n") + 1):
                if len(lines[number]) > MAX_COLUMNS:
                    yield f"{path.relative_to(SRC)}:{number + 1}: {len(lines[number])} columns"


FILES = sorted(path for path in SRC.rglob("*") if path.suffix in (".c", ".h", ".py", ".txt"))
FOLDERS = sorted({path.relative_to(SRC).parts[0] for path in FILES})


def is_within(path, folders):
    return any(path.is_relative_to(SRC / folder) for folder in folders)


def faults_of(files):
    files = list(files)
    return [fault for path in files for fault in wrong_words(path)] + [
        fault for path in files if path.suffix in (".c", ".h") for fault in long_comment_lines(path)]


@pytest.mark.parametrize("folder", FOLDERS)
def test_words_and_width_of_comments(folder):
    faults = faults_of(path for path in FILES if is_within(path, [folder]))
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("text, wrong", [
    ('/* The door. */', 1), ('/*\n * How a\n * neighbour mends it.\n */', 2), ('puts("trouble: %s");', 1),
    ('int trouble; /* `trouble` is a name */', 0), ('#include "job/account.h"', 0), ('char c = \'"\'; int door;', 0),
    ('/* each try */ f("retry, nothing, aggregates");', 1)])
def test_the_check_of_words_sees_comments_and_strings(tmp_path, monkeypatch, text, wrong):
    monkeypatch.setattr("test_language.SRC", tmp_path)
    path = tmp_path / "a.c"
    path.write_text(text)
    assert len(list(wrong_words(path))) == wrong


@pytest.mark.parametrize("lines, wrong", [(["/* " + "x" * 94 + " */"], 0), (["/* " + "x" * 95 + " */"], 1),
                                          (["/*", " * " + "x" * 98, " */", "int " + "x" * 200 + ";"], 1)])
def test_the_check_of_width_sees_comment_lines(tmp_path, monkeypatch, lines, wrong):
    monkeypatch.setattr("test_language.SRC", tmp_path)
    path = tmp_path / "a.c"
    path.write_text("\n".join(lines))
    assert len(list(long_comment_lines(path))) == wrong
