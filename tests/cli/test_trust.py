#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""trust add, list, remove, revoke, rotate; and what they do to verify and restore."""
import json
import os
import subprocess

import cli
from cli import ask, check, expect, fails, host, key


def sealed(directory, vm, prefix, name):
    path = os.path.join(directory, name)
    ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path,
        "--any-destination")
    return path


def standing(folder):
    return {entry["id"]: entry["standing"] for entry in ask("trust", "list", "--dir", folder)["keys"]}


def test_windows_and_revocation(directory):
    folder, prefix = os.path.join(directory, "trust"), key(directory, "a")
    with host(directory) as vm:
        path = sealed(directory, vm, prefix, "s")
    add = ["trust", "add", "--dir", folder, prefix + ".pub", "--name", "a"]
    key_id = ask(*add)["key"]["id"]
    check(standing(folder) == {key_id: "believed"}, "a key without a window is believed")
    expect(0, "verify", "--trust", folder, path)
    check(ask(*add, "--not-after", "2020-01-01")["key"]["standing"] == "expired", "a window that is over")
    fails(15, "key-expired", "verify", "--trust", folder, path)
    check(ask(*add, "--not-before", "2999-01-01")["key"]["standing"] == "not-yet", "one to come")
    fails(15, "key-expired", "verify", "--trust", folder, path)
    ask(*add, "--not-before", "2020-01-01T00:00:00Z", "--not-after", "2999-01-01")
    expect(0, "verify", "--trust", folder, path)
    told = ask("trust", "revoke", "--dir", folder, key_id[:12])
    check(told["id"] == key_id and told["revoked"], "a revocation by the beginning of the id")
    fails(15, "key-revoked", "verify", "--trust", folder, path)
    fails(15, "key-revoked", *add)
    check(ask("trust", "remove", "--dir", folder, key_id)["files_removed"] == 1, "it is removed")
    fails(15, "key-revoked", *add)
    check(standing(folder) == {}, "a revoked key does not come back")
    fails(12, "nothing-to-verify", "verify", "--trust", folder, path)


def test_rotation(directory):
    folder, old, new = os.path.join(directory, "trust"), key(directory, "old"), key(directory, "new")
    paper = os.path.join(directory, "x.rotation")
    with host(directory) as vm:
        path = sealed(directory, vm, new, "s")
    ask("trust", "add", "--dir", folder, old + ".pub")
    fails(15, "unknown-signer", "verify", "--trust", folder, path)
    ask("trust", "rotate", "--key", old + ".key", "--to", new + ".pub", "-o", paper,
        "--from", "2020-01-01", "--overlap", 60)
    other = os.path.join(directory, "other")
    ask("trust", "add", "--dir", other, new + ".pub")
    fails(15, "unknown-signer", "trust", "add", "--dir", other, paper)
    check(not [name for name in os.listdir(other) if name.endswith(".rotation")],
          "a rotation of a stranger is not taken")
    check(ask("trust", "add", "--dir", folder, paper)["successor_is_new"] is True, "it is taken")
    expect(0, "verify", "--trust", folder, path)
    check(sorted(standing(folder).values()) == ["believed", "expired"], "the old key has done")
    with open(paper, "r+b") as file:
        file.seek(100)
        byte = file.read(1)
        file.seek(100)
        file.write(bytes([byte[0] ^ 1]))
    check(expect(14, "trust", "add", "--dir", folder, paper) or True, "a changed one is refused")


def test_the_folder_of_the_user(directory):
    prefix = key(directory, "a")
    env = {"XDG_CONFIG_HOME": directory}
    folder = os.path.join(directory, "sdei-migrate", "trust.d")
    with host(directory) as vm:
        path = sealed(directory, vm, prefix, "s")
    fails(12, "nothing-to-verify", "verify", path, env=env)
    ask("trust", "add", "--dir", folder, prefix + ".pub")
    told = ask("verify", path, env=env)
    check(told.get("verdict") == "verified", "trust.d counts where nothing is named", json.dumps(told))
    expect(12, "verify", path)


def test_many_at_once(directory):
    """Processes that change one folder take turns: nobody's word is lost."""
    folder = os.path.join(directory, "shared")
    keys = [key(directory, f"m{n}") for n in range(8)]

    def all_at_once(lines):
        started = [subprocess.Popen([cli.PROGRAM, "trust", *line, "--dir", folder],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                   for line in lines]
        for one in started:
            _, said = one.communicate(timeout=cli.TIMEOUT)
            check(one.returncode == 0, "each is done", repr(said))

    all_at_once([["add", one + ".pub", "--not-after", "2099-01-01T00:00:00Z"] for one in keys])
    told = ask("trust", "list", "--dir", folder)["keys"]
    check(len(told) == 8 and all(one["not_after"] == "2099-01-01T00:00:00Z" for one in told),
          "every key with its window", json.dumps(told))
    all_at_once([["revoke", one["id"]] for one in told])
    told = ask("trust", "list", "--dir", folder)["keys"]
    check(all(one["revoked"] for one in told), "every revocation", json.dumps(told))


def test_what_is_refused(directory):
    folder, prefix = os.path.join(directory, "trust"), key(directory, "a")
    fails(2, "usage", "trust", "add", "--dir", folder, prefix + ".pub", "--name", "../x")
    fails(2, "usage", "trust", "add", "--dir", folder, prefix + ".pub", "--not-before", "soon")
    fails(2, "usage", "trust", "add", "--dir", folder, prefix + ".pub", "--not-before", "2026-02-30")
    fails(2, "usage", "trust", "add", "--dir", folder, prefix + ".pub", "--not-before", "2026-03-01",
          "--not-after", "2026-02-01")
    fails(14, "damaged", "trust", "add", "--dir", folder, __file__)
    fails(15, "no-key", "trust", "add", "--dir", folder, "/nonexistent")
    fails(15, "no-key", "trust", "list", "--dir", os.path.join(directory, "nowhere"))
    fails(2, "usage", "trust", "rotate", "--key", prefix + ".key", "--to", prefix + ".pub", "-o",
          os.path.join(directory, "r"))
    ask("trust", "add", "--dir", folder, prefix + ".pub")
    fails(2, "usage", "trust", "remove", "--dir", folder, "0")
    fails(2, "usage", "trust", "revoke", "--dir", folder, "00000000")
    with open(os.path.join(folder, "trust.list"), "w", encoding="ascii") as file:
        file.write("sdei-migrate trust 1\nwhatever\n")
    told = fails(14, "damaged", "verify", "--trust", folder, "/dev/null")
    check(told["field"] == "line 2", "a damaged list is named with its line", json.dumps(told))


if __name__ == "__main__":
    cli.main(__name__)
