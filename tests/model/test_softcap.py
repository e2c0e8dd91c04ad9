"""Soft-capping by hand, in scores and in logits."""

import math
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close
from variants import MODERN, build, text

from lib.model.attention import attention, attention_scores, attention_weights
from lib.model.fast_attention import attention_blocked, attention_sdpa
from lib.model.softcap import soft_cap


def test_by_hand():
    """tanh(log 2) is (2 - 1/2) / (2 + 1/2) = 3/5."""
    x = 10 * torch.tensor([0.0, math.log(2), -math.log(2), 1e9])
    assert_close(soft_cap(x, 10.0), torch.tensor([0.0, 6.0, -6.0, 10.0]))
    assert soft_cap(x, None) is x


def test_near_zero_nothing_changes_and_far_out_the_gradient_dies():
    x = torch.tensor([1e-3, 0.5, 100.0], dtype=torch.float64, requires_grad=True)
    capped = soft_cap(x, 2.0)
    assert_close(capped[0], x[0], rtol=1e-6, atol=0)
    slope = torch.autograd.grad(capped.sum(), x)[0]
    assert_close(slope, 1 - (capped / 2).square())
    assert slope[0] > 0.999 and slope[2] < 1e-12


def test_scores_are_scaled_then_capped_then_biased():
    """One pair of query and key, whose product is 24 log 2."""
    q, k = torch.full((1, 1, 1, 4), 6.0), torch.full((1, 1, 1, 4), math.log(2))
    given = {"scale": 0.5, "softcap": 12.0, "bias": torch.full((1, 1, 1), -100.0)}
    assert_close(attention_scores(q, k, **given).item(), 12 * 0.6 - 100)
    assert_close(attention_scores(q, k, scale=0.5).item(), 12 * math.log(2))


def test_attention_caps_before_the_mask():
    """Else a hidden key would keep the weight of a score of -softcap."""
    torch.manual_seed(0)
    q, k, v = 10 * torch.randn(3, 2, 5, 3, 4, dtype=torch.float64)
    scores = 1.5 * torch.tanh(torch.einsum("btnh,bsnh->bnts", q, k) / 2 / 1.5)
    weights = scores.masked_fill(torch.ones(5, 5).triu(1).bool(), -math.inf).softmax(-1)
    assert_close(attention_weights(q, k, softcap=1.5), weights)
    expected = torch.einsum("bnts,bsnh->btnh", weights, v)
    for way in (attention, attention_blocked):
        assert_close(way(q, k, v, softcap=1.5), expected)


def test_pytorchs_attention_refuses_a_cap_instead_of_forgetting_it():
    q = torch.ones(1, 2, 1, 4)
    with pytest.raises(ValueError, match=r"attention_softcap is 5.0. Choose attention='plain'"):
        attention_sdpa(q, q, q, softcap=5.0)


def test_the_model_caps_scores_and_logits():
    free, ids = build(MODERN), text()
    capped = build(replace(MODERN, output_softcap=0.7))
    assert_close(capped(ids), 0.7 * torch.tanh(free(ids) / 0.7))
    assert_close(capped.hidden(ids), free.hidden(ids))
    scores = build(replace(MODERN, attention_softcap=0.1))
    assert not torch.allclose(scores.hidden(ids), free.hidden(ids))
    huge = build(replace(MODERN, attention_softcap=1e6))
    assert_close(huge(ids), free(ids))
