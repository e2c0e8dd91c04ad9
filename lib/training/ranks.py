"""Several processes that train one model, each on its part of every batch (torchrun starts them).

All hold the same weights, since all add up the same gradients. `lib.parallel` looks inside.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is. Rank 0 writes the files."""

    rank: int = 0
    n_ranks: int = 1

    def average(self, loss: float, n_targets: int, params: Iterable[Tensor]) -> tuple[float, int]:
        """Mean loss and gradients over the targets of all ranks, each of which has its own.

        Changes the gradients in place, with two messages. Returns the loss and the number of all
        targets.
        """
        if self.n_ranks == 1:
            return loss, n_targets
        sums = torch.tensor([loss * n_targets, n_targets], dtype=torch.float64)
        dist.all_reduce(sums)
        gradients = [p.grad for p in params if p.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        together *= n_targets / sums[1].item()
        dist.all_reduce(together)
        parts = together.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts):
            gradient.copy_(part.view_as(gradient))
        return (sums[0] / sums[1]).item(), int(sums[1])

    def agree(self, yes: bool) -> bool:
        """Whether all ranks say yes."""
        if self.n_ranks == 1:
            return yes
        votes = torch.tensor(float(yes))
        dist.all_reduce(votes, dist.ReduceOp.MIN)
        return bool(votes)


ALONE = Ranks()


def join_ranks() -> Ranks:
    """Meet the other processes, if torchrun's environment says that there are any."""
    n_ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if n_ranks == 1:
        return ALONE
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    return Ranks(dist.get_rank(), n_ranks)
