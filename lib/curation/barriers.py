"""The steps of a pipeline that must have seen all records before they decide about one.

Three acts. Each shard is summed up in a few arrays for every block of records, which processes do
side by side; the summaries of all shards, in order, give one decision for every record; each shard
then carries it out, side by side again. Texts are never all in one place.

Letters: d records.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
from jaxtyping import Int64

from lib.corpora.documents import hash_position
from lib.curation.exact import digest
from lib.curation.near_duplicates import NearDuplicates, numbers
from lib.curation.records import Record
from lib.curation.shingles import N_WORDS
from lib.curation.steps import Step

Arrays = tuple[np.ndarray, ...]  # of one block


class Decision(NamedTuple):
    """How often each record goes on (0: it is dropped), and for which other one it is dropped."""

    copies: Int64[np.ndarray, " d"]
    instead: Int64[np.ndarray, " d"]  # the number of a record, or -1


class Barrier(Step):
    """What a barrier has to say."""

    reason: ClassVar[str]  # for those that are dropped

    @abstractmethod
    def summarise(self, records: list[Record]) -> Arrays:
        """A block of a shard; depends on each record alone."""

    @abstractmethod
    def decide(self, blocks: Iterable[Arrays]) -> Decision:
        """About all records, from the blocks of all shards in order."""


@dataclass(frozen=True)
class Exact(Barrier):
    """Of equal texts the first stays. In memory: 16 bytes for each record, and as much to sort."""

    kind: ClassVar[str] = "exact"
    reason: ClassVar[str] = "the same text"

    def summarise(self, records: list[Record]) -> Arrays:
        joined = b"".join(digest(record.text) for record in records)
        return (np.frombuffer(joined, np.uint64).reshape(-1, 2),)

    def decide(self, blocks: Iterable[Arrays]) -> Decision:
        digests = np.concatenate([np.empty((0, 2), np.uint64), *(block[0] for block in blocks)])
        order = np.lexsort((digests[:, 1], digests[:, 0]))  # stable: equal ones stay in order
        ordered = digests[order]
        new = np.append(True, (ordered[1:] != ordered[:-1]).any(1))[: len(order)]
        first = np.empty(len(order), np.int64)
        first[order] = order[np.flatnonzero(new)[np.cumsum(new) - 1]]
        return _keep_first(first)


@dataclass(frozen=True)
class Near(Barrier):
    """Of texts that are nearly equal the first stays: near_duplicates.py says what that means."""

    similarity: float = 0.8
    recall: float = 0.99
    n_words: int = N_WORDS
    seed: int = 0
    kind: ClassVar[str] = "near"
    reason: ClassVar[str] = "nearly the same text"

    def __post_init__(self) -> None:
        self._finder().close()  # raises where the parameters do not go together

    def summarise(self, records: list[Record]) -> Arrays:
        finder = _finders.get(self)
        if finder is None:  # choosing bands takes longer than a block
            with self._finder() as new:
                finder = _finders.setdefault(self, (new.hashes, new.bands))
        keys, shingles, lengths = numbers(
            [record.text for record in records], *finder, self.n_words
        )
        return keys.T.copy(), shingles, lengths

    def decide(self, blocks: Iterable[Arrays]) -> Decision:
        with self._finder() as finder:
            for keys, shingles, lengths in blocks:
                finder.files.append(np.ascontiguousarray(keys.T), shingles, lengths)
            first = np.arange(len(finder), dtype=np.int64)
            for cluster in finder.clusters():
                first[cluster] = cluster[0]
        return _keep_first(first)

    def _finder(self) -> NearDuplicates:
        return NearDuplicates(
            self.similarity, recall=self.recall, n_words=self.n_words, seed=self.seed
        )


_finders: dict[Near, tuple] = {}


@dataclass(frozen=True)
class Mix(Barrier):
    """Sources in these proportions, by bytes of text; sources without a weight go.

    Without `total_bytes` no text is repeated and as much as possible is taken. With it, a source
    may be seen several times: `most_epochs` is the limit, and what is missing then stays missing.
    """

    weights: dict[str, float | int] = field(default_factory=dict)
    total_bytes: int = 0
    most_epochs: float | int = 4
    seed: int = 0
    kind: ClassVar[str] = "mix"
    reason: ClassVar[str] = "not drawn for the mixture"

    def __post_init__(self) -> None:
        if not self.weights or min(self.weights.values()) < 0 or not sum(self.weights.values()):
            raise ValueError(
                f"The weights of a mixture are {self.weights}. "
                'Give every source its share, as in {"web": 0.7, "books": 0.3}.'
            )

    def summarise(self, records: list[Record]) -> Arrays:
        names = list(self.weights)
        sources = [names.index(r.source) if r.source in self.weights else -1 for r in records]
        sizes = [len(record.text.encode()) for record in records]
        places = [hash_position(record.id, f"mix {self.seed}") for record in records]
        return np.array(sources, np.int64), np.array(sizes, np.int64), np.array(places, np.float64)

    def decide(self, blocks: Iterable[Arrays]) -> Decision:
        parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)), *blocks]
        sources, sizes, places = (np.concatenate(part) for part in zip(*parts))
        held = Counter(dict.fromkeys(range(len(self.weights)), 0))
        for source in held:
            held[source] = int(sizes[sources == source].sum())
        for source, weight in enumerate(self.weights.values()):
            if weight and not held[source]:
                raise ValueError(
                    f"The mixture wants a share of {list(self.weights)[source]!r}, and no record "
                    "that has come so far is of this source. Leave it out, or see what was dropped."
                )
        rates = np.append(self.rates(list(held.values())), 0.0)  # the last one: no weight
        rate = rates[sources]
        copies = np.floor(rate).astype(np.int64) + (places < rate % 1)
        return Decision(copies, np.full(len(copies), -1, np.int64))

    def rates(self, held: list[int]) -> list[float]:
        """How often each source is seen, given how many bytes there are of it."""
        total = sum(self.weights.values())
        shares = [weight / total for weight in self.weights.values()]
        wanted = self.total_bytes or min(
            (size / share for size, share in zip(held, shares) if share), default=0
        )
        most = self.most_epochs if self.total_bytes else 1
        return [
            float(min(most, share * wanted / size)) if size else 0.0
            for size, share in zip(held, shares)
        ]


def _keep_first(first: Int64[np.ndarray, " d"]) -> Decision:
    stays = first == np.arange(len(first))
    return Decision(stays.astype(np.int64), np.where(stays, -1, first))
