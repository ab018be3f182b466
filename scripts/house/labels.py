#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every test that CTest knows belongs to a configuration of scripts/test; none is forgotten."""
import json
import os
import re
import subprocess

from house import DEV, Check, skip
from catalogue import TABLE


def labels(test):
    for entry in test.get("properties", ()):
        if entry["name"] == "LABELS":
            return entry["value"]
    return []


def main():
    check = Check("labels", "give it a CONFIG that scripts/test --list names, or add the "
                  "configuration to scripts/lib/catalogue.py")
    if not os.path.exists(os.path.join(DEV, "CTestTestfile.cmake")):
        skip("build/dev is not configured; scripts/test house builds it")
    told = subprocess.run(["ctest", "--test-dir", DEV, "--show-only=json-v1"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    wanted = [re.compile(selection[1]) for configuration in TABLE
              for selection in configuration.selections if selection[:1] == ["-L"]]
    for test in json.loads(told)["tests"]:
        if not any(pattern.search(label) for pattern in wanted for label in labels(test)):
            check.found(test["name"], f"no configuration runs it (labels {labels(test)})")
    check.finish()


main()
