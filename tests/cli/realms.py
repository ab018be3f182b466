# SPDX-License-Identifier: Apache-2.0
"""A realm built through the ioctls of its VMM, for the tests that move one."""
import json
import struct

from cli import check, model

RAM = 0x80000000
SIZE = 64 * 4096
ENABLE_CAP = 0x4068aea3
CREATE_VCPU = 0xae41
FINALIZE = 0x4004aec2
CONFIG, CREATE, INIT, POPULATE, ACTIVATE = range(5)
RPV, HASH = 0, 1


def description(directory, name="realm.json", dialect="v1", vcpus=2, size=SIZE, **more):
    """A realm VM that nothing was done to. Returns the path of its description."""
    if dialect != "v1":
        more["dialects"] = ["rme-v8"]
    return model(directory, name, type="realm", kernel="7.2", vcpus=[{} for _ in range(vcpus)],
                 memory=[{"base": hex(RAM), "size": hex(size)}], **more)


class Realm:
    """Drives the realm of a host."""

    def __init__(self, vm, dialect="v1"):
        self.vm = vm
        self.v8 = dialect != "v1"

    def command(self, number, argument=b""):
        cap = struct.pack("<IIQQQQ", 240 if self.v8 else 300, 0, number, 0, 0, 0) + bytes(64)
        args = ["--ptr", "16=" + argument.hex()] if argument else []
        return self.vm.vm("ioctl", hex(ENABLE_CAP), cap.hex(), *args)["errno"]

    def config(self, item, value):
        return self.command(CONFIG, struct.pack("<I", item) + value.ljust(256, b"\0"))

    def init(self, base, size):
        return self.command(INIT, struct.pack("<QQQQ", base, size, 0, 0))

    def populate(self, base, size, flags=1):
        return self.command(POPULATE, struct.pack("<QQIIII", base, size, flags, 0, 0, 0))

    def vcpu(self, number):
        return self.vm.vm("ioctl", hex(CREATE_VCPU), struct.pack("<Q", number).hex())["ret"]

    def init_vcpu(self, number):
        arg = struct.pack("<II", 5, 1 << 2) + bytes(24)
        return self.vm.vm("ioctl", "--vcpu", number, hex(0x4020aeae), arg.hex())["errno"]

    def finalize(self, number):
        feature = struct.pack("<I", 9 if self.v8 else 7)
        return self.vm.vm("ioctl", "--vcpu", number, hex(FINALIZE), feature.hex())["errno"]

    def write(self, ipa, data):
        return self.vm.vm("mem write", hex(ipa), data.hex())["ret"]

    def status(self):
        return self.vm.vm("status")["realm"]

    def build(self, hash_algo=1, image=b"an image", pages=5):
        """In state NEW, with a REC, a page more than the image, and one refused step."""
        self.write(RAM, image)
        self.write(RAM + 4096 * (pages - 1), b"the last page")
        done = [self.config(HASH, struct.pack("<I", hash_algo)), self.config(RPV, b"whose it is"),
                self.command(CREATE), self.init(RAM, SIZE), self.populate(RAM, 4096 * pages),
                self.vcpu(0) == 0 or "vcpu", self.init_vcpu(0), self.finalize(0)]
        check([done[i] for i in (0, 1, 2, 3, 4, 6, 7)] == ["0"] * 7 and done[5] is True,
              "a realm is built", json.dumps(done))
        check(self.populate(RAM + 4096 * (pages - 1), 8192) == "ENXIO", "what is there is refused")
        return self

    def build_of(self, data, piece=61440):
        """In state NEW, with @data as its pages."""
        for at in range(0, len(data), piece):
            self.write(RAM + at, data[at:at + piece])
        done = [self.command(CREATE), self.populate(RAM, len(data))]
        check(done == ["0"] * 2, "a realm is built", json.dumps(done))
        return self

    def activate(self):
        check(self.command(ACTIVATE) == "0", "it is activated")
        return self

    def extend(self, register, value):
        """The guest extends a REM."""
        words = struct.unpack("<8Q", value.ljust(64, b"\0"))
        told = self.vm.vm("call", "--vcpu", 0, "--smc", "0xc4000193", register, len(value),
                          *map(hex, words))
        check(told["x0"] == "0x0", "a REM is extended", json.dumps(told))
