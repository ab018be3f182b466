#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A fault at every step of either mover, and either VMM killed: never two run, and never none for ever."""
import functools
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time

from hosts import Pair, check, cli, never_two, patiently, run, settle, wait_stopped
from cli import side_by_side, wait_for
from realm_pair import BuiltPair

ACTION = sys.argv[2]
DEADLINE_MS = 1000
LONG = bool(os.environ.get("SDEI_TEST_LONG"))
# Where the death of a VMM means something else than before.
VMM_STEPS = ("send.rehearse", "send.stop", "recv.rehearse", "recv.stop", "send.capture",
             "send.wait-prepared", "send.relinquish", "send.commit",
             "send.wait-done", "recv.ready", "recv.stage", "recv.prepared", "recv.wait-commit",
             "recv.commit", "recv.done", "send.challenge", "send.wait-token", "recv.token")
# What only a realm comes past.
REALM_STEPS = ("send.challenge", "send.wait-token", "recv.token")


def wait_end(process):
    """Its output once it has ended."""
    try:
        return process.communicate(timeout=cli.TIMEOUT)
    except subprocess.TimeoutExpired:
        return None


def fault_of(step):
    return f"{step}:{ACTION}"


def play(pair, step):
    """One hand-over with a fault in one of the movers. Returns whether it came there."""
    sends = step.startswith("send.")
    if not pair.start_recv(fault="" if sends else fault_of(step)):
        return True
    pair.start_send(fault=fault_of(step) if sends else "")
    victim = pair.sender if sends else pair.receiver
    other = pair.receiver if sends else pair.sender
    if ACTION == "stall":
        if not wait_stopped(victim):
            return False
        if other is pair.sender:
            check(wait_end(other), f"{step}: the other side has a deadline")
        else:
            time.sleep(2.5 * pair.timeout / 1000)
        never_two(pair, step, "while one side hangs")
        victim.send_signal(signal.SIGCONT)
    said = wait_end(pair.sender)
    if not check(said, f"{step}: send ends"):
        return True
    if ACTION == "kill":
        if wait_for(victim.poll, lambda code: code is not None, 2 * pair.timeout / 1000) != -signal.SIGKILL:
            return False
    elif pair.sender.returncode not in (0, 9):
        there = json.loads(said[0])["vm_state"]["destination"]
        check(pair.wait_running({"none": "a", "running": "b"}.get(there)),
              f"{step}: a failure says where the VM runs", said[0])
    settle(pair, step)
    return True


def play_vmm(pair, step):
    """The VMM of the side that is at @step dies there. Returns whether it came there."""
    side = "a" if step.startswith("send.") else "b"
    if not pair.start_recv(fault="" if side == "a" else f"{step}:stall"):
        return True
    pair.start_send(fault=f"{step}:stall" if side == "a" else "")
    victim = pair.sender if side == "a" else pair.receiver
    if not wait_stopped(victim):
        return False
    pair.hosts[side].stop(signal.SIGKILL)
    victim.send_signal(signal.SIGCONT)
    if check(wait_end(pair.sender), f"{step}: send ends"):
        settle(pair, step + " without the VMM of " + side, alive="b" if side == "a" else "a")
    return True


def by_tls(_):
    pass


def by_shared_key(pair):
    path = os.path.join(pair.directory, "shared.psk")
    with open(path, "w", encoding="ascii", opener=lambda name, how: os.open(name, how, 0o600)) as out:
        out.write("pair:" + secrets.token_hex(32) + "\n")
    pair.link = ["--psk", path]


def in_the_clear(pair):
    pair.link = ["--insecure-no-tls"]


def by_unix_socket(pair):
    pair.listen = "unix:" + os.path.join(pair.directory, "listen")


# A plain run takes the first; all of them with --long.
LINKS = (by_tls, by_shared_key, in_the_clear, by_unix_socket)


def case(step, link, deadline):
    """Returns None if the session gave up before it came to @step."""
    with tempfile.TemporaryDirectory(prefix="fault-") as directory, \
            (BuiltPair if step in REALM_STEPS else Pair)(directory) as pair:
        pair.timeout = deadline  # many a case waits until it is over
        link(pair)
        if not (play_vmm if ACTION == "vmm" else play)(pair, step):
            return None
        session = pair.session()
        return (f"send ended with {pair.sender.returncode if pair.sender else None}, the session is "
                f"{session['state'] if session else 'not on record'}")


def main():
    listed = json.loads(run("status", "--list-fault-points", "--json").stdout)["fault_points"]
    check(len(listed) >= 20, "the program lists its fault points")
    check(set(VMM_STEPS) <= set(listed), "the steps named here are among them")
    told = run("send", "--control", "x", "--to", "unix:y", "--json",
               env={"SDEI_FAULT": "nowhere:kill"})
    check(told.returncode == 2, "a fault point that does not exist is a usage error")
    steps = VMM_STEPS if ACTION == "vmm" else listed
    side_by_side(((f"{ACTION} at {step} {link.__name__}",
                   (functools.partial(case, step, link), DEADLINE_MS, f"{ACTION} at {step}"))
                  for link in (LINKS if LONG else LINKS[:1]) for step in steps), patiently)


main()
