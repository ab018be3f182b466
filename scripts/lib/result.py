# SPDX-License-Identifier: Apache-2.0
"""One test's outcome, and how a run of many is told."""
import collections
from dataclasses import dataclass

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
HEAD_LINES, TAIL_LINES = 40, 60     # of a failure: its cause is told first or last


@dataclass
class Result:
    name: str
    outcome: str
    seconds: float = 0.0
    detail: str = ""    # a skip's reason, a failure's output


def count(results):
    """'3 passed, 1 failed, 0 skipped': the closing line is this and nothing else."""
    number = collections.Counter(result.outcome for result in results)
    return ", ".join(f"{number[outcome]} {outcome}" for outcome in (PASSED, FAILED, SKIPPED))


def tell_failure(result):
    lines = result.detail.rstrip().splitlines()
    left_out = len(lines) - HEAD_LINES - TAIL_LINES
    if left_out > 0:
        lines[HEAD_LINES:-TAIL_LINES] = [f"... {left_out} lines ..."]
    print(f"  FAILED {result.name}")
    for line in lines:
        print(f"    | {line}")


def close(results):
    """The summary that ends a run; returns the exit code."""
    skipped = [result for result in results if result.outcome == SKIPPED]
    failed = [result for result in results if result.outcome == FAILED]
    if skipped:
        print("\nSkipped:")
        for result in skipped:
            print(f"  {result.name}: {result.detail}")
    if failed:
        print("\nFailed:")
        for result in failed:
            print(f"  {result.name}")
    print(f"\n{count(results)}", flush=True)
    return 1 if failed or not results else 0
