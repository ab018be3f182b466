# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over the dev build, and what only the arm64 build has, once that is there; what passed once and has not
changed is not looked at again."""
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import time

import building
from result import FAILED, PASSED, SKIPPED, Result
from tree import ROOT, read, tracked

CACHE = os.path.join(ROOT, "build", "tidy")
PRESETS = ("dev", "arm64")


def _database(preset):
    path = os.path.join(building.directory(preset), "compile_commands.json")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def entries():
    """(path, preset, command) of each tracked file that a build compiles, once."""
    known, found = set(tracked("*.c")), {}
    for preset in PRESETS:
        for entry in _database(preset):
            path = os.path.relpath(entry["file"], ROOT)
            if path in known:
                found.setdefault(path, (preset, entry))
    return [(path, *found[path]) for path in sorted(found)]


def key_of(path, entry, rules):
    """Changes with the rules, the file, and all that it includes."""
    words = shlex.split(entry["command"])
    if "-o" in words:
        del words[words.index("-o"):words.index("-o") + 2]
    words = [word for word in words if word != "-c"] + ["-E", "-o", "-"]
    text = subprocess.run(words, cwd=entry["directory"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    return hashlib.sha256(rules + read(path).encode() + b"\0" + text).hexdigest()


def in_short(said):
    """The findings and the lines they point at; the notes on the way there are for whoever mends."""
    lines = said.splitlines()
    kept = [line for number, line in enumerate(lines)
            if any(re.search(r":\d+: (?:error|warning): ", before)
                   for before in lines[max(0, number - 2):number + 1])
            and ": note: " not in line]
    return "\n".join(kept) or said.strip()


def look_at(path, preset, entry, rules):
    """What clang-tidy said, or '' for nothing."""
    stamp = os.path.join(CACHE, key_of(path, entry, rules))
    if os.path.exists(stamp):
        return ""
    told = subprocess.run(
        ["clang-tidy", "--quiet", "-p", building.directory(preset), path],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if told.returncode != 0:
        return in_short(told.stdout) or f"{path}: clang-tidy ended with {told.returncode}"
    open(stamp, "w", encoding="utf-8").close()
    return ""


def run(_long):
    if not shutil.which("clang-tidy"):
        return [Result("tidy/clang-tidy", SKIPPED, 0, "clang-tidy is not installed")]
    began = time.monotonic()
    os.makedirs(CACHE, exist_ok=True)
    version = subprocess.run(["clang-tidy", "--version"], stdout=subprocess.PIPE).stdout
    rules = version + "".join(read(path) for path in tracked("*.clang-tidy")).encode()
    with concurrent.futures.ThreadPoolExecutor(int(building.JOBS)) as pool:
        said = list(pool.map(lambda item: look_at(*item, rules), entries()))
    wrong = [text for text in said if text]
    if wrong:
        wrong.append("mend: change the line; clang-tidy -p build/dev FILE looks at one file again")
    return [Result("tidy/clang-tidy", FAILED if wrong else PASSED, time.monotonic() - began,
                   "\n".join(wrong))]
