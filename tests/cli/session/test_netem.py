#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hand-overs over a line of the kernel's own that is slow and loses, doubles and disorders packets."""
import ctypes
import shutil
import subprocess
import sys
import tempfile

from hosts import Pair, check, cli, never_two, settle

CLONE_NEWNET = 0x40000000
LINES = ("delay 20ms 5ms", "delay 5ms loss 10%", "delay 5ms duplicate 20%", "delay 10ms reorder 30%", "rate 256kbit")


def skip(reason):
    print(f"SKIP {reason}")
    sys.exit(77)


def line(*words):
    """tc, on the only device of our own network."""
    return subprocess.run(["tc", "qdisc", *words], capture_output=True, text=True, check=False)


def main():
    if ctypes.CDLL(None).unshare(CLONE_NEWNET):
        skip("no network namespace")
    if not shutil.which("tc") or not shutil.which("ip"):
        skip("no tc or ip")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for number, how in enumerate(LINES):
        done = line("add" if number == 0 else "change", "dev", "lo", "root", "netem", *how.split())
        if done.returncode:
            skip(f"this kernel has no netem: {done.stderr.strip()}")
        with tempfile.TemporaryDirectory(prefix="netem-") as directory, Pair(directory, 20000) as pair:
            pair.start_recv()
            code, told = pair.send()
            never_two(pair, how, "after send")
            check(code == 0 and pair.running() == "b", f"{how}: it is handed over all the same", told)
            settle(pair, how)
            print(f"{how}: {told['reason']}, blackout {told.get('blackout_us')} us")
    sys.exit(cli._checks["broken"] > 0)


if __name__ == "__main__":
    main()
