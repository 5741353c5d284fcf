#!/usr/bin/env python3
"""Runs a program on a pseudo-terminal and draws its final screen: terminal-picture.py PICTURE.svg
COLUMNS -- PROGRAM [ARGUMENT…]"""

import fcntl
import html
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import termios

ROW, CELL, FONT, MARGIN = 18, 8.43, 14, 16  # pixels
PAPER, INK = "#16181d", "#d6d9e0"
STYLES = {"1": "font-weight:bold", "2": "fill:#8b92a3", "31": "fill:#ff7b72", "32": "fill:#56d364"}


def record(command, columns):
    """Returns everything that the program writes to its terminal. Ignores its exit status."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 50, columns, 0, 0))
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        data = b""
        while True:
            try:
                data += os.read(ours, 65536)
            except OSError:  # the program has exited
                break
    os.close(ours)
    return data.decode()


def rows(text):
    """Returns the final screen: a list of (style, text) for each line."""
    lines, style = [[]], ""
    for piece in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if piece == "\n":
            lines.append([])
        elif piece == "\x1b[K":  # follows a carriage return: clears the progress line
            lines[-1] = []
        elif piece.startswith("\x1b["):
            style = STYLES.get(piece[2:-1], "")
        elif piece != "\r":
            lines[-1].append((style, piece))
    while lines and not lines[-1]:
        lines.pop()
    return lines


def draw(prompt, lines, columns):
    lines = [[("fill:#56d364", "$ "), ("", prompt)], *lines]
    width, height = round(columns * CELL + 2 * MARGIN), len(lines) * ROW + 2 * MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
           f"<title>{html.escape(prompt)}</title>",
           f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
           f'<g font-family="DejaVu Sans Mono,Menlo,Consolas,monospace" font-size="{FONT}" fill="{INK}">']
    for number, line in enumerate(lines):
        spans = "".join(f'<tspan style="{style}">{html.escape(text)}</tspan>' if style else f"<tspan>{html.escape(text)}</tspan>" for style, text in line)
        out.append(f'<text x="{MARGIN}" y="{MARGIN + ROW * number + FONT}" xml:space="preserve">{spans}</text>')
    return "\n".join([*out, "</g>", "</svg>", ""])


def main():
    picture, columns, _, *command = sys.argv[1:]
    prompt = " ".join([pathlib.Path(command[0]).name, *command[1:]])
    prompt = re.sub(r" --(sandbox|git-protocols|state-dir|tests) \S+", "", prompt)
    pathlib.Path(picture).write_text(draw(prompt, rows(record(command, int(columns))), int(columns)))


if __name__ == "__main__":
    main()
