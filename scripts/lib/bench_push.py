# SPDX-License-Identifier: Apache-2.0
"""push and pull beside curl, with a real nginx, in memory so that no disk is measured.

    python3 bench_push.py BUILD
"""
import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tests", "cli", "push"))
import servers  # pylint: disable=wrong-import-position

MIB = 256


def main():
    build = os.path.abspath(sys.argv[1])
    if not shutil.which("curl"):
        print("bench: no curl here to compare push with", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory(prefix="sdei-bench-",
                                     dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as directory:
        authority = servers.Authority(directory)
        with servers.nginx(directory, authority.make("server")) as url:
            if url is None:
                print("bench: no nginx here, and it cannot be installed", file=sys.stderr)
                return 0
            return subprocess.run([os.path.join(build, "bench/bench_push"),
                                   os.path.join(build, "tools/sdei-migrate/sdei-migrate"), url,
                                   authority.path, directory, str(MIB)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
