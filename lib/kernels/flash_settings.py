"""Tile sizes of the attention kernels, and why these.

A tile of 128 queries reads its keys and values half as often as one of 64: each number that comes
from the L2 cache is used 128 times, and at 64 times Hopper's tensor cores would wait for it. What
limits tiles from above are registers. Sums in float32 and a tile of scores stay in them, 255 is
the most a thread can have, and what does not fit is spilled to memory. So head width 128 takes
eight warps. Head width 64 takes four, for two programs then share a multiprocessor, and one takes
exponentials while the other multiplies. float32 has no such products here (`input_precision` is
"ieee", so that results can be checked), and its tiles are small.

Chosen by compiling for sm_90 and reading registers, spills and shared memory. Where tiles were
measured on the GPU at hand, those are taken (see tuned).
"""

import torch
from torch import Tensor

from lib.kernels.language import next_power_of_2
from lib.kernels.tuned import settings

WIDEST = 256  # head width; wider heads leave no registers for scores
SMALL = 128 * 1024  # bytes of shared memory that a program may have on GPUs made for graphics


def forward_settings(H: int, dtype: torch.dtype, device: torch.device) -> dict[str, int]:
    """For the kernel that computes out."""
    return _tuned("flash_forward", FORWARD, H, dtype, device)


def kv_settings(H: int, dtype: torch.dtype, device: torch.device) -> dict[str, int]:
    """For the kernel that computes dk and dv, two tiles of sums in registers."""
    return _tuned("flash_backward_kv", BACKWARD_KV, H, dtype, device)


def q_settings(H: int, dtype: torch.dtype, device: torch.device) -> dict[str, int]:
    """For the kernel that computes dq."""
    return _tuned("flash_backward_q", BACKWARD_Q, H, dtype, device)


def _tiles(block_q: int, block_k: int, num_warps: int, num_stages: int) -> dict[str, int]:
    names = ("BLOCK_Q", "BLOCK_K", "num_warps", "num_stages")
    return dict(zip(names, (block_q, block_k, num_warps, num_stages), strict=True))


FORWARD = {64: _tiles(128, 64, 4, 3), 128: _tiles(128, 128, 8, 2), 256: _tiles(128, 64, 8, 1)}
BACKWARD_KV = {64: _tiles(64, 128, 8, 2), 128: _tiles(64, 128, 8, 2), 256: _tiles(32, 64, 8, 1)}
BACKWARD_Q = {64: _tiles(128, 128, 8, 2), 128: _tiles(128, 64, 8, 2), 256: _tiles(64, 32, 8, 1)}
NARROW = {64: _tiles(64, 64, 4, 2), 128: _tiles(64, 32, 4, 2), 256: _tiles(32, 16, 4, 1)}
FLOAT32 = {64: _tiles(32, 32, 8, 1), 128: _tiles(32, 32, 8, 1), 256: _tiles(16, 16, 4, 1)}


def _tuned(
    op: str,
    table: dict[int, dict[str, int]],
    H: int,
    dtype: torch.dtype,
    device: torch.device,
) -> dict[str, int]:
    """As measured on this GPU, else from the table, smaller where the GPU is."""
    width = max(64, next_power_of_2(H))
    if dtype == torch.float32:
        return FLOAT32[width]
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        if properties.shared_memory_per_block_optin < SMALL:
            table = NARROW
    return settings(op, table[width], width=width, bits=16)


def head_block(H: int) -> int:
    """The side of tiles along the head: a power of two, and 16 for the tensor cores at least."""
    return max(16, next_power_of_2(H))


def with_whole_vectors(x: Tensor) -> Tensor:
    """`x` with each head's numbers side by side in memory: itself, as a rule, or a copy."""
    return x if x.stride(-1) == 1 else x.contiguous()
