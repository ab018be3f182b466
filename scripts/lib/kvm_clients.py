# SPDX-License-Identifier: Apache-2.0
"""Real guests of examples/vmm that ask for more than SDEI: Linux as a realm, and as a guest that guards its MMIO.

The host is emulated and its KVM real; the guest is Debian's kernel, unchanged. What it gets, realm-measure judges here."""
import glob
import gzip
import hashlib
import json
import lzma
import os
import shutil
import subprocess

import arm64
import building
import kvm_emulator
import kvm_packages
import kvm_tiny
import kvm_forward
from result import FAILED, PASSED, SKIPPED, Result
from side_by_side import Part, say
from tree import ROOT

HOST_SUITE, REALM_SUITE = "bookworm-backports", "sid"
GUARD_SUITES = (HOST_SUITE, "sid")
MODULES = ("configfs", "tsm_report", "arm-cca-guest")
SECONDS, MEMORY_MIB, CPUS = 300, 320, 2
UUID = "5d0c7e9a-3b1f-4a6e-9c58-2f4be1a7d603"
RAM = 0x40000000
SIZE = ("-smp", "1", "-m", "1024")
CHALLENGES = {name: hashlib.sha512(name.encode()).digest() for name in ("first", "second")}
DIFFERS, UNKNOWN_SIGNER = 8, (3, 15)    # exits of realm-measure, docs/measurements.md


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _host_files(options, image, initrd):
    """The host's initramfs: the VMM with its libraries, and what it gives its guest."""
    arm64.build(("vmm",))
    vmm = os.path.join(building.directory(arm64.PRESET), "examples", "vmm", "vmm")
    return {"init": _read(os.path.join(ROOT, "tests", "kvm", "host", "client.sh")),
            "bin/busybox": _read(kvm_packages.busybox()), "bin/vmm": _read(vmm), **kvm_forward.libraries([vmm]),
            "options": options.encode(), "guest/Image": image, "guest/initrd": initrd}


def _archive(name, files):
    path = os.path.join(kvm_packages.HOME, name + ".cpio")
    kvm_emulator.write_initramfs(path, files)
    return path


class Run:
    """One guest from its VMM's start to its end."""

    def __init__(self, name, qemu, cpu, options, image, initrd, more=None, suite=HOST_SUITE):
        release, kernel = kvm_packages.kernel(suite)
        self.name = f"kvm/{release}-{name}"
        self.stem = os.path.join(kvm_packages.HOME, f"{release}-{name}")
        files = dict(_host_files(options, image, initrd), **(more or {}))
        archive = _archive(f"{release}-{name}", files)
        lines, self.seconds, self.wrong = kvm_emulator.boot(
            qemu, kernel, archive, self.stem + ".log", cpu, SECONDS, kvm_emulator.given_seed(), size=SIZE)
        os.unlink(archive)
        self.told = [_parsed(line) for line in lines]

    def all(self, key):
        return [line[key] for line in self.told if key in line]

    def one(self, key):
        return next(iter(self.all(key)), None)


def _parsed(line):
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {"odd": line}


# --- a realm ----------------------------------------------------------------------------------------------


def _modules(release):
    """Of the package beside the guest's kernel."""
    folder = kvm_packages.modules(REALM_SUITE, release)
    found = {}
    for name in MODULES:
        path, = glob.glob(os.path.join(folder, "**", name + ".ko.xz"), recursive=True)
        found[name + ".ko"] = lzma.decompress(_read(path))
    return found


def _keys(folder):
    """(the platform's private key, its public key, somebody else's public key), as files."""
    os.makedirs(folder, exist_ok=True)
    for name in ("platform", "other"):
        private, public = (os.path.join(folder, name + end) for end in (".key", ".pem"))
        if not os.path.exists(public):
            subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384",
                            "-out", private], check=True, capture_output=True)
            subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public],
                           check=True, capture_output=True)
    return [os.path.join(folder, name) for name in ("platform.key", "platform.pem", "other.pem")]


def _measure(*words):
    program = os.path.join(building.directory("dev"), "tools", "realm-measure", "realm-measure")
    return subprocess.run([program, *words], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


# What the core's host offers (feature register 0 of docs/abi-realm.md); RSI's RPV is the VM's UUID.
PARAMS = {"flags": 0, "s2sz": 33, "num_bps": 14, "num_wps": 14, "algo": 0, "rpv": UUID.replace("-", "")}


def _description(folder, run):
    """How the VMM says it builds a realm (examples/vmm/realm.c), from the files it was given here."""
    steps = [{"op": "realm_create", "params": PARAMS},
             {"op": "init_ripas", "base": RAM, "top": RAM + (MEMORY_MIB << 20)}]
    images = [line.split()[3:] for line in run.all("vmm") if "realm image" in line]
    for file, (ipa, _) in zip(("Image", "initrd", "tree"), images):
        steps.append({"op": "data_create", "ipa": int(ipa, 16), "measure": True, "file": file})
    entry = int(images[0][0], 16)
    for cpu in range(CPUS):
        steps.append({"op": "rec_create", "mpidr": cpu, "flags": 0 if cpu else 1,
                      "pc": 0 if cpu else entry, "gprs": [0 if cpu else RAM] + [0] * 7})
    path = os.path.join(folder, "realm.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"rule": "1.0", "steps": steps + [{"op": "activate"}]}, file)
    return path


def _rim(description):
    told = _measure("compute", "--json-input", description, "--json")
    return json.loads(told.stdout)["rim"] if told.returncode == 0 else f"none: {told.stdout}"


def _verdicts(folder, run, keys, rim, name):
    """What realm-measure says to the token of a challenge: (case, exit, exits that are right)."""
    token = os.path.join(folder, name + ".token")
    broken = os.path.join(folder, name + ".broken")
    given = bytes.fromhex(next(line["token"] for line in run.told if line.get("challenge") == name))
    with open(token, "wb") as file:
        file.write(given)
    with open(broken, "wb") as file:
        file.write(given[:-40] + bytes((given[-40] ^ 1,)) + given[-39:])
    right = CHALLENGES[name].hex()
    wrong = next(value.hex() for other, value in CHALLENGES.items() if other != name)
    rpv = UUID.replace("-", "")
    cases = (("all as expected", token, keys[1], right, rim, rpv, (0,)),
             ("another challenge", token, keys[1], wrong, rim, rpv, (DIFFERS,)),
             ("another RIM", token, keys[1], right, "00" + rim[2:], rpv, (DIFFERS,)),
             ("another RPV", token, keys[1], right, rim, "00" + rpv[2:], (DIFFERS,)),
             ("another platform", token, keys[2], right, rim, rpv, UNKNOWN_SIGNER),
             ("a bit of the signature", broken, keys[1], right, rim, rpv, UNKNOWN_SIGNER))
    for case, file, anchor, challenge, expected, person, exits in cases:
        told = _measure("verify", "--token", file, "--trust-anchor", anchor, "--challenge", challenge,
                        "--rim", expected, "--rpv", person, "--rem", "0=" + "00" * 32)
        yield f"{name}: {case}", told.returncode, exits, told.stdout


def _judge_realm(run, folder, keys):
    """(what is wrong, how many tokens realm-measure was asked about)"""
    if run.wrong or run.one("ended") != 0 or len(run.all("token")) != len(CHALLENGES):
        return [f"{run.wrong or 'the guest did not come to its end'}; see {run.stem}.log"], 0
    wrong = [f"the guest said {line}" for line in run.told if "insmod" in line]
    if run.one("provider") != "arm_cca_guest" or run.one("cpus") != CPUS:
        wrong.append(f"{run.one('provider')} with {run.one('cpus')} CPUs")
    if not any("RSI version 1.0" in line for line in run.all("dmesg")):
        wrong.append("the guest's kernel did not say that it is a realm")
    with open(os.path.join(folder, "tree"), "wb") as file:
        file.write(gzip.decompress(bytes.fromhex(run.one("tree"))))
    rim = _rim(_description(folder, run))
    said = next((line.split()[3] for line in run.all("vmm") if "realm RIM" in line), "nothing")
    if said.rstrip("0") != rim.rstrip("0"):
        wrong.append(f"RIM of the VMM {said}, of realm-measure {rim}")
    verdicts = [verdict for name in CHALLENGES for verdict in _verdicts(folder, run, keys, rim, name)]
    wrong += [f"{case}: realm-measure verify ended with {code}, not {exits}\n{said}"
              for case, code, exits, said in verdicts if code not in exits]
    return wrong, len(verdicts)


def run_realm(qemu, cpu):
    """Debian's newest kernel as a realm: two CPUs, two tokens."""
    release, image = kvm_packages.kernel(REALM_SUITE)
    folder = os.path.join(kvm_packages.HOME, "realm")
    keys = _keys(folder)
    guest = {"init": _read(os.path.join(ROOT, "tests", "kvm", "guest", "realm.sh")),
             "bin/busybox": _read(kvm_packages.busybox()), **_modules(release),
             **{"challenge." + name: value for name, value in CHALLENGES.items()}}
    os.replace(_archive("realm-guest", guest), os.path.join(folder, "initrd"))
    shutil.copy(image, os.path.join(folder, "Image"))
    options = f"--realm --platform-key /platform.key --memory {MEMORY_MIB} --cpus {CPUS} --uuid {UUID}"
    run = Run("realm", qemu, cpu, options, _read(image), _read(os.path.join(folder, "initrd")),
              {"platform.key": _read(keys[0])})
    wrong, verdicts = _judge_realm(run, folder, keys)
    say(f"{'':12} {run.name}: Linux {release} as a realm with {CPUS} CPUs, {len(run.all('token'))} tokens, "
        f"{verdicts} verdicts of realm-measure in {run.seconds:.1f} s")
    return Result(run.name, FAILED if wrong else PASSED, run.seconds, "\n".join(wrong))


# --- a guest that guards its MMIO -------------------------------------------------------------------------

GUARD_CPUS, TRIED = 2, 200
DEVICES = {(0x8000000, 0x10000), (0x80a0000, 0x20000 * GUARD_CPUS), (0x9000000, 0x1000)}
OUTSIDE = (0xb000000, 0x9001000, 0xa000000, 0x10000000)    # pages of tests/kvm/guest/guarded.c


def _guest_program(name):
    """A program of tests/kvm/guest that needs no library. Returns its bytes."""
    compiler = kvm_packages.compiler()
    path = os.path.join(kvm_packages.HOME, name)
    told = subprocess.run(
        [*compiler.command, "-std=gnu11", "-O2", "-g0", "-static", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
         "-o", path, os.path.join(ROOT, "tests", "kvm", "guest", name + ".c")], env=compiler.env,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if told.returncode != 0:
        raise building.BuildFailed(told.stdout)
    return _read(path)


def _judge_guard(run):
    if run.wrong or run.one("ended") != 0 or run.one("guest") != "done":
        return [f"{run.wrong or 'the guest did not come to its end'}; see {run.stem}.log"]
    said = [_parsed(line.removeprefix("vmm: ")) for line in run.all("vmm")]
    guarded = {tuple(line["guarded"]) for line in said if "guarded" in line}
    wrong = [] if guarded == DEVICES else [f"guarded are {sorted(guarded)}, not {sorted(DEVICES)}"]
    tried = {line["ipa"]: line for line in run.told if "tried" in line}
    for ipa in OUTSIDE:
        line = tried.get(ipa, {})
        if (line.get("tried"), line.get("through"), line.get("intact")) != (TRIED, 0, TRIED):
            wrong.append(f"accesses to {ipa:#x}: {line}")
    fared = next(line["guard"] for line in said if "guard" in line)
    if fared["refused"] != TRIED * len(OUTSIDE) or fared["allowed"] == 0:
        wrong.append(f"the guard's account: {fared}")
    return wrong


def run_guard(qemu, cpu, suite):
    """Linux with the pKVM guest driver: what it maps it guards, and nothing else comes through."""
    image = _read(kvm_tiny.image())
    initrd = _archive("guard-guest", {"init": _guest_program("guarded")})
    options = f"--guard U --memory 64 --cpus {GUARD_CPUS}"
    run = Run("guard", qemu, cpu, options, image, _read(initrd), suite=suite)
    wrong = _judge_guard(run)
    say(f"{'':12} {run.name}: a guest guarded {len(DEVICES)} devices page by page, {TRIED * len(OUTSIDE)} accesses "
        f"beside them, each an abort at its instruction, in {run.seconds:.1f} s")
    return Result(run.name, FAILED if wrong else PASSED, run.seconds, "\n".join(wrong))


# --- all of them ------------------------------------------------------------------------------------------


def parts(qemu, cpu, long):
    """The second guest's kernel takes minutes to build, so it is there with --long or SDEI_KVM_PKVM=1 only."""
    yield Part("kvm/realm", 1, lambda: [run_realm(qemu, cpu)])
    if long or os.environ.get("SDEI_KVM_PKVM") == "1":
        yield from (Part("kvm/guard", 1, lambda suite=suite: [run_guard(qemu, cpu, suite)]) for suite in GUARD_SUITES)
    else:
        yield Part("kvm/guard", 0, lambda: [Result("kvm/guard", SKIPPED, 0, "its kernel is built for some minutes; "
                                                   "with --long or SDEI_KVM_PKVM=1")])
