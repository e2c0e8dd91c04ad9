"""Occupancy, against cases worked by hand: each resource is the scarce one once."""

import pytest

from lib.tensors.gpu_spec import gpu_spec
from lib.tensors.occupancy import Occupancy, block_limits, occupancy

H100, A100 = gpu_spec("H100"), gpu_spec("A100 80GB")


def test_each_limit():
    assert occupancy(256, 32, 0, H100) == Occupancy(8, 64, 1.0, "threads")
    assert occupancy(32, 32, 0, H100) == Occupancy(32, 32, 0.5, "blocks")
    assert occupancy(256, 255, 0, H100) == Occupancy(1, 8, 0.125, "registers")
    # 100 KB and the kilobyte of the system: two fit into 228 KB
    assert occupancy(128, 32, 100 * 1024, H100) == Occupancy(2, 8, 0.125, "shared memory")


def test_portions_are_rounded_up():
    # 33 registers x 32 threads = 1056, in portions of 256: 1280; 12 warps for each scheduler
    assert block_limits(128, 33, 0, A100)["registers"] == 4 * (16384 // 1280) // 4 == 12
    # the rest of each quarter is too small for one more warp: 48 of the 51 that 65536 would feed
    assert block_limits(32, 33, 0, A100)["registers"] == 48
    assert occupancy(129, 32, 0, A100).blocks == 64 // 5  # five warps


def test_too_much_for_any_block():
    assert occupancy(128, 32, 164 * 1024, A100).blocks == 0
    assert occupancy(128, 32, 163 * 1024, A100).blocks == 1


def test_nonsense_is_explained():
    with pytest.raises(ValueError, match=r"1 to 1024 threads.*not 2048"):
        occupancy(2048, 32, 0, A100)
