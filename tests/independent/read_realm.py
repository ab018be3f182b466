# SPDX-License-Identifier: Apache-2.0
"""Record 17 and the pages of a realm, read by what docs/records.md 4.14 and docs/format.md [6.7] say."""
import hashlib
import struct

from read_sealed import digest, require, varint

REALM_STATES = ("none", "new", "active")
REALM_STEPS = ("create", "init-ripas", "populate", "rec", "activate")
REALM_HASHES = ("sha256", "sha512", "sha384")
PAGE = 4096


def body_of(stream, number):
    at = 0
    while at < len(stream):
        kind, _, length = struct.unpack_from("<IIQ", stream, at)
        if kind == number:
            return stream[at + 16:at + 16 + length]
        at += 16 + ((length + 7) & ~7)
    return None


def message(data):
    """{number: value} of a message with varints, fixed64 and bytes."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        require(number not in found and wire in (0, 1, 2), "damaged", f"field {number}")
        if wire == 1:
            found[number], at = struct.unpack_from("<Q", data, at)[0], at + 8
            continue
        value, at = varint(data, at)
        if wire == 2:
            require(value <= len(data) - at, "damaged", f"length of field {number}")
            value, at = data[at:at + value], at + value
        found[number] = value
    return found


def check_pages(bulk, hash_name, hashes):
    """The pages, or the name they have elsewhere, are those of the list."""
    size = hashlib.new(hash_name).digest_size
    for kind, data in bulk:
        if kind == 2:
            require(len(data) % PAGE == 0, "damaged", "pages")
            pages = b"".join(hashlib.new(hash_name, data[at:at + PAGE]).digest()
                             for at in range(0, len(data), PAGE))
            require(pages == hashes and len(pages) == len(data) // PAGE * size, "damaged", "pages")
        elif kind == 4:
            require(data.decode().endswith(digest(hashes).hex()), "damaged", "reference")


def read(stream, bulk):
    """What `show --realm` says of these records; None of another VM. @bulk: (type, bytes) of each frame behind them."""
    body = body_of(stream, 17)
    if body is None:
        return None
    realm = message(body)
    hash_name = REALM_HASHES[realm[4]]
    size = hashlib.new(hash_name).digest_size
    require(len(realm[13]) == size and len(realm[22]) == size * realm[15], "damaged", "RIMs")
    require(not realm[15] or realm[22][-size:] == realm[13], "inconsistent", "RIM")
    hashes = b"".join(data for kind, data in bulk if kind == 3)
    if hashes:
        require(digest(hashes) == realm[28] and len(hashes) == size * realm[27], "bad-digest", "pages")
        check_pages(bulk, hash_name, hashes)
    return {"state": REALM_STATES[realm[2]], "rim": realm[13].hex(), "rpv": realm[12].hex(),
            "pages": realm[27], "pages_digest": realm[28].hex(),
            "kinds": [REALM_STEPS[kind] for kind in realm[16]],
            "rims": [realm[22][at:at + size].hex() for at in range(0, len(realm[22]), size)]}
