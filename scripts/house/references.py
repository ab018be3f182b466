#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A file that a document or a comment names is in the tree."""
import collections
import os
import re

from house import Check
from tree import ROOT, read, tracked

ROOMS = ("bench", "cmake", "docs", "examples", "fuzz", "libkvmcore", "libsdeistate", "packaging",
         "proto", "scripts", "tests", "tools", "transport")
NAMED = re.compile(r"(?<![\w/.$}*-])((?:" + "|".join(ROOMS) + r")/[\w./-]*\w"
                   r"\.(?:md|json|proto|py|txt|cmake|c|h)|scripts/[\w/]*\w)(?![\w*.<{]*[*<{])")
READERS = ("*.c", "*.h", "*.md", "*.proto", "*.cmake", "*CMakeLists.txt", "*.in")


def in_our_folders(name):
    """A path of the kernel's source begins like ours at times, but its folders are not here."""
    return os.path.isdir(os.path.join(ROOT, os.path.dirname(name)))


def named():
    """{name: the places that name it}."""
    places = collections.defaultdict(list)
    for path in tracked(*READERS):
        for number, line in enumerate(read(path).splitlines(), 1):
            if not line.lstrip().startswith("#include"):
                for name in NAMED.findall(line):
                    places[name].append(f"{path}:{number}")
    return places


def main():
    check = Check("references", "write the file, or name the one that is meant")
    files = tracked("*")
    for name, places in sorted(named().items()):
        if in_our_folders(name) and not os.path.exists(os.path.join(ROOT, name)) and \
                not any(path.endswith("/" + name) for path in files):
            more = f" (and {len(places) - 1} more places)" if len(places) > 1 else ""
            check.found(places[0], f"{name} is not in the tree{more}")
    check.finish()


main()
