#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two readers, one format: read_sealed.py against the program, on golden files and on fresh ones.

    test_independent.py SDEI_MIGRATE MAKE_GOLDEN SOURCE_DIR
"""
import glob
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile

import read_realm
import read_sealed

SEVERAL_CHUNKS = 3 << 20
PARTS = ("snapshot", "keys")
failures = []


def check(holds, promise):
    if not holds:
        failures.append(promise)
        print(f"broken promise: {promise}")


def shown(program, path, folder, secret):
    """What the program says; its exit code and reason where it refuses."""
    done = subprocess.run([program, "show", "--json", "--trust", folder, "--key", secret, path],
                          capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines() or done.stderr.splitlines()
    return done.returncode, json.loads(lines[-1])


def read(data, trust, secret):
    """What the second reader says, or the reason it refuses with."""
    try:
        return read_sealed.read(io.BytesIO(data), trust, secret)
    except read_sealed.Refused as refused:
        return refused.reason


def compare(program, path, folder, trust, secret, records):
    name = os.path.basename(path)
    with open(path, "rb") as stream:
        ours = read(stream.read(), trust, secret)
    code, theirs = shown(program, path, folder, secret)
    if not isinstance(ours, dict) or code:
        check(False, f"both read {name}: {ours if isinstance(ours, str) else 'read'}, exit {code}")
        return
    for part in PARTS:
        for key, value in ours[part].items():
            told = theirs[part].get(key)
            check((told or None) == (value or None), f"{name}: {part}.{key} is {value}, program says {told}")
    if ours["snapshot"]["kind"] == "empty":
        check("state" not in theirs and not ours["records"], f"{name}: no state")
        return
    check(ours["schema"]["records"] == theirs["schema"]["records"], f"{name}: the same records")
    check(ours["schema"]["id"] == theirs["schema"]["id"], f"{name}: the same schema")
    check(ours["delta"] == theirs.get("delta"), f"{name}: the same changes, program says {theirs.get('delta')}")
    if ours["delta"]:
        check({change["what"] for change in ours["delta"]["changes"]} >= {"whole", "goes", "comes", "set"},
              f"{name}: changes of every kind")
        return
    check(ours["records"] == records, f"{name}: the state that was sealed")


def compare_realm(program, path, folder, trust, secret):
    """A realm: what both say of it, and that both see a page that is another."""
    with open(path, "rb") as stream:
        ours = read(stream.read(), trust, secret)
    _, theirs = shown(program, path, folder, secret)
    if not isinstance(ours, dict):
        check(False, f"a realm is read: {ours}")
        return
    told, realm = theirs["state"]["realm"], read_realm.read(ours["records"], ours["bulk"])
    changed = [(kind, data[:-1] + b"!" if kind == 2 else data) for kind, data in ours["bulk"]]
    try:
        read_realm.read(ours["records"], changed)
        check(False, "a page that is another is seen")
    except read_sealed.Refused:
        pass
    for name in ("state", "rim", "rpv", "pages", "pages_digest"):
        check(realm[name] == told[name], f"realm: {name} is {realm[name]}, program says {told[name]}")
    check(realm["kinds"] == [step["kind"] for step in told["steps"]]
          and realm["rims"] == [step["rim"] for step in told["steps"]], "realm: the same steps")


def refuse_alike(program, path, folder, trust, secret, scratch):
    """A byte changed here and there, a part cut off, something added: the same reason from both."""
    with open(path, "rb") as stream:
        good = stream.read()
    changed = [good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1:] for at in range(3, len(good), 61)]
    changed += [good[:1], good[:63], good[:200], good[:-1], good[:-17], good + b"\0"]
    for number, data in enumerate(changed):
        bad = os.path.join(scratch, "bad.sdei")
        with open(bad, "wb") as stream:
            stream.write(data)
        ours = read(data, trust, secret)
        _, theirs = shown(program, bad, folder, secret)
        check(isinstance(ours, str) and ours == theirs["reason"],
              f"{os.path.basename(path)}, change {number}: refused as {ours}, program says {theirs.get('reason')}")


def main():
    program, make_golden, source = sys.argv[1:4]
    golden = os.path.join(source, "tests", "golden", "seal")
    for command in ("zstd", "openssl"):
        if not shutil.which(command):
            print(f"SKIP the command {command} is not installed")
            return 77
    with open(os.path.join(golden, "state.records"), "rb") as stream:
        records = stream.read()
    with tempfile.TemporaryDirectory() as scratch:
        realm = os.path.join(source, "tests", "golden", "realm", "sealed")
        secret = os.path.join(scratch, "realm.key")
        shutil.copy(os.path.join(golden, "recipient.key"), secret)
        os.chmod(secret, 0o600)
        path = os.path.join(realm, "1-realm.sdei")
        compare_realm(program, path, realm, read_sealed.load_trust(realm), secret)
        refuse_alike(program, path, realm, read_sealed.load_trust(realm), secret, scratch)
        fresh = os.path.join(scratch, "fresh")
        os.mkdir(fresh)
        shutil.copy(os.path.join(golden, "state.records"), fresh)
        subprocess.run([make_golden, fresh, str(SEVERAL_CHUNKS)], check=True)
        for folder in (golden, fresh):
            secret = os.path.join(scratch, "secret.key")
            shutil.copy(os.path.join(folder, "recipient.key"), secret)
            os.chmod(secret, 0o600)
            trust = read_sealed.load_trust(folder)
            files = sorted(glob.glob(os.path.join(folder, "*.sdei")))
            check(len(files) >= 8, "there are files to read")
            for path in files:
                compare(program, path, folder, trust, secret, records)
            if folder == golden:
                for name in ("1-ed25519", "1-three-signers", "2-encrypted", "2-delta"):
                    refuse_alike(program, os.path.join(golden, name + ".sdei"), folder, trust, secret,
                                 scratch)
    print(f"{len(failures)} promises broken")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
