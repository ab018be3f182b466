#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A hand-over that tells what changed since a base; one with a limit to the blackout; one that is only tried."""
import json
import os
import signal
import sqlite3
import time

from hosts import Pair, check, cli, stopped, wait_stopped
from cli import Host, fails, run


def status_of(pair, side):
    return json.loads(run("vm", "status", "--control", pair.control(side), "--json").stdout)


def moved_parts(status):
    return {part: status["vm"].get(part) for part in ("uuid", "events", "filter", "guard")}


def test_what_changed_since_the_base_is_enough(directory):
    with Pair(directory) as pair:
        before = moved_parts(status_of(pair, "a"))
        pair.start_recv()
        code, told = pair.send()
        check(code == 0 and told["delta"] and told["bases"] == 2, "a base, a rehearsal, a delta", told)
        check(told["estimate_us"] > 0, "and the rehearsal says how long it will take", told)
        check(pair.running() == "b" and moved_parts(status_of(pair, "b")) == before, "all of it arrives")


def test_what_changes_between_the_base_and_the_stop_arrives(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        pair.start_send(fault="send.pause:stall")
        check(wait_stopped(pair.sender), "send stands right before the pause")
        regs = ["x%d=0x%x" % (i, 0x1234500 + i) for i in range(15)]
        run("vm", "regs", "--control", pair.control("a"), "--vcpu", "0", "--set", *regs)
        pair.sender.send_signal(signal.SIGCONT)
        out, _ = pair.sender.communicate(timeout=cli.TIMEOUT)
        told = json.loads(out)
        check(told["state"] == "committed" and told["delta"], "a delta tells it", told)
        after = json.loads(run("vm", "regs", "--control", pair.control("b"), "--vcpu", "0",
                               "--json").stdout)
        check(all(int(after[f"x{i}"], 16) == 0x1234500 + i for i in range(15)), "to the last register", after)


CRYPTO, TOPOLOGY = 2, 5  # groups; DEA wrapping on is attribute 1, AES wrapping off 2
S390_CHANGES = {
    "one switch": ([(CRYPTO, 1)], {"dea_key_wrapping": True, "aes_key_wrapping": True}),
    "one off, one on": ([(CRYPTO, 2), (CRYPTO, 1)], {"dea_key_wrapping": True, "aes_key_wrapping": False}),
    "the report was taken": ([(TOPOLOGY, 0)], {"topology_changed": False}),
    "all of it, and back again": ([(CRYPTO, 2), (TOPOLOGY, 0), (TOPOLOGY, 1), (CRYPTO, 0)],
                                  {"aes_key_wrapping": True, "topology_changed": True}),
}


def test_what_an_s390_vm_changes_arrives(directory):
    """Its attributes between the base and the stop, in a delta. The clock goes on meanwhile: that is always one change."""
    for name, (changes, wanted) in S390_CHANGES.items():
        here = os.path.join(directory, name)
        os.mkdir(here)
        with Pair(here, model="s390.json") as pair:
            pair.start_recv()
            pair.start_send(fault="send.pause:stall")
            check(wait_stopped(pair.sender), f"{name}: send stands right before the pause")
            for group, attr in changes:
                told = pair.hosts["a"].vm("attr", "set", group, attr, "null")
                check(told["errno"] == "0", f"{name}: attribute {group}/{attr}", told)
            before = pair.hosts["a"].vm("status")["s390"]
            pair.sender.send_signal(signal.SIGCONT)
            out, _ = pair.sender.communicate(timeout=cli.TIMEOUT)
            told = json.loads(out)
            check(told.get("state") == "committed" and told["delta"], f"{name}: a delta tells it", told)
            after = pair.hosts["b"].vm("status")["s390"]
            check({key: after[key] for key in wanted} == wanted, f"{name}: it arrives", after)
            check(int(after["clock"]["tod"], 16) >= int(before["clock"]["tod"], 16), f"{name}: no time goes back",
                  [before["clock"], after["clock"]])
            del before["clock"], after["clock"]
            check(after == before, f"{name}: the rest is as it was", [before, after])


def test_any_level_of_compression_arrives(directory):
    for level in ("auto", "stored", "-7", "19"):
        here = os.path.join(directory, level)
        os.mkdir(here)
        with Pair(here) as pair:
            pair.start_recv()
            code, told = pair.send("--level", level)
            check(code == 0 and pair.running() == "b", f"level {level}", told)
    fails(2, "usage", "send", "--control", "x", "--to", "unix:y", "--key", "k", "--peer", "p", "--level", "20")


def consumed(pair, side):
    path = os.path.join(pair.state(side), "ledger.db")
    if not os.path.exists(path):
        return 0
    with sqlite3.connect(path) as ledger:
        return sum(ledger.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                   for table in ("sessions", "consumed", "generations"))


def test_a_dry_run_changes_nothing(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        for _ in range(2):
            code, told = pair.send("--dry-run")
            check(code == 0 and told["dry_run"] and told["state"] == "tried", "it says what it did", told)
            check(told["vm_state"] == {"source": "running", "destination": "none"}, "and what the VMs are")
            check(told["blackout_us"] > 0 and told["estimate_us"] > 0, "and how long it stopped, and would", told)
            check(pair.running() == "a", "the VM runs on")
        check(consumed(pair, "a") == 0 and consumed(pair, "b") == 0, "nothing is used up, nowhere")
        code, told = pair.send()
        check(code == 0 and told["state"] == "committed" and pair.running() == "b",
              "the VM that was reserved takes it afterwards", told)


def test_a_recv_that_only_tries_answers_with_what_it_finds(directory):
    with Pair(directory) as pair:
        pair.start_recv("--dry-run")
        code, told = pair.send()
        check(code == 4 and told["reason"] == "refused" and told["side"] == "destination" and
              "nothing stands in the way" in told["actual"], "nothing stands in the way, and it is not taken", told)
        check(pair.running() == "a" and consumed(pair, "b") == 0, "the VM runs on, nothing is used up")
        event = pair.receiver.said()
        check(event["event"] == "session" and event["state"] == "aborted", "recv says so, too", event)
        code, told = pair.send("--dry-run")
        check(code == 0 and told["state"] == "tried", "two who only try go to the end", told)


def test_a_blackout_has_a_limit(directory):
    with Pair(directory) as pair:
        pair.start_recv(fault="recv.open:stall")
        pair.start_send("--max-blackout", "3000")
        check(wait_stopped(pair.receiver), "recv hangs with the VM standing still")
        out, _ = pair.sender.communicate(timeout=cli.TIMEOUT)
        told = json.loads(out)
        check(pair.sender.returncode == 10 and told["reason"] == "over-limit" and
              told["object"] == "blackout" and told["field"] == "time", "send does not wait for it", told)
        check(told["vm_state"] == {"source": "running", "destination": "none"} and
              "--max-blackout" in told["advice"], "the VM runs on, and there is advice", told)
        check(pair.running() == "a", "it does")
        pair.receiver.send_signal(signal.SIGCONT)
        check(pair.recorded("b", "aborted"), "the other host gives up when it can")
        check(pair.running() == "a", "and nothing changes by that")


def test_a_rehearsal_that_takes_too_long_stops_nothing(directory):
    """The smallest limit there is, against a destination whose VMM is kept busy."""
    with Pair(directory) as pair:
        pair.start_recv()
        pair.hosts["b"].process.send_signal(signal.SIGSTOP)
        pair.start_send("--max-blackout", "1")
        time.sleep(0.3)
        pair.hosts["b"].process.send_signal(signal.SIGCONT)
        out, _ = pair.sender.communicate(timeout=cli.TIMEOUT)
        told = json.loads(out)
        check(told["exit"] in (0, 10), "it goes in a millisecond, or not at all", told)
        check(pair.running() == ("b" if told["exit"] == 0 else "a"), "and the VM is where that says")
        if told["exit"] == 10:
            check(told["field"] in ("estimate", "time"), "with the number", told)


def test_a_new_vmm_is_not_the_one_that_had_the_vm(directory):
    """It knows nothing of the session, which must not be taken for: never given away."""
    with Pair(directory) as pair:
        pair.start_recv()
        pair.start_send(fault="send.wait-done:kill")
        pair.sender.communicate(timeout=cli.TIMEOUT)
        check(pair.running() == "b", "the VM went over, and send died")
        pair.receiver.kill()
        pair.receiver.communicate()
        pair.hosts["a"].stop(signal.SIGKILL)
        pair.hosts["a"] = Host(directory, "a", model=pair.model, args=["--no-script"])
        code, told = pair.resolve()
        check(code == 9 and pair.session()["state"] == "in-doubt", "without the other host that is doubt", told)
        pair.start_recv()
        code, told = pair.resolve()
        check(code == 0 and pair.session()["state"] == "committed", "which the other host ends", told)


def test_cancel_is_answered_at_every_step(directory):
    """Before COMMIT it brings the VM back; after, it says no and why."""
    listed = json.loads(run("status", "--list-fault-points", "--json").stdout)["fault_points"]
    steps = [step for step in listed if step.startswith("send.") and
             step not in ("send.challenge", "send.wait-token", "send.hello", "send.preflight", "send.record")]
    for number, step in enumerate(steps):
        here = os.path.join(directory, str(number))
        os.mkdir(here)
        with Pair(here) as pair:
            pair.start_recv()
            pair.start_send(fault=f"{step}:stall")
            if not check(wait_stopped(pair.sender) and stopped(pair.sender), f"{step}: send stands there"):
                continue
            over = pair.running() == "b"
            done = run("cancel", pair.session()["session"], "--json", "--to", pair.uri,
                       *pair.options("a"))
            said = json.loads(done.stdout)
            if over:
                check(done.returncode not in (0, 7) and said["reason"] and said["advice"],
                      f"{step}: it is too late, and cancel says why", said)
            else:
                check(done.returncode in (0, 11), f"{step}: cancel is answered", said)
            pair.sender.send_signal(signal.SIGCONT)
            pair.sender.communicate(timeout=cli.TIMEOUT)
            check(pair.running() == ("b" if over else "a"), f"{step}: the VM is where it was said to be")


cli.main(__name__)
