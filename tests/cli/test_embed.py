#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A VMM that is no model, behind the same control socket: examples/embed."""
import json
import os
import sys
import time

import cli
from cli import Child, ask, check, environment, fails, key, start

EMBED = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else "embed"


def begin(*args):
    return Child([EMBED, *args], env=environment())


def caught(directory, control, prefix):
    """Where its guest is found by some snapshots: None outside of a handler, else the event's number."""
    seen, number, until = set(), 0, time.monotonic() + cli.TIMEOUT
    while time.monotonic() < until:
        number += 1
        path = os.path.join(directory, f"there.{number}.snap")
        ask("snapshot", "--control", control, "--key", prefix + ".key", "--any-destination", "-o", path)
        state = ask("show", path)["state"]
        seen.add(state["vcpus"][0]["running"]["normal"])
        if seen == {None, "0x400000"}:
            break
        time.sleep(0.005)
    return seen


def test_its_guest_moves_to_another(directory):
    here, there, listen = (os.path.join(directory, name) for name in ("here", "there", "mover"))
    keys = {side: key(directory, side) for side in "ab"}
    vmms = [begin(here), begin("--incoming", there)]
    receiver = None
    try:
        check(all(vmm.said() for vmm in vmms), "both get ready")
        uuid = ask("vm", "status", "--control", here)["info"]["uuid"]
        told = ask("vm", "status", "--control", there)
        check((told["state"], told["may_run"]) == ("ended", False), "one that waits does not run", json.dumps(told))
        fails(4, "refused", "vm", "pause", "--control", there)
        receiver = start("recv", "--listen", "unix:" + listen, "--control", there, "--once", "--json", "--key",
                         keys["b"] + ".key", "--peer", keys["a"] + ".crt", "--state",
                         os.path.join(directory, "state.b"))
        check(receiver.said(), "recv listens")
        told = ask("send", "--to", "unix:" + listen, "--control", here, "--key", keys["a"] + ".key", "--peer",
                   keys["b"] + ".crt", "--state", os.path.join(directory, "state.a"))
        check(told["vm_state"] == {"source": "ended", "destination": "running"}, "the guest moves",
              json.dumps(told))
        check(receiver.wait(timeout=cli.TIMEOUT) == 0, "and recv ends well")
        told = ask("vm", "status", "--control", there)
        check((told["info"]["uuid"], told["info"]["generation"]) == (uuid, "0x1"), "it is the same VM, moved once",
              json.dumps(told))
        seen = caught(directory, there, keys["b"])
        check(seen == {None, "0x400000"}, "its events go on there", str(seen))
        check(ask("vm", "status", "--control", here)["state"] == "ended", "and nothing goes on here")
    finally:
        for process in [*vmms, *([receiver] if receiver else [])]:
            process.terminate()
            process.wait(timeout=cli.TIMEOUT)


def test_it_can_be_moved_from(directory):
    control = os.path.join(directory, "vmm.sock")
    vmm = begin(control)
    try:
        check(vmm.said() == {"event": "ready", "control": control}, "it gets ready")
        told = ask("vm", "status", "--control", control)
        check(told["state"] == "running" and told["info"]["profile"] == "spec", "it says what it is",
              json.dumps(told))
        fails(6, "port-lacks", "vm", "run", "--control", control, "--vcpu", 0)
        prefix = key(directory, "k")
        seen, number, until = set(), 0, time.monotonic() + cli.TIMEOUT
        while time.monotonic() < until:
            number += 1
            path = os.path.join(directory, f"{number}.snap")
            ask("snapshot", "--control", control, "--key", prefix + ".key", "--any-destination", "-o",
                path)
            ask("verify", path, "--trust", prefix + ".pub")
            state = ask("show", path)["state"]
            seen.add(state["vcpus"][0]["running"]["normal"])
            instance = state["events"][0].get("instances", [{}])[0]
            if number > 10:
                check(instance.get("address") == "0xffff800010080000", "its guest registered a handler",
                      json.dumps(state["events"]))
            if seen == {None, "0x400000"} and number > 10:
                break
            time.sleep(0.005)
        check(seen == {None, "0x400000"}, "it is caught in its handler, and outside", str(seen))
        check(ask("vm", "pause", "--control", control)["may_run"] is False, "it can be paused")
        check(ask("vm", "resume", "--control", control)["may_run"] is True, "and goes on")
    finally:
        vmm.terminate()
        check(vmm.wait(timeout=cli.TIMEOUT) == 0, "SIGTERM ends it")


if __name__ == "__main__":
    cli.main(__name__)
