"""Occupancy: how many warps a multiprocessor can hold, and what keeps it from holding more.

A warp that waits for memory costs nothing if another one can run meanwhile, so a multiprocessor
wants many of them. But every block needs threads, registers and shared memory from its first to
its last instruction, and the scarcest of them decides how many blocks fit.

What the hardware rounds up is rounded up: registers are given to a warp in portions of 256, a
warp's registers lie with one of the four schedulers, shared memory comes in portions of 128 bytes
plus what the system reserves per block.
"""

from dataclasses import dataclass

from lib.tensors.gpu_spec import GPUSpec

REGISTER_PORTION = 256  # per warp
SHARED_PORTION = 128  # bytes
MOST_REGISTERS = 255  # per thread
MOST_THREADS = 1024  # per block


@dataclass(frozen=True)
class Occupancy:
    """Blocks and warps on one multiprocessor."""

    blocks: int
    warps: int
    fraction: float  # of the warps that it could hold
    limit: str  # "threads", "blocks", "registers" or "shared memory"


def occupancy(threads: int, registers: int, shared_bytes: int, spec: GPUSpec) -> Occupancy:
    """For blocks of so many threads, registers per thread, and bytes of shared memory per block.

    0 blocks means that it cannot be launched at all.
    """
    limits = block_limits(threads, registers, shared_bytes, spec)
    limit = min(limits, key=limits.__getitem__)  # of equals, the first named
    warps = limits[limit] * _up(threads, spec.warp) // spec.warp
    return Occupancy(limits[limit], warps, warps / spec.warps, limit)


def block_limits(threads: int, registers: int, shared_bytes: int, spec: GPUSpec) -> dict[str, int]:
    """How many blocks would fit if only this were scarce."""
    if not (0 < threads <= MOST_THREADS and 0 < registers <= MOST_REGISTERS and shared_bytes >= 0):
        raise ValueError(
            f"A block has 1 to {MOST_THREADS} threads with 1 to {MOST_REGISTERS} registers each, "
            f"not {threads} with {registers}; shared memory is not negative ({shared_bytes})."
        )
    warps = _up(threads, spec.warp) // spec.warp
    per_warp = _up(registers * spec.warp, REGISTER_PORTION)
    warps_with_registers = spec.schedulers * (spec.registers // spec.schedulers // per_warp)
    shared = _up(shared_bytes, SHARED_PORTION) + spec.reserved_bytes
    return {
        "threads": spec.warps // warps,
        "blocks": spec.blocks,
        "registers": warps_with_registers // warps,
        "shared memory": spec.shared_bytes // shared,
    }


def _up(n: int, portion: int) -> int:
    return -(-n // portion) * portion
