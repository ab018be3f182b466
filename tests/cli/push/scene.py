# SPDX-License-Identifier: Apache-2.0
"""A store that breaks on purpose, a folder, and push and pull with what they need."""
import os
import threading

import servers  # pylint: disable=unused-import; it knows where cli.py is
import store as stores
from cli import ask, check, fails, host, key, start

KEYS = {"K": ("s", None)}
ENV = {"AWS_ACCESS_KEY_ID": "K", "AWS_SECRET_ACCESS_KEY": "s"}
DATA = os.urandom(12 << 20)
SMALL = DATA[:200000]
MEANWHILE = 60


def file(directory, name, data):
    path = os.path.join(directory, name)
    with open(path, "wb") as out:
        out.write(data)
    return path


def read(path):
    with open(path, "rb") as data:
        return data.read()


def sealed(directory):
    """A sealed snapshot, and the public key of who sealed it."""
    prefix, path = key(directory, "k"), os.path.join(directory, "s")
    with host(directory) as vm:
        ask("snapshot", "--control", vm.control, "--key", prefix + ".key", "-o", path, "--any-destination")
    return path, prefix + ".pub"


class Scene:
    """A store, a folder, and the two commands with what they need."""

    def __init__(self, directory, s3=True, certificate=None, **more):
        self.directory = directory
        self.store = stores.Store(keys=KEYS if s3 else None, **more)
        self.server = stores.serve(self.store, certificate)
        self.url = "s3://bucket" if s3 else self.server.url
        self.env = {**ENV, "AWS_ENDPOINT_URL": self.server.url} if s3 else {}
        self.here = os.path.join(directory, "got")

    def args(self, verb, *args):
        state = ("--state", os.path.join(self.directory, "state")) if verb == "push" else ()
        return (verb, *args, "--any-file", "--insecure-no-tls", *state)

    def __call__(self, verb, *args, failing=None, **env):
        env = {**self.env, **env}
        if failing:
            return fails(*failing, *self.args(verb, *args), env=env)
        return ask(*self.args(verb, *args), env=env)

    def put(self, name, data):
        self.store.objects[("/bucket/" if self.env else "/") + name] = {"bytes": data, "etag": stores.etag(data)}

    def got(self, name):
        return self.store.objects.get(("/bucket/" if self.env else "/") + name, {}).get("bytes")

    def start(self, verb, *args, stdin=None):
        """In the background, to be watched."""
        return start(*self.args(verb, *args), "--json", stdin=stdin, env=self.env)

    def clean(self):
        """Nothing of a pull stays."""
        left = [name for name in os.listdir(self.directory) if name.startswith("got")]
        check(not left, "nothing of the file stays", str(left))


class Hold:
    """A fault: the request waits, until it is let go and its connection cut."""

    def __init__(self):
        self.held, self.go = threading.Event(), threading.Event()

    def __call__(self, handler):
        self.held.set()
        self.go.wait(2 * MEANWHILE)
        return handler.cut()


def both(directory):
    """The same over S3 and over plain PUT and GET."""
    for s3 in (True, False):
        place = os.path.join(directory, str(s3))
        os.mkdir(place)
        yield Scene(place, s3)
