#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line itself: help, man page and completion say the same; wrong lines end with 2."""
import os
import re
import subprocess

import cli
from cli import check, expect, fails, run


def verbs():
    """Names from --help: the indented lines below "commands:"."""
    text = expect(0, "--help").stdout.split("commands:\n")[1]
    return re.findall(r"^  (\S+(?: \S+)?)  ", text, re.MULTILINE)


def options(text):
    return re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.MULTILINE)


def man_page():
    template = os.path.join(cli.SOURCE, "docs", "man", "sdei-migrate.1.in")
    return expect(0, "--generate", "man", template).stdout.replace("\\-", "-")


def test_every_verb_has_help(_):
    names = verbs()
    check(len(names) >= 10, "the verbs are listed", repr(names))
    for verb in names:
        text = expect(0, *verb.split(), "--help").stdout
        check(text.startswith(f"usage: sdei-migrate {verb}"), f"{verb} --help shows its usage", text)
        for common in ("--help", "--json", "--verbose", "--quiet"):
            check(common in options(text), f"{verb} takes {common}", text)
        for option in options(text):
            variable = "SDEI_MIGRATE_" + option[2:].upper().replace("-", "_")
            check(option == "--help" or f"[{variable}]" in text, f"{verb} {option} names {variable}",
                  text)


def test_man_page_says_what_help_says(_):
    page = man_page()
    sections = dict(re.findall(r"^\.SS (.*)\n((?:.|\n)*?)(?=^\.S[SH])", page, re.MULTILINE))
    for verb in verbs():
        section = sections.get(verb, "")
        for option in options(expect(0, *verb.split(), "--help").stdout.split("options of every")[0]):
            check(option in section, f"the man page explains {verb} {option}", section[:300])
    for number in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 75):
        check(f"\\fB{number}\\fR" in page, f"the man page explains exit code {number}")
    check(not re.search(r"^@[A-Z]+@$", page, re.MULTILINE), "no marker is left in the man page")


def test_completion_knows_every_option(directory):
    for shell in ("bash", "zsh"):
        text = expect(0, "--generate", shell).stdout
        for verb in verbs():
            help_text = expect(0, *verb.split(), "--help").stdout
            for option in options(help_text):
                check(option in text, f"{shell} completion knows {verb} {option}")
        path = os.path.join(directory, shell)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        if shell == "bash":
            check(subprocess.run(["bash", "-n", path], check=False).returncode == 0,
                  "bash can read its completion")
            told = subprocess.run(
                ["bash", "-c", f"source {path}; COMP_WORDS=(sdei-migrate vm ca); COMP_CWORD=2; "
                 "_sdei_migrate; echo \"${COMPREPLY[*]}\""], capture_output=True, text=True,
                check=False).stdout.split()
            check(told == ["call"], "vm ca<tab> becomes vm call", repr(told))


def test_wrong_lines(_):
    rows = [
        ("no command", []),
        ("an unknown command", ["fly"]),
        ("half a command", ["vm"]),
        ("an unknown second word", ["vm", "fly"]),
        ("a missing option", ["vm", "status"]),
        ("a missing argument", ["vm", "call", "--control", "x", "--vcpu", "0"]),
        ("an unknown option", ["vm", "status", "--control", "x", "--fly"]),
        ("a word too many", ["vm", "status", "--control", "x", "y"]),
        ("an option twice", ["vm", "status", "--control", "x", "--control", "y"]),
        ("no number", ["vm", "run", "--control", "x", "--vcpu", "first"]),
        ("a number out of range", ["vm", "run", "--control", "x", "--vcpu", "512"]),
        ("a word that is no choice", ["keygen", "--out", "x", "--type", "rsa"]),
        ("no destination named", ["snapshot", "--control", "x", "--key", "y", "-o", "z"]),
        ("no socket named", ["host", "--vm", "x"]),
        ("one socket for many", ["host", "--vm", "x", "--many", "2", "--control", "y"]),
        ("an unknown kind of text", ["--generate", "csh"]),
    ]
    for promise, line in rows:
        done = run(*line)
        check(done.returncode == 2 and not done.stdout and "what to do:" in done.stderr,
              f"{promise} ends with 2, says what to do, and leaves stdout alone",
              f"{done.returncode} {done.stdout!r} {done.stderr!r}")
        if line:
            fails(2, "usage", *line)


def test_empty_names(_):
    for line, field in ((["show", ""], "FILE"), (["vm", "status", "--control", ""], "--control"),
                        (["status", "--state="], "--state"),
                        (["verify", "--trust", "", "f"], "--trust"), (["keygen", "--out", ""], "--out")):
        told = fails(2, "usage", *line)
        check(told["field"] == field and told["actual"] == "an empty one", f"{line}: a name is not empty",
              str(told))
    done = run("restore", "--control", "c", "--trust", "t", "--override", "rollback", "f")
    check(done.returncode == 2 and "Invalid argument" not in done.stderr,
          "a wrong line is not said to be an error of the system", done.stderr)


def test_failures_name_the_option(_):
    told = fails(2, "usage", "vm", "run", "--control", "x", "--vcpu", "512")
    check(told["field"] == "--vcpu" and told["actual"] == "512", "the option and its value", str(told))


    told = fails(2, "usage", "vm", "fly")
    check(told["actual"] == "vm fly", "both words of a command that is none", str(told))


def test_help_of_a_group(_):
    for group in sorted({verb.split()[0] for verb in verbs() if " " in verb}):
        text = expect(0, group, "--help").stdout
        check(re.findall(r"^  (\S+ \S+)  ", text, re.MULTILINE) ==
              [verb for verb in verbs() if verb.startswith(group + " ")],
              f"{group} --help lists the {group} commands", text)


def test_output_that_cannot_be_written(_):
    listed = ["status", "--list-fault-points"]
    for line in (listed, [*listed, "--json"]):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([cli.PROGRAM, *line], stdout=full, stderr=subprocess.PIPE, text=True,
                                  env=cli.environment(), check=False)
        check(done.returncode == 1 and "No space left" in done.stderr,
              "a result that nobody gets is a failure, said on stderr", f"{line} {done}")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([cli.PROGRAM, "show", "/nonexistent", "--json"], stdout=full, text=True,
                              stderr=subprocess.PIPE, env=cli.environment(), check=False)
    check(done.returncode == 1 and "/nonexistent" in done.stderr,
          "so is the reason of a failure that nobody gets", done.stderr)


def test_environment_and_configuration(directory):
    done = run("vm", "status", env={"SDEI_MIGRATE_CONTROL": "/nonexistent/socket"})
    check(done.returncode == 5 and "/nonexistent/socket" in done.stderr,
          "an option may come from the environment", done.stderr)
    os.mkdir(os.path.join(directory, "sdei-migrate"))
    with open(os.path.join(directory, "sdei-migrate", "config"), "w", encoding="utf-8") as out:
        out.write("# a comment\ncontrol = /nonexistent/configured\n")
    done = run("vm", "status", env={"XDG_CONFIG_HOME": directory})
    check(done.returncode == 5 and "/nonexistent/configured" in done.stderr,
          "or from the configuration file", done.stderr)


def test_version(_):
    check(re.fullmatch(r"sdei-migrate \d+\.\d+\.\d+\n", expect(0, "--version").stdout),
          "--version prints name and version")


def test_quiet(_):
    check(run("show", "/nonexistent", "-q").stderr != "", "a failure is told even with -q")


if __name__ == "__main__":
    cli.main(__name__)
