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
# What only a kernel has, and the emulation of its calls has not; they run natively.
NEVER = {"unit/tools_confine": "the emulation has no seccomp filters",
         "unit/transport_pass": "the emulation takes in descriptors that the program has no room for"}


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


def _left_out(long):
    """Test -> why it is not run."""
    return NEVER if long else NEVER | dict.fromkeys(ONLY_LONG, "long under emulation; with --long")


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
    left_out = _left_out(long)
    selection += ["-E", "^(" + "|".join(left_out) + ")$"]
    return ctests.run("arm64", PRESET, (selection,), long) + [
        Result(f"arm64: {name}", SKIPPED, 0, reason) for name, reason in left_out.items()]
