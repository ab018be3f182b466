#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the other tests read their processes with: no line is lost, whatever came with it, and none is waited for that is here."""
import os
import socket
import sys

from cli import Child, check, main  # it knows where child.py is
from child import Lines

AT_ONCE = "import os; os.write(1, b'{\"n\": 1}\\n{\"n\": 2}\\nleft'); os.write(2, b'wrong')"


def test_lines_that_come_together(_):
    child = Child([sys.executable, "-c", AT_ONCE])
    check(child.said() == {"n": 1} and child.said(0) == {"n": 2}, "the second is here with the first")
    check(child.communicate() == ("left", "wrong"), "and what nobody asked for is there at the end")
    check(child.returncode == 0, "it ended well", child.returncode)


def test_the_end(_):
    child = Child([sys.executable, "-c", "print('null\\nhalf', end='')"])
    check([child.line(), child.line(), child.line()] == ["null\n", "half", ""], "the last line need not be whole")
    child.communicate()
    with Child([sys.executable, "-c", "pass"]) as silent:
        check(silent.said() is None, "who says nothing has said nothing")


def test_what_does_not_come(_):
    with Child(["cat"], stdin=-1) as child:
        check(child.said(0) is None, "nobody waits longer than he said")
        os.write(child.stdin.fileno(), b"ha")
        check(child.said(0) is None, "also for the rest of a line")
        os.write(child.stdin.fileno(), b"lf\n")
        check(child.line() == "half\n", "which is kept")
        child.stdin.close()


def test_a_socket(_):
    near, far = socket.socketpair()
    lines = Lines(near)
    check(not lines.ready(), "nothing has come")
    far.sendall(b"one\ntwo\n")
    check(lines.ready(60) and [lines.line(0), lines.line(0)] == ["one\n", "two\n"], "two at once")
    far.close()
    check(not lines.ready() and lines.line() == "", "and the end")
    near.close()


if __name__ == "__main__":
    main(__name__)
