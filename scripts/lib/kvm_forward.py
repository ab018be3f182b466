# SPDX-License-Identifier: Apache-2.0
"""The tests' own programs on an emulated host: each call of their guests is made by a real vCPU first.

tests/kvm/forward.c stands between a program and libkvmcore; the programs are those of scripts/test arm64."""
import collections
import glob
import os
import re
import subprocess
from dataclasses import dataclass

import arm64
import building
import kvm_packages
from result import FAILED, PASSED, Result
from side_by_side import say
from tree import ROOT

# Folder below build/arm64/tests, and the tests of it whose guests make calls or accesses.
CHOSEN = {
    "conformance/sdei": ("calls", "commands", "contract", "delivery", "linux", "restore", "states",
                         "suites", "threads", "v5", "v7"),
    "conformance/kvmcore": ("calls_recorded", "guard_recorded", "kvm_recorded", "rsi_recorded",
                            "smccc_odd", "smccc_rules"),
    "roundtrip": ("exits", "scenarios", "vm_records", "walks"),
    "unit/kvmcore": ("guard", "guard_access", "guard_attr", "guard_straddle", "psci", "run",
                     "realm_rsi", "realm_host", "realm_edges"),
}
# Millions of calls beside those that go through a vCPU.
CHOSEN_LONG = {"conformance/sdei": ("hostile", "random")}
DATA = os.path.join("tests", "conformance", "data")
MOST, MOST_LONG = 500, 5000   # calls of one program that go through a vCPU
STORM, STORM_LONG = 600, 6000   # events of tests/kvm/storm.c
SECONDS, SECONDS_LONG = 300, 900    # of one program, before it is ended
LINKER = "lib/ld-linux-aarch64.so.1"


def _paths(long):
    tests = os.path.join(building.directory(arm64.PRESET), "tests")
    for folder, names in CHOSEN.items():
        config = folder.split("/")[0]
        middle = "sdei_" if folder.endswith("/sdei") else ""
        for name in names + (CHOSEN_LONG.get(folder, ()) if long else ()):
            yield os.path.join(tests, folder, f"{config}_{middle}{name}")


def _needed(compiler, path):
    readelf = compiler.command[0].replace("-gcc", "-readelf")
    told = subprocess.run([readelf, "-d", path], env=compiler.env, check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", told)


def libraries(paths):
    """Everything that @paths are linked with: path in an initramfs -> bytes."""
    compiler, sysroot = kvm_packages.compiler(), kvm_packages.sysroot(arm64.SUITE, arm64.libraries())
    build = building.directory(arm64.PRESET)
    folders = [os.path.join(build, name) for name in ("libkvmcore", "libsdeistate", "transport")]
    folders += [os.path.join(sysroot, where, "aarch64-linux-gnu") for where in ("lib", "usr/lib")]
    found, waiting = {}, list(paths)
    while waiting:
        for name in _needed(compiler, waiting.pop()):
            where = next((path for path in (os.path.join(folder, name) for folder in folders)
                          if os.path.exists(path)), None)
            if where and name not in found:
                found[name] = where
                waiting.append(where)
    held = {"lib/" + name: _read(path) for name, path in found.items()}
    held.setdefault(LINKER, _read(os.path.join(sysroot, LINKER)))
    return held


def _read(path):
    with open(path, "rb") as file:
        return file.read()


@dataclass
class Programs:
    """What a host runs behind its rows."""
    names: tuple    # tests whose calls go through a vCPU
    files: dict     # what the initramfs has to hold beside init: path -> bytes
    settings: dict

    def words(self, seed):
        """What the kernel's command line tells init. @seed: also of the storm's choices; None for its own."""
        settings = self.settings if seed is None else {**self.settings, "SDEI_SEED": seed}
        return " ".join(f"{name}={value}" for name, value in settings.items())

    def judge(self, name, told):
        """@told: {program: what the host @name saw of it}."""
        results = [judge_service(name, told, self.names)] if self.names else []
        return results + [judge_storm(name, told)]


def _built(name):
    return os.path.join(building.directory(arm64.PRESET), "tests", "kvm", name)


def _storm_file():
    return {"alone/storm": _read(_built("storm"))}


def storm():
    """tests/kvm/storm.c alone."""
    arm64.build(["storm"])
    return Programs((), {**libraries([_built("storm")]), **_storm_file()},
                    {"program_seconds": SECONDS, "SDEI_STORM_EVENTS": STORM})


def every(long):
    """The chosen tests, and the storm."""
    paths = list(_paths(long))
    names = tuple(os.path.basename(path) for path in paths)
    arm64.build([*names, "forward", "storm"])
    shim = _built("forward.so")
    files = {f"programs/{name}": _read(path) for name, path in zip(names, paths)}
    files.update({**libraries([*paths, shim]), "lib/forward.so": _read(shim), **_storm_file()})
    for path in glob.glob(os.path.join(ROOT, DATA, "**", "*"), recursive=True):
        if os.path.isfile(path):
            files[path.lstrip("/")] = _read(path)
    return Programs(names, files, {
        "forward_most": MOST_LONG if long else MOST, "program_seconds": SECONDS_LONG if long else SECONDS,
        "SDEI_STORM_EVENTS": STORM_LONG if long else STORM})


def _sums(told):
    """Calls and accesses of all programs together, and what went past the vCPU: reason -> how often."""
    counts, direct = collections.Counter(), collections.Counter()
    for seen in told.values():
        report = dict(seen.get("forwarded") or {})
        direct.update(report.pop("direct", {}))
        counts.update(report)
    return counts, direct


def judge_storm(name, told):
    """Four vCPUs, events and interrupts at random moments: tests/kvm/storm.c has checked itself."""
    seen = told.get("program/storm", {"status": "not run", "output": "", "seconds": 0, "forwarded": {}})
    counts = seen["forwarded"] or {}
    say(f"{'':12} {name}: 4 vCPUs, " + ", ".join(f"{counts.get(word, 0)} {word}" for word in (
        "events", "nested", "resumed", "interrupts", "aborts")) + f" in {seen['seconds']:.1f} s")
    wrong = [] if seen["status"] == 0 else [f"ended with status {seen['status']}", seen["output"]]
    wrong += [f"no {word}" for word in ("events", "resumed", "interrupts", "aborts") if not counts.get(word)]
    return Result(f"kvm/{name}-storm", FAILED if wrong else PASSED, seen["seconds"], "\n".join(wrong))


def judge_service(name, told, wanted):
    """One result: all of @wanted held, and something of each went through a vCPU."""
    told = {program[len("program/"):]: seen for program, seen in told.items() if program.startswith("program/")}
    told.pop("storm", None)
    wrong = [f"{program}: not run" for program in sorted(set(wanted) - told.keys())]
    wrong += [f"{program}: ended with status {seen['status']:#x}\n{seen['output']}"
              for program, seen in sorted(told.items()) if seen["status"]]
    wrong += [f"{program}: nothing of it went through a vCPU" for program, seen in sorted(told.items())
              if not seen["status"] and not any((seen["forwarded"] or {"calls": 0}).get(word) for
                                                word in ("calls", "accesses"))]
    counts, direct = _sums(told)
    seconds = sum(seen["seconds"] for seen in told.values())
    say(f"{'':12} {name}: {len(told)} programs, {counts['calls']} calls by a real vCPU to the core "
        f"({counts['answered']} answered, {counts['moved']} moved the guest), "
        f"{counts['accesses']} accesses ({counts['aborts']} refused) in {seconds:.1f} s; "
        f"{counts['ended']} programs ended with their last call of so many")
    for reason, count in direct.most_common():
        say(f"{'':14} {count} asked of the core alone, {reason}")
    return Result(f"kvm/{name}-service", FAILED if wrong else PASSED, seconds, "\n".join(wrong))
