# SPDX-License-Identifier: Apache-2.0
"""What the tests of the commands share: run them, serve model VMs, say which promise was broken.

A test file is a list of functions named test_*; each gets an empty directory and checks promises with
check(). main() runs them and is the exit code.
"""
import concurrent.futures
import contextlib
import inspect
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "scripts", "lib"))
from child import Child  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "sdei-migrate"
MODELS = os.path.join(SOURCE, "examples", "models")
TIMEOUT = 60

_checks = {"done": 0, "broken": 0}
_here = {"state": "/nonexistent"}


def check(held, promise, detail=""):
    """Count one promise; say it when it is broken. Returns whether it held."""
    _checks["done"] += 1
    if not held:
        _checks["broken"] += 1
        caller = inspect.stack()[1]
        print(f"{os.path.basename(caller.filename)}:{caller.lineno}: broken promise: {promise}"
              f"\n\t{detail}", file=sys.stderr)
    return held


def has_sanitizer():
    """A runtime of its own needs more memory, and more system calls."""
    with open(PROGRAM, "rb") as program:
        content = program.read()
    return b"__asan_init" in content or b"__tsan_init" in content


def environment(**extra):
    """A clean one: no SDEI_MIGRATE_ variables, no configuration of whoever runs the tests."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith("SDEI_MIGRATE_") and name != "NO_COLOR"}
    env.update({"XDG_CONFIG_HOME": "/nonexistent", "SDEI_MIGRATE_STATE": _here["state"], **extra})
    return env


def run(*args, stdin=None, text=True, env=None):
    """Run the program. Returns the finished process."""
    return subprocess.run([PROGRAM, *map(str, args)], input=stdin, capture_output=True, text=text,
                          timeout=TIMEOUT, env=environment(**(env or {})))


def start(*args, env=None, **how):
    """Start the program. Returns the process."""
    return Child([PROGRAM, *map(str, args)], env=environment(**(env or {})), **how)


def expect(code, *args, **how):
    """Run it and check the exit code, unless it is None. Returns the finished process."""
    done = run(*args, **how)
    check(code in (None, done.returncode), f"{' '.join(map(str, args))} ends with {code}",
          f"it ended with {done.returncode}: {done.stdout[-500:]!r} {done.stderr[-500:]!r}")
    return done


def ask(*args, code=0, **how):
    """Run it with --json. Returns the object it printed."""
    done = expect(code, *args, "--json", **how)
    lines = done.stdout.splitlines()
    if not check(len(lines) == 1, f"{args[0]} prints one object", repr(done.stdout[-500:])):
        return {}
    return json.loads(lines[0])


def fails(code, reason, *args, **how):
    """Run it with --json and check the failure object. Returns it."""
    told = ask(*args, code=code, **how)
    check(told.get("reason") == reason and told.get("exit") == code,
          f"{args[0]} fails with {reason} ({code})", json.dumps(told))
    for name in ("code", "object", "field", "expected", "actual", "side", "vm_state", "advice"):
        check(name in told, f"a failure says {name}", json.dumps(told))
    return told


class Host:
    """A model VM served by a process of its own."""

    def __init__(self, directory, name="vm", model="linux-guest.json", args=()):
        self.control = os.path.join(directory, name + ".sock")
        path = model if os.path.isabs(model) else os.path.join(MODELS, model)
        self.process = start("host", "--vm", path, "--control", self.control, *args)
        self.ready = self.process.said()

    def vm(self, verb, *args, code=0):
        return ask("vm", *verb.split(), "--control", self.control, *args, code=code)

    def comes_to(self, state):
        """Is its VM in this state, or soon? It hears of its mover's end when we do, not before."""
        return wait_for(lambda: self.vm("status").get("state"), lambda now: now == state) == state

    def stop(self, number=signal.SIGTERM):
        """Returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        return self.process.returncode


def wait_for(ask, good=bool, seconds=TIMEOUT):
    """Ask until the answer is good, or for so long. Returns the last answer."""
    deadline = time.monotonic() + seconds
    answer = ask()
    while not good(answer) and time.monotonic() < deadline:
        time.sleep(0.02)
        answer = ask()
    return answer


@contextlib.contextmanager
def host(directory, *args, **how):
    served = Host(directory, *args, **how)
    try:
        if check(served.ready is not None, "the host says that it is ready"):
            yield served
    finally:
        served.stop()


def model(directory, name, **description):
    """Write a description. Returns its path."""
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as out:
        json.dump(description, out)
    return path


def key(directory, name, kind="ed25519"):
    """Make a key. Returns the prefix of its files."""
    prefix = os.path.join(directory, name)
    expect(0, "keygen", "--out", prefix, "--type", kind)
    return prefix


def side_by_side(cases, run, workers=4):
    """Run every case, a few at a time, and say how each went. @cases: pairs of a name and @run's arguments. Ends the test."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for name, done in [(name, pool.submit(run, *args)) for name, args in cases]:
            told = "no verdict"
            try:
                told = done.result()
            except Exception as error:  # one case must not hide the others
                check(False, f"{name}: {type(error).__name__}", str(error))
            print(f"{name}: {told}", flush=True)
    sys.exit(_checks["broken"] > 0)


def main(module):
    tests = [value for name, value in vars(sys.modules[module]).items()
             if name.startswith("test_") and callable(value)]
    for test in tests:
        began = time.monotonic()
        before = _checks["broken"]
        with tempfile.TemporaryDirectory(prefix="cli-") as directory:
            _here["state"] = os.path.join(directory, "state")
            try:
                test(directory)
            except Exception:  # what a test cannot go on after is a broken promise too
                _checks["broken"] += 1
                traceback.print_exc()
        verdict = "ok" if _checks["broken"] == before else "BROKEN"
        print(f"{test.__name__}: {verdict} ({time.monotonic() - began:.2f} s)")
    print(f"{_checks['done']} promises checked, {_checks['broken']} broken")
    sys.exit(1 if _checks["broken"] or not _checks["done"] else 0)
