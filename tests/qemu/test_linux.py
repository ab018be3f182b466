#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Linux that runs moves from one real QEMU to another, and lives: test_linux.py PROGRAM SUITE

Without our hook: what the others stand on.
"""
import guests
from cli import check, main
from riders import suite


def move(source, destination, uri):
    for end in (source, destination):
        end.set(events=True, return_path=True)
    destination.do("migrate-incoming", uri=uri)
    source.do("migrate", uri=uri)
    check(source.migration() == "completed", "QEMU completes", source.do("query-migrate"))


def test_the_guest_lives_on(directory):
    for uri in (f"unix:{directory}/migration", "tcp:127.0.0.1:0"):
        with guests.counting(suite(), directory, "source") as source, \
                guests.waiting(suite(), directory, "destination") as destination:
            if uri.startswith("tcp"):
                uri = guests.free_tcp()
            move(source, destination, uri)
            check(destination.ticks() == [], "the guest waits where it came to")
            destination.do("cont")
            check(destination.ticks_on(), "and counts on")
            check(destination.ticks()[0] in (source.ticks()[-1], source.ticks()[-1] + 1),
                  "from where it was", (source.ticks()[-1:], destination.ticks()[:1]))


if __name__ == "__main__":
    suite()
    main(__name__)
