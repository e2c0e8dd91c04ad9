"""Sinusoidal positions by the formula of the paper, and what only distances decide."""

import math
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close
from variants import MODERN, D, build, text

from lib.model.sinusoids import sinusoids


def test_by_hand():
    """Width 4 and theta 100: the second wave is ten times slower."""
    waves = sinusoids(torch.tensor([0, 3]), 4, theta=100.0)
    sin, cos = math.sin, math.cos
    assert_close(waves, torch.tensor([[0.0, 1, 0, 1], [sin(3), cos(3), sin(0.3), cos(0.3)]]))


@pytest.mark.parametrize("width", [1, 6, 7])
def test_the_formula_of_the_paper(width):
    """PE(pos, 2i) = sin(pos / 10000^(2i / D)), and cos for 2i + 1."""
    expected = [
        [
            (math.cos if j % 2 else math.sin)(pos / 10_000 ** ((j - j % 2) / width))
            for j in range(width)
        ]
        for pos in (0, 5, 11)
    ]
    assert_close(sinusoids(torch.tensor([0, 5, 11]), width), torch.tensor(expected))


def test_lengths_and_products_see_only_the_distance():
    waves = sinusoids(torch.arange(50), 12)
    assert_close(waves.norm(dim=-1), torch.full((50,), math.sqrt(6)))
    products = waves @ waves.T
    for distance in (1, 7):
        along = products.diagonal(distance)
        assert_close(along, along[:1].expand(50 - distance))
    assert products[0, 1] < products[0, 0]


def test_the_model_adds_them_to_the_embeddings_once():
    model, ids = build(replace(MODERN, positions="sinusoidal", embedding_scale=3.0)), text()
    positions = torch.tensor([[0, 1, 2, 3, 0, 1, 2]]).expand(3, 7)
    x, turn = model.embed(ids, positions)
    waves = sinusoids(positions, D)
    assert waves.shape == (3, 7, D) and torch.equal(waves[0, 4:], waves[2, :3])
    assert_close(x, 3 * model.embedding(ids) + waves)
    assert turn is None
