#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/test counts each of CTest's tests once, as what it was."""
import os
import tempfile

from house import Check
import building
import ctests
import result

TABLE = (       # test, command, outcome, what its detail holds
    ("passes", "true", result.PASSED, ""),
    ("fails", "echo told; false", result.FAILED, "told"),
    ("crashes", "kill -SEGV $$", result.FAILED, ""),
    ("skips", "echo SKIP no such machine; exit 77", result.SKIPPED, "no such machine"),
    ("skips_mutely", "exit 77", result.FAILED, "without a line 'SKIP reason'"),
    ("hangs", "exec sleep 20", result.FAILED, "Timeout"),
)
MISSING = ("is_missing", result.FAILED)
PROPERTIES = "SKIP_RETURN_CODE 77 LABELS unit TIMEOUT 1"


def write_tests(folder):
    with open(os.path.join(folder, "CTestTestfile.cmake"), "w", encoding="utf-8") as file:
        for name, command, _, _ in TABLE:
            file.write(f'add_test(unit/{name} "/bin/sh" "-c" "{command}")\n'.replace("$", "\\$"))
            file.write(f"set_tests_properties(unit/{name} PROPERTIES {PROPERTIES})\n")
        file.write(f'add_test(unit/{MISSING[0]} "/nonexistent")\n')
        file.write(f"set_tests_properties(unit/{MISSING[0]} PROPERTIES LABELS unit)\n")


def main():
    check = Check("counting", "mend scripts/lib/ctests.py")
    with tempfile.TemporaryDirectory() as folder:
        building.LOGS = folder
        building.directory = lambda preset: folder
        write_tests(folder)
        got = {one.name: one for one in ctests.run("unit", "dev", (["-L", "^unit$"],), False)}
    for name, outcome, detail in [(row[0], row[2], row[3]) for row in TABLE] + [(*MISSING, "")]:
        one = got.pop("unit/" + name, None)
        if one is None or one.outcome != outcome or detail not in one.detail:
            check.found("scripts/lib/ctests.py", f"{name} must count as {outcome} with '{detail}', "
                        f"and is {one}")
    for name in got:
        check.found("scripts/lib/ctests.py", f"{name} was never registered")
    check.finish()


main()
