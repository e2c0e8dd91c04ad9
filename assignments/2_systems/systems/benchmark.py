"""How long a step takes, measured so that the number means something."""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lib.grading.feedback import todo

WHAT = ("forward", "forward_backward", "step")


def mean_and_sd(seconds: list[float]) -> tuple[float, float]:
    """The mean, and the standard deviation of a sample: sqrt(sum of squared distances / (n - 1)).

    Of a single measurement nobody knows how much it varies: then the deviation is nan.

    mean_and_sd([1.0, 3.0])  ->  (2.0, 1.4142...), since the distances are -1 and 1, and n - 1 is 1
    """
    return todo("1.1", "the module statistics has both; mind the case of one number.")


def time_runs(
    run: Callable[[], object],
    warmups: int,
    repeats: int,
    synchronize: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Seconds of each of `repeats` calls of run(), after `warmups` calls that are not measured.

    A GPU is told what to do and works on its own: `run` returns before the work is done, and
    `synchronize` waits until all of it is. So the clock is read when nothing is under way, and
    again when everything is done. Nothing else may happen between the two looks at the clock.

    On a device where the first call takes 9 s and each later one 1 s:
    time_runs(run, 1, 3, ...)  ->  [1.0, 1.0, 1.0]
    """
    return todo(
        "1.1", "warm up, synchronize; then for each repeat: clock, run, synchronize, clock."
    )


def run_once(
    model: nn.Module, optimizer: torch.optim.Optimizer, ids: Tensor, targets: Tensor, what: str
) -> None:
    """One run of what is to be measured, with `loss_of` of systems/model.py.

    "forward": the loss, without a graph (torch.no_grad).
    "forward_backward": gradients set to None, the loss, its backward pass.
    "step": the same, and then one step of the optimizer.
    ValueError for anything else.
    """
    todo("1.1", "optimizer.zero_grad(set_to_none=True) comes first, or gradients add up.")


def benchmark(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    ids: Tensor,
    targets: Tensor,
    what: str,
    warmups: int = 5,
    repeats: int = 10,
    synchronize: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Mean and standard deviation in seconds of `run_once`, all functions above together."""
    return todo("1.1", "mean_and_sd(time_runs(lambda: run_once(...), ...))")
