"""Small models for tests, one of each family of choices; no weight is where it would not show."""

from dataclasses import replace

import torch

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer

V, CONTEXT, L, D = 37, 11, 2, 24
MODERN = ModelConfig(V, CONTEXT, L, D, n_heads=4, n_kv_heads=2, ff_width=40, dtype="float64")
HALVES = replace(MODERN, positions="rope_half", n_kv_heads=1, bias=True)
GPT2 = replace(
    MODERN, norm="layer", positions="learned", ffn="gelu_tanh", bias=True, tied=True, head_width=5
)
# Most of what Gemma 2 and hybrids without positions brought, in one model
HYBRID = replace(
    MODERN,
    norm_placement="sandwich",
    norm_offset=True,
    qk_norm="head",
    rope_fraction=2 / 3,
    rope_scaling=(8.0, 1.0, 4.0, 64),
    ffn="geglu_tanh",
    window=3,
    window_pattern="WF",
    rope_on_full=False,
    attention_gate=True,
    attention_scale=0.3,
    output_softcap=5.0,
    embedding_scale=4.9,
)
OLMO2 = replace(MODERN, norm_placement="reordered", qk_norm="all", ffn="relu2", qkv_bias=True)
ALIBI = replace(
    MODERN, norm="layer", norm_placement="post", positions="alibi", bias=True, ffn="silu", window=4
)
PARALLEL = replace(MODERN, parallel=True, positions="sinusoidal", ffn="reglu")
BARE = replace(MODERN, norm="none", positions="none", ffn="relu")
CONFIGS = {
    "modern": MODERN,
    "halves": HALVES,
    "gpt2": GPT2,
    "hybrid": HYBRID,
    "olmo2": OLMO2,
    "alibi": ALIBI,
    "parallel": PARALLEL,
    "bare": BARE,
}


def build(config, seed=0):
    """With biases and scales away from zero and one, so that leaving one out would show."""
    model = Transformer(config, torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 1:
                p.add_(torch.randn(p.shape, generator=generator), alpha=0.3)
    return model


def text(B=3, T=7, seed=0):
    """Token ids at random."""
    return torch.randint(V, (B, T), generator=torch.Generator().manual_seed(seed))


def stream():
    """What a layer reads: two sequences of five positions, at random."""
    return torch.randn(2, 5, D, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
