# SPDX-License-Identifier: Apache-2.0
"""Debian's packages, by ordinary apt with a state of its own: fetched and unpacked below a folder.

Nothing is installed, /etc/apt stays as it is, and it needs no privileges. Versions are asked for: whichever
the mirror offers today."""
import fcntl
import glob
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Missing(Exception):
    """Something cannot be had here; says what."""


@dataclass(frozen=True)
class Tool:
    command: tuple
    env: dict = field(hash=False)


def apt(folder, options, command, *words):
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


def unpack(packages, folder):
    os.makedirs(folder, exist_ok=True)
    for package in packages:
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True, stdin=subprocess.DEVNULL,
                       capture_output=True)
        os.unlink(package)


def is_done(stamp):
    return os.path.exists(stamp)


def finish(stamp):
    with open(stamp, "w", encoding="utf-8"):
        pass


class Locked:
    """One process at a time below @folder."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, "lock")

    def __enter__(self):
        self.file = open(self.path, "w", encoding="utf-8")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self.file.close()


def install_below(state, options, folder, *packages):
    """@packages and what they need and this machine lacks, unpacked in @folder."""
    apt(state, options, "apt-get", "-q", "update")
    apt(state, options, "apt-get", "-q", "-y", "--download-only", "--no-install-recommends",
        "--allow-downgrades", "--reinstall", "install", *packages)
    unpack(glob.glob(os.path.join(state, "cache", "archives", "*.deb")), folder)


def environment(folder):
    """What a program that is unpacked in @folder needs to find its own."""
    triplet = os.uname().machine + "-linux-gnu"
    libraries = [os.path.join(folder, where, triplet) for where in ("usr/lib", "lib")]
    return dict(os.environ, LD_LIBRARY_PATH=":".join(libraries),
                PATH=":".join(os.path.join(folder, where) for where in ("usr/bin", "usr/sbin")) +
                ":" + os.environ["PATH"])


def architecture():
    """Debian's name of this machine's."""
    told = subprocess.run(["dpkg", "--print-architecture"], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True)
    return told.stdout.strip() or "amd64"


def mirror():
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


def sources(folder, *suites, arch=None):
    """apt options that know these suites alone."""
    os.makedirs(os.path.join(folder, "parts"), exist_ok=True)
    of = f"arch={arch} " if arch else ""
    with open(os.path.join(folder, "sources.list"), "w", encoding="utf-8") as file:
        for suite in suites:
            file.write(f"deb [{of}signed-by={KEYRING}] {mirror()} {suite} main\n")
    return (f"Dir::Etc::sourcelist={folder}/sources.list",
            f"Dir::Etc::sourceparts={folder}/parts")


class Suite:
    """One suite, as if on a machine with nothing installed; for arm64 unless told otherwise."""

    def __init__(self, home, name, arch="arm64"):
        self.folder = os.path.join(home, f"apt-{name}" + ("" if arch == "arm64" else f"-{arch}"))
        self.options = (f"Dir::State::status={self.folder}/status", f"APT::Architecture={arch}",
                        f"APT::Architectures::={arch}", *sources(self.folder, name, arch=arch))
        finish(os.path.join(self.folder, "status"))
        self._ask("apt-get", "-q", "update")

    def _ask(self, *words):
        return apt(self.folder, self.options, *words)

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
        self._ask("apt-get", "-q", "download", package)
        unpack(glob.glob(os.path.join(self.folder, "*.deb")), folder)

    def fetch_with_depends(self, packages, folder):
        """@packages and everything they need, the C library included."""
        self._ask("apt-get", "-q", "-y", "--download-only", "--no-install-recommends", "install",
                  *packages)
        unpack(glob.glob(os.path.join(self.folder, "cache", "archives", "*.deb")), folder)


def kernel(home, suite):
    """(release, path of its Image) of the newest kernel in @suite; the cache stands in for a mirror."""
    try:
        asked = Suite(home, suite)
        package = asked.newest_kernel()
        folder = os.path.join(home, "kernels", suite, package)
        if not is_done(folder + ".done"):
            shutil.rmtree(os.path.join(home, "kernels", suite), ignore_errors=True)
            asked.fetch(package, folder)
            finish(folder + ".done")
    except Missing:
        done = glob.glob(os.path.join(home, "kernels", suite, "*.done"))
        if not done:
            raise
        folder = done[0][:-len(".done")]
    images = glob.glob(os.path.join(folder, "boot", "vmlinuz-*")) + glob.glob(
        os.path.join(folder, "usr", "lib", "modules", "*", "vmlinuz"))
    if not images:
        raise Missing(f"{os.path.basename(folder)} holds no kernel")
    release = re.search(r"linux-(?:image|binary)-(.*)$", os.path.basename(folder)).group(1)
    return release, images[0]
