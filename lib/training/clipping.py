"""Gradient clipping: one step may go only so far, however steep it is."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor


def clip_gradients(params: Iterable[Tensor], max_norm: float) -> Float[Tensor, ""]:
    """Shorten all gradients together, in place, to at most `max_norm`; return their norm before.

    The direction stays: all are multiplied by max_norm / (norm + 1e-6), if that is below one. The
    norm is worth logging: nan, infinity or a jump is the first sign of a run going wrong. It stays
    on the device, so nothing waits for it here.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm is {max_norm}: nothing could move. Give more; 1 is usual.")
    params = list(params)  # it may be a generator, and is walked through twice
    norm = global_norm(params)
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for p in params:
        if p.grad is not None:
            p.grad.mul_(scale.to(p.grad.device))
    return norm


def global_norm(params: Iterable[Tensor]) -> Float[Tensor, ""]:
    """The length of all gradients as one vector, in float32 at least; parameters without one are
    skipped."""
    gradients = [p.grad for p in params if p.grad is not None]
    if not gradients:
        return torch.zeros(())
    norms = [
        torch.linalg.vector_norm(g, dtype=torch.promote_types(g.dtype, torch.float32))
        for g in gradients
    ]
    return torch.linalg.vector_norm(torch.stack([norm.to(norms[0]) for norm in norms]))
