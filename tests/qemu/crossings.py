# SPDX-License-Identifier: Apache-2.0
"""`sdei-migrate hook qmp` at both ends of a migration of a real QEMU, and a model VM beside each."""
import contextlib
import json
import os
import signal
import subprocess
import sys

import guests
from cli import Host, check, key, run, start
from riders import suite

sys.path.insert(0, os.path.join(guests.HERE, "../cli/session"))
from hosts import wait_stopped  # noqa: E402

TIMEOUT_MS = 20000  # nobody is to give up because this machine is busy


class Crossing:
    """Source A and destination B: a QEMU, a VM, a ledger and a hook each."""

    def __init__(self, directory, tcp=False, make=None, timeout=TIMEOUT_MS, waits=("-S",),
                 incoming=("-incoming", "defer"), machine=None, session=None, model="linux-guest.json",
                 tool=None):
        self.directory, self.tcp, self.timeout = directory, tcp, timeout
        self.listens = session or ("tcp:127.0.0.1:0" if tcp else f"unix:{directory}/session")
        self.model, self.tool = model, tool or guests.qemu_packages.qemu(suite())
        self.waits, self.make, self.machine = (*waits, *incoming), make or guests.running, machine
        self.keys = {side: key(directory, side) for side in "ab"}
        self.hooks = {"a": None, "b": None}
        self.to = self.uri = None

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.hosts = {"a": Host(self.directory, "a", model=self.model),
                      "b": Host(self.directory, "b", model=self.model, args=["--no-script"])}
        for host in self.hosts.values():
            self.stack.callback(host.stop)
        self.qemus = {
            "a": self.stack.enter_context(self.make(self.tool, self.directory, "source")),
            "b": self.stack.enter_context(guests.running(
                self.tool, self.directory, "destination", *self.waits, guest=self.machine))}
        return self

    def __exit__(self, *_):
        for hook in self.hooks.values():
            if hook and hook.poll() is None:
                hook.kill()
                hook.communicate()
        self.stack.close()

    def options(self, side):
        other = "b" if side == "a" else "a"
        return ["--key", self.keys[side] + ".key", "--peer", self.keys[other] + ".crt", "--state",
                os.path.join(self.directory, "state-" + side), "--timeout", str(self.timeout), "--json"]

    def start(self, side, *args, fault=""):
        control, monitor = self.hosts[side].control, self.qemus[side].path + ".qmp"
        self.hooks[side] = start("hook", "qmp", "--role", "source" if side == "a" else "destination", "--control",
                                 control, "--qmp", monitor, *self.options(side), *args, env={"SDEI_FAULT": fault})
        return self.hooks[side]

    def listen(self, *args, fault=""):
        """The destination's hook, until it is ready."""
        hook = self.start("b", "--incoming", "tcp:127.0.0.1:0" if self.tcp
                          else f"unix:{self.directory}/migration", "--listen", self.listens, *args,
                          fault=fault)
        told = [hook.said() for _ in range(2)]
        events = {said["event"]: said for said in told if said and "event" in said}
        if not check("ready" in events and "incoming" in events, "the destination's hook is ready",
                     (told, "" if hook.poll() is None else hook.communicate())):
            raise RuntimeError("no destination")
        self.to, self.uri = events["ready"]["uri"], events["incoming"]["uri"]

    def send(self, *args, fault=""):
        return self.start("a", "--migrate-uri", self.uri, "--to", self.to, *args, fault=fault)

    def end(self, side):
        """Exit code of a hook, and the object it printed last."""
        try:
            out, err = self.hooks[side].communicate(timeout=guests.SECONDS)
        except subprocess.TimeoutExpired:
            return None, {"error": "it did not end"}
        lines = out.splitlines()
        return self.hooks[side].returncode, json.loads(lines[-1]) if lines else {"error": err}

    # --- what is true ---

    def session(self, side):
        done = run("status", "--state", os.path.join(self.directory, "state-" + side), "--json")
        sessions = json.loads(done.stdout).get("sessions") if done.returncode == 0 else None
        return sessions[-1] if sessions else None

    def vm_runs(self, side):
        done = run("vm", "status", "--control", self.hosts[side].control, "--json")
        if done.returncode:
            return False
        status = json.loads(done.stdout)
        return status["may_run"] and (side == "a" or status["info"]["generation"] != "0x0")

    def qemu_runs(self, side):
        qemu = self.qemus[side]
        if qemu.process.poll() is not None:
            return False
        try:
            return qemu.status() == "running"
        except (OSError, ValueError):  # it is on its way out
            return False

    def running(self):
        """Where the VM runs, and where QEMU's machine does: ("a", "a") before."""
        return ("".join(side for side in "ab" if self.vm_runs(side)),
                "".join(side for side in "ab" if self.qemu_runs(side)))

    def wait_running(self, vm, machine):
        return guests.wait_for(self.running, lambda now: now == (vm, machine)) == (vm, machine)

    def wait_parked(self):
        return self.qemus["a"].migration("pre-switchover") == "pre-switchover"

    def resolve(self, side, *args):
        """As an operator does. Returns exit code and object."""
        to = ["--to", self.to] if side == "a" and self.to else []
        done = run("hook", "qmp", "--qmp", self.qemus[side].path + ".qmp", "--resolve",
                   self.session(side)["session"], *self.options(side), *to, *args)
        return done.returncode, json.loads(done.stdout or "{}")


def folder(directory, name):
    where = os.path.join(directory, name)
    os.mkdir(where)
    return where


def kill(qemu):
    qemu.process.kill()
    qemu.process.wait()


@contextlib.contextmanager
def stalled(crossing, side, step):
    """Both hooks run, one of them to @step; it goes on when the block ends."""
    crossing.listen(fault=f"{step}:stall" if side == "b" else "")
    crossing.send(fault=f"{step}:stall" if side == "a" else "")
    hook = crossing.hooks[side]
    check(wait_stopped(hook), f"it stops at {step}")
    yield
    hook.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def answering(crossing):
    """A recv that answers for the destination."""
    recv = start("recv", "--listen", "tcp:127.0.0.1:0", "--control", crossing.hosts["b"].control,
                 *crossing.options("b"))
    try:
        crossing.to = recv.said()["uri"]
        yield
    finally:
        recv.kill()
        recv.communicate()


def fault_points():
    return json.loads(run("status", "--list-fault-points", "--json").stdout)["fault_points"]


def need_fault_points():
    if not fault_points():
        print("SKIP this build has no fault points (SDEI_FAULT_POINTS)")
        sys.exit(77)
