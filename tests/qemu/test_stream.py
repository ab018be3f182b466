#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a migration to a file holds: QEMU's section, and in it a sealed file of ours: test_stream.py PROGRAM SUITE

The stream is read as QEMU's scripts/analyze-migration.py reads it: by the description at its end.
"""
import json
import os
import struct

import guests
from cli import ask, check, main
from riders import attach, code, helpers, is_ready, state, suite

SECTION = b"dbus-vmstate/dbus-vmstate"
FULL, DESCRIPTION, FOOTER = b"\x04", b"\x06", b"\x7e"


def description(stream):
    """The JSON that QEMU writes behind the last section."""
    at = stream.rindex(b'{"configuration"') if b'{"configuration"' in stream else stream.rindex(
        b'{"page_size"')
    length, = struct.unpack(">I", stream[at - 4:at])
    check(stream[at - 5:at - 4] == DESCRIPTION, "QEMU describes its stream")
    return json.loads(stream[at:at + length])


def section(stream):
    """(its number, its bytes) of ours."""
    name = bytes([len(SECTION)]) + SECTION
    at = stream.index(name)
    check(stream[at - 5:at - 4] == FULL, "it is a whole section")
    number = stream[at - 4:at]
    at += len(name) + 8     # instance and version
    size, = struct.unpack(">I", stream[at:at + 4])
    end = at + 4 + size
    check(stream[end:end + 5] == FOOTER + number, "which ends where it says")
    return stream[at + 4:end]


def blobs(data):
    """Id -> bytes. What follows is QEMU's padding."""
    found, at = {}, 4
    for _ in range(struct.unpack(">I", data[:4])[0]):
        parts = []
        for _ in range(2):
            length, = struct.unpack(">I", data[at:at + 4])
            parts.append(data[at + 4:at + 4 + length])
            at += 4 + length
        found[parts[0].decode("ascii")] = parts[1]
    check(not any(data[at:]), "nothing else is in it")
    return found


def test_the_section_holds_a_sealed_file(directory):
    tool = guests.qemu_packages.qemu(suite())
    path = os.path.join(directory, "stream")
    with guests.counting(suite(), directory, "source") as source, \
            helpers(directory, guard=False) as (a, b, first, second):
        check(is_ready(first) and is_ready(second), "the helpers are ready")
        attach(source, "source", directory)
        source.do("migrate", uri=guests.file_uri(tool, path, True))
        check(source.migration() == "completed", "QEMU completes", source.do("query-migrate"))
        check(a.comes_to("relinquished"), "the VM is in the file", state(a))
        with open(path, "rb") as file:
            stream = file.read()
        described = [one for one in description(stream)["devices"] if one["name"] == SECTION.decode()]
        check(len(described) == 1, "QEMU describes one section of that name", described)
        data = section(stream)
        sizes = sum(field["size"] for field in described[0]["fields"])
        check(sizes == 4 + len(data), "of that size", (sizes, len(data)))
        found = blobs(data)
        check(list(found) == ["sdei.0"], "one Id is in it", list(found))
        blob = os.path.join(directory, "blob")
        with open(blob, "wb") as out:
            out.write(found.get("sdei.0", b""))
        told = ask("verify", blob, "--trust", os.path.join(directory, "ours.pub"))
        check(told.get("exit") == 0, "and sdei-migrate verify takes what it holds", told)
        with guests.waiting(suite(), directory, "destination") as destination:
            attach(destination, "destination", directory)
            destination.do("migrate-incoming", uri=guests.file_uri(tool, path, False))
            check(code(second)[0] == 0, "a helper loads it out of the file")
            check(b.comes_to("running"), "and the VM runs", state(b))
            destination.wait_status("paused")
            destination.do("cont")
            check(destination.ticks_on(), "with its guest")


if __name__ == "__main__":
    guests.need_dbus_daemon()
    suite()
    main(__name__)
