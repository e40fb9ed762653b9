#!/usr/bin/env python3
"""Runs a compiled model until its context is full and compares its anonymous
memory, looked at with each piece of the answer, with what its `plan` says.

Usage: memory-of-a-run.py PROGRAM. They may differ by 5 %.

At short contexts they differ by more, which this test does not cover: the plan
counts the logits of as many rows as a bucket has, and an answer asks for one.
For SmolLM2 that is 8 % of what is planned for 1024 or 2048 tokens. To count what
is touched, a plan would have to say how far each buffer of the arena reaches.
"""

import json
import re
import subprocess
import sys

program = sys.argv[1]
CONTEXT = 6144  # where those logits are less than 5 %


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
settings = ["-c", str(CONTEXT), "-t", "2"]
planned = json.loads(
    subprocess.run([program, "plan", "--json", *settings], check=True,
                   stdout=subprocess.PIPE).stdout
)["anonymous_bytes"]
run = subprocess.Popen(
    [program, "--raw", "-p", "word " * (CONTEXT - 40), "-n", "-1", *settings],
    stdout=subprocess.PIPE,
)
found = 0
while run.stdout.read1():
    found = max(found, anonymous(run.pid))
print(f"planned {planned}, found {found}")
sys.exit(run.wait() or abs(found - planned) > 0.05 * planned)
