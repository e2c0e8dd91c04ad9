"""Batches of token ids from a long array, usually a memory-mapped file: in an order that a seed
decides, resumable by one number, split among ranks.

Letters: B sequences, T positions.

Borders between documents can mean three things:
- "ignore": a sequence is any T tokens in a row, and documents follow one another in it;
- "mask": the same sequences, but attention stays inside a document, positions start again in each,
  and no document's end is asked to predict the next one's beginning;
- "pack": whole documents are laid side by side, as well as they fit; only those longer than T are
  cut. What stays empty is masked, and `packing.pack` keeps that small.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lib.training.config import Documents
from lib.training.packing import pack

Piece = tuple[int, int]  # where a stretch of tokens begins, and how many predictions it holds


@dataclass(frozen=True)
class Batch:
    """Sequences and what should follow each token. The last three are None where all is plain."""

    ids: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    counted: Bool[Tensor, "B T"] | None = None  # the targets that belong to the loss
    positions: Int[Tensor, "B T"] | None = None  # from 0 in each document
    mask: Bool[Tensor, "B T T"] | None = None  # as in lib.model.attention

    @property
    def n_counted(self) -> int:
        """Targets that belong to the loss."""
        return self.targets.numel() if self.counted is None else int(self.counted.sum())

    def parts(self, n: int) -> list["Batch"]:
        """The batch in n equal microbatches."""
        return [self[i::n] for i in range(n)]

    def __getitem__(self, rows: slice) -> "Batch":
        return self._each(lambda tensor: tensor[rows])

    def to(self, device: str | torch.device) -> "Batch":
        """The batch on another device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        return replace(self, **{k: change(v) for k, v in vars(self).items() if v is not None})


class Batches:
    """An endless iterator. Every epoch has every sequence once, in a new order.

    Without `seed` the order is that of the file, which suits evaluation. `starts` are where
    documents begin (`token_files.document_starts`). Of each batch, rank r of n gets sequences r,
    r + n, r + 2n ..., so all ranks together read what a single one would.
    """

    def __init__(
        self,
        tokens: np.ndarray,
        batch: int,
        context: int,
        seed: int | None = None,
        *,
        documents: Documents = "ignore",
        starts: Sequence[int] | np.ndarray = (0,),
        rank: int = 0,
        n_ranks: int = 1,
    ) -> None:
        _check(len(tokens), batch, context, n_ranks)
        self.tokens, self.batch, self.context, self.seed = tokens, batch, context, seed
        self.documents, self.starts = documents, np.asarray(starts, np.int64)
        self.rank, self.n_ranks = rank, n_ranks
        self.rows = _packed(self.starts, len(tokens), context) if documents == "pack" else None
        self._next, self._epoch = 0, -1

    def __len__(self) -> int:
        """Sequences in an epoch."""
        if self.rows is not None:
            return len(self.rows)
        spare = self.context if self.seed is not None else 1  # room for another start each epoch
        return max(1, (len(self.tokens) - spare) // self.context)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        first = self._next + self.rank
        self._next += self.batch
        rows = [self._row(i) for i in range(first, self._next, self.n_ranks)]
        return self._stack(rows)

    def state(self) -> dict[str, int]:
        """All that `restore` needs to go on with the next batch."""
        return {"next": self._next}

    def restore(self, state: dict[str, int]) -> None:
        """Go on where `state` was taken, on the same tokens with the same arguments."""
        self._next = state["next"]

    def _row(self, number: int) -> list[Piece]:
        """The pieces of one sequence, counted over all epochs."""
        epoch, i = divmod(number, len(self))
        if epoch != self._epoch:
            self._epoch, (self._order, self._offset) = epoch, self._shuffled(epoch)
        row = int(self._order[i])
        if self.rows is not None:
            return self.rows[row]
        begin = self._offset + row * self.context
        if self.documents == "mask":
            return _pieces_between(self.starts, begin, begin + self.context)
        return [(begin, self.context)]

    def _shuffled(self, epoch: int) -> tuple[np.ndarray, int]:
        """The order of an epoch, and where its first sequence begins, so that borders move."""
        if self.seed is None:
            return np.arange(len(self)), 0
        random = np.random.default_rng([self.seed, epoch])
        spare = len(self.tokens) - len(self) * self.context
        return random.permutation(len(self)), int(random.integers(max(1, min(self.context, spare))))

    def _stack(self, rows: list[list[Piece]]) -> Batch:
        if self.documents == "ignore":
            text = np.stack([self.tokens[begin : begin + n + 1] for ((begin, n),) in rows])
            text = torch.from_numpy(text.astype(np.int64))
            return Batch(text[:, :-1], text[:, 1:])
        return _stack_pieces(self.tokens, rows, self.context, self.starts)


def _stack_pieces(
    tokens: np.ndarray, rows: list[list[Piece]], context: int, starts: np.ndarray
) -> Batch:
    """A batch in which every piece is a text of its own."""
    ids, targets, positions = (np.zeros((len(rows), context), np.int64) for _ in range(3))
    counted = np.zeros((len(rows), context), bool)
    owner = np.full((len(rows), context), -1)  # which piece a place belongs to; -1: none
    for row, pieces in enumerate(rows):
        place = 0
        for i, (begin, n) in enumerate(pieces):
            here = (row, slice(place, place + n))
            ids[here] = tokens[begin : begin + n]
            targets[here] = tokens[begin + 1 : begin + n + 1]
            positions[here] = np.arange(n)
            counted[here], owner[here] = True, i
            place += n
            if _begins_document(starts, begin + n):
                counted[row, place - 1] = False  # a document does not predict the next
    same = owner[:, :, None] == owner[:, None, :]
    mask = same & np.tri(
        context, dtype=bool
    )  # empty places look at one another: a query needs a key
    return Batch(*map(torch.from_numpy, (ids, targets, counted, positions, mask)))


def _pieces_between(starts: np.ndarray, begin: int, end: int) -> list[Piece]:
    """The stretch cut at the documents that begin in it."""
    inside = starts[np.searchsorted(starts, begin, "right") : np.searchsorted(starts, end)]
    borders = [begin, *inside.tolist(), end]
    return [(a, b - a) for a, b in pairwise(borders)]


def _begins_document(starts: np.ndarray, place: int) -> bool:
    at = np.searchsorted(starts, place)
    return bool(at < len(starts) and starts[at] == place)


def _packed(starts: np.ndarray, n_tokens: int, context: int) -> list[list[Piece]]:
    """Documents in rows. One of n tokens holds n - 1 predictions, as nothing precedes its first."""
    pieces = []
    for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), n_tokens]):
        for cut in range(begin, end - 1, context):
            pieces.append((cut, min(context, end - 1 - cut)))
    if not pieces:
        raise ValueError("No document has two tokens, so there is nothing to predict.")
    return [[pieces[i] for i in row] for row in pack([n for _, n in pieces], context)]


def _check(n_tokens: int, batch: int, context: int, n_ranks: int) -> None:
    if n_tokens <= context:
        raise ValueError(
            f"A sequence of {context} tokens and the one after them need {context + 1} tokens, and "
            f"there are {n_tokens}. Choose a smaller context or more text."
        )
    if batch % n_ranks:
        raise ValueError(
            f"A batch of {batch} sequences cannot be shared equally by {n_ranks} ranks. "
            f"Choose a data.batch that {n_ranks} divides."
        )
