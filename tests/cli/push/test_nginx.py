#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""push and pull against a real nginx with WebDAV and TLS."""
import os
import ssl
import subprocess
import sys
import urllib.request

import servers
import cli
from cli import ask, check, expect, fails, key
from scene import file, read, sealed

RANDOM = os.urandom(3 << 20)


def nginx(directory, authority, name="server", **how):
    place = os.path.join(directory, name)
    os.makedirs(place)
    certificate = how.pop("certificate", None) or authority.make(name)
    return servers.nginx(place, certificate, **how)


def test_there_and_back(directory):
    authority = servers.Authority(directory)
    snapshot, public = sealed(directory)
    ca = ("--ca", authority.path)
    with nginx(directory, authority) as url:
        there, here = url + "/vm-1", os.path.join(directory, "got")
        told = ask("push", snapshot, there, *ca)
        check(told["bytes"] == os.path.getsize(snapshot) and "insecure_no_tls" not in told, "told")
        check(read(os.path.join(directory, "server/files/vm-1")) == read(snapshot), "it is there")
        fails(1, "io", "push", snapshot, there, *ca)
        ask("push", snapshot, there, *ca, "--overwrite")
        told = ask("pull", there, here, *ca, "--trust", public)
        check(told["verified"] and read(here) == read(snapshot), "it is here, and was verified")
        check(os.stat(here).st_mode & 0o777 == 0o600, "for nobody else")
        check(not os.path.exists(here + ".part") and not os.path.exists(here + ".part.info"),
              "nothing else stays")
        refused = fails(1, "io", "pull", there, here, *ca)
        check(refused["code"] == "EEXIST" and "--overwrite" in refused["advice"], "a file is not replaced")
        ask("pull", there, here, *ca, "--overwrite")
        check(ask("verify", here, "--trust", public)["verdict"] == "verified", "what came is whole")
        missing = fails(1, "io", "pull", url + "/none", here + "2", *ca)
        check(missing["code"] == "ENOENT" and not os.path.exists(here + "2.part"), "404")


def test_pipes(directory):
    authority = servers.Authority(directory)
    snapshot, _ = sealed(directory)
    with nginx(directory, authority) as url:
        done = subprocess.run([cli.PROGRAM, "push", "-", url + "/p", "--ca", authority.path],
                              input=read(snapshot), env=cli.environment(), timeout=60, check=False,
                              capture_output=True)
        check(done.returncode == 0, "from a pipe", done.stderr.decode())
        done = expect(0, "pull", url + "/p", "-", "--ca", authority.path, text=False)
        check(done.stdout == read(snapshot), "to a pipe")
        done = expect(1, "pull", url + "/none", "-", "--ca", authority.path, text=False)
        check(done.stdout == b"", "nothing but the whole comes out")


def test_only_sealed_files(directory):
    authority = servers.Authority(directory)
    secret = file(directory, "secret", b"x" * 100)
    snapshot, public = sealed(directory)
    short = file(directory, "short", read(snapshot)[:-200])
    ca = ("--ca", authority.path)
    with nginx(directory, authority) as url:
        here = os.path.join(directory, "got")
        fails(13, "not-ours", "push", secret, url + "/x", *ca)
        fails(14, "damaged", "push", file(directory, "cut", read(snapshot)[:20]), url + "/x", *ca)
        ask("push", secret, url + "/x", *ca, "--any-file")
        fails(13, "not-ours", "pull", url + "/x", here, *ca)
        check(os.listdir(directory).count("got") == 0 and not os.path.exists(here + ".part"),
              "and nothing of it stays")
        ask("pull", url + "/x", here, *ca, "--any-file")
        ask("push", short, url + "/short", *ca, "--any-file")
        other = fails(14, "damaged", "pull", url + "/short", here + "2", *ca, "--trust", public)
        check(not os.path.exists(here + "2") and not os.path.exists(here + "2.part"), "no name", str(other))
        ask("push", snapshot, url + "/s", *ca)
        fails(15, "unknown-signer", "pull", url + "/s", here + "3", *ca, "--trust",
              key(directory, "other") + ".pub")
        check(not os.path.exists(here + "3"), "what nobody trusts gets no name")
        fails(2, "usage", "pull", url + "/s", here + "3", *ca, "--trust", public, "--any-file")


def test_who_is_there(directory):
    authority, stranger = servers.Authority(directory), os.path.join(directory, "stranger")
    os.mkdir(stranger)
    snapshot, _ = sealed(directory)
    other = servers.Authority(stranger)
    cases = (("good", {}, other.path, "another authority"),
             ("late", {"days": -1}, authority.path, "one that has run out"),
             ("name", {"names": "DNS:elsewhere.example"}, authority.path, "another name"))
    for name, how, ca, promise in cases:
        with nginx(directory, authority, name, certificate=authority.make(name, **how)) as url:
            told = fails(5, "peer-untrusted", "push", snapshot, url + "/x", "--ca", ca)
            check(told["code"] == "EACCES" and told["actual"], promise + " is refused", str(told))
            check(not os.listdir(os.path.join(directory, name, "files")), "and nothing was sent")
    with nginx(directory, authority, "plain") as url:
        fails(5, "peer-untrusted", "push", snapshot, url + "/x")
        wrong = "sha256//" + "A" * 43 + "="
        fails(5, "peer-untrusted", "push", snapshot, url + "/x", "--ca", authority.path, "--pin", wrong)
        spki = subprocess.run(["sh", "-c", f"openssl x509 -in {directory}/plain.pem -pubkey -noout | "
                               "openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64"],
                              check=True, capture_output=True, text=True, timeout=60).stdout.strip()
        ask("push", snapshot, url + "/x", "--ca", authority.path, "--pin", "sha256//" + spki)


def test_who_we_are(directory):
    authority = servers.Authority(directory)
    snapshot, _ = sealed(directory)
    mine = authority.make("client", names="DNS:client")
    ca = ("--ca", authority.path)
    with nginx(directory, authority, "mutual",
               more=f"ssl_client_certificate {authority.path}; ssl_verify_client on;") as url:
        fails(4, "refused", "push", snapshot, url + "/x", *ca)
        ask("push", snapshot, url + "/x", *ca, "--client-cert", mine[0], "--client-key", mine[1])
        fails(2, "usage", "push", snapshot, url + "/x", *ca, "--client-cert", mine[0])
    users = file(directory, "users", b"vm:{PLAIN}s3cret\n")
    with nginx(directory, authority, "basic", auth=f'auth_basic "x"; auth_basic_user_file {users};') as url:
        told = fails(4, "refused", "push", snapshot, url + "/x", *ca)
        check("401" in told["actual"], "who gives no password is told so", str(told))
        path = file(directory, "web", b"username = vm\npassword = s3cret\n")
        fails(15, "key-permissions", "push", snapshot, url + "/x", *ca, "--credentials", path)
        os.chmod(path, 0o600)
        ask("push", snapshot, url + "/x", *ca, "--credentials", path)
        fails(4, "refused", "pull", url + "/x", path + "2", *ca)
        ask("pull", url + "/x", path + "2", *ca, "--credentials", path)
        fails(2, "usage", "push", snapshot, url.replace("//", "//vm:s3cret@") + "/y", *ca)


def test_a_pull_goes_on(directory):
    authority = servers.Authority(directory)
    ca = ("--ca", authority.path, "--any-file")
    here = os.path.join(directory, "got")
    with nginx(directory, authority, "server") as url:
        path = file(os.path.join(directory, "server/files"), "big", RANDOM)
        trusting = ssl.create_default_context(cafile=authority.path)
        with urllib.request.urlopen(url + "/big", context=trusting, timeout=60) as answer:
            tag = answer.headers["ETag"]
        file(directory, "got.part", RANDOM[:1 << 20])
        file(directory, "got.part.info", f"sdei-migrate pull 1\nurl {url}/big\netag {tag}\n".encode())
        told = ask("pull", url + "/big", here, *ca)
        check(told["kept_bytes"] == (1 << 20) - 1 and not told["restarted"], "it goes on", str(told))
        check(read(here) == RANDOM, "and is whole")
        os.unlink(here)
        file(directory, "got.part", RANDOM[:1 << 20])
        file(directory, "got.part.info", f"sdei-migrate pull 1\nurl {url}/big\netag {tag}\n".encode())
        os.utime(path, (1, 1))
        told = ask("pull", url + "/big", here, *ca)
        check(told["kept_bytes"] == 0 and told["restarted"], "another object is fetched whole", str(told))
        check(read(here) == RANDOM, "and is whole")
        fails(10, "over-limit", "pull", url + "/big", here + "2", *ca, "--max-size", "1M")
        check(not os.path.exists(here + "2.part"), "nothing of what is too large is kept")
    with nginx(directory, authority, "small", limit="1m") as url:
        fails(10, "over-limit", "push", file(directory, "big", RANDOM), url + "/big", *ca)


def test_nobody_there(directory):
    snapshot, _ = sealed(directory)
    url = f"https://127.0.0.1:{servers.free_port()}/x"
    told = fails(5, "peer", "push", snapshot, url, "--tries", "2")
    check(told["code"] == "ECONNREFUSED", "nobody listens", str(told))
    fails(2, "usage", "push", snapshot, "http://127.0.0.1:1/x")
    fails(2, "usage", "push", snapshot, "ftp://127.0.0.1/x")
    fails(2, "usage", "pull", "file:///etc/passwd", snapshot + "2")


if __name__ == "__main__":
    if not servers.nginx_program():
        print("SKIP no nginx here, and it cannot be installed")
        sys.exit(77)
    cli.main(__name__)
