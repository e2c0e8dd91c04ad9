"""Which number format to compute in: the one this machine multiplies fastest, found by trying.

Weights, their gradients and the optimizer's averages stay in float32; activations and matrix
products may be bfloat16, which has float32's range and three digits (mixed precision, Micikevicius
et al., arXiv 1710.03740). On GPUs since 2020, and on CPUs with instructions for it, that is several
times faster. Elsewhere it is slower, as every product is converted back and forth: so we measure.
float16 is not offered: its range makes gradients vanish unless the loss is scaled up.

A model of ours computes in `ModelConfig.compute_dtype`. Others compute under `autocast`.
"""

import contextlib
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

CANDIDATES = ("float32", "bfloat16")  # by the names that ModelConfig uses


@dataclass(frozen=True)
class Precision:
    """The choice, and what was measured: FLOP/s of a matrix product in each format."""

    dtype: str
    speeds: dict[str, float]

    @property
    def gain(self) -> float:
        """How many times faster matrix products are than in float32. A whole step gains less."""
        return self.speeds[self.dtype] / self.speeds["float32"]


def choose_precision(
    device: torch.device | str = "cpu", at_least: float = 1.2, size: int = 512, seconds: float = 0.1
) -> Precision:
    """float32, unless bfloat16 is `at_least` so many times faster at products of `size` cubed.

    Less would be lost on the conversions between the products. A busy machine measures badly:
    read `speeds`, and write the choice into the config of a run that is to be repeated.
    """
    speeds = matmul_speeds(device, CANDIDATES, size, seconds)
    return Precision(faster(speeds, at_least), speeds)


def faster(speeds: dict[str, float], at_least: float) -> str:
    """The fastest format, if it beats float32 by that factor; else float32."""
    best = max(speeds, key=speeds.__getitem__)
    return best if speeds[best] >= at_least * speeds["float32"] else "float32"


def matmul_speeds(
    device: torch.device | str, dtypes: Sequence[str], size: int, seconds: float
) -> dict[str, float]:
    """FLOP/s of the fastest of several products in each format, taken in turns.

    In turns, so that other work on the machine slows all alike; the fastest, as nothing makes a
    product faster than it is. One untimed product each comes first, which chooses the kernel.
    """
    pairs = {name: _operands(size, getattr(torch, name), device) for name in dtypes}
    for a, b in pairs.values():
        _timed_product(a, b)
    best = dict.fromkeys(dtypes, float("inf"))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(best.values()) == float("inf"):
        for name, (a, b) in pairs.items():
            best[name] = min(best[name], _timed_product(a, b))
    return {name: 2 * size**3 / duration for name, duration in best.items()}


def autocast(dtype: str, device: torch.device | str = "cpu") -> AbstractContextManager[object]:
    """Matrix products inside run in this format; with float32, nothing changes.

    Leave it before `backward`, which uses the formats that forward used.
    """
    if dtype == "float32":
        return contextlib.nullcontext()
    if dtype != "bfloat16":
        raise ValueError(f"dtype is {dtype!r}. Choose from {', '.join(map(repr, CANDIDATES))}.")
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)


def _operands(
    size: int, dtype: torch.dtype, device: torch.device | str
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    draw = (torch.randn(size, size, generator=generator) for _ in range(2))
    a, b = (x.to(device, dtype) for x in draw)
    return a, b


def _timed_product(a: torch.Tensor, b: torch.Tensor) -> float:
    """Seconds. On an accelerator, a product is under way when the call returns: wait for it."""
    _wait(a.device)
    start = time.perf_counter()
    a @ b
    _wait(a.device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
