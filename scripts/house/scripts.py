#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every script is executable, has an interpreter and parses."""
import ast
import os
import subprocess

from house import Check
from tree import ROOT, read, tracked


def fault(path, first):
    if "python" in first or path.endswith(".py"):
        try:
            ast.parse(read(path), path)
        except SyntaxError as error:
            return f"line {error.lineno}: {error.msg}"
    elif first.rstrip().endswith("sh") and first.startswith("#!"):
        shell = "bash" if "bash" in first else "sh"
        told = subprocess.run([shell, "-n", path], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        return told.stderr.strip() if told.returncode else None
    return None


def main():
    check = Check("scripts", "mend the syntax; chmod +x what begins with #!")
    for path in tracked("scripts/*", "tests/*.sh", "tests/*.py", "*.sh", "*.py", ".ci/*"):
        first = (read(path).splitlines() or [""])[0]
        if first.startswith("#!") and not os.access(os.path.join(ROOT, path), os.X_OK):
            check.found(path, "begins with #! but is not executable")
        wrong = fault(path, first)
        if wrong:
            check.found(path, wrong)
    check.finish()


main()
