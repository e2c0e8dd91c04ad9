"""What kind of machine this is, so that the same cell can ask for more where there is more.

Three tiers, smallest first: "cpu", "gpu" (one GPU) and "gpus" (several). A GPU is one that torch
reaches through CUDA or ROCm; Apple's counts as "cpu", because the lectures' kernels do not run on
it. The environment variable LECTURES_TIER overrides what is found, for instance to see the small
sizes on a big machine.
"""

import os
from collections.abc import Mapping
from functools import cache
from typing import TypeVar

from lib import has_gpu

TIERS = ("cpu", "gpu", "gpus")

T = TypeVar("T")


def tier() -> str:
    """The tier of this machine, or the one that LECTURES_TIER names."""
    chosen = os.environ.get("LECTURES_TIER", "").strip().lower()
    if not chosen:
        return found_tier()
    if chosen not in TIERS:
        raise ValueError(
            f"LECTURES_TIER is {chosen!r}, but a tier is one of {', '.join(TIERS)}. "
            "Set one of these before starting Jupyter, or remove the variable."
        )
    return chosen


def by_tier(*, cpu: T, **larger: T) -> T:
    """The value for this machine: `by_tier(cpu=200, gpu=5_000)`.

    A tier that is not given takes the value of the next smaller one: here several GPUs get 5,000.
    """
    return for_tier({"cpu": cpu, **larger})


def for_tier(values: Mapping[str, T]) -> T:
    """The entry of {tier: value} for this machine, else that of the largest smaller tier."""
    if unknown := sorted(set(values) - set(TIERS)):
        raise ValueError(f"No tier is called {', '.join(unknown)}: use {', '.join(TIERS)}.")
    here = tier()
    for name in reversed(TIERS[: TIERS.index(here) + 1]):
        if name in values:
            return values[name]
    raise ValueError(
        f"This machine is of tier {here!r}, and values are given only for {', '.join(values)}. "
        "Give one for cpu: larger tiers fall back to it."
    )


@cache
def found_tier() -> str:
    """The tier found by asking torch, which is imported only where a GPU driver is present."""
    if not has_gpu():
        return "cpu"
    try:
        import torch

        n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    except (
        ImportError,
        OSError,
    ):  # torch absent, or its libraries do not load: check_environment() says so
        n_gpus = 0
    return TIERS[min(n_gpus, 2)]
