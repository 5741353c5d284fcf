#!/usr/bin/env python3
"""Writes a file's bytes as a C array: embed.py INPUT OUTPUT NAME. The array ends with a NUL."""

import sys

source, target, name = sys.argv[1:]
with open(source, "rb") as file:
    data = file.read()
with open(target, "w", encoding="ascii") as out:
    out.write(f"/* Made from {source.rsplit('/', 1)[-1]}; do not edit. */\n#pragma once\n")
    out.write(f"static const char {name}[] = {{\n")
    for i in range(0, len(data), 20):
        out.write("    " + "".join(f"{byte - 256 if byte > 127 else byte}, " for byte in data[i:i + 20]) + "\n")
    out.write("    0};\n")
    out.write(f"static const unsigned long {name}_len = {len(data)};\n")
