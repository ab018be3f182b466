#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All VMs of a host go to another: how many of them run where, whatever happens meanwhile."""
import collections
import json
import os
import signal
import subprocess
import time

from hosts import PROGRAM, check, cli, end, wait_stopped
from cli import environment, fails, key, model, run, start

MANY = 1000
MOST_MEMORY = 96 << 20
FIRST = "11111111-2222-4333-8444-000000000000"


def peak_memory(pid):
    """The most it has had, in bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))


class Hosts:
    """Host A with many small VMs, host B with as many fresh ones of the same names."""

    def __init__(self, directory, n, vcpus=4):
        self.directory, self.n = directory, n
        self.keys = {name: key(directory, name) for name in "ab"}
        path = model(directory, "vm.json", uuid=FIRST, vcpus=[{"mpidr": hex(i)} for i in range(vcpus)])
        self.hosts = {"a": self.serve("a", path), "b": self.serve("b", path, "--no-script")}
        self.receiver = self.uri = None
        for side, process in self.hosts.items():
            ready = process.said()
            check(ready and len(ready["controls"]) == n, f"host {side} serves {n} VMs")

    def serve(self, side, path, *args):
        return start("host", "--vm", path, "--many", self.n, "--dir", self.vms(side), *args)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.receiver, *self.hosts.values()):
            end(process)

    def vms(self, side):
        return os.path.join(self.directory, "vms-" + side)

    def options(self, side):
        other = "b" if side == "a" else "a"
        return ["--key", self.keys[side] + ".key", "--peer", self.keys[other] + ".crt",
                "--state", os.path.join(self.directory, "state-" + side), "--timeout", "60000"]

    def start_recv(self, listen="tcp:127.0.0.1:0"):
        with open(os.path.join(self.directory, "recv.out"), "a+", encoding="utf-8") as out:
            began = out.seek(0, os.SEEK_END)
            self.receiver = subprocess.Popen(
                [PROGRAM, "recv", "--listen", listen, "--vms", self.vms("b"), "--json", *self.options("b")],
                stdout=out, stderr=subprocess.DEVNULL, env=environment())
            deadline = time.monotonic() + cli.TIMEOUT
            line = ""
            while not line.endswith("\n") and time.monotonic() < deadline:
                time.sleep(0.01)
                out.seek(began)
                line = out.readline()
            self.uri = json.loads(line)["uri"]

    def start(self, *args, fault=""):
        return start("evacuate", "--vms", self.vms("a"), "--to", self.uri, "--json", *self.options("a"), *args,
                     env={"SDEI_FAULT": fault})

    @staticmethod
    def read(process):
        out, _ = process.communicate(timeout=10 * cli.TIMEOUT)
        lines = [json.loads(line) for line in out.splitlines()]
        return process.returncode, [line for line in lines if line["event"] == "vm"], lines[-1]

    def run(self, *args):
        """Run it to its end. Returns exit code, the objects of the VMs, and the total."""
        return self.read(self.start(*args))

    def running(self, side):
        """Which VMs may run there? A fresh VM that waits for one is another."""
        found = set()
        for name in sorted(os.listdir(self.vms(side))):
            done = run("vm", "status", "--control", os.path.join(self.vms(side), name), "--json")
            status = json.loads(done.stdout)
            if status["may_run"] and (side == "a" or status["info"]["generation"] != "0x0"):
                found.add(status["info"]["uuid"])
        return found

    def each_runs_once(self, why):
        here, there = self.running("a"), self.running("b")
        check(not here & there, f"no VM runs twice: {why}", here & there)
        check(len(here | there) == self.n, f"every VM runs: {why}", f"{len(here)} + {len(there)}")
        return len(there)


def test_a_thousand_vms(directory):
    with Hosts(directory, MANY) as hosts:
        hosts.start_recv()
        code, vms, total = hosts.run("--parallel", "64")
        check(code == 0 and total["moved"] == MANY, "all are moved", total)
        check(0 < total["connections"] <= 64, "over as many connections as were asked for", total)
        check(peak_memory(hosts.receiver.pid) < MOST_MEMORY or cli.has_sanitizer(),
              "64 sessions at a time need no more memory than a few large states",
              peak_memory(hosts.receiver.pid))
        check(len({vm["vm"] for vm in vms}) == MANY and all(vm["result"] == "moved" for vm in vms),
              "each is told of once")
        check(all(vm["blackout_us"] > 0 and vm["vcpus"] == 4 for vm in vms), "with its figures")
        code, vms, total = hosts.run()
        check(code == 0 and total["before"] == MANY and total["connections"] == 0,
              "once more, there is nothing to do", total)


def test_a_few_vms_and_each_of_them(directory):
    with Hosts(directory, 12) as hosts:
        hosts.start_recv()
        code, vms, total = hosts.run("--parallel", "3", "--order", "uuid", "--first", FIRST[:-1] + "7")
        check(code == 0 and total["moved"] == 12, "all are moved", total)
        check(hosts.each_runs_once("after an evacuation") == 12, "there")
        with open(os.path.join(directory, "recv.out"), encoding="utf-8") as out:
            events = [json.loads(line) for line in out][1:]
        check(len(events) == 12 and all(event["state"] == "running" for event in events),
              "recv tells of each session of a connection", events)


def test_a_table_for_people(directory):
    with Hosts(directory, 3) as hosts:
        hosts.start_recv()
        done = run("evacuate", "--vms", hosts.vms("a"), "--to", hosts.uri, *hosts.options("a"))
        lines = done.stdout.splitlines()
        check(done.returncode == 0 and len(lines) == 5, "a head, a row for each VM, a total", done.stdout)
        check(lines[0].split() == ["VM", "result", "vCPUs"] and lines[-1].startswith("3 VMs: 3 moved, in "),
              "as they should be", done.stdout)


def test_a_failure_stops_no_other(directory):
    with Hosts(directory, 8) as hosts:
        hosts.start_recv()
        # One is gone at the destination, one at the source, one is held by somebody, one is called wrongly.
        names = sorted(os.listdir(hosts.vms("a")))
        os.unlink(os.path.join(hosts.vms("b"), names[0]))
        os.unlink(os.path.join(hosts.vms("a"), names[1]))
        os.rename(os.path.join(hosts.vms("a"), names[2]),
                  os.path.join(hosts.vms("a"), "99999999-2222-4333-8444-000000000000.sock"))
        cli.expect(0, "vm", "pause", "--control", os.path.join(hosts.vms("a"), names[3]))
        code, vms, total = hosts.run("--parallel", "2")
        by_name = {vm["vm"]: vm for vm in vms}
        check(code == 1 and total["failed"] == 2 and total["moved"] == 5, "the others are moved", total)
        failed = by_name[names[0][:-5]]
        check(failed["result"] == "failed" and failed["side"] == "destination" and failed["exit"] == 5,
              "a VM without a place there says so", failed)
        failed = by_name["99999999-2222-4333-8444-000000000000"]
        check(failed["result"] == "failed" and failed["reason"] == "wrong-vm",
              "a socket with another VM's name is not used", failed)
        check(by_name[names[3][:-5]]["result"] == "moved", "a paused VM goes, too")
        # What was mended goes with the next run.
        os.rename(os.path.join(hosts.vms("a"), "99999999-2222-4333-8444-000000000000.sock"),
                  os.path.join(hosts.vms("a"), names[2]))
        code, vms, total = hosts.run()
        check(total["moved"] == 1 and total["before"] == 5 and total["failed"] == 1, "run again, it goes on", total)
        check(code == 5, "failures of one kind end with its code", code)


def test_what_another_command_is_at(directory):
    """A hand-over that is on its way is not asked about: the question would end it."""
    if not cli.ask("status", "--list-fault-points").get("fault_points"):
        return
    with Hosts(directory, 2) as hosts:
        hosts.start_recv()
        first = sorted(os.listdir(hosts.vms("a")))[0]
        sender = start("send", "--control", os.path.join(hosts.vms("a"), first), "--to", hosts.uri, "--json",
                       *hosts.options("a"), env={"SDEI_FAULT": "send.base:stall"})
        check(wait_stopped(sender), "a hand-over stands still on its way")
        code, vms, total = hosts.run()
        left = next(vm for vm in vms if vm["vm"] + ".sock" == first)
        check(total["moved"] == 1 and left["reason"] == "busy" and code == 11, "the others go, and it is named", vms)
        sender.send_signal(signal.SIGCONT)
        told = json.loads(sender.communicate(timeout=cli.TIMEOUT)[0])
        check(told["reason"] == "ok" and told["state"] == "committed", "it goes on as if nothing had been", told)
        check(hosts.each_runs_once("with two commands at it") == 2, "both are there")


def test_nobody_there(directory):
    with Hosts(directory, 4) as hosts:
        hosts.start_recv()
        end(hosts.receiver)
        code, vms, total = hosts.run()
        check(code == 5 and total["failed"] == 4, "without the other host all VMs stay", total)
        check(all(vm["session"] is None for vm in vms), "and no session was begun")
        check(len(hosts.running("a")) == 4, "they run on")
        fails(1, "io", "evacuate", "--vms", directory + "/none", "--to", hosts.uri, *hosts.options("a"))
        fails(2, "usage", "evacuate", "--vms", hosts.vms("a"), "--to", hosts.uri, "--first", "nobody",
              *hosts.options("a"))


def interrupt(directory, n, what, **how):
    """Kill, or stop, one side when a few VMs have gone; run it again. Every VM runs exactly once, in the end there."""
    with Hosts(directory, n) as hosts:
        hosts.start_recv()
        sender = hosts.start("--parallel", "8", **how)
        seen = 0
        while seen < n // 4 and (line := sender.said()):
            seen += line.get("result") == "moved"
        code = what(hosts, sender)
        hosts.each_runs_once("or is in doubt") if code == 7 else None
        again, _, total = hosts.run()
        results = collections.Counter({name: total[name] for name in ("moved", "before")})
        check(again == 0 and sum(results.values()) == n, "run again, it finishes", total)
        check(hosts.each_runs_once("after an interruption") == n, "all are there")
        return code, total


def kill_sender(hosts, sender):
    sender.kill()
    sender.communicate()
    return None


def kill_receiver(hosts, sender):
    hosts.receiver.kill()
    hosts.receiver.communicate()
    out, _ = sender.communicate(timeout=cli.TIMEOUT)
    total = json.loads(out.splitlines()[-1])
    check(sender.returncode in (1, 5, 9) and total["failed"], "it says what became of the rest", total)
    hosts.start_recv(hosts.uri)
    return sender.returncode


def cancel_sender(hosts, sender):
    sender.send_signal(signal.SIGINT)
    out, _ = sender.communicate(timeout=cli.TIMEOUT)
    total = json.loads(out.splitlines()[-1])
    check(sender.returncode == 7 and total["cancelled"] and not total["in-doubt"],
          "Ctrl-C ends it without a doubt", [sender.returncode, total])
    return sender.returncode


def test_evacuate_is_killed(directory):
    interrupt(directory, 100, kill_sender)


def test_recv_is_killed(directory):
    interrupt(directory, 100, kill_receiver)


def test_evacuate_is_cancelled(directory):
    interrupt(directory, 100, cancel_sender)


if __name__ == "__main__":
    cli.main(__name__)
