"""The length of a gradient of which every rank has a part, and clipping by it.

Squares add up over ranks as they do over entries: one message with a single number.
"""

from collections.abc import Iterable

from jaxtyping import Float
from torch import Tensor

from lib.parallel.comm import Comm
from lib.training.clipping import global_norm


def shard_norm(comm: Comm, params: Iterable[Tensor]) -> Float[Tensor, ""]:
    """The norm of the gradients on all ranks together, each of which has other ones, or none."""
    mine = global_norm(params).double().to(getattr(comm, "device", "cpu"))
    return comm.all_reduce(mine.square().view(1))[0].sqrt()


def clip_shards(comm: Comm, params: Iterable[Tensor], max_norm: float) -> Float[Tensor, ""]:
    """Shorten all ranks' gradients together to at most `max_norm`; return their norm before.

    As `training.clipping.clip_gradients` on one process. All ranks call it.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm is {max_norm}: nothing could move. Give more; 1 is usual.")
    params = [p for p in params if p.grad is not None]
    norm = shard_norm(comm, params)
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for p in params:
        p.grad.mul_(scale.to(p.grad.device))
    return norm
