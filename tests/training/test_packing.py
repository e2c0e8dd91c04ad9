"""Packing: by hand, and by what must hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.training.packing import pack


def test_by_hand():
    assert pack([3, 5, 2], 5) == [[0, 2], [1]]
    assert pack([2, 2, 2], 5) == [[0, 1], [2]]
    assert pack([], 5) == []
    assert pack([4, 1], 5) == [[0, 1]]
    # best fit, not first fit: the 3 goes beside the 7, and leaves room for the 4 beside the 6
    assert pack([6, 7, 3, 4], 10) == [[0, 3], [1, 2]]


@given(st.lists(st.integers(1, 10), max_size=40))
def test_every_item_is_in_one_row_and_rows_are_full_enough(lengths):
    rows = pack(lengths, 10)
    assert sorted(item for row in rows for item in row) == list(range(len(lengths)))
    used = [sum(lengths[item] for item in row) for row in rows]
    assert all(0 < n <= 10 for n in used)
    assert sum(n <= 5 for n in used) <= 1  # two half-empty rows would have been one


def test_what_fits_nowhere_is_an_error():
    with pytest.raises(ValueError, match="length 6 fits in no row of 5"):
        pack([2, 6], 5)
