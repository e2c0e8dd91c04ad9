"""What the tests of part 3 call. If you arrange your code in another way, change the line here."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from lib.parallel.comm import Comm
from systems import communication, ddp, fsdp, sharded_optimizer


def all_reduce_seconds(n_bytes: float, n_ranks: int, latency: float, bandwidth: float) -> float:
    return communication.all_reduce_seconds(n_bytes, n_ranks, latency, bandwidth)


def fit(points: list[tuple[int, int, float]]) -> tuple[float, float]:
    """Points are (n_bytes, n_ranks, seconds)."""
    return communication.fit([communication.Point(*point) for point in points])


def measure(comm: Comm, sizes: list[int], repeats: int, clock: Any) -> list[Any]:
    return communication.measure(comm, sizes, repeats, clock)


def broadcast_module(comm: Comm, module: nn.Module) -> None:
    ddp.broadcast_module(comm, module)


def reduce_each(comm: Comm, module: nn.Module) -> None:
    ddp.reduce_each(comm, module)


def reduce_flat(comm: Comm, module: nn.Module) -> None:
    ddp.reduce_flat(comm, module)


def data_parallel(module: nn.Module, comm: Comm, bucket_bytes: int | None = None) -> nn.Module:
    """Has finish_gradient_synchronization()."""
    return ddp.DataParallel(module, comm, bucket_bytes)


def sharded_optimizer_of(
    params: Iterable[Any],
    optimizer_class: type[torch.optim.Optimizer],
    comm: Comm,
    **settings: Any,
) -> torch.optim.Optimizer:
    return sharded_optimizer.ShardedOptimizer(params, optimizer_class, comm, **settings)


def fully_sharded(
    module: nn.Module, comm: Comm, compute_dtype: torch.dtype | None = None
) -> nn.Module:
    """Has finish_gradient_synchronization() and full_weights()."""
    return fsdp.FullySharded(module, comm, compute_dtype)
