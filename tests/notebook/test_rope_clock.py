"""The clocks tell what the model's RoPE computes."""

import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from lib.model.rope import rotate_adjacent, rotation
from lib.notebook.figures import alt_text
from lib.notebook.rope_clock import clock, rope_clock, rope_dials

QUERY = [1.0, -2.0, 0.5, 3.0, 0.0, 1.0]
KEY = [2.0, 0.5, -1.0, 1.0, 4.0, 0.0]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def product_of_the_model(query_at: int, key_at: int) -> float:
    places = torch.tensor([query_at, key_at])
    pair = torch.tensor([QUERY, KEY])[None, :, None, :]  # (B, T, N, H)
    q, k = rotate_adjacent(pair, rotation(places, 6, 100.0))[0, :, 0]
    return float(q @ k)


@pytest.mark.parametrize(("query_at", "key_at"), [(0, 0), (7, 2), (2, 7), (31, 13)])
def test_the_product_is_that_of_the_model(query_at, key_at):
    product = clock(6, 100, QUERY, KEY).product(query_at - key_at)
    assert product == pytest.approx(product_of_the_model(query_at, key_at), abs=1e-4)  # in float32


def test_a_pair_by_hand():
    hands = clock(2, 10_000, [3.0, 0.0], [0.0, 2.0])  # a quarter turn apart, 1 radian per position
    assert hands.speeds == (1.0,)
    assert hands.product(0) == pytest.approx(0)
    assert hands.product(np.pi / 2) == pytest.approx(6)


@pytest.mark.parametrize(("head_width", "vector"), [(5, [1.0] * 5), (4, [1.0] * 6)])
def test_hands_need_pairs(head_width, vector):
    with pytest.raises(ValueError, match="turns pairs of coordinates"):
        clock(head_width, 100, vector)


def test_a_picture_stays_where_scripts_do_not_run():
    shown = rope_clock(6, query=QUERY, key=KEY)
    plain = re.sub(r"<script>.*?</script>", "", shown.html, flags=re.DOTALL)
    assert 'alt="3 dials' in plain and "<input" not in plain
    assert "https://" not in shown.html and shown.text.startswith("[3 dials")
    data = json.loads(re.search(r"inks } = (\{.*\});", shown.html)[1])
    middle = len(data["curve"]) // 2  # distance 0
    assert data["curve"][middle] == pytest.approx(np.dot(QUERY, KEY))


def test_the_picture_says_the_product():
    ax = rope_dials(7, 2, head_width=6, theta=100, query=QUERY, key=KEY)
    title = ax.get_title(loc="left") or ax.get_title()
    assert title.endswith(f"product {product_of_the_model(7, 2):.2f}")
    assert alt_text(ax).startswith("3 dials")
