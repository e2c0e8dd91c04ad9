"""What the tests of part 1 call. If you arrange your code in another way, change the line here."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from systems import benchmark as timing
from systems import checkpointing, memory, mixed_precision, profiling


def mean_and_sd(seconds: list[float]) -> tuple[float, float]:
    return timing.mean_and_sd(seconds)


def time_runs(
    run: Callable[[], object],
    warmups: int,
    repeats: int,
    synchronize: Callable[[], object],
    clock: Callable[[], float],
) -> list[float]:
    return timing.time_runs(run, warmups, repeats, synchronize, clock)


def run_once(
    model: nn.Module, optimizer: torch.optim.Optimizer, ids: Tensor, targets: Tensor, what: str
) -> None:
    timing.run_once(model, optimizer, ids, targets, what)


def benchmark(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    ids: Tensor,
    targets: Tensor,
    what: str,
    **settings: Any,
) -> tuple[float, float]:
    """Settings: warmups, repeats, synchronize, clock."""
    return timing.benchmark(model, optimizer, ids, targets, what, **settings)


def operations(run: Callable[[], object]) -> list[Any]:
    """Rows with name, calls and seconds."""
    return profiling.operations(run)


def types_inside(
    model: nn.Module, x: Tensor, targets: Tensor, dtype: torch.dtype
) -> dict[str, torch.dtype]:
    return mixed_precision.types_inside(model, x, targets, dtype)


def saved_tensors(run: Callable[[], Tensor], parameters: Iterable[Tensor]) -> list[Any]:
    """Rows with n_bytes, shape and dtype."""
    return memory.saved_tensors(run, parameters)


def in_segments(blocks: Sequence[Callable[[Tensor], Tensor]], x: Tensor, size: int) -> Tensor:
    return checkpointing.in_segments(blocks, x, size)


def recursive(blocks: Sequence[Callable[[Tensor], Tensor]], x: Tensor) -> Tensor:
    return checkpointing.recursive(blocks, x)
