"""What belongs to the layer and not to attention itself: the gate, biases, the scale."""

from dataclasses import replace

import torch
from torch.testing import assert_close
from variants import MODERN, D, build, stream

from lib.model.attention import attention


def layer(**choices):
    return build(replace(MODERN, **choices)).blocks[0].attention


def test_the_gate_lets_through_what_its_sigmoid_says():
    part, x = layer(attention_gate=True, bias=True), stream()
    mixed = attention(*part.queries_keys_values(x)).flatten(2)
    gate = 1 / (1 + torch.exp(-(x @ part.gate.weight.T + part.gate.bias)))
    expected = (gate * mixed) @ part.out.weight.T + part.out.bias
    assert_close(part(x), expected)


def test_a_gate_of_zeros_lets_half_through_and_a_closed_one_nothing():
    free, gated, x = layer(), layer(attention_gate=True), stream()
    gated.load_state_dict(free.state_dict() | {"gate.weight": torch.zeros(24, D)})
    assert_close(gated(x), free(x) / 2)
    closed = layer(attention_gate=True, bias=True)
    torch.nn.init.constant_(closed.gate.bias, -1e4)
    assert_close(closed(x), closed.out.bias.expand(2, 5, D))


def test_queries_keys_and_values_may_differ_from_the_rest_in_biases():
    def biased(**choices):
        return {name for name, p in layer(**choices).named_parameters() if name.endswith("bias")}

    of_three = {"query.bias", "key.bias", "value.bias"}
    assert biased() == set()
    assert biased(qkv_bias=True) == of_three  # as in Qwen 2
    assert biased(bias=True) == of_three | {"out.bias"}
    assert biased(bias=True, qkv_bias=False, attention_gate=True) == {"out.bias", "gate.bias"}
    part, x = layer(qkv_bias=True), stream()
    _, k, _ = part.queries_keys_values(x)
    assert_close(k.flatten(2), x @ part.key.weight.T + part.key.bias)


def test_the_scale_of_the_scores():
    x = stream()
    assert_close(layer(attention_scale=6**-0.5)(x), layer()(x))
    part = layer(attention_scale=0.3)
    q, k, v = part.queries_keys_values(x)
    expected = part.out(attention(q * 0.3 * 6**0.5, k, v).flatten(2))
    for way in ("plain", "sdpa", "blocked"):
        assert_close(layer(attention_scale=0.3, attention=way)(x), expected)
