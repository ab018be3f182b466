#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second reader of sealed files, written from docs/format.md alone.

    read_sealed.py FILE TRUST_DIR [SECRET_KEY]

Prints what the file says as JSON, or a line "refused REASON: why" and exits with 1. It shares no code with the
project: Python's standard library, and the commands zstd and openssl. Numbers in brackets are those of the
document.
"""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile

MAGIC = bytes.fromhex("89534445490d0a1a")
KINDS = {1: "base", 2: "final", 3: "delta", 4: "empty", 5: "invalid"}
TYPE = b"sdei-migrate/snapshot"
RECORD_NAMES = ("topology sdei-exposed sdei-registered sdei-bindings sdei-handlers sdei-vcpu-events sdei-pending "
                "sdei-vcpu-state sdei-v7 vcpu-regs memory filter fw-regs guard pending-exits s390 realm "
                "delta").split()
OPTIONAL = 1 << 31
MAX_CHUNK, ENVELOPE = 1 << 20, 1 << 16


class Refused(Exception):
    def __init__(self, reason, why):
        super().__init__(f"refused {reason}: {why}")
        self.reason = reason


def require(holds, reason, why):
    if not holds:
        raise Refused(reason, why)


def digest(data):
    return hashlib.sha256(data).digest()


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, capture_output=True, check=False)


class Reader:
    """A file from front to back, like a pipe [2.3]."""

    def __init__(self, stream):
        self.stream, self.at = stream, 0

    def take(self, n, what):
        data = self.stream.read(n)
        require(len(data) == n, "damaged", f"the file ends inside its {what}")
        self.at += n
        return data


# Chapter 3 ----------------------------------------------------------------------------------------------

def read_prefix(reader):
    head = reader.stream.read(64)
    reader.at = len(head)
    require(head[:8] == MAGIC[:len(head)] and head, "not-ours", "no magic")           # [3.1]
    require(len(head) == 64, "damaged", "the prefix is cut")
    require(digest(head[:56])[:8] == head[56:], "damaged", "check")                   # [3.2]
    revision, flags, manifest, frames, payload = struct.unpack_from("<IIIIQ", head, 8)
    require(revision <= 2, "newer", f"revision {revision}")                           # [3.3]
    require(flags == 0 and head[48:56] == bytes(8), "damaged", "reserved bits")       # [1.5]
    require(revision and manifest and frames and payload, "damaged", "a size of zero")
    require(manifest <= 65536 and frames <= 64 and payload <= 256 << 30, "over-limit", "sizes")
    return head, {"revision": revision, "manifest": manifest, "frames": frames, "payload": payload,
                  "id": head[32:48]}


# Chapter 5 ----------------------------------------------------------------------------------------------

def read_signatures(reader):
    size, count = struct.unpack("<II", reader.take(8, "signatures"))
    require(size <= 65536 - 8 and count <= 16, "over-limit", "signatures")
    block, entries, at = reader.take(size, "signatures"), [], 0
    for _ in range(count):
        require(size - at >= 36, "damaged", "signature entry")
        key_id, length = block[at:at + 32], struct.unpack_from("<I", block, at + 32)[0]
        require(length <= 4096, "over-limit", "signature")
        require(length <= size - at - 36, "damaged", "signature entry")
        require(not entries or entries[-1][0] < key_id, "damaged", "order of key ids")  # [5.1]
        entries.append((key_id, block[at + 36:at + 36 + length]))
        at += 36 + length
    require(at == size, "damaged", "bytes behind the last signature")
    return entries


def load_trust(directory):
    """Key id: (path of a public key in PEM, kind)."""
    trust = {}
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".pub"):
            continue
        path = os.path.join(directory, name)
        der = openssl("pkey", "-pubin", "-in", path, "-pubout", "-outform", "DER").stdout
        text = openssl("pkey", "-pubin", "-in", path, "-noout", "-text").stdout.decode()
        kind = ("ed25519" if "ED25519" in text else "sha256" if "P-256" in text
                else "sha384" if "P-384" in text else None)
        if kind:
            trust[digest(der)] = (path, kind)                                         # [1.3]
    return trust


def holds(key, message, signature):
    path, kind = key
    with tempfile.TemporaryDirectory() as scratch:
        message_file, signature_file = os.path.join(scratch, "m"), os.path.join(scratch, "s")
        for name, data in ((message_file, message), (signature_file, signature)):
            with open(name, "wb") as out:
                out.write(data)
        if kind == "ed25519":                                                         # [5.3]
            done = openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", path, "-in", message_file,
                           "-sigfile", signature_file)
        else:
            done = openssl("dgst", "-" + kind, "-verify", path, "-signature", signature_file, message_file)
        return done.returncode == 0


def check_signatures(entries, signed, trust):
    require(entries, "unsigned", "nobody signed it")
    pae = b"DSSEv1 %d %s %d " % (len(TYPE), TYPE, len(signed)) + signed               # [5.2]
    signers = []
    for key_id, signature in entries:                                                 # [5.4]
        if key_id in trust:
            require(holds(trust[key_id], pae, signature), "bad-signature", key_id.hex())
            signers.append(key_id)
    require(signers, "unknown-signer", "no trusted key")
    return signers


# Chapter 4 ----------------------------------------------------------------------------------------------

def varint(data, at):
    value = shift = 0
    while True:
        require(at < len(data) and shift < 70, "inconsistent", "varint")
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            require(byte or shift == 7, "inconsistent", "overlong varint")            # [4.2]
            require(value < 1 << 64, "inconsistent", "varint")
            return value, at


def fields(data, varints, strings, repeated):
    """Canonical protobuf [4.2]: {number: value, or list of values}."""
    found, at, last = {}, 0, 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        require(number > last or (number == last and number in repeated), "inconsistent", "order of fields")
        require(number in (varints if wire == 0 else strings if wire == 2 else ()), "inconsistent",
                f"field {number}")
        last = number
        value, at = varint(data, at)
        if wire == 2:
            require(value <= len(data) - at, "inconsistent", f"length of field {number}")
            value, at = data[at:at + value], at + value
        if number in repeated:
            found.setdefault(number, []).append(value)
        else:
            found[number] = value
    return found


def sized(found, numbers, size):
    for number in numbers:
        require(len(found.get(number, b"")) == size, "inconsistent", f"field {number} has {size} bytes")


def decode_frame(data, first):
    frame = fields(data, {1, 2, 3, 4, 5}, {6, 7}, set())
    require({1, 2, 3, 4, 5} <= frame.keys() and (6 in frame) != first, "inconsistent", "frame")
    sized(frame, (7,) if first else (6, 7), 32)
    return {"type": frame[1], "plain": frame[2], "stored": frame[3], "chunks": frame[4], "window": frame[5],
            "plain_digest": frame.get(6), "digest": frame[7]}


def name_of(found, number):
    if number not in found:
        return ""
    name = found[number].decode("ascii", "replace")
    require(1 <= len(name) <= 63 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_"),
            "inconsistent", "name")                                                   # [4.4]
    return name


def decode_manifest(data, prefix):
    found = fields(data, {1, 3, 4, 7, 8, 9, 17}, {2, 5, 6, 10, 11, 12, 13, 14, 15, 16, 18}, {6, 18})
    require({1, 3, 4, 8} <= found.keys(), "inconsistent", "a field is missing")
    sized(found, (2, 12), 16)
    sized(found, (5, 13), 32)
    delta = found[1] == 3
    require((14 in found) == (15 in found) == delta, "inconsistent", "base digest")
    if delta:
        sized(found, (14, 15), 32)
    require(found[1] in KINDS and (prefix["revision"] >= 2 or not (delta or 17 in found)), "inconsistent",
            "kind or encryption")                                                     # [9.2]
    require(found.get(7, 1) == 1 and found.get(17, 1) == 1, "inconsistent", "flag")
    audience = found.get(6, [])
    require(len(audience) <= 64, "over-limit", "audience")
    require(all(len(one) == 32 for one in audience) and audience == sorted(set(audience)), "inconsistent",
            "audience")
    require(bool(audience) != (7 in found), "inconsistent", "destination")            # [4.6]
    require(9 not in found or found[9] > found[8], "inconsistent", "expires")
    require(16 not in found or 1 <= len(found[16]) <= 64, "inconsistent", "nonce")
    frames = [decode_frame(one, i == 0) for i, one in enumerate(found.get(18, []))]
    require(len(frames) == prefix["frames"], "inconsistent", "number of frames")
    check_frames(frames, prefix["payload"], 17 in found)
    require(found[1] < 4 or (len(frames) == 1 and not frames[0]["plain"]), "inconsistent", "payload")  # [4.3]
    return {"kind": KINDS[found[1]], "vm": found[2], "generation": found[3], "sequence": found[4],
            "source": found[5], "audience": audience, "any": 7 in found, "created": found[8],
            "expires": found.get(9), "profile": name_of(found, 10), "kernel": name_of(found, 11),
            "schema": found[12], "index": found[13], "base": found.get(14), "result": found.get(15), "encrypted": 17 in found, "frames": frames}


def check_frames(frames, payload, encrypted):
    for i, frame in enumerate(frames):
        require((frame["type"] == 1) == (i == 0), "inconsistent", "type of a frame")  # [4.5]
        require(frame["type"] & OPTIONAL or frame["type"] in (1, 2, 3, 4), "unknown-record", "frame")  # [9.3]
        require(frame["plain"] <= (64 << 30 if i else 16 << 20) and frame["window"] <= 23
                and frame["chunks"] <= 65536, "over-limit", "frame")
        require(frame["window"] >= 10 and frame["chunks"] >= 1, "inconsistent", "frame")
        table = 36 * frame["chunks"] if frame["chunks"] > 1 else 0
        most = frame["chunks"] * (MAX_CHUNK + (ENVELOPE if encrypted else 0))
        require(table + frame["chunks"] <= frame["stored"] <= table + most, "inconsistent", "stored size")
    require(sum(frame["stored"] for frame in frames) == payload, "inconsistent", "payload size")


# Chapter 6 ----------------------------------------------------------------------------------------------

def chunks_of(reader, frame, encrypted):
    """Each chunk as stored, after its digest was found right [2.2, 6.2, 6.3]."""
    most = MAX_CHUNK + (ENVELOPE if encrypted else 0)
    if frame["chunks"] == 1:
        table = [(frame["stored"], frame["digest"])]
    else:
        raw = reader.take(36 * frame["chunks"], "chunk table")
        require(digest(raw) == frame["digest"], "bad-digest", "chunk table")
        table = [(length, sha) for length, sha in struct.iter_unpack("<I32s", raw)]
        require(len(raw) + sum(length for length, _ in table) == frame["stored"], "inconsistent", "table")
    for length, sha in table:
        require(1 <= length <= most, "over-limit", "chunk")
        data = reader.take(length, "payload")
        require(digest(data) == sha, "bad-digest", "chunk")
        yield data


def decrypt(chunk, secret):
    require(secret, "no-key", "it is encrypted")
    done = openssl("cms", "-decrypt", "-inform", "DER", "-inkey", secret, "-binary", data=chunk)  # [6.6]
    require(done.returncode == 0, "decrypt", done.stderr.decode(errors="replace").strip())
    return done.stdout


def check_zstd_header(data, frame):
    """RFC 8878 §3.1.1, as far as [6.4] asks."""
    require(data[:4] == b"\x28\xb5\x2f\xfd" and len(data) > 5, "damaged", "not a zstd frame")
    flags, single = data[4], data[4] >> 5 & 1
    require(not flags & 0b1011 and flags & 0b100, "damaged", "dictionary, reserved bit or no checksum")
    size = {0: single, 1: 2, 2: 4, 3: 8}[flags >> 6]
    at = 5 if single else 6
    content = int.from_bytes(data[at:at + size], "little") + (256 if size == 2 else 0)
    require(size and content == frame["plain"], "damaged", "content size")
    window = content if single else (1 << 10 + (data[5] >> 3)) * (8 + (data[5] & 7)) // 8
    require(window <= 1 << frame["window"], "damaged", "window")


def expand(data, frame):
    """zstd says how many frames it saw; -d alone would also take two, or a skippable one."""
    check_zstd_header(data, frame)
    with tempfile.NamedTemporaryFile(suffix=".zst") as stored:
        stored.write(data)
        stored.flush()
        told = subprocess.run(["zstd", "-lv", stored.name], capture_output=True, text=True, check=False).stdout
        counts = [line.split(":")[1].split()[0] for line in told.splitlines()
                  if line.startswith(("# Zstandard Frames", "Number of Frames"))]
        require(counts == ["1"] and "Skippable" not in told, "damaged", "more than one zstd frame")
        done = subprocess.run(["zstd", "-dc", f"--memory={1 << frame['window']}", stored.name],
                              capture_output=True, check=False)
    require(done.returncode == 0 and len(done.stdout) == frame["plain"], "damaged", "zstd frame")
    return done.stdout


def read_frame(reader, frame, encrypted, secret):
    pieces = [decrypt(chunk, secret) if encrypted else chunk for chunk in chunks_of(reader, frame, encrypted)]
    plain = expand(b"".join(pieces), frame)
    require(frame["plain_digest"] in (None, digest(plain)), "bad-digest", "expanded payload")
    return plain


def split_records(stream):
    records, at, index = [], 0, b""
    while at < len(stream):                                                           # [6.5]
        require(len(stream) - at >= 16, "damaged", "record")
        kind, flags, length = struct.unpack_from("<IIQ", stream, at)
        padded = (length + 7) & ~7
        require(not flags and padded <= len(stream) - at - 16, "damaged", "record")
        body, padding = stream[at + 16:at + 16 + length], stream[at + 16 + length:at + 16 + padded]
        require(not any(padding), "damaged", "padding")
        number = kind & ~OPTIONAL
        require(not records or number > records[-1]["number"], "damaged", "order of records")
        index += struct.pack("<IQ", kind, length) + digest(body)
        records.append({"number": number, "optional": bool(kind & OPTIONAL), "size": length,
                        "name": RECORD_NAMES[number - 1] if 1 <= number <= len(RECORD_NAMES) else None,
                        "digest": digest(body).hex()})
        at += 16 + padded
    require(len(records) <= 64, "over-limit", "records")
    return records, index


def read_records(stream, index_digest):
    records, index = split_records(stream)
    require(digest(index) == index_digest, "bad-digest", "index")
    return records


# docs/records.md, chapter 9 -----------------------------------------------------------------------------

NONE, NUMBER, EVENT = "", "[{}]", "[{:#x}]"         # how an entry is named
CONTEXT = ("regs", "pc", "pstate")
# [9.5]: list: (name, name of an entry, fields)
LISTS = {
    16: ("vm", NONE, ["kind", "torn"] + ["vm." + name for name in (
        "uuid generation type kernel ipa_bits has_sdei_info sdei_version private_slots shared_slots n_events").split()]),
    17: ("vcpu", NUMBER, ["vcpu_id", "mpidr", "mp_state"]),
    32: ("exposed", EVENT, ["type", "signaled", "priority"]),
    48: ("registered", EVENT, "route_mode route_affinity ep_address ep_arg registered enabled unregister_pending".split()),
    64: ("bindings", EVENT, ["intid", "shared", "slot", "active"]),
    96: ("queue", NUMBER, ["length", "word"]),
    112: ("pending", EVENT, ["vcpu", "count"]),
    128: ("vcpu_state", NUMBER, ["masked", "critical_num", "normal_num"] +
          [f"{kind}_regs.{name}" for kind in ("critical", "normal") for name in CONTEXT]),
    160: ("regs", NUMBER, ["value"]),
    176: ("memory", NUMBER, ["word"]),
    192: ("filter", NONE, ["filter_reserved_set"]),
    193: ("filter.range", EVENT, ["nr_functions", "action"]),
    224: ("guard", NONE, ["guard.abi", "guard.enrolled", "guard.granule"]),
    225: ("guard.range", EVENT, ["size"]),
    226: ("guard.shared", EVENT, ["size"]),
}


def packed(data):
    numbers, at = [], 0
    while at < len(data):
        number, at = varint(data, at)
        numbers.append(number)
    return numbers


def path_of(number, key, field):
    name, entry, names = LISTS[number]
    if field < 2:                                                                     # [9.4]
        return name + entry.format(key)
    return names[field - 2] if entry == NONE else f"{name}{entry.format(key)}.{names[field - 2]}"


def read_delta(stream, records, manifest):
    """Which base it needs and what it changes [4.8], as `show --json` tells it."""
    require([record["number"] for record in records] == [18], "damaged", "a delta is one record")
    body = stream[16:16 + records[0]["size"]]
    found = fields(body, set(), set(range(1, 11)), set())
    sized(found, (1, 2), 32)                                                          # [9.2]
    require((found[1], found[2]) == (manifest["base"], manifest["result"]), "inconsistent", "digests of a delta")
    changes = [{"what": "gone", "number": number & ~OPTIONAL} for number in packed(found.get(3, b""))]
    changes += [{"what": "whole", "number": record["number"], "size": record["size"]}
                for record in split_records(found.get(4, b""))[0]]
    columns = [packed(found.get(number, b"")) for number in range(5, 10)]
    require(len({len(column) for column in columns}) == 1, "damaged", "columns")
    values = [value for value, in struct.iter_unpack("<Q", found.get(10, b""))]
    require(sum(columns[4]) == len(values), "damaged", "values")
    runs = list(zip(*columns))
    require([run[:4] for run in runs] == sorted({run[:4] for run in runs}), "damaged", "order of runs")
    for number, key, field, first, count in runs:
        change = {"what": ("goes", "comes", "set")[min(field, 2)], "number": number // 16,
                  "path": path_of(number, key, field)}
        if field >= 2:
            change.update(first=first, values=[hex(value) for value in values[:count]])
        values = values[count:]
        changes.append(change)
    for change in changes:
        change["record"] = RECORD_NAMES[change["number"] - 1]
    return {"base": found[1].hex(), "result": found[2].hex(), "n_changes": len(changes), "changes": changes}


def read_end(reader):
    before = reader.at
    end = reader.take(16, "END")
    require(end == b"SDEI.END" + struct.pack("<Q", before), "damaged", "END")         # [7.1]
    require(not reader.stream.read(1), "damaged", "bytes behind END")                 # [7.2]


# The whole ----------------------------------------------------------------------------------------------

def uuid(data):
    text = data.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def read(stream, trust, secret=None):
    """The steps of [2.1], in their order. Returns what `show --json` says about the same file."""
    reader = Reader(stream)
    head, prefix = read_prefix(reader)
    raw = reader.take(prefix["manifest"], "manifest")
    entries = read_signatures(reader)
    signers = check_signatures(entries, head + raw, trust)
    manifest = decode_manifest(raw, prefix)
    require(manifest["source"] in signers, "unknown-signer", "the source did not sign")  # [5.5]
    plain = [read_frame(reader, frame, manifest["encrypted"], secret) for frame in manifest["frames"]]
    records = read_records(plain[0], manifest["index"])
    delta = read_delta(plain[0], records, manifest) if manifest["kind"] == "delta" else None
    read_end(reader)
    return {
        "snapshot": {
            "revision": prefix["revision"], "id": uuid(prefix["id"]), "kind": manifest["kind"],
            "vm": uuid(manifest["vm"]), "generation": hex(manifest["generation"]),
            "sequence": hex(manifest["sequence"]), "created": manifest["created"],
            "expires": manifest["expires"], "profile": manifest["profile"], "kernel": manifest["kernel"],
            "any_destination": manifest["any"]},
        "keys": {"source": manifest["source"].hex(), "signers": [one.hex() for one in signers],
                 "signatures": len(entries), "audience": [one.hex() for one in manifest["audience"]]},
        "delta": delta,
        "schema": {"id": manifest["schema"].hex(), "records": records},
        "records": plain[0],
        "bulk": [(frame["type"], data) for frame, data in zip(manifest["frames"], plain)][1:],
    }


def main():
    try:
        with open(sys.argv[1], "rb") as stream:
            told = read(stream, load_trust(sys.argv[2]), *sys.argv[3:4])
    except Refused as refused:
        print(refused)
        return 1
    told["records"] = len(told["records"])
    told["bulk"] = [(kind, len(data)) for kind, data in told["bulk"]]
    print(json.dumps(told, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
