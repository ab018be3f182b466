#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong while QEMU's migration is parked or over: docs/qemu.md's table, by a real QEMU.

The hooks stop themselves (SDEI_FAULT=STEP:stall) where something is to happen: test_qmp_failures.py PROGRAM SUITE
"""
import signal
import subprocess

import guests
from cli import check, main
from crossings import Crossing, answering, folder, kill, need_fault_points, stalled
from riders import suite


SLOW = 1 << 20  # bytes a second: the guest's memory takes half a minute


def slow(directory, **how):
    """A Crossing of a guest whose memory is full, over a slow line."""
    def counting(_, where, name):
        return guests.counting(suite(), where, name)

    return Crossing(directory, make=counting, machine=guests.machine(), **how)


def both_stay(crossing, what, codes=(7,)):
    """Both hooks end, the VM and the machine run at the source, and its QEMU is as it was."""
    code, told = crossing.end("a")
    check(code in codes, f"{what}: the source's hook says so", (code, told))
    check((told.get("vm_state") or {}).get("source") == "running", f"{what}: and where the VM is", told)
    check(crossing.end("b")[0] not in (0, None), f"{what}: the destination's hook ends")
    check(crossing.wait_running("a", "a"), f"{what}: both run at the source", crossing.running())
    check(crossing.qemus["b"].process.wait(guests.SECONDS) is not None, f"{what}: the other QEMU ends")
    check(not crossing.qemus["a"].has("pause-before-switchover"), f"{what}: nothing is parked next time")
    check(crossing.session("a")["state"] == "aborted", f"{what}: it is on record", crossing.session("a"))


def test_cancelled_while_parked(directory):
    with Crossing(directory) as crossing:
        with stalled(crossing, "a", "send.pause"):
            check(crossing.wait_parked(), "QEMU is parked there")
            crossing.qemus["a"].do("migrate_cancel")
            crossing.qemus["a"].wait_status("running")
        # Whose QEMU is quicker to say so is the one that is heard.
        both_stay(crossing, "migrate_cancel", codes=(5, 7))


def test_cancelled_by_the_operator(directory):
    with slow(directory) as crossing:
        crossing.qemus["a"].do("migrate-set-parameters", max_bandwidth=SLOW)
        crossing.listen()
        crossing.send()
        check(crossing.qemus["a"].migration("active") == "active", "QEMU's memory goes over, slowly")
        crossing.hooks["a"].send_signal(signal.SIGINT)
        both_stay(crossing, "SIGINT")


def test_a_destination_that_dies_while_parked(directory):
    for tcp in (False, True):
        with Crossing(folder(directory, str(tcp)), tcp=tcp) as crossing:
            with stalled(crossing, "a", "send.pause"):
                kill(crossing.qemus["b"])
                check(crossing.qemus["a"].status() == "finish-migrate", "QEMU does not notice")
            both_stay(crossing, "the destination's QEMU", codes=(5,))


def test_a_destination_that_dies_after_it_was_asked(directory):
    with Crossing(directory) as crossing:
        with stalled(crossing, "a", "send.wait-arrival"):
            kill(crossing.qemus["b"])
        both_stay(crossing, "the destination's QEMU", codes=(5,))


def test_a_hook_that_is_silent_while_memory_goes(directory):
    """QEMU itself goes on: only the hooks' own questions tell."""
    with slow(directory, timeout=8000) as crossing:
        crossing.qemus["a"].do("migrate-set-parameters", max_bandwidth=SLOW)
        crossing.listen()
        crossing.send()
        check(crossing.qemus["a"].migration("active") == "active", "QEMU's memory goes over, slowly")
        crossing.hooks["b"].send_signal(signal.SIGSTOP)
        code, told = crossing.end("a")
        check(code == 5 and told["reason"] == "timeout", "the source notices", told)
        check(crossing.wait_running("a", "a"), "and both run there", crossing.running())
        crossing.hooks["b"].send_signal(signal.SIGCONT)
        check(crossing.end("b")[0] not in (0, None), "the other hook ends")
        check(crossing.qemus["b"].process.wait(guests.SECONDS) is not None, "and its QEMU")


def test_a_slow_migration_outlasts_every_deadline(directory):
    with slow(directory, timeout=5000) as crossing:
        source = crossing.qemus["a"]
        source.do("migrate-set-parameters", max_bandwidth=SLOW)
        crossing.listen()
        crossing.send()
        source.migration("active")
        try:
            crossing.hooks["a"].wait(12)
            check(False, "it waits for QEMU", crossing.end("a"))
        except subprocess.TimeoutExpired:
            check(crossing.running() == ("a", "a"), "everything runs meanwhile")
        source.do("migrate-set-parameters", max_bandwidth=1 << 30)
        check(crossing.end("a")[0] == 0 and crossing.end("b")[0] == 0, "then it goes over")
        check(crossing.wait_running("b", "b"), "whole", crossing.running())


def test_somebody_stops_the_machine(directory):
    with slow(directory) as crossing:
        source = crossing.qemus["a"]
        source.do("migrate-set-parameters", max_bandwidth=SLOW)
        crossing.listen()
        crossing.send()
        source.migration("active")
        source.do("stop")
        code, told = crossing.end("a")
        check(code == 4 and told["field"] == "STOP", "what was stopped is not let run elsewhere", told)
        check(crossing.running() == ("a", ""), "the VM runs on, the machine as it was left", crossing.running())
        check(source.status() == "paused", "stopped by its user", source.status())


def test_a_source_that_dies_while_parked(directory):
    with Crossing(directory) as crossing:
        with stalled(crossing, "a", "send.pause"):
            kill(crossing.qemus["a"])
        code, told = crossing.end("a")
        check(code == 5, "the source's hook says so", (code, told))
        check(crossing.end("b")[0] not in (0, None), "so does the other")
        check(crossing.wait_running("a", ""), "the VM is where it was", crossing.running())
        check(crossing.qemus["b"].process.wait(guests.SECONDS) is not None, "the other QEMU ends")


def test_a_verdict_that_comes_late(directory):
    """Both QEMUs have completed; the destination cannot commit."""
    with Crossing(directory) as crossing:
        crossing.listen(fault="recv.commit:error")
        crossing.send()
        both_stay(crossing, "a late failure", codes=(1,))


def test_a_vmm_that_is_gone_late(directory):
    with Crossing(directory) as crossing:
        with stalled(crossing, "b", "recv.wait-commit"):
            crossing.hosts["b"].stop(signal.SIGKILL)
        code, told = crossing.end("a")
        check(code in (5, 9), "the source's hook says so", (code, told))
        check(not crossing.qemu_runs("b"), "no machine runs without its VM", crossing.running())
        check(crossing.running() in (("a", "a"), ("", "")), "never one without the other", crossing.running())


def test_parked_is_parked(directory):
    with Crossing(directory) as crossing:
        with stalled(crossing, "a", "send.pause"):
            for command, words in (("cont", "not finalized"), ("migrate", "already|in progress")):
                said = crossing.qemus["a"].ask(command, **({"uri": "unix:x"} if command == "migrate" else {}))
                check(any(word in said.get("error", {}).get("desc", "") for word in words.split("|")),
                      f"QEMU refuses {command}", said)
        check(crossing.end("a")[0] == 0 and crossing.end("b")[0] == 0, "it goes over all the same")
        check(crossing.wait_running("b", "b"), "whole", crossing.running())


def test_somebody_elses_cont(directory):
    with Crossing(directory) as crossing:
        crossing.listen()
        crossing.qemus["b"].do("cont")  # undoes -S
        crossing.send()
        code, told = crossing.end("a")
        check(code == 4 and "somebody" in told["actual"], "the destination gives up", told)
        check(crossing.end("b")[0] == 4, "and says so itself")
        check(crossing.wait_running("a", "a"), "both run at the source", crossing.running())


def test_a_lost_answer(directory):
    with Crossing(directory, tcp=True) as crossing:
        crossing.listen(fault="recv.done:drop")
        crossing.send()
        code, told = crossing.end("a")
        check(code == 9 and "hook qmp" in told["advice"], "the source is in doubt and says what ends it", told)
        check(crossing.qemus["a"].status() == "postmigrate", "and leaves its QEMU alone")
        check(crossing.end("b")[0] == 0 and crossing.wait_running("b", "b"), "the destination is not",
              crossing.running())
        with answering(crossing):
            code, told = crossing.resolve("a")
            check(code == 0 and told["state"] == "committed" and told["qemu"] == "ended", "resolve ends it", told)
            check(crossing.resolve("a")[0] == 0, "and may be asked again")
        check(crossing.wait_running("b", "b"), "one runs", crossing.running())


if __name__ == "__main__":
    suite()
    need_fault_points()
    main(__name__)
