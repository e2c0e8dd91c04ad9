"""ALiBi against the numbers of its paper and against the one in Bloom."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from variants import MODERN, build, text

from lib.model.alibi import alibi_bias, alibi_slopes
from lib.model.attention import attention, causal_mask, windowed
from lib.model.fast_attention import attention_blocked, attention_sdpa
from lib.model.transformer import Transformer

WAYS = [attention, attention_sdpa, attention_blocked]


def test_slopes_of_the_paper():
    """Section 3: for 8 heads 1/2, 1/4 ... 1/256; for 16 heads 2^-0.5, 2^-1, 2^-1.5 ..., 2^-8."""
    assert alibi_slopes(8).tolist() == [1 / 2**i for i in range(1, 9)]
    assert_close(alibi_slopes(16), torch.tensor([2 ** (-i / 2) for i in range(1, 17)]))
    assert alibi_slopes(1).tolist() == [1 / 256]
    assert_close(alibi_slopes(3), torch.tensor([2**-4, 2**-8, 2**-2.0]))  # of 2, then of 4 heads


def test_slopes_and_biases_of_bloom():
    """Theirs grow with the key's position, which for softmax is the same: differences count."""
    for n_heads in range(1, 34):
        theirs = build_alibi_tensor(torch.ones(2, 6), n_heads, torch.float32)
        theirs = theirs.view(2, n_heads, 1, 6)[0]
        ours = alibi_bias(torch.arange(6), n_heads)
        assert_close(ours, theirs - ours.new_tensor(range(6))[:, None] * theirs[:, :, 1:2])


def test_by_hand():
    bias = alibi_bias(torch.tensor([0, 1, 5]), 2)  # slopes 1/16 and 1/256
    assert_close(bias[0] * 16, torch.tensor([[0.0, 1, 5], [-1, 0, 4], [-5, -4, 0]]))
    assert_close(bias[1], bias[0] / 16)
    two = alibi_bias(torch.tensor([[0, 1, 5], [0, 1, 0]]), 2)
    assert torch.equal(two[0], bias) and two[1, 0, 2].tolist() == [0, 1 / 16, 0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("each", [False, True], ids=["one bias", "a bias for each"])
@pytest.mark.parametrize("mask", [None, "one", "each", "window"])
def test_scores_get_the_bias_in_every_way_of_attention(way, each, mask):
    torch.manual_seed(0)
    q = torch.randn(2, 5, 6, 4, dtype=torch.float64)
    k, v = torch.randn(2, 2, 5, 3, 4, dtype=torch.float64)
    positions = torch.tensor([[0, 1, 2, 3, 4], [0, 1, 0, 1, 2]]) if each else torch.arange(5)
    bias = alibi_bias(positions, 6)
    own = causal_mask(5) & (torch.rand(2, 5, 5) < 0.5) | torch.eye(5).bool()
    mask = {None: None, "one": own[0], "each": own, "window": windowed(own, 5, 5, 2)}[mask]
    seen = causal_mask(5) if mask is None else mask
    seen = seen if seen.dim() == 2 else seen[:, None]
    theirs = bias.double().masked_fill(~seen, -torch.inf)
    expected = F.scaled_dot_product_attention(
        *(x.transpose(1, 2) for x in (q, k, v)),
        attn_mask=theirs.expand(2, 6, 5, 5),
        enable_gqa=True,
    )
    assert_close(way(q, k, v, mask, bias=bias), expected.transpose(1, 2))


def test_the_model_sees_distances_alone_and_reads_on_beyond_its_context():
    model = Transformer(replace(MODERN, positions="alibi"), torch.Generator().manual_seed(0))
    ids, place = text(2, 30), torch.arange(30)
    assert model.config.context < 30
    expected = model(ids)
    assert_close(model(ids, place + 1000), expected)
    assert not torch.allclose(model(ids, 2 * place), expected)
    blind = build(replace(MODERN, positions="none"))
    blind.load_state_dict(model.state_dict())
    assert not torch.allclose(blind(ids), expected)
