# SPDX-License-Identifier: Apache-2.0
"""The files of the project: what git tracks, and what is new and not ignored."""
import fnmatch
import os
import subprocess

# SDEI_TREE lets the checks be checked: scripts/house/rules_fire.py points it at a tree of mistakes.
ROOT = os.path.realpath(os.environ.get("SDEI_TREE") or
                        os.path.join(os.path.dirname(__file__), "..", ".."))


def tracked(*patterns):
    """Paths relative to ROOT that match one of the patterns; '*' crosses directories."""
    listing = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    paths = sorted(set(path for path in listing.split("\0") if path))
    return [path for path in paths
            if os.path.isfile(os.path.join(ROOT, path))
            and any(fnmatch.fnmatch(path, pattern) for pattern in patterns)]


def c_files():
    return tracked("*.c", "*.h")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()
