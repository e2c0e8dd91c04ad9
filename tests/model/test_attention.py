"""Attention against PyTorch's own, and against what causality promises."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from lib.model.attention import attention, attention_weights, causal_mask
from lib.model.fast_attention import attention_blocked, attention_sdpa

B, T, N, H = 2, 5, 6, 8
WAYS = [attention, attention_sdpa, attention_blocked]
HEADS = pytest.mark.parametrize(
    "n_kv_heads", [6, 3, 1], ids=["multi-head", "grouped", "multi-query"]
)


def random_qkv(n_kv_heads, queries=T, keys=T):
    torch.manual_seed(0)
    q = torch.randn(B, queries, N, H, dtype=torch.float64)
    k, v = torch.randn(2, B, keys, n_kv_heads, H, dtype=torch.float64)
    return q, k, v


def pytorch(q, k, v, mask):
    heads_first = (x.transpose(1, 2) for x in (q, k, v))
    out = F.scaled_dot_product_attention(*heads_first, attn_mask=mask, enable_gqa=True)
    return out.transpose(1, 2)


def test_weights_by_hand():
    """One query, keys with scores 0 and 1: weights 1 and e, divided by their sum."""
    q = torch.tensor([2.0, 0, 0, 0]).reshape(1, 1, 1, 4)
    k = torch.tensor([[0.0, 9, 9, 9], [1.0, 0, 0, 0]]).reshape(1, 2, 1, 4)
    weights = attention_weights(q, k).flatten()
    assert_close(weights, torch.tensor([1, math.e]) / (1 + math.e))


def test_masks_by_hand():
    assert causal_mask(3).int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert causal_mask(2, 4).int().tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


@HEADS
@pytest.mark.parametrize("way", WAYS)
def test_matches_pytorch(way, n_kv_heads):
    q, k, v = random_qkv(n_kv_heads)
    assert_close(way(q, k, v), pytorch(q, k, v, causal_mask(T)))  # fp64: no room for luck


@HEADS
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("queries", [1, 2, 3])
def test_with_more_keys_the_queries_are_the_last(way, n_kv_heads, queries):
    """As with a cache: the last rows of the whole."""
    q, k, v = random_qkv(n_kv_heads)
    assert_close(way(q[:, -queries:], k, v), attention(q, k, v)[:, -queries:])


@HEADS
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(4, 7), (B, 4, 7)], ids=["one mask", "a mask for each"])
def test_a_mask_of_ones_own(way, n_kv_heads, shape):
    q, k, v = random_qkv(n_kv_heads, queries=4, keys=7)
    mask = torch.rand(shape) < 0.5
    mask[..., 2] = True  # every query sees something
    expected = pytorch(q, k, v, mask if mask.dim() == 2 else mask[:, None])
    assert_close(way(q, k, v, mask), expected)


@pytest.mark.parametrize("way", WAYS)
def test_the_future_has_no_influence(way):
    q, k, v = random_qkv(n_kv_heads=3)
    before = way(q, k, v)
    k[:, 3:], v[:, 3:] = 100.0, 100.0
    after = way(q, k, v)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3:], after[:, 3:])  # the test itself can tell


@HEADS
@pytest.mark.parametrize("way", [attention_sdpa, attention_blocked])
def test_the_ways_have_the_same_gradients(way, n_kv_heads):
    ours, theirs = ([x.requires_grad_() for x in random_qkv(n_kv_heads)] for _ in range(2))
    attention(*ours).square().sum().backward()
    way(*theirs).square().sum().backward()
    for one, other in zip(ours, theirs):
        assert_close(one.grad, other.grad)


def test_sharing_a_head_is_having_equal_heads():
    q, k, v = random_qkv(n_kv_heads=2)
    copied = (x.repeat_interleave(3, dim=2) for x in (k, v))
    assert_close(attention(q, k, v), attention(q, *copied))


@HEADS
def test_weights_sum_to_one_and_skip_what_is_hidden(n_kv_heads):
    q, k, _ = random_qkv(n_kv_heads)
    weights = attention_weights(q, k)
    assert weights.shape == (B, N, T, T)
    assert_close(weights.sum(dim=-1), torch.ones(B, N, T, dtype=torch.float64))
    assert weights.triu(1).eq(0).all() and weights.tril().ne(0).sum() == B * N * 15


@pytest.mark.parametrize("way", WAYS)
def test_half_precision_stays_close(way):
    """bfloat16 keeps 8 bits; values are about 1."""
    q, k, v = random_qkv(n_kv_heads=3)
    out = way(*(x.bfloat16() for x in (q, k, v)))
    assert out.dtype == torch.bfloat16
    assert_close(out.double(), attention(q, k, v), atol=0.03, rtol=0)


def test_uneven_head_sharing_is_explained():
    q, k, _ = random_qkv(n_kv_heads=4)
    with pytest.raises(ValueError, match=r"n_kv_heads from \[1, 2, 3, 6\]"):
        attention_weights(q, k)
