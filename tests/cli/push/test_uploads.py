#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""push: uploads in parts that break, go on, are given up, and meet somebody else's."""
import json
import os
import signal

import store as stores
from scene import DATA, MEANWHILE, SMALL, Hold, Scene, both, file
from cli import check, expect, main


def test_a_part_is_cut(directory):
    scene = Scene(directory)
    large, store = file(directory, "large", DATA), scene.store
    store.fault("PUT", stores.cut_after(3 << 20), where="partNumber=2", early=True)
    told = scene("push", large, scene.url + "/l", "--part-size", "5M")
    check(scene.got("l") == DATA and told["repeated"] == 1, "a connection cut in mid-part", str(told))
    check(len(store.asked("PUT", "partNumber=1")) == 1, "only that part goes again")


def interrupted(scene, large, name="l"):
    """A push that fails at its last part."""
    scene.store.fault("PUT", stores.status(500), where="partNumber=3", times=1)
    told = scene("push", large, f"{scene.url}/{name}", "--part-size", "5M", "--tries", "1",
                 failing=(75, "temporary"))
    check("--abandon" in told["advice"], "what stays there is told", told["advice"])
    scene.store.log.clear()


def test_an_upload_goes_on(directory):
    scene = Scene(directory)
    large, store = file(directory, "large", DATA), scene.store
    interrupted(scene, large)
    told = scene("push", large, scene.url + "/l", "--part-size", "5M")
    check(told["kept_bytes"] == 10 << 20 and scene.got("l") == DATA, "the same command goes on", str(told))
    check(len(store.asked("PUT")) == 1 and not store.asked("POST", "uploads="), "with what is missing",
          str(store.log))
    check(not os.listdir(os.path.join(directory, "state/uploads")), "no note stays")

    interrupted(scene, large, "other-tag")
    list(store.uploads.values())[0]["parts"][1] = b"x" * (5 << 20)
    told = scene("push", large, scene.url + "/other-tag", "--part-size", "5M")
    check(told["kept_bytes"] == 5 << 20 and scene.got("other-tag") == DATA,
          "a part that is another at the server goes again", str(told))

    interrupted(scene, large, "gone")
    store.uploads.clear()
    told = scene("push", large, scene.url + "/gone", "--part-size", "5M")
    check(told["kept_bytes"] == 0 and scene.got("gone") == DATA, "an upload the server gave up begins again")

    interrupted(scene, large, "cut")
    scene("push", large, scene.url + "/cut", "--part-size", "6M")
    check(scene.got("cut") == DATA and not store.uploads and store.asked("DELETE"),
          "one that was cut otherwise is aborted", str(store.uploads.keys()))

    store.lists_parts = False
    interrupted(scene, large, "blind")
    told = scene("push", large, scene.url + "/blind", "--part-size", "5M")
    check(told["kept_bytes"] == 10 << 20 and scene.got("blind") == DATA, "a store that cannot list", str(told))


def test_an_upload_of_a_changed_file(directory):
    scene = Scene(directory)
    large = file(directory, "large", DATA)
    interrupted(scene, large)
    changed = file(directory, "large", DATA[::-1])
    done = expect(0, *scene.args("push", changed, scene.url + "/l", "--part-size", "5M"), env=scene.env)
    check("given up" in done.stderr, "a stale upload is said", done.stderr)
    check(scene.got("l") == DATA[::-1] and not scene.store.uploads, "and aborted; the file is whole")
    interrupted(scene, large, "n")
    status = os.stat(large)
    file(directory, "large", b"y" + DATA[::-1][1:])
    os.utime(large, ns=(status.st_atime_ns, status.st_mtime_ns))
    told = scene("push", large, scene.url + "/n", "--part-size", "5M")
    check(told["kept_bytes"] == 5 << 20 and scene.got("n") == b"y" + DATA[::-1][1:],
          "bytes changed behind an unchanged date are found", str(told))


def test_abandon(directory):
    scene = Scene(directory)
    large = file(directory, "large", DATA)
    interrupted(scene, large)
    check(scene.store.uploads, "it is there")
    scene("push", large, scene.url + "/l", "--abandon")
    check(not scene.store.uploads, "the server forgets it")
    scene("push", large, scene.url + "/l", "--abandon", failing=(1, "io"))
    interrupted(scene, large)
    notes = os.path.join(directory, "state/uploads")
    note = os.path.join(notes, os.listdir(notes)[0])
    check(os.stat(note).st_mode & 0o777 == 0o600, "the note is for nobody else")
    for text in (b"", b"nonsense\n", b"sdei-migrate upload 1\nurl x\n", os.urandom(1000), b"\0" * (5 << 20)):
        file(notes, os.path.basename(note), text)
        scene("push", large, scene.url + "/l", "--part-size", "5M", "--overwrite")
        check(scene.got("l") == DATA, "an unreadable note is none")


def test_a_pipe_leaves_nothing(directory):
    scene = Scene(directory)
    large, store = file(directory, "large", DATA), scene.store
    hold = Hold()
    for do, code in ((stores.status(500), 75), (hold, 7)):
        store.fault("PUT", do, where="partNumber=3")
        with open(large, "rb") as data:
            child = scene.start("push", "-", scene.url + "/p", "--part-size", "5M", "--tries", "1", stdin=data)
            if code == 7:
                check(hold.held.wait(MEANWHILE), "it begins")
                child.send_signal(signal.SIGINT)
            told = json.loads(child.communicate(timeout=MEANWHILE)[0])
        check(child.returncode == code and "--abandon" not in told["advice"], "it fails", str(told))
        check(not store.uploads and store.asked("DELETE"), "and the server keeps nothing of it")
        store.log.clear()
    hold.go.set()


def test_completing(directory):
    scene = Scene(directory)
    large, store = file(directory, "large", DATA), scene.store

    def lost(handler):
        handler.answer = lambda *args, **more: True
        handler.complete()
        del handler.answer
        return handler.cut()

    def late_error(handler):
        return handler.answer(200, "<?xml?>\n<Error><Code>InternalError</Code></Error>")

    store.fault("POST", lost, where="uploadId")
    told = scene("push", large, scene.url + "/lost", "--part-size", "5M")
    check(scene.got("lost") == DATA and told["etag"] == store.objects["/bucket/lost"]["etag"],
          "a lost answer is found out about", str(told))
    store.fault("POST", late_error, where="uploadId")
    told = scene("push", large, scene.url + "/late", "--part-size", "5M", failing=(75, "temporary"))
    check("InternalError" in told["actual"], "an error inside a success", str(told))
    told = scene("push", large, scene.url + "/late", "--part-size", "5M")
    check(told["kept_bytes"] == len(DATA) and scene.got("late") == DATA, "and goes on", str(told))

    def other_first(handler):
        handler.keep(b"theirs", stores.etag(b"theirs"))
        return False

    store.fault("POST", other_first, where="uploadId")
    scene("push", large, scene.url + "/race", "--part-size", "5M", failing=(1, "io"))
    check(scene.got("race") == b"theirs", "who comes between is not replaced")


def test_races(directory):
    for scene in both(directory):
        small = file(scene.directory, "small", SMALL)

        def other_first(handler):
            handler.keep(b"theirs", stores.etag(b"theirs"))
            return False

        scene.store.fault("PUT", other_first)
        told = scene("push", small, scene.url + "/x", failing=(1, "io"))
        check(told["code"] == "EEXIST" and scene.got("x") == b"theirs", "the condition holds", str(told))

    def keep_and_cut(handler):
        handler.keep(handler.body, stores.etag(handler.body))
        return handler.cut()

    scene = Scene(directory)
    scene.store.fault("PUT", keep_and_cut)
    told = scene("push", file(directory, "small", SMALL), scene.url + "/y")
    check(scene.got("y") == SMALL and told["repeated"] == 1, "what a lost answer left is our own", str(told))


def test_wrong_tags(directory):
    scene = Scene(directory)
    small, large = file(directory, "small", SMALL), file(directory, "large", DATA)

    def wrong(handler):
        return handler.answer(200, ETag='"' + "0" * 32 + '"')

    scene.store.fault("PUT", wrong)
    scene("push", small, scene.url + "/x", failing=(3, "bad-digest"))
    scene.store.fault("PUT", wrong, where="partNumber=2")
    scene("push", large, scene.url + "/x", "--part-size", "5M", failing=(3, "bad-digest"))
    check(scene.got("x") is None, "and nothing is joined")
    scene.put("y", SMALL)
    scene.store.objects["/bucket/y"]["etag"] = '"' + "1" * 32 + '"'
    scene("pull", scene.url + "/y", scene.here, failing=(3, "bad-digest"))
    scene.clean()

    def half(handler):
        handler.keep(handler.body[:100], "none")
        return handler.answer(201)

    plain = Scene(directory, s3=False)
    plain.store.fault("PUT", half)
    told = plain("push", small, plain.url + "/half", failing=(3, "bad-digest"))
    check("is there" in told["advice"], "a server that keeps less", str(told))

    def endless_list(handler):
        return handler.answer(200, "<ListPartsResult><IsTruncated>true</IsTruncated></ListPartsResult>")

    interrupted(scene, large, "z")
    scene.store.fault("GET", endless_list, where="uploadId", times=99)
    scene("push", large, scene.url + "/z", "--part-size", "5M", failing=(5, "protocol"))


def test_changed_meanwhile(directory):
    for scene in both(directory):
        path = file(scene.directory, "small", SMALL)

        def touch(_):
            os.utime(path, (1, 1))
            return False

        scene.store.fault("PUT", touch)
        told = scene("push", path, scene.url + "/x", failing=(75, "torn"))
        check("is there" in told["advice"], "the object is there, and that is said", str(told))
    scene = Scene(directory)
    large = file(directory, "large", DATA)

    def shorten(_):
        os.truncate(large, 5 << 20)
        return False

    scene.store.fault("PUT", shorten, where="partNumber=1")
    scene("push", large, scene.url + "/l", "--part-size", "5M", failing=(75, "torn"))
    check(scene.got("l") is None, "and nothing is joined")


if __name__ == "__main__":
    main(__name__)
