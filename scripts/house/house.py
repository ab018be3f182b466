# SPDX-License-Identifier: Apache-2.0
"""What the checks of scripts/house share: exemptions, and how a verdict is given."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
from tree import ROOT, read  # noqa: E402

EXEMPTIONS = "scripts/house/exemptions.txt"
DEV = os.path.join(ROOT, "build", "dev")


class Check:
    """One rule. Violations are told by file and line; leaving it ends the process."""

    def __init__(self, rule, mend):
        self.rule, self.mend, self.violations, self.used = rule, mend, [], set()
        self.exempt = {}
        for line in read(EXEMPTIONS).splitlines():
            words = line.split("#")[0].split(None, 2)
            if len(words) == 3 and words[0] == rule:
                self.exempt[words[1]] = words[2]

    def found(self, where, what):
        """where: path, path:line or path:name; an exemption for the path or the whole covers it."""
        for key in (where, where.split(":")[0]):
            if key in self.exempt:
                self.used.add(key)
                return
        self.violations.append(f"{where}: {what}")

    def finish(self):
        for key in sorted(set(self.exempt) - self.used):
            self.violations.append(f"{EXEMPTIONS}: '{self.rule} {key}' exempts nothing any more")
        for line in self.violations:
            print(line)
        if self.violations:
            print(f"mend: {self.mend}; then scripts/test house")
        sys.exit(1 if self.violations else 0)


def skip(reason):
    print(f"SKIP {reason}")
    sys.exit(77)
