#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Either hook, or the QEMU it drives, is killed at every step: never two, and none without the other.

What an operator does then ends it: docs/qemu.md, "What fails, and what becomes of it". test_qmp_crashes.py PROGRAM SUITE
"""
import signal
import tempfile
import time

import guests
import cli
from cli import check
from crossings import Crossing, answering, fault_points, kill, need_fault_points
from hosts import wait_stopped
from riders import suite

WORKERS = 3
REALM_STEPS = ("send.challenge", "send.wait-token", "recv.token")
# Where the death of a QEMU means something else than before.
QEMU_STEPS = ("send.base", "send.wait-stop", "send.pause", "send.wait-prepared", "send.wait-arrival",
              "send.relinquish", "send.commit", "send.wait-done", "recv.ready", "recv.open", "recv.prepared",
              "recv.wait-commit", "recv.commit", "recv.done", "recv.outcome")


def never_wrong(crossing, what):
    vm, machine = crossing.running()
    check(vm != "ab" and machine != "ab", f"{what}: never two", (vm, machine))
    if machine not in ("", vm):  # a VMM takes its VM back when it sees that its hook has gone
        guests.wait_for(crossing.running, lambda now: now[1] in ("", now[0]))
        vm, machine = crossing.running()
    check(machine in ("", vm), f"{what}: no machine without its VM", (vm, machine))


def is_over(session):
    return session is None or session["state"] in ("committed", "aborted")


def clean_up(crossing, what, crashed):
    """What an operator does: the destination first, then the source asks it."""
    never_wrong(crossing, f"{what}, before resolve")
    if crossing.session("b") and (crashed == "b" or not is_over(crossing.session("b"))):
        code, told = crossing.resolve("b")
        check(code == 0, f"{what}: resolve ends it at the destination", told)
    never_wrong(crossing, f"{what}, half resolved")
    if crossing.session("a"):
        with answering(crossing):
            code, told = crossing.resolve("a")
            check(code == 0, f"{what}: and at the source", told)
    never_wrong(crossing, f"{what}, resolved")


def alive(crossing, side):
    return crossing.qemus[side].process.poll() is None


def verdict(crossing, what):
    """Where it all ended: one VM, and its machine with it, if it has one still."""
    session = crossing.session("a")
    where = "b" if session and session["state"] == "committed" else "a"
    machine = where if alive(crossing, where) else ""
    check(crossing.wait_running(where, machine), f"{what}: all is at {where}", crossing.running())
    check(not session or is_over(session), f"{what}: the ledger knows", session)
    return where + machine


def ends(crossing, side, what):
    if crossing.hooks[side]:
        check(crossing.end(side)[0] is not None, f"{what}: the hook of {side} ends")


def start(crossing, step, action):
    side = "a" if step.startswith("send.") else "b"
    crossing.listen(fault=f"{step}:{action}" if side == "b" else "")
    crossing.send(fault=f"{step}:{action}" if side == "a" else "")
    return side


def case_hook(crossing, step):
    what = f"{step}: hook"
    side = start(crossing, step, "kill")
    ends(crossing, "a", what)
    if side == "a":
        time.sleep(0.1)
        if step in ("send.hello", "send.preflight"):
            # It was gone before it said what it wants: the other waits for the next.
            crossing.hooks["b"].send_signal(signal.SIGTERM)
    ends(crossing, "b", what)
    check(crossing.hooks[side].returncode == -signal.SIGKILL, f"{what}: it is killed there",
          crossing.hooks[side].returncode)
    clean_up(crossing, what, side)
    return verdict(crossing, what)


def case_qemu(crossing, step):
    what = f"{step}: QEMU"
    side = start(crossing, step, "stall")
    check(wait_stopped(crossing.hooks[side]), f"{what}: it stops there")
    kill(crossing.qemus[side])
    crossing.hooks[side].send_signal(signal.SIGCONT)
    for end in "ab":
        ends(crossing, end, what)
    never_wrong(crossing, what)
    if not is_over(crossing.session("a")):
        clean_up(crossing, what, "")
    return verdict(crossing, what)


def run_case(case, step):
    with tempfile.TemporaryDirectory(prefix="crash-") as directory, Crossing(directory) as crossing:
        return case(crossing, step)


def main():
    cases = [(case_hook, step) for step in fault_points() if step not in REALM_STEPS]
    cases += [(case_qemu, step) for step in QEMU_STEPS]
    cli.side_by_side(((f"{case.__name__} at {step}", (case, step)) for case, step in cases), run_case, WORKERS)


if __name__ == "__main__":
    suite()
    need_fault_points()
    main()
