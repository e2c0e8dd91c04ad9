"""The readable FlashAttention against the readable attention, in float64, gradients by autograd."""

import math

import pytest
import torch
from against_float64 import draw

from lib.kernels.flash_tiles import flash_backward_tiles, flash_forward_tiles, tile_kinds, visible

CASES = {
    "causal": (29, 29, {}),
    "more keys than queries": (13, 29, {}),
    "everything": (13, 29, {"causal": False}),
    "window": (29, 31, {"window": 7, "scale": 0.3}),
    "more queries than keys": (29, 13, {}),
}


def attention_at_once(q, k, v, causal=True, window=None, scale=None):
    """With all the weights in memory; rows that see nothing have no softmax, and become zeros."""
    T, S = q.shape[-2], k.shape[-2]
    scores = q @ k.mT * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    seen = visible(slice(0, T), slice(0, S), T, S, causal, window)
    scores = scores.masked_fill(~seen, -math.inf)
    return scores.softmax(dim=-1).masked_fill(~seen, 0) @ v, scores.logsumexp(dim=-1)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("block_q", "block_k"), [(5, 7), (16, 4), (64, 64)])
def test_values_and_gradients(case, block_q, block_k):
    T, S, rule = CASES[case]
    q, grad = (draw(2, T, 11, dtype=torch.float64, device="cpu", seed=seed) for seed in (1, 2))
    k, v = (draw(2, S, 11, dtype=torch.float64, device="cpu", seed=seed) for seed in (3, 4))
    for x in (q, k, v):
        x.requires_grad_()
    expected, log_sums = attention_at_once(q, k, v, **rule)
    gradients = torch.autograd.grad(expected, (q, k, v), grad)
    with torch.no_grad():
        sizes = {"block_q": block_q, "block_k": block_k}
        out, lse = flash_forward_tiles(q, k, v, **sizes, **rule)
        ours = flash_backward_tiles(q, k, v, out, lse, grad, **sizes, **rule)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(lse, log_sums)
    for mine, theirs in zip(ours, gradients, strict=True):
        torch.testing.assert_close(mine, theirs.nan_to_num(0))


def test_one_row_by_hand():
    q, k = torch.tensor([[1.0]]), torch.tensor([[0.0], [math.log(3)]])
    out, lse = flash_forward_tiles(q, k, torch.tensor([[8.0], [4.0]]), block_q=1, block_k=1)
    assert lse.item() == pytest.approx(math.log(1 + 3))
    assert out.item() == pytest.approx((8 * 1 + 4 * 3) / 4)


def test_scores_that_would_overflow():
    q = torch.tensor([[200.0]])
    out, lse = flash_forward_tiles(q, q, q, block_q=1, block_k=1)
    assert (out.item(), lse.item()) == (200, 40000)  # exp(89) is already too much for float32


def test_short_types_are_summed_in_float32():
    q = torch.zeros(1, 4, dtype=torch.bfloat16)
    v = torch.ones(513, 4, dtype=torch.bfloat16)  # counting to 513 in bfloat16 ends at 256
    out, lse = flash_forward_tiles(q, 0 * v, v, block_q=1, block_k=1)
    assert out.dtype == torch.bfloat16 and out.eq(1).all()
    assert lse.item() == pytest.approx(math.log(513))


def test_which_tiles_need_a_mask():
    assert tile_kinds(6, 6, 2, 2) == [
        ["masked", "skipped", "skipped"],
        ["whole", "masked", "skipped"],
        ["whole", "whole", "masked"],
    ]
    assert tile_kinds(2, 6, 2, 2) == [["whole", "whole", "masked"]]
    assert tile_kinds(2, 6, 2, 2, window=2) == [["skipped", "masked", "masked"]]
    assert tile_kinds(3, 4, 2, 2, causal=False) == [["whole"] * 2] * 2
