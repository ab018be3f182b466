#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real QEMU migrates over a unix socket, and the state of a model VM rides along in its stream.

The machine is empty: no kernel is needed to migrate it. QEMU is SDEI_QEMU, the first of PATH, or what stands unpacked
below the folder named on the command line (docs/testing.md).
"""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from cli import PROGRAM, TIMEOUT, check, environment, host, key, main, wait_for_line  # noqa: E402

UNPACKED = sys.argv[2] if len(sys.argv) > 2 else "/nonexistent"


def find_qemu():
    """Its path, and the environment it needs."""
    root = os.path.join(UNPACKED, "unpacked")
    beside = os.path.join(root, "usr/bin/qemu-system-aarch64")
    found = os.environ.get("SDEI_QEMU") or shutil.which("qemu-system-aarch64")
    if found:
        return found, {}
    libraries = ":".join(os.path.join(root, where, "x86_64-linux-gnu") for where in ("usr/lib", "lib"))
    return (beside, {"LD_LIBRARY_PATH": libraries}) if os.path.exists(beside) else (None, {})


QEMU, EXTRA = find_qemu()


def second_line(process):
    """Of a helper that has a bus; it may wait in our buffer already, so that nothing is polled for."""
    return json.loads(process.stdout.readline() or "null")


class Qemu:
    """One process, with a monitor for the test and one for the helper."""

    def __init__(self, directory, name, *args):
        path = os.path.join(directory, name)
        self.process = subprocess.Popen(
            [QEMU, "-M", "virt", "-cpu", "cortex-a57", "-m", "32", "-nodefaults", "-display", "none",
             "-qmp", f"unix:{path}.qmp,server=on,wait=off", "-qmp", f"unix:{path}.own,server=on,wait=off",
             *args], env={**environment(), **EXTRA}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True)
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(200):
            with contextlib.suppress(OSError):
                self.socket.connect(path + ".own")
                break
            time.sleep(0.05)
        self.socket.settimeout(TIMEOUT)
        self.lines = self.socket.makefile("rw")
        self.lines.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        request = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self.lines.write(json.dumps(request) + "\n")
        self.lines.flush()
        while True:
            answer = json.loads(self.lines.readline())
            if "event" not in answer:
                return answer

    def has(self, name):
        """Is this capability on?"""
        found = self.ask("query-migrate-capabilities")["return"]
        return {"capability": name, "state": True} in found

    def status(self):
        return self.ask("query-status")["return"]["status"]

    def migration(self):
        for _ in range(400):
            found = self.ask("query-migrate")["return"].get("status")
            if found in ("completed", "failed", "cancelled"):
                return found
            time.sleep(0.05)
        return found

    def end(self):
        self.process.kill()
        return self.process.communicate()[1]


@contextlib.contextmanager
def helper(directory, control, role, *args):
    """Its bus first; ready() waits for the rest, once QEMU is there."""
    process = subprocess.Popen(
        [PROGRAM, "hook", "dbus", "--control", control, "--bus", f"unix:path={directory}/{role}.bus",
         "--private-bus", "--role", role, "--qmp", f"{directory}/{role}.qmp", "--state",
         os.path.join(directory, "state-" + role), "--json", *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        said = wait_for_line(process)
        check(said and said.get("event") == "bus", "the bus is up before QEMU is", said)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextlib.contextmanager
def qemu(directory, name, *args, bus=True):
    vmstate = ["-object", f"dbus-vmstate,id=sdei,addr=unix:path={directory}/{name}.bus"]
    started = Qemu(directory, name, *(vmstate if bus else []), *args)
    try:
        yield started
    finally:
        started.end()


@contextlib.contextmanager
def both(directory, source_bus=True, destination_bus=True):
    ours, theirs = key(directory, "ours"), key(directory, "theirs")
    incoming = f"unix:{directory}/migration"
    with host(directory, "a") as a, host(directory, "b", args=["--no-script"]) as b, \
            helper(directory, a.control, "source", "--key", ours + ".key", "--to-audience",
                   theirs + ".pub") as first, \
            helper(directory, b.control, "destination", "--trust", ours + ".pub", "--key",
                   theirs + ".key") as second, \
            qemu(directory, "source", bus=source_bus) as source, \
            qemu(directory, "destination", "-S", "-incoming", "defer", bus=destination_bus) as destination:
        for process in (first, second):
            said = second_line(process)
            check(said and said.get("event") == "ready", "the helper accepts this QEMU", said)
        check(source.has("return-path") and destination.has("return-path"),
              "which the helper gave a return path")
        destination.ask("migrate-incoming", uri=incoming)
        source.ask("migrate", uri=incoming)
        yield a, b, first, second, source, destination


def code(process):
    try:
        out, err = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        return None, "it did not end"
    return process.returncode, out + err


def state(served):
    return served.vm("status").get("state")


def test_the_state_rides_along(directory):
    with both(directory) as (a, b, first, second, source, destination):
        check(source.migration() == "completed", "QEMU completes")
        check(code(second)[0] == 0, "the destination's helper is content")
        check(code(first)[0] == 0, "so is the source's")
        check((state(a), state(b)) == ("ended", "running"), "the VM went over", (state(a), state(b)))
        check(destination.status() == "running", "and QEMU runs, by the helper's cont")
        check(source.status() == "postmigrate", "on one side only")


def test_an_object_at_the_destination_only(directory):
    with both(directory, source_bus=False) as (a, b, first, second, source, destination):
        check(source.migration() == "completed", "QEMU completes without Load")
        ended = code(second)
        check(ended[0] == 4 and "Load" in ended[1], "the destination's helper refuses", ended)
        check(destination.status() == "paused", "and QEMU does not run", destination.status())
        check(code(first)[0] == 4, "the source's helper says so, too")
        check((state(a), state(b)) == ("running", "ended"), "its VM runs on", (state(a), state(b)))


def test_an_object_at_the_source_only(directory):
    with both(directory, destination_bus=False) as (a, b, first, _, source, __):
        check(source.migration() == "failed", "QEMU fails")
        check(code(first)[0] == 7, "the source's helper takes the VM back")
        check(state(a) == "running", "and it runs on", state(a))
        check(source.status() == "running", "as its QEMU does", source.status())
        check(state(b) != "running", "on one side only", state(b))


def test_a_failed_save_fails_the_migration_by_name(directory):
    ours, theirs = key(directory, "ours"), key(directory, "theirs")
    incoming = f"unix:{directory}/migration"
    with host(directory, "a") as a, host(directory, "b", args=["--no-script"]) as b, \
            helper(directory, a.control, "source", "--key", ours + ".key", "--to-audience",
                   theirs + ".pub", "--timeout", "500") as first, \
            helper(directory, b.control, "destination", "--trust", ours + ".pub", "--key",
                   theirs + ".key") as second, \
            qemu(directory, "source") as source, \
            qemu(directory, "destination", "-S", "-incoming", "defer") as destination:
        for process in (first, second):
            second_line(process)
        os.kill(a.process.pid, signal.SIGSTOP)
        destination.ask("migrate-incoming", uri=incoming)
        source.ask("migrate", uri=incoming)
        ended = code(second)
        check(ended[0] not in (0, None) and "capture-failed" in ended[1], "the destination refuses by name",
              ended)
        check(source.migration() == "failed", "so QEMU's migration fails")
        os.kill(a.process.pid, signal.SIGCONT)
        check("timeout" in code(first)[1], "the source's helper says why")
        check(source.status() == "running", "QEMU runs on at the source", source.status())
        check(state(a) == "running", "and so does the VM", state(a))


def test_the_guard_wants_s_and_return_path(directory):
    theirs = key(directory, "theirs")
    for extra, wanted in ((("-incoming", "defer"), "-S"), (("-S",), "inmigrate")):
        where = os.path.join(directory, wanted)
        os.mkdir(where)
        with host(where, "b", args=["--no-script"]) as b, \
                helper(where, b.control, "destination", "--trust", theirs + ".pub") as second, \
                qemu(where, "destination", *extra):
            ended = code(second)
            check(ended[0] in (4, 7) and wanted in ended[1], f"it names {wanted}", ended)
            check(state(b) == "running", "and the VM is as it was", state(b))


if __name__ == "__main__":
    if not QEMU or not shutil.which("dbus-daemon"):
        print("SKIP qemu-system-aarch64 or dbus-daemon is missing (Debian: qemu-system-arm, dbus-daemon; "
              "or SDEI_QEMU=PATH)")
        sys.exit(77)
    main(__name__)
