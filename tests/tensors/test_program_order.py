"""Orders of output tiles, against an example that one can draw on paper."""

import pytest

from lib.tensors.program_order import grouped_order, loads_for, row_major_order


def test_nine_by_nine():
    assert loads_for(row_major_order(9, 9), n_inner=9, count=9) == 9 + 81 == 90
    assert loads_for(grouped_order(9, 9, group=3), n_inner=9, count=9) == 27 + 27 == 54


@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (1, 4)])
@pytest.mark.parametrize("group", [1, 2, 3, 8])
def test_every_tile_once(shape, group):
    order = grouped_order(*shape, group)
    assert sorted(order) == row_major_order(*shape)
    assert loads_for(order, n_inner=2) == 2 * sum(shape)


def test_bands_go_column_by_column():
    assert grouped_order(3, 2, group=2) == [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (2, 1)]
    assert grouped_order(4, 3, group=1) == row_major_order(4, 3)
