#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who includes whom: the rooms of docs/architecture.md as a table, every #include against it."""
import fnmatch
import os
import re

import csource
from house import DEV, Check
from tree import read, tracked

PUBLIC = ("libkvmcore/include/*", "libsdeistate/include/*", "transport/include/*")
ANYTHING = ("*",)

# room: (headers of this project it may include, outside libraries it may include)
# The longest room that begins a path is the path's room.
ROOMS = {
    "libkvmcore": (("libkvmcore/*",), ("OpenSSL", "libcbor")),
    "libsdeistate": (("libsdeistate/*", "libkvmcore/include/kvmcore/uapi.h",
                      "libkvmcore/include/kvmcore/port.h"), ("protobuf-c", "zstd", "OpenSSL")),
    "transport": (("transport/*",), ("OpenSSL", "libcurl")),
    "tools/common": (("tools/common/*", "libsdeistate/include/sdeistate/error.h"), ("jansson",)),
    "tools/common/realm": (("tools/common/*", "libkvmcore/include/*", "libsdeistate/include/*"), ("jansson",)),
    "tools/sdei-migrate": (PUBLIC + ("tools/sdei-migrate/*", "tools/common/*"),
                           ("jansson", "SQLite", "libseccomp")),
    "tools/sdei-migrate/hook": (PUBLIC + ("tools/sdei-migrate/*", "tools/common/*"),
                                ("jansson", "libsystemd")),
    "tools/realm-measure": (PUBLIC + ("tools/realm-measure/*", "tools/common/*"),
                            ("libfdt", "jansson", "zlib")),
    "tests": (ANYTHING, ANYTHING),
    "fuzz": (ANYTHING, ANYTHING),
    "bench": (ANYTHING, ANYTHING),
    "examples": (ANYTHING, ANYTHING),
}

# Code that protoc-c makes from proto/ stays behind these doors.
GENERATED = "*.pb-c.h"
GENERATED_IN = ("libsdeistate/src/wire/*", "libsdeistate/src/*/encode*",
                "libsdeistate/src/*/decode*", "tests/*", "fuzz/*", "bench/*")

LIBRARIES = {
    "openssl/*": "OpenSSL", "cbor.h": "libcbor", "cbor/*": "libcbor",
    "protobuf-c/*": "protobuf-c", "zstd*.h": "zstd", "curl/*": "libcurl", "jansson.h": "jansson",
    "sqlite3.h": "SQLite", "seccomp.h": "libseccomp", "systemd/*": "libsystemd",
    "libfdt.h": "libfdt", "fdt.h": "libfdt", "zlib.h": "zlib", "CUnit/*": "CUnit",
}
SYSTEM = ("sys/*", "linux/*", "asm/*", "arpa/*", "net/*", "netinet/*", "sanitizer/*") + tuple(
    f"{name}.h" for name in (
        "assert ctype dirent dlfcn endian err errno error fcntl float fnmatch getopt glob grp "
        "ifaddrs inttypes libgen limits locale malloc math memory netdb poll pthread pwd regex sched search "
        "semaphore setjmp signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio "
        "stdlib stdnoreturn string strings syslog termios threads time uchar ucontext unistd "
        "wchar wctype elf byteswap execinfo link").split())


def room_of(path):
    rooms = [room for room in ROOMS if path.startswith(room + "/")]
    return max(rooms, key=len) if rooms else None


def made_while_building():
    """Headers in the build tree stand in the room whose folder they are made in."""
    found = set()
    for folder, _, names in os.walk(DEV):
        found |= {os.path.join(os.path.relpath(folder, DEV), name) for name in names
                  if name.endswith(".h")}
    return found


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def resolve(name, includer, headers):
    """The project's header that @name means for @includer, nearest first, or None."""
    beside = os.path.normpath(os.path.join(os.path.dirname(includer), name))
    if beside in headers:
        return beside
    found = [header for header in headers if header.endswith("/" + name)]
    own = [header for header in found if room_of(header) == room_of(includer)]
    return min(own or found, key=len, default=None)


def fault(includer, name, headers):
    mine, outside = ROOMS[room_of(includer)]
    if matches(name, (GENERATED,)):
        return None if matches(includer, GENERATED_IN) else \
            f"{name} is generated code; only encode and decode may see it"
    target = resolve(name, includer, headers)
    if target:
        return None if matches(target, mine) else f"{room_of(includer)} may not include {target}"
    library = next((LIBRARIES[key] for key in LIBRARIES if matches(name, (key,))), None)
    if library:
        return None if matches(library, outside) else \
            f"{room_of(includer)} may not use {library} ({name})"
    return None if matches(name, SYSTEM) or mine is ANYTHING else \
        f"{name} is neither ours, nor a known library's, nor the system's"


def main():
    check = Check("includes", "go through the other room's public header, or change the design in "
                  "docs/architecture.md and the table in scripts/house/includes.py together")
    files = tracked("*.c", "*.h")
    headers = set(path for path in files if path.endswith(".h")) | made_while_building()
    for path in files:
        if room_of(path) is None:
            check.found(path, "stands in no room of the table")
            continue
        text = csource.without_comments(read(path))
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', text, re.M):
            line = text.count("\n", 0, match.start()) + 1
            wrong = fault(path, match.group(1), headers)
            if wrong:
                check.found(f"{path}:{line}", wrong)
    check.finish()


main()
