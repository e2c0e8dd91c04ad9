"""An array that grows at its end: twice as large whenever it is full, so appending stays cheap."""

import numpy as np
from jaxtyping import Shaped
from numpy.typing import DTypeLike


class Grown:
    """Values of one kind, with room behind them."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._room, self._n = np.empty(64, dtype), 0

    def __len__(self) -> int:
        return self._n

    @property
    def values(self) -> Shaped[np.ndarray, " n"]:
        """What has been added so far: a view."""
        return self._room[: self._n]

    def extend(self, new: Shaped[np.ndarray, " m"]) -> None:
        """Add values behind the others."""
        if self._n + len(new) > len(self._room):
            room = np.empty(2 * (self._n + len(new)), self._room.dtype)
            room[: self._n] = self.values
            self._room = room
        self._room[self._n : self._n + len(new)] = new
        self._n += len(new)
