#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The host: ready and gone, signals, sockets, wrong descriptions, scripts."""
import glob
import json
import os
import signal
import socket
import subprocess

import cli
from cli import Host, ask, check, environment, fails, host, model, start


def test_signals_end_it(directory):
    for number in (signal.SIGTERM, signal.SIGINT):
        served = Host(directory)
        check(served.ready == {"event": "ready", "control": served.control}, "it says where it is",
              str(served.ready))
        check(served.stop(number) == 0, f"signal {number} ends it with 0")
        check(not os.path.exists(served.control), "and the socket is gone")


def test_a_command_that_waits_ends_on_ctrl_c(directory):
    path = os.path.join(directory, "silent.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen()
        waiting = start("vm", "status", "--control", path)
        connection, _ = silent.accept()
        waiting.send_signal(signal.SIGINT)
        waiting.communicate(timeout=cli.TIMEOUT)
        connection.close()
        check(waiting.returncode == -signal.SIGINT, "Ctrl-C ends it", str(waiting.returncode))


def test_sockets(directory):
    with host(directory) as vm:
        fails(11, "busy", "host", "--vm", f"{cli.MODELS}/minimal.json", "--control", vm.control)
        check(vm.vm("status")["state"] == "running", "a second host takes nothing away")
        vm.process.kill()
        vm.process.wait()
        check(os.path.exists(vm.control), "after kill -9 the socket is left")
        with host(directory) as again:
            check(again.vm("status")["state"] == "running", "and the next host takes its place")
    path = os.path.join(directory, "file")
    with open(path, "w", encoding="utf-8") as out:
        out.write("mine")
    done = cli.run("host", "--vm", f"{cli.MODELS}/minimal.json", "--control", path, "--json")
    check(done.returncode not in (0, 2) and open(path, encoding="utf-8").read() == "mine",
          "a file that is no socket is left alone", done.stdout)


def as_nobody(*args):
    """Run the program as a user who is neither root nor ours. Returns (exit code, its JSON)."""
    done = subprocess.run([cli.PROGRAM, *args, "--json"], capture_output=True, text=True, user=65534,
                          group=65534, extra_groups=[], cwd="/", env=environment(), check=False)
    return done.returncode, json.loads(done.stdout or "{}")


def test_other_users(directory):
    if os.geteuid() != 0:
        print("other users: not checked, it takes root to become one")
        return
    os.chmod(directory, 0o755)
    line = ["vm", "status", "--control", os.path.join(directory, "vm.sock")]
    with host(directory):
        code, told = as_nobody(*line)
        check(code in (4, 5), "another user is not let in", json.dumps(told))
    with host(directory, args=["--control-allow", "1"]):
        code, told = as_nobody(*line)
        check(code == 4 and told["reason"] == "refused", "nor if a third one is allowed",
              json.dumps(told))
    with host(directory, args=["--control-allow", "65534"]):
        code, told = as_nobody(*line)
        check(code == 0 and told["state"] == "running", "but if it is allowed itself",
              json.dumps(told))


def test_many(directory):
    process = start("host", "--vm", f"{cli.MODELS}/minimal.json", "--many", "5", "--dir",
                    os.path.join(directory, "vms"))
    ready = process.said()
    found = glob.glob(os.path.join(directory, "vms", "*.sock"))
    check(sorted(ready["controls"]) == sorted(found) and len(found) == 5, "five VMs, five sockets",
          str(ready))
    uuids = {ask("vm", "status", "--control", path)["info"]["uuid"] for path in found}
    check(uuids == {os.path.basename(path)[:-5] for path in found}, "named by their UUIDs", str(uuids))
    process.send_signal(signal.SIGTERM)
    check(process.wait(timeout=cli.TIMEOUT) == 0 and not glob.glob(os.path.join(directory, "vms", "*.sock")),
          "SIGTERM ends all of them")


def test_many_of_one_name(directory):
    path = model(directory, "named.json", vcpus=[{}], uuid="00000000-0000-4000-8000-0000000000fe")
    process = start("host", "--vm", path, "--many", "3", "--dir", directory)
    ready = process.said()
    names = [os.path.basename(control)[-9:-5] for control in ready["controls"]]
    check(names == ["00fe", "00ff", "0100"], "with a UUID in the description the others follow it",
          str(ready))
    process.terminate()
    process.wait(timeout=cli.TIMEOUT)


def refused(directory, field, **description):
    path = model(directory, "wrong.json", **description)
    told = fails(2, "usage", "host", "--vm", path, "--control", os.path.join(directory, "s"))
    check(told.get("field") == field and told.get("object") == path,
          f"the place {field} is named", json.dumps(told))


def test_wrong_descriptions(directory):
    one = [{}]
    refused(directory, "vcpus")
    refused(directory, "vcpus", vcpus=[])
    refused(directory, "vcpus", vcpus=[{}] * 513)
    refused(directory, "vcpus[1].mpidr", vcpus=[{}, {"mpidr": "0x1000000000000"}])
    refused(directory, "vcpus[0].colour", vcpus=[{"colour": "red"}])
    refused(directory, "vcpus[0].features", vcpus=[{"features": ["wings"]}])
    refused(directory, "color", vcpus=one, color="red")
    refused(directory, "profile", vcpus=one, profile="kvm-v6")
    refused(directory, "ipa_bits", vcpus=one, ipa_bits=31)
    refused(directory, "uuid", vcpus=one, uuid="me")
    refused(directory, "memory[0]", vcpus=one, memory=[{"base": "0x1", "size": "0x1000"}])
    refused(directory, "memory[1]", vcpus=one, memory=[{"base": "0x0", "size": "0x2000"},
                                                       {"base": "0x1000", "size": "0x1000"}])
    refused(directory, "exposed[0].num", vcpus=one, exposed=[{"num": -1}])
    refused(directory, "exposed[0].type", vcpus=one, exposed=[{"num": 0, "type": 1}])
    refused(directory, "script", vcpus=one, script={})
    for promise, text in (("no JSON", "vcpus"), ("a name twice", '{"vcpus":[{}],"vcpus":[{}]}'),
                          ("half of it", '{"vcpus":[')):
        path = os.path.join(directory, "text.json")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        told = fails(2, "usage", "host", "--vm", path, "--control", os.path.join(directory, "s"))
        check(told.get("field") == "line 1", f"{promise}: the line is named", json.dumps(told))
    fails(2, "usage", "host", "--vm", f"{cli.MODELS}/minimal.json", "--control",
          os.path.join(directory, "s"), "--control-allow", "nobody-of-this-name")
    told = fails(2, "usage", "host", "--vm",
                 model(directory, "twice.json", vcpus=[{"mpidr": 1}, {"mpidr": 1}]), "--control",
                 os.path.join(directory, "s"))
    check(told.get("field") == "vcpus" and told["actual"] == "vCPU 1: vcpu_id 1, MPIDR 0x1: EEXIST",
          "two vCPUs of one name are refused, by name", json.dumps(told))
    told = fails(2, "usage", "host", "--vm",
                 model(directory, "twice.json", vcpus=one, exposed=[{"num": "0x400001"}, {"num": 0},
                                                                    {"num": "0x400001"}]),
                 "--control", os.path.join(directory, "s"))
    check(told["expected"] == "every event once" and
          told["actual"] == "exposed[0] and exposed[2] are 0x400001", "so is an event that is exposed twice",
          json.dumps(told))


def test_scripts(directory):
    def script(*steps):
        return model(directory, "script.json", vcpus=[{}], script=list(steps))
    where = ["--control", os.path.join(directory, "s"), "--vm"]
    told = fails(8, "differs", "host", *where,
                 script({"do": "call", "vcpu": 0, "fid": "SDEI_PE_UNMASK", "expect": {"x0": "0x0"}},
                        {"do": "call", "vcpu": 0, "fid": "SDEI_VERSION", "expect": {"x0": "0x7"}}))
    check((told.get("object"), told.get("field"), told.get("expected"), told.get("actual")) ==
          ("script[1]", "x0", '"0x7"', '"0x1000000000000"'), "step, field and both values are named",
          json.dumps(told))
    told = fails(2, "usage", "host", *where, script({"do": "dance"}))
    check(told.get("field") == "do" and "script[0]" in told.get("object"), "an unknown step is named",
          json.dumps(told))
    fails(2, "usage", "host", *where, script({"do": "run", "vcpu": 0, "fast": True}))
    path = script({"do": "call", "vcpu": 0, "fid": "SDEI_VERSION", "expect": {"x0": 1 << 48}})
    with host(directory, model=path) as vm:
        check(vm.ready, "numbers are equal however they are written")
    path = script({"do": "dance"})
    with host(directory, model=path, args=["--no-script"]) as vm:
        check(vm.ready, "--no-script leaves the script out")


def test_every_example_is_served(directory):
    for path in sorted(glob.glob(cli.MODELS + "/*.json")):
        with host(directory, model=path) as vm:
            check(vm.vm("status")["state"] == "running", f"{os.path.basename(path)} runs")


if __name__ == "__main__":
    cli.main(__name__)
