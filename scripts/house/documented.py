#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every function of a public header stands under a kernel-doc block that bears its name.

/** name() - what it does ... Return: ... */ directly above the declaration. A block of one line
may say the result in its one sentence. @word names a parameter.
"""
import re

import csource
from house import Check
from tree import read, tracked

BLOCK = re.compile(r"/\*\*(.*?)\*/\s*\Z", re.S)


def block_above(text, line):
    above = "\n".join(text.splitlines()[:line - 1])
    start = above.rfind("/**")
    match = BLOCK.match(above[start:]) if start >= 0 else None
    return match.group(1) if match and "*/" not in match.group(1) else None


def faults(name, declaration, block):
    if block is None:
        yield f"{name} has no kernel-doc block directly above it"
        return
    if not re.search(rf"\A[\s*]*{name}\(\) - \S", block):
        yield f"{name}: the block above it must begin '{name}() - what it does'"
    returns_nothing = re.match(rf"(\w+ )*?void {name}\(", declaration)
    if not returns_nothing and "Return:" not in block and "\n" in block.strip():
        yield f"{name}: its block has no 'Return:'"
    words = set(re.findall(r"\w+", declaration))
    for parameter in sorted(set(re.findall(r"(?<![\w.])@(\w+)", block)) - words):
        yield f"{name}: @{parameter} is none of its parameters"


def main():
    check = Check("documented", "write the block as docs/testing.md shows")
    for header in tracked("*/include/*.h"):
        text = read(header)
        for name, (line, declaration) in csource.prototypes(text).items():
            for fault in faults(name, declaration, block_above(text, line)):
                check.found(f"{header}:{line}", fault)
    check.finish()


main()
