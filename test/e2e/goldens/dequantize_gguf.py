#!/usr/bin/env python3
"""Turns a GGUF file of the `llama` architecture into a Hugging Face folder.

Every tensor is dequantized by the gguf package and stored as --type. The
folder serves runs with unquantized weights and as the reference of goldens.
"""

import argparse
import json
import pathlib

import gguf
import numpy
import safetensors.torch
import tokenizers
import torch

STORED = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}

LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OTHER_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}


def hugging_face_name(name):
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    _, layer, role, kind = name.split(".")
    return f"model.layers.{layer}.{LAYER_NAMES[role]}.{kind}"


def unpermute(rows, heads):
    """GGUF interleaves the two halves of each head of q and k, so that RoPE
    turns rows (2i, 2i + 1); Hugging Face turns (i, i + head_dim / 2)."""
    pairs = rows.reshape(heads, -1, 2, *rows.shape[1:])
    return pairs.swapaxes(1, 2).reshape(rows.shape)


class Metadata:
    def __init__(self, reader):
        self.fields = reader.fields
        architecture = self["general.architecture"]
        assert architecture == "llama", f"unsupported: {architecture}"

    def __getitem__(self, key):
        return self.fields[key].contents()

    def get(self, key, default=None):
        return self[key] if key in self.fields else default


def make_config(metadata, tensors, dtype):
    heads = metadata["llama.attention.head_count"]
    hidden = metadata["llama.embedding_length"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": hidden,
        "intermediate_size": metadata["llama.feed_forward_length"],
        "num_hidden_layers": metadata["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": metadata.get(
            "llama.attention.head_count_kv", heads
        ),
        "head_dim": metadata.get("llama.attention.key_length", hidden // heads),
        "vocab_size": len(tensors["model.embed_tokens.weight"]),
        "max_position_embeddings": metadata["llama.context_length"],
        # The file holds an f32: its shortest decimal is what was meant.
        "rms_norm_eps": float(
            str(numpy.float32(
                metadata["llama.attention.layer_norm_rms_epsilon"]))
        ),
        "rope_theta": metadata.get("llama.rope.freq_base", 10000.0),
        "tie_word_embeddings": "lm_head.weight" not in tensors,
        "attention_bias": "model.layers.0.self_attn.q_proj.bias" in tensors,
        "mlp_bias": "model.layers.0.mlp.gate_proj.bias" in tensors,
        "bos_token_id": metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": metadata.get("tokenizer.ggml.eos_token_id"),
        "torch_dtype": str(dtype).removeprefix("torch."),
    }


def dequantize(reader):
    """All tensors by their Hugging Face names, float32."""
    metadata = Metadata(reader)
    heads = metadata["llama.attention.head_count"]
    kv_heads = metadata.get("llama.attention.head_count_kv", heads)
    tensors = {}
    for tensor in reader.tensors:
        if tensor.name.startswith("rope_freqs"):
            raise NotImplementedError("rope_freqs: scaled RoPE in GGUF")
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        values = values.astype(numpy.float32)
        if ".attn_q." in tensor.name:
            values = unpermute(values, heads)
        if ".attn_k." in tensor.name:
            values = unpermute(values, kv_heads)
        tensors[hugging_face_name(tensor.name)] = values
    return tensors


def make_tokenizer(metadata):
    """The byte-level BPE of the SmolLM family from a GGUF's vocabulary, or None
    for another kind."""
    kind = metadata.get("tokenizer.ggml.model")
    if (kind, metadata.get("tokenizer.ggml.pre")) != ("gpt2", "smollm"):
        return None
    tokens = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(m.split(" ")) for m in metadata["tokenizer.ggml.merges"]]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    pre = tokenizers.pre_tokenizers
    tokenizer.pre_tokenizer = pre.Sequence([
        pre.Digits(individual_digits=True),
        pre.ByteLevel(add_prefix_space=False, use_regex=True),
    ])
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    types = metadata["tokenizer.ggml.token_type"]
    control = [t for t, kind in zip(tokens, types)
               if kind == gguf.TokenType.CONTROL]
    tokenizer.add_special_tokens(control)
    return tokenizer


def write_tokenizer(metadata, folder):
    tokenizer = make_tokenizer(metadata)
    if tokenizer is None:
        print("no tokenizer.json: only the SmolLM kind is known here")
        return
    tokenizer.save(str(folder / "tokenizer.json"))
    tokens = metadata["tokenizer.ggml.tokens"]
    config = {
        "tokenizer_class": "GPT2Tokenizer",
        "chat_template": metadata.get("tokenizer.chat_template"),
        "add_prefix_space": False,
    }
    for role, key in [("bos", "bos"), ("eos", "eos"), ("unk", "unknown")]:
        index = metadata.get(f"tokenizer.ggml.{key}_token_id")
        if index is not None:
            config[f"{role}_token"] = tokens[index]
    text = json.dumps(config, indent=2) + "\n"
    (folder / "tokenizer_config.json").write_text(text)


def write_folder(reader, folder, dtype):
    folder.mkdir(parents=True, exist_ok=True)
    metadata = Metadata(reader)
    tensors = {
        name: torch.from_numpy(values).to(dtype).contiguous()
        for name, values in dequantize(reader).items()
    }
    config = make_config(metadata, tensors, dtype)
    text = json.dumps(config, indent=2) + "\n"
    (folder / "config.json").write_text(text)
    write_tokenizer(metadata, folder)
    safetensors.torch.save_file(
        tensors, folder / "model.safetensors", {"format": "pt"}
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a .gguf file")
    parser.add_argument("folder", type=pathlib.Path, help="written or replaced")
    parser.add_argument("--type", choices=STORED, default="f32")
    arguments = parser.parse_args()
    write_folder(
        gguf.GGUFReader(arguments.model),
        arguments.folder,
        STORED[arguments.type],
    )


if __name__ == "__main__":
    main()
