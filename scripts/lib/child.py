# SPDX-License-Identifier: Apache-2.0
"""Processes and sockets that say lines: each line can be waited for, and none is lost.

What Python's own buffers have read already, neither select() nor communicate() knows of: here all is read from the descriptor.
"""
import json
import os
import select
import subprocess
import time

SECONDS = 60  # a net for what hangs, far more than a busy machine takes


class Lines:
    """Of a pipe or a socket. What has come and was not asked for is kept."""

    def __init__(self, stream):
        self.stream, self.kept, self.ended = stream, b"", False

    def ready(self, seconds=0):
        """Is there a whole line, or will there be one in so long?"""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.kept and not self.ended:
            if not select.select([self.stream], [], [], max(0, deadline - time.monotonic()))[0]:
                return False
            got = os.read(self.stream.fileno(), 65536)
            self.kept, self.ended = self.kept + got, not got
        return b"\n" in self.kept

    def line(self, seconds=SECONDS):
        """The next one. At the end, what is left; then "". TimeoutError if it takes longer."""
        if not self.ready(seconds) and not self.ended:
            raise TimeoutError(f"no line in {seconds} s")
        line, end, self.kept = self.kept.partition(b"\n")
        return (line + end).decode()


class Child(subprocess.Popen):
    """A process whose output, and errors unless they go elsewhere, are for us: line by line, or what is left at its end."""

    def __init__(self, command, **how):
        super().__init__(command, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how})
        self.lines = Lines(self.stdout)

    def line(self, seconds=SECONDS):
        return self.lines.line(seconds)

    def said(self, seconds=SECONDS):
        """Its next line, which is JSON; None if it ends without one or takes longer."""
        try:
            return json.loads(self.line(seconds) or "null")
        except TimeoutError:
            return None

    def communicate(self, input=None, timeout=None):
        """As that of its parent, in text, and without the lines that were asked for."""
        out, err = super().communicate(input, timeout)
        return (self.lines.kept + (out or b"")).decode(), (err or b"").decode()
