"""Lines and sectors that a warp touches, against closed forms."""

import numpy as np
import pytest

from lib.tensors.transactions import sectors, transactions, used_share

LANES = np.arange(32)


@pytest.mark.parametrize("stride", [1, 2, 3, 8, 31, 32, 33, 64])
def test_strided_loads(stride):
    addresses = 4 * stride * LANES
    assert transactions(addresses) == len({a // 128 for a in addresses.tolist()})
    assert transactions(addresses) == min(32, -(-(4 * stride * 31 + 4) // 128))
    assert sectors(addresses) == min(32, -(-(4 * stride * 31 + 4) // 32))


def test_row_broadcast_and_misaligned():
    assert (transactions(4 * LANES), sectors(4 * LANES), used_share(4 * LANES)) == (1, 4, 1.0)
    assert (transactions(0 * LANES), used_share(0 * LANES)) == (1, 4 / 32)
    assert (transactions(4 * LANES + 4), sectors(4 * LANES + 4)) == (2, 5)
    assert used_share(128 * LANES) == 4 / 32


def test_an_access_may_lie_across_two_lines():
    assert transactions([126], width=4) == 2
    assert transactions(16 * LANES, width=16) == 4
    assert used_share([126], piece=128, width=4) == 4 / 256


def test_no_thread_active_and_nonsense():
    assert transactions([]) == 0
    with pytest.raises(ValueError, match="-4 lies before the start"):
        transactions([-4, 0])
