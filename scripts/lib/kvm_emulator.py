# SPDX-License-Identifier: Apache-2.0
"""An emulated arm64 host with EL2: its initramfs, and one run from power-on to power-off."""
import os
import signal
import stat
import subprocess
import threading
import time

from tree import ROOT

MARK = "@J:"
MACHINE = ("-M", "virt,virtualization=on,gic-version=3", "-nodefaults", "-display", "none",
           "-no-reboot", "-monitor", "none")
TIMES = os.path.join(ROOT, "build", "kvm", "times.log")
SMALL = ("-smp", "1", "-m", "512")
# Time and everything random follow from the number of instructions and the seed. The day is one on which a
# certificate that was made today, for 20 years, holds.
STEADY = ("-icount", "shift=3,sleep=off", "-rtc", "base=2040-01-01T00:00:00,clock=vm")

_telling = threading.Lock()


def given_seed():
    """SDEI_KVM_STEADY: every host that is alone counts its instructions, and this is the seed."""
    given = os.environ.get("SDEI_KVM_STEADY")
    return int(given) if given else None


def _entry(name, mode, data=b"", device=(0, 0)):
    """One member of a cpio archive in the 'newc' format."""
    words = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % word for word in words) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def write_initramfs(path, files):
    """@files: path -> bytes; all may be executed. /dev/console is there, so that init can speak."""
    folders = {"dev"}
    for name in files:
        while name := os.path.dirname(name):
            folders.add(name)
    members = [_entry(name, stat.S_IFDIR | 0o755) for name in sorted(folders)]
    members += [_entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))]
    members += [_entry(name, stat.S_IFREG | 0o755, data) for name, data in files.items()]
    with open(path, "wb") as file:
        file.write(b"".join(members) + _entry("TRAILER!!!", 0))


def _run(command, env, seconds):
    """(exit status, what it said, what it used): of a process that is killed after @seconds."""
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    killer = threading.Timer(seconds, process.kill)
    killer.start()
    with process.stdout:
        said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    killer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, said, used


def _tell(log, seconds, used):
    """Where a run's time went, one line a host: of two that run side by side, only the CPU's seconds can be compared."""
    with _telling, open(TIMES, "a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%H:%M:%S')} {os.path.basename(log)} {seconds:.1f} s, CPU {used.ru_utime:.1f} s user, "
                   f"{used.ru_stime:.1f} s system\n")


def boot(qemu, kernel, initramfs, log, cpu, seconds, seed=None, words="", size=SMALL):
    """Run until the host switches itself off; @words reach init. (marked lines, wall seconds, what went wrong)"""
    command = [*qemu.command, *MACHINE, *size, "-cpu", cpu, "-serial", f"file:{log}", "-kernel", kernel,
               "-initrd", initramfs, "-append", f"console=ttyAMA0 quiet panic=-1 cryptomgr.notests {words}"]
    command += ["-accel", "tcg"] if seed is None else [
        "-accel", "tcg,thread=single", *STEADY, "-seed", str(seed)]
    began = time.monotonic()
    wrong = ""
    status, said, used = _run(command, qemu.env, seconds)
    _tell(log, time.monotonic() - began, used)
    if status == -signal.SIGKILL:
        wrong = f"not switched off after {seconds} s"
    elif status != 0:
        wrong = f"QEMU ended with {status}: {said}"
    lines = []
    if os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as file:
            lines = [line.strip()[len(MARK):] for line in file if line.startswith(MARK)]
    if not wrong and (not lines or lines.pop() != '"end"'):
        wrong = "the rows did not end"
    return lines, time.monotonic() - began, wrong
