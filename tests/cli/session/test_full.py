#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The disk of the records is full from any step on: never two run, and with room again resolve ends it."""
import ctypes
import functools
import os
import subprocess
import sys

from hosts import Pair
from moments import play, steps, with_change

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
SIZE = "4m"


class Small(Pair):
    """A pair whose ledgers have a small disk each."""

    def __init__(self, directory, *args, **how):
        super().__init__(directory, *args, **how)
        for side in "ab":
            os.mkdir(self.state(side), 0o700)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "none", self.state(side)], check=True)

    def __exit__(self, *how):
        super().__exit__(*how)
        for side in "ab":
            subprocess.run(["umount", "-l", self.state(side)], check=False)


def fill(pair, side):
    """Nothing more can be written there. Returns what undoes it."""
    path = os.path.join(pair.state(side), "filler")
    with open(path, "wb", buffering=0) as out:
        for size in (1 << 16, 1):
            try:
                while True:
                    out.write(b"." * size)
            except OSError:
                pass
    return functools.partial(os.unlink, path)


def main():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        print("SKIP no mount namespace")
        sys.exit(77)
    play((f"full at {step}", lambda directory, step=step: with_change(directory, step, fill, Small))
         for step in steps())


if __name__ == "__main__":
    main()
