"""Byte-pair encoding, in its obvious form; `fast_bpe` and `fast_encode` give the same answers.

Training starts from the 256 bytes and joins the most frequent pair of neighbours into a new token,
again and again; encoding replays the joins. Gage (1994) compressed files this way, Sennrich et al.
(arXiv 1508.07909) brought it to language models, GPT-2 to bytes, so that no text is unknown.

Conventions, without which "the" result is not defined:
- special tokens are cut out of the training text, then the pattern cuts the rest into words;
  nothing is counted or merged across either border;
- the most frequent pair wins; among equals the one whose two byte strings compare greater;
- ids: the bytes are 0 to 255, then come the merges in the order they were made, then the special
  tokens; the vocabulary size counts all three;
- encoding applies the merges in the order they were made, inside each word.
"""

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Literal, SupportsIndex

from lib.tokenization.checks import check_special, check_vocabulary, number_of_merges
from lib.tokenization.offsets import character_offsets
from lib.tokenization.pretokenize import pretokenize
from lib.tokenization.special import allowed, split_on_special
from lib.tokenization.streaming import regroup
from lib.tokenization.utf8 import from_utf8

Pair = tuple[int, int]
Words = dict[tuple[int, ...], int]  # each distinct word, as token ids: how often it occurs

# Training


def count_words(
    texts: Iterable[str], pattern: str | None = "gpt2", special: Collection[str] = ()
) -> Words:
    """Each distinct word of the texts, as its bytes, with its count: all that training needs."""
    counts: Counter[bytes] = Counter()
    for text in texts:
        for piece in split_on_special(text, special):
            if piece not in special:
                counts.update(pretokenize(piece, pattern))
    return {tuple(word): count for word, count in counts.items()}


def pair_counts(words: Words) -> dict[Pair, int]:
    """How often each two ids are neighbours: {(7, 8, 7, 8): 10} -> {(7, 8): 20, (8, 7): 10}."""
    counts: dict[Pair, int] = {}
    for word, count in words.items():
        for pair in pairwise(word):
            counts[pair] = counts.get(pair, 0) + count
    return counts


def best_pair(counts: Mapping[Pair, int], tokens: Mapping[int, bytes]) -> Pair:
    """The most frequent pair; among equals the one with the greater byte strings."""
    return max(counts, key=lambda pair: (counts[pair], tokens[pair[0]], tokens[pair[1]]))


def merge(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """Replace the pair from the left: merge([7, 7, 7, 1], (7, 7), 9) -> [9, 7, 1]."""
    merged, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def merge_words(words: Words, pair: Pair, new_id: int) -> Words:
    """The same in every word; the many words without the pair stay as they are."""
    return {
        tuple(merge(word, pair, new_id)) if pair in pairwise(word) else word: count
        for word, count in words.items()
    }


@dataclass(frozen=True)
class Merge:
    """One step of training: what was joined, how often it stood there, what the words became."""

    step: int  # 0 is the first
    pair: Pair
    pair_bytes: tuple[bytes, bytes]
    new_id: int
    token: bytes  # the two byte strings, joined
    count: int  # of the pair, before this step
    words: Words = field(repr=False)  # after this step; long

    @property
    def n_tokens(self) -> int:
        """Length of the whole training text in tokens, after this step."""
        return sum(len(word) * count for word, count in self.words.items())


def merges(words: Words, n_merges: int) -> Iterator[Merge]:
    """Train, yielding after each merge. Ends early once every word is a single token."""
    tokens = {byte: bytes([byte]) for byte in range(256)}
    for step in range(n_merges):
        counts = pair_counts(words)
        if not counts:
            return
        pair = best_pair(counts, tokens)
        left, right = tokens[pair[0]], tokens[pair[1]]
        new_id = len(tokens)
        tokens[new_id] = left + right
        words = merge_words(words, pair, new_id)
        yield Merge(step, pair, (left, right), new_id, left + right, counts[pair], words)


# The tokenizer


@dataclass(repr=False)
class BPE:
    """A vocabulary with its merges: from `BPE.train`, from `train_bpe`, or loaded from a file.

    A loaded vocabulary keeps its own ids, so the methods assume nothing about their order.

    Unicode spells é in two ways, as one character or as e with an accent after it. In the normal
    form NFC both are the first, so they get the same ids, and what `decode` returns is spelled so.
    """

    tokens: dict[int, bytes]  # by id, without the special tokens
    merges: list[tuple[bytes, bytes]]  # in the order they were made
    special: dict[str, int] = field(default_factory=dict)
    pattern: str | None = "gpt2"  # as in `pretokenize`; None: a text is one word
    ignore_merges: bool = False  # a word that is itself a token is taken whole, as in tiktoken
    normal_form: Literal["NFC"] | None = None  # text is brought to it first, as in Qwen

    def __post_init__(self) -> None:
        check_vocabulary(self.tokens, self.merges, self.special)

    def __repr__(self) -> str:
        return (
            f"<BPE: {len(self.tokens)} tokens, {len(self.merges)} merges, "
            f"{len(self.special)} special tokens, pattern {self.pattern!r}>"
        )

    @classmethod
    def train(
        cls,
        text: str | Iterable[str],
        vocab_size: int | None = None,
        n_merges: int | None = None,
        pattern: str | None = "gpt2",
        special: Sequence[str] = (),
    ) -> "BPE":
        """Learn the merges of one text or several documents. Give `vocab_size` or `n_merges`.

        Fewer merges are made when no two tokens are left to join.
        """
        check_special(special)
        n_merges = number_of_merges(vocab_size, n_merges, len(special))
        words = count_words([text] if isinstance(text, str) else text, pattern, special)
        tokens = {byte: bytes([byte]) for byte in range(256)}
        learned = []
        for state in merges(words, n_merges):
            tokens[state.new_id] = state.token
            learned.append(state.pair_bytes)
        special_ids = {token: len(tokens) + i for i, token in enumerate(special)}
        return cls(tokens, learned, special_ids, pattern)

    def encode(self, text: str, allowed_special: str | Collection[str] = ()) -> list[int]:
        """The ids. Special tokens are ordinary text, unless named here or allowed by "all"."""
        special = allowed(self.special, allowed_special)
        ids: list[int] = []
        for piece in split_on_special(text, special):
            if piece in special:
                ids.append(self.special[piece])
            else:
                for word in pretokenize(self.normalized(piece), self.pattern):
                    ids.extend(self.encode_word(word))
        return ids

    def normalized(self, text: str) -> str:
        """The text in `normal_form`, if there is one."""
        return text if self.normal_form is None else unicodedata.normalize(self.normal_form, text)

    def encode_word(self, word: bytes) -> list[int]:
        """Replay training on one word: of the merges that apply, always the one made first."""
        if self.ignore_merges and word in self.ids:
            return [self.ids[word]]
        ids = [self.ids[bytes([byte])] for byte in word]
        while known := [pair for pair in pairwise(ids) if pair in self.rules]:
            first = min(known, key=self.rules.__getitem__)
            _, new_id = self.rules[first]
            ids = merge(ids, first, new_id)
        return ids

    def encode_iterable(
        self, texts: Iterable[str], allowed_special: str | Collection[str] = ()
    ) -> Iterator[int]:
        """The ids of the joined texts, wherever they were cut, reading only as far as needed.

        Lazy only with a named pattern; with another, all texts are read first. See `streaming`.
        """
        special = allowed(self.special, allowed_special)
        for text in regroup(texts, self.pattern, special):
            yield from self.encode(text, special)

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text, with U+FFFD (the replacement character) where the bytes are not valid UTF-8."""
        return from_utf8(self.decode_bytes(ids))

    def decode_bytes(self, ids: Iterable[SupportsIndex]) -> bytes:
        """Exactly the bytes that the ids stand for. The ids may be NumPy's."""
        return b"".join(self.token_bytes(int(id)) for id in ids)

    def token_bytes(self, id: int) -> bytes:
        """The bytes of one token, special or not."""
        if id in self.tokens:
            return self.tokens[id]
        if id in self.special_text:
            return self.special_text[id].encode()
        raise ValueError(f"{id} is no id of this vocabulary; its highest is {self.vocab_size - 1}.")

    def offsets(
        self, text: str, allowed_special: str | Collection[str] = ()
    ) -> list[tuple[int, int]]:
        """For each id of `encode` the (start, end) of the characters it covers."""
        if self.normalized(text) != text:
            raise ValueError(
                f"The ids are those of another spelling of this text, its {self.normal_form} form, "
                "so they cover none of its characters. Give offsets the text normalized(text)."
            )
        return character_offsets(text, map(self.token_bytes, self.encode(text, allowed_special)))

    @property
    def vocab_size(self) -> int:
        """One more than the highest id; after training, 256 + merges + special tokens."""
        return 1 + max(max(self.tokens), max(self.special.values(), default=0))

    @cached_property
    def ids(self) -> dict[bytes, int]:
        """The id of each token's bytes."""
        return {token: id for id, token in self.tokens.items()}

    @cached_property
    def special_text(self) -> dict[int, str]:
        """The spelling of each special id."""
        return {id: token for token, id in self.special.items()}

    @cached_property
    def rules(self) -> dict[Pair, tuple[int, int]]:
        """For each pair of ids that merges: its rank (the place in `merges`) and the new id."""
        ids = self.ids
        return {
            (ids[left], ids[right]): (rank, ids[left + right])
            for rank, (left, right) in enumerate(self.merges)
        }
