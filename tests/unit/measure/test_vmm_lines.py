#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""realm-measure with a VMM's command line: what its arguments change, what the host has, what is refused."""
import base64
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "cli"))
import cli
from cli import check, run

HOST = ["--num-wps", "6", "--num-bps", "6", "--ipa-bits", "52", "--pmu-num-ctrs", "6"]
KVMTOOL = ["kvmtool", "--realm", "-c", "1", "-m", "512M"]


def write(directory, name, content):
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return path


def compute(*words, code=0):
    """compute --json: options stand before the VMM's name."""
    done = run("compute", "--json", *words)
    check(done.returncode == code, f"compute ends with {code}", f"{words}: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}


def image():
    """The smallest arm64 Image: its header, and one byte more than a page."""
    return struct.pack("<IIQQQQQQII", 0, 0, 0, 0, 0xa, 0, 0, 0, 0x644d5241, 0) + b"x" * 4033


def properties(path):
    """{node/property: value} of a device tree."""
    with open(path, "rb") as file:
        data = file.read()
    begin, names = struct.unpack(">II", data[8:16])
    at, where, out = begin, [], {}
    while True:
        token = struct.unpack(">I", data[at:at + 4])[0]
        at += 4
        if token == 1:
            end = data.index(b"\0", at)
            where.append(data[at:end].decode())
            at = (end + 4) & ~3
            out["/".join(where)] = b""
        elif token == 2:
            where.pop()
        elif token == 3:
            size, name = struct.unpack(">II", data[at:at + 8])
            end = data.index(b"\0", names + name)
            out["/".join(where) + ":" + data[names + name:end].decode()] = data[at + 8:at + 8 + size]
            at = (at + 8 + size + 3) & ~3
        else:
            return out


def differences(plain, changed):
    """What two trees differ in; a node that comes or goes stands for its properties."""
    found = {name for name in plain.keys() | changed.keys() if plain.get(name) != changed.get(name)}
    return {name for name in found if ":" not in name or name.split(":")[0] in plain.keys() & changed.keys()}


CHOSEN = {"/chosen:linux,initrd-start", "/chosen:linux,initrd-end"}


def rows(directory):
    """docs/dtb.md: options of ours, the line, one change of it, what it changes in the tree."""
    kernel, initrd = write(directory, "Image", image()), write(directory, "initrd", b"some bytes")
    files = ["-k", kernel, "-i", initrd]
    qemu = ["qemu"]
    direct = ["qemu", "-kernel", "Image"]
    cpus = {"/cpus/cpu@1", "/cpus/cpu@2"}
    return (
        ([], qemu, ["-m", "256M"], {"/memory@40000000:reg"}),
        ([], qemu, ["-append", "quiet"], {"/chosen:bootargs"}),
        ([], qemu, ["-smp", "3"], cpus | {
            ":interrupt-parent", "/platform-bus@c000000:interrupt-parent", "/pcie@10000000:interrupt-map",
            "/pcie@10000000:msi-map", "/intc@8000000:phandle", "/intc@8000000/its@8080000:phandle"}),
        (files, direct, ["-initrd", "initrd"], CHOSEN),
        ([], qemu, ["-cpu", "pmu=on"], {"/pmu"}),
        ([], qemu, ["-M", "virt,its=off"], {"/pcie@10000000:msi-map", "/intc@8000000/its@8080000"}),
        ([], qemu, ["-object", "rme-guest,measurement-log=on"],
         {"/reserved-memory", "/reserved-memory/event-log@40100000"}),
        ([], KVMTOOL, ["-m", "1G"], {"/memory@80000000:reg"}),
        ([], KVMTOOL, ["-p", "quiet"], {"/chosen:bootargs"}),
        ([], KVMTOOL, ["-c", "3"], cpus | {"/intc:reg", "/intc/msic:reg"}),
        (files, KVMTOOL, ["-i", "initrd"], CHOSEN),
        ([], KVMTOOL, ["--pmu"], {"/pmu"}),
        ([], KVMTOOL, ["--irqchip=gicv3"], {"/intc/msic", "/pci@40000000:msi-map"}),
        ([], KVMTOOL, ["--virtio-transport", "mmio", "--9p", "share"],
         {"/virtio@3000000", "/virtio@3000200"}),
        ([], KVMTOOL, ["--virtio-transport", "mmio", "-n", "mode=none"], set()),
        ([], ["cloud-hv"], ["--memory", "size=1G"], {"/memory@40000000:reg"}),
        ([], ["cloud-hv"], ["--cmdline", "quiet"], {"/chosen:bootargs"}),
        (files, ["cloud-hv"], ["--initramfs", "initrd"], CHOSEN),
        ([], ["cloud-hv"], ["--serial", "off"], {"/pl011@9000000"}),
        ([], ["cloud-hv"], ["--cpus", "boot=3"], cpus | {
            "/intc@8ff0000:reg", "/intc@8ff0000/its@8fb0000", "/intc@8ff0000/its@8f70000"}),
    )


def test_each_argument_changes_what_the_document_says(directory):
    out = os.path.join(directory, "t.dtb")
    for ours, line, more, names in rows(directory):
        compute(*HOST, *ours, "--output-dtb", out, *line)
        plain = properties(out)
        told = compute(*HOST, *ours, "--output-dtb", out, *line, *more)
        found = differences(plain, properties(out))
        check(found == names, f"{line[0]} {more} changes what it should", str(found ^ names))
        published = not names or more == ["-cpu", "pmu=on"]
        check(told.get("unconfirmed") is not published, f"{line[0]} {more} is unconfirmed", str(told))


def test_a_template_is_patched(directory):
    """What the tables give for other arguments, from a tree that has all of its nodes."""
    wanted, tree, out = (os.path.join(directory, name) for name in ("wanted", "tree", "out"))
    for line, from_args, to_args in ((["qemu"], ["-cpu", "pmu=on"], ["-m", "3G", "-smp", "130", "-cpu", "pmu=on"]),
                                     (["qemu"], ["-smp", "130", "-append", "a b"], ["-append", "quiet", "-m", "64M"]),
                                     (KVMTOOL, ["--pmu"], ["--pmu", "-c", "4", "-m", "2G", "-p", "quiet"])):
        compute(*HOST, "--output-dtb", tree, *line, *from_args)
        compute(*HOST, "--output-dtb", wanted, *line, *to_args)
        compute(*HOST, "--dtb-template", tree, "--output-dtb", out, *line, *to_args)
        check(properties(out) == properties(wanted), f"{line[0]} {to_args} from {from_args}")
    compute(*HOST, "--output-dtb", tree, *KVMTOOL, "--pmu", "--virtio-transport", "mmio", "--rng")
    compute(*HOST, "--dtb-template", tree, "--output-dtb", out, *KVMTOOL)
    compute(*HOST, "--output-dtb", wanted, *KVMTOOL)
    check(properties(out) == properties(wanted), "what was not asked for goes")
    compute(*HOST, "--output-dtb", tree, "qemu")
    for line in (["qemu", "-append", "x"], ["qemu", "-cpu", "pmu=on"], KVMTOOL):
        done = run("compute", *HOST, "--dtb-template", tree, *line)
        check(done.returncode == 2 and "a tree with /" in done.stderr, "what a template lacks is named", done.stderr)
    compute(*HOST, "--dtb-template", tree, "--dtb", tree, "qemu", code=2)
    with open(tree, "rb") as file:
        whole = file.read()
    for cut in (0, 7, 40, 100, len(whole) - 1):
        compute(*HOST, "--dtb-template", write(directory, "cut", whole[:cut]), "qemu", code=13)


def test_no_measurements_checks_and_writes_the_tree(directory):
    out = os.path.join(directory, "t.dtb")
    told = compute(*HOST, "--no-measurements", "--output-dtb", out, "qemu", "-frob")
    check("rim" not in told and told["checked"] == "parameters" and told["ignored"] == ["-frob"], str(told))
    check(bool(properties(out)), "the tree is written")
    compute(*HOST, "--no-measurements", "--hash-algo", "sha384", "qemu", code=2)
    compute(*HOST, "--no-measurements", "--rule", "2.0", "--hash-algo", "sha384", "qemu")
    compute(*HOST, "--no-measurements", "qemu", "-m", "300G", code=2)
    compute("--no-measurements", "--num-bps", "6", *KVMTOOL, code=2)


def test_base64(_):
    told = compute(*HOST, *KVMTOOL)
    done = run("compute", *HOST, "--print-b64", *KVMTOOL)
    rim = done.stdout.splitlines()[0]
    check(rim == "RIM: " + base64.b64encode(bytes.fromhex(told["rim"])).decode(), "the RIM in base64", rim)
    check(done.stdout.splitlines()[4] == "REM3: " + base64.b64encode(bytes(32)).decode(), "and the REMs")


def test_endorsements(directory):
    out = os.path.join(directory, "comid.json")
    template = {"lang": "en-GB", "tag-identity": {"id": "43BBE37F", "version": 7},
                "triples": {"reference-values": [
                    {"environment": {"class": {"vendor": "ACME"}}, "measurements": [{"old": 1}]},
                    {"environment": {"class": {"vendor": "Other"}}, "measurements": []}]}}
    path = write(directory, "template.json", json.dumps(template))
    told = compute(*HOST, "--endorsements-output", out, "--endorsements-template", path,
                   "kvmtool", "--realm-pv", "abc", *KVMTOOL[1:])
    with open(out, encoding="utf-8") as file:
        comid = json.load(file)
    first, second = comid["triples"]["reference-values"]
    rim = base64.b64encode(bytes.fromhex(told["rim"])).decode()
    value = first["measurements"][0]["value"]
    check(comid["lang"] == "en-GB" and comid["tag-identity"] == template["tag-identity"] and
          first["environment"]["class"] == {"vendor": "ACME"} and
          second == template["triples"]["reference-values"][1], "all else stays", str(comid))
    check(value["integrity-registers"]["rim"]["value"] == [f"sha-256;{rim}"] and
          first["environment"]["instance"]["value"] == rim and len(first["measurements"]) == 1, str(value))
    check(base64.b64decode(value["raw-value"]["value"]) == b"abc" + bytes(61), "the RPV is the raw value")
    done = run("reference", "--format", "comid", "--endorsements-template", path, *HOST, "kvmtool",
               "--realm-pv", "abc", *KVMTOOL[1:])
    check(json.loads(done.stdout) == comid, "reference writes the same")
    for bad in ("[]", "{", '{"triples": {}}', '{"tag-identity": {}, "triples": []}',
                '{"tag-identity": {}, "triples": {"reference-values": [1]}}'):
        done = run("compute", *HOST, "--endorsements-output", out, "--endorsements-template",
                   write(directory, "bad.json", bad), *KVMTOOL)
        check(done.returncode == 13, "a template that is none is refused", f"{bad}: {done.stderr}")
    compute(*HOST, "--endorsements-template", path, *KVMTOOL, code=2)


def test_capabilities(directory):
    vmm = KVMTOOL
    toml = write(directory, "fvp.conf", "ipa_bits = 52\nnum_bps = 16\nnum_wps = 16 # all\npmu = true\n"
                 "pmu_num_ctrs = 8\nsve_vl = 512\nlpa2 = true\n")
    low = write(directory, "low.json", json.dumps({"num_bps": 6, "num_wps": 6, "sve_vl": 0, "pmu": False}))
    told = json.loads(run("compute", "--json", "-c", toml, "-c", low, *vmm).stdout)
    same = json.loads(run("compute", "--json", "--num-bps", "6", "--num-wps", "6", *vmm).stdout)
    check(told["rim"] == same["rim"] and told["unconfirmed"] is False, "files can only lower", str(told))
    bad = write(directory, "bad.conf", "num_bps = 6\ncolour = 1\n")
    check(run("compute", "-c", bad, *vmm).returncode == 2, "an unknown key is an error")
    done = run("compute", "--num-wps", "6", *vmm)
    check(done.returncode == 2 and "--num-bps" in done.stderr, "what is missing is named", done.stderr)
    done = run("compute", "--num-bps", "6", "--num-wps", "6", "--frob", *vmm)
    check(done.returncode == 2, "an unknown option of ours is an error")
    told = json.loads(run("compute", "--json", "--num-bps", "6", "--num-wps", "6", *vmm, "--frob", "x").stdout)
    check(told["ignored"] == ["--frob"], "an unknown option of the VMM is named", str(told))
    told = json.loads(run("compute", "--json", "--num-bps", "6", "--num-wps", "6", "cloud-hv").stdout)
    check(told["unconfirmed"] is True, "a VMM nobody confirmed is marked", str(told))


def test_what_the_host_lacks_is_refused(directory):
    host = ["--num-bps", "6", "--num-wps", "6", "--pmu-num-ctrs", "6"]
    for options, line in ((["--pmu", "off"], ["qemu", "-cpu", "pmu=on"]), (["--pmu", "off"], [*KVMTOOL, "--pmu"]),
                          (["--sve-vl", "128"], [*KVMTOOL, "--sve-vl", "512"]),
                          (["--lpa2", "no"], ["kvmtool", "--realm", "-c", "1", "-m", "512T"]),
                          ([], ["qemu", "-cpu", "num-breakpoints=7"])):
        told = compute(*host, "--ipa-bits", "52", *options, *line, code=6)
        check(told["reason"] == "incompatible" and told["expected"].startswith("at most"), str(told))
    compute(*host, "--ipa-bits", "40", "qemu", code=6)
    compute(*HOST, "--pmu", "on", "qemu", "-cpu", "pmu=on")


def test_arguments_of_the_vmm(directory):
    for line in (["qemu", "-m", "size=1G,slots=2,maxmem=1G"], ["qemu", "-m", "maxmem=1G,size=1G"]):
        check(compute(*HOST, *line)["rim"] == compute(*HOST, "qemu", "-m", "1G")["rim"], "no hotplug, no change")
    compute(*HOST, "qemu", "-m", "1G,maxmem=2G", code=2)
    for line in (["qemu", "-m", "1X"], ["qemu", "-m"], ["qemu", "-smp", "cpus=2,maxcpus=4"], ["qemu", "-smp", "0"],
                 ["qemu", "-object", "rme-guest,colour=red"], ["qemu", "-M", "pc"], ["qemu", "-cpu", "cortex-a57"],
                 ["qemu", "-object", "rme-guest,measurement-algorithm=md5"], ["kvmtool", "-c", "1"],
                 ["kvmtool", "-c", "1", "-m", "3M"], ["qemu", "-bios", "x"], ["qemu", "-kernel", "x"]):
        compute(*HOST, *line, code=2)
    told = compute(*HOST, "qemu", "-frob", "x", "-M", "virt,zap=1", "-device", "vfio-pci,host=1", "-m", "1G,foo=1")
    check(told["ignored"] == ["-frob", "zap", "vfio-pci,host=1", "foo"], "what is not followed is named", str(told))
    check(compute(*HOST, "qemu", "-frob")["unconfirmed"] is True, "and makes the value unconfirmed")
    check(compute(*HOST, "qemu", "-netdev", "user", "-name", "x")["unconfirmed"] is False, "nothing else does")
    short = compute(*HOST, "kvmtool", "--realm", "--cpus=2", "--mem=512M", "--sve-vl=0", "--9p", "shr", "-d", "disk")
    check(short["ignored"] == [] and short["rim"] ==
          compute(*HOST, "kvmtool", "--realm", "-c", "2", "-m", "512")["rim"], "both forms of an option", str(short))


if __name__ == "__main__":
    cli.main(__name__)
