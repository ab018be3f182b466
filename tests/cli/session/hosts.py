# SPDX-License-Identifier: Apache-2.0
"""Two hosts: a VMM, a ledger, a key and a mover each; and the questions every test asks of them."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import cli  # noqa: E402
from cli import PROGRAM, Host, check, key, run, start, wait_for  # noqa: E402

TIMEOUT_MS = 20000  # of a session: nobody is to give up because this machine is busy
TLS = "tcp:127.0.0.1:0"


class Pair:
    """Source A with a VM in the middle of its work, destination B with a fresh one."""

    def __init__(self, directory, timeout=TIMEOUT_MS, listen=TLS, model="linux-guest.json"):
        self.directory, self.timeout, self.listen = directory, timeout, listen
        self.keys = {name: key(directory, name) for name in "ab"}
        self.model = model
        self.hosts = self.serve()
        self.receiver = self.sender = self.uri = None
        self.key_of, self.peer_of = {}, {}  # instead of their own
        self.env = {}  # of the movers, besides
        self.link = []  # options of both that say how they are connected

    def serve(self):
        """The two VMMs."""
        return {"a": Host(self.directory, "a", model=self.model),
                "b": Host(self.directory, "b", model=self.model, args=["--no-script"])}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.sender, self.receiver):
            end(process)
        for host in self.hosts.values():
            host.stop()

    def options(self, side):
        """--key, --peer, --state and --timeout of one host."""
        other = "b" if side == "a" else "a"
        return ["--key", self.key_of.get(side, self.keys[side] + ".key"),
                "--peer", self.peer_of.get(side, self.keys[other] + ".crt"),
                "--state", self.state(side), "--timeout", str(self.timeout), *self.link]

    def state(self, side):
        return os.path.join(self.directory, "state-" + side)

    def control(self, side):
        return self.hosts[side].control

    def start_recv(self, *args, fault="", side="b", **how):
        self.receiver = start("recv", "--listen", self.listen, "--control", self.control(side), "--json",
                              *self.options(side), *args, env={"SDEI_FAULT": fault, **self.env}, **how)
        ready = self.receiver.said()
        self.uri = ready["uri"] if ready else None
        return check(self.uri, "recv says where it listens")

    def start_send(self, *args, fault="", side="a", **how):
        self.sender = start("send", "--control", self.control(side), "--to", self.uri, "--json",
                            *self.options(side), *args, env={"SDEI_FAULT": fault, **self.env}, **how)

    def send(self, *args, fault="", side="a"):
        """Run send to its end. Returns its exit code and what it printed."""
        self.start_send(*args, fault=fault, side=side)
        out, _ = self.sender.communicate(timeout=cli.TIMEOUT)
        return self.sender.returncode, json.loads(out) if out else {}

    def stop_recv(self):
        return end(self.receiver)

    def session(self, side="a"):
        """The last session of a ledger, or None."""
        done = run("status", "--state", self.state(side), "--json")
        sessions = json.loads(done.stdout).get("sessions")  # none: there is no ledger yet
        return sessions[-1] if sessions else None

    def recorded(self, side, state):
        """Does its ledger say so? Who hears that a session is over may be quicker than the other's disk."""
        return wait_for(lambda: (self.session(side) or {}).get("state"), lambda now: now == state) == state

    def resolve(self, *args, side="a"):
        """Returns exit code and object. Asks the recv of now."""
        to = ["--to", self.uri] if side == "a" and self.uri else []
        done = run("resolve", self.session(side)["session"], "--json", *to, *self.options(side),
                   *args, env=self.env)
        return done.returncode, json.loads(done.stdout)

    def runs(self, side):
        """May the VM that is moved run there? A fresh VM that waits for it is another."""
        done = run("vm", "status", "--control", self.control(side), "--json")
        if done.returncode:
            return False
        status = json.loads(done.stdout)
        return status["may_run"] and (side == "a" or status["info"]["generation"] != "0x0")

    def running(self):
        return "".join(side for side in "ab" if self.runs(side))

    def wait_running(self, where):
        """Does it come to run there? A VMM whose mover has died lets its VM run when it sees that."""
        return wait_for(self.running, lambda now: now == where) == where


def stopped(process):
    """Has it stopped itself?"""
    try:
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "T"
    except FileNotFoundError:
        return False


def wait_stopped(process):
    return wait_for(lambda: process.poll() is not None or stopped(process)) and process.poll() is None


def patiently(play, milliseconds, what):
    """Where a test has to wait until a session's deadline is over, that is short. play(deadline) returns None if it was over
    before the session came where something is to happen: then it is played again, with more time."""
    while milliseconds <= TIMEOUT_MS:
        told = play(milliseconds)
        if told is not None:
            return told
        milliseconds *= 4
    check(False, f"{what}: the hand-over comes there")
    return "never came there"


def end(process):
    """End one process that a test started, stopped or not. Returns its exit code."""
    if process is None:
        return None
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
    try:
        process.communicate(timeout=cli.TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return process.returncode


def never_two(pair, step, when):
    running = pair.running()
    check(running != "ab", f"{step}: never two running ({when})", running)
    return running


def settle(pair, step, alive="ab", args=()):
    """What an operator does: recv runs again, resolve until it says ok. @alive: VMMs that live."""
    if pair.receiver.poll() is not None:
        pair.start_recv(*args)
    running = never_two(pair, step, "before resolve")
    session = pair.session()
    if session is None:
        check(pair.wait_running("a"), f"{step}: without a record the VM never left", running)
        return
    pair.timeout = TIMEOUT_MS
    code, told = pair.resolve(*args)
    if told.get("actual") == "silence":  # the recv of a case with a short deadline may have none left for an answer
        pair.stop_recv()
        pair.start_recv(*args)
        code, told = pair.resolve(*args)
    if alive == "ab":
        check(code == 0, f"{step}: resolve ends it", json.dumps(told))
    running = never_two(pair, step, "after resolve")
    if code == 9 and alive != "ab":
        check(running == "", f"{step}: in doubt nobody runs", running)
        word = "source" if alive == "a" else "destination"
        code, told = pair.resolve("--run-on", word, "--reason", "the VMM died")
        check(code == 0 and pair.running() == alive and pair.session()["overridden"],
              f"{step}: the operator ends it", json.dumps(told))
        return
    check(code == 0, f"{step}: resolve says how it ended", json.dumps(told))
    state = pair.session()["state"]
    want = {"committed": "b", "aborted": "a"}.get(state, "?")
    check(want not in alive or pair.wait_running(want),
          f"{step}: the VM runs where the ledger says ({state})", running)
    running = never_two(pair, step, "after all")
    again, _ = pair.resolve(*args)
    check(again == 0 and pair.running() == running, f"{step}: resolve may be asked again")
