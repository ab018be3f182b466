#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""realm-measure on snapshots that sdei-migrate sealed: verified, shown, explained. The two programs are named."""
import json
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "cli"))
from cli import ask, check, host, key, main
from realms import CREATE, HASH, RAM, RPV, SIZE, Realm, description

MEASURE = os.path.abspath(sys.argv[2])


def measure(code, *words, stdin=None):
    done = subprocess.run([MEASURE, *map(str, words), "--json"], input=stdin, capture_output=True, timeout=60)
    check(done.returncode == code, f"realm-measure {words[0]} ends with {code}",
          f"{done.returncode}: {done.stdout[-600:]!r} {done.stderr[-300:]!r}")
    return json.loads(done.stdout) if done.stdout.strip() else {}


def snapshot(directory, vm, prefix, name, *how):
    path = os.path.join(directory, name)
    ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path, "--any-destination", *how)
    return path


def words(told):
    return {name: each["verdict"] for name, each in told["verdicts"].items()}


def test_a_realm_of_either_dialect_is_verified(directory):
    prefix = key(directory, "k")
    trust = ("--trust-anchor", prefix + ".pub")
    for dialect in ("v1", "v8"):
        for algorithm in (0, 1):
            with host(directory, model=description(directory, dialect=dialect)) as vm:
                rim = Realm(vm, dialect).build(algorithm).status()["rim"]
                path = snapshot(directory, vm, prefix, f"{dialect}{algorithm}.snap")
            told = measure(0, "verify", "--snapshot", path, *trust, "--rim", rim, "--rpv", b"whose it is".hex(),
                           "--hash", ("sha-256", "sha-512")[algorithm])
            check(words(told) == {"signature": "ok", "build log": "ok", "RIM": "match", "REM0": "not compared",
                                  "REM1": "not compared", "REM2": "not compared", "REM3": "not compared",
                                  "RPV": "match", "hash": "match"}, "each register has a verdict", str(told))
            measure(8, "verify", "--snapshot", path, *trust, "--rim", "00" * len(bytes.fromhex(rim)))
            measure(12, "verify", "--snapshot", path, *trust)
            measure(12, "verify", "--snapshot", path, "--rim", rim)
            with open(path, "rb") as file:
                whole = file.read()
            measure(0, "verify", "--snapshot", "-", *trust, "--rim", rim, stdin=whole)
            shown = measure(0, "show", "-", stdin=whole)
            check(shown["rim"] == rim and shown["pages"] and shown["steps"][-1]["rim"] == rim and
                  [s["op"] for s in shown["steps"]] == ["create", "init-ripas", "populate", "rec"], "shown", str(shown))
            damaged = path + ".bad"
            with open(damaged, "wb") as file:
                file.write(whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:])
            done = measure(3, "verify", "--snapshot", damaged, *trust, "--rim", rim)
            check(done["reason"] == "bad-digest", "a changed page is not what was signed", str(done))


def test_an_active_realm_with_its_rems(directory):
    prefix = key(directory, "k")
    with host(directory, model=description(directory)) as vm:
        realm = Realm(vm).build().activate()
        realm.extend(2, b"abc")
        extended = realm.status()["rem"][1]
        realm.extend(2, b"def")
        realm.extend(1, b"ghi")
        status = realm.status()
        path = snapshot(directory, vm, prefix, "cold.snap", "--cold")
    rems = [word for i, rem in enumerate(status["rem"]) for word in ("--rem", f"{i}={rem}")]
    told = measure(0, "verify", "--snapshot", path, "--trust-anchor", prefix + ".pub", "--rim", status["rim"], *rems)
    check(words(told)["REM1"] == "match", "the REM is the guest's", str(told))
    check([told["verdicts"][f"REM{i}"]["replay"] for i in range(4)] ==
          ["1 of 1 extends", "2 of 2 extends", "0 of 0 extends", "0 of 0 extends"], "all was extended", str(told))
    for rem, word in (("00" * 64, "0 of 2 extends"), (extended, "1 of 2 extends"), ("11" * 64, "none of 2 extends")):
        told = measure(8, "verify", "--snapshot", path, "--trust-anchor", prefix + ".pub", "--rem", "1=" + rem)
        check(told["verdicts"]["REM1"]["replay"] == word and "replay" not in told["verdicts"]["REM0"],
              "how far a realm that started again has come", str(told))


def test_what_a_snapshot_leaves_out(directory):
    prefix, other, reader = key(directory, "k"), key(directory, "o"), key(directory, "r", "p256")
    images = os.path.join(directory, "images", "")
    os.mkdir(images)
    with host(directory, model=description(directory)) as vm:
        rim = Realm(vm).build().status()["rim"]
        beside = snapshot(directory, vm, prefix, "ref.snap", "--realm-contents", "ref=" + images)
        sealed = snapshot(directory, vm, prefix, "enc.snap", "--encrypt-to", reader + ".crt")
    told = measure(0, "verify", "--snapshot", beside, "--trust-anchor", prefix + ".pub", "--rim", rim)
    check(words(told)["build log"] == "ok", "digests are enough", str(told))
    measure(15, "verify", "--snapshot", beside, "--trust-anchor", other + ".pub", "--rim", rim)
    measure(15, "verify", "--snapshot", sealed, "--trust-anchor", prefix + ".pub", "--rim", rim)
    measure(0, "verify", "--snapshot", sealed, "--trust-anchor", prefix + ".pub", "--rim", rim, "--key", reader + ".key")
    with host(directory, "plain", model="minimal.json") as vm:
        plain = snapshot(directory, vm, prefix, "plain.snap")
    told = measure(12, "verify", "--snapshot", plain, "--trust-anchor", prefix + ".pub", "--rim", rim)
    measure(12, "show", plain)


def test_two_snapshots_are_explained(directory):
    prefix = key(directory, "k")
    poor = 40 | 4 << 14 | 3 << 20 | 3 << 32

    def realm(name, change=lambda r: None, **more):
        with host(directory, name, model=description(directory, name + ".json", **more)) as vm:
            r = Realm(vm)
            r.config(HASH, struct.pack("<I", 0))
            r.config(RPV, b"x")
            r.write(RAM + 4096, b"second page")
            change(r)
            check(r.command(CREATE) == "0" and r.init(RAM, SIZE) == "0" and r.populate(RAM, 8192) == "0", "built")
            return snapshot(directory, vm, prefix, name + ".snap")

    first = realm("a")
    told = measure(0, "explain", first, realm("same"))
    check(told["cause"] == "none", "equal", str(told))
    told = measure(8, "explain", first, realm("page", lambda r: r.write(RAM + 4096, b"Second page")))
    check(told["cause"] == "page-content" and told["page"] == hex(RAM + 4096), "the page", str(told))
    told = measure(8, "explain", first, realm("poor", host_levels={"rmm_features": hex(poor)}))
    check(told["cause"] == "host-limits" and told["field"] == "num_bps", "the host's limits", str(told))
    script = os.path.join(directory, "s")
    with open(script, "w", encoding="utf-8") as file:
        file.write("realm_create s2sz=41 num_bps=14 num_wps=14\n")
    check(measure(8, "explain", script, first)["cause"] == "ipa-size", "beside a script")


if __name__ == "__main__":
    main(__name__)
