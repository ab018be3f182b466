# SPDX-License-Identifier: Apache-2.0
"""scripts/test arm64: unit, conformance and round-trip tests as arm64 programs, by QEMU's user emulation."""
import os
import re

import building
import ctests
import debian
import kvm_packages
from result import FAILED, SKIPPED, Result
from tree import ROOT

PRESET, SUITE = "arm64", "bookworm"
LABELS = ("unit", "conformance", "roundtrip")
# Much data and nothing of the architecture in it: each takes from 20 to 80 s under emulation.
ONLY_LONG = ("unit/seal_limits", "unit/token", "unit/random_steps", "roundtrip/bounds",
             "roundtrip/delta")


def libraries():
    """Debian's names of the libraries that the build asks for, and the C library."""
    with open(os.path.join(ROOT, "cmake", "Dependencies.cmake"), encoding="utf-8") as file:
        wanted = re.findall(r"^\s*sdei_need(?:_library)?\(\w+(?:\s+\S+){2}\s+(\S+)", file.read(), re.M)
    return ("libc6-dev", *(name for name in wanted if name.endswith("-dev")))


def build(targets):
    """Fetch what is missing, then build @targets alone. Returns the seconds of the build."""
    kvm_packages.user_emulator()
    compiler = kvm_packages.compiler()
    kvm_packages.sysroot(SUITE, libraries())
    return building.build(PRESET, targets, compiler.env)


def _left_out():
    return [Result(f"arm64: {name}", SKIPPED, 0, "long under emulation; with --long")
            for name in ONLY_LONG]


def run(long):
    """A skip that says what is missing where Debian's packages cannot be had."""
    try:
        seconds = build([f"tests_{label}" for label in LABELS])
    except debian.Missing as missing:
        return [Result("arm64/tools", SKIPPED, 0, str(missing))]
    except building.BuildFailed as failure:
        return [Result("arm64/build", FAILED, 0, str(failure))]
    print(f"{'':12} built {PRESET} in {seconds:.1f} s", flush=True)
    selection = ["-L", "^(" + "|".join(LABELS) + ")$"]
    if not long:
        selection += ["-E", "^(" + "|".join(ONLY_LONG) + ")$"]
    return ctests.run("arm64", PRESET, (selection,), long) + ([] if long else _left_out())
