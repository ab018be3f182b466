# SPDX-License-Identifier: Apache-2.0
"""The configurations of scripts/test, in the order a plain run takes them."""
from dataclasses import dataclass, field
from typing import Callable, Optional

import arm64
import checks
import kvm
import tidy

LABELS = ("unit", "conformance", "roundtrip", "golden", "cli")
THREADS = "thread"


@dataclass(frozen=True)
class Configuration:
    name: str
    what: str
    preset: Optional[str] = None        # built first, when there is one
    selections: tuple = ()              # ctest arguments, one list per ctest run
    run: Optional[Callable] = None      # a check of our own, called with whether --long was said
    by_name: bool = False               # only when it is named, or with --long


def _labelled(*labels):
    return ["-L", "^(" + "|".join(labels) + ")$"]


def _all_of(name, what, preset, *labels):
    return Configuration(name, what, preset, (_labelled(*labels),))


TABLE = (
    Configuration("format", "clang-format would change nothing", run=checks.run_format),
    _all_of("unit", "one test per source file", "dev", "unit"),
    _all_of("conformance", "rows of rules, calls and answers per ABI", "dev", "conformance"),
    _all_of("roundtrip", "capture to capture, bit-equal for random states", "dev", "roundtrip"),
    _all_of("golden", "sealed files of every revision still open", "dev", "golden"),
    _all_of("cli", "the commands: exit codes, pipes, kill -9", "dev", "cli"),
    _all_of("model", "the session's model, checked with spin, and held against the code", "dev",
            "model"),
    _all_of("qemu", "migrations of a real QEMU, where there is one", "dev", "qemu"),
    Configuration("house", "the rules of the house, one test per rule", "dev",
                  run=checks.run_house),
    Configuration("tidy", "clang-tidy finds nothing", "dev", run=tidy.run),
    _all_of("asan", "all of the above under AddressSanitizer and UBSan", "asan", *LABELS),
    Configuration("qemu-asan", "hook qmp beside a real QEMU under AddressSanitizer and UBSan", "asan",
                  (["-R", "^qemu/(packages$|qmp(_failures)?-)"],)),
    Configuration("tsan", "tests with threads, unit and conformance under ThreadSanitizer", "tsan",
                  (_labelled("unit", "conformance", THREADS),
                   ["-R", THREADS, "-LE", "^(unit|conformance|" + THREADS + ")$"])),
    _all_of("clang", "the other compiler builds it, and unit tests hold", "clang", "unit"),
    _all_of("release", "optimised, without fault points or assert", "release", "unit",
            "conformance"),
    Configuration("arm64", "the tests as arm64 programs, emulated; by name or with --long",
                  run=arm64.run, by_name=True),
    _all_of("install", "a stranger's program against the installed libraries", "release",
            "install"),
    _all_of("fuzz", "each harness for 5 seconds; a minute with --long", "fuzz", "fuzz"),
    Configuration("kvm", "the model's answers are those of real kernels; by name or with --long",
                  "dev", run=kvm.run, by_name=True),
)

BY_NAME = {configuration.name: configuration for configuration in TABLE}
