"""Where the norms stand: each placement against the same in one line, and what it promises."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from variants import MODERN, D, build, stream, text

from lib.model.residual import NORMS, RESIDUAL

PLACEMENTS = pytest.mark.parametrize("placement", list(RESIDUAL))


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        ("pre", 2 + 3 * (7 * 2)),
        ("post", 7 * (2 + 3 * 2)),
        ("sandwich", 2 + 10 * (3 * (7 * 2))),
        ("reordered", 2 + 10 * (3 * 2)),
    ],
)
def test_by_hand(placement, expected):
    """The layer triples; in place of norms are factors of seven, and of ten after the layer."""
    x = torch.full((1, 1, 1), 2.0)
    given = (x, lambda y: 3 * y, lambda y: 7 * y, lambda y: 10 * y)
    assert RESIDUAL[placement](*given).item() == expected


@PLACEMENTS
def test_a_block_is_two_such_sums(placement):
    """Written out with PyTorch's norm and the weights of the block."""
    block, x = build(replace(MODERN, norm_placement=placement, norm_eps=0.1)).blocks[1], stream()
    weights = {name: p for name, p in block.named_parameters() if "_norm" in name}
    assert set(weights) == {f"{name}.weight" for name in NORMS[placement]}

    def norm(y, name):
        return F.rms_norm(y, (D,), weights[f"{name}.weight"], 0.1)

    y = x
    for name, layer in (("attention", block.attention), ("ffn", block.ffn)):
        if placement == "pre":
            y = y + layer(norm(y, f"{name}_norm"))
        elif placement == "post":
            y = norm(y + layer(y), f"{name}_norm")
        elif placement == "sandwich":
            y = y + norm(layer(norm(y, f"{name}_norm")), f"{name}_out_norm")
        else:
            y = y + norm(layer(y), f"{name}_out_norm")
    assert_close(block(x), y)


@PLACEMENTS
def test_the_last_norm_is_missing_where_the_stream_is_normalised(placement):
    model = build(replace(MODERN, norm_placement=placement))
    assert ("norm.weight" in model.state_dict()) == (placement != "post")
    hidden = model.hidden(text())
    weight = model.blocks[-1].ffn_norm.weight if placement == "post" else model.norm.weight
    assert_close((hidden / weight).square().mean(-1), torch.ones(3, 7).double(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("placement", ["sandwich", "reordered"])
def test_norms_after_layers_bound_what_is_added(placement):
    """Matrices a million times as large add no more to the stream; under pre-norm they do."""
    x, added = stream(), {}
    for each in (placement, "pre"):
        block = build(replace(MODERN, norm_placement=each, ffn="relu")).blocks[0]
        small = (block(x) - x).norm()
        for part in (block.attention.out, block.ffn.up, block.ffn.down):
            part.weight.data *= 1e6
        added[each] = (block(x) - x).norm() / small
    assert added[placement] < 2 and added["pre"] > 1e6


def test_without_norms_nothing_is_normalised():
    model = build(replace(MODERN, norm="none"))
    assert not any("norm" in name for name in model.state_dict())
    block, x = model.blocks[0], stream()
    y = x + block.attention(x)
    assert_close(block(x), y + block.ffn(y))
    assert torch.equal(model.norm(x), x)


def test_a_parallel_block_has_one_norm_that_both_layers_read():
    model = build(replace(MODERN, parallel=True, norm_eps=0.1))
    block, x = model.blocks[0], stream()
    assert not any("ffn_norm" in name for name in model.state_dict())
    normed = F.rms_norm(x, (D,), block.attention_norm.weight, 0.1)
    assert_close(block(x), x + block.attention(normed) + block.ffn(normed))
