"""Comparisons that explain themselves: what counts as a difference, and what is said about it."""

import math

import numpy as np
import pytest
import torch

from lib.grading.feedback import Difference, NotWritten, holds, same, todo


@pytest.mark.parametrize(
    ("yours", "expected"),
    [
        (3, 3.0),
        (np.int64(3), 3),
        ("ab", "ab"),
        ([1, (2, b"c")], [1, (2, b"c")]),
        ({"a": [math.nan]}, {"a": [math.nan]}),
        (torch.tensor([1.0, math.nan]), torch.tensor([1.0, math.nan])),
        (torch.nn.Parameter(torch.ones(2)), torch.ones(2)),
        (np.zeros((2, 3)), np.zeros((2, 3))),
        (None, None),
        ({1, 2}, {2, 1}),
        (torch.zeros(0), torch.zeros(0)),
    ],
)
def test_equal_values_pass(yours, expected):
    same(yours, expected, given="")


@pytest.mark.parametrize(
    ("yours", "expected", "said"),
    [
        (3, 4, "differ by 1."),
        (True, 1, "type bool, expected is int"),
        (1, True, "type int, expected is bool"),
        (math.nan, 1.0, "differ by nan"),
        (None, [1], "type NoneType, expected is list"),
        ((1, 2), [1, 2], "type tuple, expected is list"),
        ([5, 7, 1], [5, 7, 2], "first at position 2: 1 instead of 2"),
        ([5, 7], [5, 7, 2], "length 2, expected is 3"),
        ([[1], [2, 9]], [[1], [2, 3]], "position 1: 9 instead of 3"),
        ("abcd", "abxd", "position 2: 'abcd' instead of 'abxd'"),
        (b"ab", b"a", "length 2, expected is 1"),
        ({1: b"a"}, {1: b"b"}, "At key 1: b'a' instead of b'b'"),
        ({}, {1: 2}, "no key 1"),
        ({1: 2, 3: 4}, {1: 2}, "has the key 3, which should not"),
        ({1}, {1, 2}, "lacks 2"),
        ({1, 2}, {1}, "has 2 too many"),
        (torch.zeros(2, 3), torch.zeros(3, 2), "shape (2, 3), expected is (3, 2)"),
        (
            torch.zeros(2),
            torch.zeros(2, dtype=torch.float64),
            "torch.float32, expected is torch.fl",
        ),
        (torch.tensor([[0, 1], [5, 3]]), torch.tensor([[0, 1], [2, 3]]), "[1, 0] 5 instead of 2"),
        (
            torch.tensor([math.nan, 2]),
            torch.tensor([1.0, 2]),
            "1 of 2 elements differ, by up to inf",
        ),
        ([0.5], torch.tensor([0.5]), "type list, expected is Tensor"),
    ],
)
def test_the_first_difference_is_named(yours, expected, said):
    with pytest.raises(Difference) as caught:
        same(yours, expected, given="these words")
    assert said in caught.value.rule
    assert "these words" in str(caught.value)


def test_a_tolerance_is_absolute_and_applies_inside():
    same([1000.4], [1000.0], given="", within=0.5)
    same({"x": torch.tensor([1.25])}, {"x": torch.tensor([1.0])}, given="", within=0.25)
    with pytest.raises(Difference, match=r"allowed are 0\.25"):
        same([1000.4], [1000.0], given="", within=0.25)


def test_the_message_shows_given_yours_and_expected_and_cuts_what_is_long():
    with pytest.raises(Difference) as caught:
        same(list(range(1000)), [0], given="a long text")
    shown = str(caught.value).splitlines()
    assert shown[0] == "   given  a long text"
    assert shown[1].startswith("   yours  [0, 1, 2") and shown[1].endswith("998, 999]")
    assert len(shown[1]) < 350
    assert shown[2] == "expected  [0]"


def test_a_rule_holds_or_is_said():
    holds(1 < 2, "One is less than two.")
    with pytest.raises(Difference) as caught:
        holds(2 < 1, "Two is less than one.", given="numbers", yours=torch.tensor([2.0]))
    assert caught.value.rule == "Two is less than one."
    assert caught.value.yours == "Tensor of shape (1,), torch.float32: [2.0]"


def test_work_to_do_says_what_comes_first():
    with pytest.raises(NotWritten, match=r"Step 1\.4: count the pairs") as caught:
        todo("1.4", "count the pairs")
    assert (caught.value.step, caught.value.first_step) == ("1.4", "count the pairs")
    assert isinstance(caught.value, NotImplementedError)
