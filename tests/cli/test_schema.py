#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/model.schema.json and the program agree on what a description may say."""
import glob
import json
import os
import sys

import cli
from cli import check, host, model, run

try:
    import jsonschema
except ImportError:
    print("SKIP the Python package jsonschema is not installed")
    sys.exit(77)

SCHEMA = os.path.join(cli.SOURCE, "docs", "model.schema.json")


def validator():
    with open(SCHEMA, encoding="utf-8") as schema:
        return jsonschema.Draft202012Validator(json.load(schema))


def test_examples_follow_it(_):
    for path in glob.glob(cli.MODELS + "/*.json"):
        with open(path, encoding="utf-8") as text:
            faults = [fault.message for fault in validator().iter_errors(json.load(text))]
        check(not faults, f"{os.path.basename(path)} follows the schema", str(faults[:3]))


def test_both_say_the_same(directory):
    one = [{}]
    rows = [
        {"vcpus": one},
        {"vcpus": one, "profile": "kvm-v7"},
        {"vcpus": one, "profile": "kvm-v6"},
        {"vcpus": one, "guard": "off"},
        {"vcpus": one, "guard": "X"},
        {"vcpus": one, "ipa_bits": 53},
        {"vcpus": one, "spi": 0},
        {"vcpus": one, "ppi": 17},
        {"vcpus": one, "bind_slots": {"private": 64}},
        {"vcpus": one, "bind_slots": {"private": 65}},
        {"vcpus": one, "bind_slots": {"secret": 1}},
        {"vcpus": one, "memory": []},
        {"vcpus": one, "memory": [{"base": "0x0"}]},
        {"vcpus": one, "exposed": [{"type": "private"}]},
        {"vcpus": one, "exposed": [{"num": "0x400000", "signaled": 256}]},
        {"vcpus": one, "pe_features": ["pan", "nmi"]},
        {"vcpus": one, "pe_features": ["wings"]},
        {"vcpus": one, "dialects": ["sdei-1.0"]},
        {"vcpus": one, "type": "s390", "s390": {"strict_document": True, "host": ["no-ap"],
                                                "facilities": [0, 16383]}},
        {"vcpus": one, "type": "s390", "s390": {"facilities": [16384]}},
        {"vcpus": one, "type": "s390", "s390": {"facilities": 7}},
        {"vcpus": one, "type": "s390", "s390": {"host": ["slow"]}},
        {"vcpus": one, "type": "s390", "s390": {"clock": 1}},
        {"vcpus": [{"vcpu_id": 65536}]},
        {"vcpus": [{"on": 1}]},
        {"vcpus": one, "generation": "0x7"},
        {"vcpus": one, "script": [{"do": "status"}]},
        {"vcpus": one, "script": [{"do": "status", "vcpu": 0}]},
        {"vcpus": one, "script": [{"do": "inject", "vcpu": 0}]},
        {"vcpus": one, "script": [{"do": "mmio", "vcpu": 0, "action": "peek", "ipa": 0, "len": 4}]},
        {"vcpus": []},
        {},
    ]
    for description in rows:
        path = model(directory, "row.json", **description)
        if validator().is_valid(description):
            with host(directory, model=path) as vm:
                check(vm.ready, f"{description}: the schema and the program take it")
        else:
            done = run("host", "--vm", path, "--control", os.path.join(directory, "s"))
            check(done.returncode == 2, f"{description}: both refuse it",
                  f"{done.returncode} {done.stderr}")


if __name__ == "__main__":
    cli.main(__name__)
