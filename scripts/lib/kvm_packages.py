# SPDX-License-Identifier: Apache-2.0
"""What scripts/test kvm and arm64 need and the machine lacks, unpacked below build/kvm."""
import os
import shutil
import threading

import debian
from debian import Tool
from side_by_side import once
from tree import ROOT

HOME = os.path.join(ROOT, "build", "kvm")
TOOLS = os.path.join(HOME, "tools")
EMULATOR = ("qemu-system-arm",)
USER_EMULATOR = ("qemu-user-static",)
COMPILER = ("gcc-aarch64-linux-gnu",)
# Beside the compiler even if installed: it looks for them relative to where it stands itself.
CROSS = ("libc6-dev-arm64-cross", "libc6-arm64-cross", "linux-libc-dev-arm64-cross")

_once = once(threading.RLock())     # apt's state is shared


def _fetch_tools(packages):
    """The machine's own suites and dpkg state: only what it lacks is fetched."""
    stamp = os.path.join(TOOLS, "unpacked-" + "-".join(packages))
    if not debian.is_done(stamp):
        debian.install_below(os.path.join(HOME, "apt-host"), (), TOOLS, *packages)
        debian.finish(stamp)


@_once
def emulator():
    found = shutil.which("qemu-system-aarch64")
    if found:
        return Tool((found,), dict(os.environ))
    _fetch_tools(EMULATOR)
    return Tool((os.path.join(TOOLS, "usr/bin/qemu-system-aarch64"), "-L",
                 os.path.join(TOOLS, "usr/share/qemu")), debian.environment(TOOLS))


@_once
def user_emulator():
    found = shutil.which("qemu-aarch64-static")
    if found:
        return found
    _fetch_tools(USER_EMULATOR)
    return os.path.join(TOOLS, "usr/bin/qemu-aarch64-static")


@_once
def compiler():
    _fetch_tools(COMPILER + CROSS)
    return Tool((os.path.join(TOOLS, "usr/bin/aarch64-linux-gnu-gcc"),),
                debian.environment(TOOLS))


@_once
def with_tools(packages):
    """The environment in which the programs of @packages are found, here or unpacked."""
    _fetch_tools(packages)
    share = os.path.join(TOOLS, "usr", "share", "bison")
    env = debian.environment(TOOLS)
    if os.path.isdir(share):
        env.update(BISON_PKGDATADIR=share, M4=shutil.which("m4", path=env["PATH"]) or "m4")
    return env


@_once
def kernel(suite):
    return debian.kernel(HOME, suite)


def _unpacked(name, package):
    """Folder with the arm64 @package of Debian 12."""
    folder = os.path.join(HOME, name)
    if not debian.is_done(folder + ".done"):
        debian.Suite(HOME, "bookworm").fetch(package, folder)
        debian.finish(folder + ".done")
    return folder


@_once
def jansson():
    """Folder with jansson.h and the static library for arm64."""
    return _unpacked("jansson", "libjansson-dev")


@_once
def sysroot(suite, packages):
    """Folder in which @packages and what they need for arm64 are unpacked; fetched anew when the list changes."""
    folder = os.path.join(HOME, "sysroot")
    stamp = folder + ".done"
    wanted = " ".join(packages)
    if debian.is_done(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted:
                return folder
        os.unlink(stamp)
    shutil.rmtree(folder, ignore_errors=True)
    debian.Suite(HOME, suite).fetch_with_depends(packages, folder)
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)
    return folder


@_once
def busybox():
    """The shell and its tools, for arm64, in one file that needs nothing."""
    return os.path.join(_unpacked("busybox", "busybox-static"), "bin", "busybox")


@_once
def headers(suite, release):
    """Folder with what a module for the kernel @release of @suite is built with: arm64's headers, our own tools."""
    folder = os.path.join(HOME, "headers", release)
    version = release.rsplit("-cloud-", 1)[0]
    if not debian.is_done(folder + ".done"):
        arm64 = debian.Suite(HOME, suite)
        arm64.fetch(f"linux-headers-{release}", folder)
        arm64.fetch(f"linux-headers-{version}-common", folder)
        debian.Suite(HOME, suite, debian.architecture()).fetch(f"linux-kbuild-{version}", folder)
        debian.finish(folder + ".done")
    return folder


@_once
def modules(suite, release):
    """Folder below which the modules of the kernel @release of @suite are: in its package, or in one of their own."""
    image = os.path.dirname(kernel(suite)[1])
    inside = os.path.join(os.path.dirname(image), "lib", "modules", release)
    if os.path.isdir(os.path.join(inside, "kernel")):
        return inside
    folder = os.path.join(HOME, "modules", release)
    if not debian.is_done(folder + ".done"):
        debian.Suite(HOME, suite).fetch(f"linux-modules-{release}", folder)
        debian.finish(folder + ".done")
    return os.path.join(folder, "usr", "lib", "modules", release)
