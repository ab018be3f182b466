#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Words that do not belong in a finished tree, as a table: promises, places, hosts."""
import re

from house import Check
from tree import read, tracked

BINARY = (".bin", ".gz", ".zst", ".cbor", ".dtb", ".png", ".sdei", ".der")
ELSEWHERE = ("LICENSE", "LICENSES/*")

TABLE = (
    (r"\b(?:TODO|FIXME|XXX|HACK)\b", "says that work is left; do it, or open an issue"),
    (r"(?i)\bnot (?:yet )?implemented\b", "says that work is left; do it, or name what is refused"),
    (r"(?<![\w.])/work/|/tmp/wt\b|(?<!\w)/root/|/home/\w+", "is a place on one machine"),
    (r"\bspec/[\w-]+\.md\b|\bshared/(?!vectors/third-party)\w", "is not part of this tree"),
    (r"(?i)https?://[\w.-]*(?:mirror|artifactory|nexus)[\w.-]*", "is a package mirror's host"),
    (r"(?i)\bissue #?\d+\b", "numbers of issues mean nothing to a reader; say the reason"),
    (r"^(?:<{7}|>{7}|={7})(?: |$)", "is left of a merge conflict"),
)


def main():
    check = Check("words", "say it without the word, or exempt the line's file in "
                  "scripts/house/exemptions.txt")
    skip = set(tracked(*ELSEWHERE))
    for path in tracked("*"):
        if path in skip or path.endswith(BINARY):
            continue
        for number, line in enumerate(read(path).splitlines(), 1):
            for pattern, wrong in TABLE:
                match = re.search(pattern, line)
                if match:
                    check.found(f"{path}:{number}", f"'{match.group()}' {wrong}")
    check.finish()


main()
