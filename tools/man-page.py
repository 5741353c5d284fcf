#!/usr/bin/env python3
"""Writes a manual page for scdoc(1): man-page.py TEMPLATE OUTPUT VERSION NAME=PROGRAM…

Replaces lines of the template by the output of "PROGRAM WORD…":

@options NAME WORD…@    the options in its help
@keys NAME WORD…@       the same as keys of a configuration file
@topic NAME WORD…@      all of it without the title
@commands NAME WORD…@   the first list in it
"""

import re
import subprocess
import sys

TERM = re.compile(r"^  (\S+(?: \S+)*)(?:  +(\S.*))?$")
CONTINUED = re.compile(r"^ {3,}(\S.*)$")
HEADING = re.compile(r"^([A-Z][^:]*):$")
OPTION = re.compile(r"^(?:(-\w), )?(--[\w-]+)(?: (.+))?$")
NOT_IN_A_FILE = {"--config", "--check-config", "--example", "--help", "--version"}


def escaped(text):
    """Escapes the markup of scdoc, also what would start a list or a table at the beginning of a
    line."""
    return re.sub(r"([\\*_#`]|^[-.|\[\]])", r"\\\1", text)


def term_of_option(text, is_key):
    letter, name, value = OPTION.match(text).groups()
    shown = f"_{escaped(value)}_" if value else "_yes|no_"
    if is_key:
        return f"*{name[2:]}* = {shown}"
    return (f"*{letter}*, " if letter else "") + f"*{name}*" + (f" {shown}" if value else "")


def entries(text):
    """Returns ["heading" or "text", line], ["blank", ""] or ["term", term, explanation] for each
    line. Joins wrapped lines of an explanation."""
    found = []
    for line in text.splitlines():
        term, more = TERM.match(line), CONTINUED.match(line)
        if term:
            found.append(["term", term[1], term[2] or ""])
        elif more and found and found[-1][0] == "term":
            found[-1][2] = f"{found[-1][2]} {more[1]}".strip()
        elif not line:
            found.append(["blank", ""])
        else:
            found.append(["heading" if HEADING.match(line) else "text", line])
    return found


def page_of(found, term_of=lambda term: f"*{escaped(term)}*", headings=False):
    lines = []
    for kind, text, *explanation in found:
        if kind == "term":
            lines += ["", term_of(text)] + ([f"\t{escaped(explanation[0])}"] if explanation[0] else []) + [""]
        elif kind == "heading" and headings:
            lines += ["", f"## {text.rstrip(':').upper()}", ""]
        else:
            lines.append(escaped(text))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def options(text, is_key=False):
    found = entries(text)
    start = next(i for i, entry in enumerate(found) if entry[0] == "heading")
    chosen = [entry for entry in found[start:] if not is_key or entry[0] != "term" or entry[1].split()[0] not in NOT_IN_A_FILE]
    if is_key:
        chosen = [entry for i, entry in enumerate(chosen)
                  if entry[0] != "heading" or any(later[0] == "term" for later in chosen[i + 1:i + 2])]

    def term(text):
        return term_of_option(text, is_key) if OPTION.match(text) else f"*{escaped(text)}*"
    return page_of(chosen, term, headings=True)


def topic(text):
    return page_of(entries(text.split("\n", 1)[1]))


def commands(text):
    found = entries(text)
    start = next(i for i, entry in enumerate(found) if entry[0] == "term")
    end = next(i for i, entry in enumerate(found[start:], start) if entry[0] != "term")
    return page_of(found[start:end])


FORMS = {"options": options, "keys": lambda text: options(text, True), "topic": topic, "commands": commands}


def main(template, output, version, *programs):
    paths = dict(program.split("=", 1) for program in programs)

    def answer(match):
        form, name, *words = match[1].split()
        done = subprocess.run([paths[name], *words], capture_output=True, text=True, encoding="utf-8", check=True)
        return FORMS[form](done.stdout)
    with open(template, encoding="utf-8") as file:
        text = file.read().replace("@version@", version)
    text = re.sub(r"^@(.+)@$", answer, text, flags=re.MULTILINE)
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)


main(*sys.argv[1:])
