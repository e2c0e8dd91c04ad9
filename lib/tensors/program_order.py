"""In which order the tiles of a matrix product are computed, and what the order makes one load.

Programs start in the order of their ids, so neighbours in the order run at about the same time, and
share what they load through the cache. A row of output tiles needs one row of A and the whole of B;
a square of as many needs a few rows of A and a few columns of B.
"""

from collections.abc import Sequence

Tile = tuple[int, int]  # row and column, counted in tiles


def row_major_order(n_rows: int, n_columns: int) -> list[Tile]:
    """Row after row."""
    return [divmod(pid, n_columns) for pid in range(n_rows * n_columns)]


def grouped_order(n_rows: int, n_columns: int, group: int) -> list[Tile]:
    """Bands of `group` rows, in each band column after column; the last band may be lower."""
    order = []
    for pid in range(n_rows * n_columns):
        band, inside = divmod(pid, group * n_columns)
        height = min(group, n_rows - band * group)
        order.append((band * group + inside % height, inside // height))
    return order


def loads_for(order: Sequence[Tile], n_inner: int, count: int | None = None) -> int:
    """Tiles of A and B that the first `count` outputs need, each loaded once.

    Output (i, j) is the product of row i of A and column j of B, `n_inner` tiles each.
    """
    first = order if count is None else order[:count]
    rows, columns = {i for i, _ in first}, {j for _, j in first}
    return n_inner * (len(rows) + len(columns))
