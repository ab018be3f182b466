#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The RIMs that veraison/cca-realm-measurements published, from given and from generated trees."""
import json
import os
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


def test_a_tree_as_template_of_another(directory):
    """From the tree of one case, that of another whose nodes and properties are the same."""
    cases = {vector["name"]: vector for vector in load()}
    out = os.path.join(directory, "out.dtb")
    for template, wanted in (("qemu-noargs", "qemu-bios"), ("qemu-bios", "qemu-noargs"),
                             ("qemu-pmu-on", "qemu-noargs"), ("kvmtool-min", "kvmtool-firmware"),
                             ("qemu-bios-append", "qemu-bios-append"),
                             ("qemu-kernel-initrd", "qemu-kernel-initrd")):
        told = compute("--dtb-template", os.path.join(FOLDER, cases[template]["dtb"]), "--output-dtb", out,
                       *arguments(cases[wanted]))
        with open(out, "rb") as made, open(os.path.join(FOLDER, cases[wanted]["dtb"]), "rb") as published:
            check(made.read() == published.read(), f"{wanted} from the tree of {template}")
        check(told.get("rim") == cases[wanted]["rim"], "with its RIM", str(told.get("rim")))
        check(told.get("unconfirmed") is True, "a patched tree is unconfirmed")


if __name__ == "__main__":
    if not os.path.isdir(FOLDER):
        print("SKIP SDEI_THIRD_PARTY_VECTORS is not set")
        sys.exit(77)
    cli.main(__name__)
