#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The vm commands: what they print, for calls, deliveries, registers, attributes, memory."""
import json

import cli
from cli import check, fails, host, model

EVENT = 0x400000
ENTRY = 0xffff800010080000
SDEI_COMMAND = 0xc010aed0


def plain(directory):
    return model(directory, "plain.json", vcpus=[{"mpidr": "0x0"}, {"mpidr": "0x1"}],
                 exposed=[{"num": hex(EVENT)}], memory=[{"base": "0x80000000", "size": "0x10000"}])


def number(text):
    return int(text, 16)


def test_a_call(directory):
    with host(directory, model=plain(directory)) as vm:
        told = vm.vm("call", "--vcpu", 0, "SDEI_VERSION")
        check(told["x0"] == "0x1000000000000" and told["returned"] is True, "VERSION in spec is 1.0",
              json.dumps(told))
        check(set(told["changed"]) == {0, 1, 2, 3}, "x0 to x3 are written", json.dumps(told))
        check(told["exits"] == [] and told["kick"] == [], "nobody else is concerned", json.dumps(told))
        check(vm.vm("call", "--vcpu", 0, "0xc4000020")["x0"] == told["x0"],
              "by number it is the same call")
        check(vm.vm("call", "--vcpu", 0, "--smc", "--imm", "0", "SDEI_VERSION")["x0"] == told["x0"],
              "and by SMC")
        told = vm.vm("call", "--vcpu", 0, "0xc400003f")
        check(told["x0"] == "0xffffffffffffffff", "a call nobody knows is NOT_SUPPORTED",
              json.dumps(told))
        told = vm.vm("call", "--vcpu", 0, "PSCI_SYSTEM_OFF")
        check(told["returned"] is False and told["exits"][0]["reason"] == "system_event" and
              told["exits"][0]["type"] == 1, "SYSTEM_OFF leaves for the VMM", json.dumps(told))


def test_an_event(directory):
    with host(directory, model=plain(directory)) as vm:
        one = ["--vcpu", 1]
        vm.vm("call", *one, "SDEI_EVENT_REGISTER", EVENT, hex(ENTRY), "0x1234", 0, 0)
        vm.vm("call", *one, "SDEI_EVENT_ENABLE", EVENT)
        vm.vm("call", *one, "SDEI_PE_UNMASK")
        vm.vm("regs", *one, "--set", "pc=0xffff800010001000", "x5=0x55", "pstate=0x60000005")
        told = vm.vm("run", *one)
        check(told["delivered"] is None and told["exit"] is None, "nothing is due", json.dumps(told))
        told = vm.vm("inject", *one, EVENT)
        check(told["ret"] == 0 and told["errno"] == "0", "INJECT_EVENT is accepted", json.dumps(told))
        told = vm.vm("run", *one)
        check(told["delivered"] == hex(EVENT) and number(told["pc"]) == ENTRY,
              "the event is delivered to its handler", json.dumps(told))
        regs = vm.vm("regs", *one)
        check((number(regs["x0"]), number(regs["x1"]), number(regs["x2"]), number(regs["x5"])) ==
              (EVENT, 0x1234, 0xffff800010001000, 0x55), "with the registers of DEN0054",
              json.dumps(regs))
        status = vm.vm("status")
        vcpu = status["vcpus"][1]
        check(vcpu["running"] == {"critical": None, "normal": hex(EVENT)} and
              vcpu["contexts"]["normal"]["pc"] == "0xffff800010001000", "status shows the handler",
              json.dumps(vcpu))
        told = vm.vm("call", *one, "SDEI_EVENT_COMPLETE", 0)
        check(told["returned"] is False and number(told["pc"]) == 0xffff800010001000,
              "COMPLETE goes back to where it was", json.dumps(told))
        told = vm.vm("inject", "--vcpu", 0, EVENT + 1)
        check(told["ret"] == -1 and told["errno"] not in ("0", None), "an unknown event is an errno",
              json.dumps(told))


def test_shapes_of_status(directory):
    with host(directory, model=plain(directory)) as vm:
        told = vm.vm("status")
        for name in ("state", "may_run", "epoch", "events", "vcpus", "vm", "info"):
            check(name in told, f"status says {name}", json.dumps(told)[:300])
        check(told["state"] == "running" and told["may_run"] is True, "a new VM runs")
        check(told["events"][0]["num"] == hex(EVENT) and told["events"][0]["exposed"] is True,
              "exposed events are listed", json.dumps(told["events"]))
        check([vcpu["power"] for vcpu in told["vcpus"]] == ["on", "on"], "and the vCPUs' power")


def test_paused(directory):
    with host(directory, model=plain(directory)) as vm:
        check(vm.vm("pause")["state"] == "paused", "pause stops it")
        check(vm.vm("status")["may_run"] is False, "status says so")
        fails(11, "busy", "vm", "call", "--control", vm.control, "--vcpu", 0, "SDEI_VERSION")
        fails(11, "busy", "vm", "run", "--control", vm.control, "--vcpu", 0)
        told = vm.vm("run", "--vcpu", 0, "--immediate-exit")
        check(told["exit"] == {"reason": "intr"}, "an immediate exit is possible all the same",
              json.dumps(told))
        check(vm.vm("resume")["state"] == "running", "resume lets it run")
        vm.vm("call", "--vcpu", 0, "SDEI_VERSION")


def test_what_it_says_of_its_state(directory):
    prefix = cli.key(directory, "k")
    with host(directory, model=plain(directory)) as vm, host(directory, "b", model=plain(directory),
                                                             args=["--no-script"]) as there:
        told = fails(4, "refused", "vm", "mmio", "--control", vm.control, "--vcpu", 0, "read", "0x1000",
                     4, "--no-syndrome")
        check("ARM_NISV_TO_USER" in told["expected"], "what an access without a syndrome needs", told)
        receiver = cli.start("recv", "--listen", f"unix:{directory}/s", "--control", there.control, "--key",
                             prefix + ".key", "--peer", prefix + ".crt", "--once", "--state", directory + "/there")
        check(receiver.said(), "recv listens")
        cli.ask("send", "--control", vm.control, "--to", f"unix:{directory}/s", "--key", prefix + ".key",
                "--peer", prefix + ".crt")
        receiver.communicate(timeout=cli.TIMEOUT)
        check(receiver.returncode == 0, "the VM is handed over")
        told = fails(11, "busy", "vm", "run", "--control", vm.control, "--vcpu", 0)
        check(told["actual"] == "it is ended", "the one that was says so", told)


def test_registers(directory):
    with host(directory, model=plain(directory)) as vm:
        regs = vm.vm("regs", "--vcpu", 0)
        check({f"x{i}" for i in range(31)} | {"sp", "pc", "pstate", "elr_el1", "spsr_el1", "sctlr_el1",
                                              "vbar_el1"} <= set(regs), "all registers are shown")
        regs = vm.vm("regs", "--vcpu", 0, "--set", "x30=-1", "sp=4096", "vbar_el1=0x1000")
        check((regs["x30"], regs["sp"], regs["vbar_el1"]) == ("0xffffffffffffffff", "0x1000", "0x1000"),
              "written registers are shown", json.dumps(regs))
        fails(2, "usage", "vm", "regs", "--control", vm.control, "--vcpu", 0, "--set", "x31=0")
        fails(2, "usage", "vm", "regs", "--control", vm.control, "--vcpu", 0, "--set", "x1")
        fails(2, "usage", "vm", "regs", "--control", vm.control, "--vcpu", 2)
        pc = "0x6030000000100040"
        told = vm.vm("reg set", "--vcpu", 0, pc, "0x8000")
        check(told["ret"] == 0, "KVM_SET_ONE_REG works", json.dumps(told))
        told = vm.vm("reg get", "--vcpu", 0, pc)
        check(told == {"ret": 0, "errno": "0", "value": "0x8000"}, "KVM_GET_ONE_REG reads it back",
              json.dumps(told))
        check(vm.vm("regs", "--vcpu", 0)["pc"] == "0x8000", "and so does vm regs")
        for unknown in ("0x6030000000ffffff", "-1"):  # -1 says a size of 32 KiB
            told = vm.vm("reg get", "--vcpu", 0, unknown)
            check(told == {"ret": -1, "errno": "ENOENT"}, "an unknown id is an errno and nothing else",
                  json.dumps(told)[:200])
        told = vm.vm("reg set", "--vcpu", 0, "0x6030000000ffffff", "1")
        check(told == {"ret": -1, "errno": "ENOENT"}, "and is not set", json.dumps(told))


def test_wide_registers(directory):
    path = model(directory, "v7.json", profile="kvm-v7", vcpus=[{}])
    handler = "0x6040000000140004"
    with host(directory, model=path) as vm:
        told = vm.vm("reg get", "--vcpu", 0, handler)
        check(told == {"ret": 0, "errno": "0", "data": "00" * 16}, "16 bytes come as bytes",
              json.dumps(told))
        for value in ("11" * 16, "0123456789abcdef" * 2):
            check(vm.vm("reg set", "--vcpu", 0, handler, value)["ret"] == 0, "and go as bytes")
            check(vm.vm("reg get", "--vcpu", 0, handler)["data"] == value, "as they were written")
        fails(2, "usage", "vm", "reg", "--control", vm.control, "--vcpu", 0, "set", handler, "0x1")


def test_attributes(directory):
    with host(directory, model=plain(directory)) as vm:
        sdei = "200000c4" + "20000000" + "02" + "00" * 15
        check(vm.vm("attr has", 0, 0)["ret"] == 0, "the SMCCC filter is there")
        told = vm.vm("attr set", 0, 0, sdei)
        check(told["ret"] == 0, "SDEI can be forwarded", json.dumps(told))
        check(vm.vm("attr set", 0, 0, sdei)["errno"] == "EEXIST", "only once")
        check(vm.vm("status")["filter"]["ranges"] ==
              [{"base": "0xc4000020", "count": 32, "action": "forward"}], "status shows the filter")
        check(vm.vm("attr set", 0, 0, "null")["errno"] == "EFAULT", "a null pointer is EFAULT")
        check(vm.vm("attr has", 0x7777, 0)["errno"] == "ENXIO", "an unknown group is ENXIO")
        told = vm.vm("call", "--vcpu", 0, "SDEI_VERSION")
        check(told["returned"] is False and told["exits"] ==
              [{"reason": "hypercall", "nr": "0xc4000020", "flags": "0x0"}],
              "a forwarded call leaves for the VMM", json.dumps(told))
        info = vm.vm("attr get", 0x564d, 0, "00" * 64)["data"]
        check(len(info) == 128 and info[88:96] == "02000000", "the VM tells its number of vCPUs", info)


def test_ioctls(directory):
    with host(directory, model=plain(directory)) as vm:
        told = vm.vm("ioctl", hex(SDEI_COMMAND), "00" * 16)
        check(told["ret"] == 0 and told["data"][8:16] == "00000100", "GET_VERSION answers 1.0.0",
              json.dumps(told))
        told = vm.vm("ioctl", hex(SDEI_COMMAND), "0200000001000000" + "00" * 8, "--ptr", f"8={'ff' * 24}")
        check(told["ret"] == 0 and told["ptr"].startswith("0000400000000000"),
              "GET_EXPOSED_EVENT fills what the pointer names", json.dumps(told))
        told = vm.vm("ioctl", hex(SDEI_COMMAND), "0200000002000000" + "00" * 8, "--ptr", f"8={'ff' * 24}")
        check(told["ret"] == -1 and told["errno"] == "EFAULT", "a count beyond the buffer is EFAULT",
              json.dumps(told))
        check(vm.vm("ioctl", "0xae03", "d3")["ret"] >= 0, "a number is passed as a number")
        check(vm.vm("ioctl", "0xaeff", "00")["errno"] == "EINVAL", "an unknown ioctl is EINVAL on arm64")


def test_memory(directory):
    with host(directory, model=plain(directory)) as vm:
        check(vm.vm("mem write", "0x80000ffc", "0102030405060708")["ret"] == 0, "memory is written")
        told = vm.vm("mem read", "0x80000ffe", 4)
        check(told["data"] == "03040506", "and read, across pages", json.dumps(told))
        check(vm.vm("mem read", "0x7ffffffe", 4)["errno"] == "EFAULT", "outside there is nothing")
        told = vm.vm("mmio read", "--vcpu", 0, "0x80000ffc", 4)
        check(told == {"exit": None, "abort": None, "value": "0x4030201"},
              "the guest's read of memory stays inside", json.dumps(told))
        told = vm.vm("mmio write", "--vcpu", 0, "0x9000000", 4, "0x41")
        check(told["exit"] == "mmio" or told["abort"], "an access outside memory does not",
              json.dumps(told))


def test_a_wrong_request_is_quoted(directory):
    with host(directory, model=plain(directory)) as vm:
        for field, got, line in (
                ("fid", '"NOPE"', ["call", "--vcpu", 0, "NOPE"]),
                ("x31", '"0x1"', ["regs", "--vcpu", 0, "--set", "x31=1"]),
                ("x1", '"zz"', ["regs", "--vcpu", 0, "--set", "x1=zz"]),
                ("value", '"zz"', ["mmio", "write", "--vcpu", 0, "0x1000", 4, "zz"]),
                ("data", '"abc"', ["mem", "write", "0x80000000", "abc"])):
            told = fails(2, "usage", "vm", *line, "--control", vm.control)
            check(told["field"] == field and told["actual"] == got and told["expected"],
                  "what was wrong is quoted beside what is right", json.dumps(told))


def test_other_types_of_vm(directory):
    for kind, guard in (("realm", "S"), ("s390", "off"), ("arm64", "A1"), ("arm64", "A2"),
                        ("arm64", "U")):
        described = model(directory, "type.json", type=kind, guard=guard, kernel="7.2", vcpus=[{}, {}])
        with host(directory, model=described) as vm:
            status = vm.vm("status")
            abi = status["guard"] and status["guard"]["abi"]
            check(status["vm"]["type"] == kind and abi == (None if kind == "s390" else guard),
                  "a VM is what it was described as", json.dumps(status))
            check((status["s390"] is not None) == (kind == "s390"), "s390's own part is s390's alone",
                  json.dumps(status["s390"]))
            check(len(status["vcpus"]) == (2 if kind == "arm64" else 0),
                  "vCPUs of other types are not there at first", json.dumps(status["vcpus"]))
            check((status["realm"] is not None) == (kind == "realm"), "a realm alone has a realm",
                  json.dumps(status["realm"]))
            if kind != "realm":
                check(vm.vm("run", "--vcpu", 1)["exit"] is None, f"{kind}: the first run creates them")
                check(len(vm.vm("status")["vcpus"]) == 2, "all of them")
                continue
            told = fails(4, "refused", "vm", "run", "--vcpu", 1, "--control", vm.control)
            check((told["object"], told["field"], told["actual"]) == ("realm", "state", "none"),
                  "a realm that is not built says so", json.dumps(told))
            realm = vm.vm("status")["realm"]
            check(realm["state"] == "none" and realm["recs"] == 0 and len(realm["rem"]) == 4 and
                  len(realm["rim"]) == 64, "its status tells how far it is", json.dumps(realm))


def test_nobody_there(directory):
    fails(5, "peer", "vm", "status", "--control", directory + "/absent.sock")


if __name__ == "__main__":
    cli.main(__name__)
