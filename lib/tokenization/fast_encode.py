"""BPE encoding that is fast: the same ids as `BPE.encode`, ten times sooner and more.

Most words of a text have come before, so each is merged once and then remembered, as the very bytes
that go to a file of tokens: no Python object for each id. A word not seen before is merged in the
obvious way if it is short. In a long one (a line of dashes, a base64 image, an attack) looking
through all pairs again for each merge would take time with the square of its length, so there the
places of each pair are remembered and a heap knows the next merge.

As in `pair_index`, tokens are written as characters, the token with id 300 as chr(300).
"""

import heapq
import operator
import sys
from collections import defaultdict
from collections.abc import Callable, Collection
from itertools import repeat
from typing import NamedTuple

import numpy as np

from lib.tokenization.bpe import BPE
from lib.tokenization.fast_split import fast_split_words
from lib.tokenization.special import allowed, split_on_special
from lib.tokenization.utf8 import to_utf8

LONG = 64  # bytes; from here on `merge_long` is faster
NEVER = sys.maxsize  # the rank of a pair that does not merge


class Rules(NamedTuple):
    """The merges: of each pair the rank (0 was made first), of each rank the pair and its token."""

    ranks: dict[str, int]
    merges: dict[int, tuple[str, str]]


class FastEncoder:
    """Encodes with a vocabulary, remembering up to `cache_size` words (some 50 MB by default)."""

    def __init__(self, bpe: BPE, cache_size: int = 1 << 18):
        self.bpe = bpe
        self.cache_size = cache_size
        self.dtype = self.dtype_of(bpe)
        self._codec = "utf-16-le" if self.dtype.itemsize == 2 else "utf-32-le"
        merges = {
            rank: (chr(left) + chr(right), chr(new))
            for (left, right), (rank, new) in bpe.rules.items()
        }
        self.rules = Rules({pair: rank for rank, (pair, _) in merges.items()}, merges)
        self._bytes = "".join(chr(bpe.ids[bytes([byte])]) for byte in range(256))
        self._cache = _Cache(self._encode_word, cache_size)

    def encode(self, text: str, allowed_special: str | Collection[str] = ()) -> list[int]:
        """The ids. Special tokens are ordinary text, unless named here or allowed by "all"."""
        return np.frombuffer(self.encode_packed(text, allowed_special), self.dtype).tolist()

    def encode_packed(self, text: str, allowed_special: str | Collection[str] = ()) -> bytes:
        """The ids as the bytes of an array of `self.dtype`."""
        special = allowed(self.bpe.special, allowed_special)
        packed: list[bytes] = []
        for piece in split_on_special(text, special):
            if piece in special:
                packed.append(self._pack(chr(self.bpe.special[piece])))
            else:
                for words in fast_split_words(self.bpe.normalized(piece), self.bpe.pattern):
                    packed.append(b"".join(map(self._cache.__getitem__, words)))
        return b"".join(packed)

    @staticmethod
    def dtype_of(bpe: BPE) -> np.dtype:
        """The smallest unsigned integer (two or four bytes, little-endian) that holds every id."""
        return np.dtype("<u2" if bpe.vocab_size <= 1 << 16 else "<u4")

    def _encode_word(self, text: str) -> bytes:
        """The packed ids of one word."""
        word = to_utf8(text)
        if self.bpe.ignore_merges and word in self.bpe.ids:
            return self._pack(chr(self.bpe.ids[word]))
        tokens = word.decode("latin-1").translate(self._bytes)
        return self._pack((merge_short if len(tokens) < LONG else merge_long)(tokens, self.rules))

    def _pack(self, tokens: str) -> bytes:
        """The ids of tokens written as characters: what the codecs for 2 and 4 bytes do anyway."""
        return tokens.encode(self._codec, "surrogatepass")

    def __reduce__(self) -> tuple[type["FastEncoder"], tuple[BPE, int]]:
        """Another process gets the vocabulary and fills a cache of its own."""
        return FastEncoder, (self.bpe, self.cache_size)


class _Cache(dict[str, bytes]):
    """A dict that knows every word. Looking up a known one runs no Python code."""

    def __init__(self, encode: Callable[[str], bytes], size: int):
        self.encode, self.size = encode, size

    def __missing__(self, word: str) -> bytes:
        packed = self.encode(word)
        if len(word) < LONG:  # long ones rarely come again
            if len(self) >= self.size:
                self.clear()  # the frequent words are soon back
            self[word] = packed
        return packed


def merge_short(tokens: str, rules: Rules) -> str:
    """Of the merges that apply, always the one made first, in all its places from the left."""
    while len(tokens) > 1:
        rank = min(map(rules.ranks.get, map(operator.add, tokens, tokens[1:]), repeat(NEVER)))
        if rank == NEVER:
            break
        tokens = tokens.replace(*rules.merges[rank])
    return tokens


def merge_long(tokens: str, rules: Rules) -> str:
    """The same for n tokens, in time proportional to n log n.

    The tokens are a linked list: the one at place i is followed by the one at `after[i]`. A token
    that was merged into the one before it leaves its place empty.
    """
    n = len(tokens)
    token, after, before = [*tokens, ""], list(range(1, n + 1)), list(range(-1, n))
    places: dict[int, list[int]] = defaultdict(
        list
    )  # of each pair, by its rank; maybe not any more
    heap: list[int] = []  # the ranks in `places`
    changed = range(n)  # where a pair begins that has no entry yet
    while True:
        for i in changed:
            rank = rules.ranks.get(token[i] + token[after[i]], NEVER) if i >= 0 else NEVER
            if rank != NEVER:
                if rank not in places:
                    heapq.heappush(heap, rank)
                places[rank].append(i)
        if not heap:
            return "".join(token)
        rank, changed = heapq.heappop(heap), []
        pair, new = rules.merges[rank]
        for i in places.pop(rank):  # from the left: a pair comes up at all its places at once
            j = after[i]
            if token[i] + token[j] == pair:
                token[i], token[j] = new, ""
                after[i] = after[j]
                before[after[j]] = i
                changed += before[i], i
