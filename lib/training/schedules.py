"""The learning rate over time: plain functions from a step to a multiplier of the highest rate.

All begin with a linear warm-up from 0: `step / n_warmup` for steps below `n_warmup`. Steps from
`n_steps` on stay at the last value. Numbered from 0, the first step with a warm-up moves nothing;
number from 1 and none is wasted.
"""

import math
from collections.abc import Callable

import torch


def constant(step: int, n_steps: int, n_warmup: int = 0) -> float:
    """The highest rate, after the warm-up."""
    _check(n_steps, n_warmup)
    return min(1.0, step / n_warmup) if n_warmup else 1.0


def linear(step: int, n_steps: int, n_warmup: int = 0, floor: float = 0.0) -> float:
    """In a straight line down to `floor`."""
    _check(n_steps, n_warmup)
    if step < n_warmup:
        return step / n_warmup
    return 1 - (1 - floor) * _progress(step, n_warmup, n_steps)


def cosine(step: int, n_steps: int, n_warmup: int = 0, floor: float = 0.1) -> float:
    """Half a cosine wave down to `floor` (Loshchilov & Hutter, arXiv 1608.03983, without restarts).

    Its form depends on `n_steps`: a run for another length is another run from the start.
    """
    _check(n_steps, n_warmup)
    if step < n_warmup:
        return step / n_warmup
    wave = (1 + math.cos(math.pi * _progress(step, n_warmup, n_steps))) / 2
    return floor + (1 - floor) * wave


def wsd(
    step: int,
    n_steps: int | None,
    n_warmup: int = 0,
    n_decay: int | None = None,
    floor: float = 0.0,
) -> float:
    """Warm up, stay, decay linearly over the last `n_decay` steps, a tenth of all unless given.

    With n_steps=None it stays forever: the trunk of runs that end at different `n_steps`. Each
    equals the trunk until its own decay begins, so it can branch off a checkpoint of the trunk
    (MiniCPM, arXiv 2404.06395). `branch_points` says where.
    """
    if n_steps is None:
        return constant(step, n_warmup, n_warmup)
    start = _decay_start(n_steps, n_decay)
    _check(start, n_warmup)
    if step < n_warmup:
        return step / n_warmup
    return 1 - (1 - floor) * _progress(step, start, n_steps)


def stairs(
    step: int,
    n_steps: int,
    n_warmup: int = 0,
    at: tuple[float, ...] = (0.8, 0.9),
    factor: float = math.sqrt(0.1),
) -> float:
    """Multiplied by `factor` after each share of the steps in `at`.

    The defaults are those of DeepSeek LLM: 1, then 0.316, then 0.1 (arXiv 2401.02954, section 2.3).
    """
    _check(n_steps, n_warmup)
    if step < n_warmup:
        return step / n_warmup
    return factor ** sum(step >= share * n_steps for share in at)


SCHEDULES: dict[str, Callable[..., float]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "wsd": wsd,
    "stairs": stairs,
}


def branch_points(ends: list[int], n_decay: int | None = None) -> dict[int, int]:
    """For runs that end at these steps: the step of the trunk from whose checkpoint each decays."""
    return {end: _decay_start(end, n_decay) for end in ends}


def steps_to_run(ends: list[int], n_decay: int | None = None) -> dict[str, int]:
    """Steps in all for a finished model at each of the ends: every cosine anew, or one trunk."""
    starts = branch_points(ends, n_decay)
    decays = sum(end - start for end, start in starts.items())
    return {"cosine": sum(starts), "wsd": max(starts.values(), default=0) + decays}


def scale_lr(optimizer: torch.optim.Optimizer, multiplier: float) -> None:
    """Set every group's lr to the multiple of what it was at first, remembered as "initial_lr"."""
    for group in optimizer.param_groups:
        group["lr"] = multiplier * group.setdefault("initial_lr", group["lr"])


def _progress(step: int, start: int, end: int) -> float:
    """0 at the start, 1 from the end on."""
    return min(1.0, max(0.0, (step - start) / (end - start))) if end > start else float(step >= end)


def _decay_start(n_steps: int, n_decay: int | None) -> int:
    n_decay = round(n_steps / 10) if n_decay is None else n_decay
    if not 0 <= n_decay <= n_steps:
        raise ValueError(f"A decay over {n_decay} steps does not fit into {n_steps} steps.")
    return n_steps - n_decay


def _check(n_steps: int, n_warmup: int) -> None:
    if not 0 <= n_warmup <= n_steps:
        raise ValueError(
            f"A warm-up of {n_warmup} steps does not fit into the {n_steps} steps before the "
            "rate should fall or end. Shorten n_warmup, or train for more steps."
        )
