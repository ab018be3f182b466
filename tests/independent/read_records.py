# SPDX-License-Identifier: Apache-2.0
"""The bodies of records 12 to 15, read from docs/records.md alone: filter, firmware registers, guard, pending exits."""
import struct

from read_sealed import Refused, require, varint

KNOWN = {
    0x6030000000140000: "psci_version", 0x6030000000140001: "workaround_1", 0x6030000000140002: "workaround_2",
    0x6030000000140003: "workaround_3", 0x6030000000160000: "std", 0x6030000000160001: "std_hyp",
    0x6030000000160002: "vendor_hyp", 0x6030000000160003: "vendor_hyp_2",
}
MAX_FILTER, MAX_FIRMWARE, MAX_GUARD, MAX_VCPUS = 262144, 64, 65536, 512


def message(body):
    """Fields by number; each once, ascending [2.1]."""
    found, at, last = {}, 0, 0
    while at < len(body):
        key, at = varint(body, at)
        number, wire = key >> 3, key & 7
        require(number > last, "damaged", "order of fields")
        last = number
        if wire == 0:
            found[number], at = varint(body, at)
        elif wire == 1:
            found[number], at = struct.unpack_from("<Q", body, at)[0], at + 8
        elif wire == 2:
            length, at = varint(body, at)
            require(length <= len(body) - at, "damaged", "length")
            found[number], at = body[at:at + length], at + length
        else:
            raise Refused("damaged", "kind of field")
    return found


def words(data):
    require(len(data) % 8 == 0, "damaged", "packed fixed64")
    return list(struct.unpack(f"<{len(data) // 8}Q", data))


def varints(data):
    numbers, at = [], 0
    while at < len(data):
        number, at = varint(data, at)
        numbers.append(number)
    return numbers


def column(found, number, kind, count):
    values = kind(found.get(number, b""))
    require(len(values) == count, "damaged", f"field {number}")
    return values


def number(value):
    return f"{value:#x}"


def ranges(found, first, size):
    base = words(found.get(first, b""))
    require(len(base) <= MAX_GUARD, "over-limit", "ranges")
    return [{"base": number(at), "size": number(length)}
            for at, length in zip(base, column(found, size, words, len(base)))]


def read_filter(body):                                                                # [4.12]
    found = message(body)
    count = found[1]
    require(1 <= count <= MAX_FILTER, "over-limit", "ranges")
    rows = zip(column(found, 3, varints, count), column(found, 4, varints, count), column(found, 5, list, count))
    return {"reserved_set": found[2],
            "ranges": [{"base": number(base), "count": size, "action": ("handle", "deny", "forward")[action]}
                       for base, size, action in rows]}


def read_guard(body):                                                                 # [4.13]
    found = message(body)
    return {"abi": ("S", "A1", "A2", "U", "off")[found[1]], "enrolled": bool(found[2]), "granule": number(found[3]),
            "ranges": ranges(found, 4, 5), "shared": ranges(found, 6, 7)}


def read_firmware(body):                                                              # [4.16]
    found = message(body)
    require(1 <= found[1] <= MAX_FIRMWARE, "over-limit", "registers")
    ids = column(found, 2, words, found[1])
    require(ids == sorted(set(ids)), "inconsistent", "order of registers")
    return [{"name": KNOWN.get(reg), "id": number(reg), "value": number(value)}
            for reg, value in zip(ids, column(found, 3, words, found[1]))]


def read_exits(body):                                                                 # [4.17]
    found = message(body)
    count = found[1]
    require(1 <= count <= MAX_VCPUS, "over-limit", "exits")
    rows = zip(column(found, 2, varints, count), column(found, 3, varints, count), column(found, 4, words, count),
               column(found, 5, words, count), column(found, 6, words, count), column(found, 7, list, count),
               column(found, 8, list, count), column(found, 9, list, count))
    return [{"vcpu": vcpu, "reason": {3: "hypercall", 6: "mmio"}[reason],
             "nr" if reason == 3 else "address": number(nr), "flags": number(flags), "data": number(data),
             "len": length, "reg": reg, "answered": bool(answered)}
            for vcpu, reason, nr, flags, data, length, reg, answered in rows]


READERS = {12: ("filter", read_filter), 13: ("firmware", read_firmware), 14: ("guard", read_guard),
           15: ("pending_exits", read_exits)}


def read(stream):
    """What `show --json` calls state, as far as these records go."""
    told, at = {}, 0
    while at < len(stream):
        kind, _, length = struct.unpack_from("<IIQ", stream, at)
        body = stream[at + 16:at + 16 + length]
        if kind in READERS:
            name, reader = READERS[kind]
            told[name] = reader(body)
        at += 16 + (length + 7 & ~7)
    return told
