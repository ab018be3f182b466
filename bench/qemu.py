# SPDX-License-Identifier: Apache-2.0
"""What riding along in a QEMU migration costs: its own downtime, and the time from STOP to completed.

    python3 qemu.py BUILD SAMPLES

Each sample is a migration of an empty machine over a unix socket, with return-path, in fresh processes: without a helper, with
the hook at both ends, and with a helper that returns as many constant bytes and takes any. The variants take turns. So do
migrations with hook qmp at both ends, whose session is TLS over the loopback device.
"""
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile

BUILD, SAMPLES = os.path.abspath(sys.argv[1]), int(sys.argv[2])
HERE = os.path.dirname(os.path.abspath(__file__))
sys.argv = [sys.argv[0], os.path.join(BUILD, "tools/sdei-migrate/sdei-migrate")]
sys.path.insert(0, os.path.join(HERE, "..", "tests", "qemu"))
import guests  # noqa: E402, it finds the others' folders
import constants  # noqa: E402
import crossings  # noqa: E402
import riders  # noqa: E402
import states  # noqa: E402
from cli import environment, host, key  # noqa: E402

# Name, what the sealed state is to be a little more than, goal in milliseconds beside no helper at all.
LOADS = (("0.5 KiB", 0, 3), ("64 KiB", 65536, 6), ("1 MiB", 1040000, None))
GOAL_CONSTANT = 1.3
# Of these by the monitor; the goal is for the first.
QMP_LOADS = (("0.5 KiB", 2), ("1 MiB", None))


class Unsaid(RuntimeError):
    """A migration that cannot be timed: on a busy machine one in a hundred leaves an event out."""


def start(source, destination, directory):
    for end in (source, destination):
        end.set(events=True, return_path=True)
    uri = f"unix:{directory}/migration"
    source.wait_status("running")     # it may answer before its machine has begun
    destination.do("migrate-incoming", uri=uri)
    source.do("migrate", uri=uri)


def times(source):
    """(downtime in ms, STOP to completed in ms)"""
    if source.migration() != "completed":
        raise RuntimeError(f"the migration failed: {source.do('query-migrate')}")
    def events():     # one may come behind the state
        source.ask("query-status")
        return {name + data.get("status", ""): when for name, data, when in source.monitor.events}

    # It is 0 until QEMU has counted, a moment after it has completed.
    downtime = guests.wait_for(lambda: source.do("query-migrate")["downtime"], bool, 1)
    at = guests.wait_for(events, {"STOP", "MIGRATIONcompleted"}.issubset)
    if "STOP" not in at:
        raise Unsaid(f"QEMU did not say when it stopped: {source.monitor.events}")
    return (downtime,
            (at["MIGRATIONcompleted"] - at["STOP"]) * 1000)


def timed(source, destination, directory):
    start(source, destination, directory)
    return times(source)


def alone(tool, directory):
    with guests.running(tool, directory, "source") as source, \
            guests.running(tool, directory, "destination", "-S", "-incoming", "defer") as destination:
        return timed(source, destination, directory)


def with_constant(tool, directory, size):
    with contextlib.ExitStack() as stack:
        for role in ("source", "destination"):
            stack.enter_context(constants.bus(directory, role))
            stack.enter_context(constants.constant(directory, role, size))
        ends = [stack.enter_context(guests.running(tool, directory, role,
                                                   *riders.vmstate(directory, role), *more))
                for role, more in (("source", ()), ("destination", ("-S", "-incoming", "defer")))]
        return timed(*ends, directory)


def with_hook(suite, directory, model):
    with riders.both(directory, model=model, suite_name=suite) as ends:
        took = timed(ends.source, ends.destination, directory)
        for helper in (ends.first, ends.second):
            if riders.code(helper)[0] != 0:
                raise RuntimeError("the helper is not content")
        return took


def hear(monitor):
    """Each message, until QEMU has ended, whatever it leaves unread."""
    with contextlib.suppress(ConnectionResetError):
        yield from map(json.loads, iter(monitor.lines.line, ""))


def listen_to(monitor):
    """Every event until QEMU has ended, and its downtime, which it has only just time to tell."""
    downtime = None
    for said in hear(monitor):
        if "event" in said:
            at = said["timestamp"]
            monitor.events.append((said["event"], said.get("data", {}), at["seconds"] + at["microseconds"] / 1e6))
        else:
            downtime = said.get("return", {}).get("downtime") or downtime
        if not downtime and any(data.get("status") == "completed" for _, data, _ in monitor.events):
            with contextlib.suppress(OSError):
                monitor.socket.sendall(b'{"execute":"query-migrate"}')
    return downtime


def parked(tool, directory):
    """QEMU's own pause before the switchover, and somebody who lets it go on at once: what no hook can save."""
    go_on = b'{"execute":"migrate-continue","arguments":{"state":"pre-switchover"}}'
    with guests.running(tool, directory, "source") as source, \
            guests.running(tool, directory, "destination", "-S", "-incoming", "defer") as destination:
        monitor = guests.Monitor(source.path + ".qmp")
        source.set(pause_before_switchover=True)
        start(source, destination, directory)
        for said in hear(monitor):
            status = said.get("data", {}).get("status")
            if status == "pre-switchover":
                monitor.socket.sendall(go_on)
            elif status == "completed":
                break
        return times(source)


def with_qmp(tool, directory, model):
    with crossings.Crossing(directory, tool=tool, model=model, session="tcp:127.0.0.1:0") as crossing:
        source = crossing.qemus["a"].monitor
        crossing.listen()
        crossing.send()
        downtime = listen_to(source)
        for side in "ab":
            if crossing.end(side)[0] != 0:
                raise RuntimeError("the hook is not content")
        at = {name + data.get("status", ""): when for name, data, when in source.events}
        crossing.qemus["b"].status()
        runs = [when for name, _, when in crossing.qemus["b"].monitor.events if name == "RESUME"]
        if "STOP" not in at:
            raise Unsaid(source.events)
        return (downtime, (at["MIGRATIONcompleted"] - at["STOP"]) * 1000, (runs[-1] - at["STOP"]) * 1000)


def sealed_size(model, directory):
    """What the hook will return for this VM."""
    with host(directory, "sized", model=model) as vm:
        path = os.path.join(directory, "sized.file")
        subprocess.run([sys.argv[1], "snapshot", "--control", vm.control, "--key",
                        key(directory, os.path.basename(model)) + ".key", "--any-destination", "-o", path],
                       check=True, env=environment(), capture_output=True)
        return os.path.getsize(path)


def sample(ways):
    """Each way in turn, so that a busy moment is nobody's alone. Returns name -> list of pairs."""
    found = {name: [] for name in ways}
    for _ in range(SAMPLES):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory(prefix="sdei-bench-") as directory:
                try:
                    found[name].append(way(directory))
                except Unsaid as unsaid:
                    print(f"{name}: left out: {unsaid}", file=sys.stderr)
    return found


def tell(tool, suite, models, sizes):
    ways = {"without": lambda directory: alone(tool, directory),
            "without, but parked": lambda directory: parked(tool, directory)}
    for name, _, _ in LOADS:
        ways[name + ", constant"] = lambda directory, n=name: with_constant(tool, directory, sizes[n])
        ways[name + ", hook"] = lambda directory, n=name: with_hook(suite, directory, models[n])
    for name, _ in QMP_LOADS:
        ways[name + ", by QMP"] = lambda directory, n=name: with_qmp(tool, directory, models[n])
    found = sample(ways)
    middle = {name: statistics.median(pair[1] for pair in pairs) for name, pairs in found.items()}
    print(f"\n### QEMU {guests.qemu_packages.version(tool)}: {SAMPLES} migrations each\n")
    print("| Helper at both ends | bytes | downtime | STOP to completed | the shortest | adds | times constant |")
    print("|---|---|---|---|---|---|---|")
    base = middle["without"]
    goals = []
    for name, pairs in found.items():
        load, _, kind = name.partition(", ")
        adds = middle[name] - base
        beside = adds / (middle[load + ", constant"] - base) if kind == "hook" else None
        downs = [pair[0] for pair in pairs if pair[0] is not None]
        print(f"| {name} | {sizes.get(load, '')} | {f'{statistics.median(downs):.0f} ms' if downs else 'gone before it said'} | "
              f"{middle[name]:.2f} ms | {min(pair[1] for pair in pairs):.2f} ms | {adds:.2f} ms | {f'{beside:.2f}' if beside else ''} |")
        if kind == "hook":
            goals += [(f"{load}: ms added", adds, dict((n, g) for n, _, g in LOADS)[load]),
                      (f"{load}: times what constant bytes add", beside, GOAL_CONSTANT)]
        if kind == "by QMP":
            runs = statistics.median(pair[2] for pair in pairs)
            print(f"| {name}, until it runs there | | | {runs:.2f} ms | {min(pair[2] for pair in pairs):.2f} ms | "
                  f"{runs - base:.2f} ms | |")
            goals.append((f"{load} by QMP: ms added", adds, dict(QMP_LOADS)[load]))
    print()
    for promise, got, wanted in goals:
        if wanted is not None:
            print(f"- Goal: {promise}: {got:.2f} (at most {wanted:.2f}): "
                  f"{'held' if got <= wanted else 'NOT held'}")


def main():
    suites = guests.each_suite()
    with tempfile.TemporaryDirectory(prefix="sdei-bench-") as directory:
        models = {name: states.of_about(size, directory) for name, size, _ in LOADS}
        sizes = {name: sealed_size(model, directory) for name, model in models.items()}
        for suite in suites:
            tell(guests.qemu_packages.qemu(suite), suite, models, sizes)


if __name__ == "__main__":
    main()
