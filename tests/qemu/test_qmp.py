#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hook qmp at both ends of a real QEMU: what it hands over, and what it refuses. test_qmp.py PROGRAM SUITE"""
import guests
from cli import check, main, run
from crossings import Crossing, folder
from riders import suite


def test_both_go_over(directory):
    for name in ("unix", "tcp"):
        with Crossing(folder(directory, name), tcp=name == "tcp") as crossing:
            crossing.listen()
            crossing.send()
            code, told = crossing.end("a")
            check(code == 0 and told.get("state") == "committed", "the source's hook is content", told)
            code, told = crossing.end("b")
            check(code == 0 and told.get("state") == "running", "so is the destination's", told)
            check(crossing.wait_running("b", "b"), "VM and machine run there, and only there",
                  crossing.running())
            check(crossing.qemus["a"].process.wait(guests.SECONDS) == 0, "the source's QEMU has ended")


def test_a_linux_lives_on(directory):
    def counting(tool, where, name):
        del tool
        return guests.counting(suite(), where, name)

    with Crossing(directory, tcp=True, make=counting, machine=guests.machine()) as crossing:
        crossing.listen()
        crossing.send()
        check(crossing.end("a")[0] == 0 and crossing.end("b")[0] == 0, "both hooks are content")
        here, there = crossing.qemus["a"], crossing.qemus["b"]
        check(there.ticks_on(), "the guest counts on")
        check(guests.goes_on(here, there), "from where it was", (here.ticks()[-1:], there.ticks()[:1]))
        check(crossing.wait_running("b", "b"), "on one side", crossing.running())


def test_what_an_operator_holds_stays_held(directory):
    for name, args in (("held", ()), ("stay-paused", ("--stay-paused",))):
        with Crossing(folder(directory, name)) as crossing:
            if not args:
                crossing.hosts["a"].vm("pause")
            crossing.listen(*args)
            crossing.send()
            check(crossing.end("a")[0] == 0 and crossing.end("b")[0] == 0, f"{name}: it goes over")
            check(crossing.running() == ("", ""), f"{name}: and nothing runs", crossing.running())
            check(crossing.hosts["b"].vm("status")["state"] == "paused" and
                  crossing.qemus["b"].status() == "paused", f"{name}: VM and machine wait there")


def refused(crossing, side, object_, code=4):
    """The hook of @side ends with the reason, and nothing has changed."""
    ended, told = crossing.end(side)
    check(ended == code and object_ in (told.get("object"), told.get("field")),
          f"{object_} is refused by name", (ended, told))
    check(told.get("advice"), "with the remedy", told)
    check(crossing.running() == ("a", "a"), "VM and machine run where they ran", crossing.running())


def test_s_and_incoming_are_wanted(directory):
    with Crossing(folder(directory, "s"), waits=()) as crossing:
        crossing.start("b", "--incoming", f"unix:{directory}/m", "--listen", f"unix:{directory}/s")
        refused(crossing, "b", "-S")
    with Crossing(folder(directory, "uri"), waits=("-S", "-incoming", f"unix:{directory}/x"),
                  incoming=()) as crossing:
        crossing.start("b", "--incoming", f"unix:{directory}/m", "--listen", f"unix:{directory}/s")
        refused(crossing, "b", "migrate-incoming")


def test_postcopy_is_refused_on_both_sides(directory):
    for side in "ab":
        with Crossing(folder(directory, side)) as crossing:
            crossing.qemus[side].set(postcopy_ram=True)
            if side == "a":
                crossing.listen()
                crossing.send()
            else:
                crossing.start("b", "--incoming", f"unix:{directory}/m", "--listen", f"unix:{directory}/s")
            refused(crossing, side, "postcopy-ram")


def test_what_libvirt_manages_is_refused(directory):
    for name, words in (("masterKey0", ("-object", "secret,id=masterKey0,data=c2VjcmV0,format=raw")),
                        ("charmonitor", ("-chardev", "null,id=charmonitor"))):
        def managed(tool, where, what, words=words):
            return guests.running(tool, where, what, *words)

        with Crossing(folder(directory, name), make=managed) as crossing:
            crossing.listen()
            crossing.send()
            refused(crossing, "a", name)


def test_a_machine_that_stands_still_is_refused(directory):
    with Crossing(directory) as crossing:
        crossing.listen()
        crossing.qemus["a"].do("stop")
        crossing.send()
        code, told = crossing.end("a")
        check(code == 4 and told["field"] == "status" and told["advice"], "it says what to do", told)
        check(not crossing.qemus["a"].has("pause-before-switchover"), "and changes nothing")


def test_who_moves_a_vm_alone_is_refused(directory):
    with Crossing(directory) as crossing:
        crossing.listen()
        alone = run("send", "--control", crossing.hosts["a"].control, "--to", crossing.to,
                    *crossing.options("a"))
        check(alone.returncode == 6 and "hook qmp" in alone.stdout, "send is no peer of the hook", alone.stdout)
        check(crossing.running() == ("a", "a"), "all is as it was", crossing.running())


def test_a_machine_that_comes_without_its_vm_does_not_run(directory):
    with Crossing(directory) as crossing:
        crossing.listen()
        crossing.qemus["a"].set(return_path=True)
        crossing.qemus["a"].do("migrate", uri=crossing.uri)
        code, told = crossing.end("b")
        check(code == 4 and "hook qmp" in told["expected"], "the destination's hook says what is missing", told)
        check(not crossing.qemu_runs("b") and not crossing.vm_runs("b"), "nothing runs there")


if __name__ == "__main__":
    suite()
    main(__name__)
