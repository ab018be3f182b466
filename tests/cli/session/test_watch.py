#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people and machines see of a session: progress, summary, metrics, journal."""
import ctypes
import json
import os
import re
import socket
import sys

from hosts import Pair, check, cli
from cli import ask, fails

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000


def folder(directory, name):
    path = os.path.join(directory, name)
    os.mkdir(path)
    return path


def lines_of(fd):
    """What was written to a pipe whose writers are gone."""
    with os.fdopen(fd, encoding="utf-8") as reader:
        return [json.loads(line) for line in reader]


class Watched(Pair):
    """A pair whose movers write their progress to pipes."""

    def hand_over(self, *args, recv_args=(), fault=""):
        (seen_a, fd_a), (seen_b, fd_b) = os.pipe(), os.pipe()
        self.start_recv("--once", "--progress-fd", fd_b, *recv_args, pass_fds=[fd_b])
        self.start_send("--progress-fd", fd_a, *args, fault=fault, pass_fds=[fd_a])
        os.close(fd_a)
        os.close(fd_b)
        out, _ = self.sender.communicate(timeout=cli.TIMEOUT)
        self.receiver.communicate(timeout=cli.TIMEOUT)
        return json.loads(out), lines_of(seen_a), lines_of(seen_b)


def test_progress_is_one_line_a_step(directory):
    with Watched(directory) as pair:
        told, source, destination = pair.hand_over()
        check(told["state"] == "committed", "it is handed over", told)
        phases = [line["phase"] for line in source]
        wanted = ["hello", "preflight", "record", "pause", "capture", "blob", "wait-prepared",
                  "relinquish", "commit", "wait-done", "done", "outcome", "committed"]
        check([phase for phase in dict.fromkeys(phases) if phase in wanted] == wanted,
              "the source's steps come in their order", phases)
        check(all(line["event"] == "progress" and line["session"] == told["session"]
                  for line in source + destination), "each line names the session", source[0])
        stopped = [line["phase"] for line in source if "blackout_us" in line]
        check(stopped[0] == "pause" and "commit" in stopped and "done" not in stopped,
              "the blackout so far is shown while there is one", stopped)
        grown = [line["blackout_us"] for line in source if "blackout_us" in line]
        check(grown == sorted(grown), "and it grows", grown)
        check(all(line.get("deadline_ms") for line in source if line["phase"] in
                  ("pause", "wait-prepared", "commit", "wait-done")),
              "the last steps say when they give up")
        sent = [line for line in source if line["phase"] == "blob" and line["total"]]
        check(sent and sent[-1]["done"] == sent[-1]["total"] == told["blob_bytes"],
              "the state is counted as it goes", sent)
        check(destination[-1]["phase"] == "committed" and
              {"record", "stage", "prepared", "commit"} <= {line["phase"] for line in destination},
              "recv has its own steps", destination[-1])


def test_no_blackout_is_shown_of_a_vm_that_runs_on(directory):
    """After a dry run has what it needs, and after a failure, the VM goes on before the session is over."""
    cases = [("dry", ["--dry-run"], "", "tried", "capture")]
    if ask("status", "--list-fault-points").get("fault_points"):
        cases += [("failed", [], "send.wait-prepared:error", "", "wait-prepared"),
                  ("relinquished", [], "send.commit:error", "", "commit")]
    for name, args, fault, state, last in cases:
        with Watched(folder(directory, name)) as pair:
            told, source, _ = pair.hand_over(*args, fault=fault)
            check(told.get("state", "") == state and pair.running() == "a", f"{name}: the VM stays", told)
            shown = [line["phase"] for line in source if "blackout_us" in line]
            behind = [line["phase"] for line in source][-1 if fault else -2:]
            check(shown and shown[-1] == last and not set(behind) & set(shown),
                  f"{name}: its blackout ends when it goes on", [shown, behind])


def test_json_has_lines_on_stderr_and_one_object_on_stdout(directory):
    with Pair(directory) as pair:
        pair.start_recv()
        pair.start_send()
        out, err = pair.sender.communicate(timeout=cli.TIMEOUT)
        check(len(out.splitlines()) == 1, "stdout has the result alone", out)
        check([json.loads(line)["event"] for line in err.splitlines()].count("progress") > 10,
              "stderr has the progress", err)
    with Pair(folder(directory, "quiet")) as pair:
        pair.start_recv()
        pair.start_send("--quiet")
        check(pair.sender.communicate(timeout=cli.TIMEOUT)[1] == "", "but not with --quiet")


def test_a_reader_that_sleeps_holds_up_nobody(directory):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while os.write(writer, b"." * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(writer, True)
    with Pair(directory) as pair:
        pair.start_recv()
        pair.start_send("--progress-fd", writer, pass_fds=[writer])
        out, _ = pair.sender.communicate(timeout=cli.TIMEOUT)
        check(json.loads(out)["state"] == "committed", "a full pipe does not stop the hand-over", out)
    for fd in reader, writer:
        os.close(fd)


def test_a_descriptor_that_is_not_open(directory):
    with open(os.path.join(directory, "file"), "wb"):
        pass
    for line in (["send", "--control", directory + "/x", "--to", "unix:y", "--key", "k", "--peer", "p"],
                 ["push", "--any-file", directory + "/file", "https://127.0.0.1:1/x"],
                 ["pull", "https://127.0.0.1:1/x", directory + "/there"]):
        told = fails(2, "usage", *line, "--progress-fd", 77)
        check(told["field"] == "--progress-fd" and told["actual"] == "77", line[0], told)


def series(path):
    with open(path, encoding="utf-8") as text:
        lines = [line.rstrip("\n") for line in text]
    return lines, {name: float(value) for name, value in
                   (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_metrics_are_counted_in_one_file(directory):
    path = os.path.join(directory, "sdei.prom")
    with Watched(directory) as pair:
        told, *_ = pair.hand_over("--metrics", path, recv_args=["--metrics", path])
        check(told["state"] == "committed", "it is handed over", told)
    lines, value = series(path)
    check(value['sdei_migrate_sessions_total{side="source",outcome="committed"}'] == 1 and
          value['sdei_migrate_sessions_total{side="destination",outcome="committed"}'] == 1,
          "both sides counted one")
    check(abs(value["sdei_migrate_blackout_seconds_sum"] - told["blackout_us"] / 1e6) < 1e-9 and
          value["sdei_migrate_blackout_seconds_count"] == 1 and
          value['sdei_migrate_blackout_seconds_bucket{le="+Inf"}'] == 1, "the blackout is in it", lines)
    check(value['sdei_migrate_state_bytes_total{side="source"}'] == told["blob_bytes"], "and the bytes")
    for phase, us in told["phases_us"].items():
        check(abs(value.get(f'sdei_migrate_last_phase_seconds{{phase="{phase}"}}', -1) - us / 1e6) < 1e-9,
              f"phase {phase} is in it")
    shape = re.compile(r'# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+')
    check(all(shape.fullmatch(line) for line in lines[1:]), "every line has Prometheus's form",
          [line for line in lines[1:] if not shape.fullmatch(line)])
    check(oct(os.stat(path).st_mode & 0o777) == "0o644", "the collector may read it")
    with Watched(folder(directory, "again")) as pair:
        pair.hand_over("--metrics", path, fault="send.capture:error")
    value = series(path)[1]
    check(value['sdei_migrate_sessions_total{side="source",outcome="aborted"}'] == 1 and
          value['sdei_migrate_sessions_total{side="source",outcome="committed"}'] == 1,
          "the next session is added")
    check(sorted(os.listdir(directory))[-1] != "sdei.prom.tmp" and
          not [name for name in os.listdir(directory) if name.endswith(".tmp")], "nothing is left beside it")


def test_a_file_of_somebody_else_is_left_alone(directory):
    path = os.path.join(directory, "mine")
    with open(path, "w", encoding="ascii") as out:
        out.write("precious\n")
    with Watched(directory) as pair:
        told, *_ = pair.hand_over("--metrics", path)
        check(told["state"] == "committed", "it is handed over all the same", told)
    with open(path, encoding="ascii") as text:
        check(text.read() == "precious\n", "and the file is as it was")


def entries(journal):
    """What came to the journal's socket: one dictionary an entry."""
    found = []
    while True:
        try:
            data = journal.recv(65536).decode()
        except BlockingIOError:
            return found
        found.append(dict(line.split("=", 1) for line in data.splitlines()))


def fake_journal():
    """A journal of our own, in mounts of our own. None: not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) or \
            libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, None):
        return None
    os.makedirs("/run/systemd/journal")
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind("/run/systemd/journal/socket")
    journal.setblocking(False)
    return journal


def in_own_mounts(directory):
    before = cli._checks["broken"]
    journal = fake_journal()
    if not journal:
        print("SKIP no mount namespace")
        os._exit(77)
    stderr = os.open(os.path.join(directory, "stderr"), os.O_RDWR | os.O_CREAT, 0o600)
    status = os.fstat(stderr)
    ours = f"{status.st_dev}:{status.st_ino}"

    def hand_over(stream, name):
        with Pair(folder(directory, name)) as pair:
            pair.env = {"JOURNAL_STREAM": stream}
            pair.start_recv("--once", stderr=stderr)
            pair.start_send(stderr=stderr)
            out, _ = pair.sender.communicate(timeout=cli.TIMEOUT)
            pair.receiver.communicate(timeout=cli.TIMEOUT)
            return json.loads(out)

    told = hand_over(ours, "first")
    found = entries(journal)
    check(sorted(entry["SIDE"] for entry in found) == ["destination", "source"],
          "each host leaves one entry", found)
    check(all(entry["MIGRATION_ID"] == told["session"] and entry["VM"] == told["vm"] and
              entry["OUTCOME"] == "committed" and entry["REASON"] == "ok" and
              entry["SYSLOG_IDENTIFIER"] == "sdei-migrate" and told["session"] in entry["MESSAGE"]
              for entry in found), "both with the session's id", found)
    check([entry.get("BLACKOUT_USEC") for entry in found if entry["SIDE"] == "source"] ==
          [str(told["blackout_us"])], "the source's with the blackout")
    check(hand_over("1:1", "other")["reason"] == "ok" and not entries(journal),
          "a stderr that is not the journal leaves none")
    journal.close()
    check(hand_over(ours, "down")["reason"] == "ok", "a journal that is down stops nobody")
    sys.stderr.flush()
    os._exit(cli._checks["broken"] > before)


def test_the_journal_has_one_id_on_both_hosts(directory):
    child = os.fork()
    if child == 0:
        in_own_mounts(directory)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    check(code in (0, 77), "what was promised there held", code)


if __name__ == "__main__":
    cli.main(__name__)
