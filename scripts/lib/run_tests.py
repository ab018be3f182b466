# SPDX-License-Identifier: Apache-2.0
"""scripts/test: build and run the configurations of the catalogue, and say what came of it."""
import argparse
import sys
import time

import building
import ctests
import result
from catalogue import BY_NAME, TABLE


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/test", description="Build and run the tests.")
    parser.add_argument("name", nargs="*", help="configurations to run; all without one")
    parser.add_argument("--list", action="store_true", help="name the configurations and stop")
    parser.add_argument("--long", action="store_true", help="also what takes longer")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.name if name not in BY_NAME]
    if unknown:
        parser.error(f"no configuration {', '.join(unknown)}; --list names them")
    return arguments


def run_one(configuration, long):
    """Results of one configuration; a build that fails is a failed test of it."""
    if configuration.preset:
        try:
            seconds = building.build(configuration.preset)
        except building.BuildFailed as failure:
            return [result.Result(f"{configuration.name}/build", result.FAILED, 0, str(failure))]
        if seconds:
            print(f"{'':12} built {configuration.preset} in {seconds:.1f} s", flush=True)
    if configuration.run:
        return configuration.run(long)
    return ctests.run(configuration.name, configuration.preset, configuration.selections, long)


def plain(long):
    """What a run without names takes."""
    return [configuration for configuration in TABLE if long or not configuration.by_name]


def main():
    arguments = parse_arguments()
    if arguments.list:
        for configuration in TABLE:
            print(f"{configuration.name:12} {configuration.what}")
        return 0
    results = []
    for configuration in [BY_NAME[name] for name in arguments.name] or plain(arguments.long):
        began = time.monotonic()
        found = run_one(configuration, arguments.long)
        print(f"{configuration.name:12} {result.count(found)}, {time.monotonic() - began:.1f} s",
              flush=True)
        for one in found:
            if one.outcome == result.FAILED:
                result.tell_failure(one)
        results += found
    return result.close(results)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
