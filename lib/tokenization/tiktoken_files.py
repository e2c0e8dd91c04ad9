"""tiktoken's rank files: one token per line, its bytes in base64 and its rank.

The rank is both the token's id and its turn: of all neighbours whose joined bytes are a token,
tiktoken joins those of the lowest rank. The file holds no merges, but they can be recovered.
"""

import base64
import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from lib.tokenization.atomic import write_atomically
from lib.tokenization.bpe import BPE


def save_tiktoken(bpe: BPE, path: str | os.PathLike) -> None:
    """Write the ranks. The file holds neither the pattern nor the special tokens."""
    ranks = {token: id for id, token in bpe.tokens.items()}
    if merges_from_ranks(ranks) != bpe.merges:
        raise ValueError(
            "A rank file says the order of merges by the order of ids, and from these ids other "
            "merges would be read than this vocabulary has. Save it with own_json.save or "
            "huggingface_json.save_huggingface, which store the merges themselves."
        )
    lines = [f"{base64.b64encode(token).decode()} {id}" for id, token in sorted(bpe.tokens.items())]
    write_atomically(path, "\n".join([*lines, ""]))


def load_tiktoken(
    path: str | os.PathLike, pattern: str | None, special: Mapping[str, int] | None = None
) -> BPE:
    """Read the ranks. Pattern and special tokens must be known from elsewhere."""
    ranks = {}
    for line in Path(path).read_bytes().splitlines():
        if line:
            token, rank = line.split()
            ranks[base64.b64decode(token)] = int(rank)
    tokens = {rank: token for token, rank in ranks.items()}
    return BPE(tokens, merges_from_ranks(ranks), dict(special or {}), pattern, ignore_merges=True)


def merges_from_ranks(ranks: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    """The merges that act as the ranks do.

    In a vocabulary that comes from training, the tokens before a token join its bytes to two parts:
    the pair it was made of. If that fails for some token, the vocabulary was composed in
    another way, and every way to cut a token in two tokens is a merge.
    """
    tokens = sorted((token for token in ranks if len(token) > 1), key=ranks.__getitem__)
    pairs = [_join(token, ranks) for token in tokens]
    if all(len(parts) == 2 for parts in pairs):
        return [(left, right) for left, right in pairs]
    cuts = ((token[:i], token[i:]) for token in tokens for i in range(1, len(token)))
    return [(left, right) for left, right in cuts if left in ranks and right in ranks]


def _join(token: bytes, ranks: Mapping[bytes, int]) -> list[bytes]:
    """The parts of a token, after all the joins that come before its own."""
    parts = [bytes([byte]) for byte in token]
    while True:
        known = [left + right for left, right in pairwise(parts) if left + right in ranks]
        first = min(known, key=ranks.__getitem__, default=token)
        if ranks[first] >= ranks[token]:
            return parts
        i = next(i for i, pair in enumerate(pairwise(parts)) if pair[0] + pair[1] == first)
        parts[i : i + 2] = [first]
