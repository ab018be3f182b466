#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sessions that were interrupted: who may say how they ended, and what nobody may say."""
import json
import os
import shutil
import signal

from hosts import Pair, check, cli, wait_stopped
from cli import run

WHY = ["--reason", "the other host burnt down"]


def lose_recv(pair, step):
    """recv dies at a step; send is in doubt."""
    pair.start_recv(fault=f"{step}:kill")
    code, told = pair.send()
    check(code == 9 and told["reason"] == "in-doubt", f"{step}: send is in doubt", told)
    check("resolve" in told["advice"], "and says what to do", told)
    pair.receiver.wait(cli.TIMEOUT)
    return told


def test_nobody_answers(directory):
    with Pair(directory) as pair:
        lose_recv(pair, "recv.commit")
        pair.uri = None
        code, told = pair.resolve()
        check(code == 9 and told["reason"] == "in-doubt", "without the peer the doubt stays", told)
        check(told["vm_state"]["source"] == "relinquished", "the VM here is given away", told)
        check(pair.running() == "", "nobody runs")
        code, told = pair.resolve("--run-on", "source")
        check(code == 2, "an operator has to say why", told)
        code, told = pair.resolve("--run-on", "source", *WHY)
        check(code == 0 and told["overridden"] and pair.runs("a"), "then his word counts", told)
        session = pair.session()
        check(session["state"] == "aborted" and session["overridden"] and WHY[1] in session["note"],
              "and is on record", session)


def test_the_operator_gives_it_away(directory):
    with Pair(directory) as pair:
        lose_recv(pair, "recv.done")
        pair.uri = None
        code, told = pair.resolve("--run-on", "destination", *WHY)
        check(code == 0 and pair.running() == "b", "the source's VM ends", told)
        check(pair.hosts["a"].vm("status")["state"] == "ended", "for good")
        run_again = run("vm", "resume", "--control", pair.control("a"), "--json")
        check(run_again.returncode != 0, "and cannot be resumed", run_again.stdout)


def test_the_peers_word_is_stronger_than_the_operators(directory):
    with Pair(directory) as pair:
        lose_recv(pair, "recv.done")
        pair.start_recv()
        code, told = pair.resolve("--run-on", "source", *WHY)
        check(code == 0 and told["peer"] == "committed" and told["state"] == "committed",
              "a peer that answers decides", told)
        check(pair.running() == "b" and not pair.session()["overridden"], "and not the operator")


def test_a_host_without_its_ledger_cannot_know(directory):
    with Pair(directory) as pair:
        lose_recv(pair, "recv.commit")
        shutil.rmtree(pair.state("b"))
        pair.start_recv()
        code, told = pair.resolve()
        check(code == 9 and pair.running() == "", "it says unknown, not aborted", told)


def test_a_vmm_that_died_before_it_was_asked(directory):
    for place, step in enumerate(("recv.open", "recv.prepared", "recv.wait-commit", "recv.commit")):
        home = os.path.join(directory, str(place))
        os.mkdir(home)
        with Pair(home) as pair:
            pair.start_recv(fault=f"{step}:stall")
            pair.start_send()
            check(wait_stopped(pair.receiver), f"{step}: it stops there")
            pair.hosts["b"].stop(signal.SIGKILL)
            pair.receiver.send_signal(signal.SIGCONT)
            told = json.loads(pair.sender.communicate(timeout=cli.TIMEOUT)[0])
            check(pair.sender.returncode == 5 and told["vm_state"] == {"source": "running",
                                                                       "destination": "none"},
                  f"{step}: a VMM that was never asked to commit did not: the VM goes on here", told)
            check(pair.running() == "a" and pair.recorded("b", "aborted") and pair.recorded("a", "aborted"),
                  f"{step}: and both ledgers know")


def test_a_host_that_lost_its_vmm_cannot_know(directory):
    with Pair(directory) as pair:
        lose_recv(pair, "recv.commit")
        pair.hosts["b"].stop(signal.SIGKILL)
        pair.start_recv()
        code, told = pair.resolve()
        check(code == 9 and pair.running() == "", "whether the VM had run is not on record", told)
        check(pair.session("b")["state"] == "in-doubt", "on neither side")
        code, told = pair.resolve(side="b")
        check(code == 9 and told["reason"] == "in-doubt", "there, too, only the operator can tell", told)
        code, told = pair.resolve("--run-on", "source", *WHY, side="b")
        check(code == 0 and pair.session("b")["state"] == "aborted", "he says it on both hosts", told)
        code, told = pair.resolve()
        check(code == 0 and pair.running() == "a", "and the VM comes back", told)


def test_recv_settles_what_it_left(directory):
    with Pair(directory) as pair:
        lose_recv(pair, "recv.wait-commit")
        check(pair.hosts["b"].vm("status")["state"] == "prepared", "a dead recv leaves it prepared")
        pair.start_recv()
        check(pair.hosts["b"].vm("status")["state"] == "ended" and
              pair.session("b")["state"] == "aborted", "the next one throws it away")
        code, told = pair.resolve()
        check(code == 0 and told["peer"] == "aborted" and pair.running() == "a",
              "and the source has it back", told)
        code, told = pair.send()
        check(code == 0 and pair.running() == "b", "the next attempt succeeds", told)


def test_only_the_sessions_peer_is_told(directory):
    with Pair(directory) as pair:
        lose_recv(pair, "recv.done")
        stranger = cli.key(directory, "x")
        pair.peer_of["b"] = os.path.join(directory, "peers")
        os.mkdir(pair.peer_of["b"])
        for prefix in (pair.keys["a"], stranger):
            shutil.copy(prefix + ".crt", pair.peer_of["b"])
        pair.start_recv()
        pair.key_of["a"] = stranger + ".key"
        code, told = pair.resolve()
        check(code == 9, "another key that is trusted as well learns nothing", told)
        del pair.key_of["a"]
        code, told = pair.resolve()
        check(code == 0 and told["peer"] == "committed", "the peer does", told)


def test_cancel_before_commit(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        pair.start_send(fault="send.wait-prepared:stall")
        check(wait_stopped(pair.sender), "send stops there")
        ident = pair.session()["session"]
        done = run("cancel", ident, "--to", pair.uri, "--json", *pair.options("a"))
        check(done.returncode == 0, "a session that waits can be cancelled", done.stdout)
        pair.sender.send_signal(signal.SIGCONT)
        out, _ = pair.sender.communicate(timeout=cli.TIMEOUT)
        check(pair.sender.returncode not in (0, 9), "send hears of it", out)
        check(pair.running() == "a", "the VM runs on here")


def test_nothing_is_decided_beside_a_send_that_lives(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        pair.start_send(fault="send.pause:stall")
        check(wait_stopped(pair.sender), "send stops there")
        pair.stop_recv()
        code, told = pair.resolve()
        check(code == 11 and told["reason"] == "busy", "its VM runs still, but send may go on", told)
        check(pair.session()["state"] == "recorded", "and nothing is written down", pair.session())
        pair.sender.kill()
        pair.sender.communicate()
        code, told = pair.resolve()
        check(code == 0 and told["state"] == "aborted", "once it is gone the VM's word counts", told)
        check(sorted(name for name in os.listdir(pair.state("a")) if not name.startswith("ledger.db")) == ["live"],
              "and nothing is left of its lock", os.listdir(pair.state("a")))


def test_cancel_after_commit(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        _, told = pair.send()
        done = run("cancel", told["session"], "--to", pair.uri, "--json", *pair.options("a"))
        said = json.loads(done.stdout)
        check(done.returncode == 4 and said["reason"] == "refused", "it is too late", said)
        check("send it from there" in said["advice"], "and what to do instead", said)
        check(pair.running() == "b", "nothing changed")


def test_a_source_killed_before_it_gave_the_vm_away(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        pair.send(fault="send.relinquish:kill")
        check(pair.wait_running("a"), "the VMM let it run by itself")
        pair.stop_recv()
        pair.uri = None
        code, told = pair.resolve()
        check(code == 0 and told["state"] == "aborted", "and resolve knows without the peer", told)


def test_a_lost_outcome_is_found_again(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        pair.send(fault="send.outcome:kill")
        check(pair.hosts["a"].vm("status")["state"] == "relinquished", "not ended yet")
        code, told = pair.resolve()
        check(code == 0 and told["state"] == "committed", "the peer says how it ended", told)
        check(pair.hosts["a"].vm("status")["state"] == "ended", "and the source follows")


if __name__ == "__main__":
    cli.main(__name__)
