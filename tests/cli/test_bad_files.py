#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every kind of bad snapshot: its own reason, its own exit code, and nothing restored."""
import hashlib
import json
import os
import struct
import time

import cli
from cli import ask, check, fails, host, key, run


class Bench:
    """A good snapshot, its key, and a destination that must stay as it is."""

    def __init__(self, directory, vm, there):
        self.directory, self.there = directory, there
        self.prefix = key(directory, "k")
        self.trust = ["--trust", self.prefix + ".pub"]
        self.path = os.path.join(directory, "good.snap")
        ask("snapshot", "--control", vm.control, "--key", self.prefix + ".key", "--any-destination",
            "-o", self.path)
        with open(self.path, "rb") as good:
            self.good = good.read()

    def file(self, data):
        path = os.path.join(self.directory, "bad.snap")
        with open(path, "wb") as out:
            out.write(data)
        return path

    def refused(self, code, reason, data, trust=None):
        path = self.file(data)
        fails(code, reason, "verify", path, *(trust or self.trust))
        fails(code, reason, "restore", "--control", self.there.control, *(trust or self.trust), path)
        check(self.there.vm("status")["info"]["generation"] == "0x0", f"{reason}: nothing is restored")


def bench(test):
    def wrapped(directory):
        with host(directory) as vm, host(directory, "b", args=["--no-script"]) as there:
            test(Bench(directory, vm, there), vm)
    wrapped.__name__ = test.__name__
    return wrapped


def prefix_with(good, offset, value):
    """A frozen prefix with another field and a right check (docs/format.md, chapter 3)."""
    head = bytearray(good[:56])
    head[offset:offset + len(value)] = value
    return bytes(head) + hashlib.sha256(head).digest()[:8] + good[64:]


@bench
def test_not_ours(at, _vm):
    for data in (b"", b"hello", b"QEVM" + bytes(100), bytes(1000)):
        path = at.file(data)
        told = run("verify", path, *at.trust, "--json")
        check(told.returncode in (13, 14), "what is no snapshot is refused", told.stdout)
    at.refused(13, "not-ours", b"\x7fELF" + bytes(200))
    told = fails(1, "io", "verify", at.directory, *at.trust)
    check(told["object"] == at.directory, "the file is named", json.dumps(told))


@bench
def test_damaged(at, _vm):
    at.refused(14, "damaged", at.good[:-1])
    at.refused(14, "damaged", at.good + b"\0")
    at.refused(14, "damaged", at.good[:100])
    at.refused(14, "damaged", at.good[:20] + bytes([at.good[20] ^ 1]) + at.good[21:])


@bench
def test_newer(at, _vm):
    at.refused(6, "newer", prefix_with(at.good, 8, struct.pack("<I", 99)))


@bench
def test_over_limit(at, _vm):
    at.refused(10, "over-limit", prefix_with(at.good, 16, struct.pack("<I", 1 << 30)))


@bench
def test_changed_after_signing(at, _vm):
    manifest = struct.unpack_from("<I", at.good, 16)[0]
    flipped = bytearray(at.good)
    flipped[64 + manifest // 2] ^= 1
    at.refused(3, "bad-signature", bytes(flipped))
    flipped = bytearray(at.good)
    flipped[-20] ^= 1  # the last byte of the payload stands before the 16 of END
    at.refused(3, "bad-digest", bytes(flipped))


@bench
def test_every_flipped_byte(at, _vm):
    """A sample of offsets through the program; the library's own test does all of them."""
    for offset in range(0, len(at.good), 37):
        flipped = bytearray(at.good)
        flipped[offset] ^= 0x10
        done = run("verify", at.file(bytes(flipped)), *at.trust, "--json")
        check(done.returncode in (3, 6, 10, 13, 14, 15), f"offset {offset} is refused",
              f"{done.returncode} {done.stdout}")


@bench
def test_signers(at, _vm):
    other = key(at.directory, "other")
    at.refused(15, "unknown-signer", at.good, ["--trust", other + ".pub"])
    fails(12, "nothing-to-verify", "verify", at.path)
    fails(12, "nothing-to-verify", "restore", "--control", at.there.control, at.path)
    empty = os.path.join(at.directory, "empty")
    os.mkdir(empty)
    fails(12, "nothing-to-verify", "verify", at.path, "--trust", empty)
    fails(15, "no-key", "verify", at.path, "--trust", os.path.join(at.directory, "absent.pub"))
    fails(14, "damaged", "verify", at.path, "--trust", at.path)


@bench
def test_not_for_here(at, vm):
    prefix, other = key(at.directory, "here"), key(at.directory, "there")
    path = os.path.join(at.directory, "addressed.snap")
    ask("snapshot", "--control", vm.control, "--key", at.prefix + ".key", "-o", path, "--to-audience",
        prefix + ".pub")
    line = ["restore", "--control", at.there.control, *at.trust, path]
    fails(16, "wrong-audience", *line)
    fails(16, "wrong-audience", *line, "--key", other + ".key")
    ask("restore", "--dry-run", "--control", at.there.control, *at.trust, path, "--key",
        prefix + ".key")
    ask("snapshot", "--control", vm.control, "--key", at.prefix + ".key", "-o", path,
        "--any-destination", "--expires-in", 1)
    time.sleep(2.1)
    fails(16, "expired", *line)
    ask("show", path)


if __name__ == "__main__":
    cli.main(__name__)
