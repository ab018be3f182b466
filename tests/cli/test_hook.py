#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sdei-migrate hook dbus`: what org.qemu.VMState1 does, with a client that asks as QEMU asks.

A helper runs at each end of a private bus; the client finds it, reads its Id, saves there and loads here. What it
carries in between is looked at and damaged.
"""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

from cli import TIMEOUT, ask, check, expect, host, key, main, start
from monitor import Monitor

try:
    import dbus
    import dbus.bus
except ImportError:
    # Debian brings the module for its own interpreter; another one may stand first in PATH.
    if sys.executable != "/usr/bin/python3" and os.access("/usr/bin/python3", os.X_OK):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    dbus = None

NAME, PATH, HOOK = "org.qemu.VMState1", "/org/qemu/VMState1", "org.sdeimig.Hook1"
MIB = 1 << 20


class Helper:
    """One helper, and QEMU's end of its bus."""

    def __init__(self, directory, control, role, *args, name=None, private=True, guard=("--no-qmp-guard",)):
        self.control, self.role = control, role
        self.address = f"unix:path={directory}/{name or role}.bus"
        self.state = os.path.join(directory, "state-" + role)
        self.process = start("hook", "dbus", "--control", control, "--bus", self.address, "--role", role,
                             "--state", self.state, "--json", *(["--private-bus"] if private else []), *guard, *args)
        self.ready = self.process.said()
        if self.ready and self.ready.get("event") == "bus":
            self.ready = self.process.said()
        self.bus = None
        if self.ready and self.ready.get("event") == "ready":
            self.bus = dbus.bus.BusConnection(self.address)

    def owners(self):
        """As QEMU: everybody who queues for the name."""
        daemon = self.bus.get_object("org.freedesktop.DBus", "/org/freedesktop/DBus")
        names = daemon.ListQueuedOwners(NAME, dbus_interface="org.freedesktop.DBus")
        found = {}
        for owner in names:
            there = self.bus.get_object(owner, PATH, introspect=False)
            found[str(there.Get(NAME, "Id", dbus_interface=dbus.PROPERTIES_IFACE))] = there
        return found

    def save(self, ident="sdei.0"):
        return bytes(self.owners()[ident].Save(dbus_interface=NAME, byte_arrays=True))

    def load(self, blob, ident="sdei.0"):
        """Returns the error's name; None if it was taken."""
        return self.call(self.owners()[ident], "Load", NAME, dbus.ByteArray(blob))

    def outcome(self, call, ident="sdei.0"):
        return self.call(self.owners()[ident], call, HOOK)

    @staticmethod
    def call(there, call, interface, *args):
        try:
            there.get_dbus_method(call, interface)(*args)
        except dbus.DBusException as error:
            return error.get_dbus_name().rsplit(".", 1)[1]
        return None

    def end(self, number=None):
        """Returns the exit code and the last line."""
        if self.bus:
            self.bus.set_exit_on_disconnect(False)
            self.bus.close()
            self.bus = None
        if number and self.process.poll() is None:
            self.process.send_signal(number)
        try:
            out, err = self.process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            return None, ""
        return self.process.returncode, out + err


@contextlib.contextmanager
def helper(*args, **how):
    served = Helper(*args, **how)
    try:
        if check(served.bus is not None, f"the helper at the {args[2]} is ready",
                 served.end() if served.bus is None else ""):
            yield served
    finally:
        served.end(signal.SIGKILL)


@contextlib.contextmanager
def pair(directory, *args, source=(), destination=(), audience=None):
    """Two VMs, two helpers, each with its bus."""
    ours, theirs = key(directory, "source"), key(directory, "destination")
    with host(directory, "a") as a, host(directory, "b", args=["--no-script"]) as b:
        with helper(directory, a.control, "source", "--key", ours + ".key", "--to-audience",
                    (audience or theirs) + ".pub", *args, *source) as one, \
                helper(directory, b.control, "destination", "--trust", ours + ".pub", "--key",
                       theirs + ".key", *args, *destination) as other:
            yield a, b, one, other


def state(served):
    return served.vm("status").get("state")


def test_the_state_rides_along(directory):
    with pair(directory) as (a, b, source, destination):
        check(source.owners().keys() == {"sdei.0"}, "QEMU finds one Id, sdei.0")
        check(b.comes_to("reserved"), "the destination may not run before a Load", state(b))
        before = a.vm("status")
        blob = source.save()
        check(0 < len(blob) <= MIB, "Save returns at least a byte and at most a MiB", len(blob))
        check(a.comes_to("relinquished"), "who saved gave up the right to run", state(a))
        path = os.path.join(directory, "blob")
        with open(path, "wb") as out:
            out.write(blob)
        told = ask("verify", path, "--trust", os.path.join(directory, "source.pub"))
        check(told.get("snapshot", {}).get("kind", told.get("kind")) == "final",
              "the blob is a sealed file of kind final", told)
        check(destination.load(blob) is None, "the destination takes it")
        check(b.comes_to("running"), "and its VM runs", state(b))
        after = b.vm("status")
        check(before.get("events") == after.get("events"), "with the events of the source")
        code, _ = destination.end()
        check(code == 0, "the destination's helper ends with 0: its life is over", code)
        check(source.outcome("Clear") is None, "the source is told that it completed")
        code, told = source.end()
        check(code == 0, "and ends with 0, too", told)
        check(a.comes_to("ended"), "its VM is gone for good", state(a))


def test_a_failed_migration_gives_the_vm_back(directory):
    with pair(directory) as (a, _, source, __):
        check(source.outcome("Clear") == "Refused", "Clear before Save is refused")
        check(source.outcome("Resume") == "Refused", "Resume before Save is refused")
        source.save()
        check(source.outcome("Resume") is None, "the migration failed")
        code, told = source.end()
        check(code == 7, "the helper says that it came to nothing", told)
        check(a.comes_to("running"), "and the VM runs on", state(a))


def test_what_is_wrong_fails_by_name(directory):
    for name, damage in (("BadSignature", lambda blob: blob[:100] + bytes([blob[100] ^ 1]) + blob[101:]),
                         ("NotOurs", lambda blob: b"x" * len(blob)),
                         ("Damaged", lambda blob: blob[:-1]),
                         ("OverLimit", lambda blob: blob.ljust(MIB + 1, b"\0")),
                         ("OverLimit", lambda blob: b"")):
        where = os.path.join(directory, name + str(time.monotonic_ns()))
        os.mkdir(where)
        with pair(where) as (_, b, source, destination):
            told = destination.load(damage(source.save()))
            check(told == name, f"Load answers {name}", told)
            code, _ = destination.end()
            check(code not in (0, None), "the helper ends with a failure", code)
            check(b.comes_to("ended"), "and the VM may not run", state(b))


def test_a_snapshot_is_used_once(directory):
    with pair(directory) as (_, __, source, destination):
        blob = source.save()
        check(destination.load(blob) is None, "the first Load is taken")
        destination.end()
        with host(directory, "c", args=["--no-script"]) as c, \
                helper(directory, c.control, "destination", "--trust",
                       os.path.join(directory, "source.pub"), "--key",
                       os.path.join(directory, "destination.key"), name="again") as again:
            told = again.load(blob)
            check(told == "AlreadyUsed", "the same blob is refused on the same host", told)


def test_the_audience_counts(directory):
    stranger = key(directory, "stranger")
    with pair(directory, audience=stranger) as (_, __, source, destination):
        told = destination.load(source.save())
        check(told == "WrongAudience", "a blob for another destination is refused", told)


def test_a_failed_save_says_so_in_a_signed_blob(directory):
    with pair(directory, source=["--timeout", 4000]) as (a, b, source, destination):
        os.kill(a.process.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            blob = source.save()
            took = time.monotonic() - began
        finally:
            os.kill(a.process.pid, signal.SIGCONT)
        check(took < 20, "a VMM that does not answer costs less than QEMU's limit", took)
        told = destination.load(blob)
        check(told == "CaptureFailed", "the destination fails by name", told)
        code, said = source.end()
        check(code == 5, "the helper at the source says that the VMM did not answer", (code, said))
        check(a.comes_to("running"), "its VM runs on", state(a))
        check(b.comes_to("ended"), "and the other may not run", state(b))


def test_eight_parts(directory):
    with pair(directory, "--ids", 8) as (a, b, source, destination):
        ids = [f"sdei.{i}" for i in range(8)]
        check(sorted(source.owners()) == ids, "eight Ids, counted on", sorted(source.owners()))
        blobs = {ident: source.save(ident) for ident in reversed(ids)}
        check(all(0 < len(blob) <= MIB for blob in blobs.values()), "none is empty or too large")
        for ident in ids[1:]:
            check(destination.load(blobs[ident], ident) is None, f"{ident} is kept")
        check(b.comes_to("reserved"), "nothing is staged before all have come", state(b))
        check(destination.load(blobs["sdei.0"], "sdei.0") is None, "the last one proves all")
        check(b.comes_to("running"), "and the VM runs", state(b))
        check(source.outcome("Clear", "sdei.5") is None, "each connection may be told")
        check(a.comes_to("ended"), "that it completed", state(a))


def test_a_part_of_another_session_is_refused(directory):
    other = os.path.join(directory, "other")
    os.mkdir(other)
    with pair(directory, "--ids", 2) as (_, __, source, destination):
        blob = source.save("sdei.0")
        with host(directory, "c") as c, \
                helper(other, c.control, "source", "--ids", 2, "--key",
                       os.path.join(directory, "source.key"), "--to-audience",
                       os.path.join(directory, "destination.pub")) as stranger:
            part = stranger.save("sdei.1")
        check(destination.load(blob, "sdei.0") is None, "the first part is kept")
        told = destination.load(part, "sdei.1")
        check(told == "WrongVm", "an empty part of another session is refused", told)


def test_one_id_has_one_helper(directory):
    ours = key(directory, "source")
    with host(directory, "a") as a, host(directory, "b") as b, \
            helper(directory, a.control, "source", "--key", ours + ".key", "--any-destination") as one:
        second = Helper(directory, b.control, "source", "--key", ours + ".key",
                        "--any-destination", private=False)
        code, _ = second.end()
        check(code == 11 and second.ready.get("reason") == "busy", "a second helper is refused",
              second.ready)
        check(b.comes_to("running"), "and its VM runs on", state(b))
        check(one.owners().keys() == {"sdei.0"}, "the first one stays")


def test_a_crash_after_save_leaves_the_vm_stopped(directory):
    with pair(directory) as (a, _, source, __):
        source.save()
        session = source.ready["session"]
        source.end(signal.SIGKILL)
        check(a.comes_to("relinquished"), "it runs nowhere by itself", state(a))
        ask("resolve", session, "--run-on", "source", "--reason", "QEMU said failed", "--state",
            source.state)
        check(a.comes_to("running"), "the operator has it back", state(a))


def test_a_signal_says_what_is_open(directory):
    with pair(directory) as (a, b, source, destination):
        source.save()
        code, told = source.end(signal.SIGTERM)
        check(code == 9, "after Save the outcome is in doubt", told)
        check(a.comes_to("relinquished"), "and the VM waits for it", state(a))
        code, told = destination.end(signal.SIGTERM)
        check(code == 7 and b.comes_to("ended"), "a destination without a Load is cancelled", told)


def test_the_bus_is_gone(directory):
    with pair(directory) as (a, _, source, __):
        bus = subprocess.run(["ps", "-o", "pid=", "--ppid", str(source.process.pid)],
                             capture_output=True, text=True, check=False).stdout.split()
        check(len(bus) == 1, "a private bus is a process of the helper's", bus)
        os.kill(int(bus[0]), signal.SIGKILL)
        code, told = source.end()
        check(code == 5, "without a bus the helper ends", told)
        check(a.comes_to("running"), "and its VM runs on", state(a))


def test_only_two_users_get_in(directory):
    with pair(directory) as (_, __, source, ___):
        os.chmod(directory, 0o755)
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            print("SKIP a third user: this is not root")
            return
        ask_bus = ["dbus-send", "--bus=" + source.address, "--print-reply", "--dest=org.freedesktop.DBus",
                   "/org/freedesktop/DBus", "org.freedesktop.DBus.ListNames"]
        for user, wanted in ((0, True), (65534, False)):
            said = subprocess.run(["setpriv", f"--reuid={user}", "--clear-groups", *ask_bus],
                                  capture_output=True, text=True, check=False, timeout=TIMEOUT)
            check((said.returncode == 0) == wanted, f"user {user} gets in: {wanted}", said.stderr)


def test_the_order_of_calls(directory):
    with pair(directory) as (a, b, source, destination):
        there = destination.owners()["sdei.0"]
        check(source.call(there, "Save", NAME) == "Refused", "no Save at the destination")
        check(destination.outcome("Clear") == "Refused", "no Clear, either")
        check(source.load(b"x") == "Refused", "no Load at the source")
        check((state(a), state(b)) == ("running", "reserved"), "nothing came of it", (state(a), state(b)))
        blob = source.save()
        again = os.path.join(directory, "again")
        with open(again, "wb") as out:
            out.write(source.save())
        told = ask("verify", again, "--trust", os.path.join(directory, "source.pub"))
        check(told.get("snapshot", {}).get("kind", told.get("kind")) == "invalid",
              "a second Save gets nothing: what was given once is not given again", told)
        check(destination.load(blob) is None, "the first one counts")


def test_the_bus_is_gone_after_save(directory):
    with pair(directory) as (a, _, source, __):
        source.save()
        source.bus.set_exit_on_disconnect(False)
        bus = subprocess.run(["ps", "-o", "pid=", "--ppid", str(source.process.pid)],
                             capture_output=True, text=True, check=False).stdout.split()
        os.kill(int(bus[0]), signal.SIGKILL)
        code, told = source.end()
        check(code == 9, "nobody can tell the helper how it ended: in doubt", told)
        check(a.comes_to("relinquished"), "and the VM waits", state(a))


@contextlib.contextmanager
def guarded(directory, *args, **says):
    """A source whose QEMU is a script. Returns its VM, the helper and the monitor."""
    path = os.path.join(directory, "monitor")
    monitor = Monitor(path, status="running", **says)
    with host(directory, "a") as a, \
            helper(directory, a.control, "source", "--key", key(directory, "source") + ".key", "--any-destination",
                   *args, guard=("--qmp", path)) as one:
        yield a, one, monitor


REFUSED, BROKEN = "Sibling indicated error 1", "Channel error: Input/output error"
DECIDED = ("--run-when", "resume")


def test_what_a_failed_migration_means(directory):
    for number, (status, reason, args, wanted) in enumerate((
            ("failed", None, (), 7),        # QEMU 7.2 never says why
            ("failed", REFUSED, (), 7),
            ("failed", BROKEN, (), 9),      # it may run there, also after migrate_cancel
            ("cancelling", None, (), 9),
            ("failed", BROKEN, DECIDED, 7),
            ("cancelled", None, DECIDED, 7))):
        where = os.path.join(directory, str(number))
        os.mkdir(where)
        told = {"status": status, **({"error-desc": reason} if reason else {})}
        with guarded(where, *args, migration=told) as (a, source, monitor):
            source.save()
            monitor.migration(status)
            code, said = source.end()
            check(code == wanted, f"{status}, {reason}, {args}: exit {wanted}", (code, said))
            ends_as = "running" if wanted == 7 else "relinquished"
            check(a.comes_to(ends_as), f"and the VM is {ends_as}", state(a))


def test_a_monitor_that_answers_late_is_asked_again(directory):
    with guarded(directory) as (a, source, monitor):
        monitor.on.add("postcopy-ram")
        monitor.late["query-migrate-capabilities"] = 1
        monitor.migration("setup")
        code, said = source.end()
        check(code == 4 and "postcopy-ram" in said, "what it says later counts", (code, said))
        check(monitor.arguments("migrate_cancel"), "and the migration is cancelled", monitor.told)
        check(a.comes_to("running"), "the VM runs on", state(a))


def test_the_command_line(directory):
    ours = key(directory, "source")
    with host(directory, "a") as a:
        start = ["hook", "dbus", "--control", a.control, "--bus", f"unix:path={directory}/bus",
                 "--role", "source"]
        expect(2, *start, "--any-destination", "--no-qmp-guard")
        expect(2, *start, "--key", ours + ".key", "--no-qmp-guard")
        told = expect(2, *start, "--key", ours + ".key", "--any-destination")
        expect(2, *start, "--key", ours + ".key", "--any-destination", "--no-qmp-guard", "--qmp", "q")
        expect(5, *start, "--key", ours + ".key", "--any-destination", "--qmp", directory + "/none")
        check("--no-qmp-guard" in told.stderr, "without a guard it has to be said", told.stderr)
        expect(2, *start, "--key", ours + ".key", "--any-destination", "--no-qmp-guard", "--ids", 9)
        expect(5, *start, "--key", ours + ".key", "--any-destination", "--no-qmp-guard")
        check(a.comes_to("running"), "and nothing happened to the VM", state(a))


if __name__ == "__main__":
    if dbus is None or not shutil.which("dbus-daemon"):
        print("SKIP dbus-daemon or Python's dbus module is missing (Debian: dbus-daemon, python3-dbus)")
        sys.exit(77)
    main(__name__)
