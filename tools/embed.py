#!/usr/bin/env python3
"""Writes a file as a C array, with a NUL at the end: embed.py INPUT OUTPUT NAME.

NAME_len is the size without the NUL, NAME_sha256 the checksum in the form of a
Content-Security-Policy.
"""

import base64
import hashlib
import sys

source, target, name = sys.argv[1:]
with open(source, "rb") as file:
    data = file.read()
checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
with open(target, "w", encoding="ascii") as out:
    out.write(f"/* Generated from {source.rsplit('/', 1)[-1]}; do not edit. */\n#pragma once\n")
    out.write(f"static const char {name}[] = {{\n")
    for i in range(0, len(data), 20):
        out.write("    " + "".join(f"{byte - 256 if byte > 127 else byte}, " for byte in data[i:i + 20]) + "\n")
    out.write("    0};\n")
    out.write(f"static const unsigned long {name}_len = {len(data)};\n")
    out.write(f"#define {name}_sha256 \"sha256-{checksum}\"\n")
