#!/usr/bin/env python3
"""Compares quipu with llama.cpp on one GGUF file, in turns, in one run.

Each round runs `quipu bench` and then `llama-bench` with the same prompt,
tokens and threads; the ratios are medians of the rounds' ratios, so that what
else the machine does weighs on both sides.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a .gguf file")
    parser.add_argument("-p", type=int, default=512, help="tokens of the prompt")
    parser.add_argument("-n", type=int, default=64, help="tokens to decode")
    parser.add_argument("-r", type=int, default=5, help="rounds")
    parser.add_argument(
        "-t", type=int, default=len(os.sched_getaffinity(0)), help="threads"
    )
    parser.add_argument("--quipu", default="build/release/tools/quipu/quipu")
    parser.add_argument("--llama-bench", default="llama-bench")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def find(program):
    path = shutil.which(program)
    if not path:
        sys.exit(f"{program}: not found; it is what this script compares")
    return path


def run_json(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: failed with status {done.returncode}")
    return json.loads(done.stdout)


def run_quipu(quipu, arguments):
    counts = [f"-{name}{getattr(arguments, name)}" for name in "pnt"]
    return run_json([quipu, "bench", arguments.model, *counts, "-r1", "--json"])


def run_peer(llama_bench, arguments):
    """Tokens per second of prompt and of decode."""
    common = [llama_bench, "-m", arguments.model, "-r", "1", "-o", "json"]
    common += ["-t", str(arguments.t)]
    # Decode after the prompt, as quipu bench does: at that depth.
    speeds, length, tokens = [], str(arguments.p), str(arguments.n)
    for work in (["-p", length, "-n", "0"], ["-p", "0", "-n", tokens, "-d", length]):
        speeds.append(run_json(common + work)[0]["avg_ts"])
    return speeds


def main():
    arguments = parse_arguments()
    quipu, llama_bench = find(arguments.quipu), find(arguments.llama_bench)
    run_quipu(quipu, arguments)  # compiles, where that was not done before
    rounds = []
    for _ in range(arguments.r):
        ours = run_quipu(quipu, arguments)
        peer_prompt, peer_decode = run_peer(llama_bench, arguments)
        rounds.append(
            {
                "prompt_tokens_per_second": ours["prompt_tokens_per_second"],
                "peer_prompt_tokens_per_second": peer_prompt,
                "prompt_ratio": ours["prompt_tokens_per_second"] / peer_prompt,
                "prefill_peak_share": ours["prefill_peak_share"],
                "decode_tokens_per_second": ours["decode_tokens_per_second"],
                "peer_decode_tokens_per_second": peer_decode,
                "decode_ratio": ours["decode_tokens_per_second"] / peer_decode,
                "decode_read_share": ours["decode_read_share"],
            }
        )
    medians = {
        field: statistics.median(each[field] for each in rounds) for field in rounds[0]
    }
    if arguments.json:
        print(json.dumps({"medians": medians, "rounds": rounds}, indent=2))
        return
    print(f"{arguments.model}: -p {arguments.p} -n {arguments.n} -t {arguments.t}")
    print(f"{'':8}{'quipu':>10}{'llama.cpp':>12}{'ratio':>8}   tokens/s")
    for phase in ("prompt", "decode"):
        print(
            f"{phase:8}{medians[phase + '_tokens_per_second']:10.1f}"
            f"{medians['peer_' + phase + '_tokens_per_second']:12.1f}"
            f"{medians[phase + '_ratio']:8.2f}"
        )
    print(
        f"quipu reaches {100 * medians['prefill_peak_share']:.0f} % of the peak in the "
        f"prompt, {100 * medians['decode_read_share']:.0f} % of reads in decode"
    )


if __name__ == "__main__":
    main()
