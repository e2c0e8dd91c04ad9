"""Bank conflicts: the greatest common divisor of stride and banks, and none when swizzled."""

from math import gcd

import numpy as np
import pytest

from lib.tensors.banks import bank_conflicts, swizzled

LANES = np.arange(32)


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 6, 31, 32, 33, 48])
def test_strides_conflict_by_their_common_divisor(stride):
    assert bank_conflicts(4 * stride * LANES) == gcd(stride, 32)


def test_the_same_word_is_no_conflict():
    assert bank_conflicts(0 * LANES) == 1
    assert bank_conflicts(np.repeat(128 * np.arange(2), 16)) == 2  # two words, one bank
    assert bank_conflicts([]) == 0


def test_swizzling_serves_rows_and_columns():
    for i in range(32):
        assert bank_conflicts(4 * (32 * LANES + i)) == 32  # a column as it is
        assert bank_conflicts(4 * (32 * LANES + swizzled(LANES, i))) == 1
        assert bank_conflicts(4 * (32 * i + swizzled(i, LANES))) == 1


def test_swizzling_loses_nothing():
    for columns in (4, 32):
        for row in range(40):
            assert sorted(swizzled(row, c, columns) for c in range(columns)) == list(range(columns))
    with pytest.raises(ValueError, match="power of two of columns, and 24 is none"):
        swizzled(0, 0, columns=24)
