"""Waves, against counting by hand and against dealing blocks one by one."""

import pytest

from lib.tensors.waves import matmul_efficiency, tiles, wave_schedule


def test_the_cliff_of_the_a100():
    assert tiles(1792, 1792, 256, 128) == 7 * 14 == 98
    assert tiles(1793, 1793, 256, 128) == 8 * 15 == 120
    assert wave_schedule(98, 108).waves == [98]
    assert wave_schedule(120, 108).waves == [108, 12]
    assert wave_schedule(120, 108).efficiency == 120 / 216
    assert matmul_efficiency(1792, 1792, 256, 128, 108) == 98 / 108


@pytest.mark.parametrize("n_blocks", [1, 6, 7, 13, 14, 15])
def test_like_dealing_one_by_one(n_blocks):
    schedule = wave_schedule(n_blocks, 7)
    waves = [0]
    for _ in range(n_blocks):
        if waves[-1] == 7:
            waves.append(0)
        waves[-1] += 1
    assert schedule.waves == waves
    assert schedule.efficiency == n_blocks / (7 * len(waves))


def test_two_blocks_on_each_multiprocessor():
    assert wave_schedule(15, 7, per_multiprocessor=2).waves == [14, 1]


def test_what_lies_beyond_the_edge_is_lost():
    assert matmul_efficiency(3, 5, 2, 4, n_multiprocessors=4) == 15 / 32


def test_nothing_to_deal_is_explained():
    with pytest.raises(ValueError, match="at least one block"):
        wave_schedule(0, 108)
    with pytest.raises(ValueError, match="0 x 3 in tiles of 2 x 2"):
        tiles(0, 3, 2, 2)
