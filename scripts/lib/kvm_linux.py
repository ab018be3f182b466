# SPDX-License-Identifier: Apache-2.0
"""scripts/test kvm: Linux as a guest of examples/vmm in an emulated host, with SDEI, handed over while it works."""
import concurrent.futures
import json
import os
import threading
import time

import kvm_emulator
import kvm_packages
import kvm_images
from result import FAILED, PASSED, Result
from side_by_side import Part, once, say

SUITE = "bookworm-backports"  # Debian 12's newest kernel, for which a module can be built on Debian 12
NEWEST = "sid"
CPU = "max,pauth-impdef=on"
SIZE = ("-smp", "2", "-m", "1536")
MIGRATIONS, LONG_MIGRATIONS = 5, 50
SECONDS, SECONDS_EACH = 900, 60
MTU = 60000     # a packet costs both emulated hosts as much as a page
GUEST_MARK = "@G:"
LEAST_EVENTS, LEAST_EVENTS_FAR = 3000, 1000     # of a guest that stays on one host, and of one that leaves it: it goes on until then
DEVICES = [[0x9000000, 0x1000], [0xa000000, 0x1000]]    # all that the VMM emulates
# Every fifth hand-over, from the third on, finds CPUs where the guest's module holds them: POSED at least.
POSE_EVERY, POSE_FIRST = 5, 2
POSED = {"masked": 1, "in_handler": 2, "nested": 2, "queued": 1, "in_exit": 1}


class Told:
    """What the console of a host says, in order: its own lines, its guest's, and the VMM's."""

    def __init__(self, log):
        self.lines = []
        with open(log, encoding="utf-8", errors="replace") as file:
            for line in file:
                for source, mark in (("host", kvm_emulator.MARK), ("guest", GUEST_MARK),
                                     ("vmm", "vmm: ")):
                    self._take(source, line.partition(mark))

    def _take(self, source, parts):
        try:
            if parts[1]:
                self.lines.append((source, json.JSONDecoder().raw_decode(parts[2].strip())[0]))
        except ValueError:
            pass  # the kernel spoke in between, or the VMM to people

    def all(self, source, key):
        return [line[key] for which, line in self.lines
                if which == source and isinstance(line, dict) and key in line]

    def first(self, source, key):
        return next(iter(self.all(source, key)), None)

    def counts(self):
        """Deliveries that the module had counted: one number per report, None at each migration."""
        seen = []
        for source, line in self.lines:
            if source == "host" and isinstance(line, dict) and "migration" in line:
                seen.append(None)
            elif source == "host" and isinstance(line, dict) and "again" in line:
                seen.clear()
            elif source == "guest" and isinstance(line, dict):
                report = line.get("end", line)
                if "total" in report:
                    seen.append(report["total"])
        return seen


def _events(report):
    return {name: line for name, line in report.items() if name.startswith("0x")}


def handled(report):
    return sum(line["handled"] for line in _events(report).values())


def judge_report(report, least):
    """Every event that was raised was handled once, and every register came back."""
    for name, line in _events(report).items():
        if line["raised"] != line["handled"] or line["forgotten"] or line.get("waiting"):
            yield f"event {name}: {line}"
    for name in ("spurious", "bad_in_loop", "bad_in_handler", "bad_in_wait", "signals_refused"):
        if report[name]:
            yield f"{name}: {report[name]}"
    for name in ("from_user", "in_loop", "hotplugs", "rounds"):
        if not report[name]:
            yield f"{name}: 0, so it was not tried"
    if handled(report) < least:
        yield f"{handled(report)} deliveries, fewer than {least}"


def judge_guest(told, least):
    """What Linux itself has to say."""
    sdei = told.first("guest", "sdei")
    if sdei != "SDEIv1.0 (0x0) detected in firmware.":
        yield f"the kernel did not find SDEI: {sdei}"
    if told.first("guest", "cpus") != 4:
        yield f"CPUs: {told.first('guest', 'cpus')}, expected 4"
    aborts = told.all("guest", "abort_at")
    if len(aborts) < 4 or any(aborts):
        yield f"refused accesses are reported {aborts} bytes from their instructions, before the moves and after"
    slept = told.all("guest", "slept")
    if len(slept) < 2 or not all(0 < before < after for before, after in zip(*slept[-2:])):
        yield f"how often CPUs were in standby and power-down, before the moves and after: {slept}"
    held = told.all("guest", "user_bad")
    if len(held) != 4 or any(held):
        yield f"registers at EL0: {held}, expected four programs without a fault"
    for line in told.all("guest", "log"):
        yield f"the guest's log: {line}"
    report = told.first("guest", "end")
    if report is None:
        yield "the guest did not come to its end"
    else:
        yield from judge_report(report, least)


def judge_again(told):
    """A guest that resets itself begins anew, in the same VM as far as a mover can tell."""
    before, again = (told.first("host", key) or {} for key in ("before", "again"))
    boots = len(told.all("guest", "up"))
    if boots != 2:
        yield f"the guest began {boots} times, expected once more after its reset"
    if not again or again != before or again["state"] != "running":
        yield f"the VM before its guest's reset: {before}, and after: {again}"


def judge_guard(told):
    """What the guest has guarded before its first move holds after its last."""
    guarded, accounts = told.all("vmm", "guarded"), told.all("vmm", "guard")
    if guarded[-len(DEVICES):] != DEVICES:
        yield f"guarded are {guarded[-len(DEVICES):]}, expected {DEVICES}"
    if not accounts or accounts[-1]["refused"] != 1 or not accounts[-1]["allowed"]:
        yield f"the guard's account at the end: {accounts[-1:]}, expected 1 refused"


def judge_moments(told):
    """The hand-overs that were to find CPUs in rare moments did."""
    for at, paused in enumerate(told.all("vmm", "paused")):
        if at % POSE_EVERY == POSE_FIRST:
            yield from (f"hand-over {at + 1} found {paused[moment]} vCPUs {moment}, expected {least}"
                        for moment, least in POSED.items() if paused[moment] < least)


def judge_progress(told, migrations):
    """The guest goes on counting wherever it is."""
    best, segment, places = 0, 0, []
    for count in [*told.counts(), None]:
        if count is None:
            places.append(segment > best)
            best, segment = max(best, segment), 0
        else:
            segment = max(segment, count)
    if len(places) != migrations + 1:
        yield f"{len(places) - 1} hand-overs, expected {migrations}"
    yield from (f"nothing was counted after hand-over {at}" for at, went_on in enumerate(places)
                if not went_on)


def judge(told, migrations, least):
    for side in ("send", "recv"):
        ends = told.all("host", side)
        if len(ends) != migrations or any(ends):
            yield f"{side} ended with {ends}, expected {migrations} times 0"
    if told.all("host", "boot"):
        yield "the guest did not boot"
    if told.first("host", "vmm") != 0:
        yield f"the last VMM ended with {told.first('host', 'vmm')}"
    yield from judge_guest(told, least)
    yield from judge_guard(told)
    yield from judge_moments(told)
    yield from judge_progress(told, migrations)


def _sum(dicts):
    total = {}
    for one in dicts:
        for key, value in one.items():
            total[key] = total.get(key, 0) + value
    return total


def tell(told, seconds):
    """Figures, for people; docs/figures.md has a set of them."""
    report, rates = told.first("guest", "end") or {}, {}
    for source, line in told.lines:
        if source == "guest" and isinstance(line, dict) and "forwarded" in line:
            rates = line
    moves = [move for move in told.all("host", "told") if move and "blackout_us" in move]
    say(f"{'':12} Linux with 4 CPUs, {handled(report) if report else 0} events "
        f"({report.get('from_user')} at EL0, {report.get('in_loop')} in the module's loop, "
        f"{report.get('nested')} nested), {report.get('hotplugs')} CPUs switched off and on, "
        f"{seconds:.0f} s")
    say(f"{'':14} hand-overs found vCPUs: {_sum(told.all('vmm', 'paused'))}")
    if rates:
        say(f"{'':14} a call to the VMM takes {rates['in_kernel'] / rates['forwarded']:.1f} x one that "
            f"KVM answers, an event {rates['in_kernel'] / rates['events']:.0f} x")
    if moves:
        blackout = sorted(move["blackout_us"] for move in moves)
        own = sorted(move["blackout_us"] - move["phases_us"]["prepared"] for move in moves)
        say(f"{'':14} blackout, median: {blackout[len(blackout) // 2] / 1000:.0f} ms, of which "
            f"{own[len(own) // 2] / 1000:.0f} ms are SDEI's and the rest the VMM's own stream")


class Guest:
    """The host's programs and the guest's, and the kernel that the guest runs."""

    def __init__(self, qemu):
        self.qemu = qemu
        self.release, self.image = kvm_packages.kernel(SUITE)
        self.host = kvm_images.host_files()
        stem = os.path.join(kvm_packages.HOME, "guest.cpio")
        kvm_emulator.write_initramfs(stem, kvm_images.guest_files(SUITE, self.release))
        with open(self.image, "rb") as image, open(stem, "rb") as initrd:
            self.host |= {"guest/Image": image.read(), "guest/initrd": initrd.read(),
                          **kvm_images.keys()}

    def run(self, name, settings, scenario, seconds, kernel=None, extra=(), files=(), seed=None):
        """(seconds, what went wrong, path of the console's log)"""
        text = "".join(f"{key}={value}\n" for key, value in settings.items()).encode()
        stem = os.path.join(kvm_packages.HOME, name)
        kvm_emulator.write_initramfs(stem + ".cpio", {
            **self.host, **dict(files), "scenario": text + kvm_images.scenario(scenario)})
        _, took, wrong = kvm_emulator.boot(self.qemu, kernel or self.image, stem + ".cpio",
                                           stem + ".log", CPU, seconds, seed, size=(*SIZE, *extra))
        os.unlink(stem + ".cpio")
        return took, wrong, stem + ".log"


def run_migrations(guest, long, seed):
    name = f"kvm/linux-{guest.release}-migrated"
    n = LONG_MIGRATIONS if long else MIGRATIONS
    steady = kvm_emulator.given_seed()
    took, wrong, log = guest.run(
        "linux-migrated", {"MIGRATIONS": n, "SEED": seed, "LEAST_EVENTS": LEAST_EVENTS}, "migrate.sh",
        SECONDS + n * SECONDS_EACH, seed=steady)
    told = Told(log)
    tell(told, took)
    faults = ([wrong] if wrong else []) + [*judge(told, n, LEAST_EVENTS), *judge_again(told)]
    return Result(name, FAILED if faults else PASSED, took,
                  "\n".join([*faults, f"see {log}"] if faults else []))


def _card(server, path):
    return ("-netdev", f"stream,id=link,server={server},addr.type=unix,addr.path={path}",
            "-device", f"virtio-net-pci,netdev=link,romfile=,host_mtu={MTU},mac=52:54:00:00:00:0{int(server == 'on')}")


def judge_back(told):
    """What began on the newer kernel has firmware the older one does not know: refused while it runs."""
    back = told.first("host", "back") or {}
    if back.get("reason") != "incompatible" or "psci_version" not in back.get("object", ""):
        yield f"the way back to the older kernel: {back}"
    elif back["vm_state"]["source"] != "running":
        yield f"the way back was refused, but the guest does not run: {back['vm_state']}"
    else:
        say(f"{'':14} back to the older kernel, refused while the guest runs: {back['object']}: "
            f"expected {back['expected']}, actual {back['actual']}")


def run_two_hosts(guest):
    """From a host with Debian 12's kernel to one with the newest, over a network between both."""
    newest, image = kvm_packages.kernel(NEWEST)
    name = f"kvm/linux-{guest.release}-to-{newest}"
    link = os.path.join(kvm_packages.HOME, "link")
    hosts = (("linux-source", "source.sh", guest.image, "on", (SUITE, guest.release)),
             ("linux-destination", "destination.sh", image, "off", (NEWEST, newest)))
    with concurrent.futures.ThreadPoolExecutor(len(hosts)) as pool:
        tasks = []
        for stem, scenario, kernel, server, modules in hosts:
            files = kvm_images.network_files(*modules)
            tasks.append(pool.submit(guest.run, stem, {"LEAST_EVENTS": LEAST_EVENTS_FAR}, scenario, SECONDS, kernel,
                                     _card(server, link), files.items()))
            time.sleep(2)  # the one that listens comes first
        (took, *source), (_, *destination) = [task.result() for task in tasks]
    here, there = Told(source[1]), Told(destination[1])
    there.lines = here.lines + there.lines
    tell(there, took)
    faults = [wrong for wrong in (source[0], destination[0]) if wrong]
    faults += [*judge(there, 1, LEAST_EVENTS_FAR), *judge_back(there)]
    return Result(name, FAILED if faults else PASSED, took,
                  "\n".join([*faults, f"see {source[1]} and {destination[1]}"] if faults else []))


def parts(qemu, long, seed):
    """debian.Missing and building.BuildFailed are the caller's to say."""
    guest = once(threading.Lock())(lambda: Guest(qemu))
    yield Part("kvm/linux", 1, lambda: [run_migrations(guest(), long, seed)])
    yield Part("kvm/linux-two-hosts", 1, lambda: [run_two_hosts(guest())])
