"""Mixtures: by hand, and what UniMax promises for any sources."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.curation.mixing import (
    epochs,
    largest_shares,
    proportional,
    simulated_epoching,
    temperature,
    uniform,
    unimax,
)

B, T = 10**9, 10**12
TOKENS = {"low": 10 * T, "high": 10 * B}


def test_half_of_ten_billion_tokens_is_fifty_epochs():
    assert epochs({"low": 0.5, "high": 0.5}, TOKENS, T) == {"low": 0.05, "high": 50}


def test_the_plain_mixtures_by_hand():
    sizes = {"a": 900, "b": 100}
    assert uniform(sizes) == {"a": 0.5, "b": 0.5}
    assert proportional(sizes) == pytest.approx({"a": 0.9, "b": 0.1})
    assert temperature(sizes, 2) == pytest.approx({"a": 0.75, "b": 0.25})  # 30 to 10
    assert temperature(sizes, 1e9) == pytest.approx(uniform(sizes))
    assert epochs(proportional(sizes), sizes, 2000) == pytest.approx({"a": 2, "b": 2})


def test_unimax_by_hand():
    """600 tokens, at most 2 epochs: a third each would be 200; a can give 20, so b and c share 580.

    Of that b's half is 290 and its cap 200, so c gives the other 380.
    """
    sizes = {"c": 1000, "a": 10, "b": 100}
    found = unimax(sizes, 600, 2)
    assert list(found) == ["c", "a", "b"]
    assert found == pytest.approx({"a": 20 / 600, "b": 200 / 600, "c": 380 / 600})
    assert epochs(found, sizes, 600) == pytest.approx({"a": 2, "b": 2, "c": 0.38})
    assert unimax(sizes, 30, 1) == pytest.approx(uniform(sizes))
    assert unimax(TOKENS, T, 4)["high"] == pytest.approx(0.04)


@given(
    sizes=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 10**13), min_size=1),
    share=st.floats(1e-6, 1),
    cap=st.integers(1, 20),
)
def test_unimax_keeps_the_cap_and_is_uniform_below_it(sizes, share, cap):
    budget = share * cap * sum(sizes.values())
    found = unimax(sizes, budget, cap)
    most = largest_shares(sizes, budget, cap)
    assert sum(found.values()) == pytest.approx(1)
    assert all(found[s] <= most[s] * (1 + 1e-9) for s in sizes)
    free = [found[s] for s in sizes if found[s] < most[s] * (1 - 1e-9)]
    assert all(share == pytest.approx(max(found.values())) for share in free)


def test_simulated_epoching_keeps_the_epochs():
    small = simulated_epoching(TOKENS, T, 10 * B)
    assert small == {"low": 100 * B, "high": B // 10}
    mixture = {"low": 0.3, "high": 0.7}
    assert epochs(mixture, small, 10 * B) == pytest.approx(epochs(mixture, TOKENS, T))


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match="Allow more epochs"):
        unimax({"a": 10, "b": 5}, 31, 2)
    with pytest.raises(ValueError, match="temperature is above 0"):
        temperature(TOKENS, 0)
    with pytest.raises(ValueError, match=r"sum to 0\.9"):
        epochs({"low": 0.5, "high": 0.4}, TOKENS, T)
    with pytest.raises(ValueError, match=r"nothing of \['other'\]"):
        epochs({"low": 0.5, "other": 0.5}, TOKENS, T)
    with pytest.raises(ValueError, match="the smaller one"):
        simulated_epoching(TOKENS, 10, 20)
    with pytest.raises(ValueError, match="nothing to mix"):
        uniform({})
