#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report: the page says what show says, escapes what it is given, and a real browser draws it."""
import html.parser
import json
import os
import shutil
import struct
import subprocess
import zlib

import cli
from cli import ask, check, expect, fails, host, key

VOID = {"meta", "rect"}


class Page(html.parser.HTMLParser):
    """Tags that are closed in the order they were opened, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.tags, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.wrong += [name for name, value in attrs
                       if name in ("src", "href") or name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.texts.append(data.strip())


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def sealed(directory, prefix, model="demo.json"):
    path = os.path.join(directory, "s")
    with host(directory, model=model) as vm:
        ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path,
            "--any-destination")
    return path


def handed_over(directory, **more):
    path = os.path.join(directory, "send.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"event":"phase","phase":"hello"}\n')
        json.dump({"reason": "ok", "exit": 0, "blackout_us": 700, **more,
                   "phases_us": {"hello": 900, "pause": 50, "capture": 250, "done": 300}}, file)
    return path


def test_a_snapshot(directory):
    prefix, out = key(directory, "k"), os.path.join(directory, "p.html")
    path = sealed(directory, prefix)
    told = ask("report", path, "-o", out)
    page = Page(read(out))
    check(not page.wrong and "script" not in page.tags and "link" not in page.tags,
          "it is well-formed and stands alone", str(page.wrong))
    check(told["bytes"] == os.path.getsize(out) and told["verified"] is False, "its size is told")
    check(any("Nobody has vouched" in text for text in page.texts), "without --trust it says so")
    check("critical handler of 0x400001, over the normal one of 0x400000" in page.texts and
          "off" in page.texts and "masked" in page.texts, "what each vCPU was doing")
    told = ask("report", path, "-o", out, "--trust", prefix + ".pub")
    check(told["verified"] is True and "Verified: 1 trusted" in read(out), "with --trust it verifies")
    shown = ask("show", path)
    check(all(record["name"] in read(out) for record in shown["schema"]["records"]), "every record")
    data = expect(0, "report", path, "-o", "-").stdout
    check(data.startswith("<!DOCTYPE html>") and data.endswith("</html>\n"), "to stdout too")


def test_a_hand_over(directory):
    out = os.path.join(directory, "p.html")
    ask("report", "--record", handed_over(directory), "-o", out)
    page = Page(read(out))
    check(not page.wrong and page.tags.count("rect") == 4, "one bar a phase", str(page.wrong))
    check("pause 50 µs" in page.texts and read(out).count('class="dark"') == 2, "the dark ones are dark")
    evil = '<script>alert(1)</script>"&\u0007'
    ask("report", "--record", handed_over(directory, reason=evil, advice=evil), "-o", out)
    page = Page(read(out))
    check("script" not in page.tags and not page.wrong, "what it is given is text")


def test_what_is_refused(directory):
    out = os.path.join(directory, "p.html")
    fails(2, "usage", "report", "-o", out)
    fails(13, "not-ours", "report", __file__, "-o", out)
    for text in ("", "no JSON", '{"a": 1}', '{"reason": "ok", "exit": 0}\nx'):
        path = os.path.join(directory, "r")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        fails(13, "not-ours", "report", "--record", path, "-o", out)
    check(not os.path.exists(out), "and nothing is written")


def colours(path):
    """The colours of an 8-bit PNG without interlacing, as a set of (r, g, b)."""
    data, at, packed, found = open(path, "rb").read(), 8, b"", set()
    width = height = step = 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, _, colour = struct.unpack(">IIBB", body[:10])
            step = {2: 3, 6: 4}[colour]
        elif kind == b"IDAT":
            packed += body
        at += size + 12
    raw, before = zlib.decompress(packed), bytearray(width * step)
    for row in range(height):
        start = row * (width * step + 1)
        kind, line = raw[start], bytearray(raw[start + 1:start + 1 + width * step])
        for i, _ in enumerate(line):
            a = line[i - step] if i >= step else 0
            b, c = before[i], before[i - step] if i >= step else 0
            if kind == 1:
                line[i] = (line[i] + a) & 255
            elif kind == 2:
                line[i] = (line[i] + b) & 255
            elif kind == 3:
                line[i] = (line[i] + (a + b) // 2) & 255
            elif kind == 4:
                p = a + b - c
                near = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
                line[i] = (line[i] + near) & 255
        found |= {tuple(line[i:i + 3]) for i in range(0, len(line), step)}
        before = line
    return found


def browser():
    """A real browser; installed where this may be done, else None."""
    if not shutil.which("chromium") and os.geteuid() == 0:
        subprocess.run(["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "install", "-y",
                        "--no-install-recommends", "chromium"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                       env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    return shutil.which("chromium")


def test_a_browser_draws_it(directory):
    program = browser()
    if not program:
        print("SKIP no chromium here, and it cannot be installed")
        return
    prefix, out = key(directory, "k"), os.path.join(directory, "p.html")
    ask("report", sealed(directory, prefix), "--record", handed_over(directory), "-o", out)
    picture = os.path.join(directory, "p.png")
    done = subprocess.run(
        [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={directory}/profile", "--window-size=500,400",
         f"--screenshot={picture}", "file://" + out], capture_output=True, text=True, timeout=120,
        check=False, env={**os.environ, "HOME": directory})
    if not check(os.path.exists(picture), "it makes a picture", done.stderr[-500:]):
        return
    seen = colours(picture)
    check((0xc2, 0x57, 0x1a) in seen and (0x8f, 0xb8, 0xde) in seen, "with light and dark bars",
          str(len(seen)))
    check("Refused to" not in done.stderr and "SyntaxError" not in done.stderr,
          "and the browser has nothing to complain about", done.stderr[-500:])


if __name__ == "__main__":
    cli.main(__name__)
