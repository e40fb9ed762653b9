#!/usr/bin/env python3
"""Runs a compiled model until its context is full and compares the most
anonymous memory that it had with what its `plan` says, within 5 %.

Usage: memory-of-a-run.py PROGRAM.
"""

import json
import re
import subprocess
import sys
import time

program = sys.argv[1]
CONTEXT = 2048


def anonymous(pid):
    """Bytes, or 0 of a process that has ended."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            return 1024 * int(re.search(r"Anonymous:\s+(\d+)", rollup.read())[1])
    except (OSError, TypeError):
        return 0


settings = ["-c", str(CONTEXT), "-t", "2"]
plan = json.loads(
    subprocess.run([program, "plan", "--json", *settings], check=True,
                   capture_output=True).stdout
)
run = subprocess.Popen(
    [program, "--raw", "-p", "word " * (CONTEXT - 40), "-n", "-1", *settings],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
most = 0
while run.poll() is None:
    most = max(most, anonymous(run.pid))
    time.sleep(0.01)
planned = plan["anonymous_bytes"]
print(f"planned {planned}, found {most}")
sys.exit(run.returncode or abs(most - planned) > 0.05 * planned)
