"""GPT-2's two files: `vocab.json` (token to id) and `merges.txt` (one merge per line, in order)."""

import json
import os
from pathlib import Path

from lib.tokenization.atomic import write_atomically
from lib.tokenization.bpe import BPE
from lib.tokenization.byte_alphabet import CHARACTER_OF, spell, spell_vocabulary, unspell

_HEADER = "#version: 0.2"  # no comment sign: a line "# #" is a merge


def save_gpt2(bpe: BPE, vocab_path: str | os.PathLike, merges_path: str | os.PathLike) -> None:
    """Write both files. They hold neither the pattern nor which tokens are special."""
    vocabulary = spell_vocabulary(bpe.tokens, bpe.special)
    lines = [_HEADER, *(f"{spell(left)} {spell(right)}" for left, right in bpe.merges), ""]
    write_atomically(vocab_path, json.dumps(vocabulary, ensure_ascii=False))
    write_atomically(merges_path, "\n".join(lines))


def load_gpt2(
    vocab_path: str | os.PathLike,
    merges_path: str | os.PathLike,
    pattern: str | None = "gpt2",
) -> BPE:
    """Read both files. Special are the tokens that are neither a byte nor made by a merge."""
    vocabulary = json.loads(Path(vocab_path).read_text(encoding="utf-8"))
    lines = Path(merges_path).read_text(encoding="utf-8").split("\n")
    merges = [read_merge(line) for line in lines if line and not line.startswith("#version")]
    ordinary = set(CHARACTER_OF.values()) | {spell(left + right) for left, right in merges}
    tokens = {id: unspell(text) for text, id in vocabulary.items() if text in ordinary}
    special = {text: id for text, id in vocabulary.items() if text not in ordinary}
    return BPE(tokens, merges, special, pattern)


def read_merge(line: str) -> tuple[bytes, bytes]:
    """One line of `merges.txt`: "Ġt he" -> (b" t", b"he")."""
    left, space, right = line.partition(" ")
    if not (left and space and right) or " " in right:
        raise ValueError(f"A merge is two tokens with one space between them, and {line!r} is not.")
    return unspell(left), unspell(right)
