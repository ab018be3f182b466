#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens made here, by another hand: a CBOR writer of a few lines, and openssl for keys and signatures.

Both envelopes, three curves, all profiles, every kind of trust anchor; then each rule broken by itself.
"""
import base64
import functools
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "cli"))
import cli
from cli import check, run

CURVES = {"P-256": ("prime256v1", -7, 32, "sha256"), "P-384": ("secp384r1", -35, 48, "sha384"),
          "P-521": ("secp521r1", -36, 66, "sha512")}
COSE_CURVE = {"P-256": 1, "P-384": 2, "P-521": 3}
LEGACY, PLATFORM_1, REALM_1, REALM_2 = ("http://arm.com/CCA-SSD/1.0.0", "tag:arm.com,2023:cca_platform#1.0.0",
                                       "tag:arm.com,2023:realm#1.0.0", "tag:arm.com,2024:realm#2.0.0")
REALM, PLATFORM = 44241, 44234


def head(major, value):
    for code, form, limit in ((24, ">B", 1 << 8), (25, ">H", 1 << 16), (26, ">I", 1 << 32)):
        if value < 24:
            return bytes([major << 5 | value])
        if value < limit:
            return bytes([major << 5 | code]) + struct.pack(form, value)
    return bytes([major << 5 | 27]) + struct.pack(">Q", value)


class Raw(bytes):
    """CBOR that is there already."""


class Tag:
    def __init__(self, number, value):
        self.number, self.value = number, value


def cbor(value):
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, Tag):
        return head(6, value.number) + cbor(value.value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())
    return head(0, value) if value >= 0 else head(1, -1 - value)


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, capture_output=True, check=True).stdout


KEYS = tempfile.TemporaryDirectory(prefix="made-tokens-")


class Key:
    def __init__(self, name, curve):
        self.curve, self.path = curve, os.path.join(KEYS.name, f"{name}-{curve}.key")
        group, self.alg, self.size, self.hash = CURVES[curve]
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{group}", "-out", self.path)
        self.pem = openssl("pkey", "-in", self.path, "-pubout")
        self.point = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-1 - 2 * self.size:]
        self.x, self.y = self.point[1:1 + self.size], self.point[1 + self.size:]

    def sign(self, data):
        der = openssl("dgst", "-" + self.hash, "-sign", self.path, data=data)
        at, parts = 3 if der[1] & 0x80 else 2, []
        for _ in range(2):
            length = der[at + 1]
            parts.append(der[at + 2:at + 2 + length].lstrip(b"\0").rjust(self.size, b"\0"))
            at += 2 + length
        return b"".join(parts)

    def jwk(self):
        def b64(part):
            return base64.urlsafe_b64encode(part).decode().rstrip("=")
        return {"kty": "EC", "crv": self.curve, "x": b64(self.x), "y": b64(self.y)}

    def cose(self):
        return cbor({1: 2, -1: COSE_CURVE[self.curve], -2: self.x, -3: self.y})


@functools.cache
def key(name, curve="P-384"):
    return Key(name, curve)


class Token:
    """A good one; a test changes what it wants wrong and then asks for the bytes."""

    def __init__(self, curve="P-384", rak_curve="P-384", profile=REALM_1, tag=399):
        self.cpak, self.rak, self.tag = key("cpak", curve), key("rak", rak_curve), tag
        public = self.rak.cose() if profile else self.rak.point
        self.realm = {10: bytes(range(64)), 44235: b"\x5a" * 64, 44236: "sha-256", 44237: public, 44238: b"\x11" * 32,
                      44239: [bytes([i]) * 32 for i in range(4)], 44240: "sha-256"}
        if profile:
            self.realm[265] = profile
        if profile == REALM_2:
            self.realm.update({256: b"\1" + bytes(32), 44243: 0})
        self.platform = {265: PLATFORM_1 if profile else LEGACY, 10: None, 2396: b"\x22" * 32, 256: b"\1" + b"\x33" * 32,
                         2401: b"config", 2395: 0x3000, 2402: "sha-256",
                         2399: [{2: b"\x44" * 32, 5: b"\x55" * 32, 1: "BL", 4: "1.0"}]}
        self.sign1 = lambda key, payload: Tag(18, [cbor({1: key.alg}), {}, payload, self.signature(key, payload)])

    def signature(self, key, payload, protected=None):
        return key.sign(cbor(["Signature1", cbor({1: key.alg}) if protected is None else protected, b"", payload]))

    def bytes(self):
        if self.platform.get(10, b"") is None:
            name = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}[self.realm[44240]]
            self.platform[10] = hashlib.new(name, self.realm[44237]).digest()
        half = {PLATFORM: cbor(self.sign1(self.cpak, cbor(self.platform))),
                REALM: cbor(self.sign1(self.rak, cbor(self.realm)))}
        return cbor(Tag(self.tag, half if self.tag == 399 else {k: [263, v] for k, v in half.items()}))


def verify(directory, data, anchor, *more):
    path = os.path.join(directory, "token")
    with open(path, "wb") as file:
        file.write(data)
    done = run("verify", "--token", path, "--trust-anchor", anchor, "--json", *(more or ("--hash", "sha-256")))
    return done.returncode, json.loads(done.stdout)


def anchor_of(directory, key):
    path = os.path.join(directory, "anchor.pem")
    with open(path, "wb") as file:
        file.write(key.pem)
    return path


def test_every_form_is_verified(directory):
    for tag in (399, 907):
        for curve in CURVES:
            for profile in (None, REALM_1, REALM_2):
                # A raw RAK is a P-384 point (the RMM makes no other).
                token = Token(curve, curve if profile else "P-384", profile, tag)
                code, told = verify(directory, token.bytes(), anchor_of(directory, token.cpak), "--rim", "11" * 32,
                                    "--rem", "2=" + "02" * 32, "--rpv", "5a" * 64, "--challenge",
                                    bytes(range(64)).hex())
                check(code == 0, f"{tag} {curve} {profile}", json.dumps(told))
    for name in ("sha-384", "sha-512"):
        token = Token()
        token.realm[44240] = name
        code, told = verify(directory, token.bytes(), anchor_of(directory, token.cpak))
        check(code == 0, f"bound by {name}", json.dumps(told))


def test_every_kind_of_anchor(directory):
    token = Token()
    data, jwk = token.bytes(), token.cpak.jwk()
    ids = {"implementation-id": "22" * 32, "instance-id": "01" + "33" * 32}
    other = key("other").jwk()
    for number, (content, want) in enumerate((
            (jwk, 0), ({"pkey": jwk, **ids}, 0), ([{"pkey": jwk, **ids}], 0), ([{"pkey": jwk}], 0),
            ([{"pkey": other, **ids}], 3), ([{"pkey": jwk, **dict(ids, **{"instance-id": "01" + "34" * 32})}], 15),
            ([{"pkey": other, **dict(ids, **{"implementation-id": "23" * 32})}, {"pkey": jwk, **ids}], 0), (other, 3),
            ([], 15), ({}, 15), (dict(jwk, crv="P-256"), 15), (dict(jwk, x="AAAA"), 15), (dict(jwk, x=jwk["y"]), 15),
            ([{"pkey": jwk, "implementation-id": "22" * 32}], 15), ([{"pkey": jwk, **dict(ids, **{"instance-id": "z"})}], 15))):
        path = os.path.join(directory, f"anchor{number}.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)
        code, told = verify(directory, data, path)
        check(code == want, f"anchor {number} ends with {want}", json.dumps([content, told]))
    for content in (b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", b"\0" * 100,
                    openssl("genpkey", "-algorithm", "ED25519")):
        path = os.path.join(directory, "bad.pem")
        with open(path, "wb") as file:
            file.write(content)
        check(verify(directory, data, path)[0] == 15, "a file without an EC key is no anchor", repr(content[:40]))


def broken_realm(**changes):
    """Claims by number, None takes one away."""
    return lambda token: put(token.realm, changes)


def broken_platform(**changes):
    return lambda token: put(token.platform, changes)


def put(claims, changes):
    for name, value in changes.items():
        if value is None:
            claims.pop(int(name[1:]))
        else:
            claims[int(name[1:])] = value


def test_every_missing_claim_and_wrong_size(directory):
    rows = [(f"realm without {n}", broken_realm(**{f"c{n}": None})) for n in (10, 44235, 44236, 44238, 44239)]
    rows += [(f"platform without {n}", broken_platform(**{f"c{n}": None}))
             for n in (10, 256, 265, 2395, 2396, 2399, 2401, 2402)]
    rows += [(f"realm {n} is {v!r}", broken_realm(**{f"c{n}": v})) for n, v in (
        (10, bytes(63)), (10, bytes(65)), (10, "x" * 64), (44235, bytes(63)), (44235, 7), (44236, "md5"), (44236, b"sha-256"),
        (44238, bytes(31)), (44238, bytes(33)), (44238, bytes(96)), (44239, [bytes(32)] * 3), (44239, [bytes(32)] * 5),
        (44239, [bytes(32)] * 3 + [bytes(20)]), (44239, bytes(128)), (44239, []), (265, "tag:arm.com,2023:realm#9.0.0"),
        (265, 1), (256, bytes(33)), (44243, 2), (44243, "x"), (44240, "sha-1"))]
    rows += [(f"platform {n} is {v!r}", broken_platform(**{f"c{n}": v})) for n, v in (
        (10, bytes(20)), (256, b"\1" * 32), (256, b"\0" + bytes(32)), (265, "x"), (2395, 0x7000), (2395, -1), (2395, "secured"),
        (2395, 0x3100), (2396, bytes(31)), (2396, "x" * 32), (2399, []), (2399, [{2: bytes(32)}]), (2399, [{5: bytes(32)}]),
        (2399, [{2: bytes(31), 5: bytes(32)}]), (2399, [7]), (2399, {}), (2401, "config"), (2402, "sha-1"), (2402, 5),
        (2400, 5))]
    rows += [("realm without 44240", broken_realm(c44240=None)), ("realm without 44237", broken_realm(c44237=None))]
    rows += [(f"a RAK of {len(rak)} bytes", broken_realm(c44237=rak)) for rak in (
        b"", bytes(96), b"\2" + bytes(48), cbor({1: 1, -1: 6, -2: bytes(32)}), cbor({1: 2, -1: 2, -2: bytes(48)}),
        cbor({1: 2, -1: 2, -2: bytes(47), -3: bytes(48)}), cbor({1: 2, -1: 9, -2: bytes(48), -3: bytes(48)}),
        cbor([1]))]
    for name, change in rows:
        token = Token()
        token.platform[10] = bytes(32)
        change(token)
        code, told = verify(directory, token.bytes(), anchor_of(directory, token.cpak))
        check(code == 14, f"{name} is refused", json.dumps(told))


def test_what_is_signed_by_nobody(directory):
    anchor = anchor_of(directory, Token().cpak)
    other = key("other")

    def other_signature(token):
        token.sign1 = lambda key, payload: Tag(18, [cbor({1: key.alg}), {}, payload, token.signature(other, payload)])

    def bound_to_another(token):
        token.platform[10] = hashlib.sha256(b"another RAK").digest()

    def truncated_hash(token):
        token.platform[10] = hashlib.sha512(token.realm[44237]).digest()[:32]

    def mixed_profiles(token):
        token.platform[265] = LEGACY

    for name, change in (("another key", other_signature), ("another binding", bound_to_another),
                         ("a cut hash", truncated_hash), ("a legacy platform with a named realm", mixed_profiles)):
        token = Token()
        change(token)
        code, told = verify(directory, token.bytes(), anchor)
        check(code == 3, f"{name} is refused", json.dumps(told))
    token = Token(profile=None)
    token.platform[265] = PLATFORM_1
    check(verify(directory, token.bytes(), anchor)[0] == 3, "a named platform with a legacy realm is refused")
    for lifecycle in (0x0000, 0x1000, 0x2001, 0x4000, 0x5000, 0x6000):
        token = Token()
        token.platform[2395] = lifecycle
        code, told = verify(directory, token.bytes(), anchor)
        check(code == 4 and told["reason"] == "policy" and told["verdicts"]["lifecycle"]["verdict"] == "failed",
              f"life cycle {lifecycle:#x} is refused", json.dumps(told))
        check(verify(directory, token.bytes(), anchor, "--hash", "sha-256", "--lifecycle", "any")[0] == 0, "or taken")
    for value, code in (("00" * 64, 8), (bytes(range(64)).hex(), 0), (bytes(range(63)).hex(), 8)):
        check(verify(directory, Token().bytes(), anchor, "--challenge", value)[0] == code, "the challenge")
    token = Token()
    token.realm[10] = b"nonce" + bytes(59)
    check(verify(directory, token.bytes(), anchor, "--challenge", b"nonce".hex())[0] == 0, "a short nonce is padded")


def test_what_is_not_one_token(directory):
    good = Token()
    anchor = anchor_of(directory, good.cpak)
    data = good.bytes()

    def sign1(**how):
        token = Token()
        token.sign1 = lambda key, payload: Tag(how.get("tag", 18), how.get("parts", lambda k, p: [
            cbor({1: k.alg}), {}, p, token.signature(k, p)])(key, payload))
        return token.bytes()

    def doubled(token_map):
        return Raw(head(5, len(token_map) + 1) + b"".join(cbor(k) + cbor(v) for k, v in token_map.items()) +
                   cbor(next(iter(token_map))) + cbor(next(iter(token_map.values()))))

    def with_claims(**how):
        token = Token()
        token.bytes()
        if "realm" in how:
            token.realm = how["realm"](token.realm)
        if "platform" in how:
            token.platform = how["platform"](token.platform)
        half = {PLATFORM: cbor(token.sign1(token.cpak, cbor(token.platform))),
                REALM: cbor(token.sign1(token.rak, cbor(token.realm)))}
        return cbor(Tag(399, half))

    def indefinite(claims):
        return Raw(b"\xbf" + b"".join(cbor(k) + cbor(v) for k, v in claims.items()) + b"\xff")

    half = {PLATFORM: b"", REALM: b""}
    rows = [("trailing byte", data + b"\0", 14), ("cut", data[:-1], 14), ("nothing", b"", 14), ("another tag", b"\xd9\x01\x90" + data[3:], 14),
            ("no tag", data[3:], 14), ("duplicate realm claim", with_claims(realm=doubled), 14),
            ("duplicate platform claim", with_claims(platform=doubled), 14),
            ("indefinite claims", with_claims(realm=indefinite), 14), ("trailing in the claims", with_claims(
                realm=lambda c: Raw(cbor(c) + b"\0")), 14), ("empty halves", cbor(Tag(399, half)), 14),
            ("duplicate half", cbor(Tag(399, doubled({PLATFORM: b"x"}))), 14), ("one half", cbor(Tag(399, {REALM: b"x"})), 14),
            ("three members", sign1(parts=lambda k, p: [cbor({1: k.alg}), {}, p]), 14),
            ("no algorithm", sign1(parts=lambda k, p: [b"", {}, p, bytes(2 * k.size)]), 14),
            ("another algorithm", sign1(parts=lambda k, p: [cbor({1: -8}), {}, p, bytes(64)]), 6),
            ("algorithm twice", sign1(parts=lambda k, p: [doubled({1: k.alg}), {}, p, bytes(2 * k.size)]), 14),
            ("a critical header", sign1(parts=lambda k, p: [cbor({1: k.alg, 2: [5], 5: 1}), {}, p, bytes(2 * k.size)]), 6),
            ("a short signature", sign1(parts=lambda k, p: [cbor({1: k.alg}), {}, p, bytes(2 * k.size - 1)]), 14),
            ("a detached payload", sign1(parts=lambda k, p: [cbor({1: k.alg}), {}, Raw(b"\xf6"), bytes(2 * k.size)]), 14),
            ("COSE tag 98", sign1(tag=98), 14), ("text that is not UTF-8", with_claims(
                realm=lambda c: {**c, 44236: Raw(b"\x67sha-25\xff")}), 14),
            ("deep", b"\x81" * 5000, 14), ("65 KiB", data + bytes(65536), 10)]
    for name, broken, want in rows:
        code, told = verify(directory, broken, anchor)
        check(code == want, f"{name} ends with {want}", json.dumps(told))
    tolerated = [("another order", with_claims(realm=lambda c: dict(reversed(c.items())))),
                 ("long integers", with_claims(platform=lambda c: Raw(head(5, len(c)) + b"".join(
                     (b"\x1a" + struct.pack(">I", k)) + cbor(v) for k, v in c.items())))),
                 ("an unknown claim", with_claims(realm=lambda c: {**c, 77777: "x"})),
                 ("a text key", with_claims(platform=lambda c: {**c, "vendor": [1, {2: 3}]}))]
    for name, odd in tolerated:
        code, told = verify(directory, odd, anchor)
        check(code == 0, f"{name} is tolerated", json.dumps(told))


if __name__ == "__main__":
    cli.main(__name__)
