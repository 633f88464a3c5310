"""A GGUF vocabulary as the `tokenizers` files that transformers and the engines read.

Only byte-level BPE, and only splitting rules that are known: a guessed rule gives other token ids, silently.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

from afina.errors import BadRequest, nearest

Metadata = Mapping[str, Any]
CONTROL, USER_DEFINED = 3, 4

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def _split_by(pattern: str) -> list[Any]:
    return [
        pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]


def _digits_apart() -> list[Any]:
    """Digits stand alone *before* the GPT-2 rule looks at the spaces in front of them: "a  1" has one token of two
    spaces, not two of one."""
    return [
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
    ]


SPLITTING: dict[str, Callable[[], list[Any]]] = {
    "gpt-2": lambda: [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)],
    "smollm": _digits_apart,
    "llama-bpe": lambda: _split_by(LLAMA3),
    "qwen2": lambda: _split_by(QWEN2),
}
"""llama.cpp's name of a splitting rule -> the rule."""


def tokenizer_of(metadata: Metadata) -> Tokenizer:
    """The tokenizer that a GGUF file describes.

    Raises:
        BadRequest: another kind than byte-level BPE, or a splitting rule that is not known here.
    """
    model, rule = metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre", "gpt-2")
    if model != "gpt2":
        raise BadRequest(f'the vocabulary is of the kind "{model}"; only byte-level BPE ("gpt2") is read')
    if rule not in SPLITTING:
        raise BadRequest(f'the splitting rule "{rule}" of this vocabulary is not known{nearest(rule, list(SPLITTING))}')
    tokens, kinds = metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ", 1)) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(BPE(vocab={token: at for at, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(SPLITTING[rule]())
    tokenizer.decoder = decoders.ByteLevel()
    for kind, special in ((CONTROL, True), (USER_DEFINED, False)):
        added = [t for t, k in zip(tokens, kinds, strict=True) if k == kind]
        put = tokenizer.add_special_tokens if special else tokenizer.add_tokens
        put([AddedToken(t, normalized=False, special=special) for t in added])
    return tokenizer


def write_tokenizer(folder: Path, metadata: Metadata) -> None:
    """tokenizer.json, tokenizer_config.json (with the chat template) and generation_config.json."""
    # A post-processor would be needed for these; the byte-level families that we read do not set them.
    for flag in ("add_bos_token", "add_eos_token"):
        if metadata.get(f"tokenizer.ggml.{flag}"):
            raise BadRequest(f"this vocabulary asks for {flag}, which is not supported yet")
    tokenizer_of(metadata).save(str(folder / "tokenizer.json"), pretty=False)
    tokens = metadata["tokenizer.ggml.tokens"]
    ids = {
        "bos_token": metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token": metadata.get("tokenizer.ggml.eos_token_id"),
        "pad_token": metadata.get("tokenizer.ggml.padding_token_id"),
        "unk_token": metadata.get("tokenizer.ggml.unknown_token_id"),
    }
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": int(metadata[f"{metadata['general.architecture']}.context_length"]),
        "chat_template": metadata.get("tokenizer.chat_template"),
        **{name: None if at is None else tokens[at] for name, at in ids.items()},
    }
    write_json(folder / "tokenizer_config.json", {k: v for k, v in config.items() if v is not None})
    generation = {f"{name}_id": at for name, at in ids.items() if at is not None and name != "unk_token"}
    write_json(folder / "generation_config.json", generation)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
