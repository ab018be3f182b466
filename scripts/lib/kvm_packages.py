# SPDX-License-Identifier: Apache-2.0
"""What scripts/test kvm and arm64 need and the machine lacks, by ordinary apt with a state of its own.

Everything is unpacked below build/kvm, nothing is installed, and /etc/apt stays as it is. Versions are
asked for: whichever the mirror offers today."""
import glob
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field

from tree import ROOT

HOME = os.path.join(ROOT, "build", "kvm")
TOOLS = os.path.join(HOME, "tools")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
EMULATOR = ("qemu-system-arm",)
USER_EMULATOR = ("qemu-user-static",)
COMPILER = ("gcc-aarch64-linux-gnu",)
# Beside the compiler even if installed: it looks for them relative to where it stands itself.
CROSS = ("libc6-dev-arm64-cross", "libc6-arm64-cross", "linux-libc-dev-arm64-cross")


class Missing(Exception):
    """Something cannot be had here; says what."""


@dataclass(frozen=True)
class Tool:
    command: tuple
    env: dict = field(hash=False)


def _apt(folder, options, command, *words):
    """apt-get or apt-cache with lists and archives in @folder; returns what it printed."""
    for name in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    settings = [f"Dir::State::lists={folder}/lists", f"Dir::Cache={folder}/cache",
                "Debug::NoLocking=1", "Acquire::Languages=none", "APT::Sandbox::User=",
                "Acquire::Retries=2", "Acquire::http::Timeout=20",
                "APT::Update::Post-Invoke-Success::=", *options]
    arguments = [word for setting in settings for word in ("-o", setting)]
    try:
        told = subprocess.run([command, *arguments, *words], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
    except FileNotFoundError as absent:
        raise Missing(f"{command} is not on this machine") from absent
    if told.returncode != 0:
        last = (told.stderr.strip() or told.stdout.strip() or "no word").splitlines()[-1]
        raise Missing(f"{command}: {last}")
    return told.stdout


def _unpack_and_drop(pattern, folder):
    for package in glob.glob(pattern):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True, stdin=subprocess.DEVNULL,
                       capture_output=True)
        os.unlink(package)


def _is_done(stamp):
    return os.path.exists(stamp)


def _finish(stamp):
    with open(stamp, "w", encoding="utf-8"):
        pass


def _fetch_tools(packages):
    """The machine's own suites and dpkg state: only what it lacks is fetched."""
    stamp = os.path.join(TOOLS, "unpacked-" + "-".join(packages))
    if _is_done(stamp):
        return
    folder = os.path.join(HOME, "apt-host")
    os.makedirs(TOOLS, exist_ok=True)
    _apt(folder, (), "apt-get", "-q", "update")
    _apt(folder, (), "apt-get", "-q", "-y", "--download-only", "--no-install-recommends",
         "--reinstall", "install", *packages)
    _unpack_and_drop(os.path.join(folder, "cache", "archives", "*.deb"), TOOLS)
    _finish(stamp)


def _environment():
    libraries = [os.path.join(TOOLS, "usr/lib/x86_64-linux-gnu"),
                 os.path.join(TOOLS, "lib/x86_64-linux-gnu")]
    return dict(os.environ, LD_LIBRARY_PATH=":".join(libraries),
                PATH=os.path.join(TOOLS, "usr/bin") + ":" + os.environ["PATH"])


def emulator():
    found = shutil.which("qemu-system-aarch64")
    if found:
        return Tool((found,), dict(os.environ))
    _fetch_tools(EMULATOR)
    return Tool((os.path.join(TOOLS, "usr/bin/qemu-system-aarch64"), "-L",
                 os.path.join(TOOLS, "usr/share/qemu")), _environment())


def user_emulator():
    found = shutil.which("qemu-aarch64-static")
    if found:
        return found
    _fetch_tools(USER_EMULATOR)
    return os.path.join(TOOLS, "usr/bin/qemu-aarch64-static")


def compiler():
    _fetch_tools(COMPILER + CROSS)
    return Tool((os.path.join(TOOLS, "usr/bin/aarch64-linux-gnu-gcc"),), _environment())


def _mirror():
    """The address of the machine's own Debian mirror."""
    sources = sorted(glob.glob("/etc/apt/sources.list.d/*.sources"))
    sources += sorted(glob.glob("/etc/apt/sources.list.d/*.list")) + ["/etc/apt/sources.list"]
    for path in sources:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                found = re.search(r"^(?:URIs:|deb(?: \[.*?\])?) *(\S+/debian)/?(?:\s|$)",
                                  file.read(), re.M)
            if found:
                return found.group(1)
    raise Missing("the machine's apt sources name no Debian mirror")


class Suite:
    """One suite for arm64, as if on a machine with nothing installed."""

    def __init__(self, name):
        self.folder = os.path.join(HOME, f"apt-{name}")
        self.options = (f"Dir::State::status={self.folder}/status",
                        f"Dir::Etc::sourcelist={self.folder}/sources.list",
                        f"Dir::Etc::sourceparts={self.folder}/parts",
                        "APT::Architecture=arm64", "APT::Architectures::=arm64")
        os.makedirs(os.path.join(self.folder, "parts"), exist_ok=True)
        _finish(os.path.join(self.folder, "status"))
        with open(os.path.join(self.folder, "sources.list"), "w", encoding="utf-8") as file:
            file.write(f"deb [arch=arm64 signed-by={KEYRING}] {_mirror()} {name} main\n")
        self._ask("apt-get", "-q", "update")

    def _ask(self, *words):
        return _apt(self.folder, self.options, *words)

    def newest_kernel(self):
        """The package with the kernel that the metapackage leads to, whatever its version is today."""
        package = "linux-image-cloud-arm64"
        while True:
            depends = re.findall(r"Depends: (linux-(?:image|binary)-\d\S*)",
                                 self._ask("apt-cache", "depends", package))
            if not depends:
                return package
            package = depends[0]

    def fetch(self, package, folder):
        os.makedirs(folder, exist_ok=True)
        self._ask("apt-get", "-q", "download", package)
        _unpack_and_drop(os.path.join(self.folder, "*.deb"), folder)

    def fetch_with_depends(self, packages, folder):
        """@packages and everything they need, the C library included."""
        os.makedirs(folder, exist_ok=True)
        self._ask("apt-get", "-q", "-y", "--download-only", "--no-install-recommends", "install",
                  *packages)
        _unpack_and_drop(os.path.join(self.folder, "cache", "archives", "*.deb"), folder)


def kernel(suite):
    """(release, path of its Image) of the newest kernel in @suite; the cache stands in for a mirror."""
    try:
        asked = Suite(suite)
        package = asked.newest_kernel()
        folder = os.path.join(HOME, "kernels", suite, package)
        if not _is_done(folder + ".done"):
            shutil.rmtree(os.path.join(HOME, "kernels", suite), ignore_errors=True)
            asked.fetch(package, folder)
            _finish(folder + ".done")
    except Missing:
        done = glob.glob(os.path.join(HOME, "kernels", suite, "*.done"))
        if not done:
            raise
        folder = done[0][:-len(".done")]
    images = glob.glob(os.path.join(folder, "boot", "vmlinuz-*")) + glob.glob(
        os.path.join(folder, "usr", "lib", "modules", "*", "vmlinuz"))
    if not images:
        raise Missing(f"{os.path.basename(folder)} holds no kernel")
    release = re.search(r"linux-(?:image|binary)-(.*)$", os.path.basename(folder)).group(1)
    return release, images[0]


def jansson():
    """Folder with jansson.h and the static library for arm64."""
    folder = os.path.join(HOME, "jansson")
    if not _is_done(folder + ".done"):
        Suite("bookworm").fetch("libjansson-dev", folder)
        _finish(folder + ".done")
    return folder


def sysroot(suite, packages):
    """Folder in which @packages and what they need for arm64 are unpacked; fetched anew when the list changes."""
    folder = os.path.join(HOME, "sysroot")
    stamp = folder + ".done"
    wanted = " ".join(packages)
    if _is_done(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted:
                return folder
        os.unlink(stamp)
    shutil.rmtree(folder, ignore_errors=True)
    Suite(suite).fetch_with_depends(packages, folder)
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)
    return folder
