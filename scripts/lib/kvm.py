# SPDX-License-Identifier: Apache-2.0
"""scripts/test kvm: the same rows asked of libkvmcore and of real arm64 kernels under emulation."""
import collections
import json
import os
import subprocess
import time

import building
import kvm_emulator
import kvm_packages
import kvm_rows
from result import FAILED, PASSED, SKIPPED, Result
from tree import ROOT

SOURCES = ("rows.c", "steps.c", "call.c", "machine_kernel.c")
WARNINGS = ("-Wall", "-Wextra", "-Werror")
CPU = "max,pauth-impdef=on"
SECONDS = 240

# The newest kernel of which suite, on which CPU.
RUNS = (
    ("bookworm-backports", CPU),
    ("sid", CPU),
)
# A kernel newer than any profile is held against the newest one.
PROFILES = (("6.12.", "6.12"), ("7.", "7.2"))

# Where the model differs on purpose; docs/abi.md, "Differences from recorded kernels". A row named here
# that does not differ is a failure.
BY_DESIGN = {
    "call/nofilter/SDEI_VERSION": "the core has the SDEI service that these kernels lack",
    "call/handle-sdei/SDEI_VERSION-smc": "the core's SDEI service again; HANDLE does not hide it",
}


def build_for_arm64():
    """The kernel's side of the rows, as one static program. Returns its bytes."""
    compiler = kvm_packages.compiler()
    jansson = kvm_packages.jansson()
    program = os.path.join(kvm_packages.HOME, "init")
    folder = os.path.join(ROOT, "tests", "kvm")
    told = subprocess.run(
        [*compiler.command, "-std=gnu11", "-O2", "-g0", "-static", "-D_GNU_SOURCE", *WARNINGS,
         "-I", os.path.join(ROOT, "libkvmcore", "include"),
         "-I", os.path.join(jansson, "usr", "include"), "-o", program,
         *(os.path.join(folder, name) for name in SOURCES),
         os.path.join(jansson, "usr", "lib", "aarch64-linux-gnu", "libjansson.a")],
        env=compiler.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    if told.returncode != 0:
        raise building.BuildFailed(told.stdout)
    with open(program, "rb") as file:
        return file.read()


def _by_name(lines):
    found = {}
    for line in lines:
        try:
            told = json.loads(line)
            found[told["name"]] = told["seen"]
        except (ValueError, TypeError, KeyError):
            found[line] = None
    return found


def ask_model(profile, host, rows):
    """@host: the levels that the kernel told of itself."""
    levels = ",".join(str(int(value, 0) & 15) if ret == 0 else "0" for ret, value in host)
    told = subprocess.run(
        [os.path.join(building.directory("dev"), "tests", "kvm", "kvm_rows"), profile,
         levels + ",0", rows], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    if told.returncode != 0:
        raise building.BuildFailed(f"kvm_rows ended with {told.returncode}: {told.stdout[-2000:]}")
    mark = kvm_emulator.MARK
    return _by_name(line[len(mark):] for line in told.stdout.splitlines() if line.startswith(mark))


def compare(rows, kernel, model):
    """(compared per area, not run: name -> reason, differences as text)"""
    compared, not_run, differences = collections.Counter(), {}, []
    for row in rows:
        name = row["name"]
        if "skip" in row:
            not_run[name] = row["skip"]
        elif name not in kernel or name not in model:
            differences.append(f"{name}: no answer of the "
                               + ("kernel" if name not in kernel else "model"))
        elif name in BY_DESIGN and kernel[name] != model[name]:
            not_run[name] = BY_DESIGN[name]
        elif name in BY_DESIGN:
            differences.append(f"{name}: no longer differs, so its exemption has to go")
        elif kernel[name] != model[name]:
            differences.append(f"{name}:\n  asked  {json.dumps(row['steps'])}\n"
                               f"  kernel {json.dumps(kernel[name])}\n"
                               f"  model  {json.dumps(model[name])}")
        else:
            compared[row["area"]] += 1
    return compared, not_run, differences


def _tell(release, cpu, profile, seconds, compared, not_run):
    areas = ", ".join(f"{area} {count}" for area, count in sorted(compared.items()))
    print(f"{'':12} {release}, {cpu.split(',')[0]}, profile {profile}: "
          f"{sum(compared.values())} rows as the model has them in {seconds:.1f} s ({areas})")
    reasons = collections.defaultdict(list)
    for name, reason in not_run.items():
        reasons[reason].append(name)
    for reason, names in reasons.items():
        print(f"{'':14} not compared, {reason}: {', '.join(names)}", flush=True)


def _profile_of(release):
    return next((profile for prefix, profile in PROFILES if release.startswith(prefix)), None)


def run_kernel(qemu, init, suite, cpu, rows):
    began = time.monotonic()
    release, image = kvm_packages.kernel(suite)
    name = f"kvm/{release}-{cpu.split(',')[0]}"
    profile = _profile_of(release)
    if not profile:
        return Result(name, SKIPPED, 0, "no profile of the model speaks of this kernel")
    asked = [row for row in rows if "skip" not in row]
    text = "".join(json.dumps(row) + "\n" for row in [kvm_rows.host_row(), *asked])
    stem = os.path.join(kvm_packages.HOME, name.split("/")[1])
    with open(stem + ".rows", "w", encoding="utf-8") as file:
        file.write(text)
    kvm_emulator.write_initramfs(stem + ".cpio", {"init": init, "rows.jsonl": text.encode()})
    lines, seconds, wrong = kvm_emulator.boot(qemu, image, stem + ".cpio", stem + ".log", cpu,
                                              SECONDS)
    kernel = _by_name(lines)
    if wrong and "_host" not in kernel:
        return Result(name, FAILED, seconds, f"{wrong}; see {stem}.log")
    model = ask_model(profile, kernel["_host"], stem + ".rows")
    compared, not_run, differences = compare(rows, kernel, model)
    _tell(release, cpu, profile, seconds, compared, not_run)
    if wrong:
        differences.insert(0, wrong)
    outcome = FAILED if differences or not compared else PASSED
    return Result(name, outcome, time.monotonic() - began, "\n".join(differences))


def run(long):
    """One result per kernel and CPU model; without packages a skip that says what is missing."""
    del long
    try:
        qemu = kvm_packages.emulator()
        init = build_for_arm64()
    except kvm_packages.Missing as missing:
        return [Result("kvm/tools", SKIPPED, 0, str(missing))]
    except building.BuildFailed as failure:
        return [Result("kvm/build", FAILED, 0, str(failure))]
    rows = kvm_rows.all_rows()
    results = []
    for suite, cpu in RUNS:
        try:
            results.append(run_kernel(qemu, init, suite, cpu, rows))
        except kvm_packages.Missing as missing:
            results.append(Result(f"kvm/{suite}", SKIPPED, 0, str(missing)))
        except building.BuildFailed as failure:
            results.append(Result(f"kvm/{suite}-model", FAILED, 0, str(failure)))
    return results
