#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real QEMU migrates, and the state of a model VM rides along in its stream: test_dbus.py PROGRAM SUITE

The machine is empty: no kernel is needed to migrate it. test_linux.py has one.
"""
import os
import signal

import guests
from cli import check, host, key, main
from riders import both, code, helper, migrate, state, suite, vmstate


def test_the_state_rides_along(directory):
    with both(directory) as ends:
        check(ends.source.has("return-path") and ends.destination.has("return-path"),
              "the helpers gave QEMU a return path")
        migrate(ends, directory)
        check(ends.source.migration() == "completed", "QEMU completes")
        check(code(ends.second)[0] == 0, "the destination's helper is content")
        check(code(ends.first)[0] == 0, "so is the source's")
        check(ends.come_to("ended", "running"), "the VM went over", ends.states())
        check(ends.destination.wait_status("running") == "running", "and QEMU runs, by the helper's cont")
        check(ends.source.wait_status("postmigrate") == "postmigrate", "on one side only")


def test_an_object_at_the_destination_only(directory):
    with both(directory, source_bus=False) as ends:
        migrate(ends, directory)
        check(ends.source.migration() == "completed", "QEMU completes without Load")
        ended = code(ends.second)
        check(ended[0] == 4 and "Load" in ended[1], "the destination's helper refuses", ended)
        check(ends.destination.wait_status("paused") == "paused", "and QEMU does not run",
              ends.destination.status())
        check(code(ends.first)[0] == 4, "the source's helper says so, too")
        check(ends.come_to("running", "ended"), "its VM runs on", ends.states())


def test_an_object_at_the_source_only(directory):
    with both(directory, destination_bus=False) as ends:
        migrate(ends, directory)
        check(ends.source.migration() == "failed", "QEMU fails")
        check(code(ends.first)[0] == 7, "the source's helper takes the VM back")
        check(ends.a.comes_to("running"), "and it runs on", state(ends.a))
        check(ends.source.wait_status("running") == "running", "as its QEMU does", ends.source.status())
        check(state(ends.b) != "running", "on one side only", state(ends.b))


def test_a_failed_save_fails_the_migration_by_name(directory):
    with both(directory, source=["--timeout", "3000"]) as ends:
        os.kill(ends.a.process.pid, signal.SIGSTOP)
        migrate(ends, directory)
        ended = code(ends.second)
        check(ended[0] not in (0, None) and "capture-failed" in ended[1],
              "the destination refuses by name", ended)
        check(ends.source.migration() == "failed", "so QEMU's migration fails")
        os.kill(ends.a.process.pid, signal.SIGCONT)
        check("timeout" in code(ends.first)[1], "the source's helper says why")
        check(ends.source.wait_status("running") == "running", "QEMU runs on at the source",
              ends.source.status())
        check(ends.a.comes_to("running"), "and so does the VM", state(ends.a))


def test_the_guard_wants_s_and_return_path(directory):
    theirs = key(directory, "theirs")
    tool = guests.qemu_packages.qemu(suite())
    for extra, wanted in ((("-incoming", "defer"), "-S"), (("-S",), "inmigrate")):
        where = os.path.join(directory, wanted)
        os.mkdir(where)
        with host(where, "b", args=["--no-script"]) as b, \
                helper(where, b.control, "destination", "--trust", theirs + ".pub") as second, \
                guests.running(tool, where, "destination", *vmstate(where, "destination"), *extra):
            ended = code(second)
            check(ended[0] in (4, 7) and wanted in ended[1], f"it names {wanted}", ended)
            check(b.comes_to("running"), "and the VM is as it was", state(b))


if __name__ == "__main__":
    guests.need_dbus_daemon()
    suite()
    main(__name__)
