#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of realm-measure: what they print, how they end, and which cause explain names."""
import json
import os
import resource
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "cli"))
import cli
from cli import ask, check, expect, fails, run

GOLDEN = os.path.join(cli.SOURCE, "tests", "golden", "realm")
TOKEN = os.path.join(GOLDEN, "tokens", "tf-rmm-rel0-sha256.cbor")
RIM = "e2a6539694519d3626129b94424ce63a959e11ae4a4ab7bcbb52bee079f69ea9"
SMALL = ["realm_create s2sz=40 num_bps=1 num_wps=1", "ripas 0x80000000 0x80001000",
         "data 0x80000000 1 seq", "rec 0 1 0x80000000 0x83000000"]
# The CPAK of every Arm test platform; its private half is public.
CPAK = {"kty": "EC", "crv": "P-384",
        "x": "IShnxS4rlQiwpCCpBWDzlNLfqiG911FP8akBr-fh94uxHU5m-Kijivp2r2oxxN6M",
        "y": "hM4tr8mWQli1P61xh3T0ViDREbF26DGOEYfbAjWjGNN7pZf-6A4OTHYqEryz6m7U"}


def write(directory, name, content):
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return path


def script(directory, name, lines):
    return write(directory, name, "\n".join(lines) + "\n")


def test_scripts_print_what_the_golden_files_expect(directory):
    for name, rule in (("rim-golden.json", "1.0"), ("rim-golden-bet0.json", "bet0")):
        with open(os.path.join(GOLDEN, name), encoding="utf-8") as file:
            vectors = json.load(file)["vectors"]
        for vector in vectors:
            path = script(directory, "golden", vector["script"])
            done = expect(0, "compute", "--script", path, "--rule", rule)
            check(done.stdout.splitlines() == vector["expect"], vector["name"], done.stdout)
            refused = [line for line in vector["oracle_status"] if line.endswith("rsi=1")]
            check(done.stderr.splitlines() == refused, "refusals are told", done.stderr)


def test_stdin_and_rules(directory):
    text = "\n".join(SMALL + ["rim"]) + "\n"
    for rule, rim in (("1.0", RIM), ("2.0", "92bd2b755b1cec232f4ec5871ee186353a9783ddf8ec4d0207d1b12e9aa91df7"),
                      ("bet0", "95af62989f3192bd3b0da758a60eec6d9d3fba5512d3aef30459a966b7b343d8")):
        done = expect(0, "compute", "--script", "-", "--rule", rule, stdin=text)
        check(done.stdout == f"rim {rim}\n", f"rule {rule}", done.stdout)
    told = ask("compute", "--script", script(directory, "s", SMALL), "--steps")
    check(told["rim"] == RIM and told["hash"] == "sha-256" and told["rule"] == "1.0", "JSON says it")
    check([step["op"] for step in told["steps"]] == ["realm_create", "ripas", "data", "rec"] and
          told["steps"][-1]["rim"] == RIM, "each step has the RIM behind it", str(told["steps"]))


def test_descriptions(directory):
    steps = [{"op": "realm_create", "params": {"s2sz": 40, "num_bps": 1, "num_wps": 1}},
             {"op": "init_ripas", "base": "0x80000000", "top": "0x80001000"},
             {"op": "data_create", "ipa": "0x80000000", "fill": "seq"},
             {"op": "rec_create", "flags": 1, "pc": "0x80000000", "gprs": ["0x83000000"], "rim": RIM}]
    path = write(directory, "d.json", json.dumps({"steps": steps}))
    done = expect(0, "compute", "--json-input", path)
    check(done.stdout.splitlines()[0] == f"RIM: {RIM}", "a description gives the RIM", done.stdout)
    check(done.stdout.splitlines()[1:] == [f"REM{i}: {'0' * 64}" for i in range(4)], "and the REMs")
    page = bytes((i ^ i >> 8) & 0xff for i in range(4096))
    write(directory, "page.bin", page)
    steps[2] = {"op": "data_create", "ipa": "0x80000000", "file": "page.bin"}
    path = write(directory, "d.json", json.dumps({"steps": steps}))
    expect(0, "compute", "--json-input", path)
    steps[3]["rim"] = "00" * 32
    path = write(directory, "d.json", json.dumps({"steps": steps}))
    fails(8, "differs", "compute", "--json-input", path)
    steps[3] = {"op": "rec_create", "flags": 1, "pc": 0, "colour": 1}
    fails(2, "usage", "compute", "--json-input", write(directory, "d.json", json.dumps({"steps": steps})))
    steps[3] = {"op": "data_create", "ipa": "0x80000000", "fill": "zero"}
    fails(14, "inconsistent", "compute", "--json-input",
          write(directory, "d.json", json.dumps({"steps": steps})))


def test_bad_input(directory):
    for line in ("frobnicate", "rec x 1 0", "data 0x80000000", "realm_create s2sz", "ripas 1",
                 "rim rim", "data 0 1 fill:zz", "x" * 2000, "rec " + "1 " * 30):
        told = fails(14, "damaged", "compute", "--script", script(directory, "bad", SMALL + [line]))
        check("line 5" in told["object"], "the line is named", told["object"])
    fails(1, "io", "compute", "--script", os.path.join(directory, "missing"))
    fails(2, "usage", "compute")
    fails(2, "usage", "compute", "--script", "a", "--json-input", "b")
    fails(14, "damaged", "compute", "--json-input", write(directory, "bad", "{"))


def test_verify_wants_something_to_compare(directory):
    path = script(directory, "s", SMALL)
    anchor = write(directory, "cpak.json", json.dumps(CPAK))
    fails(12, "nothing-to-verify", "verify", "--script", path)
    expect(0, "verify", "--script", path, "--rim", RIM)
    expect(0, "verify", "--script", path, "--rim", RIM + "00" * 32)
    for wrong in (RIM + "00" * 31, RIM[:-2], RIM[:-1], "", "00", "zz" * 32, RIM + "00" * 33):
        fails(2, "usage", "verify", "--script", path, "--rim", wrong)
        fails(2, "usage", "verify", "--script", path, "--rem", "0=" + wrong)
    expect(8, "verify", "--script", path, "--rim", RIM + "00" * 16)
    for rpv, code in (("00", 0), ("00" * 64, 0), ("01", 8), ("", 2), ("0", 2), ("00" * 65, 2), ("x0", 2)):
        expect(code, "verify", "--script", path, "--rpv", rpv)
    expect(8, "verify", "--script", path, "--rim", "00" * 32)
    expect(0, "verify", "--script", path, "--rem", "0=" + "00" * 32, "--hash", "sha-256")
    expect(8, "verify", "--script", path, "--rim", RIM, "--rem", "3=" + "11" * 32)
    fails(2, "usage", "verify", "--script", path, "--rem", "4=00")
    fails(2, "usage", "verify", "--script", path, "--challenge", "00")
    fails(12, "nothing-to-verify", "verify", "--token", TOKEN, "--hash", "sha-256")
    fails(12, "nothing-to-verify", "verify", "--token", TOKEN, "--trust-anchor", anchor)
    told = ask("verify", "--token", TOKEN, "--trust-anchor", anchor, "--hash", "sha256",
               "--challenge", bytes(range(64)).hex(), "--rpv", "5a" * 64)
    check({name: v["verdict"] for name, v in told["verdicts"].items()} ==
          {"platform signature": "ok", "realm signature": "ok", "binding": "ok", "profile": "ok",
           "lifecycle": "ok", "hash": "match", "challenge": "match", "RPV": "match",
           **{name: "not compared" for name in ("RIM", "REM0", "REM1", "REM2", "REM3")}},
          "each register has its verdict", str(told))
    told = fails(8, "differs", "verify", "--token", TOKEN, "--trust-anchor", anchor, "--rim", RIM,
                 "--hash", "sha-512")
    check(told["verdicts"]["RIM"]["verdict"] == told["verdicts"]["hash"]["verdict"] == "differs",
          "all differences are told", str(told))


def test_verify_refuses_other_tokens(directory):
    anchor = write(directory, "cpak.json", json.dumps(CPAK))
    with open(TOKEN, "rb") as file:
        token = bytearray(file.read())
    other = dict(CPAK, kty="RSA")
    fails(15, "no-key", "verify", "--token", TOKEN, "--trust-anchor",
          write(directory, "rsa.json", json.dumps(other)), "--hash", "sha-256")
    store = [{"pkey": CPAK, "implementation-id": "00" * 32, "instance-id": "01" + "00" * 32}]
    fails(15, "unknown-signer", "verify", "--token", TOKEN, "--trust-anchor",
          write(directory, "ta.json", json.dumps(store)), "--hash", "sha-256")
    token[-1] ^= 1
    fails(3, "bad-signature", "verify", "--token", write(directory, "t", bytes(token)),
          "--trust-anchor", anchor, "--hash", "sha-256")
    fails(14, "damaged", "verify", "--token", write(directory, "t", bytes(token[:-1])),
          "--trust-anchor", anchor, "--hash", "sha-256")


def test_reference_values_come_back(directory):
    anchor = write(directory, "cpak.json", json.dumps(CPAK))
    done = expect(0, "reference", "--format", "rv", "--token", TOKEN)
    store = write(directory, "rv.json", done.stdout)
    done = expect(0, "reference", "--format", "ta", "--token", TOKEN, "--trust-anchor", anchor)
    anchors = write(directory, "ta.json", done.stdout)
    expect(0, "verify", "--token", TOKEN, "--trust-anchor", anchors, "--reference", store)
    expect(8, "verify", "--script", script(directory, "s", SMALL), "--reference", store)
    done = expect(0, "reference", "--format", "comid", "--script", script(directory, "s", SMALL))
    check("sha-256;" in done.stdout and '"rem3"' in done.stdout, "CoMID names registers one by one")
    shown = ask("show", TOKEN)
    check(shown["realm"]["cca-realm-hash-algo-id"] == "sha-256" and shown["tag"] == 399, "show shows")


def event(pcr, kind, digest, data):
    return struct.pack("<III", pcr, kind, 1) + struct.pack("<H", 0xb) + digest + \
        struct.pack("<I", len(data)) + data


def log(page, extra=b""):
    import hashlib
    spec = b"Spec ID Event03\0" + struct.pack("<IBBBBIHHB", 0, 0, 2, 106, 2, 1, 0xb, 32, 0)
    zero = bytes(32)
    create = struct.pack("<QBBBBBB", 0, 40, 0, 1, 1, 0, 0)
    tags = [(1, create), (2, struct.pack("<QQ", 0x80000000, 0x1000))]
    out = struct.pack("<II", 0, 3) + bytes(20) + struct.pack("<I", len(spec)) + spec
    for tag, data in tags:
        out += event(0, 6, zero, struct.pack("<II", tag, len(data)) + data)
    out += event(0, 0x13, hashlib.sha256(page).digest(),
                 b"\x07KERNEL\0" + struct.pack("<QQ", 0x80000000, len(page)))
    rec = struct.pack("<QQ8Q", 1, 0x80000000, 0x83000000, *[0] * 7)
    out += event(0, 6, zero, struct.pack("<II", 3, len(rec)) + rec)
    return out + extra + bytes(100)


def test_event_logs(directory):
    import hashlib
    page = bytes((i ^ i >> 8) & 0xff for i in range(4096))
    image = write(directory, "kernel", page)
    path = write(directory, "log", log(page))
    expect(0, "verify", "--log", path, "--image", image, "--rim", RIM)
    fails(12, "nothing-to-verify", "verify", "--log", path, "--rim", RIM)
    value = hashlib.sha256(b"extension").digest()
    rem = hashlib.sha256(bytes(32) + value).hexdigest()
    for pcr, register in ((1, 0), (7, 0), (2, 1), (6, 1), (8, 2), (15, 2), (16, 3), (23, 3)):
        path = write(directory, "log", log(page, event(pcr, 0xd, value, b"x")))
        expect(0, "verify", "--log", path, "--image", image, "--rim", RIM, "--rem", f"{register}={rem}")
    whole = log(page)
    for cut in range(60, len(whole) - 110, 7):
        done = run("verify", "--log", write(directory, "cut", whole[:cut]), "--image", image, "--rim", RIM)
        check(done.returncode in (8, 14), "a log that was cut off is not accepted", str(cut))
    path = write(directory, "log", log(page, event(2, 0xd, value, b"x")))
    shown = ask("show", path)["events"]
    check([e["register"] for e in shown] == ["RIM"] * 4 + ["REM1"], "show tells the register", str(shown))
    check(shown[0]["REALM_CREATE"]["s2sz"] == 40 and shown[0]["type"] == "EV_EVENT_TAG" and
          shown[1]["INIT_RIPAS"] == {"base": "0x80000000", "size": "0x1000"} and
          shown[3]["REC_CREATE"]["x0"] == "0x83000000" and shown[2]["name"] == "KERNEL", "in words", str(shown))
    told = ask("compute", "--log", path, "--image", write(directory, "other", b"x"), "--image", image)
    check(told["rim"] == RIM and told["rem"][1] == rem, "a log can be computed as well", str(told))


def test_explain_names_each_cause(directory):
    def differ(cause, change, rule=None):
        lines = list(SMALL)
        change(lines)
        args = ["explain", script(directory, "a", SMALL), script(directory, "b", lines)]
        told = ask(*args, *(rule or []), code=8)
        check(told.get("cause") == cause, f"explain says {cause}", str(told))
        return told

    def put(i, line):
        return lambda lines: lines.__setitem__(i, line)

    told = ask("explain", script(directory, "a", SMALL), script(directory, "b", SMALL))
    check(told["equal"] and told["cause"] == "none", "equal lists are equal")
    told = differ("host-limits", put(0, "realm_create s2sz=40 num_bps=5 num_wps=1"))
    check(told["field"] == "num_bps" and told["a"] == "0x1" and told["b"] == "0x5", "the parameter")
    differ("hash", put(0, "realm_create s2sz=40 num_bps=1 num_wps=1 algo=1"))
    differ("ipa-size", put(0, "realm_create s2sz=41 num_bps=1 num_wps=1"))
    differ("ram-range", put(1, "ripas 0x80000000 0x80002000"))
    differ("tables", lambda lines: lines.insert(1, "rtt 0x80000000 2"))
    told = differ("page-content", put(2, "data 0x80000000 1 fill:00"))
    check(told["page"] == "0x80000000" and told["offset"] == 1, "page and offset", str(told))
    differ("placement", put(2, "data 0x80001000 1 seq"))
    differ("entry", put(3, "rec 0 1 0x80000000 0x83000008"))
    differ("length", lambda lines: lines.append("data 0x80005000 1 zero"))
    differ("step-order", lambda lines: lines.__setitem__(slice(2, 4), [lines[3], lines[2]]))
    differ("rule", lambda lines: None, ["--rule-b", "bet0"])
    two = SMALL[:3] + ["data 0x80001000 1 zero"]
    told = ask("explain", script(directory, "a", two),
               script(directory, "b", two[:2] + [two[3], two[2]]), code=8)
    check(told["cause"] == "page-order", "explain says page-order", str(told))


def test_explain_knows_the_rule_by_the_rims(directory):
    """RIMs that somebody measured say under which rule, also where the list does not."""
    rims = {"1.0": [], "2.0": [], "bet0": []}
    for rule, found in rims.items():
        found += [step["rim"] for step in ask("compute", "--script", script(directory, "s", SMALL), "--steps",
                                              "--rule", rule)["steps"]]

    def stated(name, values):
        ops = [{"op": "realm_create", "params": {"s2sz": 40, "num_bps": 1, "num_wps": 1}},
               {"op": "init_ripas", "base": "0x80000000", "top": "0x80001000"},
               {"op": "data_create", "ipa": "0x80000000", "fill": "seq"},
               {"op": "rec_create", "flags": 1, "pc": "0x80000000", "gprs": ["0x83000000"]}]
        return write(directory, name, json.dumps({"steps": [dict(op, rim=rim) for op, rim in zip(ops, values)]}))

    for a, b in (("1.0", "bet0"), ("2.0", "1.0"), ("bet0", "2.0")):
        told = ask("explain", stated("a.json", rims[a]), stated("b.json", rims[b]), code=8)
        check(told["cause"] == "rule" and (told["a"], told["b"]) == (a, b), f"{a} and {b} are told apart", str(told))
    told = ask("explain", stated("a.json", rims["bet0"]), stated("b.json", rims["bet0"]))
    check(told["equal"] and told["rim_a"] == rims["bet0"][-1], "both under another rule than they say", str(told))
    fails(8, "differs", "explain", stated("a.json", rims["1.0"]), stated("b.json", rims["1.0"][:3] + ["00" * 32]))
    for wrong in ("00", "00" * 33, "zz" * 32, ""):
        fails(2, "usage", "compute", "--json-input", stated("a.json", [wrong] * 4))


def test_memory_stays_flat(directory):
    """64 MiB of anonymous memory are enough for an image of any size, from a file and from a pipe."""
    path = os.path.join(directory, "image")
    with open(path, "wb") as file:
        file.truncate(200 << 20)
    steps = [{"op": "realm_create", "params": {"s2sz": 40, "num_bps": 1, "num_wps": 1, "algo": hash}}
             for hash in ("sha256", "sha512")]

    def limited(*args, **how):
        return subprocess.run([cli.PROGRAM, *args], capture_output=True, env=cli.environment(TMPDIR=directory),
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (64 << 20, 64 << 20)),
                              timeout=100, **how)

    if limited("--version").returncode:
        print("a sanitizer wants more memory than the limit: only that it works is tested")
        return
    for step in steps:
        d = write(directory, "d.json", json.dumps({"steps": [step, {"op": "data_create", "ipa": "0x80000000",
                                                                   "file": "image"}]}))
        done = limited("compute", "--json-input", d)
        check(done.returncode == 0 and done.stdout.startswith(b"RIM: "), "a file", done.stderr[-300:])
    with open(path, "rb") as file:
        pipe = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        done = limited("compute", "--num-bps", "6", "--num-wps", "6", "--ipa-bits", "48", "-f", "-", "qemu",
                       "-bios", "x", "-m", "1G", stdin=pipe.stdout)
        pipe.stdout.close()
        pipe.wait()
    check(done.returncode == 0 and done.stdout.startswith(b"RIM: "), "a pipe", done.stderr[-300:])


def test_bounds_of_the_host(_):
    for option, value in (("--ipa-bits", 31), ("--ipa-bits", -1), ("--num-bps", 1), ("--num-wps", 65),
                          ("--pmu-num-ctrs", 32), ("--sve-vl", 2049), ("--threads", 0)):
        told = cli.fails(2, "usage", "compute", option, value, "kvmtool")
        check(told["field"] == option and told["actual"] == str(value), f"{option} {value} is refused by its name", told)


def test_progress_counts_all_images(directory):
    for name, size in (("a", 3 << 20), ("b", 5 << 20)):
        with open(os.path.join(directory, name), "wb") as file:
            file.truncate(size)
    steps = [{"op": "realm_create", "params": {"s2sz": 40, "num_bps": 1, "num_wps": 1}},
             {"op": "data_create", "ipa": "0x80000000", "file": "a"},
             {"op": "data_create", "ipa": "0x90000000", "file": "b"}]
    path = write(directory, "d.json", json.dumps({"steps": steps}))
    told = cli.fails(2, "usage", "compute", "--json-input", path, "--progress-fd", 77)
    check(told["field"] == "--progress-fd", "a descriptor that is not open is refused", told)
    read, to = os.pipe()
    done = subprocess.run([cli.PROGRAM, "compute", "--json-input", path, "--progress-fd", str(to)], pass_fds=[to],
                          capture_output=True, env=cli.environment(), timeout=60)
    os.close(to)
    with os.fdopen(read) as lines:
        told = [json.loads(line) for line in lines]
    counts = [line["done"] for line in told]
    check(done.returncode == 0 and counts == sorted(counts) and counts[-1] == 2048 and
          {line["total"] for line in told} == {2048}, "pages of all images", str(told[-3:]))


def test_explain_finds_the_byte(directory):
    def description(name, dtb, kernel):
        write(directory, name + ".dtb", dtb)
        write(directory, name + ".img", kernel)
        steps = [{"op": "realm_create", "params": {"s2sz": 40, "num_bps": 1, "num_wps": 1}},
                 {"op": "data_create", "ipa": "0x80000000", "file": name + ".img"},
                 {"op": "data_create", "ipa": "0x88000000", "file": name + ".dtb"}]
        return write(directory, name + ".json", json.dumps({"steps": steps}))

    dtb, kernel = b"\xd0\x0d\xfe\xed" + bytes(5000), bytes(9000)
    a = description("a", dtb, kernel)
    told = ask("explain", a, description("b", dtb[:4500] + b"x" + dtb[4501:], kernel), code=8)
    check(told["cause"] == "device-tree" and told["page"] == "0x88001000" and
          told["offset"] == 4500 - 4096, "a byte of the device tree", str(told))
    told = ask("explain", a, description("b", dtb, kernel[:8200] + b"x" + kernel[8201:]), code=8)
    check(told["cause"] == "image" and told["page"] == "0x80002000" and told["offset"] == 8,
          "a byte of an image", str(told))


if __name__ == "__main__":
    cli.main(__name__)
