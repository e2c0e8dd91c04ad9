"""Byte-pair encoding as SentencePiece does it: of characters, with a ▁ for each space.

Llama 2, Mistral and Gemma encode so (Kudo & Richardson, arXiv 1808.06226). Three things differ from
the byte-level `bpe`: merges begin with characters, and only one that the vocabulary lacks becomes
its UTF-8 bytes, spelled <0xE2>; a space is the visible character ▁, usually the first of a token;
and nothing cuts a text into words, so a token may reach across spaces if the vocabulary has one.
"""

import heapq
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, pairwise
from typing import Literal, SupportsIndex

from lib.tokenization.checks import check_pieces
from lib.tokenization.special import allowed, split_on_special
from lib.tokenization.utf8 import to_utf8

SPACE = "▁"  # U+2581
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]

# Where a ▁ is put before text that had no space there, so that a first word looks like all others.
# "every": before every stretch between special tokens, whatever it begins with;
# "unless": only if it does not begin with one already; "first": that, at the start of the text.
Prefix = Literal["every", "unless", "first"]


@dataclass(repr=False)
class SentencePieceBPE:
    """A vocabulary of pieces with its merges, loaded from a file: see `sentencepiece_json`.

    `decode(encode(text))` is the text, if `strips_space` takes away what `prefix` has added. Lost
    is what looks like an added space (a first one, unless the prefix is put before it, too), and a
    ▁ in the text, which comes back as a space.
    """

    tokens: dict[int, str]  # the piece of each id, without the special tokens
    merges: list[tuple[str, str]]  # in the order of their ranks
    special: dict[str, int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)  # cut out of every text, as Gemma's "\n\n"
    prefix: Prefix | None = None
    strips_space: bool = False  # `decode` drops one space at the beginning of the text
    cuts_words: bool = False  # nothing merges across the beginning of a word, a ▁

    def __post_init__(self) -> None:
        check_pieces(self.tokens, self.merges, self.special, self.whole)
        self._words: dict[str, list[int]] = {}  # what was encoded before

    def __repr__(self) -> str:
        return (
            f"<SentencePieceBPE: {len(self.tokens)} pieces, {len(self.merges)} merges, "
            f"{len(self.special)} special tokens, prefix {self.prefix!r}>"
        )

    def encode(self, text: str, allowed_special: str | Collection[str] = ()) -> list[int]:
        """The ids. Special tokens are ordinary text, unless named here or allowed by "all"."""
        special = allowed(self.special, allowed_special)
        cut_out = self.whole | {token: self.special[token] for token in special}
        ids: list[int] = []
        for place, piece in enumerate(split_on_special(text, cut_out)):
            if piece in cut_out:
                ids.append(cut_out[piece])
            else:
                for word in self.words(self.spaced(piece, first=place == 0)):
                    ids.extend(self.encode_word(word))
        return ids

    def spaced(self, text: str, first: bool) -> str:
        """With ▁ for spaces, and one at the front where `prefix` wants it."""
        text = text.replace(" ", SPACE)
        if self.prefix == "every":
            return SPACE + text
        wants = self.prefix == "unless" or (self.prefix == "first" and first)
        return SPACE + text if wants and not text.startswith(SPACE) else text

    def words(self, text: str) -> list[str]:
        """The text in parts that no token reaches across, as short as the vocabulary allows.

        Most spaces part two words, since few pieces have a space inside: each word is then encoded
        once and remembered.
        """
        starts = [0]
        for i, (left, right) in enumerate(pairwise(text), start=1):
            if left + right not in self.inner_pairs or (self.cuts_words and right == SPACE):
                starts.append(i)
        return [text[start:end] for start, end in pairwise([*starts, len(text)])]

    def encode_word(self, word: str) -> list[int]:
        """Of the merges that apply, always the one of lowest rank, and of its places the first."""
        if word not in self._words:
            if len(self._words) >= 1 << 17:
                self._words.clear()  # the frequent ones are soon back
            self._words[word] = merge_by_rank(self.character_ids(word), self.rules)
        return self._words[word]

    def character_ids(self, word: str) -> list[int]:
        """The word before merging: a character is a piece, or becomes its bytes."""
        ids: list[int] = []
        for character in word:
            if character in self.ids:
                ids.append(self.ids[character])
            else:
                ids.extend(self.ids[BYTES[byte]] for byte in to_utf8(character))
        return ids

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text. Each byte of what is not valid UTF-8 becomes U+FFFD."""
        text = ""
        pieces = [self.piece(int(id)) for id in ids]
        for are_bytes, run in groupby(pieces, key=self.byte_of.__contains__):
            if are_bytes:
                text += _from_bytes(bytes(map(self.byte_of.__getitem__, run)))
            else:
                text += "".join(run).replace(SPACE, " ")
        return text.removeprefix(" ") if self.strips_space else text

    def piece(self, id: int) -> str:
        """The spelling of one token."""
        if id in self.tokens:
            return self.tokens[id]
        if id in self.cut_out_text:
            return self.cut_out_text[id]
        raise ValueError(f"{id} is no id of this vocabulary; its highest is {self.vocab_size - 1}.")

    def token_bytes(self, id: int) -> bytes:
        """The UTF-8 bytes that one id stands for, its ▁ as spaces."""
        piece = self.piece(id)
        if piece in self.byte_of:
            return bytes([self.byte_of[piece]])
        return piece.replace(SPACE, " ").encode()

    @property
    def vocab_size(self) -> int:
        """One more than the highest id: the number of rows in an embedding table."""
        return 1 + max([*self.tokens, *self.special.values(), *self.whole.values()])

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of each piece."""
        return {piece: id for id, piece in self.tokens.items()}

    @cached_property
    def cut_out_text(self) -> dict[int, str]:
        """The spelling of each id that is never merged."""
        return {id: text for text, id in (self.special | self.whole).items()}

    @cached_property
    def byte_of(self) -> dict[str, int]:
        """The byte that a piece like <0x0A> stands for."""
        return {piece: byte for byte, piece in enumerate(BYTES)}

    @cached_property
    def rules(self) -> "Rules":
        """For each pair of ids that merges: its rank (the place in `merges`) and the new id."""
        ids = self.ids
        return {
            (ids[left], ids[right]): (rank, ids[left + right])
            for rank, (left, right) in enumerate(self.merges)
        }

    @cached_property
    def inner_pairs(self) -> set[str]:
        """All neighbouring characters inside of what merges make."""
        made = (left + right for left, right in self.merges)
        return {a + b for piece in made for a, b in pairwise(piece)}


Rules = dict[tuple[int, int], tuple[int, int]]


def merge_by_rank(ids: list[int], rules: Rules) -> list[int]:
    """Join the pair of lowest rank at its first place, again and again, in time n log n.

    The ids are a linked list: the one at place i is followed by the one at `after[i]`. What was
    joined to the id before it leaves its place empty (None).
    """
    token: list[int | None] = [*ids, None]
    after, before = list(range(1, len(ids) + 1)), list(range(-1, len(ids)))
    waiting = [(*rules[pair], i) for i, pair in enumerate(pairwise(ids)) if pair in rules]
    heapq.heapify(waiting)
    while waiting:
        _, new, i = heapq.heappop(waiting)
        if token[i] is None:
            continue
        j = after[i]
        if rules.get((token[i], token[j]), (0, None))[1] != new:
            continue  # something else stands there by now
        token[i], token[j] = new, None
        after[i] = after[j]
        before[after[j]] = i
        for place in (before[i], i):
            pair = (token[place], token[after[place]]) if place >= 0 else None
            if pair in rules:
                heapq.heappush(waiting, (*rules[pair], place))
    return [id for id in token if id is not None]


def _from_bytes(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "\ufffd" * len(data)
