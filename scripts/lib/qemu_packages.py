# SPDX-License-Identifier: Apache-2.0
"""What scripts/test qemu needs: two QEMUs side by side, and a Linux for their guest, below build/qemu."""
import os
import subprocess

import debian
from tree import ROOT

HOME = os.path.join(ROOT, "build", "qemu")
# The QEMU of a suite; together they are what Debian 12 and 13 run.
SUITES = ("bookworm", "bookworm-backports")
KERNEL = "bookworm"
SHELL = "busybox-static"
LIBVIRT = ("libvirt-daemon-driver-qemu", "libvirt-daemon", "libvirt-clients")
LIBVIRT_SUITE = "bookworm"


def _folder(suite):
    return os.path.join(HOME, suite)


def _fetch_for_here(suite, folder, *packages):
    if debian.is_done(folder + ".done"):
        return
    state = os.path.join(HOME, "apt-" + suite + "-here")
    options = debian.sources(state, *dict.fromkeys((SUITES[0], suite)))
    debian.install_below(state, ("APT::Default-Release=" + suite, *options), folder,
                         *(f"{package}/{suite}" for package in packages))
    debian.finish(folder + ".done")


def _fetch_shell():
    folder = os.path.join(HOME, SHELL)
    if not debian.is_done(folder + ".done"):
        debian.Suite(HOME, KERNEL).fetch(SHELL, folder)
        debian.finish(folder + ".done")


def fetch():
    """All of it; what is there already is not asked for again."""
    with debian.Locked(HOME):
        for suite in SUITES:
            _fetch_for_here(suite, _folder(suite), "qemu-system-arm")
        _fetch_for_here(LIBVIRT_SUITE, _folder("libvirt"), *LIBVIRT)
        if not debian.is_done(_kernel_stamp()):
            _, image = debian.kernel(HOME, KERNEL)
            _fetch_shell()
            with open(_kernel_stamp(), "w", encoding="utf-8") as file:
                file.write(image)


def _kernel_stamp():
    return os.path.join(HOME, "kernel.done")


def need(stamp):
    if not debian.is_done(stamp):
        raise debian.Missing("scripts/lib/qemu has not fetched Debian's packages into build/qemu")


def qemu(suite):
    """The one of @suite, as a Tool. Fetches nothing."""
    folder = _folder(suite)
    need(folder + ".done")
    return debian.Tool((os.path.join(folder, "usr/bin/qemu-system-aarch64"), "-L",
                        os.path.join(folder, "usr/share/qemu")), debian.environment(folder))


def libvirt():
    """Folder in which libvirt's packages are unpacked. Fetches nothing."""
    need(_folder("libvirt") + ".done")
    return _folder("libvirt")


def version(tool):
    told = subprocess.run([tool.command[0], "--version"], env=tool.env, check=True, text=True,
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    return told.stdout.split()[3]


def kernel():
    """Path of the guest's kernel."""
    need(_kernel_stamp())
    with open(_kernel_stamp(), encoding="utf-8") as file:
        return file.read()


def shell():
    """The guest's busybox, as bytes."""
    with open(os.path.join(HOME, SHELL, "bin", "busybox"), "rb") as file:
        return file.read()
