# SPDX-License-Identifier: Apache-2.0
"""One side stands still before a step, the world changes, it goes on: what every such test shares."""
import json
import os
import signal
import tempfile

from hosts import Pair, check, cli, never_two, run, settle, wait_stopped
from cli import side_by_side

PATIENCE_MS = 20000  # nobody is to give up because of the test itself
LONG = bool(os.environ.get("SDEI_TEST_LONG"))
REALM_STEPS = ("send.challenge", "send.wait-token", "recv.token")


def steps():
    """Every step a VM that is no realm and moves alone comes past."""
    listed = json.loads(run("status", "--list-fault-points", "--json").stdout)["fault_points"]
    return [step for step in listed if step not in REALM_STEPS]


def with_change(directory, step, change, pair_of=Pair):
    """A hand-over in which change(pair, side) happens before @step. Returns what is printed of it."""
    side = "a" if step.startswith("send.") else "b"
    with pair_of(directory, PATIENCE_MS) as pair:
        fault = f"{step}:stall"
        pair.start_recv(fault=fault if side == "b" else "")
        pair.start_send(fault=fault if side == "a" else "")
        victim = pair.sender if side == "a" else pair.receiver
        if not check(wait_stopped(victim), f"{step}: it stops there"):
            return "never came there"
        restore = change(pair, side)
        victim.send_signal(signal.SIGCONT)
        out, _ = pair.sender.communicate(timeout=cli.TIMEOUT)
        told, code = json.loads(out), pair.sender.returncode
        running = never_two(pair, step, "before resolve")
        if code == 0:
            check(running == "b", f"{step}: ok means that it runs there", json.dumps(told))
        elif code != 9 and told["vm_state"]["destination"] == "none":
            check(running == "a", f"{step}: a failure says where the VM runs", json.dumps(told))
        if restore:
            restore()
        settle(pair, step)
        return f"send ended with {code} ({told['reason']})"


def play(cases):
    """@cases: (name, function of a folder). Ends the process."""
    def one(case):
        with tempfile.TemporaryDirectory(prefix="moment-") as directory:
            return case(directory)
    side_by_side(((name, (case,)) for name, case in cases), one)
