#!/usr/bin/env python3
"""Runs a compiled model until its context is full and compares its anonymous
memory, looked at with each piece of the answer, with what its `plan` says.

Usage: memory-of-a-run.py PROGRAM CONTEXT... They may differ by 5 %.
"""

import json
import re
import subprocess
import sys

program, *contexts = sys.argv[1:]


def anonymous(pid):
    """Bytes, or 0 where the kernel does not say."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            return 1024 * int(re.search(r"Anonymous:\s+(\d+)", rollup.read())[1])
    except (OSError, TypeError):
        return 0


if not anonymous("self"):
    print("skipped: this kernel has no smaps_rollup")
    sys.exit()


def differs(context):
    settings = ["-c", context, "-t", "2"]
    planned = json.loads(
        subprocess.run([program, "plan", "--json", *settings], check=True,
                       stdout=subprocess.PIPE).stdout
    )["anonymous_bytes"]
    run = subprocess.Popen(
        [program, "--raw", "-p", "word " * (int(context) - 40), "-n", "-1", *settings],
        stdout=subprocess.PIPE,
    )
    found = 0
    while run.stdout.read1():
        found = max(found, anonymous(run.pid))
    print(f"context {context}: planned {planned}, found {found}")
    return run.wait() != 0 or abs(found - planned) > 0.05 * planned


sys.exit(any([differs(context) for context in contexts]))
