"""Which tiles a matrix product is made of, where nobody has measured better ones (see tuned).

A tile of m x n numbers takes m + n loads for each step along K and gives m n sums: big tiles load
less for each sum. But there must be enough of them for all multiprocessors, and two warpgroups have
registers for 128 x 256 sums and little more.

Letters: M rows, N columns of the product.
"""

import torch
from torch import Tensor

from lib.kernels.language import cdiv

GROUP = 8  # rows of tiles that are made together, see matmul.program_of
ENOUGH = 100  # tiles, about one for each multiprocessor

# A100, H100, B200 and their kin have more than 150 kB of shared memory; cards for desktops 100 kB.
BIG_MEMORY = ((8, 0), (9, 0), (10, 0), (10, 3))


def tile_shape(
    M: int, N: int, dtype: torch.dtype, *, keep: bool = False, big_memory: bool = True
) -> dict[str, int]:
    """Tile, warps and stages; `keep`: more is done with a tile than storing it, in registers."""
    tiles = cdiv(M, 128) * cdiv(N, 128)
    if dtype == torch.float32:  # exact products are not for tensor cores
        if float32_precision() == "ieee" or tiles < ENOUGH:
            return _settings(64, 64, 32, warps=4, stages=3)
        return _settings(128, 128, 32, warps=8, stages=3)
    if M <= 16:
        return _settings(16, 64, 128, warps=4, stages=4)
    if tiles < ENOUGH:
        return _settings(64, 64, 64, warps=4, stages=4)
    if not big_memory:
        return _settings(128, 128, 32, warps=8, stages=4)
    if keep or cdiv(M, 128) * cdiv(N, 256) < ENOUGH:
        return _settings(128, 128, 64, warps=8, stages=3)  # room for two at once
    return _settings(128, 256, 64, warps=8, stages=3)


def _settings(m: int, n: int, k: int, *, warps: int, stages: int) -> dict[str, int]:
    return {"BLOCK_M": m, "BLOCK_N": n, "BLOCK_K": k, "num_warps": warps, "num_stages": stages}


def has_big_memory(x: Tensor) -> bool:
    """Whether the GPU that holds x has room for the biggest tiles."""
    return not x.is_cuda or torch.cuda.get_device_capability(x.device) in BIG_MEMORY


def float32_precision() -> str:
    """How products of float32 are made, as `torch.set_float32_matmul_precision` says it."""
    return "ieee" if torch.get_float32_matmul_precision() == "highest" else "tf32"
