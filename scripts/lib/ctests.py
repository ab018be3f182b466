# SPDX-License-Identifier: Apache-2.0
"""Run a selection of CTest's tests and read its JUnit report, test by test."""
import os
import re
import subprocess
import xml.etree.ElementTree as xml

import building
from result import FAILED, PASSED, SKIPPED, Result

# Sanitizers stop at the first finding. Newer kernels place memory where gcc 12's TSan cannot
# follow, so that preset runs without address randomisation where setarch may switch it off.
ENVIRONMENT = {
    "asan": {"ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:"
                             "detect_stack_use_after_return=1",
             "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"},
    "tsan": {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"},
}


def _prefix(preset):
    if preset != "tsan":
        return []
    trial = subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL)
    return ["setarch", "-R"] if trial.returncode == 0 else []


def _outcome(case):
    """CTest calls 'skipped' also what it could not start; only exit code 77 is a skip here."""
    output = case.findtext("system-out") or ""
    reasons = re.findall(r"^\s*SKIP:?\s+(.+?)\s*$", output, re.M)
    skipped = case.find("skipped")
    if case.get("status") == "run" and case.find("failure") is None:
        return PASSED, ""
    if skipped is not None and skipped.get("message", "").startswith("SKIP_RETURN_CODE"):
        return (SKIPPED, "; ".join(reasons)) if reasons else (
            FAILED, "exit code 77 without a line 'SKIP reason'\n" + output)
    failure = case.find("failure")
    told = failure if failure is not None else skipped
    return FAILED, f"{output}\n{told.get('message', '') if told is not None else ''}"


def _parse(report, console, configuration):
    """What the report leaves out, such as that a test ran out of time, the console line has."""
    verdicts = dict(re.findall(r"Test +#\d+: (\S+) [ .]*\*{3}(.*)", console))
    results = []
    for case in xml.parse(report).getroot().iter("testcase"):
        outcome, detail = _outcome(case)
        name = case.get("name")
        if outcome == FAILED:
            detail = f"{detail.rstrip()}\n{verdicts.get(name, '')}".strip()
        if not name.startswith(configuration + "/"):
            name = f"{configuration}: {name}"
        results.append(Result(name, outcome, float(case.get("time", 0)), detail))
    return results


def run(configuration, preset, selections, long):
    """Each selection is a list of ctest arguments; a test must not be in two of them."""
    report = os.path.join(building.LOGS, f"{configuration}.xml")
    env = dict(os.environ, **ENVIRONMENT.get(preset, {}))
    env["SDEI_TEST_LONG"] = "1" if long else ""
    env["SDEI_FUZZ_SECONDS"] = "60" if long else "5"
    results = []
    for selection in selections:
        if os.path.exists(report):
            os.unlink(report)
        told = subprocess.run(
            _prefix(preset) + ["ctest", "--test-dir", building.directory(preset), *selection,
                               "-j", building.JOBS, "--output-junit", report,
                               "--test-output-size-passed", "65536",
                               "--test-output-size-failed", "65536"],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)
        if os.path.exists(report):
            results += _parse(report, told.stdout, configuration)
        elif told.returncode != 0:
            results.append(Result(f"{configuration}/ctest", FAILED, 0, told.stdout))
    return results or [Result(f"{configuration}/none", SKIPPED, 0, "no test is registered")]
