#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What no C file of ours does, and what a library never does, as a table of patterns."""
import re

import csource
from house import Check
from tree import read, tracked

LIBRARIES = ("libkvmcore/", "libsdeistate/", "transport/")
PRODUCT = LIBRARIES + ("tools/",)
OURS = LIBRARIES + ("tools/", "tests/", "fuzz/", "bench/", "examples/")

# where, pattern (of code without comments and strings), what is wrong with it
TABLE = (
    (OURS, r"^[ \t]*typedef\b[^;(]*[;{]", "a typedef that names no callback"),
    (OURS, r"\b(?:sprintf|vsprintf|strcpy|strcat|gets|strtok|alloca|tmpnam|mktemp)\s*\(",
     "an unbounded or unsafe function"),
    (OURS, r"\b(?:atoi|atol|atoll|atof)\s*\(", "a conversion that cannot report an error"),
    (PRODUCT, r"\b[fsv]*scanf\s*\(", "a conversion that cannot report an error"),
    (LIBRARIES, r"\b(?:printf|vprintf|puts|putchar|perror|warn|warnx|err|errx|syslog)\s*\(",
     "a library prints nothing"),
    (LIBRARIES, r"\bstd(?:out|err)\b", "a library prints nothing"),
    (LIBRARIES, r"\b(?:exit|_exit|_Exit|quick_exit|abort|atexit|at_quick_exit)\s*\(",
     "a library ends no process"),
    (LIBRARIES, r"\b(?:setenv|putenv|unsetenv|setlocale|chdir|umask|signal)\s*\(",
     "a library leaves the process as it is"),
)


def line_of(text, match):
    return text.count("\n", 0, match.start()) + 1


def main():
    check = Check("style", "see the rules of the house in docs/testing.md")
    for path in tracked("*.c", "*.h"):
        text = csource.bare(read(path))
        for rooms, pattern, wrong in TABLE:
            if not path.startswith(rooms):
                continue
            for match in re.finditer(pattern, text, re.M):
                check.found(f"{path}:{line_of(text, match)}", wrong)
    check.finish()


main()
