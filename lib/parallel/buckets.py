"""Gradients in buckets: few enough messages to be fast, early enough to travel during backward.

One message for each parameter costs a latency each time. One message for all of them cannot leave
before the last gradient exists. Buckets are between the two. They are filled in reverse order, as
the last layers have their gradients first; the first bucket is small, so that it leaves early.

Letters: n ranks.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lib.parallel.flat import FlatLayout

MB = 1 << 20
Named = list[tuple[str, nn.Parameter]]


class Bucket:
    """Some parameters, and the memory in which their gradients lie end to end."""

    def __init__(self, named: Named, n_ranks: int = 1) -> None:
        self.names, self.params = [name for name, _ in named], [p for _, p in named]
        self.layout = FlatLayout([tuple(p.shape) for p in self.params], n_ranks)
        self.flat: Tensor | None = None
        self.views: list[Tensor] = []

    @property
    def n_bytes(self) -> int:
        """Of all gradients, with the zeros behind them."""
        return self.layout.total * self.params[0].element_size()

    def allocate(self) -> Tensor:
        """Have memory. What it holds is not defined before it is filled, but for the end."""
        if self.flat is None:
            like = self.params[0]
            self.flat = torch.empty(self.layout.total, dtype=like.dtype, device=like.device)
            self.flat[sum(self.layout.sizes) :] = 0
            self.views = self.layout.views(self.flat)
        return self.flat

    def take(self, i: int, share: float = 1.0) -> None:
        """Move the i-th parameter's gradient here, times `share`; backward adds to it here then."""
        self.allocate()
        p, view = self.params[i], self.views[i]
        if p.grad is not view:
            torch.mul(p.grad, share, out=view)  # one walk through memory for both
            p.grad = view
        elif share != 1.0:
            view.mul_(share)

    def take_nothing(self, i: int) -> None:
        """Zeros for a parameter without a gradient: all ranks need something to add."""
        self.allocate()
        self.views[i].zero_()
        self.params[i].grad = self.views[i]

    def release(self) -> None:
        """Give the memory back, and the gradients with it."""
        for p in self.params:
            p.grad = None
        self.flat, self.views = None, []


def make_buckets(
    named: Iterable[tuple[str, nn.Parameter]],
    bucket_bytes: int = 25 * MB,
    first_bytes: int = MB,
    n_ranks: int = 1,
) -> list[Bucket]:
    """All parameters that learn, in reverse order: a bucket is closed when it has enough bytes.

    A parameter that occurs twice is taken once. Kinds of numbers and devices are not mixed.
    """
    check_bytes(bucket_bytes, first_bytes)
    buckets: list[Bucket] = []
    open_buckets: dict[tuple[torch.dtype, torch.device], Named] = {}
    for name, p in reversed(list(unique(named))):
        kind = (p.dtype, p.device)
        filling = open_buckets.setdefault(kind, [])
        filling.append((name, p))
        limit = bucket_bytes if buckets else min(first_bytes, bucket_bytes)
        if sum(p.numel() * p.element_size() for _, p in filling) >= limit:
            buckets.append(Bucket(open_buckets.pop(kind), n_ranks))
    return buckets + [Bucket(filling, n_ranks) for filling in open_buckets.values()]


def unique(named: Iterable[tuple[str, nn.Parameter]]) -> Named:
    """Every parameter that learns, once, in order."""
    first: dict[nn.Parameter, str] = {}  # a tensor is equal to itself alone, as a key
    for name, p in named:
        if p.requires_grad:
            first.setdefault(p, name)
    return [(name, p) for p, name in first.items()]


def check_bytes(bucket_bytes: int, first_bytes: int) -> None:
    if min(bucket_bytes, first_bytes) < 1:
        raise ValueError(
            f"A bucket of {min(bucket_bytes, first_bytes)} bytes holds no gradient. Choose from 1, "
            f"which is one message for each parameter, to a model's size; {25 * MB} is usual."
        )
