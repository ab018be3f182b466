# SPDX-License-Identifier: Apache-2.0
"""A network of our own: a TCP relay that delays, stalls, cuts and loses at an exact place.

A place is a message of the session, where the carrier is plain, or a count of bytes. The relay reads both directions in
one thread per connection; it knows nothing of sessions but the head of a message (docs/protocol.md, 2.1).
"""
import collections
import select
import socket
import struct
import threading
import time

HEAD = struct.Struct("<IHHQ")
NAMES = {1: "HELLO", 16: "WELCOME", 2: "PREFLIGHT", 15: "READY", 3: "BASE", 4: "STOP", 5: "DELTA", 6: "BLOB", 19: "BULK",
         7: "PREPARED", 17: "CHALLENGE", 18: "TOKEN", 8: "COMMIT", 9: "DONE", 10: "ABORT",
         11: "ABORTED", 12: "RESOLVE", 13: "OUTCOME", 14: "HEARTBEAT"}
NUMBERS = {name: number for number, name in NAMES.items()}
# What the relay does at its place, and what comes after.
ACTIONS = ("stall", "hiccup", "reset", "partition", "half-open-far", "half-open-near", "slow", "cut")
SLOW_PIECES = 20


class Place:
    """The @number-th message called @name, or the byte @at, of one direction (">": from the source)."""

    def __init__(self, direction, name=None, number=1, at=None):
        self.direction, self.name, self.number, self.at = direction, name, number, at

    def __str__(self):
        where = f"byte {self.at}" if self.name is None else f"{self.name} {self.number}"
        return f"{self.direction} {where}"


class Way:
    """One direction of one connection: bytes that wait, and where messages begin in them."""

    def __init__(self, direction, near, far, plain):
        self.direction, self.near, self.far, self.plain = direction, near, far, plain
        self.queue = collections.deque()  # (due, bytes)
        self.pending = b""  # plain: the beginning of a message that is not whole yet
        self.seen = collections.Counter()
        self.passed, self.sent, self.open = 0, 0, True

    def cut_into_messages(self, data):
        """Whole messages, as far as they are there. Returns [(name, bytes)]."""
        if not self.plain:
            return [(None, data)]
        found, self.pending = [], self.pending + data
        while len(self.pending) >= HEAD.size:
            length, kind, _, _ = HEAD.unpack_from(self.pending)
            if len(self.pending) < HEAD.size + length:
                break
            found.append((NAMES.get(kind, str(kind)), self.pending[:HEAD.size + length]))
            self.pending = self.pending[HEAD.size + length:]
        return found


class Relay:
    """Forward every connection to @target ("tcp:HOST:PORT"); do @action once, at @place.

    @rewrite(direction, name, body) says what goes on instead of a message of a plain session: a list of (direction, name,
    body), or None for the message itself. Messages are then counted anew, so that nothing is noticed but what they say.
    """

    def __init__(self, target, plain=False, delay=0.0, place=None, action=None, hold=2.0, rewrite=None):
        _, host, port = target.rsplit(":", 2)
        self.target, self.plain, self.delay = (host, int(port)), plain, delay
        self.place, self.action, self.hold = place, action, hold
        self.rewrite, self.messages, self.bytes = rewrite, [], {">": 0, "<": 0}
        self.samples = []  # (monotonic time, direction, bytes so far)
        self.done = threading.Event()  # the action was taken
        self.ending = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.uri = "tcp:127.0.0.1:%d" % self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join(5)
        self.listener.close()

    def accept(self):
        while not self.ending.is_set():
            if not select.select([self.listener], [], [], 0.05)[0]:
                continue
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target)
            except OSError:
                continue
            for end in near, far:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.threads.append(threading.Thread(target=Link(self, near, far).run, daemon=True))
            self.threads[-1].start()


class Link:
    """One connection through the relay."""

    def __init__(self, relay, near, far):
        self.relay, self.near, self.far = relay, near, far
        self.ways = {near: Way(">", near, far, relay.plain), far: Way("<", far, near, relay.plain)}
        self.silent, self.held_until = False, 0

    def run(self):
        try:
            while not self.relay.ending.is_set() and self.step():
                pass
        except OSError:
            pass  # the relay's own fault, or an end that broke: both ends hear of it below
        for end in self.near, self.far:
            end.close()

    def step(self):
        """Returns whether there is anything left to forward."""
        ends = [end for end, way in self.ways.items() if way.open and end.fileno() >= 0]
        if not ends and not any(way.queue for way in self.ways.values()):
            if not self.silent:
                return False
            time.sleep(0.01)
            return True
        for end in select.select(ends, [], [], self.wait())[0]:
            self.read(self.ways[end])
        for way in self.ways.values():
            self.forward(way)
            if self.relay.rewrite and self.relay.rewrite.drip == way.direction:
                way.sent += 1
                self.put(way, "HEARTBEAT", HEAD.pack(0, NUMBERS["HEARTBEAT"], 0, way.sent))
        return True

    def wait(self):
        due = [way.queue[0][0] for way in self.ways.values() if way.queue]
        return min(0.02, max(0.0, min(due) - time.monotonic())) if due else 0.02

    def read(self, way):
        try:
            data = way.near.recv(65536)
        except ConnectionResetError:
            data = b""
            way.queue.clear()
        if not data:
            way.open = False
        if self.silent:
            return
        due = max(time.monotonic() + self.relay.delay, self.held_until)
        for name, part in way.cut_into_messages(data):
            way.queue.append((due, name, part))
        if not data:
            way.queue.append((due, "end", b""))

    def forward(self, way):
        while way.queue and not self.silent and \
                time.monotonic() >= max(way.queue[0][0], self.held_until):
            _, name, data = way.queue.popleft()
            if name == "end":
                if way.far.fileno() >= 0:
                    way.far.shutdown(socket.SHUT_WR)
                return
            way.seen[name] += 1
            if self.relay.rewrite:
                self.lie(way, name, data)
            elif not self.is_place(way, name, data) or not self.act(way, data):
                self.put(way, name, data)

    def lie(self, way, name, data):
        body = data[HEAD.size:]
        said = self.relay.rewrite(way.direction, name, body)
        for direction, kind, content in [(way.direction, name, body)] if said is None else said:
            other = next(other for other in self.ways.values() if other.direction == direction)
            other.sent += 1
            number = NUMBERS.get(kind, kind)
            self.put(other, name, HEAD.pack(len(content), number, 0, other.sent) + content)

    def is_place(self, way, name, data):
        place = self.relay.place
        if not place or self.relay.done.is_set() or place.direction != way.direction:
            return False
        if place.name:
            return name == place.name and way.seen[name] == place.number
        return way.passed + len(data) > place.at

    def put(self, way, name, data):
        way.far.sendall(data)
        way.passed += len(data)
        self.relay.bytes[way.direction] += len(data)
        self.relay.samples.append((time.monotonic(), way.direction, way.passed))
        if name:
            self.relay.messages.append((way.direction, name))

    @staticmethod
    def reset(end):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.close()

    def act(self, way, data):
        """At the place. Returns whether @data is dealt with."""
        action, at = self.relay.action, self.relay.place.at
        self.relay.done.set()
        before = data[:at - way.passed] if at is not None else b""
        if before:
            way.far.sendall(before)
        rest = data[len(before):]
        if action in ("stall", "hiccup"):
            self.held_until = time.monotonic() + self.relay.hold
            way.queue.appendleft((0, None, rest))
        elif action == "slow":
            self.trickle(way, rest)
        elif action == "cut":
            way.far.sendall(rest[:len(rest) // 2])
            for end in self.near, self.far:
                end.close()
        elif action == "reset":
            self.reset(way.near)
            self.reset(way.far)
        else:
            self.fall_silent(way, action)
        return True

    def fall_silent(self, way, action):
        """From here on nothing passes; of a half-open connection one end knows that it is gone."""
        self.silent = True
        if action == "half-open-far":
            self.reset(way.far)
        elif action == "half-open-near":
            self.reset(way.near)

    @staticmethod
    def trickle(way, data):
        size = max(1, len(data) // SLOW_PIECES)
        for i in range(0, len(data), size):
            way.far.sendall(data[i:i + size])
            time.sleep(0.005)
        way.passed += len(data)
