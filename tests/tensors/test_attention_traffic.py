"""Traffic of attention: counts against formulas, results against torch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lib.tensors.attention_traffic import (
    flash_attention,
    flash_numbers,
    naive_attention,
    naive_numbers,
)

T, H = 21, 5
Q, K, V = np.random.default_rng(0).normal(size=(3, T, H))
EXPECTED = F.scaled_dot_product_attention(*(torch.tensor(x)[None] for x in (Q, K, V)))[0].numpy()


def test_naive():
    out, traffic = naive_attention(Q, K, V)
    np.testing.assert_allclose(out, EXPECTED)
    assert traffic.total == naive_numbers(T, H) == 4 * T * H + 4 * T * T
    assert traffic.writes == 2 * T * T + T * H


@pytest.mark.parametrize("blocks", [(1, 1), (4, 6), (21, 3), (64, 64)])
def test_flash(blocks):
    out, traffic = flash_attention(Q, K, V, *blocks)
    np.testing.assert_allclose(out, EXPECTED)
    assert traffic.total == flash_numbers(T, H, blocks[0])
    assert traffic.writes == T * H + T


def test_with_one_tile_everything_moves_once():
    assert flash_numbers(T, H, block_q=T) == 4 * T * H + T
