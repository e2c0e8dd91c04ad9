"""What a forward pass leaves in memory for the backward pass."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from lib.grading.feedback import todo


class Saved(NamedTuple):
    """One piece of memory that is kept. Complete."""

    n_bytes: int
    shape: tuple[int, ...]
    dtype: torch.dtype


def saved_tensors(run: Callable[[], Tensor], parameters: Iterable[Tensor]) -> list[Saved]:
    """What autograd keeps of the operations in run(), the largest first.

    torch.autograd.graph.saved_tensors_hooks shows every tensor that is kept. Several operations may
    keep the same memory, perhaps in other shapes: it counts once, with the shape that came first
    and the bytes of its storage (x.untyped_storage()). Parameters are kept anyway, and not counted,
    nor are views of them.

    run = lambda: (x * x).exp(), x with 10 float32 numbers: x, and what exp returned, which its
    derivative needs: [Saved(40, (10,), torch.float32), Saved(40, (10,), torch.float32)]
    """
    return todo("1.5", "a dict by id of the storage; keep the storages, or ids are used again.")
