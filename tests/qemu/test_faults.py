#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What fails while a VM's state rides along, and where the VM runs afterwards: test_faults.py PROGRAM SUITE"""
import os
import signal
import subprocess

import guests
from cli import check, host, key, main
from riders import both, code, helper, in_load, migrate, state, suite, vmstate


def kill_bus(process):
    """The helper's dbus-daemon is its child."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True,
                           text=True, check=False).stdout.split()
    check(len(found) == 1, "a private bus is a process of the helper's", found)
    os.kill(int(found[0]), signal.SIGKILL)


def stays(ends):
    """The VM and its QEMU run where they ran, and nowhere else."""
    check(ends.source.wait_status("running") == "running", "QEMU runs on at the source",
          ends.source.status())
    check(ends.a.comes_to("running"), "the VM as well", state(ends.a))
    check(state(ends.b) != "running", "and not at the destination", state(ends.b))


def test_it_runs_without_a_load(directory):
    with both(directory, source_bus=False) as ends:
        ends.destination.do("cont")     # somebody else, before the end
        migrate(ends, directory)
        ended = code(ends.second)
        check(ended[0] == 4 and "Load" in ended[1], "the helper says why it ended", ended)
        check(ends.destination.wait_status("paused") == "paused", "and stopped QEMU again",
              ends.destination.status())
        check(code(ends.first)[0] == 4, "the source's says that nothing was saved")
        check(ends.come_to("running", "ended"), "its VM runs on", ends.states())


def test_cancelled_in_load(directory):
    """QEMU 10 says `cancelling` or, at another moment, `failed`: by the clock, so more than once."""
    for number in range(3):
        where = os.path.join(directory, str(number))
        os.mkdir(where)
        with both(where) as ends:
            with in_load(ends, where):
                ends.source.do("migrate_cancel")
                ended = code(ends.first)
                check(ended[0] == 9, "what was sent may have arrived: in doubt", ended)
            check(code(ends.second)[0] is not None, "the destination's helper ends")
            check(state(ends.a) == "relinquished", "the source's VM waits for who knows", state(ends.a))


def test_cancelled_where_somebody_else_decides(directory):
    with both(directory, source=["--run-when", "resume"], destination=["--run-when", "resume"]) as ends:
        with in_load(ends, directory):
            ends.source.do("migrate_cancel")
            ended = code(ends.first)
            check(ended[0] == 7, "the destination waits for him: the VM is taken back", ended)
        stays(ends)
        ends.destination.end()
        check(code(ends.second)[0] not in (0, None), "the destination's helper ends with its QEMU")
        check(ends.come_to("running", "ended"), "one VM runs", ends.states())


def test_somebody_else_says_when(directory):
    with both(directory, destination=["--run-when", "resume"]) as ends:
        migrate(ends, directory)
        check(ends.source.migration() == "completed", "QEMU completes")
        check(code(ends.first)[0] == 0, "the source's helper is content")
        check(ends.destination.wait_status("paused") == "paused", "nobody lets QEMU run", ends.destination.status())
        check(ends.second.poll() is None and state(ends.b) == "prepared", "the VM waits as well",
              state(ends.b))
        ends.destination.do("cont")
        check(code(ends.second)[0] == 0, "the helper is content")
        check(ends.come_to("ended", "running"), "now the VM runs", ends.states())


def test_somebody_else_gives_up(directory):
    with both(directory, destination=["--run-when", "resume"]) as ends:
        with in_load(ends, directory):
            ends.source.do("migrate_cancel")
        guests.wait_for(lambda: state(ends.b), lambda found: found == "prepared")
        ends.destination.end()
        check(code(ends.second)[0] not in (0, None), "the destination's helper ends with its QEMU")
        check(ends.b.comes_to("ended"), "and its VM never runs", state(ends.b))


def test_cancelled_before_save(directory):
    with both(directory) as ends:
        ends.source.set(pause_before_switchover=True)
        migrate(ends, directory)
        check(ends.source.migration("pre-switchover") == "pre-switchover", "QEMU is parked")
        ends.source.do("migrate_cancel")
        check(code(ends.second)[0] not in (0, None), "the destination's helper ends")
        stays(ends)
        check(ends.first.poll() is None, "the source's waits for another try")


def test_a_qemu_dies_in_load(directory):
    for name in ("source", "destination"):
        where = os.path.join(directory, name)
        os.mkdir(where)
        with both(where) as ends:
            with in_load(ends, where):
                getattr(ends, name).end()
                first = code(ends.first)
            check(code(ends.second)[0] is not None, "the destination's helper ends")
            if name == "source" or "error-desc" in ends.source.do("query-migrate"):
                check(first[0] == 9, "nobody tells how it ended: in doubt", first)
                check(ends.a.comes_to("relinquished"), "and the VM waits", state(ends.a))
            else:
                check(first[0] == 7, "the source's helper takes the VM back", first)
                stays(ends)


def test_the_source_dies_before_save(directory):
    with both(directory) as ends:
        ends.source.end()
        check(code(ends.first)[0] == 5, "the helper ends")
        check(ends.a.comes_to("running"), "and the VM runs on", state(ends.a))


def test_a_helper_dies_in_save(directory):
    with both(directory) as ends:
        os.kill(ends.a.process.pid, signal.SIGSTOP)
        migrate(ends, directory)
        check(guests.wait_for(ends.destination.monitor.said("MIGRATION", "active"), bool),
              "QEMU migrates")
        ends.first.kill()
        os.kill(ends.a.process.pid, signal.SIGCONT)
        check(ends.source.migration() == "failed", "QEMU's migration fails")
        stays(ends)
        ends.source.end()   # until then a QEMU 7.2 at the destination waits for the rest
        check(code(ends.second)[0] not in (0, None), "the destination's helper ends")


def test_a_helper_dies_in_load(directory):
    with both(directory) as ends:
        with in_load(ends, directory):
            ends.second.kill()
            check(code(ends.first)[0] == 7, "the source's helper takes the VM back")
        stays(ends)


def test_the_bus_dies(directory):
    with both(directory) as ends:
        kill_bus(ends.first)
        check(code(ends.first)[0] == 5, "before Save the helper ends")
        migrate(ends, directory)
        check(ends.source.migration() == "failed", "and a migration fails")
        stays(ends)


def test_the_bus_dies_after_save(directory):
    with both(directory) as ends:
        with in_load(ends, directory):
            kill_bus(ends.first)
        check(ends.source.migration() == "completed", "QEMU completes")
        check(code(ends.first)[0] == 0, "which the helper hears from the monitor")
        check(ends.come_to("ended", "running"), "the VM went over", ends.states())


def test_postcopy_is_refused(directory):
    ours = key(directory, "ours")
    tool = guests.qemu_packages.qemu(suite())
    with host(directory, "a") as a, \
            guests.running(tool, directory, "source") as source:
        source.set(postcopy_ram=True)
        with helper(directory, a.control, "source", "--key", ours + ".key", "--any-destination") as first:
            ended = code(first)
        check(ended[0] == 4 and "postcopy-ram" in ended[1], "at the start", ended)
        check(a.comes_to("running"), "and the VM runs on", state(a))


def test_what_is_changed_later_is_refused(directory):
    for name, value in (("postcopy_ram", True), ("return_path", False)):
        where = os.path.join(directory, name)
        os.mkdir(where)
        with both(where) as ends:
            ends.source.do("migrate-set-parameters", max_bandwidth=20000)
            ends.source.set(**{name: value})
            migrate(ends, where)
            ended = code(ends.first)
            check(ended[0] == 4 and name.replace("_", "-") in ended[1], f"{name} is seen", ended)
            # Or it fails before that, since the helper has ended.
            check(ends.source.migration() in ("cancelled", "failed"), "and the migration cancelled",
                  ends.source.migration())
            check(code(ends.second)[0] not in (0, None), "the destination's helper ends")
            stays(ends)


def test_two_vms_on_one_bus(directory):
    with both(directory) as ends, host(directory, "c") as c, \
            host(directory, "d", args=["--no-script"]) as d:
        keys = [os.path.join(directory, name) for name in ("ours", "theirs")]
        with helper(directory, c.control, "source", "--id", "other.0", "--key", keys[0] + ".key",
                    "--to-audience", keys[1] + ".pub", guard=False, private=False) as third, \
                helper(directory, d.control, "destination", "--id", "other.0", "--trust",
                       keys[0] + ".pub", "--key", keys[1] + ".key", guard=False, private=False) as fourth:
            migrate(ends, directory)
            check(ends.source.migration() == "completed", "QEMU completes")
            check(code(ends.second)[0] == 0 and code(ends.first)[0] == 0, "two helpers are content")
            check(code(fourth)[0] == 0, "so is the third")
            check(ends.come_to("ended", "running"), "one VM went over", ends.states())
            check(c.comes_to("relinquished") and d.comes_to("running"),
                  "and the other, whose source waits for Clear", (state(c), state(d)))
            third.terminate()


def test_a_source_that_waits_is_none(directory):
    ours = key(directory, "ours")
    tool = guests.qemu_packages.qemu(suite())
    with host(directory, "a") as a, \
            helper(directory, a.control, "source", "--key", ours + ".key", "--any-destination") as first, \
            guests.running(tool, directory, "source", "-S", "-incoming", "defer",
                           *vmstate(directory, "source")):
        ended = code(first)
        check(ended[0] == 4 and "inmigrate" in ended[1], "it is refused", ended)


if __name__ == "__main__":
    guests.need_dbus_daemon()
    suite()
    main(__name__)
