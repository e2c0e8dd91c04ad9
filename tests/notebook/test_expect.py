"""Expectations: what holds, what does not, and what the reader is told."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from lib.notebook.expect import ExpectationError, expect


@pytest.fixture(autouse=True)
def on_a_cpu(monkeypatch):
    monkeypatch.setenv("LECTURES_TIER", "cpu")


def test_the_line_a_reader_sees(capsys):
    expect(3.76, 3.8, within=0.1, name="loss")
    assert capsys.readouterr().out == "loss: expected 3.8 within 0.1, measured 3.76: holds\n"


@pytest.mark.parametrize(
    ("value", "target", "rule"),
    [
        (3.9, 3.8, {"within": 0.1}),  # the difference in floats is 0.10000000000000009
        (103, 100, {"within": "5%"}),
        (-103, -100, {"within": 0.05, "relative": True}),
        (2, 2.5, {"within": {"cpu": 0.5, "gpu": 0}}),
        (math.inf, math.inf, {"within": 0.1}),
        (7, 7, {}),
        ("ab", "ab", {}),
        ([1, 2], [1, 2], {}),
        (np.float32(0.5), 0.5, {}),
        (np.array([2.0]), 2, {"within": 0.1}),
        (torch.tensor(3.0), 3, {"within": 0.1}),
        (torch.tensor([[5]]), 5, {}),
        (Fraction(1, 3), 0.33, {"within": 0.01}),
        (Decimal("1.5"), 1.4, {"within": 0.2}),
    ],
)
def test_holds(value, target, rule):
    expect(value, target, **rule)


@pytest.mark.parametrize(
    ("value", "target", "rule"),
    [
        (3.91, 3.8, {"within": 0.1}),
        (3.69, 3.8, {"within": 0.1}),
        (106, 100, {"within": "5%"}),
        (106, 100, {"within": 0.05, "relative": True}),
        (3.1, 2.5, {"within": {"cpu": 0.5, "gpu": 9}}),
        (math.nan, math.nan, {"within": 1}),
        (math.nan, math.nan, {}),
        (1.0, math.nan, {"within": 1}),
        (torch.tensor(math.nan), 0, {"within": 1e9}),
        (math.inf, 1, {"within": 1e9}),
        (7, 8, {}),
        ("ab", "ac", {}),
    ],
)
def test_does_not_hold(value, target, rule):
    with pytest.raises(ExpectationError, match="does not hold"):
        expect(value, target, **rule)


def test_bounds(capsys):
    expect(60, at_least=50, at_most=60)
    assert capsys.readouterr().out == "expected at least 50 and at most 60, measured 60: holds\n"
    for value, bounds in [
        (49, {"at_least": 50}),
        (61, {"at_most": 60}),
        (math.nan, {"at_most": 60}),
    ]:
        with pytest.raises(ExpectationError, match=f"measured {value}: does not hold"):
            expect(value, **bounds)


def test_the_error_carries_the_comparison_and_advice():
    with pytest.raises(AssertionError, match=r"loss: expected 3\.8 .* off by 0\.25") as caught:
        expect(4.05, 3.8, within={"cpu": 0.1}, name="loss")
    error = caught.value
    assert (error.value, error.target, error.tolerance, error.tier) == (4.05, 3.8, 0.1, "cpu")
    assert error.difference == pytest.approx(0.25)
    assert "restart the kernel" in str(error)


def test_unequal_numbers_that_look_equal_say_how_far_off_they_are():
    with pytest.raises(
        ExpectationError, match=r"expected 0\.3, measured 0\.3: .*off by 5\.55112e-17"
    ):
        expect(0.1 + 0.2, 0.3)


@pytest.mark.parametrize(("here", "checked"), [("cpu", False), ("gpu", True), ("gpus", True)])
def test_promises_for_other_tiers_are_shown_but_not_checked(monkeypatch, capsys, here, checked):
    monkeypatch.setenv("LECTURES_TIER", here)
    if checked:
        with pytest.raises(ExpectationError):
            expect(9, 1, on=("gpu", "gpus"))
    else:
        expect(9, 1, on=("gpu", "gpus"))
        assert (
            capsys.readouterr().out == "measured 9, not checked on cpu: promised for gpu or gpus\n"
        )


def test_on_means_exactly_that_tier(monkeypatch):
    monkeypatch.setenv("LECTURES_TIER", "gpus")
    expect(9, 1, on="gpu")


def test_a_missing_tier_takes_the_smaller_tolerance(monkeypatch):
    monkeypatch.setenv("LECTURES_TIER", "gpus")
    expect(2, 1, within={"cpu": 0, "gpu": 1})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": 1}, "Say what is expected"),
        ({"value": 1, "target": 1, "at_least": 0}, "not both"),
        ({"value": 1, "target": 0, "within": "5%"}, "A share of 0 is 0"),
        ({"value": 1, "target": 1, "within": "5"}, "not a percentage"),
        ({"value": 1, "target": 1, "within": -1}, "from 0 up"),
        ({"value": 1, "target": 1, "within": math.nan}, "from 0 up"),
        ({"value": 1, "target": 1, "within": {"gpu": 1}}, "Give one for cpu"),
        ({"value": 1, "target": 1, "on": "tpu"}, "No tier is called tpu"),
    ],
)
def test_misuse_is_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        expect(**arguments)


def test_only_single_numbers_have_tolerances():
    with pytest.raises(TypeError, match="6 elements"):
        expect(torch.zeros(2, 3), 0)
    with pytest.raises(TypeError, match=r"'3\.8' is a str"):
        expect("3.8", 3.8, within=0.1)
