"""Numbers of models on an axis, and what happens where the table has none."""

import pytest

from lib.notebook.facts import fact, facts
from lib.notebook.model_numbers import QUANTITIES, number_of, years_apart


@pytest.mark.parametrize(
    ("name", "quantity", "expected"),
    [
        ("GPT-2 XL", "width / layers", 1600 / 48),
        ("T5-11B", "feed-forward width / width", 64),
        ("T5-11B", "heads × head width / width", 16),
        ("Llama 3.1 8B", "query heads per key/value head", 4),
        ("Chinchilla 70B", "tokens per parameter", 20),
        ("GPT-2 XL", "tokens per parameter", None),
        ("DeepSeek-V3", "query heads per key/value head", None),
    ],
)
def test_ratios_by_hand(name, quantity, expected):
    assert number_of(fact("models", name=name), quantity) == expected


def test_an_unknown_quantity_is_told_the_known_ones():
    with pytest.raises(LookupError, match=r"no quantity 'depth'.*layers"):
        number_of(facts("models")[0], "depth")


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_most_models_have_every_quantity(quantity):
    known = [number_of(row, quantity) for row in facts("models")]
    assert sum(value is not None for value in known) >= 25


def test_models_of_one_year_stand_beside_each_other():
    rows = [{"year": 2020}, {"year": 2021}, {"year": 2020}]
    assert years_apart(rows) == pytest.approx([2019.8, 2021, 2020.2])
