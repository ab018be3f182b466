#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sdei-migrate hook qmp` before a migration: what it asks of a QEMU, and what it refuses.

QEMU is a script here that answers as one would who has what no real one can be brought to have; tests/qemu has the real ones.
"""
import contextlib
import json
import os

from cli import check, expect, fails, host, key, main, run
from monitor import ON, Monitor

@contextlib.contextmanager
def meeting(directory, **differs):
    """Returns the monitor and the words that lead to it."""
    path = os.path.join(directory, "monitor")
    monitor = Monitor(path, **differs)
    ours = os.path.join(directory, "ours")
    if not os.path.exists(ours + ".key"):
        key(directory, "ours")
    with host(directory, "vm", args=["--no-script"]) as vm:
        yield monitor, ("hook", "qmp", "--qmp", path, "--control", vm.control, "--key", ours + ".key",
                        "--peer", ours + ".crt", "--state", os.path.join(directory, "state"))
    os.unlink(path)


def source(directory):
    return ("--role", "source", "--migrate-uri", "unix:x", "--to", f"unix:{directory}/nobody")


def destination(directory):
    return ("--role", "destination", "--incoming", "unix:x", "--listen", f"unix:{directory}/nowhere/at/all")


def test_return_path_is_wanted(directory):
    for side, status in ((source, "running"), (destination, "inmigrate")):
        with meeting(directory, status=status, stays_off=("return-path",)) as (monitor, words):
            told = fails(4, "policy", *words, *side(directory))
            check(told["field"] == "return-path" and "--tunnelled" in told["advice"], "with the remedy", told)
            check(not monitor.arguments("migrate") and not monitor.arguments("migrate-incoming"),
                  "and nothing was begun")


def test_the_capabilities_are_set_and_given_back(directory):
    with meeting(directory, status="running") as (monitor, words):
        expect(5, *words, *source(directory))  # nobody listens
        check(monitor.on == {"events", "return-path"}, "what parks a migration is off again", monitor.on)
    with meeting(directory, status="running", on=("pause-before-switchover",)) as (monitor, words):
        expect(5, *words, *source(directory))
        check(monitor.on == ON, "unless it was on before", monitor.on)


def test_the_schema_is_asked_not_the_version(directory):
    arguments = {"name": "7", "meta-type": "object", "members": [{"name": "uri", "type": "str"}]}
    command = {"name": "migrate-incoming", "meta-type": "command", "arg-type": "7"}
    stays = {**arguments, "members": [*arguments["members"], {"name": "exit-on-error", "type": "bool"}]}
    for what, schema, wanted in (("a new one", [command, stays], {"uri": "unix:x", "exit-on-error": False}),
                                 ("an old one", [command, arguments], {"uri": "unix:x"}),
                                 ("one that tells nothing", [], {"uri": "unix:x"})):
        with meeting(directory, schema=schema) as (monitor, words):
            expect(None, *words, *destination(directory))
            check(monitor.arguments("migrate-incoming") == [wanted], f"{what} is told what it knows",
                  monitor.arguments("migrate-incoming"))
            check(("stop", {}) in monitor.told, "and not to run by itself")


def test_what_is_no_qemu_is_refused(directory):
    for greeting, reason in (({"hello": 1}, "protocol"), ("no JSON\n", "protocol"), ("x" * (2 << 20), "over-limit")):
        with meeting(directory, greeting=greeting) as (_, words):
            done = run(*words, *destination(directory), "--json")
            check(json.loads(done.stdout)["reason"] == reason, f"{str(greeting)[:20]}: {reason}", done.stdout)
    ours = os.path.join(directory, "ours")
    with host(directory, "vm") as vm:
        fails(5, "peer", "hook", "qmp", "--qmp", os.path.join(directory, "none"), "--control", vm.control, "--key",
              ours + ".key", "--peer", ours + ".crt", *source(directory))


def test_libvirt_is_known_by_its_monitor(directory):
    with meeting(directory, labels=["charmonitor"]) as (_, words):
        told = fails(4, "policy", *words, *destination(directory))
        check("hook dbus" in told["advice"], "and where to go instead", told)


def test_the_command_line(directory):
    common = ("hook", "qmp", "--qmp", "q")
    for wrong, option in (((), "--role"),
                          (("--role", "source"), "--control"),
                          (("--role", "source", "--control", "c"), "--migrate-uri"),
                          (("--role", "source", "--control", "c", "--migrate-uri", "m"), "--to"),
                          (("--role", "source", "--control", "c", "--migrate-uri", "m", "--to", "t", "--listen",
                            "l"), "--listen"),
                          (("--role", "destination", "--control", "c"), "--incoming"),
                          (("--role", "destination", "--control", "c", "--incoming", "i"), "--listen"),
                          (("--resolve", "x", "--role", "source"), "--role"),
                          (("--resolve", "x", "--run-on", "source"), "--run-on")):
        told = fails(2, "usage", *common, *wrong)
        check(option in json.dumps(told), f"{wrong}: it names {option}", told)


if __name__ == "__main__":
    main(__name__)
