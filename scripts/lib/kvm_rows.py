# SPDX-License-Identifier: Apache-2.0
"""The rows of scripts/test kvm: the conformance data's questions, without the recorded answers.

A row is {"name", "area", "vcpus", "steps"} and sometimes "continues"; tests/kvm/README.md lists the steps."""
import json
import os
import random
import re

from tree import ROOT

DATA = os.path.join(ROOT, "tests", "conformance", "data", "kernel")
PTP = "86000001"    # answers with the time
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
            "random": row.get("out") == "random" or row["in"]["x0"].endswith(PTP),
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


# Every size and direction, at the ends of the data; then the PC that the VMM had better not have set yet.
def _access_rows():
    values = ("0x0", "0x1122334455667788", "0xffffffffffffffff")
    for length in (1, 2, 4, 8):
        for write in (True, False):
            for value in values:
                word = "store" if write else "load"
                step = {"do": "access", "write": write, "len": length, "ipa": "0x09000040",
                        "value": value if write else "0xa5a5a5a5a5a5a5a5", "answer": value}
                yield {"name": f"access/{word}-{length}-{value}", "area": "MMIO exits",
                       "vcpus": 1, "steps": [step]}
                yield {"name": f"access/{word}-{length}-{value}-pc-set-early",
                       "area": "MMIO exits", "vcpus": 1, "steps": [dict(step, pc=0x100)]}
    yield {"name": "access/four-in-a-row", "area": "MMIO exits", "vcpus": 1, "steps": [
        {"do": "access", "write": at % 2 == 0, "len": 4, "ipa": hex(0x09000000 + 0x1000 * at),
         "value": hex(0x1000 + at), "answer": hex(0x2000 + at)} for at in range(4)]}


# An access that the VMM refuses: what ELR, ESR, FAR and PSTATE hold then, and what a second run makes of it.
def _refused_rows():
    for length in (1, 2, 4, 8):
        for write in (True, False):
            for drain in (False, True):
                for runs in (1, 2):
                    word = ("store" if write else "load") + f"-{length}"
                    word += ("-drained" if drain else "") + ("-run-twice" if runs == 2 else "")
                    yield {"name": f"refused/{word}", "area": "refused accesses", "vcpus": 1,
                           "steps": [{"do": "access", "write": write, "len": length,
                                      "ipa": "0x09000040", "value": "0x1122334455667788",
                                      "answer": "0x5a5a5a5a5a5a5a5a", "vbar": "0x40100000",
                                      "drain": drain, "runs": runs}]}


# Each call that has a name, by both instructions, past each fate that a filter can give it.
CALLS = tuple(range(0x80000000, 0x80000003)) + (
    0x80003fff, 0x80007fff, 0x80008000, 0x8000ff00, 0x8000ff01, 0x8000ff03) + tuple(
    range(0x84000000, 0x84000020)) + tuple(range(0xc4000000, 0xc4000020)) + tuple(
    range(0x84000020, 0x84000040)) + tuple(range(0xc4000020, 0xc4000040)) + tuple(
    range(0x84000050, 0x84000055)) + (0xc4000053, 0xc4000050) + (
    0x8400ff00, 0x8400ff01, 0x8400ff03, 0xc5000020, 0xc5000021, 0x85000020, 0x8500ff01,
    0x8600ff00, 0x8600ff01, 0x8600ff03) + tuple(range(0x86000000, 0x86000004)) + tuple(
    range(0xc6000000, 0xc600000a)) + (0xc6000040, 0xc6000041, 0x95c1ba5e, 0x95c1ba5f) + tuple(
    range(0xc4000150, 0xc4000154)) + tuple(range(0xc4000190, 0xc400019a))
# These wait for an interrupt that never comes; those end the VM, and so their row.
SLEEPS = {0x84000001, 0xc4000001, 0x84000002}
ENDS = {0x84000008, 0x84000009, 0x84000012, 0xc4000012, 0x84000015, 0xc4000015}
STAYS_AWAY = "the guest would not come back"
RANDOM = {0x84000053, 0xc4000053, 0x86000001}
ANSWER = [{"x0": "0x1234567812345678"}]
FATES = (("none", None), ("handle", 0), ("deny", 1), ("forward", 2))


def _call(number, smc=False, **more):
    return {"do": "call", "smc": smc, "imm": 0, "x0": hex(number),
            "user": [] if number in ENDS else ANSWER,
            "random": number & 0xffffffff in RANDOM, **more}


def _ranges(numbers, action):
    return [] if action is None else [_range({"base": hex(number), "nr": 1, "action": action}) for number in numbers]


def _matrix_rows():
    """A VM makes all calls of a fate by one instruction, but for those that end it, which have one each."""
    for fate, action in FATES:
        for conduit in ("hvc", "smc"):
            made = {"name": f"matrix/{fate}/{conduit}", "area": "call matrix", "vcpus": 1}
            stay = [number for number in CALLS if number not in ENDS]
            if action is not None:
                yield dict(made, steps=_ranges(stay, action))
            for number in (*stay, *sorted(ENDS & set(CALLS))):
                row = dict(made, name=f"{made['name']}/{number:#x}", only_with_filter=number in SLEEPS)
                call = _call(number, conduit == "smc")
                if number in SLEEPS and action in (None, 0):
                    yield dict(row, skip=STAYS_AWAY)
                elif number in ENDS:
                    yield dict(row, steps=_ranges([number], action) + [call])
                else:
                    yield dict(row, steps=[call], continues=action is not None or number != stay[0])


def _random_steps(chance):
    """Ranges that meet and overlap, a register or two, then calls about their edges."""
    edges = [number for number in CALLS] + [0, 0x7fffffff, 0x8000ffff, 0xc000ffff, 0xffffffff]
    steps, near = [], chance.sample(edges, 4)
    for _ in range(chance.randrange(1, 13)):
        base = (chance.choice(near) + chance.randrange(-6, 7)) & 0xffffffff
        steps.append(_range({"base": hex(base), "nr": chance.choice((0, 1, 2, 5, 16, 0x10000)),
                             "action": chance.choice((0, 1, 2, 1, 2, 3))}))
    for _ in range(chance.randrange(3)):
        number = chance.choice((0x140000, 0x160000, 0x160001, 0x160002, 0x160003))
        value = chance.choice((0, 1, 2, 3, 0x10000, 0x10001, 0x10002, 0x10003))
        steps.append({"do": "set", "id": hex(0x6030000000000000 | number), "value": hex(value)})
    for _ in range(chance.randrange(2, 7)):
        number = (chance.choice(near) + chance.randrange(-7, 8)) & 0xffffffff
        if number not in SLEEPS | ENDS:
            steps.append(_call(number, chance.random() < 0.4,
                               imm=chance.choice((0, 0, 0, 1, 0xffff)),
                               x1=hex(chance.choice((*CALLS, chance.getrandbits(64))))))
    return steps


def random_rows(seed, count):
    """The same rows for the same seed."""
    chance = random.Random(seed)
    return [{"name": f"random/{seed}/{at}", "area": "random sequences", "vcpus": 1,
             "steps": _random_steps(chance)} for at in range(count)]


def host_row():
    """What the model has to be told about the CPU: the mitigation levels, and SSBS by its call."""
    levels = [{"do": "get", "id": hex(0x6030000000140000 + n)} for n in (1, 2, 3)]
    return {"name": "_host", "area": "", "vcpus": 1, "steps": levels}


def for_kernel(rows, has_filter):
    """Without a filter nothing stands between the guest and a call that ends it."""
    return [dict(row, skip=STAYS_AWAY) if row.get("only_with_filter") and not has_filter else row
            for row in rows]


def all_rows():
    return [*_filter_rows(), *_call_rows(), *_register_rows(), *_plain_rows(),
            *_access_rows(), *_refused_rows(), *_matrix_rows()]
