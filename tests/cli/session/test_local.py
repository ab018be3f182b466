#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""send --local: two VMMs of one host, a unix socket, and nobody else's."""
import os
import shutil

from hosts import Pair, check, cli
from cli import start

NOBODY = 65534


def test_from_one_vmm_to_the_other(directory):
    with Pair(directory, listen="unix:" + directory + "/here") as pair:
        pair.start_recv()
        code, told = pair.send("--local")
        check(code == 0 and pair.running() == "b" and not told["insecure"], "the VM goes over", told)
        check(pair.recorded("a", "committed") and pair.recorded("b", "committed"), "and both ledgers know it")


def test_another_carrier_is_refused(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        code, told = pair.send("--local")
        check(code == 2 and told["reason"] == "usage" and pair.running() == "a", "tcp: is no carrier for that", told)


def test_a_listener_of_another_user_is_refused(directory):
    os.chmod(directory, 0o755)
    place = os.path.join(directory, "place")
    os.mkdir(place, 0o777)
    os.chmod(place, 0o777)
    with Pair(directory, listen="unix:" + place + "/there") as pair:
        theirs = os.path.join(place, "b.key")
        shutil.copy(pair.keys["b"] + ".key", theirs)
        shutil.copy(pair.keys["b"] + ".crt", place)
        os.chown(theirs, NOBODY, NOBODY)
        vmm = start("host", "--vm", os.path.join(cli.MODELS, "linux-guest.json"), "--control", place + "/vm.sock",
                    "--no-script", user=NOBODY, group=NOBODY)
        check(vmm.said(), "somebody else has a VMM")
        pair.receiver = start("recv", "--listen", pair.listen, "--control", place + "/vm.sock", "--key", theirs, "--peer",
                              pair.keys["a"] + ".crt", "--state", place + "/state", user=NOBODY, group=NOBODY)
        ready = pair.receiver.said()
        check(ready, "and listens")
        pair.uri = ready["uri"] if ready else "unix:/nowhere"
        code, told = pair.send("--local")
        check(code == 4 and told["reason"] == "refused" and told["field"] == "peer" and
              told["vm_state"]["source"] == "running", "who is not this user is not given a VM", told)
        vmm.terminate()
        vmm.communicate()


if __name__ == "__main__":
    if os.geteuid():
        print("SKIP a listener of another user: only root can be somebody else, too")
        del test_a_listener_of_another_user_is_refused
    cli.main(__name__)
