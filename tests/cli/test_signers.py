#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several signatures, thresholds, keys of every type and in a token; many files at once."""
import json
import os
import shutil
import subprocess
import sys

import cli
from cli import ask, check, expect, fails, host, key, run

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
           "/usr/lib64/pkcs11/libsofthsm2.so")


def take(vm, path, *how, **more):
    return ask("snapshot", "--control", vm.control, "--any-destination", "-o", path, *how, **more)


def test_keys_of_every_type(directory):
    with host(directory) as vm:
        for kind in ("ed25519", "p256", "p384"):
            prefix = key(directory, kind, kind)
            path = os.path.join(directory, kind + ".snap")
            take(vm, path, "--key", prefix + ".key")
            told = ask("verify", "--trust", prefix + ".pub", path)
            check(told["keys"]["signers"] == [told["keys"]["source"]], f"{kind} signs and verifies")


def test_several_signers(directory):
    a, b, c = (key(directory, *how) for how in (("a",), ("b", "p256"), ("c", "p384")))
    path, more, two = (os.path.join(directory, name) for name in ("one", "more", "two"))
    trust = ("--trust", a + ".pub", "--trust", b + ".pub", "--trust", c + ".pub")
    with host(directory) as vm, host(directory, "there", args=["--no-script"]) as there:
        take(vm, path, "--key", a + ".key")
        told = fails(15, "unknown-signer", "verify", *trust, "--threshold", 2, path)
        check("2" in told["expected"], "so many have to have signed", json.dumps(told))
        told = ask("sign", "--key", b + ".key", "--trust", a + ".pub", "-o", more, path)
        check(told["signatures"] == 2, "a signature is added", json.dumps(told))
        told = ask("verify", *trust, "--threshold", 2, more)
        check(len(told["keys"]["signers"]) == 2, "both hold", json.dumps(told))
        fails(15, "unknown-signer", "verify", *trust, "--threshold", 3, more)
        fails(15, "unknown-signer", "verify", "--trust", a + ".pub", "--threshold", 2, more)
        fails(2, "usage", "sign", "--key", b + ".key", "--trust", a + ".pub", "-o", two, more)
        fails(15, "unknown-signer", "sign", "--key", b + ".key", "--trust", c + ".pub", "-o", two,
              path)
        fails(2, "usage", "verify", *trust, "--threshold", 17, more)
        told = take(vm, two, "--key", a + ".key", "--also-sign", b + ".key", "--also-sign",
                    c + ".key")
        told = ask("verify", *trust, "--threshold", 3, two)
        check(told["keys"]["signatures"] == 3, "one command signs with several keys",
              json.dumps(told))
        line = ["restore", "--control", there.control, "--threshold", 3]
        fails(15, "unknown-signer", *line, *trust, more)
        check(ask(*line, *trust, two)["state"] == "running", "restore asks for as many")
        with open(path, "rb") as stream:
            done = run("sign", "--key", b + ".key", "--trust", a + ".pub", "-", stdin=stream.read(),
                       text=False)
        check(done.returncode == 0 and
              run("verify", *trust, "--threshold", 2, "-", stdin=done.stdout,
                  text=False).returncode == 0, "in a pipe, too", repr(done.stderr))


def test_many_files(directory):
    prefix, other = key(directory, "k"), key(directory, "other")
    paths = [os.path.join(directory, f"{n}.snap") for n in range(3)]
    with host(directory) as vm:
        for path in paths:
            take(vm, path, "--key", prefix + ".key")
    trust = ("--trust", prefix + ".pub")
    done = expect(0, "verify", *trust, *paths)
    check(done.stdout == "".join(f"{path}: verified\n" for path in paths), "each gets a line",
          done.stdout)
    with open(paths[1], "r+b") as stream:
        stream.seek(-40, os.SEEK_END)
        stream.write(b"\0")
    done = run("verify", "--json", *trust, *paths)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    check(done.returncode == 3 and [line["reason"] for line in lines] ==
          ["ok", "bad-digest", "ok"] and [line["file"] for line in lines] == paths,
          "one that does not hold stops nothing and decides the exit code", done.stdout)
    done = expect(15, "verify", "--trust", other + ".pub", *paths)
    check(done.stdout == "" and done.stderr.count("no trusted key signed it") == 3, "none holds", done.stderr)


def test_more_files_than_a_round(directory):
    """All processors verify; what is said comes in the order of the command line, once for each."""
    prefix, other = key(directory, "k"), key(directory, "other")
    good, bad = (os.path.join(directory, name) for name in ("good", "bad"))
    with host(directory) as vm:
        take(vm, good, "--key", prefix + ".key")
        take(vm, bad, "--key", other + ".key")
    files = [bad if n % 97 == 50 else good for n in range(700)]
    trust = ("--trust", prefix + ".pub")
    for wrap in ((), ("taskset", "-c", str(min(os.sched_getaffinity(0))))):
        done = subprocess.run([*wrap, cli.PROGRAM, "verify", "--json", *trust, *files],
                              capture_output=True, text=True, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        check(done.returncode == 15 and [line["file"] for line in lines] == files,
              "one line for each, in order", f"{len(lines)} lines, exit {done.returncode}")
        check(all((line["reason"] == "ok") == (line["file"] == good) for line in lines),
              "and the right one", done.stdout[:300])
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([cli.PROGRAM, "verify", *trust, *[good] * 2], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    check(done.returncode == 1 and "No space left" in done.stderr, "a full disk is told",
          done.stderr[:300])


def token(directory):
    """A SoftHSM token with a P-256 key. Returns its public key, the environment and the URI; None without SoftHSM."""
    module = next((path for path in MODULES if os.path.exists(path)), None)
    if not module or not shutil.which("softhsm2-util"):
        return None
    prefix = key(directory, "token", "p256")
    env = {"PKCS11_MODULE_PATH": module, "SOFTHSM2_CONF": os.path.join(directory, "softhsm2.conf")}
    os.mkdir(os.path.join(directory, "tokens"))
    with open(env["SOFTHSM2_CONF"], "w", encoding="ascii") as out:
        out.write(f"directories.tokendir = {directory}/tokens\n")
    for line in (["--init-token", "--free", "--label", "test", "--pin", "1234", "--so-pin", "5678"],
                 ["--import", prefix + ".key", "--token", "test", "--label", "signer", "--id", "01",
                  "--pin", "1234"]):
        subprocess.run(["softhsm2-util", *line], env={**os.environ, **env}, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.unlink(prefix + ".key")
    return prefix + ".pub", env, "pkcs11:token=test;object=signer;type=private"


def test_a_key_in_a_token(directory):
    made = token(directory)
    if not made:
        print("(no SoftHSM: the token's part is left out) ", end="")
        return
    public, env, uri = made
    path, more = os.path.join(directory, "a.snap"), os.path.join(directory, "b.snap")
    prefix = key(directory, "k")
    with host(directory) as vm:
        line = ["snapshot", "--control", vm.control, "--any-destination", "-o", path, "--key"]
        told = ask(*line, uri + "?pin-value=1234", env=env, code=None)
        if told.get("reason") == "incompatible":
            print("(no PKCS#11 engine: left out) ", end="")
            return
        check(told["reason"] == "ok", "a token seals", json.dumps(told))
        expect(0, "verify", "--trust", public, path)
        # Debian's PKCS#11 engine loses a little memory when a PIN is wrong; that is not ours to find.
        leaky = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "detect_leaks=0")))
        told = fails(15, "no-key", *line, uri + "?pin-value=9999", env={**env, "ASAN_OPTIONS": leaky})
        check("9999" not in json.dumps(told), "a PIN is not repeated", json.dumps(told))
        take(vm, path, "--key", prefix + ".key")
    ask("sign", "--key", uri + "?pin-value=1234", "--trust", prefix + ".pub", "-o", more, path,
        env=env)
    expect(0, "verify", "--trust", public, "--trust", prefix + ".pub", "--threshold", 2, more)


if __name__ == "__main__":
    sys.exit(cli.main(__name__))
