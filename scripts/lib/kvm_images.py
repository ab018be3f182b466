# SPDX-License-Identifier: Apache-2.0
"""What runs in the emulated host and in its Linux guest, built for arm64 as files of their initramfs."""
import glob
import lzma
import os
import shutil
import subprocess

import arm64
import building
import kvm_forward
import kvm_packages
from tree import ROOT

HOST = (("examples/vmm", "vmm"), ("tools/sdei-migrate", "sdei-migrate"))
HERE = os.path.join(ROOT, "tests", "kvm")
MODULE = os.path.join(ROOT, "examples", "guest-module")
OUT = os.path.join(kvm_packages.HOME, "guest")
KEY_DAYS = "7300"


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _run(command, env):
    told = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if told.returncode != 0:
        raise building.BuildFailed(f"{' '.join(command)}\n{told.stdout}")
    return told.stdout


def _cross(tools, name):
    return tools.command[0].removesuffix("gcc") + name


def _stripped(tools, path):
    out = os.path.join(OUT, "stripped")
    _run([_cross(tools, "strip"), "-o", out, path], tools.env)
    return _read(out)


def host_files():
    """Path -> bytes: a shell, the VMM, the mover, and the libraries of both."""
    tools = kvm_packages.compiler()
    arm64.build(tuple(name for _, name in HOST))
    os.makedirs(OUT, exist_ok=True)
    paths = [os.path.join(building.directory(arm64.PRESET), *place) for place in HOST]
    return {**{f"bin/{os.path.basename(path)}": _stripped(tools, path) for path in paths},
            **kvm_forward.libraries(paths), "bin/busybox": _read(kvm_packages.busybox()),
            "init": _read(os.path.join(HERE, "host", "init.sh"))}


def _prepare_headers(suite, release):
    """A copy that a build may write to. Debian's own paths are absolute, and without vmlinux no BTF is wanted."""
    unpacked = kvm_packages.headers(suite, release)
    version = release.rsplit("-cloud-", 1)[0]
    common = os.path.join(unpacked, "usr", "src", f"linux-headers-{version}-common")
    kbuild = os.path.join(unpacked, "usr", "lib", f"linux-kbuild-{version}")
    tree = os.path.join(OUT, "headers")
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(os.path.join(unpacked, "usr", "src", f"linux-headers-{release}"), tree,
                    symlinks=True)
    for path in glob.glob(os.path.join(tree, "Makefile")) + glob.glob(
            os.path.join(tree, ".kernelvariables")):
        text = _read(path).decode().replace(f"/usr/src/linux-headers-{version}-common", common)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    for name in ("scripts", "tools"):
        for parent in (tree, common):
            link = os.path.join(parent, name)
            if os.path.islink(link):
                os.unlink(link)
                os.symlink(os.path.join(kbuild, name), link)
    if os.path.exists(os.path.join(tree, "vmlinux")):
        os.unlink(os.path.join(tree, "vmlinux"))
    return tree


def module(suite, release):
    """sdei_watch.ko for one kernel."""
    tools = kvm_packages.compiler()
    os.makedirs(OUT, exist_ok=True)
    source = os.path.join(OUT, "module")
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(MODULE, source)
    cross = _cross(tools, "")
    _run(["make", "-s", "-C", _prepare_headers(suite, release), f"M={source}", "ARCH=arm64",
          f"CROSS_COMPILE={cross}", f"CC={cross}gcc", "modules"], tools.env)
    built = os.path.join(source, "sdei_watch.ko")
    _run([_cross(tools, "strip"), "-g", built], tools.env)
    return _read(built)


def guest_files(suite, release):
    """Path -> bytes: what the guest's Linux of @release starts with."""
    tools = kvm_packages.compiler()
    watch = module(suite, release)
    program = os.path.join(OUT, "hold")
    folder = os.path.join(HERE, "guest")
    _run([*tools.command, f"--sysroot={kvm_packages.sysroot(arm64.SUITE, arm64.libraries())}",
          "-static", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program,
          os.path.join(folder, "hold.c"), os.path.join(folder, "hold.S")], tools.env)
    return {"bin/busybox": _read(kvm_packages.busybox()), "hold": _stripped(tools, program),
            "sdei_watch.ko": watch, "init": _read(os.path.join(folder, "init.sh"))}


def scenario(name):
    return _read(os.path.join(HERE, "host", name))


def network_files(suite, release):
    """The modules of a virtio network card, as their order wants them."""
    folder = kvm_packages.modules(suite, release)
    files = {}
    for at, name in enumerate(("failover", "net_failover", "virtio_net")):
        found = glob.glob(os.path.join(folder, "kernel", "**", name + ".ko*"), recursive=True)
        if not found:
            raise building.BuildFailed(f"{folder} has no module {name}")
        data = _read(found[0])
        files[f"modules/{at}.ko"] = lzma.decompress(data) if found[0].endswith(".xz") else data
    return files


def keys():
    """A key for each of two hosts, and its certificate. They are kept, so that a run can be repeated to the byte, and
    hold at the time that kvm_emulator.STEADY sets."""
    program = os.path.join(building.directory("dev"), "tools", "sdei-migrate", "sdei-migrate")
    folder = os.path.join(OUT, "keys")
    if not os.path.exists(folder):
        made = folder + ".new"
        shutil.rmtree(made, ignore_errors=True)
        os.makedirs(made)
        for who in "ab":
            _run([program, "keygen", "--days", KEY_DAYS, "--out", os.path.join(made, who)], None)
        os.rename(made, folder)
    return {f"keys/{name}": _read(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}
