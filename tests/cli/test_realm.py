#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Realms in sealed files: built again exactly, started again from cold, and what is refused."""
import json
import os

from cli import ask, check, expect, fails, host, key, main
from realms import RAM, Realm, description


def snapshot(directory, vm, prefix, name, *how, **rest):
    path = os.path.join(directory, name)
    return path, ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path,
                     "--any-destination", *how, **rest)


def restore(vm, prefix, path, *how, **rest):
    return ask("restore", "--control", vm.control, "--trust", prefix + ".pub", path, *how, **rest)


def test_a_new_realm_is_built_again(directory):
    prefix = key(directory, "k")
    for dialect in ("v1", "v8"):
        for algorithm in (0, 1):
            model = description(directory, dialect=dialect)
            with host(directory, model=model) as vm, host(directory, "b", model=model) as there:
                before = Realm(vm, dialect).build(algorithm).status()
                path, _ = snapshot(directory, vm, prefix, f"{dialect}{algorithm}.snap")
                told = restore(there, prefix, path)
                after = there.vm("status")["realm"]
                check(before == after and after["state"] == "new", f"{dialect}: the same realm",
                      json.dumps([before, after]))
                check(told["realm"] == {"start": "exact", "rems": "zero", "rim": before["rim"]},
                      "restore says so", json.dumps(told))
                check(there.vm("mem read", hex(RAM), 8)["data"] == b"an image".hex(),
                      "with its pages")
                expect(0, "verify", "--trust", prefix + ".pub", path)
                shown = ask("show", "--trust", prefix + ".pub", "--realm", path)["realm"]
                check([step["kind"] for step in shown["steps"]] ==
                      ["create", "init-ripas", "populate", "rec"] and shown["pages"] == 5 and
                      shown["steps"][-1]["rim"] == shown["rim"] == before["rim"] and
                      shown["rpv"].startswith(b"whose it is".hex()),
                      "show --realm tells how it was built", json.dumps(shown))
                again, _ = snapshot(directory, there, prefix, "again.snap")
                done = expect(1, "diff", path, again)
                check(done.stdout == "- vm.generation = 0x0\n+ vm.generation = 0x1\n",
                      "a snapshot of what was built differs in nothing else", done.stdout)
                Realm(vm, dialect).populate(RAM + 8 * 4096, 4096)
                other, _ = snapshot(directory, vm, prefix, "other.snap")
                done = expect(1, "diff", path, other)
                check("realm.step[4]" in done.stdout and "realm.n_granules = 0x6" in done.stdout,
                      "diff names the step more", done.stdout[:300])


def test_an_active_realm_only_from_cold(directory):
    prefix = key(directory, "k")
    model = description(directory)
    with host(directory, model=model) as vm, host(directory, "b", model=model) as there:
        realm = Realm(vm).build().activate()
        realm.extend(2, b"abc")
        before = realm.status()
        told = fails(6, "incompatible", "snapshot", "--control", vm.control, "--key",
                     prefix + ".key", "-o", os.path.join(directory, "no.snap"), "--any-destination")
        check((told["object"], told["field"], told["actual"]) == ("realm", "state", "active"),
              "an active realm is refused by name", json.dumps(told))
        path, _ = snapshot(directory, vm, prefix, "cold.snap", "--cold")
        told = fails(4, "policy", "restore", "--control", there.control, "--trust",
                     prefix + ".pub", path)
        check(told["field"] == "realm" and "--cold" in told["expected"], "restore wants the word too",
              json.dumps(told))
        told = restore(there, prefix, path, "--cold")
        after = there.vm("status")["realm"]
        check(told["realm"]["start"] == "cold" and told["realm"]["rems"] == "reset",
              "what is lost is said", json.dumps(told))
        check(after["state"] == "active" and after["rim"] == before["rim"] and
              set("".join(after["rem"])) == {"0"}, "it starts again, REMs at zero",
              json.dumps(after))


def test_contents_beside_the_file(directory):
    prefix = key(directory, "k")
    model = description(directory)
    images = os.path.join(directory, "images", "")
    os.mkdir(images)
    with host(directory, model=model) as vm:
        realm = Realm(vm).build(image=bytes(range(256)) * 32)
        whole, told = snapshot(directory, vm, prefix, "embedded.snap")
        path, _ = snapshot(directory, vm, prefix, "referred.snap", "--realm-contents",
                           "ref=" + images)
        names = os.listdir(images)
        check(len(names) == 1 and len(names[0]) == 64 and
              os.path.getsize(images + names[0]) == 5 * 4096, "the pages stand beside it",
              str(names))
        with host(directory, "b", model=model) as there:
            restore(there, prefix, path)
            check(there.vm("status")["realm"] == realm.status(), "and are found there")
        os.rename(images + names[0], os.path.join(directory, names[0]))
        with host(directory, "c", model=model) as there:
            told = fails(75, "temporary", "restore", "--control", there.control, "--trust",
                         prefix + ".pub", "--state", directory + "/s", path)
            check(told["vm_state"]["destination"] == "ended", "without them nothing is built",
                  json.dumps(told))
            restore(there, prefix, path, "--realm-contents", directory, "--state", directory + "/s")
            check(there.vm("status")["realm"] == realm.status(), "another folder may be named")
        with open(os.path.join(directory, names[0]), "r+b") as out:
            out.seek(2 * 4096 + 5)
            out.write(b"!")
        with host(directory, "d", model=model) as there:
            told = fails(8, "differs", "restore", "--control", there.control, "--trust",
                         prefix + ".pub", "--state", directory + "/t", "--realm-contents",
                         directory, path)
            check(told["object"] == "realm step 2 (populate 0x80000000)" and
                  told["field"] == "page-content" and "page 0x80002000" in told["expected"] and
                  told["advice"] == "A page holds other bytes.",
                  "a page that was changed is named as explain names it", json.dumps(told))
        fails(2, "usage", "snapshot", "--control", vm.control, "--key", prefix + ".key", "-o",
              path, "--any-destination", "--realm-contents", "elsewhere")
        realm.write(RAM + 4096, b"written later")
        told = fails(8, "differs", "snapshot", "--control", vm.control, "--key", prefix + ".key",
                     "-o", path, "--any-destination")
        check(told["object"] == "realm contents" and told["field"] == "page",
              "pages that are not what was measured are not sealed", json.dumps(told))
        del whole


def test_obstacles_come_before_the_first_step(directory):
    prefix = key(directory, "k")
    poor = 40 | 4 << 14 | 3 << 20 | 1 << 32  # fewer breakpoints and watchpoints, SHA-256 alone
    with host(directory, model=description(directory)) as vm, \
            host(directory, "b", model=description(directory, "poor.json",
                                                   host_levels={"rmm_features": hex(poor)})) as there:
        Realm(vm).build()
        path, _ = snapshot(directory, vm, prefix, "a.snap")
        told = fails(6, "incompatible", "restore", "--control", there.control, "--trust",
                     prefix + ".pub", path)
        fields = {each["field"] for each in told["obstacles"]}
        check({"hash", "num_bps", "num_wps"} <= fields, "all limits are listed", json.dumps(told))
        check(there.vm("status")["realm"]["state"] == "none", "nothing was begun")


if __name__ == "__main__":
    main(__name__)
