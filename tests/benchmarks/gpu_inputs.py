"""What the contests on a GPU share: sizes, inputs, and the others that compete.

Bytes and operations of a contest are the least that the work needs, counted by hand. Inputs are
bfloat16 unless a line says otherwise.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from gpu_contest import Contestant
from torch import Tensor

OF_COPY = 0.85  # targets: our speed over the fastest other's
OF_FUSED, OF_CUBLAS, OF_FORWARD, OF_BOTH = 1.0, 0.8, 0.75, 0.65
BF16 = torch.bfloat16


@dataclass(frozen=True)
class Sizes:
    """FULL fits a GPU with 40 GB and moves at least 64 MB; SMALL tests this file on a CPU."""

    rows: int = 16384
    width: int = 4096
    vocabulary: int = 65536
    parameters: int = 1 << 27
    products: tuple[int, ...] = (1024, 2048, 4096, 8192)
    lengths: tuple[int, ...] = (512, 1024, 2048, 4096, 8192, 16384)
    heads: int = 2048  # numbers in all heads of a position
    gelu: int = 16384


FULL = Sizes()
SMALL = Sizes(24, 20, 37, 50, (33,), (19,), 128, 21)


def draw(device: str, *shape: int, dtype: torch.dtype = BF16, grad: bool = False) -> Tensor:
    return torch.randn(shape, device=device).to(dtype).requires_grad_(grad)


def compiled(fn: Callable) -> Callable:
    """By torch.compile, on a GPU; a CPU needs a C++ compiler and minutes, and proves nothing."""
    return torch.compile(fn, dynamic=False) if torch.cuda.is_available() else fn


def liger(name: str) -> Callable | None:
    """A function of Liger-Kernel, if that is installed; what it returns beside is dropped."""
    try:
        found = getattr(importlib.import_module("liger_kernel.transformers.functional"), name)
    except ImportError:
        return None

    def first(*args: object, **options: object) -> Tensor:
        result = found(*args, **options)
        return result[0] if isinstance(result, tuple) else result

    return first


def simple(run: Callable[..., Tensor], *args: object) -> Contestant:
    return Contestant(lambda: (run(*args),))


def copy(device: str, n_bytes: float) -> Contestant:
    """Half of the bytes read, half of them written."""
    source = torch.zeros(max(1, int(n_bytes / 2)), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def run() -> tuple[Tensor, ...]:
        target.copy_(source)
        return ()

    return Contestant(run)


def there_and_back(fn: Callable, *inputs: Tensor) -> Contestant:
    """Forward, then the gradients of all inputs; some contestants write over what they get."""
    kept = [x.detach().clone() for x in inputs]
    grads: dict[str, Tensor] = {}

    def before() -> None:
        with torch.no_grad():
            for x, original in zip(inputs, kept):
                x.copy_(original)
        if grads:
            grads["fresh"] = grads["kept"].clone()

    def run() -> tuple[Tensor, ...]:
        out = fn(*inputs)
        if not grads:  # before the first run its shape is not known
            grads["kept"] = torch.ones_like(out) if out.ndim == 0 else _like(out)
            grads["fresh"] = grads["kept"].clone()
        return (out, *torch.autograd.grad(out, inputs, grads["fresh"]))

    return Contestant(run, before)


def _like(out: Tensor) -> Tensor:
    """The same numbers for every contestant."""
    wave = torch.arange(out.numel(), device=out.device).remainder_(1009).float().div_(1009)
    return wave.view(out.shape).to(out.dtype)
