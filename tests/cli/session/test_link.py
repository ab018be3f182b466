#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS as others see it, pre-shared keys, keys that change while recv runs, and the rate limit."""
import json
import os
import secrets
import shutil
import subprocess
import time

from hosts import Pair, check, cli
from cli import Child, fails, key, model
from relay import Relay


UNTIL_GIVEN_UP = 8000  # ms: an openssl that has said all it has to say hangs until then


def psk_file(directory, name, *keys, mode=0o600):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="ascii") as out:
        out.write("# made for a test\n\n" + "".join(f"{who}:{secret}\n" for who, secret in keys))
    os.chmod(path, mode)
    return path


def s_client(uri, *args, certificate=None):
    """What openssl's client sees of a listener, and what it is told."""
    known = ["-cert", certificate + ".crt", "-key", certificate + ".key"] if certificate else []
    with subprocess.Popen(["openssl", "s_client", "-connect", uri.split(":", 1)[1], *known, *args],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
        return client.stdout.read()  # until the other end has had enough: then no alert was missed


def test_a_hand_over_with_a_shared_key(directory):
    secret = secrets.token_hex(32)
    with Pair(directory, UNTIL_GIVEN_UP) as pair:
        ours = psk_file(directory, "a.psk", ("pair", secret))
        theirs = psk_file(directory, "b.psk", ("other", secrets.token_hex(48)), ("pair", secret.upper()))
        for side in "ab":  # a certificate is not needed: the public key is what vouches
            os.unlink(pair.keys[side] + ".crt")
            pair.peer_of["b" if side == "a" else "a"] = pair.keys[side] + ".pub"
        pair.start_recv("--psk", theirs)
        seen = s_client(pair.uri, "-tls1_3", "-psk_identity", "pair", "-psk", secret)
        check("Reused, TLSv1.3" in seen and "Early data was not" in seen,
              "others who have the key can speak to it", seen[-900:])
        code, told = pair.send("--psk", ours)
        check(code == 0 and pair.running() == "b" and not told["insecure"], "it is handed over", told)
        printed = json.dumps(told) + str(pair.session()) + str(pair.session("b"))
        check(secret not in printed.lower(), "the key is printed nowhere")


def test_who_has_no_key_or_another(directory):
    with Pair(directory) as pair:
        pair.start_recv("--psk", psk_file(directory, "b.psk", ("pair", secrets.token_hex(32))))
        for args, why in ((["--psk", psk_file(directory, "x.psk", ("pair", secrets.token_hex(32)))], "another key"),
                          (["--psk", psk_file(directory, "y.psk", ("name", secrets.token_hex(32)))], "another name"),
                          ([], "a certificate instead")):
            code, told = pair.send(*args)
            check(code == 5 and told["vm_state"] == {"source": "running", "destination": "none"},
                  f"{why} is refused, and the VM stays", told)
            if args:
                check(told["reason"] == "peer-untrusted" and told["field"] == "pre-shared key",
                      f"{why} is called that", told)
    again = os.path.join(directory, "again")
    os.mkdir(again)
    with Pair(again) as pair:
        pair.start_recv()
        code, told = pair.send("--psk", psk_file(directory, "z.psk", ("pair", secrets.token_hex(32))))
        check(code == 5 and told["vm_state"]["source"] == "running", "a key where certificates are wanted", told)


def test_a_failure_in_words(directory):
    with Pair(directory) as pair:
        pair.start_recv("--psk", psk_file(directory, "b.psk", ("pair", secrets.token_hex(32))))
        for to, args, wanted in ((pair.uri, ["--psk", psk_file(directory, "x.psk", ("pair", secrets.token_hex(32)))],
                              "Give --psk a file with the same name and key on both hosts."),
                             ("tcp:127.0.0.1:1", [], "Look whether recv runs there")):
            done = cli.run("send", "--control", pair.control("a"), "--to", to, *pair.options("a"), *args)
            for line in ("  the source VM is now: running", "  the destination VM is now: none", "  what to do: " + wanted):
                check(line in done.stderr, f"it says {line.strip()}", done.stderr)
        done = cli.run("send", "--control", directory + "/nobody", "--to", pair.uri, *pair.options("a"))
        check("what to do: Look whether the VMM runs and listens there" in done.stderr, "a VMM that is not there is no fault "
              "of the other host", done.stderr)


def test_files_of_keys(directory):
    line = ["send", "--control", directory + "/x", "--to", "tcp:127.0.0.1:1", "--key", key(directory, "k") + ".key",
            "--peer", directory + "/k.crt", "--psk"]
    good = ("pair", secrets.token_hex(32))
    told = fails(15, "key-permissions", *line, psk_file(directory, "open", good, mode=0o640))
    check(told["expected"] == "0600" and told["actual"] == "0640", "others must not read it", told)
    for name, keys in (("short", [("pair", "ab" * 31)]), ("long", [("pair", "ab" * 65)]), ("odd", [("pair", "a" * 65)]),
                       ("hex", [("pair", "xy" * 32)]), ("nobody", [("", "ab" * 32)]),
                       ("somebody", [("a b", "ab" * 32)]), ("twice", [good, good]), ("empty", [])):
        told = fails(15, "no-key", *line, psk_file(directory, name, *keys))
        check(not any(secret in json.dumps(told) for _, secret in keys), f"{name}: what is wrong is not repeated", told)
    fails(10, "over-limit", *line, psk_file(directory, "many", *((f"n{i}", "ab" * 32) for i in range(65))))
    fails(15, "no-key", *line, directory)
    os.symlink(psk_file(directory, "real", good), directory + "/link")
    fails(15, "no-key", *line, directory + "/link")
    for carrier in (["--to", "unix:" + directory + "/u"], ["--to", "tcp:127.0.0.1:1", "--insecure-no-tls"]):
        fails(2, "usage", "send", "--control", directory + "/x", *carrier, "--key", directory + "/k.key",
              "--peer", directory + "/k.crt", "--psk", directory + "/real")


def test_the_handshake_as_others_see_it(directory):
    with Pair(directory, UNTIL_GIVEN_UP) as pair:
        pair.start_recv()
        ours = pair.keys["a"]
        seen = s_client(pair.uri, "-tls1_3", "-msg", certificate=ours)
        check("New, TLSv1.3" in seen and "NewSessionTicket" not in seen, "TLS 1.3, and no ticket", seen[-1500:])
        check("CertificateRequest" in seen, "it wants a certificate", seen[-1500:])
        check("Early data was not sent" in seen or "Max Early Data: 0" in seen, "no early data")
        for old in "-tls1_2", "-tls1_1":
            seen = s_client(pair.uri, old, certificate=ours)
            check("protocol version" in seen and "New, TLS" not in seen, f"{old[1:]} is refused by name", seen[-600:])
        seen = s_client(pair.uri, "-tls1_3", "-msg", certificate=key(directory, "stranger"))
        check("alert" in seen, "a stranger is told to go", seen[-600:])
        check(pair.send()[0] == 0, "and it still takes a VM")


def old_server(directory, name):
    """A peer that speaks nothing newer than TLS 1.2. Returns the process and its URI."""
    server = Child(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", name + ".crt", "-key", name + ".key",
                    "-tls1_2"], stderr=subprocess.DEVNULL, stdin=subprocess.PIPE, cwd=directory)
    while line := server.line():
        if line.startswith("ACCEPT"):
            return server, "tcp:127.0.0.1:" + line.strip().rsplit(":", 1)[1]
    return server, None


def test_a_peer_that_speaks_only_tls_1_2(directory):
    name = key(directory, "old", kind="p256")
    with Pair(directory) as pair:
        server, uri = old_server(directory, name)
        pair.uri = uri
        code, told = pair.send()
        server.kill()
        server.communicate()
        check(code == 5 and told["field"] == "TLS" and told["expected"] == "TLS 1.3", "it is refused by name", told)
        check("version" in told["actual"] or "protocol" in told["actual"], "and why", told)


def test_keys_are_read_again(directory):
    """A peer that is added to the folder comes in, one that is removed does not, and recv has never stopped."""
    with Pair(directory) as pair:
        known = os.path.join(directory, "known")
        os.mkdir(known)
        shutil.copy(key(directory, "somebody") + ".crt", known)
        pair.peer_of["b"] = known
        pair.start_recv()
        pid = pair.receiver.pid
        code, told = pair.send()
        check(code == 5 and told["reason"] == "peer-untrusted", "who is not in the folder is refused", told)
        shutil.copy(pair.keys["a"] + ".crt", known)
        time.sleep(1.2)
        code, told = pair.send()
        check(code == 0 and pair.running() == "b", "a second after his certificate came he is not", told)
        os.unlink(os.path.join(known, "a.crt"))
        time.sleep(1.2)
        code, told = pair.send()
        check(code == 5 and told["reason"] == "peer-untrusted", "and a second after it went he is again", told)
        check(pair.receiver.poll() is None and pair.receiver.pid == pid, "it is the same recv")
    work = os.path.join(directory, "own")
    os.mkdir(work)
    with Pair(work) as pair:
        pair.start_recv()
        fresh = key(work, "fresh")
        for kind in ".key", ".crt":
            os.replace(fresh + kind, pair.keys["b"] + kind)
        time.sleep(1.2)
        code, told = pair.send()
        check(code == 0 and pair.running() == "b", "its own key is read again, too", told)


def test_a_key_that_is_broken_changes_nothing(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        with open(pair.keys["b"] + ".key", "w", encoding="ascii") as out:
            out.write("half a key")
        time.sleep(1.2)
        code, told = pair.send()
        check(code == 0 and pair.running() == "b", "while a new key is being written the old one serves", told)


def test_the_rate_is_kept_while_the_vm_runs(directory):
    """Bytes against time as the relay sees them: being slow can only make it fewer."""
    rate = 256 << 10
    big = model(directory, "big.json", vcpus=[{"on": True} for _ in range(64)],
                memory=[{"base": "0x80000000", "size": "0x200000"}],
                exposed=[{"num": hex(0x400000 + i), "type": "private"} for i in range(64)])
    with Pair(directory, 20000, model=big) as pair:
        pair.start_recv("--insecure-no-tls")
        with Relay(pair.uri, plain=True) as relay:
            direct, pair.uri = pair.uri, relay.uri
            began = time.monotonic()
            code, told = pair.send("--insecure-no-tls", "--limit-rate", "256K")
            pair.uri = direct
            check(code == 0, "it is handed over", told)
            sent = [(at - began, count) for at, way, count in relay.samples if way == ">"]
            before = next(i for i, (_, name) in enumerate(m for m in relay.messages if m[0] == ">") if name in ("BLOB", "DELTA"))
            check(all(count <= rate * at + rate / 20 + 65536 for at, count in sent[:before]),
                  "up to the pause never more than rate times time", sent[:before])
        blob = told["blob_bytes"]
        check(blob * 1e6 / max(1, told["phases_us"]["blob"]) > 4 * rate or blob < rate / 20,
              "what the VM stands still for is exempt", told)
    fails(2, "usage", "send", "--control", "x", "--to", "unix:y", "--limit-rate", "10K")


if __name__ == "__main__":
    cli.main(__name__)
