#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Filter, firmware registers, guard and open exits by hand: show, diff, restore, and every direction that is refused."""
import io
import json
import os
import shutil
import sys

import cli
from cli import ask, check, expect, fails, host, key, model

sys.path.insert(0, os.path.join(cli.SOURCE, "tests", "independent"))
import read_records  # noqa: E402
import read_sealed  # noqa: E402

FORWARDED, DEVICE = 0xC6000050, 0x10000000
SOURCE_VM = {"kernel": "7.2", "guard": "S", "vcpus": [{}, {}, {}]}
ANSWERS = [{"base": FORWARDED, "count": 1}]


def source(directory, name="a", **more):
    return host(directory, name, model=model(directory, name + ".json", **{**SOURCE_VM, **more}))


def fill(vm):
    """Something of each: what a VMM decides before, what a guest does, and two vCPUs that wait."""
    check(vm.vm("filter", "forward", hex(FORWARDED), 1)["ret"] == 0, "calls can be forwarded")
    check(vm.vm("filter", "deny", "0x84000050", 4)["ret"] == 0, "and denied")
    check(vm.vm("filter", "deny", "0x84000050", 4)["errno"] == "EEXIST", "once")
    check(vm.vm("firmware", "psci_version", "0x10001")["ret"] == 0, "PSCI can be lowered")
    check(vm.vm("firmware", "std_hyp", 0)["ret"] == 0, "a hypercall can be hidden")
    check(vm.vm("firmware", "std_hyp")["value"] == "0x0", "which reads back")
    check(vm.vm("call", "--vcpu", 0, "0xc6000003")["x0"] == "0x0", "the guest enrols in the guard")
    check(vm.vm("call", "--vcpu", 0, "0xc6000004", hex(DEVICE))["x0"] == "0x0", "and maps a device")
    check(vm.vm("call", "--vcpu", 1, hex(FORWARDED))["exits"][0]["reason"] == "hypercall", "one waits with a call")
    check(vm.vm("mmio", "--vcpu", 2, "write", hex(DEVICE), 4, "0xcafe")["exit"] == "mmio", "one with a store")


def seal(directory, vm, prefix, name="a.snap"):
    path = os.path.join(directory, name)
    ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path, "--any-destination")
    return path


def test_show_and_a_second_reader(directory):
    prefix = key(directory, "k")
    with source(directory, answers=ANSWERS) as vm:
        fill(vm)
        path = seal(directory, vm, prefix)
    told = ask("show", "--filter", "--guard", "--firmware", "--exits", "--trust", prefix + ".pub", path)
    check(set(told) == {"filter", "guard", "firmware", "pending_exits", "verified"}, "what was asked for", str(set(told)))
    check([row["action"] for row in told["filter"]["ranges"]] == ["deny", "forward"], "the filter")
    check([row["value"] for row in told["firmware"] if row["name"] == "psci_version"] == ["0x10001"], "the version")
    check([row["reason"] for row in told["pending_exits"]] == ["hypercall", "mmio"], "two wait")
    check(told["guard"]["ranges"] == [{"base": hex(DEVICE), "size": "0x1000"}], "the guard")
    folder = os.path.join(directory, "trust")
    os.mkdir(folder)
    shutil.copy(prefix + ".pub", folder)
    if not shutil.which("zstd") or not shutil.which("openssl"):
        return
    with open(path, "rb") as stream:
        read = read_sealed.read(io.BytesIO(stream.read()), read_sealed.load_trust(folder), None)
    for part, value in read_records.read(read["records"]).items():
        check(told[part] == value, f"a second reader says the same of {part}", f"{value} {told[part]}")


def test_verify_takes_them_and_no_broken_one_is_made(directory):
    prefix = key(directory, "k")
    with source(directory, answers=ANSWERS) as vm:
        fill(vm)
        path = seal(directory, vm, prefix)
    told = ask("verify", "--trust", prefix + ".pub", path)
    check(told["reason"] == "ok", "a snapshot with all of them verifies", json.dumps(told))
    out = os.path.join(directory, "edited")
    rows = (
        ("pending_exits[0x2].len=9", "pending exit of vcpu 2", "len"),
        ("pending_exits[0x2].answered=1", None, None),
        ("pending_exits[0x1].answered=1", "pending exit of vcpu 1", "answered"),
        ("pending_exits[0x1].reason=9", "pending exit of vcpu 1", "reason"),
        ("guard.granule=5000", "MMIO guard", "granule"),
        (f"filter.range[{FORWARDED:#x}].action=3", "SMCCC filter", "action"),
        ("fw_regs[0x6030000000140000].value=0x10000", None, None),
    )
    for change, thing, field in rows:
        if thing is None:
            expect(0, "edit", path, "-o", out, "--set", change)
            check(len(ask("diff", path, out, code=1)["differences"]) == 1, f"{change} is one difference")
            os.unlink(out)
            continue
        told = fails(14, "inconsistent", "edit", path, "-o", out, "--set", change)
        check(told["object"].startswith(thing) and told["field"] == field, f"{change} is refused by name", json.dumps(told))


def test_there_with_everything(directory):
    prefix = key(directory, "k")
    with source(directory, answers=ANSWERS) as vm, source(directory, "b", answers=ANSWERS) as there:
        fill(vm)
        path = seal(directory, vm, prefix)
        ask("restore", "--control", there.control, "--trust", prefix + ".pub", path)
        status = there.vm("status")
        for part in ("guard", "firmware", "pending_exits"):
            check(status[part] == vm.vm("status")[part], f"{part} came along")
        check(status["filter"]["ranges"] == vm.vm("status")["filter"]["ranges"], "and so did the filter")
        check(there.vm("answer", "--vcpu", 1, 7)["ret"] == 0 and there.vm("answer", "--vcpu", 2)["ret"] == 0,
              "the VMM there answers")
        check(there.vm("answer", "--vcpu", 1)["errno"] == "ENOENT", "once")
        check(there.vm("regs", "--vcpu", 1)["x0"] == "0x7", "the call has its result")
        again = seal(directory, there, prefix, "b.snap")
        told = expect(1, "diff", path, again).stdout
        check("pending_exits" in told and "vcpu_regs[1].x0" in told, "diff names what changed", told)


def test_every_refusal_names_its_reason(directory):
    prefix = key(directory, "k")
    with source(directory, answers=ANSWERS) as vm:
        fill(vm)
        check(vm.vm("firmware", "psci_version", "0x10003")["ret"] == 0, "PSCI 1.3")
        path = seal(directory, vm, prefix)
    rows = (
        ({"answers": []}, "SMCCC filter range 0xc6000050"),
        ({"kernel": "6.12", "answers": ANSWERS}, "firmware register psci_version"),
        ({"host_levels": {"workaround_1": 1}, "answers": ANSWERS}, "firmware register workaround_1"),
        ({"host_levels": {"page_size": 65536}, "answers": ANSWERS}, "MMIO guard"),
    )
    for number, (more, thing) in enumerate(rows):
        with source(directory, f"to{number}", **more) as there:
            told = fails(6, "incompatible", "restore", "--control", there.control, "--trust", prefix + ".pub",
                         "--state", os.path.join(directory, f"state{number}"), path)
            check(thing in json.dumps(told), f"{thing} is named", json.dumps(told))


def test_schema_of_answers(directory):
    for wrong in ([{"base": 1}], [{"base": 5, "count": 2}, {"base": 6, "count": 1}],
                  [{"base": 0xFFFFFFFF, "count": 2}], {"base": 1}):
        path = model(directory, "wrong.json", vcpus=[{}], answers=wrong)
        done = cli.run("host", "--vm", path, "--control", os.path.join(directory, "no.sock"))
        check(done.returncode == 2 and "answers" in done.stderr, "a wrong list is refused by name", done.stderr)


if __name__ == "__main__":
    cli.main(__name__)
