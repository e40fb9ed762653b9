#!/usr/bin/env python3
"""Writes the tokenizer goldens: texts and the ids Hugging Face gives them.

    make_tokenizer_goldens.py SMOLLM2.gguf

smollm2.json is for the tokenizer in the GGUF file. The others are trained
here on the texts of this folder, so small that their files are kept as well,
each in a folder as a model's would be:
    llama3/  byte-level BPE with LLaMA-3's pattern, ignore_merges, a bos token
    gpt2/    byte-level BPE with GPT-2's, add_prefix_space, added tokens
    bpe/     SentencePiece BPE (tokenizer.model) with byte fallback
    unigram/ SentencePiece unigram with byte fallback
    llama2/  tokenizer.json alone, in the form of LLaMA-2's: that BPE model
    metaspace/ the same with Metaspace in place of a normalizer

Needs: pip install tokenizers sentencepiece==0.2.1 gguf
(the version that scripts/install-sentencepiece builds: ties differ in others)
"""

import json
import pathlib
import shutil
import sys
import tempfile

import sentencepiece
from gguf import GGUFReader
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models,
                        normalizers, pre_tokenizers, processors, trainers)

from texts import TEXTS

HERE = pathlib.Path(__file__).parent

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def corpus():
    """Text to train on: the texts and the scripts of this folder."""
    scripts = [p.read_text() for p in sorted(HERE.glob("*.py"))]
    return [text for text in TEXTS if text] + scripts


def write(name, cases):
    (HERE / f"{name}.json").write_text(json.dumps(cases, indent=0) + "\n")


def huggingface_cases(tokenizer):
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        cases.append({
            "text": text, "ids": ids,
            "decoded": tokenizer.decode(ids, skip_special_tokens=False),
            "plain": tokenizer.decode(ids, skip_special_tokens=True)})
    return cases


def smollm2(path):
    fields = GGUFReader(path).fields
    get = lambda key: fields["tokenizer.ggml." + key].contents()
    tokens, kinds = get("tokens"), get("token_type")
    tokenizer = Tokenizer(models.BPE(
        vocab={token: i for i, token in enumerate(tokens)},
        merges=[tuple(merge.split(" ")) for merge in get("merges")]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([
        token for token, kind in zip(tokens, kinds) if kind == 3])
    write("smollm2", huggingface_cases(tokenizer))


def save(name, tokenizer, config):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    text = json.dumps(config, indent=1)
    (folder / "tokenizer_config.json").write_text(text + "\n")
    write(name, huggingface_cases(tokenizer))


def byte_level(name, pre_tokenizer, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=800, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(corpus(), trainer)
    return tokenizer


def llama3():
    tokenizer = byte_level("llama3", pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3_PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
        ignore_merges=True)
    tokenizer.add_special_tokens([
        "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"])
    bos = ("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(
            single=f"{bos[0]} $A", pair=f"{bos[0]} $A {bos[0]}:1 $B:1",
            special_tokens=[bos])])
    save("llama3", tokenizer, {
        "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>",
        "chat_template": "{{ bos_token }}<|start_header_id|>"})


def gpt2():
    tokenizer = byte_level("gpt2", pre_tokenizers.ByteLevel(
        add_prefix_space=True, use_regex=True))
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>")])
    tokenizer.add_tokens([AddedToken("<repo_name>", normalized=False)])
    save("gpt2", tokenizer, {
        "bos_token": {"content": "<|endoftext|>"},
        "eos_token": {"content": "<|endoftext|>"},
        "chat_template": [{"name": "tool_use", "template": "no"},
                          {"name": "default", "template": "<|im_start|>"}]})


def sentence_piece(name, model_type, vocab_size):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        text = pathlib.Path(scratch) / "text"
        text.write_text("\n".join(corpus()).replace("\0", ""))
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=f"{scratch}/m",
            model_type=model_type, vocab_size=vocab_size, byte_fallback=True,
            normalization_rule_name="identity", character_coverage=0.98,
            remove_extra_whitespaces=False, split_digits=True,
            allow_whitespace_only_pieces=True, minloglevel=2,
            max_sentence_length=20000, num_threads=1)
        shutil.copy(f"{scratch}/m.model", folder / "tokenizer.model")
    processor = sentencepiece.SentencePieceProcessor(
        model_file=str(folder / "tokenizer.model"))
    cases = []
    for text in TEXTS:
        ids = processor.encode(text)
        cases.append({"text": text, "ids": ids,
                      "decoded": processor.decode(ids),
                      "plain": processor.decode(ids)})
    write(name, cases)
    return processor


def llama2_form(name, processor, metaspace):
    """The BPE model as convert_slow_tokenizer writes it to tokenizer.json."""
    size = processor.get_piece_size()
    vocab = {processor.id_to_piece(i): i for i in range(size)}
    merges = []
    for left in vocab:
        for right in vocab:
            if left + right in vocab:
                merges.append((left, right))
    merges.sort(key=lambda merge: (vocab[merge[0] + merge[1]],
                                   len(merge[0]), len(merge[1])))
    tokenizer = Tokenizer(models.BPE(
        vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True,
        byte_fallback=True))
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
            replacement="\u2581", prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence([
            normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("\u2581", " "), decoders.ByteFallback(),
        decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([
        AddedToken(token, normalized=False) for token in
        ("<unk>", "<s>", "</s>", "<|im_end|>")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    save(name, tokenizer, {"bos_token": "<s>", "eos_token": "</s>",
                           "unk_token": "<unk>"})


def main():
    smollm2(sys.argv[1])
    llama3()
    gpt2()
    bpe = sentence_piece("bpe", "bpe", 700)
    sentence_piece("unigram", "unigram", 700)
    llama2_form("llama2", bpe, metaspace=False)
    llama2_form("metaspace", bpe, metaspace=True)


if __name__ == "__main__":
    main()
