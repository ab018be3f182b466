#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The units of systemd: valid, hardened, and their command is one that recv takes."""
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys

from cli import PROGRAM, SOURCE, check, key, main, run, start

UNITS = os.path.join(SOURCE, "packaging", "systemd")
SERVICE = "sdei-migrate-recv.service"
SOCKET = "sdei-migrate-recv.socket"
MOST = "20"  # exposure, in tenths, of systemd-analyze security


def unit(directory):
    """The units as they are installed, but for the place of the program. Returns their paths."""
    with open(os.path.join(UNITS, SERVICE + ".in"), encoding="utf-8") as template:
        text = template.read().replace("@CMAKE_INSTALL_FULL_BINDIR@/sdei-migrate", PROGRAM)
    # The manual is not installed here, and verify would open it.
    text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M)
    paths = [os.path.join(directory, name) for name in (SERVICE, SOCKET)]
    with open(paths[0], "w", encoding="utf-8") as out:
        out.write(text)
    with open(os.path.join(UNITS, SOCKET), encoding="utf-8") as there, \
            open(paths[1], "w", encoding="utf-8") as out:
        out.write(re.sub(r"^Documentation=.*\n", "", there.read(), flags=re.M))
    return paths


def analyze(*args):
    return subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, timeout=60)


def test_the_units_are_valid(directory):
    done = analyze("verify", *unit(directory))
    check(done.returncode == 0 and not done.stderr.strip(), "systemd-analyze verify finds nothing",
          done.stdout + done.stderr)


def test_the_service_is_hardened(directory):
    done = analyze("security", "--offline=true", "--no-pager", "--threshold=" + MOST, unit(directory)[0])
    check(done.returncode == 0, f"systemd-analyze security finds it at most {int(MOST) / 10} exposed",
          done.stdout[-300:] + done.stderr)


def test_the_command_is_one_that_recv_takes(directory):
    with open(unit(directory)[0], encoding="utf-8") as text:
        line = re.search(r"^ExecStart=((?:.*\\\n)*.*)$", text.read(), re.M).group(1)
    words = shlex.split(line.replace("\\\n", " "))
    check(words[0] == PROGRAM and words[1] == "recv", "it is recv that is started", words)
    host, peers, vms = key(directory, "host"), os.path.join(directory, "peers"), os.path.join(directory, "vms")
    os.mkdir(peers)
    os.mkdir(vms)
    shutil.copy(host + ".crt", peers)
    places = {"${CREDENTIALS_DIRECTORY}": directory, "/etc/sdei-migrate": directory,
              "/run/sdei-migrate": directory, "/var/lib/sdei-migrate": os.path.join(directory, "state")}
    for place, here in places.items():
        words = [word.replace(place, here) for word in words]
    check(run(*words[1:]).returncode == 2, "without the socket that systemd hands over it does not begin")
    with socket.create_server(("127.0.0.1", 0)) as door:
        served = start(*words[1:], pass_fds=(3,), preexec_fn=lambda: os.dup2(door.fileno(), 3))
        ready = served.said()
        check(ready and ready["event"] == "ready", "with it, it serves", ready)
        served.terminate()
        served.communicate()


if __name__ == "__main__":
    if not shutil.which("systemd-analyze") or analyze("security", "--help").returncode:
        print("SKIP systemd-analyze is not installed")
        sys.exit(77)
    main(__name__)
