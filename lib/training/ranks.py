"""Several processes that train one model, each on its part of every batch (torchrun starts them).

All hold the same weights, since all add up the same gradients. `lib.parallel` looks inside.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from lib.training.meeting import fresh_store


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


def join_ranks(device: str = "cpu") -> Ranks:
    """Meet the other processes, if torchrun's environment says that there are any.

    On GPUs each process takes the one of its number on this machine; tensors there go by NCCL, if
    there are as many GPUs as processes, and those of the CPU by gloo.
    """
    n_ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if n_ranks == 1:
        return ALONE
    if not dist.is_initialized():
        store, rank, n_ranks = next(dist.rendezvous("env://"))
        place = {"store": fresh_store(store, rank, n_ranks), "rank": rank, "world_size": n_ranks}
        dist.init_process_group(_backend(torch.device(device)), **place)
    return Ranks(dist.get_rank(), n_ranks)


def leave_ranks() -> None:
    """Say goodbye to the others, so that nobody takes the end for a failure."""
    if dist.is_initialized():
        dist.destroy_process_group()


def restarted() -> bool:
    """Whether torchrun has started this process again, after one of them had ended."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def _backend(device: torch.device) -> str:
    if device.type != "cuda":
        return "gloo"
    n_gpus, here = torch.cuda.device_count(), int(os.environ.get("LOCAL_RANK", "0"))
    torch.cuda.set_device(here % n_gpus)
    enough = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) <= n_gpus
    return "cpu:gloo,cuda:nccl" if enough and dist.is_nccl_available() else "gloo"
