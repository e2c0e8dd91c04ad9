"""Contests in what is worth fusing, forward and backward, against others who fuse."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from gpu_contest import Contest, Contestant
from gpu_inputs import OF_FUSED, Sizes, compiled, draw, liger, there_and_back
from torch import Tensor

from lib.kernels.cross_entropy import cross_entropy
from lib.kernels.linear_cross_entropy import linear_cross_entropy
from lib.kernels.rms_norm import rms_norm
from lib.kernels.swiglu import swiglu


def fused(device: str, sizes: Sizes) -> Iterator[Contest]:
    """Forward and backward of what fusing is for, against those who fuse."""
    R, D, V = sizes.rows, sizes.width, sizes.vocabulary

    def contest(
        name: str, contestants: dict[str, Callable | None], shapes: list, **sizes: float
    ) -> Contest:
        def prepare() -> dict[str, Contestant]:
            inputs = [draw(device, *shape) for shape in shapes]
            chosen = {who: fn for who, fn in contestants.items() if fn is not None}
            return {
                who: there_and_back(fn, *(x.clone().requires_grad_() for x in inputs))
                for who, fn in chosen.items()
            }

        return Contest(f"{name}, forward and backward", prepare, OF_FUSED, **sizes)

    theirs = liger("liger_rms_norm")
    yield contest(
        f"RMSNorm, {R} x {D}",
        {
            "ours": rms_norm,
            "torch.compile": compiled(rms_norm_by_torch),
            "Liger": theirs and (lambda x, w: theirs(x, w, 1e-5)),
        },
        [(R, D), (D,)],
        bytes=5 * 2 * R * D,
    )
    yield contest(
        f"SwiGLU, {R} x {2 * D}",
        {
            "ours": swiglu,
            "torch.compile": compiled(lambda a, b: F.silu(a) * b),
            "Liger": liger("liger_swiglu"),
        },
        [(R, 2 * D), (R, 2 * D)],
        bytes=8 * 2 * R * 2 * D,
    )
    rows = max(R // 2, 1)
    work = f"cross-entropy, {rows} x {V}, forward and backward"
    prepare = partial(_cross_entropy, device, rows, V)
    yield Contest(work, prepare, OF_FUSED, bytes=2 * 2 * rows * V)
    work = f"linear cross-entropy, {rows} x {D} x {V}, forward and backward"
    prepare = partial(_linear_cross_entropy, device, rows, D, V)
    yield Contest(work, prepare, OF_FUSED, flops=3 * 2 * rows * D * V)


def _cross_entropy(device: str, R: int, V: int) -> dict[str, Contestant]:
    original, targets = draw(device, R, V), torch.randint(V, (R,), device=device)
    leaf = original.requires_grad_()

    def contestant(loss_of: Callable) -> Contestant:
        here = []

        def before() -> None:  # in a model logits are what a layer returns, not a leaf
            here[:] = [leaf * 1]

        def run() -> tuple[Tensor, ...]:
            loss = loss_of(here[0], targets)
            return (loss.detach().float(), *torch.autograd.grad(loss, here))

        return Contestant(run, before)

    found = {
        "ours": partial(cross_entropy, inplace=True),
        "ours, logits kept": cross_entropy,
        "torch.compile": compiled(lambda x, ids: F.cross_entropy(x.float(), ids)),
        "Liger": liger("liger_cross_entropy"),
    }
    return {name: contestant(fn) for name, fn in found.items() if fn is not None}


def _linear_cross_entropy(device: str, R: int, D: int, V: int) -> dict[str, Contestant]:
    hidden, weight = draw(device, R, D), 0.02 * draw(device, V, D)
    targets, theirs = (
        torch.randint(V, (R,), device=device),
        liger("liger_fused_linear_cross_entropy"),
    )
    found = {
        "ours": lambda h, w: linear_cross_entropy(h, w, targets, sums=h.dtype),
        "ours, sums in float32": lambda h, w: linear_cross_entropy(h, w, targets),
        "torch.compile": compiled(lambda h, w: F.cross_entropy(F.linear(h, w).float(), targets)),
        "Liger": theirs and (lambda h, w: theirs(h, w, targets)),
    }
    return {
        name: there_and_back(
            lambda h, w, fn=fn: fn(h, w).float(),
            hidden.clone().requires_grad_(),
            weight.clone().requires_grad_(),
        )
        for name, fn in found.items()
        if fn is not None
    }


def rms_norm_by_torch(x: Tensor, weight: Tensor) -> Tensor:
    return F.rms_norm(x, weight.shape, weight, 1e-5)
