"""Who does the work of an op: its kernel on the GPU, its kernel in the interpreter, or its twin.

Every op of this package has a kernel in Triton and a twin in plain PyTorch that means the same.
Tensors on a GPU go to the kernel, tensors on a CPU to the twin. `backend("kernel")` sends tensors
on a CPU through Triton's interpreter instead, which runs the kernel's Python line by line: slowly,
to test and to look at. `backend("twin")` uses the twin everywhere, to compare.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from lib.kernels.language import NoTriton, has_triton, interprets

BACKENDS = ("auto", "kernel", "twin")

_chosen = "auto"


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Inside `with backend("kernel"):` every op uses it, also in the backward pass run there."""
    global _chosen
    if name not in BACKENDS:
        raise ValueError(f"There is no backend {name!r}: choose from {', '.join(BACKENDS)}.")
    before, _chosen = _chosen, name
    try:
        yield
    finally:
        _chosen = before


def runs_kernel(x: Tensor) -> bool:
    """Whether an op on `x` should launch its kernel; False means its twin."""
    if _chosen == "twin" or (_chosen == "auto" and not x.is_cuda):
        return False
    if not has_triton():
        if _chosen == "auto":
            return False
        raise NoTriton
    if not (x.is_cuda or interprets()):
        raise RuntimeError(
            f"The kernels of this process are compiled for a GPU, and the tensor is on {x.device}. "
            'Move it with .to("cuda"), or run the function in the interpreter, which needs a '
            "process of its own: lib.kernels.interpret.run_interpreted(function, *tensors)."
        )
    if x.is_cuda and not torch.compiler.is_compiling():
        _check_current(x)
    return True


def _check_current(x: Tensor) -> None:
    """Kernels are launched on the current GPU, whatever tensors they get."""
    if x.device.index != torch.cuda.current_device():
        raise RuntimeError(
            f"Kernels run on the current GPU, {torch.cuda.current_device()}, and the tensor is on "
            f"{x.device}. Call torch.cuda.set_device({x.device.index}) first."
        )
