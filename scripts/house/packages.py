#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/setup installs every Debian package that cmake/Dependencies.cmake names as missing."""
import re

from house import Check
from tree import read

NEEDS = "cmake/Dependencies.cmake"
SETUP = "scripts/setup"


def main():
    check = Check("packages", f"add it to the list in {SETUP}")
    listed = re.search(r"^packages=\(\n(.*?)^\)", read(SETUP), re.M | re.S).group(1)
    installed = set(re.sub(r"#.*", "", listed).split())
    needed = {}
    for number, line in enumerate(read(NEEDS).splitlines(), 1):
        match = re.match(r"\s*sdei_need\w*\(.*\s(\S+)\s+\S+\)", line)
        if match and not match.group(1).startswith("$"):
            needed[match.group(1)] = number
    if not needed:
        check.found(NEEDS, "names no package, or in a form this rule does not read")
    for package, number in needed.items():
        if package not in installed:
            check.found(f"{NEEDS}:{number}", f"{package} is not installed by {SETUP}")
    check.finish()


main()
