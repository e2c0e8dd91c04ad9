"""Where the time of a step goes: the operations of PyTorch, how often, and how long."""

from collections.abc import Callable
from typing import NamedTuple

from lib.grading.feedback import todo


class Row(NamedTuple):
    """One kind of operation. Complete."""

    name: str  # as "aten::mm"
    calls: int
    seconds: float  # its own, without those of operations that it calls


def operations(run: Callable[[], object]) -> list[Row]:
    """What one call of run() does, by PyTorch's profiler: the dearest operation first.

    Operations call each other: aten::linear calls aten::matmul, which calls aten::mm, and only the
    last one works. The profiler knows the time of each with those that it calls, and without: its
    *own* time, which is asked for here, since all own times add up to the whole. On a GPU own time
    is that of its kernels.

    Three products of matrices, x @ w1 @ w2 @ w3: one Row with name "aten::mm" and calls 3.
    """
    return todo("1.2", "with torch.profiler.profile(...) as p: run(); then p.key_averages().")
