#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any instant of snapshot, rebase and restore: the old file or the new one, whole; a ledger that is sound and says the
truth; and no VM that runs twice.

The instants are random, spread over what an undisturbed run takes. SDEI_TEST_LONG=1 makes 200 rounds of each, SDEI_SEED repeats one.
"""
import glob
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import cli
from cli import PROGRAM, ask, check, environment, host, key, run

ROUNDS = 200 if os.environ.get("SDEI_TEST_LONG") == "1" else 12
SEED = int(os.environ.get("SDEI_SEED", str(int(time.time()))))


def kill_during(line, span):
    """Start a command, and kill it after a random part of @span. Returns whether it was still there."""
    with subprocess.Popen([PROGRAM, *line], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env=environment()) as process:
        time.sleep(random.uniform(0, span))
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
    return alive


def timed(line):
    began = time.monotonic()
    ended = run(*line).returncode
    return ended, time.monotonic() - began


def identity(path, trust):
    """The id of a file that holds; None for any other."""
    told = ask("verify", *trust, path, code=None)
    return told["snapshot"]["id"] if told.get("verdict") == "verified" else None


def crash_writer(line, path, trust, again):
    """@line writes @path, which exists. Counts how often it was killed early, and late."""
    killed = replaced = 0
    ended, span = timed(line)
    check(ended == 0, "undisturbed it works", str(ended))
    for number in range(ROUNDS):
        before = identity(path, trust)
        killed += kill_during(line, 1.1 * span)
        after = identity(path, trust)
        check(after is not None, f"round {number}: there is a whole file")
        replaced += after != before
        check(again or after == before, f"round {number}: it is one of the two")
    left = glob.glob(path + "*")
    check(len(left) <= 1 + killed, "a temporary file is left by a kill alone", str(left))
    print(f"({ROUNDS} rounds, {killed} killed, {replaced} replaced) ", end="", flush=True)
    check(timed(line)[0] == 0, "and afterwards it works as before")


def test_sealing(directory):
    prefix = key(directory, "k")
    path = os.path.join(directory, "a.snap")
    with host(directory, model="demo.json") as vm:
        crash_writer(["snapshot", "--control", vm.control, "--key", prefix + ".key", "--any-destination", "-o", path],
                     path, ("--trust", prefix + ".pub"), True)
        check(vm.vm("status")["state"] == "running", "the VM goes on, whoever stopped it died")


def test_merging(directory):
    prefix = key(directory, "k")
    base, delta, full = (os.path.join(directory, name) for name in ("base", "delta", "full"))
    line = ["--key", prefix + ".key", "--any-destination", "-o"]
    with host(directory, model="demo.json") as vm:
        ask("snapshot", "--control", vm.control, *line, base, "--running")
        ask("snapshot", "--control", vm.control, *line, delta, "--base", base)
    crash_writer(["rebase", *line, full, base, delta], full, ("--trust", prefix + ".pub"), False)


def ledger_rows(state):
    """Snapshots that are used up; the ledger has to be sound after every death."""
    path = os.path.join(state, "ledger.db")
    if not os.path.exists(path):
        paths = glob.glob(os.path.join(state, "*.db")) + glob.glob(os.path.join(state, "*.sqlite"))
        if not paths:
            return set()
        path = paths[0]
    with sqlite3.connect(path) as ledger:
        check(ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "the ledger is sound")
        tables = {name for name, in ledger.execute("SELECT name FROM sqlite_master")}
        rows = ledger.execute("SELECT snapshot FROM consumed").fetchall() if "consumed" in tables else []
    return {snapshot for snapshot, in rows}


def crash_restore(directory, number, line, snapshot, span):
    """One restore killed, then what another host and this ledger make of it."""
    state = os.path.join(directory, f"state-{number}")
    line = [*line, "--state", state]
    with host(directory, f"b{number}", model="demo.json", args=["--no-script"]) as there:
        alive = kill_during([*line, "--control", there.control], span)
        runs = there.vm("status")["may_run"] and int(there.vm("status")["info"]["generation"], 16) > 0
        used = snapshot in ledger_rows(state)
        check(used or not runs, f"round {number}: what runs is used up on disk")
    with host(directory, f"c{number}", model="demo.json", args=["--no-script"]) as other:
        told = ask(*line, "--control", other.control, code=None)
        check(told["reason"] == ("already-used" if used else "ok"),
              f"round {number}: it runs once: used up, or still good", json.dumps(told))
        check(run("history", "--state", state).returncode == 0, f"round {number}: the ledger is read")
    shutil.rmtree(state, ignore_errors=True)
    return alive, used


def test_restoring(directory):
    prefix = key(directory, "k")
    path = os.path.join(directory, "a.snap")
    with host(directory, model="demo.json") as vm:
        snapshot = ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "--any-destination", "-o",
                       path)["id"]
    line = ["restore", "--trust", prefix + ".pub", path]
    with host(directory, "first", model="demo.json", args=["--no-script"]) as there:
        ended, span = timed([*line, "--state", os.path.join(directory, "state-x"), "--control", there.control])
        check(ended == 0, "undisturbed it is restored", str(ended))
    ends = [crash_restore(directory, number, line, snapshot, 1.1 * span) for number in range(ROUNDS)]
    print(f"({ROUNDS} rounds, {sum(alive for alive, _ in ends)} killed, {sum(used for _, used in ends)} used up) ",
          end="", flush=True)


if __name__ == "__main__":
    random.seed(SEED)
    print(f"seed {SEED} (SDEI_SEED repeats it)")
    sys.exit(cli.main(__name__))
