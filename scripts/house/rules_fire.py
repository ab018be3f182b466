#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every rule finds the mistake it is there for: each is run on a small tree that makes it."""
import os
import subprocess
import sys
import tempfile

from house import Check
from tree import ROOT

FOLDER = os.path.join(ROOT, "scripts", "house")
C, H = "// SPDX-License-Identifier: Apache-2.0\n", "/* SPDX-License-Identifier: Apache-2.0 */\n"
DONE = "int {0}(void);\nint {0}(void)\n{{\n{1}}}\n"
LONG = "".join("\tlong_one();\n" for _ in range(70))
ROWS = "\tstatic const int row[] = {\n" + "\t\t1,\n" * 70 + "\t};\n"

# rule, file, its text, what the rule must say (None: nothing)
TABLE = (
    ("documented", "transport/include/t/t.h", H + "int t_open(int fd);\n", "no kernel-doc block"),
    ("documented", "transport/include/t/t.h", H + "/** t_shut() - x */\nint t_open(int fd);\n",
     "must begin 't_open() - "),
    ("documented", "transport/include/t/t.h",
     H + "/**\n * t_open() - x\n */\nint t_open(int fd);\n", "no 'Return:'"),
    ("documented", "transport/include/t/t.h",
     H + "/** t_open() - opens @path */\nint t_open(int fd);\n", "knows no @path"),
    ("documented", "transport/include/t/t.h",
     H + "/** t_open() - opens @fd. Return: 0 */\nAPI int\nt_open(int fd);\n", None),
    ("includes", "libkvmcore/src/a.c", C + "#include <sqlite3.h>\n", "may not use SQLite"),
    ("includes", "libkvmcore/src/a.c", C + "#include <glib.h>\n", "is neither ours"),
    ("includes", "libkvmcore/src/a.c", C + '#include "records.pb-c.h"\n', "generated code"),
    ("includes", "libkvmcore/src/a.c", C + "#include <openssl/evp.h>\n#include <stdio.h>\n", None),
    ("includes", "elsewhere/a.c", C, "stands in no room"),
    ("licence", "libkvmcore/src/a.c", "int x;\n", "not an SPDX line"),
    ("licence", "libkvmcore/src/a.h", C, "not an SPDX line in the form"),
    ("licence", "libkvmcore/src/a.c", C.replace("Apache-2.0", "MIT"), "MIT.txt is missing"),
    ("references", "docs/a.md", "see docs/b.md, docs/*.md\n", "docs/b.md is not in the tree"),
    ("references", "docs/a.md", "see docs/a.md\n", None),
    ("scripts", "scripts/x", "#!/bin/sh\nif\n", "yntax error"),
    ("scripts", "scripts/x.py", "def x(:\n", "invalid syntax"),
    ("sizes", "libkvmcore/src/a.c", C + "\n" * 600, "more than 500"),
    ("sizes", "tests/a.c", C + DONE.format("a", LONG), "more than 60"),
    ("sizes", "tests/a.c", C + DONE.format("a", ROWS), None),
    ("sizes", "transport/a.c", C + DONE.format("a", LONG[:len(LONG) // 2]), "its median function"),
    ("spelling", "docs/a.md", "to rec" "ieve a state\n", "receive"),
    ("style", "libkvmcore/src/a.c", C + "typedef struct x x_t;\n", "no callback"),
    ("style", "libkvmcore/src/a.c", C + "typedef int (*x_fn)(int);\ntypedef int y(\n\tint);\n",
     None),
    ("style", "tools/common/a.c", C + 'int a = f(strcpy(b, "x"));\n', "unsafe function"),
    ("style", "transport/src/a.c", C + 'int a = f(printf("x"));\n', "prints nothing"),
    ("style", "transport/src/a.c", C + "/* exit(1) */ int a = x(exit(1));\n", "ends no process"),
    ("style", "tools/common/a.c", C + "int a = x(exit(1));\n", None),
    ("words", "docs/a.md", "this is not " "implemented\n", "work is left"),
    ("words", "docs/a.md", "see /wo" "rk/main\n", "one machine"),
)

# The same for rules that look at what was built: rule, C, exported symbols, what it must say.
BUILT = (
    ("exports", "int t_open(void) { return 0; }", "t_open", None),
    ("exports", "int t_other(void) { return 0; }", "t_*", "t_open is declared but"),
    ("exports", "int t_open(void) { return 0; } int t_more(void) { return 0; }", "t_*",
     "t_more is exported but"),
    ("state", "const int t_a = 3; const char *const t_b[] = { \"x\" };", "t_*", None),
    ("state", "static int a = 3; int t_open(void) { return a++; }", "t_*", "a can be written to"),
    ("state", "int t_open(void) { static int b; return b++; }", "t_*", "b.0 can be written to"),
)
HEADER = H + "/** t_open() - opens. Return: 0 */\nint t_open(void);\n"
BUILD = """mkdir -p build/dev/libt && cd build/dev/libt && echo '{code}' >t.c &&
echo 'T_0 {{ global: {symbols}; local: *; }};' >t.map && cc -fPIC -c t.c &&
ar rc libt_internal.a t.o && cc -shared -Wl,-soname,libt.so.0,--version-script=t.map t.o -o libt.so"""


def say(folder, rule, path, text, build=None):
    """What the rule says of a tree with this one file in it; None when it passes."""
    with tempfile.TemporaryDirectory() as tree:
        for name, content in ((path, text), ("scripts/house/exemptions.txt", ""),
                              ("LICENSE", ""), (".codespellrc", "")):
            os.makedirs(os.path.join(tree, os.path.dirname(name)), exist_ok=True)
            with open(os.path.join(tree, name), "w", encoding="utf-8") as file:
                file.write(content)
        os.chmod(os.path.join(tree, path), 0o755)
        subprocess.run(["git", "init", "-q", tree], check=True)
        if build:
            subprocess.run(["sh", "-c", build], cwd=tree, check=True)
        told = subprocess.run([sys.executable, "-B", os.path.join(folder, rule + ".py")],
                              env=dict(os.environ, SDEI_TREE=tree), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    return None if told.returncode == 0 else told.stdout


def main():
    check = Check("rules_fire", "mend the rule, not this table")
    rows = [row + (None,) for row in TABLE]
    rows += [(rule, "libt/include/t/t.h", HEADER, wanted, BUILD.format(code=code, symbols=symbols))
             for rule, code, symbols, wanted in BUILT]
    for rule, path, text, wanted, build in rows:
        said = say(FOLDER, rule, path, text, build)
        if (wanted is None) != (said is None) or wanted and wanted not in said:
            check.found(f"scripts/house/{rule}.py", f"of {(build or text).splitlines()} it must "
                        f"say {wanted!r}, and says {said!r}")
    check.finish()


main()
