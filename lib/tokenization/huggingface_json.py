"""Hugging Face's `tokenizer.json`, as far as it describes a byte-level BPE like ours.

A tokenizer there is a chain: normalizer, pre_tokenizer, model, post_processor, decoder. What we
cannot reproduce id by id is refused by name. Left aside is only what a post_processor puts around
every text (theirs is `encode(text, add_special_tokens=False)`); and where their `encode` reads all
special tokens, ours is `encode(text, allowed_special="all")`.
"""

import json
import os
from pathlib import Path
from typing import Any

from lib.tokenization.atomic import write_atomically
from lib.tokenization.bpe import BPE
from lib.tokenization.byte_alphabet import spell, spell_vocabulary, unspell
from lib.tokenization.gpt2_files import read_merge
from lib.tokenization.pretokenize import PATTERNS

Json = dict[str, Any]


def save_huggingface(bpe: BPE, path: str | os.PathLike) -> None:
    """Write a file that `tokenizers.Tokenizer.from_file` loads."""
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(text, id) for text, id in bpe.special.items()],
        "normalizer": None,
        "pre_tokenizer": _pre_tokenizer(bpe.pattern),
        "post_processor": None,
        "decoder": _byte_level(use_regex=True),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": bpe.ignore_merges,
            "vocab": spell_vocabulary(bpe.tokens, bpe.special),
            "merges": [[spell(left), spell(right)] for left, right in bpe.merges],
        },
    }
    write_atomically(path, json.dumps(content, ensure_ascii=False, indent=2))


def _added_token(text: str, id: int) -> Json:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id, "content": text, **flags, "special": True}


def _pre_tokenizer(pattern: str | None) -> Json:
    if pattern in ("gpt2", None):  # ByteLevel knows GPT-2's pattern itself
        return _byte_level(use_regex=pattern == "gpt2")
    expression = {"Regex": PATTERNS.get(pattern, pattern)}
    split = {"type": "Split", "pattern": expression, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [split, _byte_level(use_regex=False)]}


def _byte_level(use_regex: bool) -> Json:
    flags = {"add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}
    return {"type": "ByteLevel", **flags}


def load_huggingface(path: str | os.PathLike) -> BPE:
    """Read a `tokenizer.json`. ValueError names the first part that we cannot reproduce."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    model = content["model"]
    _refuse_other_parts(content, model)
    special = {token["content"]: token["id"] for token in content.get("added_tokens", [])}
    ordinary = {text: id for text, id in model["vocab"].items() if text not in special}
    merges = [_merge(merge) for merge in model["merges"]]
    if forged := [text for left, right in merges if (text := spell(left + right)) in special]:
        raise _unsupported("special token that ordinary text can be merged to,", forged[0])
    return BPE(
        tokens={id: unspell(text) for text, id in ordinary.items()},
        merges=merges,
        special=special,
        pattern=_pattern(content.get("pre_tokenizer")),
        ignore_merges=model.get("ignore_merges", False),
    )


def _merge(merge: str | list[str]) -> tuple[bytes, bytes]:
    """Older files keep a merge as one string, newer ones as a pair."""
    if isinstance(merge, str):
        return read_merge(merge)
    left, right = merge
    return unspell(left), unspell(right)


def _pattern(part: Json | None) -> str | None:
    """The pattern of a ByteLevel, or of a Split before a ByteLevel; a name where we have one."""
    parts = part.get("pretokenizers", [part]) if part else []
    if not parts or not _is_plain(parts[-1], "ByteLevel", add_prefix_space=False):
        raise _unsupported("pre_tokenizer", part)
    splits, own_regex = parts[:-1], parts[-1].get("use_regex", True)
    if not splits:
        return "gpt2" if own_regex else None
    if (
        len(splits) > 1
        or own_regex
        or not _is_plain(splits[0], "Split", behavior="Isolated", invert=False)
    ):
        raise _unsupported("pre_tokenizer", part)
    expression = splits[0]["pattern"].get("Regex")
    if expression is None:
        raise _unsupported("pre_tokenizer", part)
    names = {expression: name for name, expression in PATTERNS.items()}
    return names.get(expression, expression)


def _is_plain(part: Json, type: str, **options: object) -> bool:
    return part["type"] == type and all(part.get(key) == value for key, value in options.items())


def _refuse_other_parts(content: Json, model: Json) -> None:
    if model.get("type", "BPE") != "BPE":
        raise _unsupported("model.type", model["type"])
    if (content.get("decoder") or {"type": "ByteLevel"})["type"] != "ByteLevel":
        raise _unsupported("decoder", content["decoder"])
    for part in ("normalizer", "truncation", "padding"):
        if content.get(part):
            raise _unsupported(part, content[part])
    prefixes = ("continuing_subword_prefix", "end_of_word_suffix")
    for option in ("dropout", "byte_fallback", *prefixes):
        if model.get(option):
            raise _unsupported(f"model.{option}", model[option])
    for token in content.get("added_tokens", []):
        for flag in ("single_word", "lstrip", "rstrip"):
            if token.get(flag):
                raise _unsupported(f"{flag} of the added token", token["content"])


def _unsupported(part: str, value: object) -> ValueError:
    return ValueError(
        f"This tokenizer.json has the {part} {json.dumps(value, ensure_ascii=False)[:200]}, which "
        "our BPE does not have: its ids would differ. Supported is a byte-level BPE, after GPT-2's "
        "pattern or one isolated Split by a regular expression."
    )
