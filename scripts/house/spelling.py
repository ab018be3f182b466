#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""codespell finds nothing in what git tracks; .codespellrc names the words it does not know."""
import re
import shutil
import subprocess

from house import Check, skip
from tree import ROOT, tracked

NOT_PROSE = (".json", ".jsonl", ".bin", ".gz", ".zst", ".cbor", ".dtb", ".png", ".sdei", ".txt.in")


def main():
    if not shutil.which("codespell"):
        skip("codespell is not installed")
    check = Check("spelling", "codespell -w FILE, or add a term of the field to .codespellrc")
    files = [path for path in tracked("*")
             if not path.endswith(NOT_PROSE) and not path.startswith("LICENSE")]
    told = subprocess.run(["codespell", "--config", ".codespellrc", *files], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    for line in told.splitlines():
        match = re.match(r"(?:\./)?([^:]+:\d+): (.*)", line)
        check.found(*(match.groups() if match else (".codespellrc", line)))
    check.finish()


main()
