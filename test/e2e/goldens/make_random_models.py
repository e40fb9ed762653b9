#!/usr/bin/env python3
"""Makes the random models of test/e2e/models and their golden logits.

Each variant shows one property of the LLaMA family that a compiler can get
wrong. Models are tiny and seeded; remaking them gives the same bytes.
"""

import json
import math
import pathlib
import shutil

import numpy
import safetensors.torch
import torch

import reference

MODELS = pathlib.Path(__file__).resolve().parent.parent / "models"

BASE = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_act": "silu",
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 160,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "attention_bias": False,
    "mlp_bias": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "torch_dtype": "float32",
}

# What each variant changes. The lengths in the scalings are tiny so that the 27
# positions of a golden reach every branch of the frequency formulas.
VARIANTS = {
    "mha": {"num_key_value_heads": 4, "intermediate_size": 48},
    "gqa": {},
    "mqa": {"num_key_value_heads": 1},
    "tied": {"tie_word_embeddings": True},
    "bias": {"attention_bias": True, "mlp_bias": True},
    "head_dim": {
        "head_dim": 32,
        "num_key_value_heads": 1,
        "intermediate_size": 32,
    },
    # No extent is a multiple of a vector or tile, but for the head.
    "odd_sizes": {
        "hidden_size": 72,
        "intermediate_size": 56,
        "num_attention_heads": 3,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "vocab_size": 163,
        "rms_norm_eps": 1e-06,
    },
    "stored_bf16": {"torch_dtype": "bfloat16"},
    "stored_f16": {"torch_dtype": "float16"},
    "sharded": {},
    # A head that ends within a vector, as OpenLLaMA-3B's 100 does.
    "ragged_head": {"hidden_size": 80, "head_dim": 20},
}

# Variants that share the weights of `gqa` and differ in config.json alone.
ROPE_VARIANTS = {
    "rope_theta": {"rope_theta": 500.0},
    "rope_linear": {"rope_scaling": {"rope_type": "linear", "factor": 4.0}},
    "rope_llama3": {
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        }
    },
    "rope_yarn": {
        "rope_scaling": {
            "rope_type": "yarn",
            "factor": 4.0,
            "original_max_position_embeddings": 64,
            "beta_fast": 4.0,
            "beta_slow": 1.0,
        }
    },
    # The spelling of transformers 5, which puts theta inside.
    "rope_parameters": {
        "rope_theta": None,
        "rope_parameters": {
            "rope_type": "linear",
            "rope_theta": 500.0,
            "factor": 2.0,
        },
    },
    # Equal lists: a table made ahead cannot follow the length of a sequence.
    "rope_longrope": {
        "rope_scaling": {
            "rope_type": "longrope",
            "factor": 4.0,
            "original_max_position_embeddings": 64,
            "short_factor": [1.0, 1.1, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0],
            "long_factor": [1.0, 1.1, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0],
        }
    },
    "rope_dynamic": {"rope_scaling": {"rope_type": "dynamic", "factor": 4.0}},
}

STORED = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def tensor_shapes(config):
    """Names and shapes as a LlamaForCausalLM checkpoint has them."""
    hidden, vocab = config["hidden_size"], config["vocab_size"]
    inner, heads = config["intermediate_size"], config["num_attention_heads"]
    head_dim = config.get("head_dim", hidden // heads)
    queries, keys = heads * head_dim, config["num_key_value_heads"] * head_dim
    shapes = {"model.embed_tokens.weight": (vocab, hidden)}
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        shapes[prefix + "input_layernorm.weight"] = (hidden,)
        shapes[prefix + "post_attention_layernorm.weight"] = (hidden,)
        linears = {
            "self_attn.q_proj": (queries, hidden),
            "self_attn.k_proj": (keys, hidden),
            "self_attn.v_proj": (keys, hidden),
            "self_attn.o_proj": (hidden, queries),
            "mlp.gate_proj": (inner, hidden),
            "mlp.up_proj": (inner, hidden),
            "mlp.down_proj": (hidden, inner),
        }
        for name, shape in linears.items():
            shapes[f"{prefix}{name}.weight"] = shape
            kind = "attention_bias" if "attn" in name else "mlp_bias"
            if config[kind]:
                shapes[f"{prefix}{name}.bias"] = shape[:1]
    shapes["model.norm.weight"] = (hidden,)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (vocab, hidden)
    return shapes


def random_tensor(generator, name, shape):
    """Scaled so that logits spread over several units and attention is sharp
    enough for a wrong position or mask to show."""
    values = generator.standard_normal(shape)
    if name.endswith("norm.weight"):
        return 1.0 + 0.2 * values
    if name.endswith(".bias"):
        return 0.3 * values
    if name.endswith("embed_tokens.weight"):
        # Also lm_head where tied.
        return values * (2.0 / math.sqrt(shape[1]))
    gain = 2.0 if "q_proj" in name or "k_proj" in name else 1.0
    gain = 3.0 if "lm_head" in name else gain
    return values * (gain / math.sqrt(shape[1]))


def random_weights(config, seed):
    generator = numpy.random.default_rng(seed)
    stored = STORED[config["torch_dtype"]]
    return {
        name: torch.from_numpy(random_tensor(generator, name, shape)).to(stored)
        for name, shape in tensor_shapes(config).items()
    }


def write_sharded(folder, weights, shards=3):
    """Three files and the index, as save_pretrained names them."""
    names, weight_map = list(weights), {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: weights[name] for name in names[shard::shards]}
        safetensors.torch.save_file(part, folder / file, {"format": "pt"})
        weight_map |= {name: file for name in part}
    total = sum(t.numel() * t.element_size() for t in weights.values())
    index = {
        "metadata": {"total_size": total},
        "weight_map": dict(sorted(weight_map.items())),
    }
    text = json.dumps(index, indent=2) + "\n"
    (folder / "model.safetensors.index.json").write_text(text)


def make_folder(name, changes):
    folder = MODELS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = {k: v for k, v in (BASE | changes).items() if v is not None}
    text = json.dumps(config, indent=2) + "\n"
    (folder / "config.json").write_text(text)
    return folder, config


def make_golden(name, folder, config, seed):
    model = reference.load(folder)
    answer = reference.choose_prompt(model, config["vocab_size"], seed)
    reference.write(name, f"test/e2e/models/{name}", *answer)
    margins = answer[2]
    print(f"{name:16} logits std {answer[1].std():.2f} "
          f"least margin {min(margins):.3f} greedy {answer[0][-8:]}")
    return answer


def main():
    for seed, (name, changes) in enumerate(VARIANTS.items()):
        folder, config = make_folder(name, changes)
        weights = random_weights(config, seed)
        if name == "sharded":
            write_sharded(folder, weights)
        else:
            safetensors.torch.save_file(
                weights, folder / "model.safetensors", {"format": "pt"}
            )
        make_golden(name, folder, config, seed)

    plain = reference.load(MODELS / "gqa")
    for seed, (name, changes) in enumerate(ROPE_VARIANTS.items(), start=100):
        folder, config = make_folder(name, changes)
        (folder / "model.safetensors").symlink_to("../gqa/model.safetensors")
        tokens, logits, _ = make_golden(name, folder, config, seed)
        # The scaling must matter, or its golden would pass without it. But
        # dynamic stretches nothing up to max_position_embeddings.
        with torch.no_grad():
            unscaled = plain(torch.tensor([tokens[:-1]])).logits[0].numpy()
        distance = reference.difference(unscaled, logits)
        print(f"{'':16} differs from gqa by {distance:.3f}")
        if name == "rope_dynamic":
            assert distance < 1e-6, f"{name}: expected plain RoPE"
        else:
            assert distance > 0.05, f"{name}: scaling has no visible effect"


if __name__ == "__main__":
    main()
