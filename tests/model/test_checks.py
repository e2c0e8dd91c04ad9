"""The checks that the types cannot make, and the one that stands in for them outside of tests."""

from dataclasses import dataclass
from typing import Literal

import pytest

from lib.model.checks import check_choices, check_count, divisors, equal_heads


@dataclass
class Choices:
    """As a config is, but without the checking of types that a test run adds to lib."""

    norm: Literal["rms", "layer"] = "rms"
    dtype: Literal["float32", "float64"] | None = None
    width: int = 3


def test_words_must_be_among_the_choices():
    check_choices(Choices())
    check_choices(Choices("layer", "float64"))
    with pytest.raises(ValueError, match=r"norm is 'batch'. Choose from 'rms', 'layer'."):
        check_choices(Choices("batch"))
    with pytest.raises(ValueError, match=r"dtype is 'int8'. Choose from 'float32', 'float64'."):
        check_choices(Choices(dtype="int8"))
    with pytest.raises(ValueError, match=r"norm is None"):
        check_choices(Choices(None))


@pytest.mark.parametrize("wrong", [0, -3, 2.0, "4", None])
def test_counts_are_whole_and_positive(wrong):
    check_count("n_layers", 1)
    with pytest.raises(ValueError, match=rf"n_layers counts .* not {wrong!r}"):
        check_count("n_layers", wrong)


def test_heads_cut_the_width_equally():
    assert equal_heads(24, 4) == 6
    with pytest.raises(ValueError, match=r"24 cannot be cut into 5 .*\[1, 2, 3, 4, 6, 8, 12, 24\]"):
        equal_heads(24, 5)


def test_divisors():
    assert divisors(12) == [1, 2, 3, 4, 6, 12]
    assert divisors(1) == [1]
