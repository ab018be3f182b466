# SPDX-License-Identifier: Apache-2.0
"""A bus without any policy, and helpers on it that return constant bytes: QEMU's end, with nothing of ours at the other."""
import contextlib
import os
import subprocess

from cli import PROGRAM, Child
from riders import address

HELPER = os.path.normpath(os.path.join(os.path.dirname(PROGRAM), "../../bench/bench_constant_helper"))
CONFIG = """<busconfig><listen>%s</listen><auth>EXTERNAL</auth><policy context="default"><allow user="*"/>
<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>"""


@contextlib.contextmanager
def bus(directory, role):
    path = os.path.join(directory, role + ".conf")
    with open(path, "w", encoding="ascii") as out:
        out.write(CONFIG % address(directory, role))
    daemon = Child(["dbus-daemon", "--nofork", "--config-file", path, "--print-address"], stderr=subprocess.DEVNULL)
    try:
        daemon.line()
        yield
    finally:
        daemon.kill()
        daemon.communicate()


@contextlib.contextmanager
def constant(directory, role, size, ident="sdei.0"):
    helper = Child([HELPER, address(directory, role), ident, str(size)], stderr=None)
    try:
        helper.line()
        yield
    finally:
        helper.kill()
        helper.communicate()
