#!/usr/bin/env python3
"""Runs a compiled model until its context is full and compares its memory,
looked at with each piece of the answer, with what its `plan` says.

Usage: memory-of-a-run.py PROGRAM CONTEXT... Anonymous memory and pages of the
program's file that hold weights may each differ from the plan by 5 %.
"""

import json
import os
import re
import subprocess
import sys

program, *contexts = sys.argv[1:]


def memory(pid):
    """Bytes by name in `plan --json`, or 0 where the kernel does not say."""
    try:
        with open(f"/proc/{pid}/smaps") as smaps:
            maps = smaps.read()
    except OSError:  # it has ended
        maps = ""
    anonymous = file_pages = 0
    for found in re.finditer(
        r"^[0-9a-f]+-[0-9a-f]+ .*?(\S*)\n(?:[A-Z].*\n)*?Rss: +(\d+) kB\n"
        r"(?:[A-Z].*\n)*?Anonymous: +(\d+) kB", maps, re.M):
        anonymous += 1024 * int(found[3])
        if found[1] == os.path.realpath(program):  # weights are its largest part
            file_pages = max(file_pages, 1024 * (int(found[2]) - int(found[3])))
    return {"anonymous_bytes": anonymous, "weights_bytes": file_pages}


if not memory("self")["anonymous_bytes"]:
    print("skipped: this kernel has no smaps")
    sys.exit()


def differs(context):
    settings = ["-c", context, "-t", "2"]
    planned = json.loads(
        subprocess.run([program, "plan", "--json", *settings], check=True,
                       stdout=subprocess.PIPE).stdout
    )
    run = subprocess.Popen(
        [program, "--raw", "-p", "word " * (int(context) - 40), "-n", "-1", *settings],
        stdout=subprocess.PIPE,
    )
    found = memory("none")
    while run.stdout.read1():
        found = {name: max(found[name], now) for name, now in memory(run.pid).items()}
    for name, bytes in found.items():
        print(f"context {context}, {name}: planned {planned[name]}, found {bytes}")
    return run.wait() != 0 or any(
        abs(bytes - planned[name]) > 0.05 * planned[name] for name, bytes in found.items()
    )


sys.exit(any([differs(context) for context in contexts]))
