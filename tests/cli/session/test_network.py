#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A network that fails at every message of a hand-over: exactly one VM runs, or resolve says so."""
import functools
import json
import os
import tempfile

import hosts
from hosts import Pair, check, never_two, settle
from cli import side_by_side
from relay import ACTIONS, Place, Relay

DEADLINE_MS = 400  # most cases wait until it is over
HICCUP = 0.12  # s
LONG = bool(os.environ.get("SDEI_TEST_LONG"))
HARMLESS = ("slow", "hiccup")
# By bytes where TLS hides the messages: this many places a direction.
TLS_PLACES = 12 if LONG else 3
PLAIN = ["--insecure-no-tls"]


def hand_over(pair, relay, plain):
    """Send through the relay. Returns exit code and object."""
    direct, pair.uri = pair.uri, relay.uri
    code, told = pair.send(*(PLAIN if plain else []))
    pair.uri = direct
    return code, told


def observe(plain):
    """A hand-over without a fault. Returns its messages, and the bytes of each direction."""
    with tempfile.TemporaryDirectory(prefix="net-") as directory, Pair(directory) as pair:
        pair.start_recv(*(PLAIN if plain else []))
        with Relay(pair.uri, plain) as relay:
            code, told = hand_over(pair, relay, plain)
            check(code == 0 and pair.running() == "b", "the relay itself is in nobody's way", told)
            return relay.messages, relay.bytes


def places_of(messages):
    """Each message, by its name and how many of them came before."""
    seen, places = {}, []
    for direction, name in messages:
        seen[direction, name] = seen.get((direction, name), 0) + 1
        places.append(Place(direction, name, seen[direction, name]))
    return places


def case(plain, place, action, what, deadline):
    """Returns None if the session gave up before it came to @place."""
    with tempfile.TemporaryDirectory(prefix="net-") as directory, Pair(directory, deadline) as pair:
        pair.start_recv(*(PLAIN if plain else []))
        hold = HICCUP if action in HARMLESS else 3 * deadline / 1000
        with Relay(pair.uri, plain, place=place, action=action, hold=hold) as relay:
            code, told = hand_over(pair, relay, plain)
            if not relay.done.is_set():
                return None
            if action in HARMLESS:
                check(code == 0 and pair.running() == "b", f"{what}: it is only slower", told)
                return "committed"
            running = never_two(pair, what, "after send")
            if code:
                check(told["object"] and told["side"] and all(told["vm_state"].values()) and len(told["advice"]) > 10,
                      f"{what}: the failure says what, where, what the VMs are, and what to do", json.dumps(told))
            if code == 9:
                check(pair.session()["state"] == "in-doubt", f"{what}: the ledger says in doubt, too")
            elif code == 0:
                check(running == "b", f"{what}: ok means that it runs there", told)
            else:
                check(running == "a" and told["vm_state"]["source"] == "running",
                      f"{what}: without doubt it runs here", json.dumps(told))
        settle(pair, what, args=PLAIN if plain else [])
        session = pair.session()
        return f"send ended with {code}, the session is {session['state'] if session else 'not on record'}"


def cases():
    messages, _ = observe(plain=True)
    names = [name for _, name in messages]
    del messages[names.index("DONE") + 1:], names[names.index("DONE") + 1:]  # the session is over then
    check(names[:2] == ["HELLO", "WELCOME"] and names[-2:] == ["COMMIT", "DONE"] and len(names) >= 9,
          "the relay sees every message of a plain session", names)
    for place in places_of(messages):
        for action in ACTIONS:
            yield True, place, action
    _, sizes = observe(plain=False)
    for direction, size in sizes.items():
        for i in range(TLS_PLACES):
            place = Place(direction, at=size * (2 * i + 1) // (2 * TLS_PLACES))
            for action in ACTIONS if LONG else ("partition", "reset", "cut"):
                yield False, place, action


if __name__ == "__main__":
    side_by_side(((what, (functools.partial(case, plain, place, action, what),
                          hosts.TIMEOUT_MS if action in HARMLESS else DEADLINE_MS, what))
                  for plain, place, action in cases()
                  for what in (f"{'plain' if plain else 'TLS'}: {action} at {place}",)), hosts.patiently)
