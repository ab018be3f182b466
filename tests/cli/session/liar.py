# SPDX-License-Identifier: Apache-2.0
"""Messages of a session taken apart, changed, put together and signed: what a peer that lies would say.

Written from docs/protocol.md; nothing of the program is used.
"""
import hashlib
import os
import struct
import subprocess
import tempfile

FIELD = struct.Struct("<HHI")
VERSION_MAX, VERSION, LIMIT, FEATURES, NONCE, SESSION, VM, KEY = 2, 3, 4, 5, 6, 7, 8, 9
SIGNATURE, SNAPSHOT, GENERATION, HELD, BLOB, DIGEST = 10, 11, 12, 21, 17, 18
KEPT, SPENT = 25, 27
COMMITTED, ABORTED = 1, 2
DELTA_FEATURE = 4


def parse(body):
    """[(tag, bytes)] of a body, in order."""
    fields, at = [], 0
    while at < len(body):
        tag, _, size = FIELD.unpack_from(body, at)
        fields.append((tag, body[at + FIELD.size:at + FIELD.size + size]))
        at += FIELD.size + size
    return fields


def build(fields):
    return b"".join(FIELD.pack(tag, 0, len(value)) + value for tag, value in fields)


def with_field(body, tag, value):
    """The body with another value of one field; None takes it out."""
    return build([(name, value if name == tag else old) for name, old in parse(body)
                  if name != tag or value is not None])


def field(body, tag):
    return dict(parse(body))[tag]


def sign(prefix, kind, message):
    """A signature over DSSE's pre-authentication encoding."""
    encoded = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(message), message)
    with tempfile.NamedTemporaryFile() as file:
        file.write(encoded)
        file.flush()
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", prefix + ".key", "-in", file.name],
                              capture_output=True, check=True).stdout


def key_id(prefix):
    """SHA-256 of a key's SubjectPublicKeyInfo."""
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", prefix + ".pub", "-outform", "DER"],
                         capture_output=True, check=True).stdout
    return hashlib.sha256(der).digest()


class Talk:
    """What a session has said so far, as a relay hears it; the base of every lie.

    A lie is a method called after the message it changes; it returns what goes on instead. Unless it says so, it hears two
    movers that know no deltas.
    """
    deltas = False

    def __init__(self, keys):
        self.keys, self.hello, self.welcome = keys, None, None
        self.drip = None  # the direction in which HEARTBEATs go for ever

    def __call__(self, direction, name, body):
        if name == "HELLO":
            self.hello = body
        elif name == "WELCOME":
            self.welcome = body
        if name in ("HELLO", "WELCOME") and not self.deltas:
            features = struct.unpack("<Q", field(body, FEATURES))[0] & ~DELTA_FEATURE
            body = with_field(body, FEATURES, struct.pack("<Q", features))
        change = getattr(self, name.lower() + "_" if name in ("HELLO", "WELCOME") else name.lower(), None)
        return change(direction, body) if change else [(direction, name, body)]

    def transcript(self, welcome=None):
        """Of a plain carrier: the exporter value is zero."""
        theirs = welcome or self.welcome
        return struct.pack("<I", 1) + bytes(32) + field(self.hello, NONCE) + field(theirs, NONCE) + \
            field(self.hello, SESSION) + field(self.hello, VM) + field(self.hello, KEY) + field(theirs, KEY)

    def signed_welcome(self, body):
        """A changed WELCOME with the destination's own signature."""
        return with_field(body, SIGNATURE, sign(self.keys["b"], "sdei-migrate/session/welcome", self.transcript(body)))

    def outcome(self, number, session=None, who="b"):
        """The signature of an outcome."""
        message = (session or field(self.hello, SESSION)) + field(self.hello, VM) + \
            struct.pack("<I", number) + key_id(self.keys[who])
        return sign(self.keys[who], "sdei-migrate/session/outcome", message)
