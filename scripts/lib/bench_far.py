# SPDX-License-Identifier: Apache-2.0
"""The blackout over a long line: send and recv with TLS 1.3 through a relay that holds every byte for 25 ms each way.

    python3 bench_far.py BUILD SAMPLES

What must be there is 1.5 round trips (the state, PREPARED, COMMIT) and what the same hand-over takes through the same relay
without a delay. send's blackout ends where COMMIT leaves; its way is added.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from bench import host, two_hosts
from demo import Failed

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/cli/session"))
from relay import Relay  # noqa: E402

STATES = ("4/2", "512/64")
ONE_WAY = 0.025
GOAL = 1.1


def hand_over(demo, model, number, delay):
    """Returns the blackout in ms, COMMIT's way included."""
    ledger = demo.path(f"ledger-{number}-{delay}-")
    try:
        source = host(demo, "source", model)
        destination = host(demo, "destination", model, "--no-script")
        receiver, ready = demo.start("recv", "--listen", "tcp:127.0.0.1:0", "--control", destination.control, "--key",
                                     demo.path("b.key"), "--peer", demo.path("a.crt"), "--state", ledger + "b", "--once")
        with Relay(ready["uri"], delay=delay) as relay:
            told = demo.run("send", "--control", source.control, "--to", relay.uri, "--key", demo.path("a.key"), "--peer",
                            demo.path("b.crt"), "--state", ledger + "a")
            receiver.wait(timeout=60)
        return told["blackout_us"] / 1e3 + delay * 1e3
    finally:
        demo.stop()
        demo.children.clear()


def measure(build, state, samples, directory):
    demo, model = two_hosts(build, state, directory)
    near, far = ([hand_over(demo, model, number, delay) for number in range(samples)] for delay in (0, ONE_WAY))
    return statistics.median(near), statistics.median(far)


def main():
    build, samples = sys.argv[1], min(10, int(sys.argv[2]))
    print("\n## A round trip of 50 ms\n\n| state | without delay | with it | must be there | ratio |\n|---|---|---|---|---|")
    goals = []
    for state in STATES:
        directory = tempfile.mkdtemp(prefix="sdei-bench-")
        try:
            near, far = measure(build, state, samples, directory)
        except (Failed, subprocess.SubprocessError) as failure:
            print(f"bench: {state}: {failure}", file=sys.stderr)
            return 1
        finally:
            shutil.rmtree(directory)
        least = 3 * ONE_WAY * 1e3 + near
        print(f"| {state} | {near:.2f} ms | {far:.2f} ms | 1.5 round trips and the time without delay: {least:.2f} ms | "
              f"{far / least:.3f} |")
        goals.append(f"- Goal: {state}: blackout over 50 ms, ratio: {far / least:.3f} (at most {GOAL}): "
                     f"{'held' if far <= GOAL * least else 'NOT held'}")
    print("\n" + "\n".join(goals))
    return 0


if __name__ == "__main__":
    sys.exit(main())
