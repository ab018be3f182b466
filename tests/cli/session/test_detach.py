#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""send --detach: it ends when the other host is ready, and the session goes on without it."""
import json
import os
import signal

from hosts import Pair, check, cli, run
from cli import fails, wait_for


def is_over(pair):
    session = pair.session()
    return session and session["state"] in ("committed", "aborted", "in-doubt")


def lines_of(pair, told):
    with open(os.path.join(pair.state("a"), f"send-{told['session']}.log"), encoding="utf-8") as log:
        return [json.loads(line) for line in log if line.endswith("\n")]


def test_it_goes_on_in_the_background(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        code, told = pair.send("--detach")
        check(code == 0 and told["state"] == "detached" and told["pid"], "send says which session goes on", told)
        check(wait_for(lambda: is_over(pair)) and pair.running() == "b", "and it does")
        one = json.loads(run("status", told["session"], "--state", pair.state("a"), "--json").stdout)
        check(one["state"] == "committed" and os.path.isfile(one["log"]), "status knows it, and where its log is", one)
        check(wait_for(lambda: [line for line in lines_of(pair, told)[-1:] if line.get("reason") == "ok"]),
              "the log ends with the result")
        lines = lines_of(pair, told)
        check("commit" in [line.get("phase") for line in lines] and lines[-1]["blackout_us"] > 0,
              "after its progress", lines[-1])
        check(os.stat(one["log"]).st_mode & 0o777 == 0o600, "nobody else reads it")


def test_what_fails_before_is_told_at_once(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        pair.stop_recv()
        code, told = pair.send("--detach")
        check(code == 5 and told["vm_state"]["source"] == "running", "nobody listens: the command says so", told)
        check(pair.running() == "a" and not [name for name in os.listdir(pair.state("a")) if name.endswith(".log")],
              "and leaves nothing")
    fails(2, "usage", "send", "--detach", "--control", "x", "--to", "unix:y", "--key", "k", "--peer", "")


def test_cancel_and_signals_reach_it(directory):
    for name, how in (("cancel", lambda pair, told: pair_cancel(pair, told)),
                      ("SIGTERM", lambda pair, told: os.kill(told["pid"], signal.SIGTERM))):
        work = os.path.join(directory, name)
        os.mkdir(work)
        with Pair(work) as pair:
            pair.start_recv()
            code, told = pair.send("--detach", fault="send.pause:stall")
            check(code == 0, f"{name}: it is in the background", told)
            check(wait_for(lambda told=told: state_of(told["pid"]) == "T"), f"{name}: and stands still there")
            how(pair, told)
            os.kill(told["pid"], signal.SIGCONT)
            check(wait_for(lambda pair=pair: is_over(pair)) and pair.session()["state"] == "aborted" and
                  pair.running() == "a", f"{name} ends it, and the VM runs on here", pair.session())
            check(wait_for(lambda told=told: state_of(told["pid"]) in (None, "Z")), f"{name}: and its process")
            check(lines_of(pair, told)[-1]["reason"] == "cancelled", f"{name}: its log says why")


def pair_cancel(pair, told):
    done = run("cancel", told["session"], "--json", "--to", pair.uri, *pair.options("a"))
    check(done.returncode == 0, "cancel says ok", done.stdout)


def state_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return None


def test_killed_in_the_background(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        code, told = pair.send("--detach", fault="send.wait-done:kill")
        check(code == 0, "it is in the background", told)
        check(wait_for(lambda: state_of(told["pid"]) in (None, "Z")), "where it is killed")
        code, said = pair.resolve()
        check(code == 0 and pair.running() == "b", "resolve ends it", said)


if __name__ == "__main__":
    cli.main(__name__)
