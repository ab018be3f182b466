# SPDX-License-Identifier: Apache-2.0
"""Checks of the source itself: formatting, and the scripts of scripts/house."""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time

import building
from result import FAILED, PASSED, SKIPPED, Result
from tree import ROOT, c_files

SKIP_CODE = 77


def look_at_format(paths):
    """(path, first complaint) of those that clang-format would change."""
    told = subprocess.run(["clang-format", "--dry-run", "--Werror", *paths], cwd=ROOT,
                          stderr=subprocess.PIPE, text=True)
    complaints = re.findall(r"^((\S+?):\d+:\d+: .*)$", told.stderr, re.M)
    wrong = {path: line for line, path in reversed(complaints)}
    if told.returncode != 0 and not wrong:
        wrong = {paths[0]: told.stderr.strip() or "clang-format failed"}
    return wrong


def run_format(_long):
    """One result for the whole tree; the mend is one command."""
    if not shutil.which("clang-format"):
        return [Result("format/clang-format", SKIPPED, 0, "clang-format is not installed")]
    began = time.monotonic()
    files, jobs, wrong = c_files(), int(building.JOBS), {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for found in pool.map(look_at_format, [files[job::jobs] for job in range(jobs)]):
            wrong.update(found)
    detail = "\n".join(wrong[path] for path in sorted(wrong))
    if wrong:
        detail += "\nmend: clang-format -i " + " ".join(sorted(wrong))
    return [Result("format/clang-format", FAILED if wrong else PASSED,
                   time.monotonic() - began, detail)]


def house_checks():
    folder = os.path.join(ROOT, "scripts", "house")
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))
            if name.endswith(".py") and os.access(os.path.join(folder, name), os.X_OK)]


def run_house(_long):
    """Every executable of scripts/house is one test; it prints what is wrong and how to mend it."""
    results = []
    for check in house_checks():
        name = "house/" + os.path.splitext(os.path.basename(check))[0]
        began = time.monotonic()
        told = subprocess.run([sys.executable, "-B", check], cwd=ROOT,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        outcome = {0: PASSED, SKIP_CODE: SKIPPED}.get(told.returncode, FAILED)
        detail = told.stdout.strip()
        if outcome == SKIPPED:
            detail = detail.removeprefix("SKIP").strip() or "no reason was given"
        results.append(Result(name, outcome, time.monotonic() - began, detail))
    return results
