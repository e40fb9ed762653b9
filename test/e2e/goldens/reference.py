"""Runs a Hugging Face model in float32 and writes what it answered.

The one place that knows the format of a logits golden (README.md beside this
file); the make_*.py scripts decide which models and prompts.
"""

import json
import pathlib

import numpy
import torch
import transformers

transformers.utils.logging.disable_progress_bar()

GOLDENS = pathlib.Path(__file__).resolve().parent
PROMPT_LENGTH = 19
GREEDY_LENGTH = 8

# A greedy step closer than this could go either way on another machine.
LEAST_MARGIN = 1e-2


def load(folder, **overrides):
    """The model in `folder`, its stored weights upcast to float32."""
    torch.set_num_threads(1)
    return transformers.LlamaForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", **overrides
    ).eval()


def greedy_continuation(model, prompt):
    """tokens (27), logits (26, vocab) and margins (8) of a greedy run.

    Row i of the logits is what follows tokens[: i + 1], computed in one pass
    over the whole sequence, so that it holds prefill and decode alike.
    """
    tokens = list(prompt)
    with torch.no_grad():
        for _ in range(GREEDY_LENGTH):
            logits = model(torch.tensor([tokens]), use_cache=False).logits[0]
            tokens.append(int(logits[-1].argmax()))
    top = logits[len(prompt) - 1 :].topk(2).values
    margins = (top[:, 0] - top[:, 1]).tolist()
    return tokens, logits.numpy(), margins


def choose_prompt(model, vocab_size, seed):
    """A random prompt whose greedy continuation meets no near-tie."""
    generator = numpy.random.default_rng(seed)
    for _ in range(100):
        prompt = generator.integers(0, vocab_size, PROMPT_LENGTH).tolist()
        tokens, logits, margins = greedy_continuation(model, prompt)
        # Several different tokens: a model that repeats one tests little.
        if min(margins) >= LEAST_MARGIN and len(set(tokens[-8:])) >= 4:
            return tokens, logits, margins
    raise RuntimeError("no prompt without a near-tie in 100 tries")


def write(name, model_path, tokens, logits, margins):
    """Writes NAME.json and NAME.bin beside this file."""
    assert logits.dtype == numpy.float32 and numpy.isfinite(logits).all()
    logits.astype("<f4").tofile(GOLDENS / f"{name}.bin")
    header = {
        "format": 1,
        "model": model_path,
        "made_with": {
            "transformers": transformers.__version__,
            "torch": torch.__version__,
        },
        "tokens": tokens,
        "prompt_length": PROMPT_LENGTH,
        "logits": f"{name}.bin",
        "logits_shape": list(logits.shape),
        "greedy_margins": [round(margin, 6) for margin in margins],
    }
    (GOLDENS / f"{name}.json").write_text(json.dumps(header, indent=1) + "\n")


def difference(left, right):
    """||left - right|| / ||right||"""
    return float(numpy.linalg.norm(left - right) / numpy.linalg.norm(right))
