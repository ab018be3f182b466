# SPDX-License-Identifier: Apache-2.0
"""The tests' own programs on an emulated host: each call of their guests is made by a real vCPU first.

tests/kvm/forward.c stands between a program and libkvmcore; the programs are those of scripts/test arm64."""
import collections
import glob
import os
import re
import subprocess

import arm64
import building
import kvm_packages
from result import FAILED, PASSED, Result
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


def words(long):
    """What the kernel's command line tells init."""
    return (f"forward_most={MOST_LONG if long else MOST} "
            f"SDEI_STORM_EVENTS={STORM_LONG if long else STORM}")


def files(long):
    """What the initramfs has to hold beside init: name -> bytes."""
    paths = list(_paths(long))
    arm64.build([*(os.path.basename(path) for path in paths), "forward", "storm"])
    shim, storm = (os.path.join(building.directory(arm64.PRESET), "tests", "kvm", name)
                   for name in ("forward.so", "storm"))
    held = {f"programs/{os.path.basename(path)}": _read(path) for path in paths}
    held.update(libraries([*paths, shim]))
    held["lib/forward.so"] = _read(shim)
    held["alone/storm"] = _read(storm)
    for path in glob.glob(os.path.join(ROOT, DATA, "**", "*"), recursive=True):
        if os.path.isfile(path):
            held[path.lstrip("/")] = _read(path)
    return held


def _sums(told):
    """Calls and accesses of all programs together, and what went past the vCPU: reason -> how often."""
    counts, direct = collections.Counter(), collections.Counter()
    for seen in told.values():
        report = dict(seen.get("forwarded") or {})
        direct.update(report.pop("direct", {}))
        counts.update(report)
    return counts, direct


def judge_storm(host, told):
    """Four vCPUs, events and interrupts at random moments: tests/kvm/storm.c has checked itself."""
    seen = told.get("program/storm", {"status": "not run", "output": "", "seconds": 0, "forwarded": {}})
    counts = seen["forwarded"] or {}
    print(f"{'':12} {host.name}: 4 vCPUs, " + ", ".join(f"{counts.get(word, 0)} {word}" for word in (
        "events", "nested", "resumed", "interrupts", "aborts")) + f" in {seen['seconds']:.1f} s", flush=True)
    wrong = [] if seen["status"] == 0 else [f"ended with status {seen['status']}", seen["output"]]
    wrong += [f"no {word}" for word in ("events", "resumed", "interrupts", "aborts") if not counts.get(word)]
    return Result(f"kvm/{host.name}-storm", FAILED if wrong else PASSED, seen["seconds"], "\n".join(wrong))


def judge(host, told, long):
    """@told: {program: what the host saw of it}. One result: all held, and something went through a vCPU."""
    told = {name[len("program/"):]: seen for name, seen in told.items() if name.startswith("program/")}
    told.pop("storm", None)
    wanted = {os.path.basename(path) for path in _paths(long)}
    wrong = [f"{name}: not run" for name in sorted(wanted - told.keys())]
    wrong += [f"{name}: ended with status {seen['status']:#x}\n{seen['output']}"
              for name, seen in sorted(told.items()) if seen["status"]]
    wrong += [f"{name}: nothing of it went through a vCPU" for name, seen in sorted(told.items())
              if not seen["status"] and not any((seen["forwarded"] or {"calls": 0}).get(word) for
                                                word in ("calls", "accesses"))]
    counts, direct = _sums(told)
    seconds = sum(seen["seconds"] for seen in told.values())
    print(f"{'':12} {host.name}: {len(told)} programs, {counts['calls']} calls by a real vCPU to the core "
          f"({counts['answered']} answered, {counts['moved']} moved the guest), "
          f"{counts['accesses']} accesses ({counts['aborts']} refused) in {seconds:.1f} s")
    for reason, count in direct.most_common():
        print(f"{'':14} {count} asked of the core alone, {reason}", flush=True)
    return Result(f"kvm/{host.name}-service", FAILED if wrong else PASSED, seconds, "\n".join(wrong))
