"""A few parameters of unequal shapes, and the same sequence of gradients for every optimizer."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

SHAPES = ((3, 5), (6, 2), (4,), ())


def parameters(shapes=SHAPES, dtype=torch.float64) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    draw = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    return [torch.nn.Parameter(x.to(dtype)) for x in draw]


def descend(
    optimizer: torch.optim.Optimizer, params: Iterable[Tensor], steps: Iterable[int]
) -> None:
    """Take the steps of these numbers. The gradients are of a sine, so of all sizes and signs, and
    differ from step to step; at step 3 the last parameter has none."""
    params = list(params)
    for step in steps:
        for i, p in enumerate(params):
            p.grad = (3 * p.detach() + step + i).sin() * (1 + step % 4)
        if step == 3 and len(params) > 1:
            params[-1].grad = None
        optimizer.step()


def after(make: Callable[..., torch.optim.Optimizer], n_steps: int = 12, **kwargs) -> list[Tensor]:
    """What the parameters are after so many steps of the optimizer that `make` makes."""
    params = parameters(**kwargs)
    descend(make(params), params, range(n_steps))
    return [p.detach() for p in params]
