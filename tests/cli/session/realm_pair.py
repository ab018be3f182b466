# SPDX-License-Identifier: Apache-2.0
"""Two hosts between which a realm moves."""
import base64
import hashlib
import json
import os
import subprocess

from hosts import Pair, cli, key
from realms import SIZE, Realm, description

# The same key in each form that a verifier's trust anchors have.
P384_COORDINATE = 48


def public_point(path):
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", path, "-outform", "DER"], check=True,
                         capture_output=True).stdout
    return der[-1 - 2 * P384_COORDINATE:]


def as_jwk(point):
    x, y = point[1:1 + P384_COORDINATE], point[1 + P384_COORDINATE:]
    return {"kty": "EC", "crv": "P-384", **{
        name: base64.urlsafe_b64encode(value).decode().rstrip("=")
        for name, value in (("x", x), ("y", y))}}


def as_store(point, profile=b"tag:arm.com,2023:cca_platform#1.0.0\0"):
    """The platform of a model is named after its key."""
    return [{"pkey": as_jwk(point), "instance-id": "01" + hashlib.sha256(point).hexdigest(),
             "implementation-id": hashlib.sha256(profile).hexdigest()}]


def write_json(directory, name, value):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as out:
        json.dump(value, out)
    return path


class RealmPair(Pair):
    """Source A with a realm that is being built, destination B with an empty one and a platform of its own."""

    def __init__(self, directory, size=SIZE, **how):
        self.platform = key(directory, "platform", "p384")
        self.other = key(directory, "other", "p384")
        self.here = description(directory, size=size)
        self.there = description(directory, "there.json", size=size, **how)
        super().__init__(directory)

    def serve(self):
        return {"a": cli.Host(self.directory, "a", model=self.here),
                "b": cli.Host(self.directory, "b", model=self.there,
                              args=["--platform-key", self.platform + ".key"])}

    def realm(self, side="a"):
        return self.hosts[side].vm("status")["realm"]

    def anchor(self):
        return ["--realm-anchor", self.platform + ".pub"]


class BuiltPair(RealmPair):
    """The same with the realm built, for a send that says what it takes by itself."""

    def __enter__(self):
        Realm(self.hosts["a"]).build()
        return self

    def start_send(self, *args, **how):
        super().start_send(*self.anchor(), *args, **how)
