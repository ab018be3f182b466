#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""history and ledger export: what happened stands there, and nothing else."""
import json
import os
import subprocess

import cli
from cli import ask, check, expect, fails, host, key


def lines(*args):
    return [json.loads(line) for line in expect(0, *args, "--json").stdout.splitlines()]


def test_restores_and_overrides(directory):
    prefix, path = key(directory, "k"), os.path.join(directory, "s")
    with host(directory) as vm:
        ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path,
            "--any-destination")
        uuid = vm.vm("status")["info"]["uuid"]
    restore = ["restore", "--trust", prefix + ".pub", path, "--control"]
    with host(directory, "b", args=["--no-script"]) as there:
        ask(*restore, there.control)
    with host(directory, "c", args=["--no-script"]) as there:
        fails(16, "already-used", *restore, there.control)
        ask(*restore, there.control, "--override", "already-used", "--reason", "the host burnt down")
    told = lines("history")
    check([event["event"] for event in told] == ["restore", "override"], "in order", json.dumps(told))
    check(all(event["vm"] == uuid and event["at"].endswith("Z") for event in told), "whose and when")
    check(told[1]["note"] == "the host burnt down" and told[1]["outcome"] == "already-used" and
          told[1]["overridden"] is True, "why a rule was set aside", json.dumps(told))
    check(lines("history", "--vm", uuid) == told, "of one VM")
    check(lines("history", "--vm", "00000000-0000-4000-8000-000000000000") == [], "of another")
    text = expect(0, "history").stdout
    check(len(text.splitlines()) == 2 and "(the host burnt down)" in text, "in words", text)
    rows = lines("ledger", "export")
    check([row["table"] for row in rows] == ["consumed", "generations", "overrides"], "every row",
          json.dumps(rows))
    check(rows[1] == {"table": "generations", "vm": uuid, "generation": "0x1"}, "with its columns",
          json.dumps(rows[1]))


def test_what_is_refused(directory):
    fails(2, "usage", "history", "--vm", "x")
    nowhere = os.path.join(directory, "nowhere")
    done = expect(2, "history", "--state", nowhere)
    check(nowhere in done.stderr and not os.path.exists(nowhere), "a ledger is not made to be read",
          done.stderr)
    done = expect(2, "ledger", "export", "--state", nowhere)
    check(not os.path.exists(nowhere), "nor to be exported", done.stderr)
    os.mkdir(nowhere)
    with open(os.path.join(nowhere, "ledger.db"), "w", encoding="ascii") as file:
        file.write("this is no database, however long the text may be made" * 100)
    fails(14, "damaged", "history", "--state", nowhere)


def test_a_reader_that_goes_away(directory):
    prefix, path = key(directory, "k"), os.path.join(directory, "s")
    with host(directory) as vm, host(directory, "b", args=["--no-script"]) as there:
        ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path,
            "--any-destination")
        ask("restore", "--trust", prefix + ".pub", path, "--control", there.control)
    for line in (["history"], ["history", "--json"], ["ledger", "export"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([cli.PROGRAM, *line], stdout=full, stderr=subprocess.PIPE,
                                  text=True, env=cli.environment(), check=False)
        check(done.returncode == 1 and "writing failed" in done.stderr, f"{line}: a full disk",
              f"{done.returncode} {done.stderr}")


if __name__ == "__main__":
    cli.main(__name__)
