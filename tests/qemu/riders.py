# SPDX-License-Identifier: Apache-2.0
"""`sdei-migrate hook dbus` at both ends of a migration of a real QEMU, and a model VM behind each."""
import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import guests
from cli import ask, check, host, key, start

OBJECT = "sdei"


def suite():
    """The QEMU that this test is for, named on the command line; exits with a reason if it is not here."""
    here = guests.each_suite()
    return sys.argv[2] if len(sys.argv) > 2 else here[0]


def address(directory, role):
    return f"unix:path={directory}/{role}.bus"


@contextlib.contextmanager
def helper(directory, control, role, *args, guard=True, private=True):
    """Its bus first; is_ready() waits for the rest, once QEMU is there. One on another's bus is ready at once."""
    guarded = ["--qmp", f"{directory}/{role}.qmp"] if guard else ["--no-qmp-guard"]
    process = start("hook", "dbus", "--control", control, "--bus", address(directory, role),
                    *(["--private-bus"] if private else []), "--role", role, *guarded, "--state",
                    os.path.join(directory, "state-" + role), "--json", *args)
    try:
        said = process.said()
        check(said and said.get("event") == ("bus" if private else "ready"),
              "the bus is up before QEMU is", said)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def is_ready(process):
    said = process.said()
    return check(said and said.get("event") == "ready", "the helper accepts this QEMU", said)


def vmstate(directory, role):
    """QEMU's words for its end of the bus."""
    return ("-object", f"dbus-vmstate,id={OBJECT},addr={address(directory, role)}")


def attach(end, role, directory, *args, code=0):
    """`hook attach` to a running QEMU. Returns what it said."""
    return ask("hook", "attach", "--qmp", end.path + ".spare", "--bus", address(directory, role), *args,
               code=code)


def code(process):
    try:
        out, err = process.communicate(timeout=guests.SECONDS)
    except subprocess.TimeoutExpired:
        return None, "it did not end"
    return process.returncode, out + err


def state(served):
    return served.vm("status").get("state")


@dataclass
class Ends:
    """a and b: the VMs; first and second: their helpers; source and destination: the QEMUs."""
    a: object
    b: object
    first: object
    second: object
    source: object
    destination: object

    def states(self):
        return state(self.a), state(self.b)

    def come_to(self, a, b):
        return self.a.comes_to(a) and self.b.comes_to(b)


@contextlib.contextmanager
def helpers(directory, model="linux-guest.json", source=(), destination=(), guard=True):
    """Two VMs and their helpers; source and destination are more words for these."""
    ours, theirs = key(directory, "ours"), key(directory, "theirs")
    with host(directory, "a", model=model) as a, \
            host(directory, "b", model=model, args=["--no-script"]) as b, \
            helper(directory, a.control, "source", "--key", ours + ".key", "--to-audience",
                   theirs + ".pub", *source, guard=guard) as first, \
            helper(directory, b.control, "destination", "--trust", ours + ".pub", "--key",
                   theirs + ".key", *destination, guard=guard) as second:
        yield a, b, first, second


@contextlib.contextmanager
def both(directory, source_bus=True, destination_bus=True, suite_name=None, **how):
    """The same, and an empty machine on each side."""
    tool = guests.qemu_packages.qemu(suite_name or suite())
    with helpers(directory, **how) as (a, b, first, second), \
            guests.running(tool, directory, "source",
                           *(vmstate(directory, "source") if source_bus else ())) as here, \
            guests.running(tool, directory, "destination", "-S", "-incoming", "defer",
                           *(vmstate(directory, "destination") if destination_bus else ())) as there:
        if not (is_ready(first) and is_ready(second)):
            raise RuntimeError("the helpers are not ready")
        yield Ends(a, b, first, second, here, there)


@contextlib.contextmanager
def in_load(ends, directory):
    """A migration whose Load does not come back, since the destination's VMM does not."""
    os.kill(ends.b.process.pid, signal.SIGSTOP)
    try:
        migrate(ends, directory)
        guests.wait_for(lambda: state(ends.a), lambda found: found == "relinquished")
        check(state(ends.a) == "relinquished", "the source's VM was given", state(ends.a))
        yield
    finally:
        os.kill(ends.b.process.pid, signal.SIGCONT)


def migrate(ends, directory, uri=None):
    uri = uri or f"unix:{directory}/migration"
    ends.destination.do("migrate-incoming", uri=uri)
    ends.source.do("migrate", uri=uri)
