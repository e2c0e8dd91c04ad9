"""Hugging Face's `tokenizer.json`, as far as it describes a byte-level BPE like ours.

A tokenizer there is a chain: normalizer, pre_tokenizer, model, post_processor, decoder. What we
cannot reproduce id by id is refused by name. Left aside is only what a post_processor puts around
every text (theirs is `encode(text, add_special_tokens=False)`); and where their `encode` reads all
special tokens, ours is `encode(text, allowed_special="all")`.

Seen so far: GPT-2 (ByteLevel alone), Llama 3 and OLMo 2 (Split, ByteLevel), Qwen (the same after
NFC), SmolLM2 (Digits, ByteLevel). What puts a ▁ for each space is in `sentencepiece_json`.
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

# The expression of Llama 3 and OLMo 2, and that of Qwen: cl100k's with another rule for the white
# space at the end, and in Qwen for digits. GPT-2's, if every digit has been cut out before.
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = LLAMA3.replace("{1,3}", "")
SINGLE_DIGITS = r"'(?:[sdmt]|ll|ve|re)|\p{N}| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"
WHOLE = {*PATTERNS.values(), LLAMA3, QWEN, SINGLE_DIGITS}  # these leave no part of a text out


def save_huggingface(bpe: BPE, path: str | os.PathLike) -> None:
    """Write a file that `tokenizers.Tokenizer.from_file` loads."""
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(text, id) for text, id in bpe.special.items()],
        "normalizer": {"type": bpe.normal_form} if bpe.normal_form else None,
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
        normal_form=_normal_form(content),
    )


def _normal_form(content: Json) -> str | None:
    """NFC, or none. Tokens that are looked for in the normalised text we do not have."""
    part = content.get("normalizer")
    if part is None:
        return None
    if part != {"type": "NFC"}:
        raise _unsupported("normalizer", part)
    if late := [token for token in content.get("added_tokens", []) if token.get("normalized")]:
        raise _unsupported("NFC before the added token", late[0]["content"])
    return "NFC"


def _merge(merge: str | list[str]) -> tuple[bytes, bytes]:
    """Older files keep a merge as one string, newer ones as a pair."""
    if isinstance(merge, str):
        return read_merge(merge)
    left, right = merge
    return unspell(left), unspell(right)


def _pattern(part: Json | None) -> str | None:
    """The expression that cuts as a ByteLevel does, with one part before it; or its name."""
    parts = part.get("pretokenizers", [part]) if part else []
    if not parts or len(parts) > 2 or not _is_plain(parts[-1], "ByteLevel", add_prefix_space=False):
        raise _unsupported("pre_tokenizer", part)
    own_regex = parts[-1].get("use_regex", True)
    if len(parts) == 1:
        return "gpt2" if own_regex else None
    if own_regex and _is_plain(parts[0], "Digits", individual_digits=True):
        return SINGLE_DIGITS
    expression = _split_expression(parts[0])
    if own_regex or expression is None:
        raise _unsupported("pre_tokenizer", part)
    names = {expression: name for name, expression in PATTERNS.items()}
    return names.get(expression, expression)


def _split_expression(part: Json) -> str | None:
    """The expression of a Split that drops nothing: what it matches is a word, the rest another."""
    expression = part.get("pattern", {}).get("Regex")
    if _is_plain(part, "Split", behavior="Isolated", invert=False):
        return expression
    if _is_plain(part, "Split", behavior="Removed", invert=True) and expression in WHOLE:
        return expression  # what no word matches is dropped, and there is no such thing
    return None


def _is_plain(part: Json, type: str, **options: object) -> bool:
    return part["type"] == type and all(part.get(key) == value for key, value in options.items())


def _refuse_other_parts(content: Json, model: Json) -> None:
    if model.get("type", "BPE") != "BPE":
        raise _unsupported("model.type", model["type"])
    if (content.get("decoder") or {"type": "ByteLevel"})["type"] != "ByteLevel":
        raise _unsupported("decoder", content["decoder"])
    for part in ("truncation", "padding"):
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
        "pattern or one isolated Split by a regular expression. If it has a ▁ for each space, load "
        "it with sentencepiece_json.load_sentencepiece."
    )
