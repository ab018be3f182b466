#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""snapshot --base, restore --base, rebase: what changed, and what it is good for."""
import json
import os
import shutil
import sys

import cli
from cli import ask, check, expect, fails, host, key, run
from realms import RAM, Realm, description

SHARED = ("vcpus", "events", "pending", "bindings", "unregistered_handlers", "guard")


def take(vm, prefix, path, *how):
    return ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "--any-destination",
               "-o", path, *how)


def go_on(vm, times=3):
    """The guest does something that changes a few fields."""
    for _ in range(times):
        vm.vm("call", "--vcpu", 0, "SDEI_PE_MASK")
        vm.vm("call", "--vcpu", 1, "SDEI_PE_UNMASK")
    vm.vm("regs", "--vcpu", 0, "--set", f"x7=0x{times:x}")
    vm.vm("mem write", "0x80001000", "00112233")


def chain(directory, vm, prefix):
    """A base of the running VM, a delta of the running VM's later state, and one of the stopped one."""
    paths = [os.path.join(directory, name) for name in ("base", "delta")]
    told = take(vm, prefix, paths[0], "--running")
    check(told["kind"] == "base" and told["blackout_us"] == 0, "a base does not stop the VM",
          json.dumps(told))
    go_on(vm)
    told = take(vm, prefix, paths[1], "--base", paths[0])
    check(told["kind"] == "delta" and told["delta_bytes"] < 512 < told["records_bytes"],
          "a delta says little", json.dumps(told))
    return paths


def test_base_and_delta_are_restored(directory):
    prefix = key(directory, "k")
    trust = ("--trust", prefix + ".pub")
    with host(directory, model="demo.json") as vm:
        base, delta = chain(directory, vm, prefix)
        before = vm.vm("status")
        with host(directory, "b", model="demo.json", args=["--no-script"]) as there:
            line = ["restore", "--control", there.control, *trust]
            fails(4, "base-only", *line, base)
            told = fails(3, "wrong-base", *line, delta)
            check(told["field"] == "base" and "digest" in told["expected"],
                  "a delta alone says which base it needs", json.dumps(told))
            fails(2, "usage", *line, "--base", base, base)
            fails(3, "wrong-base", *line, "--base", delta, delta)
            check(ask(*line, "--base", base, "--dry-run", delta)["dry_run"], "a dry run takes both")
            told = ask(*line, "--base", base, delta)
            check(told["state"] == "running", "base and delta are restored", json.dumps(told))
            after = there.vm("status")
            for part in SHARED:
                check(before[part] == after[part], f"{part} are the same there",
                      f"{before[part]} {after[part]}")
            check(there.vm("mem read", "0x80001000", 4)["data"] == "00112233", "memory too")
            check(vm.vm("regs", "--vcpu", 0) == there.vm("regs", "--vcpu", 0), "and registers")
        with host(directory, "c", model="demo.json", args=["--no-script"]) as there:
            fails(16, "already-used", "restore", "--control", there.control, *trust, "--base", base,
                  delta)


def test_another_base_is_refused(directory):
    prefix = key(directory, "k")
    other = key(directory, "other")
    with host(directory, model="demo.json") as vm:
        base, delta = chain(directory, vm, prefix)
        later = os.path.join(directory, "later")
        foreign = os.path.join(directory, "foreign")
        take(vm, prefix, later)
        take(vm, other, foreign)
        trust = ("--trust", prefix + ".pub")
        told = fails(3, "wrong-base", "verify", *trust, "--base", later, delta)
        check(len(told["expected"]) == 64 and told["expected"] != told["actual"],
              "both digests are told", json.dumps(told))
        fails(15, "unknown-signer", "verify", *trust, "--base", foreign, delta)
        fails(15, "unknown-signer", "snapshot", "--control", vm.control, "--key", other + ".key",
              "--any-destination", "-o", os.path.join(directory, "x"), "--base", base)
        fails(3, "wrong-base", "snapshot", "--control", vm.control, "--key", prefix + ".key",
              "--any-destination", "-o", os.path.join(directory, "x"), "--base", delta)
        told = fails(2, "usage", "snapshot", "--control", vm.control, "--key", prefix + ".key",
                     "--any-destination", "-o", os.path.join(directory, "x"), "--base", base,
                     "--running")
    with host(directory, "b", model="linux-guest.json") as stranger:
        fails(16, "wrong-vm", "snapshot", "--control", stranger.control, "--key", prefix + ".key",
              "--any-destination", "-o", os.path.join(directory, "x"), "--base", base)


def test_looking_at_a_delta(directory):
    prefix = key(directory, "k")
    trust = ("--trust", prefix + ".pub")
    with host(directory, model="demo.json") as vm:
        base, delta = chain(directory, vm, prefix)
        full = os.path.join(directory, "full")
        take(vm, prefix, full)
        told = ask("verify", *trust, delta)
        check("result" in told["not_checked"] and len(told["needs_base"]) == 64,
              "verify says which base it needs and what it could not check", json.dumps(told))
        told = ask("verify", *trust, "--base", base, delta)
        check("result" not in told["not_checked"] and "consistency" in told["checked"],
              "with the base everything is checked", json.dumps(told))
        told = ask("show", delta)
        changes = told["delta"]["changes"]
        check(told["snapshot"]["kind"] == "delta" and "state" not in told and
              told["delta"]["n_changes"] == len(changes) > 0, "show tells the changes",
              json.dumps(told))
        paths = {change.get("path") for change in changes}
        check({"kind", "vcpu_state[0].masked", "memory[0].word"} <= paths, "by field", str(paths))
        check("delta.base" in expect(0, "show", delta).stdout, "in words as well")
        told = ask("show", "--base", base, delta)
        check(told["state"] == ask("show", full)["state"], "with the base, the state it makes")
        fails(3, "wrong-base", "show", "--vcpus", delta)
        check(ask("show", "--vcpus", "--base", base, delta)["vcpus"], "or a part of it")
        told = ask("diff", base, delta, code=1)
        check("vcpu_state[0].masked" in {one["path"] for one in told["differences"]},
              "diff compares a delta with its base", json.dumps(told))
        check(ask("diff", "--base", base, delta, full)["equal"], "or with another, by its base")
        fails(3, "wrong-base", "diff", delta, full)
        fails(3, "wrong-base", "check", "--control", vm.control, delta)


def test_rebase(directory):
    prefix = key(directory, "k")
    anew = key(directory, "anew", "p256")
    trust = ("--trust", prefix + ".pub")
    paths = [os.path.join(directory, str(n)) for n in range(6)]
    with host(directory, model="demo.json") as vm:
        take(vm, prefix, paths[0], "--running")
        made = paths[0]
        for n in range(1, 5):
            go_on(vm, n)
            take(vm, prefix, paths[n], "--base", made)
            made = os.path.join(directory, f"made-{n}")
            line = ["rebase", "--key", anew + ".key", *trust, "--any-destination", "-o", made]
            told = ask(*line, *paths[:n + 1])
            check(told["kind"] == "final" and told["deltas"] == n, "a chain is merged",
                  json.dumps(told))
            trust = ("--trust", prefix + ".pub", "--trust", anew + ".pub")
            if n < 4:
                shutil.copy(made, paths[5])
                expect(0, "verify", *trust, made)
                line = ["snapshot", "--control", vm.control, "--key", prefix + ".key"]
                told = fails(15, "unknown-signer", *line, "--any-destination", "-o", paths[5],
                             "--base", made)
                made = rebase_by(directory, prefix, trust, made, paths[:n + 1])
        whole = os.path.join(directory, "whole")
        take(vm, prefix, whole)
        check(ask("diff", made, whole)["equal"], "what comes out is the state of the VM")
        told = ask("show", made)
        check(told["snapshot"]["id"] == ask("show", paths[4])["snapshot"]["id"] and
              told["snapshot"]["revision"] == 1, "under the id of the last delta", json.dumps(told))
        line = ["rebase", "--key", anew + ".key", *trust, "--any-destination", "-o", paths[5]]
        fails(3, "wrong-base", *line, paths[0], paths[2])
        fails(3, "wrong-base", *line, paths[0], paths[1], paths[1])
        fails(2, "usage", *line, paths[0], whole)
        fails(3, "wrong-base", *line, paths[1], paths[1])
        with host(directory, "b", model="demo.json", args=["--no-script"]) as there:
            expect(0, "restore", "--control", there.control, *trust, made)
        with host(directory, "c", model="demo.json", args=["--no-script"]) as there:
            fails(16, "already-used", "restore", "--control", there.control, *trust, "--base",
                  os.path.join(directory, "by-3"), paths[4])


def rebase_by(directory, prefix, trust, made, files):
    """The same merge sealed by the VM's own key: the next delta's base."""
    name = os.path.join(directory, f"by-{len(files) - 1}")
    told = ask("rebase", "--key", prefix + ".key", *trust, "--any-destination", "-o", name, *files)
    check(ask("diff", name, made)["equal"] and told["kind"] == "final", "whoever seals it")
    return name


def test_encrypted_delta(directory):
    prefix = key(directory, "k")
    reader = key(directory, "reader", "p256")
    with host(directory, model="demo.json") as vm:
        base, delta = (os.path.join(directory, name) for name in ("base", "delta"))
        take(vm, reader, base, "--running", "--encrypt-to", reader + ".crt")
        go_on(vm)
        take(vm, reader, delta, "--base", base, "--encrypt-to", reader + ".crt")
        trust = ("--trust", reader + ".pub")
        told = fails(15, "no-key", "verify", *trust, delta)
        check(told["expected"], "an encrypted delta needs its key", json.dumps(told))
        with host(directory, "b", model="demo.json", args=["--no-script"]) as there:
            told = ask("restore", "--control", there.control, *trust, "--key", reader + ".key",
                       "--base", base, delta)
            check(told["state"] == "running", "and is restored with it", json.dumps(told))
        del prefix


def test_a_realm(directory):
    prefix = key(directory, "k")
    trust = ("--trust", prefix + ".pub")
    model = description(directory)
    base, delta = (os.path.join(directory, name) for name in ("base", "delta"))
    with host(directory, model=model) as vm, host(directory, "b", model=model) as there:
        realm = Realm(vm).build(0)
        take(vm, prefix, base)
        realm.populate(RAM + 8 * 4096, 4096)
        before = vm.vm("status")["realm"]
        told = take(vm, prefix, delta, "--base", base)
        check(told["kind"] == "delta", "a realm's delta, which brings its pages", json.dumps(told))
        fails(6, "incompatible", "rebase", "--key", prefix + ".key", "--any-destination", "-o",
              os.path.join(directory, "x"), base, delta)
        ask("restore", "--control", there.control, *trust, "--base", base, delta)
        check(there.vm("status")["realm"] == before, "is built as it was")


def test_pipes(directory):
    prefix = key(directory, "k")
    with host(directory, model="demo.json") as vm:
        base, delta = chain(directory, vm, prefix)
        with open(delta, "rb") as stream:
            data = stream.read()
        done = run("rebase", "--key", prefix + ".key", "--any-destination", "--json", base, "-",
                   stdin=data, text=False)
        check(done.returncode == 0 and json.loads(done.stderr)["reason"] == "ok",
              "a delta is read from a pipe and the result written to one", repr(done.stderr))
        done = run("verify", "--trust", prefix + ".pub", "-", stdin=done.stdout, text=False)
        check(done.returncode == 0, "and it is a snapshot")


if __name__ == "__main__":
    sys.exit(cli.main(__name__))
