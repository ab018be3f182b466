#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""recv as a service: VMMs of its own, a socket and a word from the service manager, and what it gives up."""
import fcntl
import json
import os
import resource
import signal
import socket
import time

from hosts import PROGRAM, Pair, check, cli, wait_stopped
from child import Lines
from cli import ask, fails, run, start, wait_for

VMM = """#!/usr/bin/python3
import json, os, sys, time
directory, how, *rest = sys.argv[1:]
with open(os.path.join(directory, "vmms"), "a") as out:
    print(json.dumps({"pid": os.getpid(), "argv": rest,
                      **{name: os.environ.get(name) for name in ("MIGRATION_ID", "VM_UUID", "CONTROL", "NOTIFY_SOCKET")}}),
          file=out)
print("the VMM says something", flush=True)
if how == "silent":
    time.sleep(100)
if how == "dies":
    sys.exit(3)
os.execv(%r, ["sdei-migrate", "host", "--vm", %r, "--control", os.environ["CONTROL"], "--no-script"])
"""


class Service(Pair):
    """Host B has no VM yet: recv starts the VMM."""

    def __init__(self, directory, how="host", **kinds):
        super().__init__(directory, **kinds)
        self.hosts.pop("b").stop()
        self.script = os.path.join(directory, "vmm")
        with open(self.script, "w", encoding="utf-8") as out:
            out.write(VMM % (PROGRAM, os.path.join(cli.MODELS, self.model)))
        os.chmod(self.script, 0o755)
        self.command = f"'{self.script}' \"{directory}\" {how} 'one word' two\\ words"
        self.directory = directory

    def __exit__(self, *_):
        super().__exit__()
        for vmm in self.vmms():
            if alive(vmm["pid"]):
                os.kill(vmm["pid"], signal.SIGKILL)

    def start_recv(self, *args, fault="", env=None, listen=None, **how):
        self.receiver = start("recv", "--listen", listen or self.listen, "--spawn", self.command, "--json",
                              *self.options("b"), *args, env={"SDEI_FAULT": fault, **(env or {})}, **how)
        ready = self.receiver.said()
        self.uri = ready["uri"] if ready else None
        return ready

    def vmms(self):
        try:
            with open(os.path.join(self.directory, "vmms"), encoding="utf-8") as lines:
                return [json.loads(line) for line in lines]
        except FileNotFoundError:
            return []


def alive(pid):
    """Does it live, and is it no zombie?"""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_gone(pid):
    """Is even its zombie gone?"""
    return wait_for(lambda: not os.path.exists(f"/proc/{pid}"))


def status_of(control):
    return json.loads(run("vm", "status", "--control", control, "--json").stdout)


def test_a_vmm_is_started_and_stays(directory):
    with Service(directory) as pair:
        pair.start_recv()
        code, told = pair.send()
        check(code == 0 and told["state"] == "committed", "a VM is handed over to a VMM that recv starts", told)
        vmm, = pair.vmms()
        check(vmm["MIGRATION_ID"] == told["session"] and vmm["VM_UUID"] == told["vm"],
              "it is told which session and which VM", vmm)
        check(vmm["CONTROL"] == os.path.join(pair.state("b"), "vms", told["vm"] + ".sock"),
              "and where to listen", vmm)
        check(vmm["argv"] == ["one word", "two words"], "quotes and backslashes keep blanks", vmm)
        event = pair.receiver.said()
        check(event["event"] == "session" and event["state"] == "running",
              "what the VMM prints is not among recv's JSON", event)
        check(pair.stop_recv() == 0, "recv ends")
        check(alive(vmm["pid"]) and status_of(vmm["CONTROL"])["may_run"], "its VMM runs on without it")


def test_a_vmm_that_dies_later(directory):
    with Service(directory) as pair:
        pair.start_recv()
        code, told = pair.send()
        check(code == 0, "a VM is handed over", told)
        vmm, = pair.vmms()
        with open(vmm["CONTROL"][:-len("sock")] + "log", encoding="utf-8") as log:
            check("the VMM says something" in log.read(), "what it prints is in a file beside its socket")
        os.kill(vmm["pid"], signal.SIGKILL)
        check(wait_gone(vmm["pid"]), "a VMM that dies after its session leaves no zombie behind")


def test_a_vmm_that_dies_is_named(directory):
    with Service(directory, how="dies") as pair:
        pair.start_recv()
        code, told = pair.send()
        check(code == 5 and told["vm_state"] == {"source": "running", "destination": "none"},
              "a VMM that dies fails the session before the VM stops", told)
        check("exit code 3" in told["actual"] and "--spawn" in told["object"], "and the error says how it died", told)
        check(wait_gone(pair.vmms()[0]["pid"]), "no zombie is left")
        check(pair.runs("a"), "the VM runs on")


def test_a_vmm_that_does_not_listen(directory):
    with Service(directory, how="silent", timeout=3000) as pair:
        pair.start_recv()
        code, told = pair.send()
        check(code == 5 and told["reason"] == "timeout", "it is not waited for without end", told)
        check(wait_gone(pair.vmms()[0]["pid"]), "and ended by its pid")
        check(pair.runs("a"), "the VM runs on")


def test_without_prepared_it_ends(directory):
    if not ask("status", "--list-fault-points").get("fault_points"):
        return
    for step in ("recv.open", "recv.stage", "recv.prepared", "recv.wait-commit"):
        where = os.path.join(directory, step)
        os.mkdir(where)
        with Service(where) as pair:
            pair.start_recv(fault=step + ":error")
            code, told = pair.send()
            check(code != 0 and pair.runs("a"), f"{step}: the VM stays", told)
            vmm, = pair.vmms()
            check(wait_gone(vmm["pid"]), f"{step}: the VMM that was started for it has ended")
            check(not os.path.exists(vmm["CONTROL"]), f"{step}: and its socket is gone")


def test_a_vmm_killed_on_the_way_is_named(directory):
    if not ask("status", "--list-fault-points").get("fault_points"):
        return
    with Service(directory) as pair:
        pair.start_recv(fault="recv.stage:stall")
        pair.start_send()
        check(wait_stopped(pair.receiver), "recv is about to stage")
        vmm, = pair.vmms()
        os.kill(vmm["pid"], signal.SIGKILL)
        pair.receiver.send_signal(signal.SIGCONT)
        out, _ = pair.sender.communicate(timeout=cli.TIMEOUT)
        told = json.loads(out)
        check("signal 9" in told["actual"] and told["vm_state"]["source"] == "running",
              "a VMM that is killed is named as what went wrong", told)


def test_a_killed_recv_is_followed_by_another(directory):
    if not ask("status", "--list-fault-points").get("fault_points"):
        return
    with Service(directory, ) as pair:
        pair.start_recv(fault="recv.prepared:kill")
        code, told = pair.send()
        check(code != 0 and pair.runs("a"), "the VM stays where it is", told)
        pair.receiver.communicate()
        vmm, = pair.vmms()
        check(alive(vmm["pid"]), "what it had started is left to the next")
        pair.start_recv()
        code, told = pair.send()
        check(code == 0 and told["state"] == "committed" and len(pair.vmms()) == 1,
              "which ends the old session and uses its VMM", told)


def test_a_vmm_is_not_ended_under_another_session(directory):
    """A session that came to nothing tells its VMM to end; meanwhile another may have given it its VM."""
    if not ask("status", "--list-fault-points").get("fault_points"):
        return
    with Service(directory) as pair:
        folder = os.path.join(directory, "metrics")
        os.mkdir(folder)
        pair.start_recv("--metrics", os.path.join(folder, "m"))
        fd = os.open(folder, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)  # it has a second's work to do between its end and its VMM's
        pair.send(fault="send.base:kill")
        check(pair.recorded("b", "aborted"), "a session comes to nothing")
        code, told = pair.send()
        check(code == 0 and told["state"] == "committed", "the next session gets the VM over", told)
        os.close(fd)
        vmm = pair.vmms()[-1]
        time.sleep(2.5)  # the second, and another for who does not heed SIGTERM
        check(alive(vmm["pid"]), "and its VMM lives", pair.vmms())
        check(status_of(vmm["CONTROL"])["may_run"], "and can be reached")


def test_what_is_wrong_with_the_command(directory):
    with Service(directory) as pair:
        options = ["recv", "--listen", "tcp:127.0.0.1:0", *pair.options("b")]
        for command in ("", "   ", "a 'b", "a \"b", "a " * 65):
            fails(2, "usage", *options, "--spawn", command)
        fails(2, "usage", *options, "--spawn", "a", "--vms", directory)
        pair.command = "/nonexistent/vmm"
        pair.start_recv()
        code, told = pair.send()
        check(code == 1 and told["reason"] == "io" and "No such file" in told["actual"],
              "a command that is not there is named", told)


def field(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(line.split()[1] for line in status if line.startswith(name + ":"))


def test_it_gives_up_what_it_does_not_need(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        check(field(pair.receiver.pid, "NoNewPrivs") == "1", "no new privileges")
        filtered = field(pair.receiver.pid, "Seccomp")
        pair.stop_recv()
        pair.start_recv("--no-seccomp")
        check(field(pair.receiver.pid, "Seccomp") == "0" and field(pair.receiver.pid, "NoNewPrivs") == "0",
              "and all of it back with --no-seccomp")
        pair.stop_recv()
        check(filtered == ("0" if cli.has_sanitizer() else "2"), "a filter of system calls", filtered)


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def busy_seconds(pid):
    """What it has computed so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_share(pid):
    """Of a second."""
    before, began = busy_seconds(pid), time.monotonic()
    time.sleep(1)
    return (busy_seconds(pid) - before) / (time.monotonic() - began)


def test_it_waits_where_it_may_open_no_more_files(directory):
    """As many silent connections as it has descriptors for, and more; then they go."""
    limit = 40
    with Pair(directory, timeout=300000) as pair:
        pair.start_recv(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        port = int(pair.uri.rsplit(":", 1)[1])
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(limit)]
        errors = Lines(pair.receiver.stderr)
        line = next((line for line in iter(errors.line, "") if "Too many open files" in line), "")
        check("ulimit -n" in line, "it says what is lacking, and what helps", line)
        share = wait_for(lambda: busy_share(pair.receiver.pid), lambda share: share < 0.1)
        check(share < 0.1, "it does not go round and round meanwhile", share)
        more = [errors.line() for _ in iter(errors.ready, False)]
        check(not [line for line in more if "Too many open files" in line], "it says so once", more)
        check(pair.receiver.poll() is None and open_files(pair.receiver.pid) <= limit, "it lives")
        for connection in silent:
            connection.close()
        code, told = pair.send()
        check(code == 0 and told["state"] == "committed", "and takes who comes when they are gone", told)


def test_the_service_manager(directory):
    """As systemd does it: a socket that listens as descriptor 3, and an ear for READY=1."""
    with Service(directory) as pair, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear, socket.create_server(("127.0.0.1", 0)) as door:
        ear.bind(os.path.join(directory, "notify"))
        ear.settimeout(cli.TIMEOUT)

        def pass_on():
            os.dup2(door.fileno(), 3)

        ready = pair.start_recv(env={"NOTIFY_SOCKET": os.path.join(directory, "notify"), "LISTEN_FDS": "1"},
                                listen="fd:3", preexec_fn=pass_on, pass_fds=(3,))
        check(ready["event"] == "ready" and ear.recv(100) == b"READY=1", "it says when it is ready", ready)
        pair.uri = "tcp:127.0.0.1:%d" % door.getsockname()[1]
        for _ in range(2):
            code, told = pair.send()
            check(code == 0 or told["vm_state"]["source"] == "ended", "who connects is served", told)
        check(pair.vmms()[0]["NOTIFY_SOCKET"] is None, "a VMM does not speak for the service")
        pair.receiver.terminate()
        check(ear.recv(100) == b"STOPPING=1", "and when it ends")


if __name__ == "__main__":
    cli.main(__name__)
