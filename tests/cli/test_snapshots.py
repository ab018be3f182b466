#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""snapshot, verify, show, diff, check, restore: what they do with good files."""
import json
import os
import shutil
import sqlite3
import subprocess
import time

import cli
from cli import ask, check, expect, fails, host, key, model, run


def sealed(directory, vm, prefix, name="a.snap", *how):
    path = os.path.join(directory, name)
    told = ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path,
               *(how or ["--any-destination"]))
    check(told["file_bytes"] == os.path.getsize(path), "the size is told", json.dumps(told))
    return path


def test_there_and_back(directory):
    prefix = key(directory, "k")
    with host(directory, model="demo.json") as vm:
        path = sealed(directory, vm, prefix)
        before = vm.vm("status")
        check(before["state"] == "running", "the VM goes on after a snapshot")
        with host(directory, "b", model="demo.json", args=["--no-script"]) as there:
            told = ask("restore", "--control", there.control, "--trust", prefix + ".pub", path)
            check(told["state"] == "running" and len(told["digest"]) == 64, "it is restored",
                  json.dumps(told))
            after = there.vm("status")
            for part in ("vcpus", "events", "pending", "bindings", "unregistered_handlers"):
                check(before[part] == after[part], f"{part} are the same there")
            for vcpu in range(3):
                check(vm.vm("regs", "--vcpu", vcpu) == there.vm("regs", "--vcpu", vcpu),
                      f"vCPU {vcpu} has its registers")
            check(there.vm("mem read", "0x80001000", 14)["data"] ==
                  b"SDEI in flight".hex(), "memory came along")
            check(after["info"]["uuid"] == before["info"]["uuid"] and
                  int(after["info"]["generation"], 16) == int(before["info"]["generation"], 16) + 1,
                  "it is the same VM, one generation on")
            told = fails(11, "vm-not-fresh", "restore", "--control", there.control, "--trust",
                         prefix + ".pub", "--state", os.path.join(directory, "other"), path)
            check(told["vm_state"]["destination"] == "running", "a VM that has state refuses",
                  json.dumps(told))
            again = sealed(directory, there, prefix, "b.snap")
            done = expect(1, "diff", path, again)
            check(done.stdout == "- vm.generation = 0x0\n+ vm.generation = 0x1\n",
                  "nothing but the generation differs", done.stdout)
            expect(0, "diff", path, path)
            told = ask("diff", path, again, code=1)
            check(told["equal"] is False and told["differences"][0]["path"] == "vm.generation",
                  "as JSON too", json.dumps(told))


def test_stay_paused_and_dry_run(directory):
    prefix = key(directory, "k")
    with host(directory) as vm, host(directory, "b", args=["--no-script"]) as there:
        path = sealed(directory, vm, prefix)
        line = ["restore", "--control", there.control, "--trust", prefix + ".pub", path]
        check(ask(*line, "--dry-run")["dry_run"] is True, "a dry run says so")
        check(there.vm("status")["info"]["uuid"] != vm.vm("status")["info"]["uuid"],
              "and changes nothing")
        check(ask(*line, "--stay-paused")["state"] == "paused", "it can stay paused")
        check(there.vm("status")["may_run"] is False, "it does")
        fails(11, "busy", "vm", "run", "--control", there.control, "--vcpu", 0)
        check(there.vm("resume")["may_run"] is True, "until vm resume")


def test_uris(directory):
    prefix = key(directory, "k")
    with host(directory) as vm, host(directory, "b", args=["--no-script"]) as there:
        path = os.path.join(directory, "a.snap")
        ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", "file:" + path,
            "--any-destination")
        check(os.path.exists(path), "-o file:PATH writes to PATH")
        for line in (["verify", "--trust", prefix + ".pub"], ["show"], ["diff", path],
                     ["restore", "--control", there.control, "--trust", prefix + ".pub"]):
            expect(0, *line, "file:" + path)


def test_pipes(directory):
    prefix = key(directory, "k")
    with host(directory) as vm, host(directory, "b", args=["--no-script"]) as there:
        done = run("snapshot", "--control", vm.control, "--key", prefix + ".key", "--any-destination",
                   "-o", "-", "--json", text=False)
        check(done.returncode == 0 and json.loads(done.stderr)["reason"] == "ok",
              "with data on stdout the result stands on stderr", repr(done.stderr))
        data = done.stdout
        for line in (["verify", "--trust", prefix + ".pub"], ["show"],
                     ["check", "--control", there.control],
                     ["restore", "--control", there.control, "--trust", prefix + ".pub"]):
            done = run(*line, "-", stdin=data, text=False)
            check(done.returncode == 0, f"{line[0]} reads a pipe", repr(done.stderr))
        shown = subprocess.run(f"'{cli.PROGRAM}' show --json - | head -c 1", shell=True, input=data,
                               capture_output=True, env=cli.environment(), check=False)
        check(shown.stdout == b"{", "a reader that goes away does no harm", repr(shown.stderr))


def test_verbose_and_quiet(directory):
    prefix = key(directory, "k")
    with host(directory) as vm:
        line = ["snapshot", "--control", vm.control, "--key", prefix + ".key", "--any-destination",
                "-o", os.path.join(directory, "s")]
        check("stood still" in expect(0, *line, "-v").stderr, "-v tells more, on stderr")
        check(expect(0, *line).stderr == "", "without it there is nothing to tell")
        done = expect(0, "show", os.path.join(directory, "s"), "-q")
        check(done.stderr == "" and done.stdout, "-q leaves the data alone", done.stderr)


def test_full_output(directory):
    prefix = key(directory, "k")
    with host(directory) as vm:
        path = sealed(directory, vm, prefix)
        with open("/dev/full", "wb") as full:
            done = subprocess.run([cli.PROGRAM, "show", path], stdout=full, stderr=subprocess.PIPE,
                                  text=True, env=cli.environment(), check=False)
        check(done.returncode == 1 and "writing failed" in done.stderr, "a full disk is an error",
              f"{done.returncode} {done.stderr}")
        full = fails(1, "io", "snapshot", "--control", vm.control, "--key", prefix + ".key",
                     "--any-destination", "-o", "/dev/full")
        check("room" in full["advice"], "which says what to do", full)
        fails(1, "io", "snapshot", "--control", vm.control, "--key", prefix + ".key",
              "--any-destination", "-o", "/nonexistent/x")


def test_show(directory):
    prefix = key(directory, "k")
    with host(directory, model="demo.json") as vm:
        path = sealed(directory, vm, prefix)
    told = ask("show", path)
    check({"snapshot", "keys", "schema", "state", "verified"} <= set(told), "everything is shown",
          str(list(told)))
    check(told["verified"] is False, "without --trust it says that nobody vouched for it")
    check(ask("show", path, "--trust", prefix + ".pub")["verified"] is True, "with it, that it did")
    state = told["state"]
    check([vcpu["running"] for vcpu in state["vcpus"]] ==
          [{"critical": "0x400001", "normal": "0x400000"}, {"critical": None, "normal": "0x400000"},
           {"critical": None, "normal": None}, {"critical": None, "normal": None}],
          "which handlers run", json.dumps([vcpu["running"] for vcpu in state["vcpus"]]))
    check([vcpu["power"] for vcpu in state["vcpus"]] == ["on", "on", "on", "off"], "who has power")
    check(state["vcpus"][2]["masked"] is True and state["vcpus"][2]["queued"], "who is masked, and waits")
    check(set(ask("show", path, "--events")) == {"events", "verified"}, "a part alone")
    check(set(ask("show", path, "--vcpus", "--keys")) == {"vcpus", "keys", "verified"}, "two parts")
    told = ask("show", path, "--schema")["schema"]
    check(told["same"] is True and told["records"], "the schema is ours", json.dumps(told)[:200])
    text = expect(0, "show", path).stdout
    check("snapshot.kind" in text and "{" not in text, "in words without --json", text)


def test_verify(directory):
    prefix, other = key(directory, "k"), key(directory, "other")
    folder = os.path.join(directory, "trust.d")
    os.mkdir(folder)
    os.rename(other + ".pub", os.path.join(folder, "other.pub"))
    with host(directory) as vm:
        path = sealed(directory, vm, prefix, "a.snap", "--to-audience", prefix + ".crt")
    told = ask("verify", path, "--trust", folder, "--trust", prefix + ".pub")
    check(told["verdict"] == "verified" and "signature" in told["checked"] and
          "audience" in told["not_checked"], "it says what was checked and what was not",
          json.dumps(told))
    told = ask("verify", path, "--trust", prefix + ".crt", "--key", prefix + ".key")
    check("audience" not in told["not_checked"], "with a key the audience is checked",
          json.dumps(told))
    fails(16, "wrong-audience", "verify", path, "--trust", prefix + ".pub", "--key", other + ".key")


def test_encrypted(directory):
    prefix, reader, other = key(directory, "k"), key(directory, "r", "p256"), key(directory, "o", "p384")
    with host(directory) as vm, host(directory, "b", args=["--no-script"]) as there:
        path = sealed(directory, vm, prefix, "a.snap", "--any-destination", "--encrypt-to",
                      reader + ".crt")
        trust = ["--trust", prefix + ".pub"]
        fails(15, "no-key", "restore", "--control", there.control, *trust, path)
        fails(15, "no-key", "restore", "--control", there.control, *trust, "--key", other + ".key", path)
        check(there.vm("status")["info"]["generation"] == "0x0", "nothing was restored")
        ask("restore", "--control", there.control, *trust, "--key", reader + ".key", path)
        told = fails(6, "incompatible", "snapshot", "--control", vm.control, "--key", prefix + ".key",
                     "--any-destination", "--encrypt-to", prefix + ".crt", "-o",
                     os.path.join(directory, "no"))
        check("p256" in json.dumps(told).lower().replace("-", ""),
              "an Ed25519 certificate cannot be encrypted to, and it says what can", json.dumps(told))


def test_single_use(directory):
    prefix = key(directory, "k")
    fresh = {"model": "demo.json", "args": ["--no-script"]}
    with host(directory, model="demo.json") as vm:
        old, new = sealed(directory, vm, prefix, "old.snap"), sealed(directory, vm, prefix, "new.snap")
        line = ["restore", "--trust", prefix + ".pub"]
        with host(directory, "b", **fresh) as there:
            ask(*line, "--control", there.control, new)
            later = sealed(directory, there, prefix, "later.snap")
        with host(directory, "c", **fresh) as there:
            fresh_state = there.vm("status")
            for how in ([], ["--dry-run"]):
                fails(16, "already-used", *line, "--control", there.control, *how, new)
            check(there.vm("status") == fresh_state, "the destination was not touched for it")
            fails(2, "usage", *line, "--control", there.control, "--override", "already-used", new)
            fails(16, "already-used", *line, "--control", there.control, "--override", "rollback",
                  "--reason", "x", new)
            told = ask(*line, "--control", there.control, "--override", "already-used", "--reason",
                       "a rehearsal", new)
            check(told["state"] == "running", "an operator may set that aside, by name", told)
            check(there.vm("status")["info"]["generation"] == "0x1", "and the VM is no older for it")
        with sqlite3.connect(os.path.join(directory, "state", "ledger.db")) as ledger:
            check(ledger.execute("SELECT rule, reason FROM overrides").fetchall() ==
                  [("already-used", "a rehearsal")], "with his reason on record")
        ledger.close()
        with host(directory, "d", **fresh) as there:
            fails(16, "rollback", *line, "--control", there.control, old)
            ask(*line, "--control", there.control, later)
        with host(directory, "e", **fresh) as there:
            ask(*line, "--control", there.control, "--state", os.path.join(directory, "other"), new)


def test_expired(directory):
    prefix = key(directory, "k")
    with host(directory) as vm, host(directory, "b", args=["--no-script"]) as there:
        path = sealed(directory, vm, prefix, "a.snap", "--any-destination", "--expires-in", "1")
        time.sleep(2.1)
        line = ["restore", "--trust", prefix + ".pub", "--control", there.control, path]
        fails(16, "expired", *line)
        ask(*line, "--override", "expired", "--reason", "the clock was wrong")
        with sqlite3.connect(os.path.join(directory, "state", "ledger.db")) as ledger:
            check(ledger.execute("SELECT rule FROM overrides").fetchall() == [("expired",)],
                  "an expired one needs a word, too")
        ledger.close()


def test_detached(directory):
    with host(directory) as vm:
        for kind in ("ed25519", "p256", "p384"):
            prefix = key(directory, kind, kind)
            path = os.path.join(directory, kind + ".snap")
            line = ["snapshot", "--control", vm.control, "--key", prefix + ".key", "--any-destination"]
            told = ask(*line, "-o", path, "--detached", "sshsig")
            check(told["signature"] == path + ".sig", "the signature stands beside the file", told)
            expect(0, "verify", path, "--trust", prefix + ".pub")
            signers = path + ".signers"
            with open(signers, "w", encoding="utf-8") as out:
                out.write(told["allowed_signer"] + "\n")
            with open(path, "rb") as file:
                data = file.read()
            for promise, code, content in (("accepts", 0, data), ("refuses a changed", 255, data + b"x")):
                if not shutil.which("ssh-keygen"):
                    print("no ssh-keygen (openssh-client): its verdict was not asked for")
                    break
                done = subprocess.run(["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "sdei-migrate",
                                       "-n", "sdei-migrate", "-s", path + ".sig"], input=content,
                                      capture_output=True, check=False)
                check(done.returncode == code, f"ssh-keygen {promise} file signed with {kind}", str(done))
            fails(2, "usage", *line, "-o", "-", "--detached", "sshsig")


def test_another_vm(directory):
    prefix = key(directory, "k")
    other = model(directory, "other.json", vcpus=[{}] * 2, exposed=[
        {"num": "0x400000"}, {"num": "0x400001", "type": "shared", "priority": "critical"}],
                  uuid="00000000-0000-4000-8000-000000000007")
    with host(directory) as vm, host(directory, "b", model=other) as there:
        path = sealed(directory, vm, prefix)
        fails(16, "wrong-vm", "restore", "--control", there.control, "--trust", prefix + ".pub", path)


def test_obstacles_are_all_named(directory):
    prefix = key(directory, "k")
    other = model(directory, "other.json", profile="kvm-v5", vcpus=[{}],
                  exposed=[{"num": "0x400000", "priority": "critical"}])
    with host(directory, model="demo.json") as vm, host(directory, "b", model=other) as there:
        path = sealed(directory, vm, prefix)
        for line in (["check", "--control", there.control, path],
                     ["restore", "--control", there.control, "--trust", prefix + ".pub", path]):
            told = fails(6, "incompatible", *line)
            check(len(told["obstacles"]) >= 3, f"{line[0]} lists every obstacle",
                  json.dumps(told["obstacles"]))
        found = {obstacle["field"]: (obstacle["expected"], obstacle["actual"])
                 for obstacle in told["obstacles"]}
        check(found["profile"] == ("spec", "kvm-v5"), "profiles by name", found)
        done = expect(6, "check", "--control", there.control, path)
        check(len(done.stderr.splitlines()) > 3 and not done.stdout, "in words too", done.stderr)
        check(there.vm("status")["may_run"] is True, "nothing was changed there")


if __name__ == "__main__":
    cli.main(__name__)
