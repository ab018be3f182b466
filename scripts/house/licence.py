#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The first line (the second after #!) names the licence, and its text is in the tree."""
import os
import re

from house import Check
from tree import ROOT, read, tracked

SOURCES = ("*.c", "*.h", "*.S", "*.lds", "*.py", "*.sh", "*.cmake", "*CMakeLists.txt", "*.proto",
           "*.clang-format", "*.clang-tidy", "scripts/*", "*.in")
NOT_CODE = (".txt", ".json", ".pc.in", ".md")
LINE = {".c": r"// SPDX-License-Identifier: (\S+)", ".h": r"/\* SPDX-License-Identifier: (\S+) \*/"}
ANY = r".*SPDX-License-Identifier: (\S+)"


def text_of(licence):
    return "LICENSE" if licence == "Apache-2.0" else f"LICENSES/{licence}.txt"


def main():
    check = Check("licence", "put the SPDX line first ('// ' in .c, '/* */' in .h)")
    for path in tracked(*SOURCES):
        if path.endswith(NOT_CODE) and not path.endswith("CMakeLists.txt"):
            continue
        lines = read(path).splitlines()[:2] or [""]
        line = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        match = re.match(LINE.get(os.path.splitext(path)[1], ANY), line)
        if not match:
            check.found(path, "its first line is not an SPDX line in the form of its language")
        elif not os.path.exists(os.path.join(ROOT, text_of(match.group(1)))):
            check.found(path, f"{text_of(match.group(1))} is missing")
    check.finish()


main()
