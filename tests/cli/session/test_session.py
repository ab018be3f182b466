#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A hand-over between two hosts: what it says, over what it goes, and whom it refuses."""
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time

from hosts import PROGRAM, TLS, Pair, check, cli, wait_stopped
from cli import Host, ask, environment, expect, fails, key, start


def test_a_vm_is_handed_over(directory):
    with Pair(directory) as pair:
        before = pair.hosts["a"].vm("status")["vm"]
        pair.start_recv()
        code, told = pair.send()
        check(code == 0 and told["reason"] == "ok" and told["state"] == "committed", "send says ok", told)
        check(told["vm_state"] == {"source": "ended", "destination": "running"}, "and what both VMs are")
        check(told["blackout_us"] > 0 and told["blob_bytes"] > 0 and not told["insecure"],
              "and how long and how much")
        check(pair.running() == "b", "the VM runs there and not here")
        check(pair.hosts["a"].vm("status")["state"] == "ended", "the source's has ended")
        after = pair.hosts["b"].vm("status")["vm"]
        for part in ("uuid", "events", "filter", "guard"):
            check(before.get(part) == after.get(part), f"{part} went with it",
                  json.dumps([before.get(part), after.get(part)])[:600])
        for side in "ab":
            check(pair.recorded(side, "committed") and pair.session(side)["session"] == told["session"],
                  f"ledger {side} has the outcome")
        event = pair.receiver.said()
        check(event["event"] == "session" and event["state"] == "running" and event["exit"] == 0,
              "recv says so, too", event)
        check(pair.stop_recv() == 0, "recv ends on SIGTERM")


def test_what_a_vmm_decided_goes_along(directory):
    range_ = {"base": 0xC6000050, "count": 1}
    with Pair(directory) as pair:
        for side in "ab":
            pair.hosts[side].stop()
            path = cli.model(directory, side + ".json", kernel="7.2", vcpus=[{}, {}], answers=[range_])
            pair.hosts[side] = Host(directory, side, model=path)
        source = pair.hosts["a"]
        source.vm("filter", "forward", range_["base"], 1)
        source.vm("firmware", "psci_version", "0x10001")
        source.vm("firmware", "std_hyp", 0)
        source.vm("call", "--vcpu", 1, range_["base"])
        before = source.vm("status")
        pair.start_recv()
        code, told = pair.send()
        check(code == 0 and told["state"] == "committed", "it is handed over", told)
        after = pair.hosts["b"].vm("status")
        check(len(before["firmware"]) == 8 and before["pending_exits"][0]["vcpu"] == 1, "there was something to lose")
        check(before["filter"]["ranges"] == after["filter"]["ranges"], "the filter went along")
        for part in ("firmware", "pending_exits"):
            check(before[part] == after[part], f"{part} went along", json.dumps([before[part], after[part]]))


def test_what_stands_in_the_way_is_found_before_the_pause(directory):
    with Pair(directory) as pair:
        pair.hosts["b"].stop()
        pair.hosts["b"] = Host(directory, "b", model="minimal.json", args=["--no-script"])
        before = pair.hosts["a"].vm("status")["epoch"]
        pair.start_recv()
        code, told = pair.send()
        check(code != 0 and told["vm_state"] == {"source": "running", "destination": "none"},
              "a destination that cannot take it says so", told)
        check(told["reason"] == "incompatible", "and why", told)
        check(pair.hosts["a"].vm("status")["epoch"] == before, "and the VM was not stopped for it")
        check(pair.recorded("a", "aborted") and pair.recorded("b", "aborted"),
              "both ledgers know that nothing came of it")


def test_a_trial_leaves_no_trace(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        code, told = pair.send()
        check(code == 0 and told["phases_us"]["base"] > 0, "a base was tried out", told)
        with sqlite3.connect(os.path.join(pair.state("b"), "ledger.db")) as ledger:
            used = [bytes(row[0]).hex() if isinstance(row[0], bytes) else row[0]
                    for row in ledger.execute("SELECT snapshot FROM consumed")]
        check(len(used) == 1 and used[0].replace("-", "") == told["snapshot"].replace("-", ""),
              "one snapshot id is used up: the session's", used)


def test_there_and_back(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        check(pair.send()[0] == 0, "there")
        pair.stop_recv()
        pair.start_recv(side="a")
        code, told = pair.send(side="b")
        check(code == 0, "and back into the host it came from", told)
        check(pair.hosts["a"].vm("status")["info"]["generation"] == "0x2", "two generations later")
        check(pair.hosts["b"].vm("status")["state"] == "ended" and pair.runs("a"), "only there it runs")


def test_an_s390_vm_is_handed_over(directory):
    with Pair(directory, model="s390.json") as pair:
        pair.start_recv()
        code, told = pair.send()
        check(code == 0 and pair.running() == "b", "send says ok, and it runs there", told)
        status = pair.hosts["b"].vm("status")
        s390 = status["s390"]
        check(s390["cmma"] and s390["aes_key_wrapping"] and not s390["dea_key_wrapping"] and
              s390["topology_changed"] and 139 in s390["facilities"],
              "with its CPU model and what was on", json.dumps(s390))
        check([vcpu["power"] for vcpu in status["vcpus"]] == ["on", "on"], "both CPUs are there",
              json.dumps(status["vcpus"]))
        check(pair.hosts["b"].vm("mem read", "0x200", 8)["data"] == "0007000080000000",
              "and the memory")
        told = fails(4, "refused", "vm", "call", "--vcpu", 0, "SDEI_VERSION", "--control",
                     pair.control("b"))
        check(told["actual"] == "EOPNOTSUPP", "a guest call is nothing s390 has", json.dumps(told))


def test_an_s390_vm_finds_no_poorer_host(directory):
    with open(os.path.join(cli.MODELS, "s390.json"), encoding="utf-8") as text:
        poor = json.load(text)
    poor["s390"] = {"facilities": [0, 1, 2, 7, 11, 77, 129], "host": ["no-cmma"]}
    with Pair(directory, model="s390.json") as pair:
        pair.hosts["b"].stop()
        pair.hosts["b"] = Host(directory, "b", args=["--no-script"],
                               model=cli.model(directory, "poor.json", **poor))
        pair.start_recv()
        code, told = pair.send()
        check(code == 6 and told["object"] == "s390 facility 76" and pair.running() == "a",
              "it stays where it is, and the first reason is told", told)
        check({each["object"] for each in told["obstacles"]} ==
              {"s390 facility 76", "s390 facility 139", "s390 facility 146", "s390 CMMA"},
              "beside all others", json.dumps(told)[:900])
        sealed = os.path.join(directory, "s390.snap")
        ask("snapshot", "--control", pair.control("a"), "--key", pair.keys["a"] + ".key", "-o", sealed,
            "--any-destination")
        told = ask("check", "--control", pair.control("b"), "--trust", pair.keys["a"] + ".pub", sealed,
                   code=6)
        check({told["object"] for told in told["obstacles"]} ==
              {"s390 facility 76", "s390 facility 139", "s390 facility 146", "s390 CMMA"},
              "check tells them all", json.dumps(told)[:900])
        shown = ask("show", "--trust", pair.keys["a"] + ".pub", sealed)["state"]
        check(shown["s390"]["clock"]["tod"] != "0x0" and shown["s390"]["aes_key_wrapping"] and
              shown["guard"] is None,
              "show tells what a file holds of it", json.dumps(shown["s390"])[:600])
        expect(0, "diff", sealed, sealed)


def test_every_way(directory):
    for name, listen in (("unix", "unix:" + os.path.join(directory, "s")), ("tls", TLS),
                         ("exec", None)):
        place = os.path.join(directory, name)
        os.mkdir(place)
        with Pair(place, listen=listen or TLS) as pair:
            pair.start_recv("--once")
            if not listen:
                port = pair.uri.rsplit(":", 1)[1]
                relay = os.path.join(place, "relay.py")
                with open(relay, "w", encoding="utf-8") as out:
                    out.write(RELAY)
                pair.uri = f"exec:exec python3 {relay} {port}"
            code, told = pair.send()
            check(code == 0 and pair.running() == "b", f"{name}: the VM goes over", told)
            check(pair.receiver.wait(cli.TIMEOUT) == 0, f"{name}: recv --once ends with 0")


RELAY = """import os, select, socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
ways = {0: peer.fileno(), peer.fileno(): 1}
while ways:
    for fd in select.select(list(ways), [], [])[0]:
        data = os.read(fd, 65536)
        if not data:
            sys.exit(0)
        os.write(ways[fd], data)
"""


def test_a_receiver_as_a_child(directory):
    with Pair(directory) as pair:
        options = " ".join(pair.options("b"))
        pair.uri = (f"exec:exec {cli.PROGRAM} recv --listen fd:0 --once --json "
                    f"--control {pair.control('b')} {options}")
        code, told = pair.send()
        check(code == 0 and pair.running() == "b", "events of recv do not get among the session's bytes", json.dumps(told))


def test_a_receiver_behind_two_pipes(directory):
    with Pair(directory) as pair:
        options = " ".join(pair.options("b"))
        # As sshd starts it: standard input and output are two pipes, not one socket.
        pair.uri = (f"exec:cat | {cli.PROGRAM} recv --listen fd:0,1 --once --json "
                    f"--control {pair.control('b')} {options} | cat")
        code, told = pair.send()
        check(code == 0 and pair.running() == "b", "fd:0,1 takes both", json.dumps(told))


def test_ports_beyond_the_last(directory):
    with Pair(directory) as pair:
        pair.uri = "tcp:127.0.0.1:65537"
        code, told = pair.send()
        check(code == 2 and told["reason"] == "usage" and told["field"] == "address", "there is no port 65537",
              json.dumps(told))


def test_plain_tcp_must_be_asked_for(directory):
    with Pair(directory) as pair:
        pair.start_recv("--insecure-no-tls")
        code, told = pair.send()
        check(code == 5 and pair.runs("a"), "TLS does not talk to plain TCP", told)
        code, told = pair.send("--insecure-no-tls")
        check(code == 0 and told["insecure"] and pair.running() == "b",
              "asked for it works, and says so", told)


def test_strangers_are_refused(directory):
    stranger = key(directory, "x")
    with Pair(directory) as pair:
        pair.start_recv()
        wrong = [PROGRAM, "send", "--control", pair.control("a"), "--to", pair.uri, "--json",
                 "--state", pair.state("a"), "--timeout", str(pair.timeout)]
        for promise, extra in (
                ("an unknown client", ["--key", stranger + ".key", "--peer", pair.keys["b"] + ".crt"]),
                ("an unknown server", ["--key", pair.keys["a"] + ".key", "--peer", stranger + ".crt"])):
            done = subprocess.run([*wrong, *extra], capture_output=True, text=True, timeout=60,
                                  env=environment())
            told = json.loads(done.stdout)
            check(done.returncode == 5 and told["exit"] == 5, f"{promise} is refused", told)
            check(told["reason"] in ("peer-untrusted", "peer"), f"{promise}: the reason", told)
            check(told["field"] and told["expected"] and told["actual"],
                  f"{promise}: what was expected of whom", told)
            check(told["vm_state"] == {"source": "running", "destination": "none"},
                  f"{promise}: what both VMs are", told)
        check(pair.session() is None and pair.session("b") is None, "nothing was written down")
        pair.stop_recv()
        # Over a unix socket there is no TLS: the session's own signatures refuse them.
        pair.listen = "unix:" + os.path.join(directory, "s")
        pair.start_recv()
        wrong[5] = pair.uri
        done = subprocess.run([*wrong, "--key", stranger + ".key", "--peer", pair.keys["b"] + ".crt"],
                              capture_output=True, text=True, timeout=60, env=environment())
        check(done.returncode == 5 and json.loads(done.stdout)["reason"] == "peer-untrusted",
              "also without TLS", done.stdout)
        check(pair.running() == "a", "the VM never left")


def test_hostile_and_silent_peers_cost_nothing(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        port = int(pair.uri.rsplit(":", 1)[1])
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        loud = socket.create_connection(("127.0.0.1", port))
        loud.sendall(b"GET / HTTP/1.1\r\n\r\n" * 1000)
        code, told = pair.send()
        check(code == 0 and pair.running() == "b", "others hold up nobody", told)
        for connection in [*silent, loud]:
            connection.close()


def test_a_server_that_never_answers(directory):
    with Pair(directory, timeout=1000) as pair:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            pair.uri = f"tcp:127.0.0.1:{mute.getsockname()[1]}"
            began = time.monotonic()
            code, told = pair.send()
            check(code == 5 and told["reason"] == "timeout", "is given up", told)
            check(time.monotonic() - began < 30, "in time")
            check(pair.running() == "a", "and the VM runs on")
        code, told = pair.send()
        check(code == 5 and told["reason"] == "peer", "nobody there is the network's failure", told)


def test_a_destination_that_cannot(directory):
    with Pair(directory) as pair:
        pair.hosts["b"].vm("call", "--vcpu", "0", "SDEI_PE_UNMASK")
        pair.start_recv()
        code, told = pair.send()
        check(code == 11 and told["reason"] == "vm-not-fresh" and pair.runs("a"),
              "a VM with a life of its own is not overwritten", told)
        check(told["side"] == "destination", "and it is said which side refused", told)
        pair.stop_recv()
        pair.start_recv()
        pair.hosts["b"].stop()
        code, told = pair.send()
        check(code == 5 and pair.runs("a"), "a VMM that is gone cannot take one", told)
        pair.stop_recv()
        told = fails(5, "peer", "recv", "--listen", TLS, "--control", pair.control("b"),
                     *pair.options("b"))
        check(told["object"] == pair.control("b"), "and recv does not start for nobody", told)
        fails(1, "io", "recv", "--listen", TLS, "--vms", directory + "/typo", *pair.options("b"))


def test_one_session_at_a_time(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        pair.start_send(fault="send.wait-prepared:stall")
        first = pair.sender
        check(wait_stopped(first), "a session stands still on its way")
        code, told = pair.send()
        check(code == 11 and told["reason"] == "busy", "a second session is told busy", told)
        first.send_signal(signal.SIGCONT)
        out, _ = first.communicate(timeout=cli.TIMEOUT)
        check(first.returncode == 0 and pair.running() == "b", "the first one goes on", out)


def test_folder_of_vms(directory):
    with Pair(directory) as pair:
        uuid = pair.hosts["a"].vm("status")["info"]["uuid"]
        folder = os.path.join(directory, "vms")
        os.mkdir(folder)
        there = Host(folder, uuid, args=["--no-script"])
        try:
            pair.receiver = start("recv", "--listen", TLS, "--vms", folder, "--json", *pair.options("b"))
            pair.uri = pair.receiver.said()["uri"]
            code, told = pair.send()
            check(code == 0, "the VM finds the socket of its UUID", told)
            check(there.vm("status")["info"]["generation"] == "0x1", "and runs there")
        finally:
            there.stop()


def test_stay_paused(directory):
    with Pair(directory) as pair:
        pair.start_recv("--stay-paused")
        code, told = pair.send()
        check(code == 0 and told["vm_state"]["destination"] == "paused", "the VM goes over", told)
        check(pair.running() == "", "and waits")
        expect(0, "vm", "resume", "--control", pair.control("b"))
        check(pair.running() == "b", "for vm resume")


def test_a_paused_vm_arrives_paused(directory):
    with Pair(directory) as pair:
        expect(0, "vm", "pause", "--control", pair.control("a"))
        pair.start_recv()
        code, told = pair.send()
        check(code == 0 and told["vm_state"]["destination"] == "paused", "a held VM goes over", told)
        check(pair.running() == "" and pair.hosts["b"].vm("status")["held"], "and is held there")
        expect(0, "vm", "resume", "--control", pair.control("b"))
        check(pair.running() == "b", "until an operator resumes it")


def test_usage(directory):
    prefix = key(directory, "k")
    common = ["--key", prefix + ".key", "--peer", prefix + ".crt", "--state", directory + "/s"]
    fails(2, "usage", "recv", "--listen", TLS, *common)
    told = fails(1, "io", "recv", "--listen", "unix:" + directory, "--control", "c", *common)
    check(told["actual"] == "a folder", "a folder is no place to listen at", told)
    fails(1, "io", "recv", "--listen", "unix:/nonexistent/s", "--control", "c", *common)
    fails(2, "usage", "recv", "--listen", "ftp:x", "--control", "c", *common)
    fails(2, "usage", "send", "--control", "c", "--to", TLS, "--key", prefix + ".key")
    fails(15, "no-key", "send", "--control", "c", "--to", TLS, "--key", "/nonexistent", "--peer", prefix + ".crt")
    for verb in ("resolve", "cancel", "status"):
        told = fails(2, "usage", verb, "not-an-id", *(common if verb == "resolve" else common[-2:]))
        check(told["field"] == "ID" and told["actual"] == "not-an-id", f"{verb} quotes it", told)
    fails(2, "usage", "resolve", "11111111-2222-3333-4444-555555555555", *common)
    fails(2, "usage", "resolve", "11111111-2222-3333-4444-555555555555", "--run-on", "source", *common)
    os.chmod(prefix + ".key", 0o644)
    fails(15, "key-permissions", "recv", "--listen", TLS, "--control", "c", *common)
    check(ask("status", "--state", directory + "/s") == {"sessions": []}, "and no session began")
    told = fails(2, "usage", "status", "--state", directory + "/typo")
    check(told["field"] == "--state" and not os.path.exists(directory + "/typo"),
          "a folder without a ledger is a mistake, and status makes none", told)


if __name__ == "__main__":
    cli.main(__name__)
