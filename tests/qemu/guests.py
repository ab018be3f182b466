# SPDX-License-Identifier: Apache-2.0
"""What the tests with a real QEMU share: both QEMUs, their monitors, and a Linux that has booted once.

A guest is a kernel and a shell that counts on the serial console, so that it can be seen to live. It boots once per
QEMU; its memory is kept in build/qemu, and every guest of a test begins from there. Fetching is the test qemu/packages.
"""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("../cli", "../../scripts/lib"):
    sys.path.insert(0, os.path.join(HERE, folder))
import debian  # noqa: E402
from child import Lines  # noqa: E402
import kvm_emulator  # noqa: E402
import qemu_packages  # noqa: E402
from cli import wait_for  # noqa: E402

SECONDS = 60            # for anything that QEMU does
BOOT_SECONDS = 300      # under emulation, on a busy machine
SETTLED = ("completed", "failed", "cancelled")
INIT = b"""#!/busybox sh
i=0
while :; do
	i=$((i + 1))
	echo "tick $i"
	/busybox usleep 50000
done
"""


class Monitor:
    """A QMP client: a command at a time; events are kept, each with QEMU's own time in seconds."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self.socket.settimeout(SECONDS)
        self.lines = Lines(self.socket)
        self.lines.line()
        self.events = []
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        """Returns the answer, with "return" or "error" in it."""
        arguments = {name.replace("_", "-"): value for name, value in arguments.items()}
        request = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = json.loads(self.lines.line())
            if "event" not in answer:
                return answer
            self._keep(answer)

    def _keep(self, event):
        at = event["timestamp"]
        self.events.append((event["event"], event.get("data", {}), at["seconds"] + at["microseconds"] / 1e6))

    def said(self, event, status):
        """A question: has this event come? QEMU is not asked, for it answers nothing while it waits for a peer."""
        def asked():
            while self.lines.ready():
                self._keep(json.loads(self.lines.line()))
            return any(name == event and data.get("status") == status for name, data, _ in self.events)
        return asked

    def do(self, command, **arguments):
        """Returns what it returned; a refusal is the test's mistake."""
        answer = self.ask(command, **arguments)
        if "return" not in answer:
            raise RuntimeError(f"{command}: {answer}")
        return answer["return"]


def machine(memory=128, cpu="cortex-a57"):
    return ("-M", "virt", "-accel", "tcg", "-cpu", cpu, "-m", str(memory), "-nodefaults", "-display",
            "none")


class Qemu:
    """One process: NAME.qmp for a helper, NAME.own for the test, NAME.spare; the console in NAME.console."""

    def __init__(self, tool, directory, name, *args, guest=None):
        self.path = os.path.join(directory, name)
        self.console = self.path + ".console"
        command = [*tool.command, *(guest or machine(32)),
                   "-qmp", f"unix:{self.path}.qmp,server=on,wait=off",
                   "-qmp", f"unix:{self.path}.own,server=on,wait=off",
                   "-qmp", f"unix:{self.path}.spare,server=on,wait=off",
                   "-serial", f"file:{self.console}", *args]
        self.process = subprocess.Popen(command, env=tool.env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            self.monitor = Monitor(self.path + ".own")
        except OSError as error:
            raise RuntimeError(self.end()) from error
        self.ask, self.do = self.monitor.ask, self.monitor.do

    def has(self, name):
        """Is this capability on?"""
        return {"capability": name, "state": True} in self.do("query-migrate-capabilities")

    def set(self, **capabilities):
        self.do("migrate-set-capabilities", capabilities=[
            {"capability": name.replace("_", "-"), "state": on} for name, on in capabilities.items()])

    def status(self):
        return self.do("query-status")["status"]

    def wait_status(self, *wanted):
        """Until it is one of these. Returns what it is."""
        return wait_for(self.status, lambda status: status in wanted)

    def migration(self, *wanted):
        """Until it has come to an end, or to one of @wanted. Returns its status."""
        return wait_for(lambda: self.do("query-migrate").get("status"),
                        lambda status: status in (wanted or SETTLED))

    def printed(self):
        """On the console."""
        if not os.path.exists(self.console):
            return ""
        with open(self.console, encoding="utf-8", errors="replace", newline="") as file:
            return file.read()

    def ticks(self):
        """What the guest has counted here, in whole lines."""
        return ticks_in(self.printed())

    def ticks_on(self, more=3, seconds=SECONDS):
        """Does the guest go on counting?"""
        had = len(self.ticks())
        return len(wait_for(self.ticks, lambda ticks: len(ticks) >= had + more, seconds)) >= had + more

    def end(self):
        """Returns what it said; the second time nothing."""
        if self.process.stderr.closed:
            return ""
        self.process.kill()
        return self.process.communicate()[1]


def ticks_in(text):
    return [int(count) for count in re.findall(r"^tick (\d+)\r?\n", text, re.M)]


def goes_on(source, destination):
    """Did it count on there from where it was here? It may have moved in mid-line."""
    seam = ticks_in(source.printed() + destination.printed())
    return all(after - before in (0, 1) for before, after in zip(seam, seam[1:]))


@contextlib.contextmanager
def running(*args, **how):
    started = Qemu(*args, **how)
    try:
        yield started
    finally:
        started.end()


# --- a Linux that has booted ------------------------------------------------------------------------

def file_uri(tool, path, write):
    """`file:` came with QEMU 8.2."""
    if int(qemu_packages.version(tool).split(".")[0]) > 8:
        return f"file:{path}"
    return f"exec:cat >{path}" if write else f"exec:cat {path}"


def _boot(tool, state):
    folder = qemu_packages.HOME
    initramfs = state + ".cpio"
    kvm_emulator.write_initramfs(initramfs, {"init": INIT, "busybox": qemu_packages.shell()})
    with running(tool, folder, os.path.basename(state) + ".boot", "-kernel", qemu_packages.kernel(),
                 "-initrd", initramfs, "-append", "console=ttyAMA0 quiet panic=-1",
                 guest=machine()) as guest:
        if not wait_for(guest.ticks, lambda ticks: len(ticks) > 2, BOOT_SECONDS):
            with open(guest.console, encoding="utf-8", errors="replace") as console:
                raise RuntimeError(f"the guest has not booted: {console.read()[-2000:]}")
        guest.do("stop")
        guest.do("migrate", uri=file_uri(tool, state + ".new", True))
        if guest.migration() != "completed":
            raise RuntimeError(f"the guest cannot be kept: {guest.do('query-migrate')}")
    os.unlink(initramfs)
    os.rename(state + ".new", state)


def booted(suite):
    """Path of a guest's state that has booted in the QEMU of @suite."""
    tool = qemu_packages.qemu(suite)
    release = os.path.basename(qemu_packages.kernel())
    state = os.path.join(qemu_packages.HOME, f"{release}-in-{qemu_packages.version(tool)}.state")
    with debian.Locked(qemu_packages.HOME):
        if not os.path.exists(state):
            _boot(tool, state)
    return state


@contextlib.contextmanager
def counting(suite, directory, name, *args):
    """A guest that runs and counts."""
    tool = qemu_packages.qemu(suite)
    state = booted(suite)
    with running(tool, directory, name, "-incoming", "defer", *args, guest=machine()) as guest:
        guest.do("migrate-incoming", uri=file_uri(tool, state, False))
        guest.wait_status("paused")
        guest.do("cont")
        if not guest.ticks_on():
            raise RuntimeError("the guest does not count")
        yield guest


def waiting(suite, directory, name, *args):
    """A context: the QEMU that a counting guest may come to, paused."""
    return running(qemu_packages.qemu(suite), directory, name, "-S", "-incoming", "defer", *args,
                   guest=machine())


def listen(destination, uri):
    """Have it wait there; "tcp:HOST:0": at a port of its choice. Returns the URI to come to."""
    destination.do("migrate-incoming", uri=uri)
    if not uri.startswith("tcp:"):
        return uri
    at, = destination.do("query-migrate")["socket-address"]
    return f"tcp:{at['host']}:{at['port']}"


def need_dbus_daemon():
    if not shutil.which("dbus-daemon"):
        print("SKIP dbus-daemon is missing (Debian: dbus-daemon)")
        sys.exit(77)


def each_suite():
    """The QEMUs that are here; the test's exit with a reason if there is none."""
    try:
        for suite in qemu_packages.SUITES:
            qemu_packages.qemu(suite)
        qemu_packages.kernel()
    except debian.Missing as missing:
        print(f"SKIP {missing}")
        sys.exit(77)
    return qemu_packages.SUITES
