#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Somebody sets the clock in the middle of a hand-over: deadlines do not notice, and the windows of keys do."""
import json
import os
import struct
import sys
import time

from hosts import Pair, check, cli, never_two, settle, wait_stopped
from moments import LONG, PATIENCE_MS, play, steps, with_change

LIBRARY = os.path.abspath(sys.argv[2])
HOUR = 3600
# Where deadlines run and windows are looked at; every step with --long.
STEPS = ("send.record", "send.base", "send.wait-prepared", "send.commit", "send.wait-done",
         "recv.record", "recv.wait-blob", "recv.stage", "recv.wait-commit", "recv.commit")


class Timed(Pair):
    """Both movers live by a clock of the test's."""

    def __init__(self, directory, *args, **how):
        self.clock = os.path.join(directory, "clock")
        self.set(0)
        super().__init__(directory, *args, **how)
        asan = os.environ.get("ASAN_OPTIONS", "")
        self.env = {"LD_PRELOAD": LIBRARY, "CLOCK_OFFSET": self.clock,
                    "ASAN_OPTIONS": ":".join(filter(None, [asan, "verify_asan_link_order=0"]))}

    def set(self, seconds):
        with open(self.clock, "r+b" if os.path.exists(self.clock) else "w+b") as out:
            out.write(struct.pack("<q", seconds))

    def jump(self, seconds):
        self.set(seconds)
        return None


def jump_case(directory, step, seconds):
    told = with_change(directory, step, lambda pair, _: pair.jump(seconds), Timed)
    check("(ok)" in told, f"{step}, {seconds:+} s: it is handed over as if nothing had been", told)
    return told


def window_case(directory, step):
    """The peer's key runs out because the clock jumps; when it is set right again, resolve ends what is open."""
    with Timed(directory, PATIENCE_MS) as pair:
        begin, until = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + at)) for at in (-HOUR, HOUR))
        known = os.path.join(directory, "known")
        cli.expect(0, "trust", "add", pair.keys["b"] + ".crt", "--dir", known, "--not-before", begin, "--not-after", until)
        pair.peer_of["a"] = known
        pair.start_recv()
        if step is None:
            pair.set(2 * HOUR)
            code, told = pair.send()
            check(code != 0 and pair.running() == "a", "outside its window the peer's key opens nothing", told)
            check("window" in json.dumps(told) or "not-after" in json.dumps(told) or told["reason"] in
                  ("expired", "too-old", "unknown-signer"), "and the reason is its window", told)
            pair.set(0)
            check(pair.send()[0] == 0 and pair.running() == "b", "and inside it does", told)
            return told["reason"]
        pair.start_send(fault=f"{step}:stall")
        check(wait_stopped(pair.sender), f"{step}: it stops there")
        pair.set(2 * HOUR)
        pair.sender.send_signal(18)
        out, _ = pair.sender.communicate(timeout=cli.TIMEOUT)
        told = json.loads(out)
        never_two(pair, step, "after the jump")
        if step == "send.pause":
            check(told["reason"] == "key-expired" and pair.running() == "a",
                  f"{step}: who is not believed any more is given nothing", told)
        check(told["reason"] != "ok" or pair.running() == "b", f"{step}: ok means that it runs there", told)
        pair.set(0)
        settle(pair, f"{step} with a window")
        return told["reason"]


def cases():
    for step in steps() if LONG else STEPS:
        for seconds in (HOUR, -HOUR) if not LONG else (HOUR, -HOUR, 40 * HOUR, -300 * HOUR):
            yield f"{seconds:+} s at {step}", lambda directory, s=step, n=seconds: jump_case(directory, s, n)
    for step in (None, "send.pause", "send.wait-done"):
        yield f"a window that ends at {step or 'the beginning'}", lambda directory, s=step: window_case(directory, s)


if __name__ == "__main__":

    play(cases())
