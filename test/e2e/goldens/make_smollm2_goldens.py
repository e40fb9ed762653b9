#!/usr/bin/env python3
"""Greedy text of the real SmolLM2-135M-Instruct, for smollm2.json.

The Q4_1 file that scripts/get-model fetches is dequantized to float32 and run
by Hugging Face transformers: ten prompts, 64 tokens each.
"""

import argparse
import json
import pathlib
import tempfile

import gguf
import jinja2
import torch
import transformers

import dequantize_gguf
import reference

STEPS = 64
TOP = 32

# Prompts whose answer passes a closer choice are no reference: float32 in
# another order of summation could take the other token.
LEAST_MARGIN = 5e-3

# What a user asks; the chat template of the file is applied.
CHAT = [
    "What is the capital of France?",
    "Explain in simple words why the sky is blue.",
    "Write a short poem about the sea.",
    "List three fruits and three vegetables.",
    "Translate to French: I would like a cup of coffee, please.",
    "If I have 12 apples and give away 5, how many are left?",
]

# Continued as they stand: prose, code, digits and bytes beyond ASCII.
RAW = [
    "Once upon a time there was a dragon who",
    "def fibonacci(n):\n    \"\"\"Returns the n-th Fibonacci number.\"\"\"\n",
    "The years 1914, 1939 and 1989 changed Europe because",
    "Caf\u00e9s in Z\u00fcrich \u2013 from the na\u00efve to the \u6771\u4eac style \u2013 are",
]


def answer(model, tokenizer, template, prompt, chat):
    text = prompt
    if chat:
        message = [{"role": "user", "content": prompt}]
        text = template.render(messages=message, add_generation_prompt=True)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text
    output = model.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        max_new_tokens=STEPS,
        do_sample=False,
        eos_token_id=[],  # always 64 steps; `end` says where a run would stop
        pad_token_id=0,
        output_logits=True,
        return_dict_in_generate=True,
    )
    greedy = output.sequences[0, len(ids):].tolist()
    logits = torch.cat(output.logits)
    top2 = logits.topk(2).values
    margins = (top2[:, 0] - top2[:, 1]).tolist()
    assert min(margins) >= LEAST_MARGIN, f"near-tie: {prompt}"
    first = logits[0].topk(TOP)
    return {
        "chat": chat,
        "prompt": prompt,
        "text": text,
        "ids": ids,
        "greedy_ids": greedy,
        "greedy_text": tokenizer.decode(greedy, skip_special_tokens=False),
        "end": greedy.index(2) if 2 in greedy else None,
        "greedy_margins": [round(margin, 5) for margin in margins],
        "top_ids": first.indices.tolist(),
        "top_logits": [round(v, 5) for v in first.values.tolist()],
        "logits_norm": round(float(logits[0].norm()), 4),
    }


def dump(header, answers):
    """JSON with one line a value: short files, readable differences."""
    lines = [f" {json.dumps(key)}: {json.dumps(value)},"
             for key, value in header.items()]
    items = []
    for item in answers:
        fields = [f"   {json.dumps(key)}: {json.dumps(value)}"
                  for key, value in item.items()]
        items.append("  {\n" + ",\n".join(fields) + "\n  }")
    return ("{\n" + "\n".join(lines) + '\n "answers": [\n'
            + ",\n".join(items) + "\n ]\n}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="SmolLM2-135M-Instruct.Q4_1.gguf")
    path = parser.parse_args().model
    reader = gguf.GGUFReader(path)
    metadata = dequantize_gguf.Metadata(reader)
    tokenizer = dequantize_gguf.make_tokenizer(metadata)
    with tempfile.TemporaryDirectory() as folder:
        dequantize_gguf.write_folder(
            reader, pathlib.Path(folder), torch.float32)
        model = reference.load(folder)
    template = jinja2.Environment().from_string(
        metadata["tokenizer.chat_template"])
    answers = []
    for prompts, chat in [(CHAT, True), (RAW, False)]:
        for prompt in prompts:
            answers.append(answer(model, tokenizer, template, prompt, chat))
            print(f"--- {prompt}\n{answers[-1]['greedy_text']}\n"
                  f"    end {answers[-1]['end']}, least margin "
                  f"{min(answers[-1]['greedy_margins'])}", flush=True)
    header = {
        "format": 1,
        "model": pathlib.Path(path).name,
        "weights": "dequantized to float32",
        "made_with": {
            "transformers": transformers.__version__,
            "torch": torch.__version__,
        },
        "eos_id": 2,
    }
    target = reference.GOLDENS / "smollm2.json"
    target.write_text(dump(header, answers))


if __name__ == "__main__":
    main()
