# SPDX-License-Identifier: Apache-2.0
"""Just enough reading of our own C: it is K&R with braces of functions in column 0."""
import re
from dataclasses import dataclass

_NOISE = re.compile(r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
                    re.S | re.X)


@dataclass
class Function:
    name: str
    line: int       # where its declaration begins
    lines: int      # from there to the closing brace, without local tables


def _blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def bare(text):
    """The text without comments, and without what stands in strings; lines stay lines."""
    return _NOISE.sub(_blank, text)


def without_comments(text):
    """Strings stay, comments go."""
    return _NOISE.sub(lambda m: m.group() if m.group()[0] in "\"'" else _blank(m), text)


def _head(lines, brace):
    """The line on which the declaration begins whose body opens on line @brace."""
    head = brace
    while head > 0 and lines[head - 1].strip() and not re.search(r"[;}]\s*$|^#", lines[head - 1]):
        head -= 1
    return head


def _table_lines(lines):
    """How many lines are rows of constant tables: a test states its promises in one."""
    count, inside = 0, False
    for line in lines:
        if re.match(r"\tstatic const\b.*\{$", line):
            inside = True
        count += inside
        if line.startswith("\t};"):
            inside = False
    return count


def functions(text):
    lines = bare(text).splitlines()
    found, head = [], None
    for number, line in enumerate(lines):
        if line.rstrip() == "{":
            head = _head(lines, number)
        elif line.startswith("}") and head is not None:
            name = re.search(r"(\w+)\s*\(", " ".join(lines[head:number]))
            length = number - head + 1 - _table_lines(lines[head:number])
            found.append(Function(name.group(1) if name else "?", head + 1, length))
            head = None
    return found


def prototypes(header):
    """{name: (line, declaration)} of the functions a header declares without defining them."""
    text = bare(header)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", _blank, text, flags=re.M)
    text = re.sub(r'extern\s+"?[C ]*"?\s*\{', _blank, text)
    while True:     # what stands in braces, innermost first
        shorter = re.sub(r"\{[^{}]*\}", _blank, text)
        if shorter == text:
            break
        text = shorter
    found, offset = {}, 0
    for chunk in text.split(";"):
        declaration = re.sub(r"__attribute__\s*\(\(.*?\)\)\s*\)?", "", chunk, flags=re.S)
        match = re.match(r"\s*(?!typedef\b|static\b)\w[\w\s*]*?[\s*](\w+)\s*\(", declaration)
        if match and "(*" not in declaration.split(match.group(1))[0]:
            begin = len(chunk) - len(chunk.lstrip())
            line = text.count("\n", 0, offset + begin) + 1
            found[match.group(1)] = (line, " ".join(declaration.split()))
        offset += len(chunk) + 1
    return found
