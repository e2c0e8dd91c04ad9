import math

import pytest
import torch
from torch.testing import assert_close

from lib.model.config import ModelConfig
from lib.model.init import truncated_normal_
from lib.model.transformer import Transformer

CUT = 0.98658  # standard deviation of a normal distribution of size 1, cut at 3


def drawn(seed=0, **choices):
    config = ModelConfig(500, 64, 3, 96, 4, ff_width=160, **choices)
    return Transformer(config, torch.Generator().manual_seed(seed))


def stds(model):
    return {name: p.std().item() for name, p in model.named_parameters() if p.dim() == 2}


def test_a_truncated_normal_distribution():
    """Of 200,000 numbers: mean, spread, and how many are beyond one and two sigma."""
    x = torch.empty(200_000)
    truncated_normal_(x, 0.5, torch.Generator().manual_seed(0))
    assert x.mean().item() == pytest.approx(0, abs=0.005)
    assert x.std().item() == pytest.approx(0.5 * CUT, rel=0.01)
    assert 1.49 < x.abs().max() <= 1.5
    for sigma in (1, 2):
        beyond = 1 - (math.erf(sigma / 2**0.5) / math.erf(3 / 2**0.5))
        assert (x.abs() > 0.5 * sigma).float().mean().item() == pytest.approx(beyond, rel=0.05)


@pytest.mark.parametrize(
    ("init", "of_query", "of_down", "of_output", "of_embedding"),
    [
        ("fan_in", 96**-0.5, 160**-0.5, 96**-0.5, 1),
        ("glorot", (2 / 192) ** 0.5, (2 / 256) ** 0.5, (2 / 596) ** 0.5, 1),
        ("gpt2", 0.02, 0.02 / 6**0.5, 0.02, 0.02),
    ],
)
def test_scales(init, of_query, of_down, of_output, of_embedding):
    found = stds(drawn(init=init, positions="learned"))
    expected = {
        "blocks.2.attention.query.weight": of_query,
        "blocks.1.ffn.down.weight": of_down,
        "output.weight": of_output,
        "embedding.weight": of_embedding,
        "position_embedding.weight": of_embedding,
    }
    for name, std in expected.items():
        assert found[name] == pytest.approx(std * CUT, rel=0.03), name


def test_a_tied_table_is_drawn_as_the_output_it_is():
    assert stds(drawn(tied=True))["embedding.weight"] == pytest.approx(96**-0.5 * CUT, rel=0.03)


def test_every_matrix_is_drawn_and_nothing_else():
    for name, p in drawn(bias=True, norm="layer", positions="learned").named_parameters():
        if p.dim() == 2:
            assert p.ne(0).float().mean() > 0.99, name
        else:
            assert p.eq(1 if name.endswith("norm.weight") else 0).all(), name


def test_the_seed_decides():
    one, same, other = drawn(1), drawn(1), drawn(2)
    for p, q, r in zip(one.parameters(), same.parameters(), other.parameters()):
        assert torch.equal(p, q)
        assert p.dim() == 1 or not torch.equal(p, r)


def test_the_global_seed_stays_untouched_by_a_generator_and_decides_without():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    drawn()
    assert torch.equal(torch.rand(1), expected)
    config = ModelConfig(50, 8, 1, 8, 1)
    torch.manual_seed(3)
    one = Transformer(config)
    torch.manual_seed(3)
    assert torch.equal(Transformer(config).embedding.weight, one.embedding.weight)


def test_the_same_weights_in_every_dtype():
    wide, narrow = drawn(dtype="float64"), drawn(dtype="bfloat16")
    for p, q in zip(wide.parameters(), narrow.parameters()):
        assert q.dtype == torch.bfloat16
        assert torch.equal(p.bfloat16(), q)


def test_signals_keep_their_size_at_fan_in_scale():
    """A vector of size 1 leaves a matrix with size 1, here within what 500 numbers allow."""
    hidden = torch.randn(20, 96, generator=torch.Generator().manual_seed(0))
    logits = drawn().logits(hidden)
    assert_close(logits.std(), torch.tensor(CUT), rtol=0.1, atol=0)
