# SPDX-License-Identifier: Apache-2.0
"""A QEMU's monitor that answers as one would which no real one can be brought to be at the wished moment."""
import contextlib
import json
import socket
import threading
import time

ON = {"events", "return-path", "pause-before-switchover"}


class Monitor:
    """A QMP socket; remembers what it was told. late: seconds that the next answer to a command takes."""

    def __init__(self, path, **differs):
        self.says = {"status": "inmigrate", "stays_off": (), "on": (), "schema": [], "labels": ["compat_monitor0"],
                     "migration": {"status": "setup"},
                     "greeting": {"QMP": {"version": {}, "capabilities": []}}, **differs}
        self.told, self.on, self.late = [], set(self.says["on"]), {}
        self.client = None
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen(1)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            self.client, _ = self.server.accept()
            self.say(self.says["greeting"])
            decoder = json.JSONDecoder()
            waiting = ""
            while True:
                got = self.client.recv(65536).decode()
                if not got:
                    return
                waiting += got
                while waiting.strip():
                    request, end = decoder.raw_decode(waiting)
                    waiting = waiting[end:]
                    answer = self.answer(request["execute"], request.get("arguments", {}))
                    time.sleep(self.late.pop(request["execute"], 0))
                    self.say({**answer, **({"id": request["id"]} if "id" in request else {})})
                    if request["execute"] == "migrate_cancel":
                        self.migration("cancelled")

    def say(self, what):
        self.client.sendall((what if isinstance(what, str) else json.dumps(what) + "\r\n").encode())

    def migration(self, status):
        """As QEMU says it once its capability `events` is on."""
        self.say({"event": "MIGRATION", "data": {"status": status}, "timestamp": {"seconds": 0, "microseconds": 0}})

    def answer(self, command, arguments):
        self.told.append((command, arguments))
        if command == "migrate-set-capabilities":
            for row in arguments["capabilities"]:
                (self.on.add if row["state"] else self.on.discard)(row["capability"])
            self.on -= set(self.says["stays_off"])
        known = {
            "query-migrate-capabilities": [{"capability": name, "state": name in self.on}
                                           for name in sorted(ON | self.on)],
            "query-status": {"status": self.says["status"]},
            "query-qmp-schema": self.says["schema"],
            "query-migrate": self.says["migration"],
            "query-chardev": [{"label": label} for label in self.says["labels"]],
            "qom-list": [],
        }
        return {"return": known.get(command, {})}

    def arguments(self, command):
        return [arguments for name, arguments in self.told if name == command]
