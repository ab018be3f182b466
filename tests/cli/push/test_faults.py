#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""push and pull when the network, the server or the disk does what it should not."""
import json
import os
import signal
import subprocess
import time

import servers
import store as stores
from cli import check, expect, main, wait_for
from scene import DATA, MEANWHILE, SMALL, Hold, Scene, both, file, read


def test_trouble_passes(directory):
    for scene in both(directory):
        store, small = scene.store, file(scene.directory, "small", SMALL)
        store.fault("PUT", stores.status(500), times=1)
        store.fault("PUT", stores.status(503), times=1)
        told = scene("push", small, scene.url + "/a")
        check(scene.got("a") == SMALL and told["repeated"] == 2, "500 and 503, then it works", str(told))
        store.fault("GET", stores.status(429, Retry_After="1"))
        began = time.monotonic()
        told = scene("pull", scene.url + "/a", scene.here)
        check(read(scene.here) == SMALL and time.monotonic() - began >= 1, "what the server asks for is waited")
        store.fault("PUT", stores.status(503, Retry_After="120"), times=9)
        told = scene("push", small, scene.url + "/long", failing=(75, "temporary"))
        check("120 seconds" in told["advice"] and len(store.asked("PUT", "/long")) == 1,
              "a long pause is not waited for, but named", str(told))
        store.faults.clear()
        store.fault("PUT", stores.status(500), times=9)
        scene("push", small, scene.url + "/often", "--tries", "2", failing=(75, "temporary"))
        check(len(store.asked("PUT", "/often")) == 2, "as often as it may")


def test_other_answers(directory):
    for scene in both(directory):
        small = file(scene.directory, "small", SMALL)
        for number, code, reason in ((403, 4, "refused"), (404, 1, "io"), (405, 4, "refused"),
                                     (409, 4, "refused"), (413, 10, "over-limit"), (400, 4, "refused"),
                                     (501, 4, "refused"), (507, 1, "io"), (302, 4, "refused")):
            scene.store.fault("PUT", stores.status(number))
            told = scene("push", small, scene.url + "/x", failing=(code, reason))
            check(str(number) in told["actual"], f"{number} is told", str(told))
        check(scene.got("x") is None, "and nothing is there")
        scene.store.fault("GET", stores.status(204))
        scene("pull", scene.url + "/x", scene.here, failing=(5, "protocol"))
        scene.clean()


def test_a_download_is_cut(directory):
    for scene in both(directory):
        scene.put("x", SMALL)
        scene.store.fault("GET", stores.truncated(70000))
        scene.store.fault("GET", stores.cut)
        told = scene("pull", scene.url + "/x", scene.here)
        check(read(scene.here) == SMALL and told["kept_bytes"] == 69999, "it goes on where it broke", str(told))
        os.unlink(scene.here)
        scene.store.fault("GET", stores.truncated(70000, ETag='W/"weak"'))
        told = scene("pull", scene.url + "/x", scene.here)
        check(read(scene.here) == SMALL and told["restarted"] and not told["kept_bytes"],
              "a weak tag is nothing to go on by", str(told))
        os.unlink(scene.here)

        def change(handler):
            scene.put("x", SMALL[::-1])
            return False

        scene.store.fault("GET", stores.truncated(70000))
        scene.store.fault("GET", change)
        told = scene("pull", scene.url + "/x", scene.here)
        check(read(scene.here) == SMALL[::-1] and told["restarted"], "a changed object begins again", str(told))


def test_a_download_that_only_begins(directory):
    """It ignores Range, and breaks late and early in turn: that is no progress."""
    scene = Scene(directory, s3=False)
    scene.put("x", SMALL)
    for _ in range(10):
        scene.store.fault("GET", stores.truncated(70000))
        scene.store.fault("GET", stores.truncated(50000))
    scene("pull", scene.url + "/x", scene.here, "--tries", "3", failing=(5, "peer"))
    asked = len(scene.store.asked("GET"))
    check(3 <= asked <= 4, "it is given up after as many tries as were allowed", str(asked))


def test_a_pull_goes_on_later(directory):
    for scene in both(directory):
        scene.put("x", SMALL)
        scene.store.fault("GET", stores.truncated(70000), times=1)
        told = scene("pull", scene.url + "/x", scene.here, "--tries", "1", failing=(5, "peer"))
        check("got.part" in told["advice"] and os.path.getsize(scene.here + ".part") == 70000,
              "the advice names what came", str(told))
        check(not os.path.exists(scene.here), "but it has no name")
        told = scene("pull", scene.url + "/x", scene.here)
        check(read(scene.here) == SMALL and told["kept_bytes"] == 69999, "the same command goes on", str(told))
        os.unlink(scene.here)
        file(scene.directory, "got.part", b"x" * 300000)
        file(scene.directory, "got.part.info", b"sdei-migrate pull 1\nurl other\netag \"x\"\n")
        told = scene("pull", scene.url + "/x", scene.here)
        check(read(scene.here) == SMALL, "what is of another URL is nothing")
        os.unlink(scene.here)
        os.symlink("/etc/passwd", scene.here + ".part")
        scene("pull", scene.url + "/x", scene.here, failing=(1, "io"))
        os.unlink(scene.here + ".part")


def test_lies_about_length(directory):
    for scene in both(directory):
        scene.put("x", SMALL)

        def less(handler):
            handler.answer(200, SMALL[:1000], ETag=stores.etag(SMALL), Content_Length=str(len(SMALL)))
            handler.close_connection = True
            return True

        def more(handler):
            handler.answer(200, SMALL + b"more", ETag=stores.etag(SMALL), Content_Length=str(len(SMALL)))
            handler.close_connection = True
            return True

        def other_range(handler):
            return handler.answer(206, SMALL[:100], ETag=stores.etag(SMALL),
                                  Content_Range=f"bytes 0-99/{len(SMALL)}")

        def huge(handler):
            handler.answer(200, b"x", Content_Length=str(1 << 62))
            handler.close_connection = True
            return True

        scene.store.fault("GET", less)
        scene("pull", scene.url + "/x", scene.here)
        check(read(scene.here) == SMALL, "less than was said")
        os.unlink(scene.here)
        scene.store.fault("GET", more)
        scene("pull", scene.url + "/x", scene.here)
        check(read(scene.here) == SMALL, "more than was said is not part of it")
        os.unlink(scene.here)
        scene.store.fault("GET", stores.truncated(70000))
        scene.store.fault("GET", other_range)
        scene("pull", scene.url + "/x", scene.here, failing=(5, "protocol"))
        os.unlink(scene.here + ".part")
        os.unlink(scene.here + ".part.info")
        scene.store.fault("GET", huge)
        scene("pull", scene.url + "/x", scene.here, failing=(10, "over-limit"))
        scene.clean()
        scene.store.fault("GET", stores.endless)
        scene("pull", scene.url + "/x", scene.here, "--max-size", "2M", failing=(10, "over-limit"))
        scene.clean()


def test_too_slow(directory):
    scene = Scene(directory, s3=False)
    scene.put("x", SMALL)
    scene.store.fault("GET", stores.stall, times=2)
    scene("pull", scene.url + "/x", scene.here, "--stall-time", "2", "--tries", "1", failing=(5, "timeout"))
    scene("pull", scene.url + "/x", scene.here, "--stall-time", "2", "--tries", "2")
    check(read(scene.here) == SMALL, "and tried again")


def test_redirects(directory):
    authority = servers.Authority(directory)
    scene = Scene(directory, s3=False)
    other = stores.Store()
    elsewhere = stores.serve(other)
    other.objects["/x"] = {"bytes": SMALL, "etag": stores.etag(SMALL)}
    scene.store.credentials = "Bearer t0ken"
    web = file(directory, "web", b"token = t0ken\n")
    os.chmod(web, 0o600)
    scene.put("moved", SMALL)
    scene.store.fault("GET", stores.status(302, Location="/moved"))
    scene("pull", scene.url + "/a", scene.here, "--credentials", web)
    check(read(scene.here) == SMALL, "a redirect is followed")
    check(scene.store.log[-1][2].get("Authorization"), "with credentials on the same host")
    os.unlink(scene.here)
    scene.store.fault("GET", stores.status(307, Location=elsewhere.url + "/x"))
    scene("pull", scene.url + "/a", scene.here, "--credentials", web)
    check(read(scene.here) == SMALL and "Authorization" not in other.log[-1][2],
          "and without them on another", str(other.log))
    os.unlink(scene.here)
    scene.store.fault("GET", stores.status(302, Location="/a"), times=99)
    told = scene("pull", scene.url + "/a", scene.here, "--credentials", web, failing=(5, "protocol"))
    check(told["code"] == "ELOOP" and len(scene.store.asked("GET")) < 12, "but not for ever", str(told))
    secure = Scene(directory, s3=False, certificate=authority.make("s"))
    for location in (elsewhere.url + "/x", "file:///etc/passwd", "https://user:pw@127.0.0.1/", "ftp://127.0.0.1/"):
        other.log.clear()
        secure.store.fault("GET", stores.status(302, Location=location))
        secure("pull", secure.url + "/a", secure.here, "--ca", authority.path, failing=(5, "protocol"))
        check(not other.log, "never from https to anything else")
    scene.clean()


def test_cancelled(directory):
    for scene in both(directory):
        scene.put("x", SMALL)
        scene.store.fault("GET", stores.stall)
        child = scene.start("pull", scene.url + "/x", scene.here)
        check(wait_for(lambda: os.path.exists(scene.here + ".part.info")), "it begins")
        child.send_signal(signal.SIGINT)
        told = json.loads(child.communicate(timeout=MEANWHILE)[0])
        check(child.returncode == 7 and told["reason"] == "cancelled", "Ctrl-C", str(told))
        check(not os.path.exists(scene.here) and "got.part" in told["advice"], "the part is named", str(told))
        scene.store.fault("HEAD", stores.status(503), times=99)
        child = scene.start("push", file(scene.directory, "small", SMALL), scene.url + "/y")
        check(wait_for(lambda: scene.store.asked("HEAD", "/y")), "it begins")
        child.send_signal(signal.SIGTERM)
        told = json.loads(child.communicate(timeout=MEANWHILE)[0])
        check(child.returncode == 7, "in a pause", str(told))


def test_killed(directory):
    scene = Scene(directory)
    large = file(directory, "large", DATA)
    hold = Hold()
    scene.store.fault("PUT", hold, where="partNumber=3")
    child = scene.start("push", large, scene.url + "/l", "--part-size", "5M")
    check(hold.held.wait(MEANWHILE), "it begins")
    busy = scene("push", large, scene.url + "/l", "--part-size", "5M", failing=(11, "busy"))
    check(busy["advice"].startswith("Wait"), "one push at a time", str(busy))
    child.kill()
    child.communicate()
    hold.go.set()
    told = scene("push", large, scene.url + "/l", "--part-size", "5M")
    check(told["kept_bytes"] == 10 << 20 and scene.got("l") == DATA, "kill -9, and it goes on", str(told))
    scene.put("x", SMALL)
    scene.store.fault("GET", stores.stall)
    child = scene.start("pull", scene.url + "/x", scene.here)
    check(wait_for(lambda: os.path.exists(scene.here + ".part.info")), "it begins")
    scene("pull", scene.url + "/x", scene.here, failing=(11, "busy"))
    child.kill()
    child.communicate()
    scene("pull", scene.url + "/x", scene.here)
    check(read(scene.here) == SMALL, "a pull goes on, too")


def test_full_disk(directory):
    if os.geteuid() != 0:
        print("SKIP a small disk can be mounted by root only")
        return
    place = os.path.join(directory, "small")
    os.mkdir(place)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], check=False,
                      capture_output=True).returncode:
        print("SKIP a small disk cannot be mounted here")
        return
    try:
        scene = Scene(place, s3=False)
        scene.put("x", DATA)
        told = scene("pull", scene.url + "/x", scene.here, failing=(1, "io"))
        check(told["code"] == "ENOSPC" and "room" in told["advice"].lower(), "a full disk is named", str(told))
        check(not os.path.exists(scene.here), "and the file has no name")
    finally:
        subprocess.run(["umount", place], check=True)


def test_progress(directory):
    scene = Scene(directory, s3=False)
    scene.put("x", DATA)
    done = expect(0, *scene.args("pull", scene.url + "/x", scene.here), "--progress-fd", "2", env=scene.env)
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    check(lines and lines[-1]["phase"] == "pull" and lines[-1]["done"] == lines[-1]["total"] == len(DATA),
          "it tells how far it is", done.stderr[-300:])
    done = expect(0, *scene.args("push", scene.here, scene.url + "/y"), "--progress-fd", "2", env=scene.env)
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    check(lines and lines[-1]["phase"] == "push" and lines[-1]["done"] == len(DATA), "both ways",
          done.stderr[-300:])
    began = time.monotonic()
    scene("push", file(directory, "small", SMALL), scene.url + "/z", "--limit-rate", "100K")
    check(time.monotonic() - began >= 0.9, "a rate is kept")


if __name__ == "__main__":
    main(__name__)
