#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at every stage: a command that can undo what it began does, says so, and ends with 7."""
import json
import os
import signal
import socket
import subprocess
import threading
import time

from hosts import Pair, check, cli, wait_stopped
from realm_pair import BuiltPair
from child import Lines
from cli import host, key, run, start, wait_for

PATIENT = 60000  # ms; whoever waits for a deadline instead of the signal takes longer than PROMPT
PROMPT = 30      # s
TOO_LATE = ("send.wait-done", "send.done", "send.outcome")
LAST = "send.commit"    # woken there, the sender may be done with it before its other thread has taken the signal
REALM_STEPS = ("send.challenge", "send.wait-token")  # only a realm comes past them


def steps(side):
    listed = json.loads(run("status", "--list-fault-points", "--json").stdout)["fault_points"]
    return [step for step in listed if step.startswith(side + ".")]


def takes_signals(process):
    """Has it come so far that a signal does not end it as it would any process? Then a thread of its own waits for them."""
    def blocked():
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1], 16) for line in status if line.startswith("SigBlk:"))
    return check(wait_for(lambda: blocked() >> (signal.SIGINT - 1) & 1), "it takes signals")


def has_heard(process):
    """Has it taken the signal, and goes on for now? It says so."""
    return any("cancelling" in line for line in iter(Lines(process.stderr).line, ""))


def outcome(process):
    """Its exit code, what it said, and how long it took to."""
    began = time.monotonic()
    out, err = process.communicate(timeout=2 * cli.TIMEOUT)
    took = time.monotonic() - began
    told = json.loads(out.splitlines()[-1]) if out else {"stderr": err}
    return process.returncode, told, took


def cancelled(code, told):
    return code == 7 and told.get("reason") == "cancelled" and told.get("exit") == 7


def test_send_before_each_step(directory):
    for step in steps("send"):
        home = os.path.join(directory, step)
        os.mkdir(home)
        with (BuiltPair if step in REALM_STEPS else Pair)(home) as pair:
            pair.timeout = PATIENT
            pair.start_recv()
            pair.start_send(fault=f"{step}:stall")
            if not check(wait_stopped(pair.sender), f"{step}: it stops there"):
                continue
            pair.sender.send_signal(signal.SIGINT)
            pair.sender.send_signal(signal.SIGCONT)
            code, told, took = outcome(pair.sender)
            check(took < PROMPT, f"{step}: it ends at once", f"{took} s")
            if step in TOO_LATE or (step == LAST and code == 0):
                check(code == 0 and told["reason"] == "ok" and pair.running() == "b",
                      f"{step}: after COMMIT the hand-over goes on to its end", f"{code} {told}")
            else:
                check(cancelled(code, told) and pair.running() == "a", f"{step}: the VM runs on here",
                      f"{code} {told}")
                check(told["vm_state"] == {"source": "running", "destination": "none"},
                      f"{step}: and that is said", told)
                code, told = pair.send()
                check(code == 0, f"{step}: the next attempt succeeds", told)


def test_send_while_it_waits(directory):
    for step in ("recv.hello", "recv.reserve", "recv.record", "recv.ready", "recv.base", "recv.open", "recv.stage",
                 "recv.prepared"):
        home = os.path.join(directory, step)
        os.mkdir(home)
        with Pair(home, timeout=PATIENT) as pair:
            pair.start_recv(fault=f"{step}:stall")
            pair.start_send()
            if not check(wait_stopped(pair.receiver), f"{step}: the other side hangs"):
                continue
            pair.sender.send_signal(signal.SIGTERM)
            code, told, took = outcome(pair.sender)
            check(cancelled(code, told) and took < PROMPT, f"{step}: a wait is cancelled",
                  f"{code} {told} {took}")
            check(pair.running() == "a", f"{step}: the VM runs on here")
            pair.receiver.send_signal(signal.SIGCONT)
            time.sleep(0.2)
            check(pair.running() == "a", f"{step}: and not there when that side wakes up")


def test_send_to_nobody(directory):
    with Pair(directory, timeout=PATIENT) as pair, socket.create_server(("127.0.0.1", 0)) as mute:
        pair.uri = f"tcp:127.0.0.1:{mute.getsockname()[1]}"
        pair.start_send()
        connection, _ = mute.accept()
        pair.sender.send_signal(signal.SIGINT)
        code, told, took = outcome(pair.sender)
        check(cancelled(code, told) and took < PROMPT, "a handshake is cancelled", f"{code} {told}")
        check(told["vm_state"]["source"] == "running", "with what the VM is", told)
        connection.close()
        pair.uri = "exec:sleep 50"
        pair.start_send()
        takes_signals(pair.sender)
        pair.sender.send_signal(signal.SIGINT)
        code, told, took = outcome(pair.sender)
        check(cancelled(code, told) and took < PROMPT, "so is a command that says nothing",
              f"{code} {told} {took}")


def test_a_second_signal_ends_it(directory):
    with Pair(directory, timeout=PATIENT) as pair:
        pair.start_recv(fault="recv.commit:stall")
        pair.start_send()
        check(wait_stopped(pair.receiver), "the other side hangs with COMMIT in its hands")
        pair.sender.send_signal(signal.SIGINT)
        check(has_heard(pair.sender) and pair.sender.poll() is None, "that is not cancelled")
        pair.sender.send_signal(signal.SIGINT)
        check(pair.sender.wait(PROMPT) == -signal.SIGINT, "but whoever insists is obeyed")
        check(pair.session()["state"] not in ("committed", "aborted"), "resolve has to end it then")
        pair.receiver.send_signal(signal.SIGCONT)
        check(pair.wait_running("b"), "the other side goes on")
        code, told = pair.resolve()
        check(code == 0 and pair.running() == "b", "and does", told)


def test_snapshot_and_restore(directory):
    prefix = key(directory, "k")
    with host(directory) as vm, host(directory, "b", args=["--no-script"]) as there:
        path = os.path.join(directory, "s")
        line = ["--control", there.control, "--trust", prefix + ".pub"]
        restore = start("restore", *line, "-", "--json", stdin=subprocess.PIPE)
        takes_signals(restore)
        restore.send_signal(signal.SIGINT)
        restore.wait(PROMPT)  # its input stays open: an end of it would be another reason
        code, told, took = outcome(restore)
        check(cancelled(code, told), "a restore that waits for its file", f"{code} {told}")
        check(told["vm_state"]["destination"] == "running", "says what the VM is", told)
        vm.process.send_signal(signal.SIGSTOP)
        snapshot = start("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path,
                         "--any-destination", "--json")
        takes_signals(snapshot)
        snapshot.send_signal(signal.SIGTERM)
        code, told, took = outcome(snapshot)
        vm.process.send_signal(signal.SIGCONT)
        check(cancelled(code, told) and took < PROMPT, "a snapshot of a VMM that hangs", f"{code} {told}")
        check(not [name for name in os.listdir(directory) if name.startswith("s")], "leaves no file")
        check(wait_for(lambda: vm.vm("status")["may_run"]), "and the VM runs on")


def test_snapshot_into_a_pipe_that_nobody_reads(directory):
    prefix = key(directory, "k")
    path = os.path.join(directory, "pipe")
    os.mkfifo(path)
    with host(directory) as vm:
        snapshot = start("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path, "--any-destination",
                         "--json")
        takes_signals(snapshot)
        snapshot.send_signal(signal.SIGTERM)
        code, told, took = outcome(snapshot)
        check(cancelled(code, told) and took < PROMPT, "is cancelled", f"{code} {told}")
        check(os.listdir(directory).count("pipe") == 1 and wait_for(lambda: vm.vm("status")["may_run"]),
              "the pipe stays, the VM runs on")


class Delay:
    """A control socket before another: the request of one kind is held until it is let go."""

    def __init__(self, path, control, kind):
        self.kind, self.held, self.go = kind, threading.Event(), threading.Event()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen()
        self.control = control
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.server.accept()
            there = socket.socket(socket.AF_UNIX)
            there.connect(self.control)
            for one, other in ((client, there), (there, client)):
                threading.Thread(target=self.copy, args=(one, other, one is client), daemon=True).start()

    def copy(self, source, target, is_request):
        while True:
            data, fds, _, _ = socket.recv_fds(source, 65536, 8)
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            if is_request and int.from_bytes(data[4:6], "little") == self.kind:
                self.held.set()
                self.go.wait(2 * cli.TIMEOUT)
            socket.send_fds(target, [data], fds)
            for fd in fds:
                os.close(fd)


STAGE, COMMIT = 11, 13  # docs/control.md


def test_restore_with_something_to_undo(directory):
    prefix = key(directory, "k")
    with host(directory) as vm, host(directory, "b", args=["--no-script"]) as there:
        path = os.path.join(directory, "s")
        done = run("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path,
                   "--any-destination")
        check(done.returncode == 0, "a snapshot", done.stderr)
        for name, kind in (("stage", STAGE), ("commit", COMMIT)):
            delay = Delay(os.path.join(directory, name), there.control, kind)
            restore = start("restore", "--control", os.path.join(directory, name), "--trust",
                            prefix + ".pub", path, "--json")
            check(delay.held.wait(cli.TIMEOUT), f"{name}: it is under way")
            restore.send_signal(signal.SIGINT)
            check(has_heard(restore) and restore.poll() is None, f"{name}: it does not end where it stands")
            delay.go.set()
            code, told, _ = outcome(restore)
            if kind == STAGE:
                check(cancelled(code, told) and told["vm_state"]["destination"] == "ended",
                      "before the snapshot is used up it is undone", f"{code} {told}")
            else:
                check(code == 0 and there.vm("status")["may_run"],
                      "and may be used again; once it is used up, it runs", f"{code} {told}")


def ends_beside(pair):
    """Somebody connects and says nothing, then it is told to end. Returns whether it does."""
    with socket.create_connection(("127.0.0.1", int(pair.uri.rsplit(":", 1)[1]))):
        pair.receiver.send_signal(signal.SIGTERM)
        pair.receiver.send_signal(signal.SIGCONT)
        return wait_for(pair.receiver.poll, lambda code: code is not None, PROMPT) == 0


def test_recv(directory):
    with Pair(directory, timeout=PATIENT) as pair:
        pair.start_recv()
        pair.receiver.send_signal(signal.SIGINT)
        check(pair.receiver.wait(PROMPT) == 0, "a service that is told to end has not failed")
        pair.start_recv("--once")
        pair.receiver.send_signal(signal.SIGINT)
        code, told, _ = outcome(pair.receiver)
        check(cancelled(code, told), "one session that never came has", f"{code} {told}")
        pair.start_recv()
        check(ends_beside(pair), "who says nothing is not waited for")
        pair.start_recv()
        pair.receiver.send_signal(signal.SIGSTOP)
        check(wait_stopped(pair.receiver), "while it stands still")
        check(ends_beside(pair), "nor who comes with the signal")


def test_recv_ends_what_has_begun(directory):
    with Pair(directory, timeout=PATIENT) as pair:
        pair.start_recv()
        pair.start_send(fault="send.commit:stall")
        check(wait_stopped(pair.sender), "send stops before COMMIT")
        pair.receiver.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        pair.sender.send_signal(signal.SIGCONT)
        code, told, _ = outcome(pair.sender)
        check(code == 0 and pair.running() == "b", "a session that had begun is brought to its end", told)
        check(pair.receiver.wait(PROMPT) == 0, "then recv ends")


def test_all_places_taken(directory):
    with Pair(directory, timeout=PATIENT) as pair:
        pair.start_recv()
        port = int(pair.uri.rsplit(":", 1)[1])
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(80)]
        began = time.monotonic()
        code, told = pair.send()
        check(code == 0 and pair.running() == "b", "80 who say nothing hold up nobody", told)
        check(time.monotonic() - began < PROMPT, "for long", f"{time.monotonic() - began} s")
        for connection in silent:
            connection.close()


if __name__ == "__main__":
    cli.main(__name__)
