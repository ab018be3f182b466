#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The RIMs that veraison/cca-realm-measurements published, from given and from generated trees."""
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "cli"))
import cli
from cli import check, run

FOLDER = os.path.join(os.environ.get("SDEI_THIRD_PARTY_VECTORS") or "/nonexistent", "published")


def load():
    with open(os.path.join(FOLDER, "published-rim.json"), encoding="utf-8") as file:
        return next(value for value in json.load(file).values() if isinstance(value, list))


def arguments(vector):
    """Files are named as they lie beside the JSON."""
    words, before = [], ""
    for word in vector["tool_args"]:
        path = os.path.join(FOLDER, word)
        ours = before in ("-f", "-k", "-i") and os.path.isfile(path)
        words.append(path if ours else word)
        before = word
    return words


def compute(*words):
    done = run("compute", "--json", *words)
    check(done.returncode == 0, "compute works", done.stderr[-500:])
    return json.loads(done.stdout) if done.returncode == 0 else {}


def test_published_values(directory):
    vectors = load()
    check(len(vectors) == 11, "there are eleven")
    for vector in vectors:
        dtb, out = os.path.join(FOLDER, vector["dtb"]), os.path.join(directory, "out.dtb")
        told = compute("--output-dtb", out, "--steps", *arguments(vector))
        check(told.get("rim") == vector["rim"], f"{vector['name']}, generated tree", str(told.get("rim")))
        check(told.get("unconfirmed") is False, f"{vector['name']} is confirmed")
        steps = [step["rim"] for step in told["steps"]]
        check(steps == [step["rim"] for step in vector["steps"]], f"{vector['name']}, each step")
        with open(dtb, "rb") as given, open(out, "rb") as made:
            check(given.read() == made.read(), f"{vector['name']}, every byte of the tree")
        told = compute("--dtb", dtb, *arguments(vector))
        check(told.get("rim") == vector["rim"], f"{vector['name']}, given tree")


def test_descriptions_of_the_same(directory):
    for vector in load():
        steps = json.loads(json.dumps(vector["steps"]))
        for step in steps:
            if "file" in step:
                step["file"] = os.path.join(FOLDER, step["file"])
        path = os.path.join(directory, "d.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"steps": steps}, file)
        told = compute("--json-input", path)
        check(told.get("rim") == vector["rim"], f"{vector['name']}, as a description")


def test_gzip_kernel(_):
    vector = next(v for v in load() if v["name"] == "qemu-kernel")
    words = [w + ".gz" if w.endswith("linux.bin") else w for w in arguments(vector)]
    check(compute(*words).get("rim") == vector["rim"], "a packed kernel is unpacked")


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


def test_each_argument_changes_what_the_document_says(directory):
    base = ["--num-wps", "6", "--num-bps", "6", "--ipa-bits", "52", "qemu"]
    out = os.path.join(directory, "t.dtb")

    def tree(*more):
        told = compute("--output-dtb", out, *base, *more)
        return properties(out), told.get("unconfirmed")

    plain, _ = tree()
    for more, names in (
            (["-m", "256M"], {"/memory@40000000:reg"}),
            (["-append", "quiet"], {"/chosen:bootargs"}),
            (["-smp", "3"], {"/cpus/cpu@1", "/cpus/cpu@2", ":interrupt-parent",
                             "/platform-bus@c000000:interrupt-parent",
                             "/pcie@10000000:interrupt-map", "/pcie@10000000:msi-map",
                             "/intc@8000000:phandle", "/intc@8000000/its@8080000:phandle"}),
            (["-M", "virt,its=off"], {"/pcie@10000000:msi-map", "/intc@8000000/its@8080000"})):
        changed, unconfirmed = tree(*more)
        found = {name for name in plain.keys() | changed.keys() if plain.get(name) != changed.get(name)}
        # A node that comes or goes stands for its properties.
        found = {name for name in found if ":" not in name or name.split(":")[0] in plain.keys() & changed.keys()}
        check(found == names, f"{more[0]} changes what it should", str(found ^ names))
        check(unconfirmed is True, f"{more[0]} {more[1]} is unconfirmed")


if __name__ == "__main__":
    if not os.path.isdir(FOLDER):
        print("SKIP SDEI_THIRD_PARTY_VECTORS is not set")
        sys.exit(77)
    cli.main(__name__)
