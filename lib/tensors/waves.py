"""Blocks are dealt to multiprocessors in waves, and a last wave costs a full one, however empty.

A matrix product gives every block one tile of the result. With equal tiles and S blocks running at
a time, n blocks take ceil(n / S) waves. So the block count should be a multiple of S, or far above.

The rule is exact when all blocks take equally long, which those of a large product almost do.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """How many blocks run in each wave, of how many that could."""

    waves: list[int]
    slots: int

    @property
    def efficiency(self) -> float:
        """The share of all slots in all waves in which a block ran."""
        return sum(self.waves) / (len(self.waves) * self.slots)


def tiles(M: int, N: int, tile_m: int, tile_n: int) -> int:
    """How many tiles cover an M x N matrix; those at the edge may reach over it."""
    if min(M, N, tile_m, tile_n) < 1:
        raise ValueError(f"Sides are at least 1, not {M} x {N} in tiles of {tile_m} x {tile_n}.")
    return -(-M // tile_m) * -(-N // tile_n)


def wave_schedule(n_blocks: int, n_multiprocessors: int, per_multiprocessor: int = 1) -> Schedule:
    """Deal equal blocks; each multiprocessor runs `per_multiprocessor` of them at a time."""
    slots = n_multiprocessors * per_multiprocessor
    if n_blocks < 1 or slots < 1:
        raise ValueError(
            f"A schedule needs at least one block and one place to run it, not {n_blocks} blocks "
            f"on {n_multiprocessors} multiprocessors with {per_multiprocessor} each."
        )
    full, rest = divmod(n_blocks, slots)
    return Schedule([slots] * full + ([rest] if rest else []), slots)


def matmul_efficiency(
    M: int, N: int, tile_m: int, tile_n: int, n_multiprocessors: int, per_multiprocessor: int = 1
) -> float:
    """The share of the GPU's arithmetic that goes into the M x N result.

    Lost is what tiles compute beyond the edge of the matrix, and what stands idle in the last wave.
    """
    schedule = wave_schedule(tiles(M, N, tile_m, tile_n), n_multiprocessors, per_multiprocessor)
    return M * N / (len(schedule.waves) * schedule.slots * tile_m * tile_n)
