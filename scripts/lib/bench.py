# SPDX-License-Identifier: Apache-2.0
"""The blackout of whole hand-overs: two host processes, send and recv, TLS 1.3 on loopback.

    python3 bench.py BUILD SAMPLES

Every sample has fresh hosts and ledgers. Between the rehearsal and the stop the VM changes: not at all, in 15 registers of one vCPU, or
in all of all. For that send holds still at a fault point right before the pause, which is not part of the times. They are those that
send prints; bench_blackout makes a table of them.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from control_client import Control
from demo import Demo, Failed, Vm

NOTHING, SOME, ALL = 0, 15, 31  # registers, of one vCPU or of all
STATES = (("4/2", NOTHING), ("64/8", NOTHING), ("512/64", SOME), ("512/128", ALL))
PHASES = ("pause", "capture", "blob", "prepared", "relinquish")


def host(demo, name, model, *args):
    control = demo.path(name + ".sock")
    child, _ = demo.start("host", "--vm", model, "--control", control, *args)
    return Vm(demo, control, child)


def change(control, n_vcpus, registers):
    """What a guest does to its registers between two looks at it."""
    with Control(control) as vm:
        for vcpu in range(n_vcpus if registers == ALL else 1):
            vm.model(do="regs", vcpu=vcpu,
                     set={f"x{i}": hex(random.getrandbits(64)) for i in range(registers)})


def is_stopped(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "T"


def send(demo, source, uri, ledger, alter):
    """Run send; call @alter while it holds still right before the pause. Returns what it told."""
    child = subprocess.Popen([demo.program, "send", "--control", source.control, "--to", uri, "--key",
                              demo.path("a.key"), "--peer", demo.path("b.crt"), "--state", ledger + "a",
                              "--json", "-q"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                             env=dict(os.environ, SDEI_FAULT="send.pause:stall"))
    demo.children.append(child)
    deadline = time.monotonic() + 60
    while not is_stopped(child):
        if child.poll() is not None or time.monotonic() > deadline:
            raise Failed(f"send does not come to the pause: {child.communicate()[0]}")
        time.sleep(0.002)
    alter()
    child.send_signal(signal.SIGCONT)
    return json.loads(child.communicate(timeout=60)[0])


def hand_over(demo, model, n_vcpus, registers, number):
    """One VM, once. Returns what send told."""
    ledger = demo.path(f"ledger-{number}-")
    try:
        source = host(demo, "source", model)
        destination = host(demo, "destination", model, "--no-script")
        receiver, ready = demo.start("recv", "--listen", "tcp:127.0.0.1:0", "--control",
                                     destination.control, "--key", demo.path("b.key"), "--peer",
                                     demo.path("a.crt"), "--state", ledger + "b", "--once")
        told = send(demo, source, ready["uri"], ledger,
                    lambda: registers and change(source.control, n_vcpus, registers))
        if receiver.wait(timeout=60) or told["vm_state"]["destination"] != "running":
            raise Failed(f"the VM did not arrive: {told}")
        if told["delta"] != (registers != ALL):
            raise Failed(f"not what was to be measured: {told}")
        return told
    finally:
        demo.stop()
        demo.children.clear()


def two_keys(build, directory):
    """A folder with the keys of two hosts."""
    demo = Demo(os.path.join(build, "tools/sdei-migrate/sdei-migrate"), "spec", directory)
    for name in ("a", "b"):
        demo.run("keygen", "--out", demo.path(name))
    return demo


def two_hosts(build, state, directory):
    """The same, and the description of a VM in that state."""
    demo = two_keys(build, directory)
    model = demo.path("model.json")
    with open(model, "w", encoding="ascii") as out:
        subprocess.run([os.path.join(build, "bench/bench_model"), state], stdout=out, check=True)
    return demo, model


def measure(build, state, registers, samples, directory):
    demo, model = two_hosts(build, state, directory)
    lines = []
    for number in range(samples):
        told = hand_over(demo, model, int(state.split("/")[0]), registers, number)
        lines += [f"{phase} {told['phases_us'][phase]}" for phase in PHASES]
        lines += [f"blackout {told['blackout_us']}", f"sealed {told['blob_bytes']}"]
    subprocess.run([os.path.join(build, "bench/bench_blackout"), state], input="\n".join(lines),
                   text=True, check=True)


def main():
    build, samples = sys.argv[1], int(sys.argv[2])
    for state, registers in STATES:
        directory = tempfile.mkdtemp(prefix="sdei-bench-")
        try:
            measure(build, state, registers, samples, directory)
        except (Failed, subprocess.SubprocessError) as failure:
            print(f"bench: {state}: {failure}", file=sys.stderr)
            return 1
        finally:
            shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
