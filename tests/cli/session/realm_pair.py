# SPDX-License-Identifier: Apache-2.0
"""Two hosts between which a realm moves."""
from hosts import Pair, cli, key
from realms import Realm, description


class RealmPair(Pair):
    """Source A with a realm that is being built, destination B with an empty one and a platform of its own."""

    def __init__(self, directory, **how):
        self.platform = key(directory, "platform", "p384")
        self.other = key(directory, "other", "p384")
        self.here = description(directory)
        self.there = description(directory, "there.json", **how)
        super().__init__(directory)

    def serve(self):
        return {"a": cli.Host(self.directory, "a", model=self.here),
                "b": cli.Host(self.directory, "b", model=self.there,
                              args=["--platform-key", self.platform + ".key"])}

    def realm(self, side="a"):
        return self.hosts[side].vm("status")["realm"]

    def anchor(self):
        return ["--realm-anchor", self.platform + ".pub"]


class BuiltPair(RealmPair):
    """The same with the realm built, for a send that says what it takes by itself."""

    def __enter__(self):
        Realm(self.hosts["a"]).build()
        return self

    def start_send(self, *args, **how):
        super().start_send(*self.anchor(), *args, **how)
