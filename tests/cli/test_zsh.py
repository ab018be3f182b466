#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The zsh completion in a zsh on a terminal: words are typed, the tab key is pressed, the line is read back."""
import os
import pty
import re
import select
import shutil
import signal
import sys
import time

import cli
from cli import check, expect

SETUP = """PS1=; fpath=({here} $fpath); autoload -Uz compinit; compinit -u -D; zmodload zsh/zle
bindkey '^I' complete-word; show() {{ print -r -- "LINE<$BUFFER>" }}; zle -N show; bindkey '^T' show
print READY_$((1 + 1))
"""
ROWS = [
    ("sna", "snapshot "), ("vm ca", "vm call "), ("keygen --type ed", "keygen --type ed25519 "),
    ("vm call --contr", "vm call --control "), ("restore --override roll", "restore --override rollback "),
    ("send --insec", "send --insecure-no-tls "), ("recv --vms fol", "recv --vms folder/"),
    ("verify fil", "verify file "),
]


class Terminal:
    def __init__(self, here):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(here)
            os.environ.update(TERM="dumb", HOME=here, ZDOTDIR=here)
            os.execvp("zsh", ["zsh", "-f", "-i"])
        self.type(SETUP.format(here=here))
        self.wait_for(rb"READY_2")

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait_for(self, pattern, seconds=cli.TIMEOUT):
        """What matched since the last call; None if it never comes."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.seen) and time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.2)[0]:
                self.seen += os.read(self.fd, 65536)
        found = re.search(pattern, self.seen)
        self.seen = self.seen[found.end():] if found else self.seen
        return found

    def complete(self, line):
        self.type(line + "\t\x14")
        found = self.wait_for(rb"LINE<(.*?)>")
        self.type("\x15")  # an empty line again
        return found.group(1).decode() if found else repr(self.seen)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def test_words_are_completed(directory):
    with open(os.path.join(directory, "_sdei-migrate"), "w", encoding="utf-8") as out:
        out.write(expect(0, "--generate", "zsh").stdout)
    os.mkdir(os.path.join(directory, "folder"))
    with open(os.path.join(directory, "file"), "w", encoding="utf-8") as out:
        out.write("")
    terminal = Terminal(directory)
    try:
        for typed, completed in ROWS:
            line = terminal.complete("sdei-migrate " + typed)
            check(line == "sdei-migrate " + completed, f"{typed}<tab> becomes {completed}", line)
    finally:
        terminal.close()


if __name__ == "__main__":
    if not shutil.which("zsh"):
        print("SKIP zsh is not installed")
        sys.exit(77)
    cli.main(__name__)
