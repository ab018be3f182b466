#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two libvirts hand a domain over, and a model VM's state rides along: test_libvirt.py PROGRAM SUITE

What docs/libvirt.md tells an administrator to do is done here: the hook script, the units, object-add by virsh.
"""
import contextlib
import json
import os
import shutil
import subprocess
import sys

import guests
import libvirts
import qemu_packages
from cli import PROGRAM, SOURCE, check, host, key, main
from riders import state, suite

HOOK = os.path.join(SOURCE, "packaging", "libvirt", "sdei-migrate")
UNITS = os.path.join(os.path.dirname(PROGRAM), "hook")
RUN = "/run/sdei-migrate/g"
DOMAIN = """<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>g</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='aarch64' machine='virt'>hvm</type></os>
  <cpu mode='custom' match='exact'><model>cortex-a57</model></cpu>
  <devices><emulator>{emulator}</emulator><controller type='usb' model='none'/><memballoon model='none'/></devices>
  <qemu:commandline>
    <qemu:arg value='-qmp'/>
    <qemu:arg value='unix:{run}/qemu/qmp,server=on,wait=off'/>
  </qemu:commandline>
</domain>
"""
OBJECT = {"execute": "object-add", "arguments": {"qom-type": "dbus-vmstate", "id": "sdei",
                                                 "addr": f"unix:path={RUN}/bus"}}


class Side:
    """A libvirt, the VM of its domain, and what its helper came to."""

    def __init__(self, libvirt, served):
        self.libvirt, self.served = libvirt, served
        self.virsh = libvirt.virsh

    def unit(self, role):
        return os.path.join(self.libvirt.dir, "usr", "lib", "sdei-units", f"sdei-migrate-{role}@g.service")

    def start_source(self):
        """systemctl start, as an administrator of that host."""
        return subprocess.run(
            ["nsenter", "-t", str(self.libvirt.process.pid), "-m", "/usr/bin/systemctl", "start",
             os.path.basename(self.unit("source"))], check=False, timeout=guests.SECONDS).returncode

    def ended(self, role):
        """(exit code, what it said)"""
        path = self.unit(role)
        guests.wait_for(lambda: os.path.exists(path + ".code"), bool)
        guests.wait_for(lambda: os.path.exists(path + ".code") and os.path.getsize(path + ".code"), bool)
        said = []
        for end in (".code", ".log"):
            with contextlib.suppress(OSError), open(path + end, encoding="utf-8") as file:
                said.append(file.read())
        return said[0].strip() if len(said) > 1 else None, said[-1] if said else ""

    def domain(self):
        return self.virsh("domstate", "g").stdout.strip()


def prepare(libvirt, words):
    """What stands on a host before it starts: the packages of ours, and how its domain takes part."""
    upper = os.path.join(libvirt.dir, "usr")
    units = os.path.join(upper, "lib", "sdei-units")
    os.makedirs(units)
    for role in ("source", "destination"):
        name = f"sdei-migrate-{role}@.service"
        shutil.copy(os.path.join(UNITS, name), units)
        with open(os.path.join(units, name), encoding="utf-8") as file:
            command = next(line for line in file if line.startswith("ExecStart=")).split("=", 1)[1].split()[0]
    os.makedirs(os.path.dirname(upper + command[len("/usr"):]), exist_ok=True)
    os.symlink(PROGRAM + "-hook", upper + command[len("/usr"):])
    control = os.path.join(upper, "bin", "systemctl")
    shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "units.py"),
                os.path.join(units, "units.py"))
    with open(control, "w", encoding="utf-8") as out:
        out.write(f"#!/bin/sh\nUNITS={units} exec /usr/bin/python3 {units}/units.py \"$@\"\n")
    os.chmod(control, 0o755)
    libvirt.write("g.sdei", "\n".join(f"SDEI_MIGRATE_{name}={value}" for name, value in words.items()) + "\n")


@contextlib.contextmanager
def two_hosts(directory):
    ours, theirs = key(directory, "ours"), key(directory, "theirs")
    with open(HOOK, encoding="utf-8") as file:
        hook = file.read()
    with host(directory, "a") as a, host(directory, "b", args=["--no-script"]) as b:
        words = {"here": {"CONTROL": a.control, "KEY": ours + ".key", "TO_AUDIENCE": theirs + ".pub"},
                 "there": {"CONTROL": b.control, "KEY": theirs + ".key", "TRUST": ours + ".pub"}}
        with libvirts.two(directory, hook, lambda one: prepare(
                one, dict(words[one.name], BUS_USER="root"))) as (here, there):
            path = here.write("g.xml", DOMAIN.format(
                emulator=here.emulator(qemu_packages.qemu("bookworm")), run=RUN))
            said = here.virsh("create", path)
            check(said.returncode == 0, "the domain starts", said.stderr + here.said())
            yield Side(here, a), Side(there, b), directory


def attach(side):
    said = side.virsh("qemu-monitor-command", "g", json.dumps(OBJECT))
    return check(said.returncode == 0 and "error" not in said.stdout, "virsh adds the object",
                 said.stdout + said.stderr)


def migrate(here, there, directory, *words):
    return here.virsh("migrate", "--live", *words, "g", there.libvirt.uri, "--migrateuri",
                      f"unix://{directory}/migration")


def test_the_state_rides_along(directory):
    with two_hosts(directory) as (here, there, shared):
        check(here.start_source() == 0, "the source's unit starts", here.ended("source"))
        attach(here)
        said = migrate(here, there, shared)
        check(said.returncode == 0, "virsh migrate", said.stderr + there.libvirt.said()[-1500:])
        check(there.ended("destination")[0] == "0", "the destination's helper is content",
              there.ended("destination"))
        check(here.ended("source")[0] == "0", "so is the source's", here.ended("source"))
        check(there.domain() == "running", "the domain runs", there.domain())
        check(here.served.comes_to("ended") and there.served.comes_to("running"), "and its VM",
              (state(here.served), state(there.served)))


def test_without_the_object(directory):
    with two_hosts(directory) as (here, there, shared):
        check(here.start_source() == 0, "the source's unit starts")
        migrate(here, there, shared)
        check("Load" in there.ended("destination")[1], "the destination's helper says what was missing",
              there.ended("destination"))
        check(here.served.comes_to("running") and there.served.comes_to("ended"), "the VM stays",
              (state(here.served), state(there.served)))


def test_tunnelled_is_refused(directory):
    with two_hosts(directory) as (here, there, shared):
        check(here.start_source() == 0, "the source's unit starts")
        attach(here)
        here.virsh("qemu-monitor-command", "g", json.dumps(
            {"execute": "migrate-set-parameters", "arguments": {"max-bandwidth": 100000}}))
        said = here.virsh("migrate", "--live", "--p2p", "--tunnelled", "--bandwidth", "1", "g",
                          there.libvirt.uri)
        check(said.returncode != 0, "virsh fails", said.stderr)
        code, told = here.ended("source")
        check(code == "4" and "return-path" in told and "tunnelled" in told,
              "the helper says why it is refused", told)
        check(here.domain() == "running", "the domain runs on", here.domain())
        check((state(here.served), state(there.served) != "running") == ("running", True), "as does its VM",
              (state(here.served), state(there.served)))


if __name__ == "__main__":
    guests.need_dbus_daemon()
    if suite() != "bookworm":
        print("SKIP this libvirt is of bookworm, as is its QEMU")
        sys.exit(77)
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "--uts", "true"], check=False).returncode:
        print("SKIP two libvirts need root, and namespaces of their own")
        sys.exit(77)
    main(__name__)
