#!/usr/bin/env python3
"""Makes the random GGUF files of test/e2e/quantized and their golden logits.

One file for each stored type, plus mixes. The reference runs in float32 on the
weights as the gguf package dequantizes them.
"""

import pathlib
import tempfile

import gguf
import numpy
import torch

import dequantize_gguf
import reference

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "quantized"
TYPES = gguf.GGMLQuantizationType

# Rows of the K types are whole blocks of 256; the others need 32.
SMALL = {"hidden": 64, "heads": 4, "kv_heads": 2, "inner": 96, "layers": 2}
WIDE = {"hidden": 256, "heads": 4, "kv_heads": 1, "inner": 256, "layers": 1}

# Types by role; `other` is for what is not named. Norms are F32.
MODELS = {
    "f32": (SMALL, {"other": TYPES.F32}),
    "f16": (SMALL, {"other": TYPES.F16}),
    "bf16": (SMALL, {"other": TYPES.BF16}),
    "q8_0": (SMALL, {"other": TYPES.Q8_0}),
    "q4_0": (SMALL, {"other": TYPES.Q4_0}),
    "q4_1": (SMALL, {"other": TYPES.Q4_1}),
    "q5_0": (SMALL, {"other": TYPES.Q5_0}),
    "q5_1": (SMALL, {"other": TYPES.Q5_1}),
    "q2_k": (WIDE, {"other": TYPES.Q2_K}),
    "q3_k": (WIDE, {"other": TYPES.Q3_K}),
    "q4_k": (WIDE, {"other": TYPES.Q4_K}),
    "q5_k": (WIDE, {"other": TYPES.Q5_K}),
    "q6_k": (WIDE, {"other": TYPES.Q6_K}),
    # Rows that one kernel reads, in blocks of three sizes.
    "mixed": (
        WIDE,
        {
            "token_embd": TYPES.Q8_0,
            "output": TYPES.Q6_K,
            "attn_q": TYPES.Q4_K,
            "attn_k": TYPES.Q5_0,
            "attn_v": TYPES.F16,
            "attn_output": TYPES.Q3_K,
            "ffn_gate": TYPES.Q4_K,
            "ffn_up": TYPES.Q5_K,
            "ffn_down": TYPES.Q6_K,
        },
    ),
}

SPECIAL_TOKENS = [
    ("<unk>", gguf.TokenType.UNKNOWN),
    ("<s>", gguf.TokenType.CONTROL),
    ("</s>", gguf.TokenType.CONTROL),
]
VOCABULARY = len(SPECIAL_TOKENS) + 256 + 29


def float_blocks(generator, shape, scale, quantized):
    """Normal values, quantized as the gguf package does it."""
    values = generator.standard_normal(shape) * scale
    return gguf.quantize(values.astype(numpy.float32), quantized)


# Where the f16 scales of a block lie: (offset of d, offset of dmin or None),
# and dmin / d for a mean of zero. The rest may be any bytes.
K_BLOCKS = {
    TYPES.Q2_K: (80, 82, 1.5),
    TYPES.Q3_K: (108, None, 0),
    TYPES.Q4_K: (0, 2, 7.5),
    TYPES.Q5_K: (0, 2, 15.5),
    TYPES.Q6_K: (208, None, 0),
}


def random_k_blocks(generator, shape, scale, quantized):
    """Any bytes are valid blocks but for the scales, which are set so that the
    values have about `scale` as their deviation."""
    d_at, dmin_at, ratio = K_BLOCKS[quantized]
    elements, size = gguf.GGML_QUANT_SIZES[quantized]
    rows, columns = shape
    count = rows * columns // elements
    blocks = generator.integers(0, 256, (count, size), dtype=numpy.uint8)

    def set_scales(d):
        blocks[:, d_at : d_at + 2] = d.astype("<f2").view(numpy.uint8)
        if dmin_at is not None:
            dmin = (d * ratio).astype("<f2")
            blocks[:, dmin_at : dmin_at + 2] = dmin.view(numpy.uint8)

    # Blocks of different size, some of them negative.
    d = generator.uniform(0.5, 1.5, (count, 1))
    d *= numpy.where(generator.random((count, 1)) < 0.1, -1, 1)
    unit = 2.0**-8
    set_scales(d * unit)
    deviation = gguf.dequantize(blocks, quantized).std()
    set_scales(d * unit * scale / deviation)
    return blocks.reshape(rows, -1)


def random_tensor(generator, shape, scale, stored):
    make = random_k_blocks if stored in K_BLOCKS else float_blocks
    return make(generator, shape, scale, stored)


def add_metadata(writer, sizes):
    writer.add_context_length(256)
    writer.add_embedding_length(sizes["hidden"])
    writer.add_block_count(sizes["layers"])
    writer.add_feed_forward_length(sizes["inner"])
    writer.add_head_count(sizes["heads"])
    writer.add_head_count_kv(sizes["kv_heads"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(sizes["hidden"] // sizes["heads"])
    writer.add_vocab_size(VOCABULARY)


def add_tokenizer(writer):
    """A SentencePiece vocabulary of bytes and a few words: any text encodes."""
    words = ["\u2581", *"etaoinshrdlu", "\u2581t", "th", "he", "\u2581the", "in",
             "er", "an", "\u2581a", "re", "on", "at", "en", "nd", "ti", "es",
             "or"]
    tokens = [token for token, _ in SPECIAL_TOKENS]
    tokens += [f"<0x{byte:02X}>" for byte in range(256)] + words
    kinds = [kind for _, kind in SPECIAL_TOKENS]
    kinds += [gguf.TokenType.BYTE] * 256
    kinds += [gguf.TokenType.NORMAL] * len(words)
    assert len(tokens) == VOCABULARY
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(
        [0.0] * 259 + [-float(rank) for rank in range(len(words))]
    )
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)


def add_tensors(writer, generator, sizes, types):
    hidden, inner = sizes["hidden"], sizes["inner"]
    keys = hidden // sizes["heads"] * sizes["kv_heads"]
    shapes = {
        "attn_q": (hidden, hidden),
        "attn_k": (keys, hidden),
        "attn_v": (keys, hidden),
        "attn_output": (hidden, hidden),
        "ffn_gate": (inner, hidden),
        "ffn_up": (inner, hidden),
        "ffn_down": (hidden, inner),
    }

    def add(name, role, shape, gain):
        stored = types.get(role) or types["other"]
        data = random_tensor(
            generator, shape, gain * shape[1] ** -0.5, stored
        )
        writer.add_tensor(name, data, raw_dtype=stored)

    def add_norm(name):
        values = 1.0 + 0.2 * generator.standard_normal(hidden)
        writer.add_tensor(name, values.astype(numpy.float32))

    add("token_embd.weight", "token_embd", (VOCABULARY, hidden), 2.0)
    for layer in range(sizes["layers"]):
        add_norm(f"blk.{layer}.attn_norm.weight")
        add_norm(f"blk.{layer}.ffn_norm.weight")
        for role, shape in shapes.items():
            gain = 2.0 if role in ("attn_q", "attn_k") else 1.0
            add(f"blk.{layer}.{role}.weight", role, shape, gain)
    add_norm("output_norm.weight")
    # Only the mix has an output matrix; the others are tied, to stay small.
    if "output" in types:
        add("output.weight", "output", (VOCABULARY, hidden), 3.0)


def make_model(path, sizes, types, seed):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(path.stem)
    add_metadata(writer, sizes)
    add_tokenizer(writer)
    add_tensors(writer, numpy.random.default_rng(seed), sizes, types)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    FOLDER.mkdir(exist_ok=True)
    for seed, (name, (sizes, types)) in enumerate(MODELS.items(), start=200):
        path = FOLDER / f"{name}.gguf"
        make_model(path, sizes, types, seed)
        with tempfile.TemporaryDirectory() as folder:
            dequantize_gguf.write_folder(
                gguf.GGUFReader(path), pathlib.Path(folder), torch.float32
            )
            model = reference.load(folder)
        answer = reference.choose_prompt(model, VOCABULARY, seed)
        reference.write(
            f"gguf_{name}", f"test/e2e/quantized/{name}.gguf", *answer
        )
        print(f"{name:6} {path.stat().st_size:7} bytes, logits std "
              f"{answer[1].std():.2f}, least margin {min(answer[2]):.3f}")


if __name__ == "__main__":
    main()
