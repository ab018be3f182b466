#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""show --form, encode, edit, sign and convert: a snapshot in a person's hands, and sealed again."""
import json
import os

import cli
from cli import ask, check, expect, fails, host, key


def sealed(directory, prefix, model="demo.json"):
    path = os.path.join(directory, "s")
    with host(directory, model=model) as vm:
        ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path,
            "--any-destination")
    return path


def at(directory, name):
    return os.path.join(directory, name)


def write(path, what):
    with open(path, "w", encoding="utf-8") as file:
        file.write(what if isinstance(what, str) else json.dumps(what))
    return path


def test_the_form_goes_round(directory):
    prefix = key(directory, "k")
    path = sealed(directory, prefix)
    form = ask("show", path, "--form")["form"]
    check(form["fields"]["vcpu_state[0].critical_num"] == "0x400001" and
          form["fields"]["queue[1].word"][0] == "0x400000", "fields stand by their paths")
    check("memory" in form["records"] and "topology" not in form["records"],
          "and what has no fields by its bytes", str(list(form["records"])))
    for number, given in enumerate((form, {"form": form, "verified": False})):
        out = at(directory, f"u{number}")
        told = ask("encode", write(at(directory, "form.json"), given), "-o", out)
        check(told["signatures"] == 0, "it is unsigned", json.dumps(told))
        expect(0, "diff", path, out)
        fails(3, "unsigned", "verify", "--trust", prefix + ".pub", out)
    again = ask("show", out, "--form")["form"]
    check(again == form, "and its form is the same")


def test_changes(directory):
    prefix = key(directory, "k")
    path, out = sealed(directory, prefix), at(directory, "u")
    done = expect(0, "edit", path, "-o", out, "--set", "vm.generation=7", "--set",
                  "vcpu_state[0].normal_regs.regs[3]=0xdead", "--trust", prefix + ".pub")
    check("sign" in done.stderr, "it says what is left to do", done.stderr)
    told = ask("diff", path, out, code=1)["differences"]
    check([(entry["path"], entry["b"]) for entry in told] ==
          [("vm.generation", "0x7"), ("vcpu_state[0].normal_regs.regs[3]", "0xdead")],
          "nothing else changes", json.dumps(told))
    told = ask("sign", out, "--key", prefix + ".key", "-o", at(directory, "t"), "--any-destination")
    check(told["signatures"] == 1 and
          ask("verify", "--trust", prefix + ".pub", at(directory, "t"))["snapshot"]["id"] !=
          ask("show", path)["snapshot"]["id"], "sealed anew it is another snapshot")
    with host(directory, "there", model="demo.json", args=["--no-script"]) as there:
        ask("restore", "--control", there.control, "--trust", prefix + ".pub", at(directory, "t"))
        check(there.vm("status")["info"]["generation"] == "0x8", "and can be restored")
    ask("edit", path, "-o", out, "--set", "queue[2].word=")
    check("queue[2].word" not in ask("show", out, "--form")["form"]["fields"], "a queue is emptied")
    ask("edit", path, "-o", out, "--set", "queue[1].word=0x400000,1")
    check(ask("show", out, "--form")["form"]["fields"]["queue[1].word"] == ["0x400000", "0x1"],
          "or written as a whole")


def test_what_is_refused(directory):
    prefix = key(directory, "k")
    path, out = sealed(directory, prefix), at(directory, "u")
    edit = ["edit", path, "-o", out]
    fails(2, "usage", *edit)
    for change in ("vm.generation", "vm.generation=x", "vm.colour=1", "vcpu_state[9].masked=1",
                   "vcpu_state[0].masked=2", "vm.uuid[16]=1", "vm.uuid=1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7",
                   "vcpu[0]=1", "queue[0].word=1", "queue[0].length=1", "registered[0x400000].route_mode=256",
                   "registered[]=1", "=1", "vm.ipa_bits=0x100000000"):
        told = fails(2, "usage", *edit, "--set", change)
        check(told["expected"], f"{change} is refused by name", json.dumps(told))
    fails(2, "usage", *edit, "--remove", "pending[0x1]")
    fails(2, "usage", *edit, "--remove", "vm.generation")
    told = fails(14, "inconsistent", *edit, "--set", "vcpu_state[0].critical_num=0x499999")
    check(not os.path.exists(out), "what is inconsistent is not written", json.dumps(told))
    form = ask("show", path, "--form")["form"]
    bad = [("", 13, "not-ours"), ("{}", 2, "usage"), ({**form, "form": 2}, 2, "usage"),
           ({**form, "profile": "x"}, 2, "usage"), ({**form, "vcpus": 0}, 2, "usage"),
           ({**form, "vcpus": 513}, 2, "usage"), ({**form, "fields": []}, 2, "usage"),
           ({**form, "fields": {"vm.generation": -1}}, 2, "usage"),
           ({**form, "fields": {"vm.generation": [1, 2]}}, 2, "usage"),
           ({**form, "records": {"memory": {"number": 11, "body": "xx"}}}, 2, "usage"),
           ({**form, "records": {"memory": {"number": 11, "body": "00"}}}, 14, "damaged"),
           ({**form, "records": {"x": {"number": 1, "body": ""}}}, 2, "usage"),
           ({**form, "records": {"x": {"number": 99, "body": ""}}}, 6, "unknown-record")]
    for what, code, reason in bad:
        fails(code, reason, "encode", write(at(directory, "f"), what), "-o", out)
    check(not os.path.exists(out), "and nothing of it is written")
    fails(2, "usage", "sign", path, "--key", prefix + ".key", "-o", out)
    fails(2, "usage", "sign", path, "--key", prefix + ".key", "--trust", prefix + ".pub", "-o", out,
          "--any-destination")


def test_convert(directory):
    prefix = key(directory, "k")
    path, out = sealed(directory, prefix), at(directory, "c")
    convert = ["convert", path, "--key", prefix + ".key", "-o", out, "--any-destination"]
    told = ask(*convert, "--revision", 2)
    check(told["losses"] == [] and ask("show", out)["snapshot"]["revision"] == 2, "another revision",
          json.dumps(told))
    expect(0, "diff", path, out)
    check(ask("show", out)["snapshot"]["id"] == ask("show", path)["snapshot"]["id"],
          "it is the same snapshot still")
    done = expect(6, *convert, "--profile", "kvm-v7", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    check(len(lines) > 1 and all(line["event"] == "loss" and line["loss"]["text"] for line in lines[:-1])
          and lines[-1]["reason"] == "lossy", "everything that is lost is told", done.stdout)
    check("lost: " in expect(6, *convert, "--profile", "kvm-v7").stderr, "in words too")
    told = ask(*convert, "--profile", "kvm-v5", "--allow-loss")
    check(told["profile"] == "kvm-v5" and told["from"] == "spec", "another profile", json.dumps(told))
    check(ask("show", out)["snapshot"]["profile"] == "kvm-v5", "which the manifest says")
    fails(15, "unknown-signer", *convert, "--trust", key(directory, "other") + ".pub")


if __name__ == "__main__":
    cli.main(__name__)
