"""Sliding windows: brute force, the masks of transformers, and how far layers of them see."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close
from transformers import MistralConfig
from transformers.masking_utils import create_sliding_window_causal_mask
from variants import MODERN, build, text

from lib.model.attention import attention, causal_mask, windowed
from lib.model.config import ModelConfig
from lib.model.fast_attention import attention_blocked, attention_sdpa

WAYS = ["plain", "sdpa", "blocked"]


def test_by_hand():
    assert windowed(None, 4, 4, 2).int().tolist() == [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [0, 1, 1, 0],
        [0, 0, 1, 1],
    ]
    assert windowed(None, 2, 5, 3).int().tolist() == [[0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]
    assert windowed(None, 4, 4, None) is None and windowed(None, 4, 4, 4) is None


@pytest.mark.parametrize(("T", "S"), [(1, 1), (7, 7), (3, 7), (1, 5)])
@pytest.mark.parametrize("window", [1, 2, 5, 6, 9])
def test_brute_force(T, S, window):
    """With more keys than queries, the queries are the last positions."""
    torch.manual_seed(0)
    for mask in (None, torch.rand(T, S) < 0.7, torch.rand(2, T, S) < 0.7):
        found = windowed(mask, T, S, window)
        seen = causal_mask(T, S) if mask is None else mask
        found = seen if found is None else found
        for t in range(T):
            own = S - T + t
            near = [own - window < s for s in range(S)]
            assert torch.equal(found[..., t, :], seen[..., t, :] & torch.tensor(near))


@pytest.mark.parametrize("window", [1, 3, 7])
def test_the_mask_of_mistral(window):
    config = MistralConfig(sliding_window=window)
    config._attn_implementation = "sdpa"
    given = {"inputs_embeds": torch.zeros(1, 9, 4), "attention_mask": None, "past_key_values": None}
    theirs = create_sliding_window_causal_mask(config=config, allow_is_causal_skip=False, **given)
    assert torch.equal(windowed(None, 9, 9, window), theirs[0, 0])


def test_the_pattern_repeats_over_the_layers():
    config = ModelConfig(37, 11, 7, 24, 4, window=5, window_pattern="WWF")
    assert [config.window_of(layer) for layer in range(7)] == [5, 5, None, 5, 5, None, 5]
    assert [config.is_windowed(layer) for layer in range(4)] == [True, True, False, True]
    assert not any(replace(config, window=None).is_windowed(layer) for layer in range(7))
    assert [block.attention.window for block in build(config).blocks] == [
        config.window_of(layer) for layer in range(7)
    ]


@pytest.mark.parametrize("way", WAYS)
def test_a_windowed_model_is_one_with_that_mask(way):
    config, ids = replace(MODERN, attention=way), text()
    mask = windowed(None, 7, 7, 3)
    model = build(replace(config, window=3))
    assert_close(model(ids), build(config)(ids, mask=mask))
    assert_close(model(ids, mask=causal_mask(7)), model(ids))
    assert not torch.allclose(model(ids), build(config)(ids))
    assert_close(build(replace(config, window=7))(ids), build(config)(ids))


@pytest.mark.parametrize("way", [attention, attention_sdpa, attention_blocked])
def test_the_last_queries_alone_see_what_they_saw_among_all(way):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 7, 3, 4, dtype=torch.float64)
    whole = attention(q, k, v, windowed(None, 7, 7, 3))
    for n in (1, 2):
        assert_close(way(q[:, -n:], k, v, windowed(None, n, 7, 3)), whole[:, -n:])


@pytest.mark.parametrize(
    ("n_layers", "window", "pattern", "reached"),
    [(1, 3, "W", 3), (2, 3, "W", 5), (4, 2, "W", 5), (3, 4, "W", 10), (3, 2, "WWF", 13)],
)
def test_how_far_layers_of_windows_see(n_layers, window, pattern, reached):
    """Each layer reaches window - 1 positions further; one full layer reaches everything."""
    T, shape = 13, {"n_layers": n_layers, "window": window, "window_pattern": pattern}
    model = build(replace(MODERN, **shape))
    x, turn = model.embed(text(1, T), torch.arange(T))
    x = x.detach().requires_grad_()
    out = x
    for block in model.blocks:
        out = block(out, turn)
    out[0, -1].sum().backward()
    influence = x.grad[0].abs().amax(dim=-1) > 0
    assert influence.tolist() == [False] * (T - reached) + [True] * reached


@pytest.mark.parametrize("positions", ["rope", "rope_half", "alibi"])
def test_layers_with_full_attention_can_go_without_positions(positions):
    """Hybrids as Llama 4: only what is near is told apart by its place."""
    hybrid = {"window": 2, "window_pattern": "WF", "rope_on_full": False, "n_kv_heads": 4}
    model = build(replace(MODERN, positions=positions, **hybrid))
    windowed_layer, full_layer = (block.attention for block in model.blocks)
    x = torch.randn(1, 5, 24, dtype=torch.float64)
    blind = build(replace(MODERN, positions="none", **hybrid))
    _, turn = model.embed(text(1, 5), torch.arange(5))
    bias = -torch.rand(4, 5, 5) if positions == "alibi" else None
    assert_close(full_layer(x, turn, None, bias), blind.blocks[1].attention(x))
    assert not torch.allclose(windowed_layer(x, turn, None, bias), blind.blocks[0].attention(x))
    ids, place = text(), torch.tensor([0, 2, 3, 7, 20, 21, 22])
    assert not torch.allclose(model(ids, place), model(ids))
