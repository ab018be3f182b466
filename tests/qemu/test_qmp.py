#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hook qmp at both ends of a real QEMU: what it hands over, and what it refuses. test_qmp.py PROGRAM SUITE"""
import contextlib
import os

import guests
from cli import check, main
from crossings import Crossing
from riders import suite


def test_both_go_over(directory):
    for tcp in (False, True):
        with contextlib.ExitStack() as stack:
            where = os.path.join(directory, "tcp" if tcp else "unix")
            os.mkdir(where)
            crossing = stack.enter_context(Crossing(where, tcp=tcp))
            crossing.listen()
            crossing.send()
            code, told = crossing.end("a")
            check(code == 0 and told.get("state") == "committed", "the source's hook is content", told)
            code, told = crossing.end("b")
            check(code == 0 and told.get("state") == "running", "so is the destination's", told)
            check(crossing.wait_running("b", "b"), "VM and machine run there, and only there",
                  crossing.running())
            check(crossing.qemus["a"].process.wait(guests.SECONDS) == 0, "the source's QEMU has ended")


if __name__ == "__main__":
    suite()
    main(__name__)
