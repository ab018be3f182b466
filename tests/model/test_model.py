#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the model of the session with spin, and that it can fail: docs/session-model.md."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
LONG = bool(os.environ.get("SDEI_TEST_LONG"))
HOLDS, FAILS = "holds", "fails"

# What goes wrong, at most; a claim's name, or None: never two running, no lie, no standstill.
PLAIN = (
    ("KILLS=1 LOSSES=1", None),
    ("KILLS=1 TRY_OUT=1 REALM=1", None),
    ("DOUBLES=1 TRY_OUT=1", None),
    ("STALLS=1", None),
    ("LOSSES=1 CANCELS=1", None),
    ("LOSSES=1 WRITES=1", None),
    ("ASKS_THERE=1 STALLS=1", None),
    ("LOSSES=1", "some_run"),
    ("LOSSES=1", "doubt_ends"),
    ("CANCELS=1", "cancel_answered"),
    ("BASES=2 TRY_OUT=1 LOSSES=1", None),
    ("VMM_KILLS=1 LOSSES=1", None),
    ("DRY_RUN=1 KILLS=1 LOSSES=1", None),
    ("DRY_RUN=1 STALLS=1 TRY_OUT=1", None),
    ("DRY_RUN=1 KILLS=1", "some_run"),
)
MORE = (
    ("KILLS=2 LOSSES=1", None),
    ("KILLS=1 ASKS_THERE=1", None),
    ("KILLS=1 VMM_KILLS=1", None),
    ("VMM_KILLS=1 LOSSES=2", None),
    ("VMM_KILLS=1 ASKS_THERE=1 WORDS=1", None),
    ("KILLS=1 LOSSES=1 CANCELS=1", None),
    ("KILLS=1 LOSSES=1 STALLS=1 CANCELS=1 DOUBLES=1 TRY_OUT=1 REALM=1", None),
    ("KILLS=1", "some_run"),
    ("KILLS=1", "doubt_ends"),
    ("KILLS=1 CANCELS=1", "cancel_answered"),
)
# A mistake that is put in, and what must then be found.
MISTAKES = (
    ("MISTAKE=1 KILLS=1", "some_run"),
    ("MISTAKE=2 LOSSES=1", None),
    ("MISTAKE=3 KILLS=1", None),
    ("MISTAKE=4 STALLS=1", None),
    ("MISTAKE=5 ASKS_THERE=1", None),
    ("MISTAKE=6 LOSSES=1 CANCELS=1", None),
    ("MISTAKE=7 VMM_KILLS=1 LOSSES=2", None),
    ("MISTAKE=8 DRY_RUN=1", None),
)


def find_tools():
    if not shutil.which("spin") and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "spin"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    for tool in ("spin", "gcc"):
        if not shutil.which(tool):
            print(f"SKIP {tool} is not installed; scripts/setup installs it")
            sys.exit(77)


class Verifiers:
    """Built where they are first needed; what goes wrong is told them by the environment."""

    def __init__(self, folder):
        self.folder = folder

    def build(self, lasting, bits):
        name = os.path.join(self.folder, f"pan{lasting:d}{bits:d}")
        if os.path.exists(name):
            return name
        live = ["-DLIVE"] if lasting else []
        subprocess.run(["spin", "-a", *live, os.path.join(HERE, "session.pml")], cwd=self.folder,
                       check=True, stdout=subprocess.DEVNULL)
        kind = ["-DBITSTATE"] if bits else ["-DCOLLAPSE", "-DMEMLIM=3000"]
        # The short searches take less time than an optimising compiler does.
        subprocess.run(["gcc", "-O2" if bits else "-O0", "-w", *kind,
                        "-DNFAIR=4" if lasting else "-DSAFETY", "-o", name, "pan.c"],
                       cwd=self.folder, check=True)
        return name

    def search(self, faults, claim, bits, *more):
        env = dict(os.environ, **dict(word.split("=") for word in faults.split()))
        arguments = ["-m2000000", "-n"] + (["-a", "-f", "-N", claim] if claim else [])
        arguments += ["-w30", "-Q5"] if bits else ["-w20"]
        return subprocess.run([self.build(bool(claim), bits), *(more or arguments)],
                              cwd=self.folder, env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True).stdout


def judge(report, bits):
    found = re.search(r"errors: (\d+)", report)
    if not found or "out of memory" in report:
        return "did not end"
    if found.group(1) != "0":
        return FAILS if re.search(r"assertion violated|acceptance cycle|invalid end", report) \
            else "did not end"
    if not bits and ("max search depth too small" in report or "not completed" in report):
        return "did not end"
    return HOLDS


def check(verifiers, faults, claim, expected, bits=False):
    began = time.monotonic()
    report = verifiers.search(faults, claim, bits)
    verdict = judge(report, bits)
    states = re.search(r"([\d.e+]+) states, stored", report)
    print(f"{'ok  ' if verdict == expected else 'FAIL'} {claim or 'safety'}: {faults}: {verdict}, "
          f"{states.group(1) if states else '?'} states, {time.monotonic() - began:.1f} s",
          flush=True)
    if verdict != expected:
        print(report[-3000:])
        if verdict == FAILS:
            print(verifiers.search(faults, claim, bits, "-r", "session.pml.trail", "-n")[-20000:])
    return verdict == expected


def main():
    find_tools()
    part = sys.argv[1]
    runs = [(faults, claim, HOLDS, False) for faults, claim in PLAIN] if part == "holds" else \
           [(faults, claim, FAILS, False) for faults, claim in MISTAKES]
    if part == "holds" and LONG:
        runs += [(faults, claim, HOLDS, True) for faults, claim in MORE]
    with tempfile.TemporaryDirectory(prefix="spin.") as folder:
        verifiers = Verifiers(folder)
        results = [check(verifiers, *run) for run in runs]
    print(f"{sum(results)} of {len(results)} searches ended as they must")
    sys.exit(not all(results))


main()
