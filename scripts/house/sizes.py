#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files under 500 lines, functions under 60, and the median function of a room at most 15."""
import collections
import statistics

import csource
from house import Check
from tree import read, tracked

FILE_LINES, FUNCTION_LINES, MEDIAN_LINES = 500, 60, 15
CODE = ("*.c", "*.h", "*.py", "*.sh", "*.cmake", "*CMakeLists.txt", "scripts/*")
ROOMS = ("libkvmcore", "libsdeistate", "transport", "tools/common", "tools/sdei-migrate",
         "tools/realm-measure")


def main():
    check = Check("sizes", "cut it where it answers two questions, or exempt a table of data in "
                  "scripts/house/exemptions.txt")
    lengths = collections.defaultdict(list)
    for path in tracked(*CODE):
        text = read(path)
        lines = text.count("\n")
        if lines > FILE_LINES:
            check.found(path, f"{lines} lines, more than {FILE_LINES}")
        for function in csource.functions(text) if path.endswith((".c", ".h")) else ():
            lengths[next((room for room in ROOMS if path.startswith(room + "/")), None)].append(
                function.lines)
            if function.lines > FUNCTION_LINES:
                check.found(f"{path}:{function.name}", f"{function.lines} lines, more than "
                            f"{FUNCTION_LINES} (line {function.line})")
    for room in ROOMS:
        if lengths[room] and statistics.median(lengths[room]) > MEDIAN_LINES:
            check.found(room, f"its median function has {statistics.median(lengths[room])} lines, "
                        f"more than {MEDIAN_LINES}")
    check.finish()


main()
