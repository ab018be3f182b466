#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Man pages from what they describe.

    manpages.py functions FOLDER HEADER...      section 3, one page for each function of the headers
    manpages.py list HEADER...                  the names of those pages
    manpages.py text NAME SECTION FILE          one page from a text of docs/, on standard output;
                                                lowdown(1) turns it into troff
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "house"))
import csource  # noqa: E402, pylint: disable=wrong-import-position

LIBRARIES = {"kvmcore": "libkvmcore", "sdeistate": "libsdeistate", "transport": "libsdeitransport"}


def roff(text):
    """Text as troff prints it: a backslash, a minus and a line that looks like a request are themselves."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)
    return plain(re.sub(r"(?<![\w.])@(\w+)", r"\\fI\1\\fR", text))


def plain(text):
    """Characters beyond ASCII by their number, which every troff knows."""
    return re.sub(r"[^\0-\x7f]", lambda match: f"\\[u{ord(match.group()):04X}]", text)


def block_above(text, line):
    above = "\n".join(text.splitlines()[:line - 1])
    return above[above.rfind("/**") + 3:].rsplit("*/", 1)[0]


def paragraphs(block):
    """The comment without its stars, as (summary, parameters, paragraphs, return value)."""
    lines = [re.sub(r"^[ \t]*\*? ?", "", line).rstrip() for line in block.strip().splitlines()]
    text = re.sub(r"\A\w+\(\) - ", "", "\n".join(lines))
    text, _, result = text.partition("Return:")
    parts = [part.strip("\n") for part in re.split(r"\n\s*\n", text) if part.strip()]
    summary = parts.pop(0) if parts else ""
    summary, *members = re.split(r"^@(?=\w+:)", summary, flags=re.M)
    return " ".join(summary.split()), [m.split(":", 1) for m in members], parts, result.strip()


def prototype(declaration):
    """On one line, or a parameter a line."""
    declaration = re.sub(r"\A[A-Z]+_API ", "", declaration)
    head, _, rest = declaration.partition("(")
    rest = rest.rsplit(")", 1)[0]
    parameters = [re.sub(r"(\w+)(\[[^]]*\])?\Z", r'" \1 "\2', part.strip())
                  if part.strip() != "void" else part.strip() for part in rest.split(",")]
    if len(declaration) < 76:
        return [f'.BI "{head}(' + ", ".join(parameters) + ');"']
    ends = [","] * (len(parameters) - 1) + [");"]
    return [f'.B "{head}("'] + [f'.BI "    {part}{end}"' for part, end in zip(parameters, ends)]


def function_page(name, header, declaration, block, others, version):
    summary, members, parts, result = paragraphs(block)
    include = header.split("/include/", 1)[1]
    library = LIBRARIES[include.split("/", 1)[0]]
    out = [f'.TH "{name}" 3 "" "{library} {version}" "Library Functions"', ".SH NAME",
           f"{name} \\- {roff(summary)}", ".SH SYNOPSIS", ".nf", f"#include <{include}>", ".PP",
           *prototype(declaration), ".fi", ".SH DESCRIPTION",
           roff(summary[:1].upper() + summary[1:]) + "."]
    for word, text in members:
        out += [".TP", f".I {word}", roff(" ".join(text.split()))]
    for part in parts:
        out += [".PP", roff(" ".join(part.split()))]
    if result:
        out += [".SH RETURN VALUE", roff(" ".join(result.split()))]
    near = [other for other in others if other != name]
    out += [".SH SEE ALSO"] + [f".BR {other} (3){',' if other != near[-1] else ''}" for other in near]
    return "\n".join(out) + "\n"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def functions(folder, headers):
    os.makedirs(folder, exist_ok=True)
    version = os.environ.get("PROJECT_VERSION", "")
    for header in headers:
        text = read(header)
        found = csource.prototypes(text)
        for name, (line, declaration) in found.items():
            page = function_page(name, os.path.abspath(header), declaration,
                                 block_above(text, line), list(found), version)
            with open(os.path.join(folder, name + ".3"), "w", encoding="utf-8") as file:
                file.write(page)


def text_page(name, section, path):
    text = read(path)
    title, _, rest = text.partition("\n")
    title = title.lstrip("# ").strip()
    # A link to another text says where that stands: pages are not installed beside each other.
    rest = re.sub(r"\[([^]]+)\]\(([^)]+)\)", r"\1 (\2)", rest)
    made = subprocess.run(["lowdown", "-tman"], input=rest, capture_output=True, text=True, check=True)
    body = re.sub(r"\A(?:'\\\" t\n)?(?:\.\\\".*\n)*(?:\.TH .*\n)?", "", made.stdout)
    version = os.environ.get("PROJECT_VERSION", "")
    print(f"'\\\" t\n.TH \"{name}\" {section} \"\" \"sdei\\-migrate {version}\"\n.SH NAME\n"
          f"{roff(name)} \\- {roff(title)}\n.SH DESCRIPTION\n{plain(body)}", end="")


def main():
    what, *rest = sys.argv[1:] or [""]
    if what == "functions" and len(rest) > 1:
        functions(rest[0], rest[1:])
    elif what == "list" and rest:
        print(" ".join(name for header in rest for name in csource.prototypes(read(header))))
    elif what == "text" and len(rest) == 3:
        text_page(*rest)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
