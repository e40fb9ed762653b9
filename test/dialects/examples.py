"""Prints the examples in a dialect's op descriptions as one module.

Examples share the names and types below, so that a description need not declare
what it uses. One that declares symbols stands in a module of its own; others
become the body of a function named after the op.
"""

import pathlib
import re
import sys

SYMBOLS = """\
llama.param @tok_embed : tensor<49152x576xf16>
llama.param @layers.0.attn_norm : tensor<576xf32>
llama.param @wq : tensor<576x576xf16>
llama.param @wk : tensor<192x576xf16>
llama.param @wo : tensor<576x576xf16>
llama.rope_table @rope [%s] scale 1.0
""" % ", ".join(["0.5"] * 32)

KV = "!llama.kv<3, 64, page 64, f16>"
VALUES = {
    "tokens": "tensor<?xi32>",
    "positions": "tensor<?xi32>",
    "slots": "tensor<?xi32>",
    "sequences": "tensor<?xi32>",
    "rows": "tensor<?xi32>",
    "pages": "tensor<?x?xi32>",
    "x": "tensor<?x576xf32>",
    "n": "tensor<?x576xf32>",
    "q": "tensor<?x576xf32>",
    "o": "tensor<?x576xf32>",
    "a": "tensor<?x576xf32>",
    "k": "tensor<?x192xf32>",
    "v": "tensor<?x192xf32>",
    "gate": "tensor<?x1536xf32>",
    "up": "tensor<?x1536xf32>",
    "s": "tensor<?x1536xf32>",
    "logits": "tensor<?x49152xf32>",
    "kv0": KV,
    "kv1": KV,
}

# Inside another op, an example of it alone is not legal.
WRAPPED = {
    "yield": (
        '%f = llama.fusion "f" -> tensor<?x576xf32> {\n',
        "\n}",
    )
}


def examples(text):
    """Pairs of an op's mnemonic and one of its examples."""
    for op in re.split(r"\ndef ", text)[1:]:
        mnemonic = re.search(r'Op<"(\w+)"', op)
        if not mnemonic:  # a constraint, not an op
            continue
        blocks = re.findall(r"```mlir\n(.*?)```", op, re.DOTALL)
        if not blocks:
            sys.exit(f"{mnemonic.group(1)} has no example")
        for block in blocks:
            yield mnemonic.group(1), block


def wrap(dialect, mnemonic, block):
    if re.match(rf"\s*{dialect}\.\w+ @", block):  # declares a symbol
        return f"module {{\n{block}}}\n"
    before, after = WRAPPED.get(mnemonic, ("", ""))
    defined = set()
    for names in re.findall(r"^\s*((?:%\w+,? ?)+)=", block, re.MULTILINE):
        defined.update(re.findall(r"%(\w+)", names))
    used = set(re.findall(r"%(\w+)", block)) - defined
    arguments = ", ".join(f"%{name}: {VALUES[name]}" for name in sorted(used))
    return (
        f"func.func @{mnemonic}_example({arguments}) {{\n"
        f"{before}{block}{after}\nreturn\n}}\n"
    )


def main():
    dialect = sys.argv[1]
    root = pathlib.Path(__file__).resolve().parents[2]
    text = (root / "dialects" / dialect / "Ops.td").read_text()
    print(SYMBOLS)
    for mnemonic, block in examples(text):
        print(wrap(dialect, mnemonic, block))


if __name__ == "__main__":
    main()
