"""Packing: items of different lengths into rows of one capacity, with little left empty."""

from bisect import bisect_left, insort
from collections.abc import Sequence


def pack(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Which items share a row: pack([3, 5, 2], 5) -> [[0, 2], [1]].

    Best fit, longest first: each item goes where the least room would be left, else into a new
    row. Within a row items keep their order, and rows are ordered by the first of them.
    """
    if lengths and max(lengths) > capacity:
        raise ValueError(f"An item of length {max(lengths)} fits in no row of {capacity}: cut it.")
    rows: list[list[int]] = []
    open_rows: list[tuple[int, int]] = []  # (room, row), sorted
    for item in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        at = bisect_left(open_rows, (lengths[item], 0))
        if at < len(open_rows):
            room, row = open_rows.pop(at)
        else:
            room, row = capacity, len(rows)
            rows.append([])
        rows[row].append(item)
        if room > lengths[item]:
            insort(open_rows, (room - lengths[item], row))
    return sorted(sorted(row) for row in rows)
