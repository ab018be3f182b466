#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""keygen, and which key files are refused."""
import os
import stat
import subprocess

import cli
from cli import ask, check, fails, host, key


def test_three_files(directory):
    for kind in ("ed25519", "p256", "p384"):
        prefix = os.path.join(directory, kind)
        told = ask("keygen", "--out", prefix, "--type", kind)
        check(told["type"] == kind and len(told["id"]) == 64, "the type and the id are told", str(told))
        modes = [stat.S_IMODE(os.stat(prefix + end).st_mode) for end in (".key", ".pub", ".crt")]
        check(modes == [0o600, 0o644, 0o644], "the private key is private", str(modes))
        for line in (["pkey", "-in", prefix + ".key", "-noout"],
                     ["pkey", "-pubin", "-in", prefix + ".pub", "-noout"],
                     ["x509", "-in", prefix + ".crt", "-noout"]):
            check(subprocess.run(["openssl", *line], capture_output=True, check=False).returncode == 0,
                  f"openssl {line[0]} reads the file")
    told = ask("keygen", "--out", os.path.join(directory, "plain"))
    check(told["type"] == "ed25519", "Ed25519 is the default")


def test_nothing_is_overwritten(directory):
    prefix = key(directory, "k")
    before = open(prefix + ".key", "rb").read()
    fails(2, "usage", "keygen", "--out", prefix)
    check(open(prefix + ".key", "rb").read() == before, "an existing key stays")
    fails(1, "io", "keygen", "--out", os.path.join(directory, "no", "k"))


def test_no_name(directory):
    for prefix in ("", directory + "/"):
        told = fails(2, "usage", "keygen", "--out", prefix)
        check(told["field"] == "--out" and not os.listdir(directory), "a prefix has a last part", told)


def test_bad_key_files(directory):
    prefix = key(directory, "k")
    with host(directory) as vm:
        line = ["snapshot", "--control", vm.control, "--any-destination", "-o",
                os.path.join(directory, "s"), "--key"]
        os.chmod(prefix + ".key", 0o640)
        fails(15, "key-permissions", *line, prefix + ".key")
        os.chmod(prefix + ".key", 0o600)
        fails(15, "no-key", *line, os.path.join(directory, "absent.key"))
        fails(14, "damaged", *line, write(directory, "text", "no key at all\n"))
        check(not os.path.exists(os.path.join(directory, "s")), "no file is left behind")
        check(vm.vm("status")["state"] == "running", "and the VM was not stopped for it")


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    os.chmod(path, 0o600)
    return path


if __name__ == "__main__":
    cli.main(__name__)
