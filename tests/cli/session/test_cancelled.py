#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sdei-migrate cancel before any step of either side: it is answered, and what it says is so."""
import json

from hosts import check, never_two, run
from moments import play, steps, with_change


def cancel(step, said, pair, side):
    """Ask for it while @side stands still; the one that stands still cannot answer."""
    session = pair.session()
    if session is None:
        said["none"] = True
        return
    done = run("cancel", session["session"], "--json", "--to", pair.uri, "--timeout", 500,
               *pair.options("a")[:-2])
    said.update(json.loads(done.stdout), exit=done.returncode)
    check(done.returncode in (0, 4, 5, 9, 11), f"{step}: cancel is answered", done.stdout)
    never_two(pair, step, "after cancel")
    if done.returncode:
        check(said["advice"] and said["vm_state"]["source"], f"{step}: a no says why and what now", done.stdout)




def case(directory, step):
    said = {}
    told = with_change(directory, step, lambda pair, side: cancel(step, said, pair, side))
    if said.get("exit") == 0:
        check("(cancelled)" in told, f"{step}: send says that it was cancelled", f"{said} {told}")
        check("(ok)" not in told, f"{step}: what was cancelled does not end with ok", f"{said} {told}")
    if said.get("reason") == "refused":
        check("(ok)" in told or "in-doubt" in told, f"{step}: what came too late ends as it would have", f"{said} {told}")
    return f"cancel: {'no session yet' if said.get('none') else said['reason']}; {told}"


def main():
    play((f"cancel at {step}", lambda directory, step=step: case(directory, step)) for step in steps())


if __name__ == "__main__":
    main()
