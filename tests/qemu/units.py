#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Starts and stops template units as systemctl does, as far as those of packaging/libvirt need it.

A host of tests/qemu/libvirts.py has this as its systemctl. UNITS is the folder of the units; what a unit says goes to
UNITS/NAME.log, and its exit code to UNITS/NAME.code.
"""
import os
import re
import shlex
import signal
import socket
import subprocess
import sys

UNITS = os.environ.get("UNITS") or os.path.dirname(os.path.realpath(__file__))
SECONDS = 60


def read(unit):
    """(instance, {key: [values]}) of a unit."""
    template, instance = re.fullmatch(r"(.+@)(.+)\.service", unit).groups()
    found = {}
    with open(os.path.join(UNITS, template + ".service"), encoding="utf-8") as file:
        for line in file.read().replace("%i", instance).splitlines():
            key, sign, value = line.partition("=")
            if sign and line[0] not in "#[":
                found.setdefault(key, []).append(value)
    return found


def environment(unit):
    env = dict(os.environ)
    env.update(pair.split("=", 1) for pair in unit.get("Environment", ()))
    for path in unit.get("EnvironmentFile", ()):
        with open(path, encoding="utf-8") as file:
            env.update(line.strip().split("=", 1) for line in file if "=" in line)
    return env


def start(name):
    unit = read(name)
    for folder in unit.get("RuntimeDirectory", ()):
        os.makedirs(os.path.join("/run", folder), exist_ok=True)
    path = os.path.join(UNITS, name)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(path + ".notify")
    notify.settimeout(0.2)
    command = unit["ExecStart"][0]
    with open(path + ".log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["sh", "-c", f"{command} --json; echo $? >{shlex.quote(path)}.code"], start_new_session=True,
            env=dict(environment(unit), NOTIFY_SOCKET=path + ".notify"), stdin=subprocess.DEVNULL,
            stdout=log, stderr=log)
    with open(path + ".pid", "w", encoding="utf-8") as out:
        out.write(str(process.pid))
    for _ in range(SECONDS * 5):
        try:
            if b"READY=1" in notify.recv(4096):
                return 0
        except TimeoutError:
            if process.poll() is not None:
                break
    return 1


def stop(name):
    path = os.path.join(UNITS, name)
    if os.path.exists(path + ".pid") and not os.path.exists(path + ".code"):
        with open(path + ".pid", encoding="utf-8") as file:
            os.killpg(int(file.read()), signal.SIGTERM)
    return 0


if __name__ == "__main__":
    sys.exit({"start": start, "stop": stop}[sys.argv[1]](sys.argv[2]))
