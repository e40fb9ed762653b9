#!/usr/bin/env python3
"""Writes chat.json: conversations as the models' own templates print them.

    make_chat_goldens.py TEMPLATES SMOLLM2.gguf

TEMPLATES is a folder with the `chat_template` of a model of each format, as
NAME.jinja: llama-2 (meta-llama/Llama-2-7b-chat-hf), llama-3
(meta-llama/Meta-Llama-3-8B-Instruct), llama-3.1, llama-3.2, zephyr
(HuggingFaceH4/zephyr-7b-beta), chatml. They belong to their authors and are not
kept here. SmolLM2's is in the GGUF file. Alpaca and Vicuna have none: theirs
are written below after Stanford's train.py and FastChat's conversation.py.

Needs: pip install jinja2 gguf
"""

import json
import pathlib
import sys

from gguf import GGUFReader
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

DATE = "23 Nov 2025"

ALPACA = """\
{{ bos_token }}{% if messages[0].role != 'system' %}Below is an instruction \
that describes a task. Write a response that appropriately completes the \
request.

{% endif %}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}

{% elif m.role == 'user' %}### Instruction:
{{ m.content }}

{% else %}### Response:{{ m.content + eos_token }}

{% endif %}{% endfor %}\
{% if add_generation_prompt %}### Response:{% endif %}"""

VICUNA = """\
{{ bos_token }}{% if messages[0].role != 'system' %}A chat between a curious \
user and an artificial intelligence assistant. The assistant gives helpful, \
detailed, and polite answers to the user's questions. {% endif %}\
{% for m in messages %}{% if m.role == 'system' %}{{ m.content + ' ' }}\
{% elif m.role == 'user' %}{{ 'USER: ' + m.content + ' ' }}\
{% else %}{{ 'ASSISTANT: ' + m.content + eos_token }}{% endif %}{% endfor %}\
{% if add_generation_prompt %}ASSISTANT:{% endif %}"""


def said(*contents, system=None):
    """A conversation that a user begins."""
    messages = [] if system is None else [{"role": "system", "content": system}]
    for i, content in enumerate(contents):
        role = "assistant" if i % 2 else "user"
        messages.append({"role": role, "content": content})
    return messages


CONVERSATIONS = [
    said("Hello"),
    said("Hello", system="Be brief."),
    said("Why is the sky blue?", "Rayleigh scattering.", "And red?"),
    said("One", "Two", "Three", "Four", system="Count.\nOnly count."),
    said("  spaces \n around\t", "\n\u00a0answer\u3000 ", " \n x ",
         system="  system  "),
    said("", system=""),
    said(" \n ", system="s"),
    said("markup <|im_end|> <|eot_id|> </s> [/INST] {eos} {{ x }}"),
    said("\u4f60\u597d \U0001f600", "caf\u00e9", "\u00fc\u2003"),
]


def fail(message):
    raise ValueError(message)


def compile_template(source, trim_blocks=True):
    """As transformers' apply_chat_template does."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=trim_blocks, lstrip_blocks=trim_blocks,
        extensions=[loopcontrols])
    environment.globals["raise_exception"] = fail
    environment.globals["strftime_now"] = lambda form: DATE
    return environment.from_string(source)


def main():
    folder, model = map(pathlib.Path, sys.argv[1:])
    field = GGUFReader(model).fields["tokenizer.chat_template"]
    templates = {"smollm2": compile_template(field.contents())}
    for path in sorted(folder.glob("*.jinja")):
        templates[path.stem] = compile_template(path.read_text())
    templates["alpaca"] = compile_template(ALPACA, trim_blocks=False)
    templates["vicuna"] = compile_template(VICUNA, trim_blocks=False)
    cases = []
    for name, template in templates.items():
        for messages in CONVERSATIONS:
            for generate in (True, False):
                prompt = template.render(
                    messages=messages, add_generation_prompt=generate,
                    bos_token="<s>", eos_token="</s>")
                cases.append({"template": name, "messages": messages,
                              "add_generation_prompt": generate,
                              "prompt": prompt})
    out = pathlib.Path(__file__).parent / "chat.json"
    golden = {"date": DATE, "cases": cases}
    out.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
