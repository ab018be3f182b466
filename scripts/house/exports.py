#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A library exports what its public headers declare, no more and no less, under a SONAME."""
import glob
import os
import re
import subprocess

import csource
from house import DEV, Check, skip
from tree import ROOT, read, tracked

HEADERS = "{}/include/*.h"


def declared(room):
    names = {}
    for header in tracked(HEADERS.format(room)):
        for name, (line, _) in csource.prototypes(read(header)).items():
            names[name] = f"{header}:{line}"
    return names


def exported(library):
    told = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", library],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    symbols = [line.split()[-1].split("@") for line in told.splitlines() if " A " not in line]
    return {parts[0]: len(parts) > 1 for parts in symbols}


def has_soname(library):
    told = subprocess.run(["readelf", "-d", library], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    return re.search(r"SONAME.*\[lib\w+\.so\.\d+\]", told)


def compare(check, room, library):
    wanted, given = declared(room), exported(library)
    for name in sorted(wanted.keys() - given.keys()):
        check.found(wanted[name], f"{name} is declared but {os.path.basename(library)} lacks it")
    for name in sorted(given.keys() - wanted.keys()):
        check.found(room, f"{name} is exported but no public header declares it")
    for name in sorted(name for name, versioned in given.items() if not versioned):
        check.found(room, f"{name} has no symbol version; name it in the version script")
    if not has_soname(library):
        check.found(room, f"{os.path.basename(library)} has no SONAME with a number")


def main():
    check = Check("exports", "declare it in include/ with the API macro, or hide it")
    libraries = sorted(glob.glob(os.path.join(DEV, "*", "lib*.so")))
    if not libraries:
        skip("no library is built in build/dev; scripts/test house builds them")
    for library in libraries:
        compare(check, os.path.relpath(os.path.dirname(library), DEV), library)
    built = {os.path.relpath(os.path.dirname(library), DEV) for library in libraries}
    for header in tracked("*/include/*/*.h"):
        room = header.split("/include/")[0]
        if room not in built and os.path.exists(os.path.join(ROOT, room, "CMakeLists.txt")):
            check.found(header, f"{room} has public headers but builds no shared library")
    check.finish()


main()
