"""Activations: the formula against what torch saves for the decoder of lib/model."""

from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from lib.model.choices import FFN
from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.tensors.activations import WIDE, activations, layer_activations, output_activations
from lib.tensors.held import saved_bytes
from lib.tensors.memory import training_memory

B, T, V = 3, 40, 101
IDS = torch.arange(B * T).reshape(B, T) % V
TO_TARGETS = 4  # the loss keeps the sum of its weights


def make(n_layers=3, **choices):
    sizes = {"width": 48, "n_heads": 6, "n_kv_heads": 2, "head_width": 10, "ff_width": 112}
    return ModelConfig(**{"vocab_size": V, "context": T, "n_layers": n_layers, **sizes, **choices})


def left_out(config):
    """Ids, and the angles of RoPE or the positions that were looked up."""
    positions = {"learned": 8 * T, "rope": 4 * T * config.turned_width}.get(config.positions, 0)
    return 8 * B * T + positions + TO_TARGETS


def loss(model):
    return F.cross_entropy(model(IDS).float().flatten(0, 1), IDS.flatten())


@pytest.mark.parametrize("attention", ["plain", "sdpa", "blocked"])
@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"n_kv_heads": 6},
        {"ffn": "gelu", "norm": "layer", "positions": "learned", "bias": True},
        {"compute_dtype": "bfloat16"},
        {"dtype": "bfloat16"},
        {"norm_placement": "sandwich", "norm_offset": True, "ffn": "geglu_tanh"},
        {"norm_placement": "reordered", "qk_norm": "all", "ffn": "relu"},
        {"norm_placement": "post", "qk_norm": "head", "ffn": "relu2"},
        {"parallel": True, "ffn": "reglu", "rope_fraction": 0.4},
        {"norm": "none", "ffn": "silu", "positions": "none", "attention_gate": True},
        {"window": 7, "window_pattern": "WF", "output_softcap": 3.0},
        {"window": T, "compute_dtype": "bfloat16", "ffn": "geglu"},
    ],
    ids=lambda choices: "-".join(map(str, choices.values())) or "default",
)
def test_every_byte_is_foreseen(attention, choices):
    config = make(attention=attention, **choices)
    model = Transformer(config)
    predicted = sum(activations(config, B, T).values())
    assert saved_bytes(lambda: loss(model)) == predicted + left_out(config)


@pytest.mark.parametrize("attention", ["plain", "blocked"])
@pytest.mark.parametrize("choices", [{"attention_softcap": 3.0}, {"positions": "alibi"}])
def test_what_pytorchs_attention_does_not_have(attention, choices):
    config = make(attention=attention, **choices)
    model = Transformer(config)
    predicted = sum(activations(config, B, T).values())
    assert saved_bytes(lambda: loss(model)) == predicted + left_out(config)


def test_what_has_no_formula():
    with pytest.raises(ValueError, match="with ALiBi depends on the kernel"):
        activations(make(positions="alibi", attention="sdpa"), B, T)


def test_every_feed_forward_layer_has_a_number():
    assert WIDE.keys() == set(get_args(FFN))


def test_one_layer_by_hand():
    """Width 2, one head of width 2, a feed-forward layer of width 3; one sequence of 5 tokens."""
    config = make(width=2, n_heads=1, n_kv_heads=1, head_width=2, ff_width=3)
    assert layer_activations(config, 1, 5) == {
        "norms": 2 * 5 * (2 + 2 + 2 + 1) * 4,
        "queries, keys, values": 5 * 3 * 2 * 4,
        "attention weights": 5 * 5 * 4 + 5 * 5,
        "attention output": 5 * 2 * 4,
        "feed-forward": 5 * 4 * 3 * 4,
        "weights, cast": 0,
    }


def test_recomputation_keeps_the_inputs_of_layers():
    config = make(n_layers=5, attention="sdpa")
    model = Transformer(config)

    def two_by_two():
        x, turn = model.embed(IDS, torch.arange(T))
        for start in (0, 2, 4):
            segment = model.blocks[start : start + 2]
            x = checkpoint(through, segment, x, turn, use_reentrant=False)
        logits = model.logits(model.norm(x))
        return F.cross_entropy(logits.flatten(0, 1), IDS.flatten())

    def through(segment, x, turn):
        for block in segment:
            x = block(x, turn)
        return x

    inputs = activations(config, B, T, recompute_every=2)["inputs of layers"]
    assert inputs == 3 * B * T * 48 * 4
    kept = inputs + sum(output_activations(config, B, T).values())
    ids = 8 * B * T  # the angles of RoPE travel in a tuple, out of the graph's sight
    assert saved_bytes(two_by_two) == kept + ids + TO_TARGETS


def test_recomputation_needs_one_segment_at_a_time():
    config = make(n_layers=9)
    stream = B * T * 48 * 4
    layer = sum(layer_activations(config, B, T).values())
    for k, n_inputs in ((1, 9), (2, 5), (3, 3), (4, 3), (9, 1)):
        held = sum(activations(config, B, T, recompute_every=k).values())
        assert held == n_inputs * stream + k * layer


def test_a_whole_training_memory():
    config = make()
    parts = training_memory(1000, "fp32 momentum", config, B, T, recompute_every=2)
    assert parts.pop("activations") == sum(activations(config, B, T, recompute_every=2).values())
    assert list(parts.values()) == [4000, 4000, 4000, 0]


def test_the_output_may_be_what_fills_the_memory():
    config = make(n_layers=4, vocab_size=50_000)
    parts = activations(config, B, T, recompute_every=1)
    assert parts["log-probabilities"] == B * T * 50_000 * 4
    assert "feed-forward" not in parts


def test_the_square_root_is_a_good_distance_for_recomputation():
    """If a layer keeps as much as its input takes, k^2 = L is best: L / k inputs and k layers."""
    config = make(n_layers=64, width=100_000, n_heads=1, n_kv_heads=1, head_width=2, ff_width=1)
    held = {k: sum(activations(config, 1, 1, recompute_every=k).values()) for k in range(1, 65)}
    best = min(held, key=held.get)
    layer_over_input = sum(layer_activations(config, 1, 1).values()) / (100_000 * 4)
    assert best == pytest.approx((64 / layer_over_input) ** 0.5, abs=1)
