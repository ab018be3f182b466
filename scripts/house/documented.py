#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every function of a public header stands under a kernel-doc block that bears its name.

/** name() - what it does ... Return: ... */ directly above the declaration. A block that begins on
the line of its opening may say the result in its one sentence. @word names a parameter or member.
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


def faults(name, declaration, block, known):
    if block is None:
        yield f"{name} has no kernel-doc block directly above it"
        return
    if not re.search(rf"\A[\s*]*{name}\(\) - \S", block):
        yield f"{name}: the block above it must begin '{name}() - what it does'"
    returns_nothing = re.match(rf"(\w+ )*?void {name}\(", declaration)
    if not returns_nothing and "Return:" not in block and block.startswith("\n"):
        yield f"{name}: its block has no 'Return:'"
    for word in sorted(set(re.findall(r"(?<![\w.])@(\w+)", block)) - known):
        yield f"{name}: the header knows no @{word}"


def main():
    check = Check("documented", "write the block as docs/testing.md shows")
    for header in tracked("*/include/*.h"):
        text = read(header)
        known = set(re.findall(r"\w+", csource.bare(text)))
        for name, (line, declaration) in csource.prototypes(text).items():
            for fault in faults(name, declaration, block_above(text, line), known):
                check.found(f"{header}:{line}", fault)
    check.finish()


main()
