"""Ranks in a grid: one axis for each way to cut, and groups of ranks along each of them.

With Grid(dp=2, tp=4) rank 6 is at dp 1, tp 2. Its tensor-parallel group is {4, 5, 6, 7}, those that
differ from it in tp alone, its data-parallel group {2, 6}. The last axis is the innermost: its
groups are neighbours. Ranks are numbered node by node, so what talks most comes last: tp, which
meets in every layer, inside a node; dp, which meets once a step and can wait, across nodes.
"""

import math
from itertools import product

from lib.parallel.comm import Comm


class Grid:
    """The numbers alone. Axes in the order given, the innermost last."""

    def __init__(self, **sizes: int) -> None:
        for axis, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"{axis} counts ranks: a whole number from 1 up, not {size!r}.")
        self.sizes = sizes

    @property
    def n_ranks(self) -> int:
        return math.prod(self.sizes.values())

    def coordinates(self, rank: int) -> dict[str, int]:
        """Where a rank is, on each axis."""
        found = {}
        for axis in reversed(self.sizes):
            rank, found[axis] = divmod(rank, self.sizes[axis])
        return {axis: found[axis] for axis in self.sizes}

    def rank_at(self, **place: int) -> int:
        """The rank at a place; where an axis is not named, at its beginning."""
        self._check(*place)
        rank = 0
        for axis, size in self.sizes.items():
            rank = rank * size + place.get(axis, 0)
        return rank

    def groups(self, *axes: str) -> list[list[int]]:
        """Ranks that differ along these axes alone; each rank is in one group.

        Inside a group they are in the order of their numbers.
        """
        self._check(*axes)
        found: dict[tuple, list[int]] = {}
        for rank in range(self.n_ranks):
            place = self.coordinates(rank)
            elsewhere = tuple(place[axis] for axis in self.sizes if axis not in axes)
            found.setdefault(elsewhere, []).append(rank)
        return list(found.values())

    def nodes_of(self, *axes: str, per_node: int) -> int:
        """Over how many nodes of `per_node` ranks a group along these axes is spread, at most."""
        return max(len({rank // per_node for rank in group}) for group in self.groups(*axes))

    def table(self) -> list[tuple[int, dict[str, int]]]:
        """Every rank, and where it is."""
        places = product(*(range(size) for size in self.sizes.values()))
        return [(rank, dict(zip(self.sizes, place))) for rank, place in enumerate(places)]

    def _check(self, *axes: str) -> None:
        for axis in axes:
            if axis not in self.sizes:
                raise ValueError(
                    f"There is no axis {axis!r} here, only {', '.join(self.sizes) or 'none'}. Give "
                    "it a size when making the grid, 1 if nothing is cut that way."
                )

    def __repr__(self) -> str:
        return f"Grid({', '.join(f'{axis}={size}' for axis, size in self.sizes.items())})"


class Mesh:
    """A grid of the ranks of a Comm, with a Comm for each group that this rank is in.

        mesh = Mesh(comm, dp=2, tp=2)
        mesh["tp"].all_reduce(x)         # over the two ranks that share a model
        mesh["dp", "cp"]                 # all that have the same weights

    A Comm is made when it is first asked for, so all ranks ask for the same ones in the same order.
    """

    def __init__(self, comm: Comm, **sizes: int) -> None:
        self.comm, self.grid = comm, Grid(**sizes)
        if self.grid.n_ranks != comm.n_ranks:
            shape = " x ".join(f"{axis} {size}" for axis, size in sizes.items()) or "nothing"
            raise ValueError(
                f"{shape} makes {self.grid.n_ranks} places, and there are {comm.n_ranks} ranks. "
                "Sizes have to multiply to the number of ranks."
            )
        self._comms: dict[tuple[str, ...], Comm] = {}

    def __getitem__(self, axes: str | tuple[str, ...]) -> Comm:
        named = (axes,) if isinstance(axes, str) else axes
        groups = self.grid.groups(*named)
        key = tuple(axis for axis in self.grid.sizes if axis in named)
        if key not in self._comms:
            self._comms[key] = self.comm.split(groups)
        return self._comms[key]

    def along(self, *axes: str) -> Comm:
        """The Comm along those of these axes that there are; if none, of this rank alone."""
        return self[tuple(axis for axis in axes if axis in self.grid.sizes)]

    @property
    def coordinates(self) -> dict[str, int]:
        """Where this rank is."""
        return self.grid.coordinates(self.comm.rank)
