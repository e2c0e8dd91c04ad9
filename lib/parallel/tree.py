"""Collectives along a binomial tree: few steps, each with the whole tensor.

In every round of a broadcast all who have the tensor send it to one who has not, so their number
doubles: ceil(log2 n) rounds. Backwards this is a reduce. With small messages, where each step costs
more than its bytes, this beats a ring of n - 1 steps.

Letters: n ranks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lib.parallel.comm import Comm


@dataclass(frozen=True)
class TreeState:
    """What all ranks have after a round; step 0 is before the first."""

    step: int
    phase: str  # "reduce" or "broadcast"
    values: list[Tensor]
    holds: list[frozenset[int]]  # holds[rank]: the ranks whose values are in the sum
    sent: list[tuple[int, int]]  # (sender, receiver)


def tree_broadcast(comm: Comm, x: Tensor, root: int = 0) -> Tensor:
    """What the root has; the others give a tensor of the same shape."""
    out = x.detach().clone(memory_format=torch.contiguous_format)
    for messages in rounds(comm.n_ranks, root):
        for sender, receiver in messages:
            if comm.rank == sender:
                comm.send(out, receiver)
            elif comm.rank == receiver:
                comm.receive(out, sender)
    return out


def tree_reduce(comm: Comm, x: Tensor, root: int = 0) -> Tensor | None:
    """The sum over all ranks at the root, None elsewhere."""
    total = x.detach().clone(memory_format=torch.contiguous_format)
    for messages in reversed(rounds(comm.n_ranks, root)):
        for receiver, sender in messages:
            if comm.rank == sender:
                comm.send(total, receiver)
            elif comm.rank == receiver:
                total += comm.receive(torch.empty_like(total), sender)
    return total if comm.rank == root else None


def tree_all_reduce(comm: Comm, x: Tensor) -> Tensor:
    """The sum over all ranks, everywhere: to rank 0 and back."""
    total = tree_reduce(comm, x)
    return tree_broadcast(comm, x if total is None else total)


def rounds(n: int, root: int = 0) -> list[list[tuple[int, int]]]:
    """Who sends to whom in each round of a broadcast: (sender, receiver)."""
    found, have = [], 1
    while have < n:
        pairs = [(rank, rank + have) for rank in range(min(have, n - have))]
        found.append([((a + root) % n, (b + root) % n) for a, b in pairs])
        have *= 2
    return found


def tree_all_reduce_states(xs: list[Tensor]) -> Iterator[TreeState]:
    """The same on a list, rank by rank: one state after every round."""
    values, holds, step = [x.clone() for x in xs], [frozenset([r]) for r in range(len(xs))], 0
    yield TreeState(step, "reduce", list(values), list(holds), [])
    for messages in reversed(rounds(len(xs))):
        for receiver, sender in messages:
            values[receiver] = values[receiver] + values[sender]
            holds[receiver] = holds[receiver] | holds[sender]
        step += 1
        upwards = [(sender, receiver) for receiver, sender in messages]
        yield TreeState(step, "reduce", list(values), list(holds), upwards)
    for messages in rounds(len(xs)):
        for sender, receiver in messages:
            values[receiver], holds[receiver] = values[sender].clone(), holds[sender]
        step += 1
        yield TreeState(step, "broadcast", list(values), list(holds), messages)
