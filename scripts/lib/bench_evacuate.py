# SPDX-License-Identifier: Apache-2.0
"""The evacuation of many VMs: a host process on each side, recv and evacuate, TLS 1.3 on loopback.

    python3 bench_evacuate.py BUILD SAMPLES [PARALLEL]

Every sample has fresh hosts and ledgers. The time is the one that evacuate prints, from the reading of its keys to the last
outcome; the limit is measured before and after each. On a machine with other work only the rows of the CPU compare like with
like: they count what all four processes took. bench_evacuation makes a table of them.
"""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile

from bench import two_keys
from demo import Failed

VMS = 1000
FIRST = "11111111-2222-4333-8444-000000000000"


def limit(build, directory, parallel):
    return subprocess.run([os.path.join(build, "bench/bench_evacuation"), "limit", directory, str(VMS),
                           str(parallel)], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def cpu_us(pids):
    """What these processes have taken of the CPU so far, with the children of ours that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            ticks += sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
    return (ended.ru_utime + ended.ru_stime + ticks / os.sysconf("SC_CLK_TCK")) * 1e6


def evacuate(demo, number, parallel):
    """All VMs, once. Returns the lines of the sample."""
    folder = demo.path(f"sample-{number}")
    os.mkdir(folder)
    model = os.path.join(folder, "vm.json")
    with open(model, "w", encoding="ascii") as out:
        json.dump({"uuid": FIRST, "vcpus": [{"mpidr": hex(i)} for i in range(4)]}, out)
    try:
        for side, *fresh in (("a",), ("b", "--no-script")):
            demo.start("host", "--vm", model, "--many", str(VMS), "--dir", os.path.join(folder, side), *fresh)
        # What recv says of each session has nobody to read it here: a pipe would fill.
        with open(os.path.join(folder, "recv.out"), "w+", encoding="utf-8") as out:
            receiver = subprocess.Popen(
                [demo.program, "recv", "--listen", "tcp:127.0.0.1:0", "--vms", os.path.join(folder, "b"),
                 "--key", demo.path("b.key"), "--peer", demo.path("a.crt"), "--state",
                 os.path.join(folder, "state-b"), "--json"], stdout=out)
            demo.children.append(receiver)
            line = ""
            while not line.endswith("\n") and receiver.poll() is None:
                out.seek(0)
                line = out.readline()
        pids = [child.pid for child in demo.children]
        before = cpu_us(pids)
        done = subprocess.run(
            [demo.program, "evacuate", "--vms", os.path.join(folder, "a"), "--to", json.loads(line)["uri"],
             "--key", demo.path("a.key"), "--peer", demo.path("b.crt"), "--state",
             os.path.join(folder, "state-a"), "--parallel", str(parallel), "--json"],
            stdout=subprocess.PIPE, text=True, timeout=300)
        told = json.loads(done.stdout.splitlines()[-1])
        if done.returncode or told["moved"] != VMS:
            raise Failed(f"not all VMs arrived: {told}")
        return f"evacuation {told['took_us']}\nevacuation_cpu {cpu_us(pids) - before:.0f}"
    finally:
        demo.stop()
        demo.children.clear()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    build, samples = sys.argv[1], int(sys.argv[2])
    parallel = int(sys.argv[3]) if len(sys.argv) > 3 else 32
    directory = tempfile.mkdtemp(prefix="sdei-bench-")
    try:
        demo = two_keys(build, directory)
        lines = [limit(build, directory, parallel)]
        for number in range(samples):
            lines += [evacuate(demo, number, parallel), limit(build, directory, parallel)]
        print("\n".join(lines), file=sys.stderr)
        subprocess.run([os.path.join(build, "bench/bench_evacuation"), "table", str(VMS)],
                       input="\n".join(lines), text=True, check=True)
    except (Failed, subprocess.SubprocessError) as failure:
        print(f"bench: evacuation: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
