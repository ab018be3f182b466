# SPDX-License-Identifier: Apache-2.0
"""scripts/test kvm: the same rows asked of libkvmcore and of real arm64 kernels under emulation."""
import collections
import functools
import json
import os
import subprocess
import time

import building
import debian
import kvm_clients
import kvm_emulator
import kvm_linux
import kvm_packages
import kvm_forward
import kvm_rows
import side_by_side
from result import FAILED, PASSED, SKIPPED, Result
from side_by_side import Part, say
from tree import ROOT

SOURCES = ("rows.c", "steps.c", "call.c", "programs.c", "machine_kernel.c")
WARNINGS = ("-Wall", "-Wextra", "-Werror")
CPU = "max,pauth-impdef=on"
SECONDS, SECONDS_LONG = 900, 2400
PLAIN_RANDOM, LONG_RANDOM = 100, 1000
AGAIN, STEADY_SEEDS = 7, (8, 9, 10, 11, 12)
STEADY_AREAS = ("guest calls", "MMIO exits", "random sequences")

# The newest kernel of which suite, on which CPU: with the filter, the newest there is, before the filter; and a CPU
# without VHE, where KVM's own code runs at EL2 by itself. The slowest begin first.
STEADY_RUN = ("bookworm-backports", CPU)
RUNS = (("bookworm-backports", "cortex-a57"), ("sid", CPU), STEADY_RUN, ("bookworm", CPU))
# A kernel newer than any profile is held against the newest one.
PROFILES = (("6.1.", "6.1"), ("6.12.", "6.12"), ("7.", "7.2"))

NO_FILTER = ("6.1",)
SERVICE = (0xc4000020, 0xc400003f)
NO_SERVICE = "the core has the SDEI service that these kernels lack"

# Answers that follow from the CPU; the model answers for one: (beginning of the CPU's name, row, reason).
CPU_FACTS = (
    ("", "capability/KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED", "the emulated caches' coherence"),
    ("cortex-a57", "capability/KVM_CAP_ARM_VM_IPA_SIZE", "this CPU's address size"),
    ("cortex-a57", "capability/KVM_CAP_ARM_INJECT_SERROR_ESR", "this CPU has no RAS extension"),
    ("cortex-a57", "vcpu/events", "this CPU has no RAS extension"),
    ("cortex-a57", "capability/KVM_CAP_ARM_SVE", "this CPU has no SVE"),
    ("cortex-a57", "capability/KVM_CAP_ARM_PTRAUTH_ADDRESS", "this CPU has no pointer authentication"),
    ("cortex-a57", "capability/KVM_CAP_ARM_PTRAUTH_GENERIC", "this CPU has no pointer authentication"),
)


def build_for_arm64():
    """The kernel's side of the rows, as one static program. Returns its bytes."""
    compiler = kvm_packages.compiler()
    jansson = kvm_packages.jansson()
    program = os.path.join(kvm_packages.HOME, "init")
    folder = os.path.join(ROOT, "tests", "kvm")
    told = subprocess.run(
        [*compiler.command, "-std=gnu11", "-O2", "-g0", "-static", "-D_GNU_SOURCE", *WARNINGS,
         "-I", os.path.join(ROOT, "libkvmcore", "include"),
         "-I", os.path.join(jansson, "usr", "include"), "-o", program,
         *(os.path.join(folder, name) for name in SOURCES),
         os.path.join(jansson, "usr", "lib", "aarch64-linux-gnu", "libjansson.a")],
        env=compiler.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    if told.returncode != 0:
        raise building.BuildFailed(told.stdout)
    with open(program, "rb") as file:
        return file.read()


def _by_name(lines):
    found = {}
    for line in lines:
        try:
            told = json.loads(line)
            found[told["name"]] = told["seen"]
        except (ValueError, TypeError, KeyError):
            found[line] = None
    return found


def ask_model(profile, host, rows):
    """@host: the levels that the kernel told of itself."""
    levels = ",".join(str(int(value, 0) & 15) if ret == 0 else "0" for ret, value in host)
    told = subprocess.run(
        [os.path.join(building.directory("dev"), "tests", "kvm", "kvm_rows"), profile,
         levels + ",0", rows], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    if told.returncode != 0:
        raise building.BuildFailed(f"kvm_rows ended with {told.returncode}: {told.stdout[-2000:]}")
    mark = kvm_emulator.MARK
    return _by_name(line[len(mark):] for line in told.stdout.splitlines() if line.startswith(mark))


def _cpu_fact(row, cpu):
    return next((reason for model, name, reason in CPU_FACTS
                 if cpu.startswith(model) and row["name"] == name), None)


def _at_service(hidden, steps, seen):
    """The places of calls for SDEI that no range which the kernel accepted stands in front of; @hidden: those so far."""
    places = []
    for at, (step, told) in enumerate(zip(steps, seen)):
        if step["do"] == "attr" and told == 0 and step["action"]:
            first = int(str(step["base"]), 0)
            hidden.append(range(first, first + step["nr"]))
        elif step["do"] == "call":
            number = int(step["x0"], 0) & 0xffffffff
            if SERVICE[0] <= number <= SERVICE[1] and not any(number in one for one in hidden):
                places.append(at)
    return places


def _without(seen, places):
    return [None if at in places else told for at, told in enumerate(seen)]


def _same_but(places, kernel, model):
    return places and _without(kernel, places) == _without(model, places)


def compare(rows, cpu, kernel, model):
    """(compared per area, not compared: name -> reason, differences as text)"""
    compared, excused, differences, hidden = collections.Counter(), {}, [], []
    for row in rows:
        name = row["name"]
        hidden = hidden if row.get("continues") else []
        at_service = _at_service(hidden, row.get("steps", ()), kernel.get(name) or ())
        reason = row.get("skip") or _cpu_fact(row, cpu)
        if reason:
            excused[name] = reason
        elif name not in kernel or name not in model:
            differences.append(f"{name}: no answer of the "
                               + ("kernel" if name not in kernel else "model"))
        elif kernel[name] == model[name]:
            compared[row["area"]] += 1
        elif _same_but(at_service, kernel[name], model[name]):
            excused[name] = NO_SERVICE
        else:
            differences.append(f"{name}:\n  asked  {json.dumps(row['steps'])}\n"
                               f"  kernel {json.dumps(kernel[name])}\n"
                               f"  model  {json.dumps(model[name])}")
    return compared, excused, differences


def _shorten(names):
    """All of them; those of one folder as folder/{name, name}."""
    folders = collections.defaultdict(list)
    for name in names:
        folder, _, last = name.rpartition("/")
        folders[folder].append(last)
    return ", ".join(f"{folder}/{found[0]}" if len(found) == 1 else
                     f"{folder}/{{{', '.join(found)}}}" for folder, found in folders.items())


def _tell(host, suffix, seconds, compared, excused):
    areas = ", ".join(f"{area} {count}" for area, count in sorted(compared.items()))
    say(f"{'':12} {host.name}{suffix}, profile {host.profile}: "
        f"{sum(compared.values())} rows as the model has them in {seconds:.1f} s ({areas})")
    reasons = collections.defaultdict(list)
    for name, reason in excused.items():
        reasons[reason].append(name)
    for reason, names in reasons.items():
        say(f"{'':14} {len(names)} not compared, {reason}: {_shorten(names)}")


def _profile_of(release):
    return next((profile for prefix, profile in PROFILES if release.startswith(prefix)), None)


class Host:
    """One kernel on one CPU, and the files of its runs below build/kvm."""

    def __init__(self, qemu, init, suite, cpu, seconds=SECONDS):
        self.qemu, self.init, self.cpu, self.seconds = qemu, init, cpu, seconds
        self.release, self.image = kvm_packages.kernel(suite)
        self.name = f"{self.release}-{cpu.split(',')[0]}"
        self.profile = _profile_of(self.release)
        self.has_filter = self.profile not in NO_FILTER

    def ask(self, rows, suffix, seed, programs):
        """(marked lines, seconds, what went wrong, path of the rows, path of the console's log)"""
        asked = [row for row in rows if "skip" not in row]
        text = "".join(json.dumps(row) + "\n" for row in [kvm_rows.host_row(), *asked])
        stem = os.path.join(kvm_packages.HOME, self.name + suffix)
        with open(stem + ".rows", "w", encoding="utf-8") as file:
            file.write(text)
        kvm_emulator.write_initramfs(stem + ".cpio",
                                     {"init": self.init, "rows.jsonl": text.encode(),
                                      **(programs.files if programs else {})})
        answer = kvm_emulator.boot(self.qemu, self.image, stem + ".cpio", stem + ".log", self.cpu,
                                   self.seconds, seed, programs.words(seed) if programs else "")
        os.unlink(stem + ".cpio")
        return (*answer, stem + ".rows", stem + ".log")


def run_host(host, rows, programs=None, suffix="", seed=None):
    """Every row asked of the kernel and of the model, then the programs; one result of each."""
    name = f"kvm/{host.name}{suffix}"
    if not host.profile:
        return [Result(name, SKIPPED, 0, "no profile of the model speaks of this kernel")]
    seed = kvm_emulator.given_seed() if seed is None else seed
    rows = kvm_rows.for_kernel(rows, host.has_filter)
    lines, seconds, wrong, path, log = host.ask(rows, suffix, seed, programs)
    kernel = _by_name(lines)
    if "_host" not in kernel:
        return [Result(name, FAILED, seconds, f"{wrong}; see {log}")]
    results = [judge_rows(host, rows, kernel, suffix, seconds, wrong and f"{wrong}; see {log}", path)]
    return results + (programs.judge(host.name + suffix, kernel) if programs else [])


def judge_rows(host, rows, kernel, suffix, seconds, wrong, path):
    """A difference fails, and so does a host that did not come to its end."""
    model = ask_model(host.profile, kernel["_host"], path)
    compared, excused, differences = compare(rows, host.cpu, kernel, model)
    _tell(host, suffix, seconds, compared, excused)
    if wrong:
        differences.insert(0, wrong)
    return Result(f"kvm/{host.name}{suffix}", FAILED if differences or not compared else PASSED, seconds,
                  "\n".join(differences))


def run_again(host, rows, programs):
    """Counted instructions and a fixed seed: what a host did once, it does again to the byte."""
    name, logs, seconds = f"kvm/{host.name}-again", [], 0.0
    for at in range(2):
        _, took, wrong, _, log = host.ask(rows, f"-again-{at}", AGAIN, programs)
        seconds += took
        if wrong:
            return [Result(name, FAILED, seconds, f"{wrong}; see {log}")]
        with open(log, "rb") as file:
            logs.append(file.read())
    say(f"{'':12} {host.name}: twice with seed {AGAIN}, {len(logs[0])} bytes of console in {seconds:.1f} s")
    same = logs[0] == logs[1]
    return [Result(name, PASSED if same else FAILED, seconds,
                   "" if same else "two runs with the same seed left different consoles")]


def _no_service(host):
    return [Result(f"kvm/{host.name}-{what}", SKIPPED, 0, "this kernel has no filter to forward calls with")
            for what in ("service", "storm")]


def _seed(long):
    """From the environment to repeat a run; a plain run always asks the same."""
    given = os.environ.get("SDEI_KVM_SEED")
    return int(given) if given else int(time.time()) if long else 1


class Rig:
    """What every host of a run is given."""

    def __init__(self, long):
        self.seconds = SECONDS_LONG if long else SECONDS
        self.qemu, self.init, self.seed = kvm_packages.emulator(), build_for_arm64(), _seed(long)
        self.programs, self.storm = kvm_forward.every(long), kvm_forward.storm()
        self.rows = kvm_rows.all_rows() + kvm_rows.random_rows(self.seed, LONG_RANDOM if long else
                                                               PLAIN_RANDOM)
        self.steady_rows = [row for row in self.rows if row["area"] in STEADY_AREAS]

    def host(self, suite, cpu):
        return Host(self.qemu, self.init, suite, cpu, self.seconds)

    def ask(self, suite, cpu):
        host = self.host(suite, cpu)
        if host.has_filter:
            return run_host(host, self.rows, self.programs)
        return run_host(host, self.rows) + _no_service(host)

    def ask_again(self):
        return run_again(self.host(*STEADY_RUN), self.steady_rows, self.storm)

    def ask_steady(self, seed):
        return run_host(self.host(*STEADY_RUN), self.steady_rows, self.storm, f"-seed{seed}", seed)

    def parts(self, long):
        """The longest first, so that the last to end leaves no CPU idle for long."""
        rows = [Part(f"kvm/{suite}", 1, functools.partial(self.ask, suite, cpu)) for suite, cpu in RUNS]
        migrated, two_hosts = kvm_linux.parts(self.qemu, long, self.seed)
        yield from (migrated, *rows[:2], two_hosts, *rows[2:])
        if long:
            yield Part("kvm/again", 1, self.ask_again)
            for seed in STEADY_SEEDS:
                yield Part(f"kvm/seed{seed}", 1, functools.partial(self.ask_steady, seed))
        yield from kvm_clients.parts(self.qemu, CPU, long)


def run(long):
    """One result per kernel and CPU model; without packages a skip that says what is missing."""
    try:
        rig = Rig(long)
    except debian.Missing as missing:
        return [Result("kvm/tools", SKIPPED, 0, str(missing))]
    except building.BuildFailed as failure:
        return [Result("kvm/build", FAILED, 0, str(failure))]
    say(f"{'':12} random rows from SDEI_KVM_SEED={rig.seed}")
    return side_by_side.run(list(rig.parts(long)), int(building.JOBS))
