"""Masks of a warp: both sides of a branch are paid where lanes disagree."""

import pytest

from lib.tensors.divergence import Branch, Loop, masked_execution

EVEN = [lane % 2 == 0 for lane in range(32)]


def test_both_sides_are_executed():
    run = masked_execution([1, Branch(EVEN, [5], [3]), 2])
    assert run.slots == 1 + 5 + 3 + 2
    assert run.efficiency == (3 * 32 + 8 * 16) / (11 * 32)
    assert run.masks[1] == tuple(EVEN)
    assert run.masks[6] == tuple(not even for even in EVEN)


def test_agreement_costs_one_side():
    assert masked_execution([Branch([True] * 32, [5], [3])]).slots == 5
    assert masked_execution([Branch([False] * 32, [5], [3])]).efficiency == 1


def test_nested_branches():
    first = [lane < 4 for lane in range(8)]
    even = EVEN[:8]
    run = masked_execution([Branch(first, [Branch(even, [1], [1])], [1])], lanes=8)
    assert [sum(mask) for mask in run.masks] == [2, 2, 4]


def test_a_loop_waits_for_the_last_lane():
    run = masked_execution([Loop([1, 7, 0, 2], [2])], lanes=4)
    assert run.slots == 2 * 7
    assert run.efficiency == 2 * (1 + 7 + 0 + 2) / (4 * 14)


def test_inside_a_branch_only_its_lanes_count():
    run = masked_execution([Branch([True, False], [Loop([2, 9], [1])])], lanes=2)
    assert run.slots == 2


def test_a_condition_for_every_lane():
    with pytest.raises(ValueError, match="32 lanes needs as many conditions or trips, not 3"):
        masked_execution([Branch([True] * 3, [1])])
