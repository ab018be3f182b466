# SPDX-License-Identifier: Apache-2.0
"""Model requests over one connection, so that a thousand of them take no thousand processes (docs/control.md, 2)."""
import json
import socket
import struct

HEADER, FIELD = struct.Struct("<IHHQ"), struct.Struct("<HHI")
HELLO, MODEL = 1, 0x100
VERSION_MIN, VERSION_MAX, TEXT = 1, 2, 26


class Control:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.number = 0
        one = struct.pack("<I", 1)
        self.ask(HELLO, self.field(VERSION_MIN, one) + self.field(VERSION_MAX, one))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @staticmethod
    def field(tag, value):
        return FIELD.pack(tag, 0, len(value)) + value

    def take(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the VMM closed the connection")
            data += part
        return data

    def ask(self, kind, body):
        self.number += 1
        self.socket.sendall(HEADER.pack(len(body), kind, 0, self.number) + body)
        length, _, flags, _ = HEADER.unpack(self.take(HEADER.size))
        reply = self.take(length)
        if flags & 2:
            raise ValueError(repr(reply))
        return reply

    def model(self, **request):
        """One request of docs/model.md; replies above 64 KiB come otherwise and are not for here."""
        return self.ask(MODEL, self.field(TEXT, json.dumps(request).encode()))
