#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Linux that runs moves from one real QEMU to another, and lives: test_linux.py PROGRAM SUITE"""
import contextlib
import os

import guests
from cli import check, main
from riders import attach, code, helpers, is_ready, state, suite

WAYS = ("unix", "tcp")


def uri_of(way, directory):
    return "tcp:127.0.0.1:0" if way == "tcp" else f"unix:{directory}/migration"


@contextlib.contextmanager
def linux(directory):
    with guests.counting(suite(), directory, "source") as source, \
            guests.waiting(suite(), directory, "destination") as destination:
        yield source, destination


def move(source, destination, uri):
    source.do("migrate", uri=guests.listen(destination, uri))
    check(source.migration() == "completed", "QEMU completes", source.do("query-migrate"))


def lives_on(source, destination):
    check(destination.ticks_on(), "the guest counts on")
    check(guests.goes_on(source, destination), "from where it was", (source.ticks()[-1:], destination.ticks()[:1]))
    check(not source.ticks_on(1, 0.2), "and on one side only")


def test_alone(directory):
    for way in WAYS:
        with linux(directory) as (source, destination):
            for end in (source, destination):
                end.set(events=True, return_path=True)
            move(source, destination, uri_of(way, directory))
            check(destination.ticks() == [], "the guest waits where it came to")
            destination.do("cont")
            lives_on(source, destination)


def test_with_a_vm_that_rides_along(directory):
    for way in WAYS:
        where = os.path.join(directory, way)
        os.mkdir(where)
        with linux(where) as (source, destination), helpers(where) as (a, b, first, second):
            check(is_ready(first) and is_ready(second), "the helpers accept them")
            attach(source, "source", where)
            attach(destination, "destination", where)
            before = a.vm("status")
            move(source, destination, uri_of(way, where))
            check(code(second)[0] == 0 and code(first)[0] == 0, "both helpers are content")
            lives_on(source, destination)
            check(a.comes_to("ended") and b.comes_to("running"), "its VM went with it",
                  (state(a), state(b)))
            check(b.vm("status").get("events") == before.get("events"), "as it was")


def test_a_load_that_is_refused(directory):
    with linux(directory) as (source, destination), \
            helpers(directory, destination=["--policy", os.path.join(directory, "none")]) as \
            (a, b, first, second):
        with open(os.path.join(directory, "none"), "w", encoding="ascii") as out:
            out.write('{"policy": 1, "profiles": ["kvm-v7"]}')
        check(is_ready(first) and is_ready(second), "the helpers accept them")
        attach(source, "source", directory)
        attach(destination, "destination", directory)
        destination.do("migrate-incoming", uri=uri_of("unix", directory))
        source.do("migrate", uri=uri_of("unix", directory))
        check(source.migration() == "failed", "QEMU's migration fails")
        check(code(second)[0] == 4, "by the destination's policy")
        check(code(first)[0] == 7, "the source's helper takes the VM back")
        check(source.ticks_on(), "the guest counts on where it was")
        check(a.comes_to("running") and b.comes_to("ended"), "as does its VM", (state(a), state(b)))


if __name__ == "__main__":
    guests.need_dbus_daemon()
    suite()
    main(__name__)
