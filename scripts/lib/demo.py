# SPDX-License-Identifier: Apache-2.0
"""What scripts/demo shows: two hosts, one VM caught mid-work, its move, and how its handlers end.

    python3 demo.py PROGRAM [PROFILE ...]
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from child import Child

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(ROOT, "examples", "models", "demo.json")
PROFILES = ("spec", "kvm-v5")
NORMAL, CRITICAL = 0x400000, 0x400001
ENTRY = 0xffff800010080000
# How often the handler of vCPU 1 runs again: its event was signalled three times more while it ran.
# SDEI events have edge semantics (DEN0054 §5.1.16.1): one more run. The posted KVM series counts.
RUNS_AGAIN = {"spec": 1, "kvm-v5": 3}
TIMEOUT = 60
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(text, code):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


class Failed(Exception):
    pass


class Verdict:
    """Promises, one a line; the first broken one is remembered."""

    def __init__(self):
        self.held = self.broken = 0

    def __call__(self, held, promise, detail=""):
        self.held += bool(held)
        self.broken += not held
        print(f"    {paint('ok', 32) if held else paint('BROKEN', 31)}  {promise}"
              + ("" if held or not detail else f"\n        {detail}"))


class Demo:
    def __init__(self, program, profile, directory):
        self.program, self.profile, self.directory = program, profile, directory
        self.children = []

    def path(self, name):
        return os.path.join(self.directory, name)

    def run(self, *args, ok=True):
        done = subprocess.run([self.program, *map(str, args), "--json"], capture_output=True, text=True,
                              timeout=TIMEOUT, check=False)
        if ok and done.returncode != 0:
            raise Failed(f"{' '.join(map(str, args))}: exit {done.returncode}\n"
                         f"{done.stdout}{done.stderr}")
        lines = done.stdout.splitlines()
        return json.loads(lines[-1]) if lines else {"exit": done.returncode}

    def start(self, *args):
        """A process of ours that prints one JSON line when it is ready. Returns process and line."""
        child = Child([self.program, *map(str, args)], stderr=None)
        self.children.append(child)
        try:
            line = child.line(TIMEOUT)
        except TimeoutError as late:
            raise Failed(f"{args[0]} does not get ready") from late
        if not line:
            raise Failed(f"{args[0]} ended with {child.wait()}")
        return child, json.loads(line)

    def host(self, name, *args):
        control = self.path(name + ".sock")
        child, _ = self.start("host", "--vm", MODEL, "--profile", self.profile, "--control", control,
                              *args)
        return Vm(self, control, child)

    def stop(self):
        for child in self.children:
            if child.poll() is None:
                child.terminate()
        for child in self.children:
            child.wait(timeout=TIMEOUT)


class Vm:
    def __init__(self, demo, control, child):
        self.demo, self.control, self.child = demo, control, child

    def do(self, verb, *args, ok=True):
        return self.demo.run("vm", *verb.split(), "--control", self.control, *args, ok=ok)

    def call(self, vcpu, name, *args):
        return self.do("call", "--vcpu", vcpu, name, *map(hex, args))

    def enter(self, vcpu):
        """Enter the guest once. Returns the event that was delivered, or None."""
        event = self.do("run", "--vcpu", vcpu)["delivered"]
        return None if event is None else int(event, 16)

    def interrupted(self, vcpu):
        """What a handler must give back: x0..x17, PC, PSTATE."""
        regs = self.do("regs", "--vcpu", vcpu)
        return {name: regs[name] for name in [f"x{i}" for i in range(18)] + ["pc", "pstate"]}

    def queued(self, vcpu):
        queue = self.do("status")["vcpus"][vcpu]["queued"]
        return sum(entry["count"] for entry in queue)


# --- the picture --------------------------------------------------------------------------------------


def handler(number):
    return {NORMAL: "normal 0x400000", CRITICAL: "critical 0x400001"}.get(int(number, 16), number)


def describe(status, index):
    """A few short lines on one vCPU."""
    vcpu = status["vcpus"][index]
    if vcpu["power"] != "on":
        return [f"powered {vcpu['power']}"]
    running = [name for name in (vcpu["running"]["critical"], vcpu["running"]["normal"]) if name]
    lines = []
    for level, name in enumerate(running):
        kind = "critical" if name == vcpu["running"]["critical"] else "normal"
        lines.append(("running " if level == 0 else "  over  ") + handler(name))
        lines.append(f"    interrupted {vcpu['contexts'][kind]['pc']}")
    if not running:
        lines.append("no handler runs")
    waiting = sum(entry["count"] for entry in vcpu["queued"]) - len(running)
    if waiting > 0:
        lines.append(f"{waiting} trigger{'s' * (waiting > 1)} waiting")
    if vcpu["masked"]:
        lines.append("masked")
    return lines


def registered(status, index):
    return [event["num"] for event in status["events"] for instance in event.get("instances", [])
            if instance["vcpu"] == index and instance["registered"]]


def side_by_side(before, after):
    width = 46
    print(f"  {'':7}{'source, before':{width}}destination, after")
    for index in range(len(before["vcpus"])):
        columns = []
        for status in (before, after):
            names = " ".join(registered(status, index)) or "nothing"
            columns.append(describe(status, index) + [f"registered: {names}"])
        for row in range(max(map(len, columns))):
            left, right = (column[row] if row < len(column) else "" for column in columns)
            name = f"vCPU {index}" if row == 0 else ""
            mark = paint(right, 32) if left == right else paint(right + "   <- differs", 31)
            print(f"  {name:7}{left:{width}}{mark}")
    print()


# --- the move -----------------------------------------------------------------------------------------


def move(demo, source, destination, check):
    """Two movers, one on each side, over TCP with TLS 1.3. Returns what send told."""
    for name in ("a", "b"):
        demo.run("keygen", "--out", demo.path(name))
    receiver, ready = demo.start("recv", "--listen", "tcp:127.0.0.1:0", "--control",
                                 destination.control, "--key", demo.path("b.key"), "--peer",
                                 demo.path("a.crt"), "--state", demo.path("state-b"), "--once")
    told = demo.run("send", "--control", source.control, "--to", ready["uri"], "--key",
                    demo.path("a.key"), "--peer", demo.path("b.crt"), "--state",
                    demo.path("state-a"))
    check(told["vm_state"] == {"source": "ended", "destination": "running"},
          f"send: the source ended, the destination runs ({ready['uri']})", str(told))
    check(receiver.wait(timeout=TIMEOUT) == 0, "recv: one session, and it was good")
    check(source.do("status")["may_run"] is False, "the source may not run any more")
    refused = source.do("run", "--vcpu", 0, ok=False)
    check(refused.get("exit") == 11, "and its vCPUs cannot be entered", str(refused))
    return told


# --- afterwards -----------------------------------------------------------------------------------------


def finish_nested(vm, check):
    """vCPU 0: a critical handler over a normal one."""
    regs = vm.interrupted
    told = vm.call(0, "SDEI_EVENT_COMPLETE", 0)
    now = regs(0)
    check(not told["returned"] and int(now["pc"], 16) == ENTRY + 0x40 and now["x4"] == "0xb004"
          and now["x17"] == "0xb017", "vCPU 0: the critical handler ends inside the normal one", str(now))
    vm.call(0, "SDEI_EVENT_COMPLETE", 0)
    now = regs(0)
    check(int(now["pc"], 16) == 0xffff800010001000 and
          all(int(now[f"x{i}"], 16) == 0xa000 + i for i in range(18)),
          "vCPU 0: the normal handler ends where the guest was, with its registers", str(now))


def finish_signalled_again(vm, check):
    """vCPU 1: signalled three times more while its handler ran."""
    runs = 0
    while True:
        vm.call(1, "SDEI_EVENT_COMPLETE", 0)
        now = vm.interrupted(1)
        if int(now["pc"], 16) != 0xffff800010002000 or now["x9"] != "0xc009" or runs > 9:
            check(False, "vCPU 1: every run ends where the guest was", str(now))
            return
        if vm.enter(1) is None:
            break
        runs += 1
    check(True, "vCPU 1: every run ends where the guest was")
    expected = RUNS_AGAIN[vm.demo.profile]
    check(runs == expected, f"vCPU 1: three more signals made {expected} more run{'s' * (expected > 1)}",
          f"{runs} runs")


def finish_masked(vm, check):
    """vCPU 2: masked, with something waiting."""
    if vm.demo.profile == "spec":
        # The posted series asks for delivery when the state is set, mask or not (docs/abi.md).
        check(vm.enter(2) is None, "vCPU 2: nothing is delivered while it is masked")
    vm.call(2, "SDEI_PE_UNMASK")
    before = vm.interrupted(2)
    check(vm.enter(2) == NORMAL, "vCPU 2: unmasked, it takes what waited")
    vm.call(2, "SDEI_EVENT_COMPLETE", 0)
    check(vm.interrupted(2) == before, "vCPU 2: and its handler ends where the guest was",
          str(vm.interrupted(2)))


def finish_powered_off(vm, check):
    """vCPU 3: off, and its private handlers gone."""
    told = vm.call(0, "PSCI_CPU_ON64", 3, 0xffff800010004000, 0x77)
    status = vm.do("status")["vcpus"][3]
    check(told["x0"] == "0x0" and status["power"] == "on" and status["masked"],
          "vCPU 3: comes up masked", str(status))
    check(vm.call(3, "SDEI_EVENT_STATUS", NORMAL)["x0"] == "0x0", "vCPU 3: nothing is registered on it")
    check(vm.call(3, "SDEI_EVENT_REGISTER", NORMAL, ENTRY, 0, 0, 0)["x0"] == "0x0",
          "vCPU 3: and it can register again")


def finish(vm, check):
    for part in (finish_nested, finish_signalled_again, finish_masked, finish_powered_off):
        part(vm, check)
    status = vm.do("status")
    check(all(not any(vcpu["running"].values()) and not vcpu["queued"] for vcpu in status["vcpus"]),
          "no handler runs and nothing waits any more")


def show_phases(told):
    print("  phases of the hand-over")
    for name, us in told["phases_us"].items():
        print(f"    {name:12} {us / 1000:9.3f} ms")
    print(f"    {'blackout':12} {told['blackout_us'] / 1000:9.3f} ms: from the stop until the other side "
          "may run it")
    print(f"    {told['blob_bytes']} bytes, sealed, on the wire\n")


def demonstrate(program, profile):
    print(f"\n{paint('profile ' + profile, 1)}: "
          + {"spec": "SDEI as DEN0054 says", "kvm-v5": "SDEI as the posted KVM series does"}[profile])
    check = Verdict()
    directory = tempfile.mkdtemp(prefix="sdei-demo-")
    demo = Demo(program, profile, directory)
    began = time.monotonic()
    try:
        source = demo.host("source")
        destination = demo.host("destination", "--no-script")
        print(f"  source host is process {source.child.pid}, destination host is process "
              f"{destination.child.pid}\n")
        before = source.do("status")
        check(describe(before, 0)[0] == "running critical 0x400001" and source.queued(1) > 1
              and before["vcpus"][2]["masked"] and before["vcpus"][3]["power"] == "off",
              "the guest is caught mid-work")
        told = move(demo, source, destination, check)
        after = destination.do("status")
        for part in ("vcpus", "events", "pending", "bindings", "unregistered_handlers"):
            check(before[part] == after[part], f"{part.replace('_', ' ')} are the same on both sides")
        print()
        side_by_side(before, after)
        show_phases(told)
        print("  the guest goes on at the destination")
        finish(destination, check)
    except (Failed, subprocess.TimeoutExpired) as failure:
        check(False, "every step worked", str(failure))
    finally:
        demo.stop()
        shutil.rmtree(directory)
    print(f"\n  {profile}: {check.held} promises held, {check.broken} broken, "
          f"{time.monotonic() - began:.1f} s")
    return check.broken == 0


def main():
    program, profiles = os.path.abspath(sys.argv[1]), sys.argv[2:] or PROFILES
    unknown = [name for name in profiles if name not in PROFILES]
    if unknown:
        print(f"demo: no such profile: {unknown[0]}; one of {', '.join(PROFILES)}", file=sys.stderr)
        return 2
    held = [demonstrate(program, profile) for profile in profiles]
    verdict = "everything held" if all(held) else "SOMETHING DID NOT HOLD"
    print(f"\n{paint(verdict, 32 if all(held) else 31)}")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
