# SPDX-License-Identifier: Apache-2.0
"""Configure and build a preset, once per run."""
import os
import re
import shutil
import subprocess
import threading
import time

from tree import ROOT

JOBS = os.environ.get("SDEI_JOBS") or str(os.cpu_count() or 2)
LOGS = os.path.join(ROOT, "build", "logs")
_done = {}
_one_at_a_time = threading.Lock()


class BuildFailed(Exception):
    """Carries what the compiler said."""


def directory(preset):
    return os.path.join(ROOT, "build", preset)


def _environment(given):
    """ccache where there is one; paths below ROOT are hashed as relative, so clones share it."""
    env = dict(given or os.environ)
    if shutil.which("ccache"):
        env.setdefault("CMAKE_C_COMPILER_LAUNCHER", "ccache")
        env.setdefault("CCACHE_BASEDIR", ROOT)
        env.setdefault("CCACHE_NOHASHDIR", "1")
    return env


def _in_short(said):
    """Of a build that went on to the end: each failed step with what it said, not its command."""
    steps = re.split(r"^(?=\[\d+/\d+\] )", said, flags=re.M)
    failed = [re.sub(r"^(FAILED: .*\n)(?:ccache |/|: ).*\n", r"\1", step, flags=re.M)
              for step in steps if "\nFAILED: " in step]
    return "".join(failed) or said


def _run(command, log, env):
    with open(log, "a", encoding="utf-8") as file:
        code = subprocess.run(command, cwd=ROOT, env=_environment(env), stdin=subprocess.DEVNULL,
                              stdout=file, stderr=subprocess.STDOUT).returncode
    if code != 0:
        with open(log, encoding="utf-8", errors="replace") as file:
            raise BuildFailed(f"{' '.join(command)}\n{_in_short(file.read())}")


def build(preset, targets=(), env=None):
    """Everything, or @targets. Returns the seconds it took, 0 when this run has built the preset before."""
    with _one_at_a_time:
        return _build(preset, targets, env)


def _build(preset, targets, env):
    key = (preset, *targets)
    if key in _done:
        if isinstance(_done[key], BuildFailed):
            raise BuildFailed(f"the build of {preset} failed, see above")
        return 0.0
    began = time.monotonic()
    os.makedirs(LOGS, exist_ok=True)
    log = os.path.join(LOGS, f"{preset}.log")
    open(log, "w", encoding="utf-8").close()
    vectors = os.environ.get("SDEI_THIRD_PARTY_VECTORS", "")
    only = ["--target", *targets] if targets else []
    try:
        _run(["cmake", "--preset", preset, f"-DSDEI_THIRD_PARTY_VECTORS={vectors}"], log, env)
        _run(["cmake", "--build", directory(preset), "-j", JOBS, *only, "--", "-k", "0"], log, env)
    except BuildFailed as failure:
        _done[key] = failure
        raise
    _done[key] = time.monotonic() - began
    return _done[key]
