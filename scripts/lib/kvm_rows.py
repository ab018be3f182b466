# SPDX-License-Identifier: Apache-2.0
"""The rows of scripts/test kvm: the conformance data's questions, without the recorded answers.

A row is {"name", "area", "vcpus", "steps"}; tests/kvm/README.md lists the steps."""
import json
import os
import re

from tree import ROOT

DATA = os.path.join(ROOT, "tests", "conformance", "data", "kernel")
VOLUMES = {"vol-10000-single-stride2": (10000, 2, 0),
           "vol-10000-single-adjacent-same": (10000, 1, 0),
           "vol-10000-single-adjacent-alternating": (10000, 1, 1),
           "vol-100000-single-stride3": (100000, 3, 0)}


def _lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def recorded(kind):
    """Rows of every recording of @kind, each name once: newer kernels were asked more."""
    found = {}
    for name in sorted(os.listdir(DATA)):
        if re.fullmatch(kind + r"-kernel-[\d.]+(-max)?\.jsonl", name):
            for at, row in enumerate(_lines(os.path.join(DATA, name))):
                key = row.get("name", row.get("cap", "")), row.get("when"), row.get("op"), \
                    row.get("value") if row.get("op") == "set" else None, row.get("nr")
                found.setdefault(key if key[0] else at, row)
    return list(found.values())


def _attr(inputs):
    where = inputs.get("addr", "ok")
    mapped = re.fullmatch(r"(\d+) bytes mapped", where)
    words = {"NULL": "null", "unaligned by 1": "unaligned", "read-only page": "readonly"}
    step = {"do": "attr", "cmd": inputs["ioctl"].split("_")[1].lower(),
            "on": {"/dev/kvm": "system"}.get(inputs["fd"], inputs["fd"]),
            "group": inputs["group"], "attr": str(inputs["attr"]), "flags": inputs["flags"],
            "at": int(mapped.group(1)) if mapped else
            where if where.startswith("0x") else words.get(where, "ok")}
    filter_ = inputs.get("filter") or {}
    return dict(step, base=filter_.get("base", 0), nr=filter_.get("nr_functions", 0),
                action=filter_.get("action", 0), pad=filter_.get("pad", ""))


def _range(range_):
    return {"do": "attr", "cmd": "set", "on": "vm", "group": 0, "attr": 0, "flags": 0, "at": "ok",
            "base": range_["base"], "nr": range_.get("nr_functions", range_.get("nr")),
            "action": range_["action"]}


def _many(name):
    count, stride, alternate = VOLUMES[name]
    return {"do": "many", "base": "0xc4000000", "count": count, "stride": stride,
            "alternate": alternate}


def _volume_steps(name):
    """Refusals first, since they leave nothing behind."""
    after = [row["inputs"] for row in recorded("smccc-filter")
             if row["inputs"].get("setup") == name + " inserted"]
    after.sort(key=lambda inputs: inputs["filter"]["nr_functions"], reverse=True)
    return [_many(name), *(_attr(inputs) for inputs in after)]


def _filter_steps(name, inputs):
    setup = inputs.get("setup", [])
    if isinstance(setup, list):
        steps = [_range(range_) for range_ in setup]
    else:
        steps = [{"do": "run"}] if "has run" in setup or "KVM_RUN" in setup else []
        steps += [{"do": "init"}] if "INIT again" in setup else []
    if inputs["ioctl"] == "KVM_RUN":
        return steps + [{"do": "run"}]
    return steps + (_volume_steps(name) if "count" in inputs else [_attr(inputs)])


def _filter_rows():
    for row in recorded("smccc-filter"):
        name, inputs = row["name"], row["inputs"]
        if name == "_meta":
            continue
        made = {"name": "filter/" + name, "area": "SMCCC filter", "vcpus": 1}
        if str(inputs.get("setup", "")).endswith(" inserted"):
            continue    # asked of the VM that its volume has filled
        if name == "ebusy:after-vcpu-fd-closed":
            yield dict(made, skip="a port has no way to close a vCPU")
        elif "NULL" in inputs["ioctl"]:
            yield dict(made, skip="a port takes a struct, not a bad pointer in its place")
        else:
            yield dict(made, steps=_filter_steps(name, inputs),
                       bare="uninit" in name)


def _user(exit_):
    said = exit_.get("user", "")
    if said.startswith("run->hypercall"):
        return {"page_ret": "0xbad", "page_arg0": "0xbad1"}
    if said.startswith("pc=insn"):
        return {"pc": 0, "x0": said.rsplit("=", 1)[1]}
    if said.startswith("x0..x17"):
        return {f"x{n}": hex(0xc0de0000 + n) for n in range(18)}
    return {"x0": said[3:]} if said.startswith("x0=") else {}


def _call_steps(row):
    noted = re.match(r"(?:reg (\S+)|PSCI_VERSION reg) set to (\S+)", row.get("note", ""))
    steps = [_range(range_) for range_ in row["filter"]]
    if noted:
        steps.append({"do": "set", "id": noted.group(1) or "0x6030000000140000",
                      "value": noted.group(2)})
    call = {"do": "call", "smc": row["insn"].startswith("smc"),
            "imm": int(row["insn"].split("#")[1], 0), **row["in"],
            "random": row.get("out") == "random",
            "user": [_user(exit_) for exit_ in row["exits"] if exit_["reason"] == "HYPERCALL"]}
    return steps + [call]


def _call_rows():
    for row in recorded("smccc-calls"):
        if row["kind"] == "call":
            yield {"name": "call/" + row["name"], "area": "guest calls", "vcpus": 1,
                   "steps": _call_steps(row)}


def _register_rows():
    """One VM for all before the first run, one after it, as the recordings have it."""
    sets = {}
    for row in recorded("smccc-calls"):
        if row["kind"] != "reg":
            continue
        when = row["when"].split("-")[0]
        step = {"do": row["op"], "id": row["id"]}
        if row["op"] == "set":
            step["value"] = row["value"]
        step = [step] + ([{"do": "get", "id": row["id"]}] if row["op"] == "set" else [])
        sets.setdefault((row["name"], when), []).append((row["when"], step))
    for (name, when), found in sets.items():
        for at, (full, step) in enumerate(found):
            yield {"name": f"register/{full}/{name}/{at}", "area": "firmware registers",
                   "vcpus": 1, "steps": ([{"do": "run"}] if when == "after" else []) + step}


def _plain_rows():
    for word in ("events", "mp", "reglist"):
        yield {"name": "vcpu/" + word, "area": "vCPU state", "vcpus": 1, "steps": [{"do": word}]}
    for row in recorded("kvm-caps"):
        if row.get("name") == "cap":
            yield {"name": f"capability/{row['cap']}", "area": "capabilities", "vcpus": 0,
                   "steps": [{"do": "cap", "nr": row["nr"]}]}


def host_row():
    """What the model has to be told about the CPU: the mitigation levels, and SSBS by its call."""
    levels = [{"do": "get", "id": hex(0x6030000000140000 + n)} for n in (1, 2, 3)]
    return {"name": "_host", "area": "", "vcpus": 1, "steps": levels}


def all_rows():
    return [*_filter_rows(), *_call_rows(), *_register_rows(), *_plain_rows()]
