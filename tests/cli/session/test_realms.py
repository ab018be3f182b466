#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A realm from host to host: built again there, attested before the source gives it up."""
import contextlib
import json
import os
import random
import resource

from hosts import check, cli
from realm_pair import RealmPair, as_jwk, as_store, public_point, write_json
from realms import RAM, Realm

FLAT = 16 << 20  # bytes, less than the pages

def test_a_new_realm_is_handed_over(directory):
    with RealmPair(directory) as pair:
        before = Realm(pair.hosts["a"]).build().status()
        pair.start_recv("--once")
        code, told = pair.send(*pair.anchor())
        check(code == 0 and told["realm"] == {"start": "exact", "rems": "zero",
                                              "rim": before["rim"], "token": "verified"},
              "it is there, and its token holds", json.dumps(told))
        check(pair.realm("b") == before and pair.running() == "b", "the same realm, once",
              json.dumps(pair.realm("b")))


def test_an_active_realm_starts_again(directory):
    with RealmPair(directory) as pair:
        realm = Realm(pair.hosts["a"]).build().activate()
        realm.extend(1, b"measured")
        pair.start_recv()
        code, told = pair.send(*pair.anchor())
        check(code == 6 and told["object"] == "realm" and told["actual"] == "active" and
              pair.running() == "a", "without the word it stays", json.dumps(told))
        code, told = pair.send("--cold", *pair.anchor())
        after = pair.realm("b")
        check(code == 0 and told["realm"]["start"] == "cold" and told["realm"]["rems"] == "reset",
              "with it, it starts again", json.dumps(told))
        check(after["state"] == "active" and after["rim"] == realm.status()["rim"] and
              set("".join(after["rem"])) == {"0"}, "with the same RIM and no REMs",
              json.dumps(after))


def test_a_token_that_does_not_hold(directory):
    with RealmPair(directory) as pair:
        Realm(pair.hosts["a"]).build()
        pair.start_recv()
        code, told = pair.send()
        check(code == 12 and told["reason"] == "nothing-to-verify" and pair.running() == "a",
              "without an anchor nothing begins", json.dumps(told))
        code, told = pair.send("--realm-anchor", pair.other + ".pub")
        check(code in (3, 15) and told["object"] == "realm token" and pair.running() == "a",
              "another platform's token is refused, and the realm stays", json.dumps(told))
        check(told["vm_state"]["destination"] == "none" and
              pair.hosts["b"].vm("status")["realm"]["state"] == "none",
              "what was staged is thrown away", json.dumps(told))
        code, told = pair.send("--realm-token", "none")
        check(code == 0 and told["realm"]["token"] == "not asked for" and pair.running() == "b",
              "unless nobody asks", json.dumps(told))


def test_anchors_have_the_forms_of_a_verifiers(directory):
    with RealmPair(directory) as pair:
        Realm(pair.hosts["a"]).build()
        point, other = public_point(pair.platform + ".pub"), public_point(pair.other + ".pub")
        swapped = [{**as_store(other)[0], "pkey": as_jwk(point)}]
        pair.start_recv()
        for name, value, codes in (("broken.json", {"kty": "EC"}, (15,)),
                                   ("other.json", as_jwk(other), (3, 15)),
                                   ("swapped.json", swapped, (3, 15))):
            code, told = pair.send("--realm-anchor", write_json(directory, name, value))
            check(code in codes and pair.running() == "a", f"{name} is refused", json.dumps(told))
        store = write_json(directory, "ta.json", as_store(other) + as_store(point))
        code, told = pair.send("--realm-anchor", store)
        check(code == 0 and told["realm"]["token"] == "verified", "a store has many platforms",
              json.dumps(told))


def test_an_anchor_may_be_a_jwk(directory):
    with RealmPair(directory) as pair:
        Realm(pair.hosts["a"]).build()
        jwk = write_json(directory, "key.jwk", as_jwk(public_point(pair.platform + ".pub")))
        pair.start_recv("--once")
        code, told = pair.send("--realm-anchor", jwk)
        check(code == 0 and told["realm"]["token"] == "verified", "one platform's key",
              json.dumps(told))


def test_contents_beside_the_session(directory):
    images = os.path.join(directory, "images", "")
    os.mkdir(images)
    with RealmPair(directory) as pair:
        realm = Realm(pair.hosts["a"]).build()
        pair.start_recv()
        code, told = pair.send("--realm-contents", "ref=" + images, *pair.anchor())
        check(code == 0 and pair.realm("b") == realm.status(), "they are found there",
              json.dumps(told))


@contextlib.contextmanager
def little_memory(size):
    """For the programs that are started meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (size, hard))
    if cli.run("--version").returncode:
        print("a sanitizer wants more memory than the limit: only that it works is tested")
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def test_more_pages_than_one_message_takes(directory):
    size = 26 << 20
    with RealmPair(directory, size=size) as pair:
        pair.timeout = 20000
        realm = Realm(pair.hosts["a"]).build_of(random.Random(4).randbytes(size))
        pair.start_recv("--max-state", "24M")
        code, told = pair.send(*pair.anchor())
        check(code == 10 and told["reason"] == "over-limit" and pair.running() == "a" and
              "25165824" in told["expected"] and "--realm-contents ref=" in told["expected"],
              "a host that does not take as much is named, with the way out", json.dumps(told))
        pair.stop_recv()
        with little_memory(FLAT):
            pair.start_recv("--once")
            code, told = pair.send(*pair.anchor())
        check(code == 0 and told["realm"]["token"] == "verified" and
              pair.realm("b") == realm.status() and pair.running() == "b",
              "they go in pieces, and the memory of neither mover grows", json.dumps(told))


def test_a_destination_that_cannot(directory):
    with RealmPair(directory, host_levels={"rmm_features": hex(40 | 1 << 14 | 1 << 20 | 1 << 32)}) \
            as pair:
        Realm(pair.hosts["a"]).build()
        pair.start_recv()
        code, told = pair.send(*pair.anchor())
        check(code == 6 and told["side"] == "destination" and told["field"] == "hash" and
              pair.running() == "a", "it says so before anything is built", json.dumps(told))


def test_pages_that_change_underway(directory):
    images = os.path.join(directory, "images", "")
    os.mkdir(images)
    with RealmPair(directory) as pair:
        Realm(pair.hosts["a"]).build()
        empty = os.path.join(directory, "elsewhere")
        os.mkdir(empty)
        pair.start_recv("--realm-contents", empty)
        how = ["--realm-contents", "ref=" + images, *pair.anchor()]
        code, told = pair.send(*how)
        check(code == 75 and pair.running() == "a", "pages that are not there", json.dumps(told))
        name = os.listdir(images)[0]
        with open(images + name, "rb") as pages, open(os.path.join(empty, name), "wb") as out:
            data = bytearray(pages.read())
            data[4096 * 3] ^= 1
            out.write(data)
        code, told = pair.send(*how)
        check(code == 8 and told["object"] == f"realm step 2 (populate {hex(RAM)})" and
              told["field"] == "page-content" and "page 0x80003000" in told["actual"] and
              pair.running() == "a", "the page that differs is named, and the realm stays",
              json.dumps(told))


if __name__ == "__main__":
    cli.main(__name__)
