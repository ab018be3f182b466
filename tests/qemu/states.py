# SPDX-License-Identifier: Apache-2.0
"""Model VMs whose sealed state has a size: handlers with random addresses, which nothing compresses."""
import json
import os
import random

FIRST = 0x400000
REGISTER = "0xc4000021"
PER_HANDLER = 16    # bytes: entry point and argument
EVENTS = 128        # the ABI's most


def describe(vcpus, events, path):
    """@events private events, registered on each of @vcpus."""
    source = random.Random(5)
    numbers = [FIRST + i for i in range(events)]
    script = [{"do": "call", "vcpu": vcpu, "fid": REGISTER,
               "args": [hex(number), hex(source.getrandbits(62) << 2), hex(source.getrandbits(64)),
                        "0x0", "0x0"]}
              for number in numbers for vcpu in range(vcpus)]
    mpidrs = [hex(i & 0xf | (i >> 4 & 0xff) << 8) for i in range(vcpus)]
    with open(path, "w", encoding="ascii") as out:
        json.dump({"profile": "spec", "kernel": "6.12", "vcpus": [{"mpidr": mpidr} for mpidr in mpidrs],
                   "exposed": [{"num": hex(number), "type": "private"} for number in numbers],
                   "script": script}, out, separators=(",", ":"))
    return path


def of_about(size, directory, vcpus=512):
    """Path of a model whose sealed state is a little larger than @size bytes; 0: the smallest."""
    events = min(EVENTS, -(-size // (vcpus * PER_HANDLER)))
    if not size:
        vcpus, events = 1, 1
    return describe(vcpus, events, os.path.join(directory, f"state-{vcpus}-{events}.json"))
