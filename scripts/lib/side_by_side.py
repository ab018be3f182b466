# SPDX-License-Identifier: Apache-2.0
"""Parts of a run beside each other; what each says is told when it and those before it have ended."""
import collections
import concurrent.futures
import functools
import threading
from dataclasses import dataclass
from typing import Callable

import building
import debian
from result import FAILED, SKIPPED, Result

_own = threading.local()


@dataclass
class Part:
    name: str
    cores: int      # that it keeps busy
    run: Callable   # returns its results; may raise debian.Missing and building.BuildFailed


def say(line):
    """Print, or in a part: keep until its turn."""
    said = getattr(_own, "said", None)
    if said is None:
        print(line, flush=True)
    else:
        said.append(line)


def once(lock):
    """A function that is called once a run for the same arguments, and by one thread at a time."""
    def wrap(function):
        cached = functools.lru_cache(None)(function)

        @functools.wraps(function)
        def locked(*arguments):
            with lock:
                return cached(*arguments)
        return locked
    return wrap


def _collect(part):
    _own.said = []
    try:
        found = part.run()
    except debian.Missing as missing:
        found = [Result(part.name, SKIPPED, 0, str(missing))]
    except building.BuildFailed as failure:
        found = [Result(part.name + "-build", FAILED, 0, str(failure))]
    return found, _own.said


def run(parts, cores):
    """The results of all in the order of @parts, which is also the order they begin in. At most @cores are kept busy;
    a part that would have more begins when nothing else goes on."""
    waiting, running, ended = collections.deque(enumerate(parts)), {}, {}
    results, told = [], 0
    with concurrent.futures.ThreadPoolExecutor(len(parts)) as pool:
        while waiting or running:
            while waiting and (not running or waiting[0][1].cores <= cores - sum(
                    part.cores for _, part in running.values())):
                at, part = waiting.popleft()
                running[pool.submit(_collect, part)] = at, part
            done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            ended.update({running.pop(future)[0]: future.result() for future in done})
            while told in ended:
                found, said = ended.pop(told)
                results += found
                told += 1
                print("".join(line + "\n" for line in said), end="", flush=True)
    return results
