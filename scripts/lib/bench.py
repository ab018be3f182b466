# SPDX-License-Identifier: Apache-2.0
"""The blackout of whole hand-overs: two host processes, send and recv, TLS 1.3 on loopback.

    python3 bench.py BUILD SAMPLES

Every sample has fresh hosts and ledgers. The times are those that send prints; bench_blackout makes a table of them.
"""
import os
import shutil
import subprocess
import sys
import tempfile

from demo import Demo, Failed, Vm

STATES = ("4/2", "64/8", "512/64", "512/128")
PHASES = ("pause", "capture", "blob", "prepared", "relinquish")


def host(demo, name, model, *args):
    control = demo.path(name + ".sock")
    child, _ = demo.start("host", "--vm", model, "--control", control, *args)
    return Vm(demo, control, child)


def hand_over(demo, model, number):
    """One VM, once. Returns what send told."""
    ledger = demo.path(f"ledger-{number}-")
    try:
        source = host(demo, "source", model)
        destination = host(demo, "destination", model, "--no-script")
        receiver, ready = demo.start("recv", "--listen", "tcp:127.0.0.1:0", "--control",
                                     destination.control, "--key", demo.path("b.key"), "--peer",
                                     demo.path("a.crt"), "--state", ledger + "b", "--once")
        told = demo.run("send", "--control", source.control, "--to", ready["uri"], "--key",
                        demo.path("a.key"), "--peer", demo.path("b.crt"), "--state",
                        ledger + "a")
        if receiver.wait(timeout=60) or told["vm_state"]["destination"] != "running":
            raise Failed(f"the VM did not arrive: {told}")
        return told
    finally:
        demo.stop()
        demo.children.clear()


def measure(build, state, samples, directory):
    demo = Demo(os.path.join(build, "tools/sdei-migrate/sdei-migrate"), "spec", directory)
    for name in ("a", "b"):
        demo.run("keygen", "--out", demo.path(name))
    model = demo.path("model.json")
    with open(model, "w", encoding="ascii") as out:
        subprocess.run([os.path.join(build, "bench/bench_model"), state], stdout=out, check=True)
    lines = []
    for number in range(samples):
        told = hand_over(demo, model, number)
        lines += [f"{phase} {told['phases_us'][phase]}" for phase in PHASES]
        lines += [f"blackout {told['blackout_us']}", f"sealed {told['blob_bytes']}"]
    subprocess.run([os.path.join(build, "bench/bench_blackout"), state], input="\n".join(lines),
                   text=True, check=True)


def main():
    build, samples = sys.argv[1], int(sys.argv[2])
    for state in STATES:
        directory = tempfile.mkdtemp(prefix="sdei-bench-")
        try:
            measure(build, state, samples, directory)
        except (Failed, subprocess.SubprocessError) as failure:
            print(f"bench: {state}: {failure}", file=sys.stderr)
            return 1
        finally:
            shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
