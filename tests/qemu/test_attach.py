#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`hook attach` and `hook detach`: the object comes to a QEMU that runs already: test_attach.py PROGRAM SUITE"""
import guests
from cli import ask, check, fails, main
from riders import address, attach, both, code, migrate, suite


def detach(end, *args):
    return ask("hook", "detach", "--qmp", end.path + ".spare", *args)


def test_what_was_attached_rides_along(directory):
    with both(directory, source_bus=False, destination_bus=False) as ends:
        told = attach(ends.source, "source", directory)
        check(told["object"] == "sdei", "it says what QEMU calls it", told)
        attach(ends.destination, "destination", directory, "--id-list", "sdei.0")
        migrate(ends, directory)
        check(ends.source.migration() == "completed", "QEMU completes")
        check(code(ends.second)[0] == 0 and code(ends.first)[0] == 0, "both helpers are content")
        check(ends.come_to("ended", "running"), "the VM went over", ends.states())


def test_an_id_that_is_not_there(directory):
    with both(directory, source_bus=False) as ends:
        attach(ends.source, "source", directory, "--id-list", "sdei.0,other.0")
        migrate(ends, directory)
        check(ends.source.migration() == "failed", "QEMU's migration fails")
        ends.source.end()   # until then a QEMU 7.2 at the destination waits for the rest
        check(code(ends.second)[0] not in (0, None), "the destination's helper is told of a failure")
        check(ends.states()[0] == "running", "the VM stays where it was", ends.states())


def test_one_object_each(directory):
    with both(directory) as ends:
        words = ("--qmp", ends.source.path + ".spare", "--bus", address(directory, "source"))
        told = fails(11, "busy", "hook", "attach", *words)
        check(told["actual"] == "sdei", "a second one is refused by the name of the first", told)
        check("detach" in told["advice"], "and it says what to do", told)
        detach(ends.source)
        fails(4, "refused", "hook", "detach", *words[:2])
        ends.source.do("object-add", qom_type="dbus-vmstate", id="dbus-vmstate0",
                       addr=address(directory, "source"))
        told = fails(11, "busy", "hook", "attach", *words)
        check("libvirt" in told["advice"], "libvirt's own is known", told)
        detach(ends.source, "--object", "dbus-vmstate0")
        told = fails(4, "refused", "hook", "attach", *words[:3], "unix:path=/nonexistent")
        check("--private-bus" in told["advice"], "a bus that is not there yet", told)
        attach(ends.source, "source", directory, "--object", "another")


if __name__ == "__main__":
    guests.need_dbus_daemon()
    suite()
    main(__name__)
