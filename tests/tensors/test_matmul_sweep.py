"""Sweeps over sizes: what a row holds, and that what is recorded comes back."""

import pytest

from lib.tensors.matmul_sweep import record, recorded, sizes, sweep


def test_a_row_holds_size_and_speed():
    (row,) = sweep([5], repeats=3)
    assert row["n"] == 5
    assert row["flops_per_second"] * row["seconds"] == pytest.approx(2 * 5**3)


def test_what_is_recorded_comes_back(tmp_path):
    rows = sweep([3, 4], repeats=1)
    record(rows, "toy", tmp_path / "sweep.csv")
    assert recorded(tmp_path / "sweep.csv") == [{"device": "toy", **row} for row in rows]
    assert recorded(tmp_path / "none.csv") == []


def test_the_sizes_hold_the_cliff_and_every_band():
    assert {1792, 1793} <= set(sizes())
    assert {n % 8 for n in sizes()} >= {0, 1, 2, 4, 7}
