"""A block in words: what a config says is what the parts say."""

import pytest

from lib.model.config import ModelConfig
from lib.notebook.block_parts import (
    attention_parts,
    ffn_parts,
    heads_name,
    in_words,
    input_part,
    output_part,
    span,
)


def config(**choices) -> ModelConfig:
    shape = {"vocab_size": 1009, "context": 64, "n_layers": 3, "width": 24, "n_heads": 6}
    return ModelConfig(**(shape | choices))


@pytest.mark.parametrize(("n_kv_heads", "name"), [(6, "MHA"), (3, "GQA"), (1, "MQA")])
def test_heads_are_named_by_their_sharing(n_kv_heads, name):
    ours = config(n_kv_heads=n_kv_heads)
    assert heads_name(ours) == name
    assert attention_parts(ours)[0].heads == (6, n_kv_heads, 4)


def test_every_choice_of_attention_has_its_part():
    plain = [part.name for part in attention_parts(config(positions="none"))]
    assert plain == ["MHA", "softmax(Q Kᵀ) V", "output projection"]
    full = config(qk_norm="all", attention_gate=True, rope_fraction=0.5, qkv_bias=True)
    names = [part.name for part in attention_parts(full)]
    assert names[1:3] == ["QK-norm: RMSNorm", "RoPE, θ = 10,000"]
    assert names[4] == "gate: × sigmoid(W x)"
    assert attention_parts(full)[2].detail == "turn Q and K, of 2 of 4 coordinates"
    assert attention_parts(full)[0].detail.endswith("+ bias")


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({}, "causal, all keys before"),
        ({"window": 5}, "causal, the last 5 keys"),
        ({"window": 5, "window_pattern": "WWF"}, "the last 5 keys in 2 of 3 layers"),
        ({"window": 5, "window_pattern": "F"}, "causal, all keys before"),
    ],
)
def test_the_span_of_attention(choices, words):
    assert span(config(**choices)) == words


@pytest.mark.parametrize(
    ("ffn", "name", "matrices"),
    [
        ("swiglu", "SwiGLU: SiLU(gate x) · up x", "2 matrices, D → 64"),
        ("geglu_tanh", "GeGLU: GELU(gate x) · up x", "2 matrices, D → 64, tanh form"),
        ("relu2", "ReLU²(up x)", "1 matrix, D → 96"),
    ],
)
def test_feed_forward(ffn, name, matrices):
    first, second = ffn_parts(config(ffn=ffn))
    assert (first.name, first.detail, second.name) == (name, matrices, "down")


def test_both_ends_of_the_stream():
    ours = config(positions="learned", tied=True, output_softcap=30.0, embedding_scale=2.0)
    assert input_part(ours).detail == "1,009 × 24\nlearned positions added\ntimes 2"
    assert output_part(ours).detail.endswith("same table as the embedding\nlogits capped at ±30")


def test_in_words():
    said = in_words(config(n_kv_heads=2, norm_placement="reordered", attention_softcap=50.0))
    assert said == (
        "3 decoder blocks of width 24. RMSNorm, after each sublayer, off the stream. Attention: 6 "
        "query heads in 2 groups that share keys and values; RoPE; causal, all keys before; scores "
        "capped at 50. Feed-forward: SwiGLU of width 64."
    )
