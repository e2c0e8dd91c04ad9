"""Hugging Face's `tokenizer.json`, where it describes a BPE of pieces with a ▁ for each space.

Three chains do that, and each is known by what puts the ▁ there: a normalizer that prepends it and
replaces spaces (Llama 2, Mistral), the pre_tokenizer Metaspace (later files of both), or a
normalizer that only replaces (Gemma). Whatever else a file asks for is refused by name. As in
`huggingface_json`, what a post_processor puts around every text is left aside.
"""

import json
import os
from pathlib import Path
from typing import Any

from lib.tokenization.atomic import write_atomically
from lib.tokenization.sentencepiece_bpe import SPACE, Prefix, SentencePieceBPE

Json = dict[str, Any]

REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
PREPEND = {"type": "Prepend", "prepend": SPACE}
SPLIT_AT_SPACES = {  # after REPLACE there are none, so it does nothing
    "type": "Split",
    "pattern": {"String": " "},
    "behavior": "MergedWithPrevious",
    "invert": False,
}
DECODERS = [
    {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
    {"type": "ByteFallback"},
    {"type": "Fuse"},
]
STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
SCHEMES: dict[str, Prefix | None] = {"always": "unless", "first": "first", "never": None}


def is_sentencepiece(content: Json) -> bool:
    """Whether a file is one for this module, and not a byte-level BPE."""
    return bool(content["model"].get("byte_fallback"))


def load_sentencepiece(path: str | os.PathLike) -> SentencePieceBPE:
    """Read a `tokenizer.json`. ValueError names the first part that we cannot reproduce."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    model, added = content["model"], content.get("added_tokens", [])
    _refuse_other_parts(content)
    prefix, cuts_words = _spaces(content)
    special = {token["content"]: token["id"] for token in added if token["special"]}
    return SentencePieceBPE(
        tokens={id: piece for piece, id in model["vocab"].items() if piece not in special},
        merges=[_merge(merge) for merge in model["merges"]],
        special=special,
        whole={token["content"]: token["id"] for token in added if not token["special"]},
        prefix=prefix,
        strips_space=_strips_space(content.get("decoder")),
        cuts_words=cuts_words,
    )


def save_sentencepiece(bpe: SentencePieceBPE, path: str | os.PathLike) -> None:
    """Write a file that `tokenizers.Tokenizer.from_file` loads."""
    added = {**dict.fromkeys(bpe.special, True), **dict.fromkeys(bpe.whole, False)}
    ids = bpe.special | bpe.whole
    every = bpe.prefix == "every"
    scheme = next(scheme for scheme, prefix in SCHEMES.items() if every or prefix == bpe.prefix)
    metaspace = {"replacement": SPACE, "prepend_scheme": scheme, "split": bpe.cuts_words}
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            _added_token(text, ids[text], special)
            for text, special in sorted(added.items(), key=lambda item: ids[item[0]])
        ],
        "normalizer": {"type": "Sequence", "normalizers": [PREPEND, REPLACE]} if every else None,
        "pre_tokenizer": None if every else {"type": "Metaspace", **metaspace},
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": DECODERS + [STRIP] * bpe.strips_space},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": dict(sorted((bpe.ids | ids).items(), key=lambda item: item[1])),
            "merges": [list(merge) for merge in bpe.merges],
        },
    }
    write_atomically(path, json.dumps(content, ensure_ascii=False, indent=2))


def _added_token(text: str, id: int, special: bool) -> Json:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id, "content": text, **flags, "special": special}


def _merge(merge: str | list[str]) -> tuple[str, str]:
    """Older files keep a merge as one string, newer ones as a pair."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _spaces(content: Json) -> tuple[Prefix | None, bool]:
    """Where a ▁ is put in front, and whether every ▁ begins a word."""
    normalizer, pre_tokenizer = content.get("normalizer"), content.get("pre_tokenizer")
    steps = (normalizer or {}).get("normalizers", [normalizer])
    if steps == [PREPEND, REPLACE] and pre_tokenizer is None:
        return "every", False
    if steps == [REPLACE] and pre_tokenizer in (None, SPLIT_AT_SPACES):
        return None, False
    if normalizer is not None:
        raise _unsupported("normalizer", normalizer)
    if (pre_tokenizer or {}).get("type") != "Metaspace" or pre_tokenizer["replacement"] != SPACE:
        raise _unsupported("pre_tokenizer", pre_tokenizer)
    always = "always" if pre_tokenizer.get("add_prefix_space", True) else "never"  # older files
    scheme = pre_tokenizer.get("prepend_scheme", always)
    return SCHEMES[scheme], pre_tokenizer.get("split", True)


def _strips_space(decoder: Json | None) -> bool:
    steps = (decoder or {}).get("decoders", [decoder])
    if steps not in (DECODERS, [*DECODERS, STRIP]):
        raise _unsupported("decoder", decoder)
    return steps[-1] == STRIP


def _refuse_other_parts(content: Json) -> None:
    model = content["model"]
    if model.get("type", "BPE") != "BPE":
        raise _unsupported("model.type", model["type"])
    if not model.get("byte_fallback"):
        raise _unsupported("model.byte_fallback", False)
    for part in ("truncation", "padding"):
        if content.get(part):
            raise _unsupported(part, content[part])
    prefixes = ("continuing_subword_prefix", "end_of_word_suffix")
    for option in ("dropout", "ignore_merges", *prefixes):
        if model.get(option):
            raise _unsupported(f"model.{option}", model[option])
    flags = ["single_word", "lstrip", "rstrip"]
    flags += (
        ["normalized"] if content.get("normalizer") else []
    )  # else there is nothing to wait for
    for token in content.get("added_tokens", []):
        for flag in flags:
            if token.get(flag):
                raise _unsupported(f"{flag} of the added token", token["content"])


def _unsupported(part: str, value: object) -> ValueError:
    return ValueError(
        f"This tokenizer.json has the {part} {json.dumps(value, ensure_ascii=False)[:200]}, which "
        "our SentencePieceBPE does not have: its ids would differ. Supported is a BPE with byte "
        "fallback whose ▁ come from Prepend and Replace, from Replace, or from Metaspace. Flags of "
        "added tokens can be set to false in the file, if no text depends on them."
    )
