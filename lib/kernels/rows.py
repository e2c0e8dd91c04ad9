"""How tensors become rows, and how many rows of which width a program takes.

Softmax, sums and norms work along the last axis; whatever lies before it are rows. A row must lie
in one piece, while rows may be further apart than they are long: halves of a tensor are not copied.
Letters: R rows, D their width.
"""

import functools

import torch
from torch import Tensor

from lib.kernels.language import cdiv, next_power_of_2

TILE = 1024  # numbers a program should have at least: less would leave its 128 threads idle
PER_THREAD = 16  # numbers of a wide row that a thread holds: two loads of 16 bytes in bfloat16


def as_rows(x: Tensor) -> Tensor:
    """`x` as (R, D), of the same memory where rows are equally far apart, else a copy."""
    width = x.shape[-1]
    if x.ndim != 2:  # reshape cannot guess how many rows of width zero there are
        x = x.reshape(-1, width) if width else x.new_empty(x.shape[:-1].numel(), 0)
    return x if x.stride(1) == 1 or width == 1 else x.contiguous()


def row_tile(width: int, tile: int = TILE) -> tuple[int, int, int]:
    """(rows, columns, warps) of a program that holds its rows whole; both sides powers of two."""
    columns = next_power_of_2(width)
    rows = max(1, tile // columns)
    warps = rows * columns // (32 * PER_THREAD)
    return rows, columns, min(max(warps, 4), 16)


def n_staying_programs(x: Tensor, most: int, warps: int, fit: int) -> int:
    """Programs that are all on the GPU at once; fewer where there is work for `most` only.

    `fit` is how many warps fit on a multiprocessor: its registers, 65,536, over those of a warp.
    """
    return max(1, min(most, cdiv(fit, warps) * _multiprocessors(x.device)))


@functools.cache
def _multiprocessors(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).multi_processor_count
    return 1  # in the interpreter programs run one after the other
