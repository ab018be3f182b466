#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A peer, or somebody on a plain line, that lies in each message: it is named, and no VM runs twice or nowhere."""
import functools
import json
import struct
import tempfile

import liar
from hosts import Pair, check, never_two, patiently, settle
from cli import side_by_side
from liar import Talk, with_field
from relay import Relay

DEADLINE_MS = 500  # some cases wait until it is over
PLAIN = ["--insecure-no-tls"]
LIES = []


def lie(*reasons):
    """A class of what is said instead. @reasons: what the one who is lied to may call it."""
    def add(which):
        LIES.append((which, reasons))
        return which
    return add


def flip(data, at=-1):
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


# --- by the source, or on its way to the destination ---

@lie("newer")
class HelloOfAnotherVersion(Talk):
    def hello_(self, direction, body):
        body = with_field(with_field(body, 1, struct.pack("<I", 99)), liar.VERSION_MAX, struct.pack("<I", 99))
        return [(direction, "HELLO", body)]


@lie("peer-untrusted", "bad-signature")
class HelloOfAStranger(Talk):
    def hello_(self, direction, body):
        return [(direction, "HELLO", with_field(body, liar.KEY, bytes(32)))]


@lie("protocol")
class HelloOfNoSession(Talk):
    def hello_(self, direction, body):
        return [(direction, "HELLO", with_field(body, liar.SESSION, bytes(16)))]


@lie("bad-signature")
class PreflightOfAnotherGeneration(Talk):
    def preflight(self, direction, body):
        return [(direction, "PREFLIGHT", with_field(body, liar.GENERATION, struct.pack("<Q", 77)))]


@lie("bad-signature")
class PreflightOfAnotherSnapshot(Talk):
    def preflight(self, direction, body):
        return [(direction, "PREFLIGHT", with_field(body, liar.SNAPSHOT, bytes(range(16))))]


@lie("bad-signature")
class PreflightOfAVmThatIsHeld(Talk):
    def preflight(self, direction, body):
        return [(direction, "PREFLIGHT", with_field(body, liar.HELD, struct.pack("<I", 1)))]


@lie("protocol")
class PreflightTwice(Talk):
    def preflight(self, direction, body):
        return [(direction, "PREFLIGHT", body)] * 2


@lie("protocol", "bad-signature")
class CommitBeforeAnything(Talk):
    def preflight(self, direction, body):
        return [(direction, "PREFLIGHT", body), (direction, "COMMIT", b"")]


@lie("protocol", "wrong-vm", "already-used", "incompatible")
class BaseForBlob(Talk):
    base_ = b""

    def base(self, direction, body):
        self.base_ = body
        return None

    def blob(self, direction, _):
        return [(direction, "BLOB", self.base_)]


@lie("protocol")
class BaseTwice(Talk):
    def base(self, direction, body):
        return [(direction, "BASE", body)] * 2


@lie("bad-signature", "bad-digest", "damaged", "not-ours", "over-limit", "unknown-signer")
class BlobWithOneBitChanged(Talk):
    def blob(self, direction, body):
        return [(direction, "BLOB", flip(body, len(body) // 2))]


@lie("bad-signature", "bad-digest", "damaged")
class BlobCutShort(Talk):
    def blob(self, direction, body):
        return [(direction, "BLOB", liar.build([(liar.BLOB, liar.field(body, liar.BLOB)[:-9])]))]


@lie("bad-signature", "bad-digest", "damaged", "not-ours", "over-limit", "unknown-signer")
class DeltaWithOneBitChanged(Talk):
    deltas = True

    def delta(self, direction, body):
        return [(direction, "DELTA", flip(body, len(body) // 2))]


@lie("protocol", "incompatible")
class DeltaForBlob(Talk):
    deltas = True

    def delta(self, direction, body):
        return [(direction, "BLOB", body)]


@lie("already-used", "incompatible", "wrong-base", "protocol")
class RehearsalForDelta(Talk):
    deltas, last = True, b""

    def base(self, direction, body):
        self.last = body
        return None

    def delta(self, direction, _):
        return [(direction, "DELTA", self.last)]


@lie("protocol")
class DeltaBeforeStop(Talk):
    deltas = True

    def stop(self, direction, _):
        return [(direction, "DELTA", liar.build([(liar.BLOB, b"x")]))]


@lie("protocol")
class StopTwice(Talk):
    deltas = True

    def stop(self, direction, body):
        return [(direction, "STOP", body)] * 2


@lie("protocol")
class BaseAfterStop(Talk):
    deltas, last = True, b""

    def base(self, direction, body):
        self.last = body
        return None

    def stop(self, direction, body):
        return [(direction, "STOP", body), (direction, "BASE", self.last)]


@lie("protocol")
class BasesForEver(Talk):
    deltas, first = True, b""

    def base(self, direction, body):
        self.first = self.first or body
        return [(direction, "BASE", self.first)] * 100


@lie("bad-signature")
class PreflightOfADryRun(Talk):
    def preflight(self, direction, body):
        return [(direction, "PREFLIGHT", body + liar.build([(28, struct.pack("<I", 1))]))]


@lie("protocol", "bad-signature")
class CommitForBlob(Talk):
    def blob(self, direction, _):
        return [(direction, "COMMIT", b"")]


@lie("bad-signature")
class CommitWithoutSignature(Talk):
    def commit(self, direction, _):
        return [(direction, "COMMIT", b"")]


@lie("bad-signature")
class CommitWithTheSignatureOfPreflight(Talk):
    first = b""

    def preflight(self, _, body):
        self.first = liar.field(body, liar.SIGNATURE)

    def commit(self, direction, _):
        return [(direction, "COMMIT", liar.build([(liar.SIGNATURE, self.first)]))]


@lie("ok", "protocol")
class CommitTwice(Talk):
    def commit(self, direction, body):
        return [(direction, "COMMIT", body)] * 2


@lie("protocol")
class AMessageNobodyKnows(Talk):
    def base(self, direction, _):
        return [(direction, 77, b"")]


@lie("protocol")
class AFieldNobodyKnows(Talk):
    def base(self, direction, body):
        return [(direction, "BASE", body + liar.build([(99, b"x")]))]


@lie("protocol")
class AFieldTwice(Talk):
    def preflight(self, direction, body):
        return [(direction, "PREFLIGHT", body + liar.build([(liar.HELD, struct.pack("<I", 0))]))]


# --- by the destination, or on its way to the source ---

@lie("bad-signature")
class WelcomeWithAnotherNonce(Talk):
    def welcome_(self, direction, body):
        return [(direction, "WELCOME", with_field(body, liar.NONCE, bytes(32)))]


@lie("newer")
class WelcomeOfAnotherVersion(Talk):
    def welcome_(self, direction, body):
        return [(direction, "WELCOME", with_field(body, liar.VERSION, struct.pack("<I", 2)))]


@lie("bad-signature", "peer-untrusted")
class WelcomeOfOurOwnKey(Talk):
    def welcome_(self, direction, body):
        return [(direction, "WELCOME", with_field(body, liar.KEY, liar.field(self.hello, liar.KEY)))]


@lie("over-limit", "ok")
class WelcomeWithALimitOfNothing(Talk):
    def welcome_(self, direction, body):
        return [(direction, "WELCOME", with_field(body, liar.LIMIT, bytes(8)))]


@lie("ok")
class WelcomeWithALimitBeyondSense(Talk):
    def welcome_(self, direction, body):
        return [(direction, "WELCOME", with_field(body, liar.LIMIT, b"\xff" * 8))]


@lie("protocol")
class PreparedForReady(Talk):
    def ready(self, direction, _):
        return [(direction, "PREPARED", liar.build([(liar.DIGEST, bytes(32))]))]


@lie("differs")
class PreparedOfAnotherState(Talk):
    def prepared(self, direction, body):
        return [(direction, "PREPARED", with_field(body, liar.DIGEST, flip(liar.field(body, liar.DIGEST))))]


@lie("protocol")
class DoneForPrepared(Talk):
    def prepared(self, direction, _):
        return [(direction, "DONE", liar.build([(liar.SIGNATURE, self.outcome(liar.COMMITTED))]))]


@lie("ok")
class ReadyOfAnotherBase(Talk):
    """The source believes that it is not kept, and sends everything."""
    deltas = True

    def ready(self, direction, body):
        kept = dict(liar.parse(body)).get(liar.KEPT)
        return [(direction, "READY", with_field(body, liar.KEPT, flip(kept)))] if kept else None


@lie("ok")
class ReadyInLessThanNoTime(Talk):
    deltas = True

    def ready(self, direction, body):
        if liar.SPENT not in dict(liar.parse(body)):
            return None
        return [(direction, "READY", with_field(body, liar.SPENT, bytes(8 * [255])))]


@lie("in-doubt")
class DoneWithASignatureOfAborted(Talk):
    def done(self, direction, body):
        return [(direction, "DONE", with_field(body, liar.SIGNATURE, self.outcome(liar.ABORTED)))]


@lie("in-doubt")
class DoneOfAnotherSession(Talk):
    def done(self, direction, body):
        return [(direction, "DONE", with_field(body, liar.SIGNATURE,
                                               self.outcome(liar.COMMITTED, session=bytes(range(16)))))]


@lie("in-doubt")
class DoneSignedByTheSourceItself(Talk):
    def done(self, direction, body):
        return [(direction, "DONE", with_field(body, liar.SIGNATURE, self.outcome(liar.COMMITTED, who="a")))]


@lie("in-doubt")
class AbortedWithoutSignatureForDone(Talk):
    def done(self, direction, _):
        return [(direction, "ABORTED", b"")]


@lie("in-doubt")
class AbortedWithASignatureOfCommittedForDone(Talk):
    def done(self, direction, _):
        return [(direction, "ABORTED", liar.build([(liar.SIGNATURE, self.outcome(liar.COMMITTED))]))]


@lie("in-doubt")
class AbortForDone(Talk):
    def done(self, direction, _):
        return [(direction, "ABORT", b"")]


@lie("in-doubt", "timeout")
class HeartbeatsForDone(Talk):
    def done(self, direction, _):
        return [(direction, "HEARTBEAT", b"")] * 1000


@lie("timeout", "peer", "protocol")
class HeartbeatsForPrepared(Talk):
    def prepared(self, direction, _):
        return [(direction, "HEARTBEAT", b"")] * 1000


@lie("in-doubt")
class HeartbeatsForEverForDone(Talk):
    def done(self, direction, _):
        self.drip = direction
        return []


@lie("timeout")
class HeartbeatsForEverForPrepared(Talk):
    def prepared(self, direction, _):
        self.drip = direction
        return []


@lie("protocol")
class HeartbeatWithABody(Talk):
    def prepared(self, direction, _):
        return [(direction, "HEARTBEAT", b"\1\0\0\0\1\0\0\0x")]


@lie("peer")
class AnAbortOfNoSense(Talk):
    def prepared(self, direction, _):
        return [(direction, "ABORT", liar.build([(20, b"\xff" * 1024)])), (direction, "ABORT", b"")]


def told_by(pair, told, reasons):
    """The reasons that either side gave. recv is only asked if it has to know better, for of some it says nothing."""
    said = {told.get("reason")}
    while not said & set(reasons) and (event := pair.receiver.said(20)):
        said.add(event.get("reason"))
    return said


def case(which, reasons, deadline):
    """Returns None if the session gave up before anybody noticed the lie."""
    name = which.__name__
    with tempfile.TemporaryDirectory(prefix="lie-") as directory, Pair(directory, deadline) as pair:
        pair.start_recv(*PLAIN)
        talk = which(pair.keys)
        with Relay(pair.uri, plain=True, rewrite=talk) as relay:
            direct, pair.uri = pair.uri, relay.uri
            code, told = pair.send(*PLAIN)
            pair.uri = direct
        said = told_by(pair, told, reasons)
        if "timeout" in said and not said & set(reasons):
            return None
        check(said & set(reasons), f"{name}: it is called by its name", f"{said} {json.dumps(told)}")
        check(code != 0 or "ok" in reasons, f"{name}: send does not say ok")
        running = never_two(pair, name, "after send")
        if code not in (0, 9):
            check(running == "a", f"{name}: without doubt it runs here", json.dumps(told))
        settle(pair, name, args=PLAIN)
        return f"{sorted(map(str, said))}, send ended with {code}"


if __name__ == "__main__":
    side_by_side(((which.__name__, (functools.partial(case, which, reasons), DEADLINE_MS, which.__name__))
                  for which, reasons in LIES), patiently)
