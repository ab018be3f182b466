#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""policy check and sign; and what a policy does to snapshot, verify, restore, send and recv."""
import json
import os

import cli
from cli import ask, check, expect, fails, host, key
from realms import Realm, description


def write(directory, name="p.json", mode=0o600, **rules):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="ascii") as file:
        json.dump({"policy": 1, **rules}, file)
    os.chmod(path, mode)
    return path


def key_id(prefix):
    return ask("trust", "rotate", "--key", prefix + ".key", "--to", prefix + "2.pub", "-o",
               prefix + ".rotation")["old"]


def keys(directory, *names):
    made = [key(directory, name) for name in names]
    for name in names:
        key(directory, name + "2")
    return made


def take(vm, prefix, path, *how, code=0):
    return ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path, *how, code=code)


def test_each_rule(directory):
    a, b = keys(directory, "a", "b")
    path = os.path.join(directory, "s")
    with host(directory) as vm:
        take(vm, a, path, "--to-audience", b + ".pub", "--expires-in", 1000)
    trust = ["--snapshot", path, "--trust", a + ".pub"]
    digest = "00" * 32
    rows = [("signers", [key_id(a)], [key_id(b)]), ("threshold", 1, 2),
            ("receivers", [key_id(b)], [key_id(a)]), ("any_destination", False, None),
            ("min_revision", 1, 2), ("profiles", ["spec", "kvm-v5"], ["kvm-v7"]),
            ("kernels", ["6.1", "6.12", "7.2"], []), ("encryption", False, True),
            ("max_age", 3600, None), ("expiry", 1000, 999), ("realm_rim", None, [digest]),
            ("single_use", True, None), ("overrides", [], None)]
    for number, (name, kept, broken) in enumerate(rows, 1):
        for value, code in ((kept, 0), (broken, 4)):
            if value is None:
                continue
            told = ask("policy", "check", write(directory, **{name: value}), *trust, code=code)
            rule = told["rules"][number - 1]
            check(rule["rule"] == number and rule["name"] == name and
                  rule["verdict"] == ("broken" if code else "holds") and rule["expected"] and
                  rule["actual"], f"{name} {value}", json.dumps(rule))
            check(all(other["verdict"] == "not-asked" for other in told["rules"]
                      if other["name"] != name), "the others ask nothing")
    fails(15, "unknown-signer", "policy", "check", write(directory), "--snapshot", path, "--trust",
          b + ".pub")


def test_it_is_kept(directory):
    a, b = keys(directory, "a", "b")
    only_b = write(directory, "b.json", signers=[key_id(b)])
    path = os.path.join(directory, "s")
    with host(directory) as vm, host(directory, "there", args=["--no-script"]) as there:
        named = ["snapshot", "--control", vm.control, "--key", a + ".key", "-o", path]
        told = fails(4, "policy", *named, "--any-destination", "--policy",
                     write(directory, any_destination=False))
        check(told["field"] == "any_destination" and not os.path.exists(path),
              "what breaks a rule is not sealed", json.dumps(told))
        fails(4, "policy", *named, "--any-destination", "--policy", write(directory, encryption=True))
        fails(4, "policy", *named, "--any-destination", "--policy", only_b)
        ask(*named, "--any-destination", "--policy", write(directory, signers=[key_id(a)]))
        fails(4, "policy", "verify", "--trust", a + ".pub", path, "--policy", only_b)
        restore = ["restore", "--control", there.control, "--trust", a + ".pub", path]
        told = fails(4, "policy", *restore, "--policy", only_b)
        check(told["actual"] == key_id(a) and there.vm("status")["info"]["generation"] == "0x0",
              "nothing is restored", json.dumps(told))
        once = write(directory, "once.json", overrides=[])
        ask(*restore, "--policy", once)
    with host(directory, "again", args=["--no-script"]) as there:
        restore[2] = there.control
        fails(16, "already-used", *restore, "--policy", once)
        fails(4, "policy", *restore, "--policy", once, "--override", "already-used", "--reason", "x")
        ask(*restore, "--policy", write(directory, single_use=False))


def test_the_folders_of_the_user_and_the_system(directory):
    a, = keys(directory, "a")
    folder = os.path.join(directory, "sdei-migrate", "policy.d")
    os.makedirs(folder)
    env = {"XDG_CONFIG_HOME": directory}
    path = os.path.join(directory, "s")
    with host(directory) as vm:
        take(vm, a, path, "--any-destination")
    line = ["verify", "--trust", a + ".pub", path]
    expect(0, *line, env=env)
    write(folder, "1.json", profiles=["spec"])
    expect(0, *line, env=env)
    write(folder, "2.json", profiles=["kvm-v7"])
    fails(4, "policy", *line, env=env)
    write(folder, "3.json", invented=1)
    fails(14, "damaged", *line, env=env)
    os.unlink(os.path.join(folder, "3.json"))
    os.unlink(os.path.join(folder, "2.json"))
    write(folder, "2.json.bak", profiles=["kvm-v7"])
    expect(0, *line, env=env)


def test_the_realm_of_a_snapshot(directory):
    a, = keys(directory, "a")
    path = os.path.join(directory, "s")
    with host(directory, model=description(directory)) as vm:
        rim = Realm(vm).build().status()["rim"]
        take(vm, a, path, "--any-destination")
    line = ["verify", "--trust", a + ".pub", path, "--policy"]
    expect(0, *line, write(directory, realm_rim=["00" * 32, rim]))
    told = fails(4, "policy", *line, write(directory, realm_rim=["00" * 32]))
    check(told["actual"] == rim, "a realm with another RIM is refused by it", json.dumps(told))
    with host(directory, "plain") as vm:
        take(vm, a, path, "--any-destination")
    told = fails(4, "policy", *line, write(directory, realm_rim=[rim]))
    check(told["actual"] == "no realm", "so is a VM that is none", json.dumps(told))


def test_what_is_no_policy(directory):
    for number, text in enumerate((
            "", "[]", "{}", '{"policy": 2}', '{"policy": 1, "signers": "x"}',
            '{"policy": 1, "signers": ["x"]}', '{"policy": 1, "threshold": 0}',
            '{"policy": 1, "threshold": 17}', '{"policy": 1, "encryption": "required"}',
            '{"policy": 1, "realm_rim": ["00"]}', '{"policy": 1, "profiles": [1]}',
            '{"policy": 1, "max_age": -1}', '{"policy": 1, "rules": {}}',
            '{"policy": 1, "policy": 1}', '{"policy": 1} x', "\0")):
        path = os.path.join(directory, f"{number}.json")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, 0o600)
        told = fails(14, "damaged", "policy", "check", path)
        check(told["object"] == path and told["expected"], f"policy {text!r} is refused by name",
              json.dumps(told))
    told = fails(15, "key-permissions", "policy", "check", write(directory, mode=0o622))
    check("0622" in told["actual"], "who may write it may change the rules", json.dumps(told))


def test_a_signed_policy(directory):
    a, b = keys(directory, "a", "b")
    path = write(directory, profiles=["spec"])
    line = ["policy", "check", path, "--policy-trust", a + ".pub"]
    fails(3, "unsigned", *line)
    ask("policy", "sign", path, "--key", b + ".key")
    fails(15, "unknown-signer", *line)
    ask("policy", "sign", path, "--key", a + ".key")
    ask(*line)
    os.chmod(path, 0o666)
    ask(*line)
    with open(path, "a", encoding="ascii") as file:
        file.write(" ")
    fails(3, "bad-signature", *line)


if __name__ == "__main__":
    cli.main(__name__)
