# SPDX-License-Identifier: Apache-2.0
"""A guest's kernel that Debian does not build: with the pKVM guest driver, from Debian's own source.

It takes some minutes, once: the Image stays below build/kvm until its configuration changes."""
import glob
import hashlib
import os
import shutil
import subprocess

import building
import debian
import kvm_packages
from tree import ROOT

SUITE, SOURCE = "trixie", "linux-source-6.12"
CONFIG = os.path.join(ROOT, "tests", "kvm", "guest", "pkvm.config")
TOOLS = ("flex", "bison", "bc", "make")
HOME = os.path.join(kvm_packages.HOME, "pkvm")


def _unpack_source():
    """The folder with the source, from the newest package of that name."""
    folder = os.path.join(HOME, SOURCE)
    shutil.rmtree(HOME, ignore_errors=True)
    debian.Suite(kvm_packages.HOME, SUITE).fetch(SOURCE, HOME)
    archive, = glob.glob(os.path.join(HOME, "usr", "src", SOURCE + ".tar.xz"))
    subprocess.run(["tar", "-C", HOME, "-xf", archive], check=True, stdin=subprocess.DEVNULL)
    os.unlink(archive)
    return folder


def _make(folder, compiler, env):
    command = ["make", "-s", "-C", folder, "ARCH=arm64", "-j", building.JOBS,
               "CROSS_COMPILE=" + compiler.command[0].removesuffix("gcc")]
    for words in (["KCONFIG_ALLCONFIG=" + CONFIG, "allnoconfig"], ["Image"]):
        told = subprocess.run(command + words, env=env, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if told.returncode != 0:
            raise building.BuildFailed(told.stdout[-4000:])


def image():
    """Path of the Image. Raises Missing where the source cannot be had, BuildFailed."""
    with open(CONFIG, "rb") as file:
        stamp = os.path.join(kvm_packages.HOME, "pkvm-" + hashlib.sha256(file.read()).hexdigest()[:16])
    with debian.Locked(HOME + ".state"):
        _build(stamp)
    return stamp


def _build(stamp):
    if not debian.is_done(stamp):
        compiler = kvm_packages.compiler()
        env = kvm_packages.with_tools(TOOLS)
        folder = _unpack_source()
        _make(folder, compiler, env)
        shutil.copy(os.path.join(folder, "arch", "arm64", "boot", "Image"), stamp)
        shutil.rmtree(HOME, ignore_errors=True)
