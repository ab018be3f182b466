#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every exported function has a page; every page says what it must, and groff finds nothing to warn of."""
import glob
import os
import re
import shutil
import subprocess
import sys

PAGES, LIBRARIES = sys.argv[1], sys.argv[2:]
SECTIONS = {"3": ["NAME", "SYNOPSIS", "DESCRIPTION"], "5": ["NAME", "DESCRIPTION"], "7": ["NAME", "DESCRIPTION"]}
broken = []


def check(held, promise):
    if not held:
        broken.append(promise)
        print(f"broken promise: {promise}", file=sys.stderr)


def exports(library):
    listed = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True,
                            check=True).stdout
    return re.findall(r" T (\w+)(?:@@?\S+)?$", listed, re.MULTILINE)


def main():
    names = [name for library in LIBRARIES for name in exports(library)]
    check(len(names) > 100, "the libraries export their functions")
    for name in names:
        check(os.path.exists(os.path.join(PAGES, "man3", name + ".3")), f"{name} has a man page")
    pages = sorted(glob.glob(os.path.join(PAGES, "man*", "*")))
    check(len(pages) > len(names), "and the texts have theirs")
    groff = shutil.which("groff")
    for page in pages:
        with open(page, encoding="ascii") as file:
            text = file.read()
        for section in SECTIONS[page[-1]]:
            check(f"\n.SH {section}\n" in text, f"{os.path.basename(page)} has a section {section}")
    if groff:
        done = subprocess.run([groff, "-t", "-man", "-ww", "-z", *pages], capture_output=True,
                              text=True, check=False)
        # A table in a narrow column cannot be justified; that is how it looks, not what it says.
        left = [line for line in done.stderr.splitlines() if "adjust line" not in line
                and "can't break line" not in line]
        check(done.returncode == 0 and not left, f"groff has nothing to warn of: {left[:3]}")
    print(f"{len(pages)} pages, {len(names)} functions" + ("" if groff else "; groff is not here"))
    sys.exit(bool(broken))


main()
