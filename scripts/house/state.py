#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No library holds state of its own: nothing writable stands in its objects."""
import glob
import os
import re
import subprocess

from house import DEV, Check, skip

WRITABLE = re.compile(r"^\S+ .{7} (\.data(?!\.rel\.ro)\S*|\.bss\S*|\.tdata\S*|\.tbss\S*|\*COM\*)\s+"
                      r"(\S+)\s+(?:\.hidden )?(\S+)$")
OBJECT = re.compile(r"^(\S+):\s+file format ")


def writable(archive):
    """(object file, symbol) of all that a program could change."""
    told = subprocess.run(["objdump", "-t", archive], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    member = "?"
    for line in told.splitlines():
        if OBJECT.match(line):
            member = OBJECT.match(line).group(1)
            continue
        match = WRITABLE.match(line)
        if match and int(match.group(2), 16) and match.group(3) != match.group(1):
            yield member, match.group(3)


def main():
    check = Check("state", "make it const, or a member of the object the caller owns")
    archives = sorted(glob.glob(os.path.join(DEV, "*", "lib*_internal.a")))
    if not archives:
        skip("no library is built in build/dev; scripts/test house builds them")
    for archive in archives:
        for member, symbol in writable(archive):
            check.found(f"{os.path.basename(archive)}:{member}", f"{symbol} can be written to")
    check.finish()


main()
