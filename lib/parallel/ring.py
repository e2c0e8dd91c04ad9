"""Collectives in which a rank only talks to its neighbours, and all links are busy all the time.

The tensor is cut into n parts. In n - 1 steps each part travels once around the ring and collects
a sum; then rank r has the r-th part of the total (reduce-scatter). In n - 1 more steps the finished
parts go around (all-gather). Each rank sends 2 (n - 1) / n of the tensor, hardly more for many
ranks than for few (Patarasuk and Yuan, 2009, doi.org/10.1016/j.jpdc.2008.09.002).

Letters: n ranks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lib.parallel.comm import Comm
from lib.parallel.on_lists import check_parts


@dataclass(frozen=True)
class RingState:
    """What all ranks have after a step; step 0 is before the first."""

    step: int
    phase: str  # "reduce-scatter" or "all-gather"
    parts: list[list[Tensor]]  # parts[rank][part]
    holds: list[list[frozenset[int]]]  # holds[rank][part]: the ranks whose values are in the sum
    sent: list[int | None]  # sent[rank]: the part that it has just sent to the next rank


def ring_all_reduce(comm: Comm, x: Tensor) -> Tensor:
    """The sum over all ranks, of any shape; the numbers of values need not divide."""
    total = x.detach().clone(memory_format=torch.contiguous_format)
    parts = list(total.view(-1).tensor_split(comm.n_ranks))  # views: all happens in `total`
    _add_around(comm, parts)
    _pass_around(comm, parts)
    return total


def ring_reduce_scatter(comm: Comm, x: Tensor) -> Tensor:
    """This rank's part of the rows of the sum."""
    check_parts(x, comm.n_ranks)
    mine = list(x.detach().clone(memory_format=torch.contiguous_format).chunk(comm.n_ranks))
    _add_around(comm, mine)
    return mine[comm.rank]


def ring_all_gather(comm: Comm, x: Tensor) -> Tensor:
    """The rows of all ranks."""
    joined = x.new_empty((comm.n_ranks * x.shape[0], *x.shape[1:]))
    parts = list(joined.chunk(comm.n_ranks))
    parts[comm.rank].copy_(x.detach())
    _pass_around(comm, parts)
    return joined


def sent_part(phase: str, rank: int, step: int, n: int) -> int:
    """The part that a rank sends to the next one in a step, counted from 1.

    It is the part that has just arrived. So rank r ends the first phase with part r complete.
    """
    return (rank - step) % n if phase == "reduce-scatter" else (rank - step + 1) % n


def _add_around(comm: Comm, parts: list[Tensor]) -> None:
    buffer = torch.empty_like(parts[0]).view(-1)  # no part is larger than the first
    for step in range(1, comm.n_ranks):
        place = sent_part("reduce-scatter", comm.rank - 1, step, comm.n_ranks)
        into = buffer[: parts[place].numel()].view_as(parts[place])
        parts[place] += _step(comm, parts, "reduce-scatter", step, into)


def _pass_around(comm: Comm, parts: list[Tensor]) -> None:
    for step in range(1, comm.n_ranks):
        place = sent_part("all-gather", comm.rank - 1, step, comm.n_ranks)
        _step(comm, parts, "all-gather", step, parts[place])


def _step(comm: Comm, parts: list[Tensor], phase: str, step: int, into: Tensor) -> Tensor:
    """Send a part to the next rank while the one before sends here."""
    n, leaving = comm.n_ranks, parts[sent_part(phase, comm.rank, step, comm.n_ranks)]
    return comm.exchange(leaving, (comm.rank + 1) % n, into, (comm.rank - 1) % n)


# All ranks at once, to look at


def ring_all_reduce_states(xs: list[Tensor]) -> Iterator[RingState]:
    """The same on a list, rank by rank: one state after every step of the two phases."""
    n = len(xs)
    parts = [list(x.clone().view(-1).tensor_split(n)) for x in xs]
    holds = [[frozenset([rank])] * n for rank in range(n)]
    yield _state(0, "reduce-scatter", parts, holds, [None] * n)
    for phase in ("reduce-scatter", "all-gather"):
        for step in range(1, n):
            sent = [sent_part(phase, rank, step, n) for rank in range(n)]
            leaving = [
                (parts[rank][part].clone(), holds[rank][part]) for rank, part in enumerate(sent)
            ]
            for rank, part in enumerate(sent):
                _arrive(phase, parts[(rank + 1) % n], holds[(rank + 1) % n], part, *leaving[rank])
            done = step if phase == "reduce-scatter" else n - 1 + step
            yield _state(done, phase, parts, holds, sent)


def _arrive(
    phase: str,
    parts: list[Tensor],
    holds: list[frozenset[int]],
    part: int,
    values: Tensor,
    ranks: frozenset[int],
) -> None:
    if phase == "reduce-scatter":
        parts[part] = parts[part] + values
        holds[part] = holds[part] | ranks
    else:
        parts[part], holds[part] = values, ranks


def _state(
    step: int, phase: str, parts: list[list[Tensor]], holds: list[list], sent: list
) -> RingState:
    copied = [[part.clone() for part in row] for row in parts]
    return RingState(step, phase, copied, [list(row) for row in holds], list(sent))
