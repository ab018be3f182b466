#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The model's tables and the code's are the same, cell by cell. Argument: the program that prints the code's."""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
CONTROL = os.path.join(HERE, "..", "..", "docs", "control.md")
# Of the VMM's verbs the model leaves out what changes nothing.
LEFT_OUT = ("load", "token", "rehearse")


def name(symbol):
    return symbol.lower().replace("_", "-")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def models_cells(text):
    """{(side, state, event): next} of the rows; a cell that stands twice is a mistake."""
    cells = {}
    for side, state, event, after in re.findall(r"^\tROW\((\w+), (\w+), (\w+), (\w+)\)", text, re.M):
        key = (side, name(state), name(event))
        if key in cells:
            print(f"{key} stands twice in the model")
            sys.exit(1)
        cells[key] = name(after)
    return cells


def codes_cells(program):
    told = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
    rows = [line.split() for line in told.splitlines()]
    return {(side, state, event): after for side, state, event, after in rows if after != "-"}, \
        {(side, state, event) for side, state, event, _ in rows}


def differences(model, code):
    return [f"{' '.join(key)}: the model says {model.get(key, 'forbidden')}, the code "
            f"{code.get(key, 'forbidden')}"
            for key in sorted(set(model) | set(code)) if model.get(key) != code.get(key)]


def vmm_cells(text):
    return {(state.lower(), verb.lower()): to.lower() for state, verb, to in
            re.findall(r"^\tVM\((\w+), (\w+), (\w+)\)", text, re.M)}


def pages_cells():
    """Of docs/control.md, which a unit test holds against transport/src/owner.c."""
    rows = re.findall(r"^\| ([a-z]+) \| ([a-z]+) \| ([a-z]+) \|$",
                      read(CONTROL).split("## 4. Ownership")[1].split("\n## ")[0], re.M)
    return {(state, verb): "running" if to == "rest" else to
            for state, verb, to in rows if verb not in LEFT_OUT}


def must_tell(cells, other, what):
    """A comparison that finds no difference must find one for each row that is changed."""
    for key, after in cells.items():
        less = {cell: to for cell, to in cells.items() if cell != key}
        if not differences(less, other) or not differences(other, less):
            return [f"a missing row of {what} would not be seen: {key}"]
        if not differences({**cells, key: after + "-"}, other):
            return [f"a changed row of {what} would not be seen: {key}"]
    return []


def main():
    text = read(os.path.join(HERE, "matrix.pml"))
    model, vmm, page = models_cells(text), vmm_cells(text), pages_cells()
    code, looked_at = codes_cells(sys.argv[1])
    wrong = differences(model, code) + differences(vmm, page)
    if len(looked_at) < 700 or not code or not page:
        wrong.append("the code or the page has too few cells to be all of them")
    if not wrong:
        wrong = must_tell(model, code, "the sides") + must_tell(vmm, page, "the VMM")
    print("\n".join(wrong) or f"{len(looked_at)} cells of the sides and {len(page)} of the VMM agree")
    sys.exit(1 if wrong else 0)


main()
