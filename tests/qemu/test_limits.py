#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much rides along: QEMU's limits for an Id, and states beyond one of them: test_limits.py PROGRAM SUITE"""
import contextlib
import os

import guests
import states
from cli import check, host, key, main
from constants import bus, constant
from riders import both, code, helper, migrate, state, suite, vmstate

MIB = 1 << 20


def carry(directory, sizes):
    """Helpers that return so many constant bytes each. Returns how the migration ended."""
    tool = guests.qemu_packages.qemu(suite())
    with contextlib.ExitStack() as stack:
        ends = []
        for role, more in (("source", ()), ("destination", ("-S", "-incoming", "defer"))):
            stack.enter_context(bus(directory, role))
            for i, size in enumerate(sizes):
                stack.enter_context(constant(directory, role, size, f"sdei.{i}"))
            end = guests.running(tool, directory, role, *vmstate(directory, role), *more)
            ends.append(stack.enter_context(end))
            ends[-1].set(events=True, return_path=True)
        ends[1].do("migrate-incoming", uri=f"unix:{directory}/migration")
        ends[0].do("migrate", uri=f"unix:{directory}/migration")
        return ends[0].migration()


def test_what_qemu_takes(directory):
    for sizes, wanted in (((1,), "completed"), ((MIB,), "completed"), ((MIB + 1,), "failed"),
                          ((0,), "failed"), ((MIB,) * 8, "completed")):
        where = os.path.join(directory, f"{len(sizes)}-{sizes[0]}")
        os.mkdir(where)
        found = carry(where, sizes)
        check(found == wanted, f"{len(sizes)} Ids with {sizes[0]} bytes each: {wanted}", found)


def test_a_state_of_more_than_an_id(directory):
    words = ["--ids", "8"]
    with both(directory, model=states.of_about(MIB, directory), source=words, destination=words) as ends:
        before = ends.a.vm("status")
        migrate(ends, directory)
        check(ends.source.migration() == "completed", "QEMU completes")
        check(code(ends.second)[0] == 0 and code(ends.first)[0] == 0, "the helpers are content")
        check(ends.come_to("ended", "running"), "the VM went over", ends.states())
        check(ends.b.vm("status").get("events") == before.get("events"), "with all of its events")


def test_it_says_so_before(directory):
    model = states.of_about(MIB, directory)
    ours = key(directory, "ours")
    tool = guests.qemu_packages.qemu(suite())
    with host(directory, "a", model=model) as a, \
            helper(directory, a.control, "source", "--key", ours + ".key", "--any-destination") as first, \
            guests.running(tool, directory, "source", *vmstate(directory, "source")):
        ended = code(first)
        check(ended[0] == 10 and "--ids 1" in ended[1], "a state that does not fit is refused at the start",
              ended)
        check(a.comes_to("running"), "and the VM runs on", state(a))


def test_ids_that_differ(directory):
    with both(directory, source=["--ids", "2"]) as ends:
        migrate(ends, directory)
        check(ends.source.migration() == "failed", "QEMU fails")
        check(code(ends.first)[0] == 7, "the source's helper takes the VM back")
        check(code(ends.second)[0] not in (0, None), "the destination's helper ends")
        check(ends.a.comes_to("running") and state(ends.b) != "running", "on one side only", ends.states())


if __name__ == "__main__":
    guests.need_dbus_daemon()
    suite()
    main(__name__)
